//! The language of the templates: Jinja with what dbt gives to a template.
//!
//! A template is rendered twice, as in dbt: once to learn what it configures and depends on (`execute` is false, nothing
//! is known about the warehouse), once for real. Both times it sees the same macros and functions; what it asked for
//! comes back with the text. Pure: no I/O but environment variables that a template asks for.

mod context;
mod library;
mod objects;

pub(crate) use context::DBT_VERSION;
pub(crate) use library::MacroLibrary;
pub(crate) use objects::Relation;

use crate::error::ProjectError;
use chrono::NaiveDate;
use minijinja::{Environment, UndefinedBehavior};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What all templates of a build see.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Invocation {
    pub(crate) project: String,
    pub(crate) invocation_id: String,
    pub(crate) batch_date: NaiveDate,
    pub(crate) vars: Map<String, Json>,
    pub(crate) database: String,
    pub(crate) schema: String,
    pub(crate) full_refresh: bool,
}

/// Relations by what `ref` and `source` name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Relations {
    pub(crate) models: BTreeMap<String, Relation>,
    pub(crate) sources: BTreeMap<(String, String), Relation>,
}

/// What one template sees.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    /// For error messages.
    pub(crate) file: String,
    /// Name of the model or test.
    pub(crate) name: String,
    pub(crate) this: Option<Relation>,
    pub(crate) relations: Arc<Relations>,
    /// What is configured already, for `config.get`.
    pub(crate) config: Map<String, Json>,
    /// False while dependencies are collected.
    pub(crate) execute: bool,
    pub(crate) incremental: bool,
}

/// What a template asked for, in order and once each.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Asked {
    pub(crate) refs: Vec<String>,
    pub(crate) sources: Vec<(String, String)>,
    pub(crate) config: Map<String, Json>,
}

/// A rendered template.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rendered {
    pub(crate) text: String,
    pub(crate) asked: Asked,
}

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
    /// Names file, line and what is wrong.
    pub(crate) fn render(&self, scope: &Scope, text: &str) -> Result<Rendered, ProjectError> {
        let asked = Arc::new(Mutex::new(Asked::default()));
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        // By default the extension decides, and values in a `.yml` would become JSON.
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_recursion_limit(200);
        let prelude = self.library.prelude(text);
        context::install(&mut environment, &self.invocation, &prelude.names, scope, &asked);
        let combined = format!("{}{text}", prelude.text);
        let rendered = environment.render_named_str(&scope.file, &combined, ());
        let rendered = rendered.map_err(|error| explain(&prelude, scope, &error))?;
        let text = rendered.split_once(library::BEGIN).map_or("", |(_, text)| text);
        let asked = asked.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Rendered {
            text: text.trim().to_owned(),
            asked,
        })
    }
}

/// What went wrong, and in which line of which file: a template's own or a macro's.
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
