//! Compiles a dbt project without a warehouse, with the settings of a build. No I/O.

use crate::invocation;
use cardlake_dbt::{CompiledProject, DbtError, Project, ProjectFile, Selection};
use chrono::NaiveDate;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What to compile.
#[derive(Debug, Clone, Default)]
pub struct Request<'a> {
    /// The batch date: the "today" of every model.
    pub batch_date: NaiveDate,
    /// dbt selection; `None`: everything.
    pub select: Option<&'a str>,
    /// dbt selection to leave out; `None`: nothing.
    pub exclude: Option<&'a str>,
    /// Overrides of the project's variables.
    pub vars: Map<String, Value>,
}

/// Compiles a project.
///
/// # Errors
/// The project or the selection is wrong; a project error names file and line.
pub fn compile(files: &[ProjectFile], request: &Request<'_>) -> Result<CompiledProject, DbtError> {
    let project = Project::load(files)?;
    let invocation = invocation::without_warehouse(&project, request.batch_date, &request.vars);
    let selection = Selection {
        select: request.select,
        exclude: request.exclude,
        last_results: BTreeMap::new(),
    };
    cardlake_dbt::compile(&project, invocation, &selection)
}
