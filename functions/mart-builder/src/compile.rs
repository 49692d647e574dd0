//! Compiles a dbt project without a warehouse, with the settings of a build. No I/O.

use crate::invocation;
use crate::run::build::rows;
use cardlake_aws::data_api::ResultSet;
use cardlake_dbt::{ColumnTypes, CompiledProject, DbtError, Project, ProjectFile, Selection};
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

/// The query of the columns of a warehouse, for [`documentation`].
pub const COLUMNS: &str = ColumnTypes::QUERY;

/// The documentation of a project.
#[derive(Debug, Clone)]
pub struct Documentation {
    /// The project's name.
    pub name: String,
    /// A self-contained HTML page.
    pub page: String,
}

/// Documents a project; `columns` are the rows of [`COLUMNS`], if there is a warehouse.
///
/// # Errors
/// The project is wrong; a project error names file and line.
pub fn documentation(
    files: &[ProjectFile],
    batch_date: NaiveDate,
    columns: Option<ResultSet>,
) -> Result<Documentation, DbtError> {
    let project = Project::load(files)?;
    let invocation = invocation::without_warehouse(&project, batch_date, &Map::new());
    let types = columns.map_or_else(ColumnTypes::default, |columns| ColumnTypes::new(&rows(columns)));
    let page = cardlake_dbt::documentation(&project, invocation, &types)?;
    Ok(Documentation {
        name: project.name,
        page,
    })
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
