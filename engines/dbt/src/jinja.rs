//! dbt's Jinja: templates with dbt's context, macros and functions.
//!
//! As in dbt, a template is rendered twice: once to capture its config and dependencies (`execute` is false, the warehouse
//! is unknown), once for its SQL. Both renderings see the same macros and functions and return the captured calls along
//! with the text. No I/O except environment variables read by `env_var`.

mod context;
mod library;
mod objects;
mod scope;

pub(crate) use context::DBT_VERSION;
pub(crate) use library::MacroLibrary;
pub use objects::Relation;
pub use scope::Invocation;
pub(crate) use scope::{Captured, Relations, Rendered, Scope};

use crate::error::ProjectError;
use minijinja::{Environment, UndefinedBehavior};
use std::sync::{Arc, Mutex, PoisonError};

/// Renders templates of a project.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    pub(crate) library: Arc<MacroLibrary>,
    pub(crate) invocation: Arc<Invocation>,
}

impl Engine {
    /// Renders a template.
    ///
    /// # Errors
    /// The error names file and line, also those of a macro.
    pub(crate) fn render(&self, scope: &Scope, text: &str) -> Result<Rendered, ProjectError> {
        let captured = Arc::new(Mutex::new(Captured::default()));
        let mut environment = Environment::new();
        // Messages name what was undefined in an optimized build, too.
        environment.set_debug(true);
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        // By default the file extension decides, and values in a `.yml` would be encoded as JSON.
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_recursion_limit(200);
        let prelude = self.library.prelude(text);
        context::install(&mut environment, &self.invocation, &prelude.names, scope, &captured);
        let combined = format!("{}{text}", prelude.text);
        let rendered = environment.render_named_str(&scope.file, &combined, ());
        let rendered = rendered.map_err(|error| explain(&prelude, scope, &error))?;
        let text = rendered.split_once(library::BEGIN).map_or("", |(_, text)| text);
        let captured = captured.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Rendered {
            text: text.trim().to_owned(),
            captured,
        })
    }
}

/// Maps an error to the file and line of the template or macro.
fn explain(prelude: &library::Prelude, scope: &Scope, error: &minijinja::Error) -> ProjectError {
    let line = error.line().map(|line| prelude.origin(&scope.file, line));
    let mut problem = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        problem = format!("{problem}: {cause}");
        source = cause.source();
    }
    let in_macro = line.filter(|(file, _)| *file != scope.file);
    if in_macro.is_some() {
        problem = format!("{problem} (used by {})", scope.file);
    }
    ProjectError {
        file: line.map_or(&*scope.file, |(file, _)| file).to_owned(),
        line: line.and_then(|(_, line)| u32::try_from(line).ok()),
        problem,
    }
}

#[cfg(test)]
mod tests;
