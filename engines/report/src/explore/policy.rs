//! The explorer's script, and the policy that lets it run and nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// The bundle of `web/`, with the licence of what is bundled.
pub(crate) const SCRIPT: &str = include_str!("../../web/dist/explore.js");
/// Its style.
pub(crate) const STYLE: &str = include_str!("../../web/dist/explore.css");

/// The page itself and nothing else; of scripts, the one with this hash. A page that is served asks its server.
pub(crate) fn content_security_policy(script: Option<&str>, is_live: bool) -> String {
    let mut policy =
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'".to_owned();
    if let Some(script) = script {
        policy.push_str(&format!(
            "; script-src 'sha256-{}'",
            STANDARD.encode(Sha256::digest(script))
        ));
    }
    if is_live {
        policy.push_str("; connect-src 'self'");
    }
    policy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_the_script_by_its_hash() {
        // printf 'alert(1)' | openssl dgst -sha256 -binary | base64
        let hash = "script-src 'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='";
        assert!(content_security_policy(Some("alert(1)"), false).ends_with(hash));
        let live = content_security_policy(Some("alert(1)"), true);
        assert!(live.contains(hash) && live.ends_with("; connect-src 'self'"), "{live}");
        assert!(!content_security_policy(None, false).contains("script-src"));
    }

    #[test]
    fn the_bundle_can_stand_in_a_page_and_carries_its_licences() {
        for text in ["</script", "<!--", "http:"] {
            assert!(!SCRIPT.to_lowercase().contains(text), "{text}");
        }
        for text in ["</style", "<!--", "url(", "@import"] {
            assert!(!STYLE.to_lowercase().contains(text), "{text}");
        }
        for text in ["uPlot", "The MIT License", "Copyright (c) 2022 Leon Sorokin"] {
            assert!(SCRIPT.contains(text), "{text}");
        }
    }
}
