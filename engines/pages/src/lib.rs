//! The common look of self-contained HTML pages. Pure: no I/O, no clock.
//!
//! ```text
//! Page { template, script }.html(context)   the page; its template extends `base.html`
//! content_security_policy(&[script], live)  what a browser may do with it: in the page, and in a server's header
//! ```
//!
//! A page is one file: stylesheet and script are inside it, and it loads nothing. Its template fills the blocks of
//! `base.html` (`title`, `style`, `header`, `main`, `footer`); values are escaped. The stylesheet has the colours as custom
//! properties (light and dark), and the elements that pages share: header, tiles, cards, badges, tables, figures.
//!
//! Guarantee: the policy allows the page's own script by its hash and nothing else to run.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;
use sha2::{Digest, Sha256};

const BASE: &str = include_str!("base.html.j2");
const STYLE: &str = include_str!("style.css");

/// A page cannot be rendered: an internal bug.
#[derive(Debug, thiserror::Error)]
#[error("cannot render a page: {0:#}")]
pub struct PageError(#[from] minijinja::Error);

/// A kind of page.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// A template that extends `base.html`.
    pub template: &'a str,
    /// Runs at the end of the page; empty: the page has none.
    pub script: &'a str,
}

impl Page<'_> {
    /// The page with the variables of its template.
    ///
    /// # Errors
    /// The template cannot be rendered, for one because a variable is missing.
    pub fn html(self, context: impl Serialize) -> Result<String, PageError> {
        self.html_with(environment()?, context)
    }

    /// The same with the filters of an environment that [`environment`] has made.
    ///
    /// # Errors
    /// The template cannot be rendered, for one because a variable is missing.
    pub fn html_with(self, mut environment: Environment<'_>, context: impl Serialize) -> Result<String, PageError> {
        environment.add_global("script", Value::from_safe_string(self.script.to_owned()));
        environment.add_global("policy", content_security_policy(&[self.script], false));
        Ok(environment.render_named_str("page.html", self.template, Serde(context))?)
    }
}

/// An environment that knows `base.html`. An undefined variable is an error.
///
/// # Errors
/// `base.html` cannot be parsed.
pub fn environment() -> Result<Environment<'static>, PageError> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_global("common_style", Value::from_safe_string(STYLE.to_owned()));
    environment.add_template("base.html", BASE)?;
    Ok(environment)
}

/// The value of `Content-Security-Policy` for a page with these scripts (empty ones are none). A page that is `live` may also
/// ask the server that it came from.
#[must_use]
pub fn content_security_policy(scripts: &[&str], live: bool) -> String {
    let mut policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:".to_owned();
    let hashes = scripts.iter().filter(|script| !script.is_empty());
    let hashes: Vec<String> = hashes
        .map(|script| format!(" 'sha256-{}'", STANDARD.encode(Sha256::digest(script))))
        .collect();
    if !hashes.is_empty() {
        policy.push_str("; script-src");
        policy.extend(hashes);
    }
    if live {
        policy.push_str("; connect-src 'self'");
    }
    policy
}

#[cfg(test)]
mod tests {
    use super::*;
    use minijinja::context;

    #[test]
    fn a_page_is_one_file_with_escaped_values_and_its_own_script_alone() {
        let page = Page {
            template: "{% extends 'base.html' %}{% block title %}{{ name }}{% endblock %}{% block main %}{{ name }}{% endblock %}",
            script: "1 < 2",
        };
        let html = page.html(context! { name => "<b>" }).unwrap();
        assert!(html.starts_with("<!doctype html>"));
        assert!(html.contains("<title>&lt;b&gt;</title>"));
        assert!(html.contains("<script>1 < 2</script>"));
        assert!(html.contains("--paper:"), "the stylesheet is in it");
        // printf '1 < 2' | openssl dgst -sha256 -binary | base64
        assert!(
            html.contains("script-src &#x27;sha256-T8Xibs7zV8KTQdRXjpKJTlizX17SudRlddrZKaeFg9E=&#x27;\""),
            "{html}"
        );
    }

    #[test]
    fn a_missing_variable_is_an_error() {
        let page = Page {
            template: "{% extends 'base.html' %}{% block main %}{{ missing }}{% endblock %}",
            script: "",
        };
        assert!(page.html(context! {}).is_err());
    }

    #[test]
    fn a_policy_allows_what_is_named() {
        let nothing = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";
        assert_eq!(content_security_policy(&[""], false), nothing);
        let live = content_security_policy(&["a", "b"], true);
        assert_eq!(live.matches("'sha256-").count(), 2);
        assert!(live.ends_with("; connect-src 'self'"), "{live}");
    }
}
