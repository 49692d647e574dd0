//! What a template sees, and what its rendering returns.

use super::objects::Relation;
use chrono::NaiveDate;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Settings of one invocation, visible to all templates.
#[derive(Debug, Clone, PartialEq)]
pub struct Invocation {
    /// Name of the project.
    pub project: String,
    /// `invocation_id`.
    pub invocation_id: String,
    /// `run_started_at`, and the start of new snapshot versions: "today" of every model.
    pub batch_date: NaiveDate,
    /// Values for `var(…)`, the project's own included.
    pub vars: Map<String, Json>,
    /// `target.database`.
    pub database: String,
    /// `target.schema`.
    pub schema: String,
    /// Rebuild incremental models.
    pub full_refresh: bool,
}

/// Relations by the arguments of `ref` and `source`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Relations {
    pub(crate) models: BTreeMap<String, Relation>,
    pub(crate) sources: BTreeMap<(String, String), Relation>,
}

/// Context of one template.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    /// For error messages.
    pub(crate) file: String,
    /// Name of the model or test.
    pub(crate) name: String,
    pub(crate) this: Option<Relation>,
    pub(crate) relations: Arc<Relations>,
    /// Settings so far, for `config.get`.
    pub(crate) config: Map<String, Json>,
    /// False while dependencies are captured.
    pub(crate) execute: bool,
    pub(crate) incremental: bool,
}

/// Calls of `ref`, `source` and `config` in a template: in order, without duplicates.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Captured {
    pub(crate) refs: Vec<String>,
    pub(crate) sources: Vec<(String, String)>,
    pub(crate) config: Map<String, Json>,
}

/// A rendered template.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rendered {
    pub(crate) text: String,
    pub(crate) captured: Captured,
}
