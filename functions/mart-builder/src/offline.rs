//! What can be had from a dbt project without a warehouse: compiled SQL, the manifest, the documentation page. Pure: no I/O.

use crate::artifacts::{Compiled, manifest_json};
use crate::docs;
use crate::error::MartBuilderError;
use crate::graph::Graph;
use crate::handler::invocation_without_run;
use crate::manifest::Manifest;
use crate::project::Project;
use crate::selection::Selection;
use cardlake_core::assets::Asset;
use chrono::NaiveDate;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What is to be compiled.
#[derive(Debug, Clone, Default)]
pub struct Request<'a> {
    /// The batch date: the "today" of every model.
    pub batch_date: NaiveDate,
    /// dbt-style selection; none: everything.
    pub select: Option<&'a str>,
    /// What the selection leaves out; none: nothing.
    pub exclude: Option<&'a str>,
    /// Variables that have another value than in the project.
    pub vars: Map<String, Value>,
}

/// A project, compiled as for a warehouse in which nothing is there yet.
#[derive(Debug, Clone)]
pub struct CompiledProject {
    /// The project's name.
    pub name: String,
    /// SQL of the selected nodes by path; a generic test's path is the properties file's with the test's name below it.
    pub files: BTreeMap<String, String>,
    /// dbt's `manifest.json`.
    pub manifest: Value,
    /// The documentation: one page of HTML that needs nothing else.
    pub docs: String,
    /// What comes from what, as SVG.
    pub lineage: String,
}

/// Compiles a project.
///
/// # Errors
/// The project or the selection is wrong: the error names file and line.
pub fn compile(files: &[Asset], request: &Request<'_>) -> Result<CompiledProject, MartBuilderError> {
    let project = Project::load(files)?;
    let invocation = invocation_without_run(&project, request.batch_date, &request.vars);
    let manifest = Manifest::new(&project, invocation)?;
    let graph = Graph::new(&manifest)?;
    let selection = Selection {
        select: request.select,
        exclude: request.exclude,
        last_results: BTreeMap::new(),
    };
    let mut compiled = Compiled::new();
    let mut files = BTreeMap::new();
    for id in selection.nodes(&manifest, &graph)? {
        if let Some(node) = manifest.nodes.get(&id).filter(|node| !node.is_seed()) {
            let sql = manifest.compile(node, false)?;
            files.insert(node.compiled_path(), format!("{sql}\n"));
            compiled.insert(id, sql);
        }
    }
    Ok(CompiledProject {
        name: project.name.clone(),
        files,
        lineage: docs::lineage(&manifest)?,
        docs: docs::page(&project, &manifest, &compiled)?,
        manifest: manifest_json(&manifest, &compiled),
    })
}
