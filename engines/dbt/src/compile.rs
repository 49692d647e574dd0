//! Compilation without a warehouse: SQL, manifest, documentation, as if no relation existed yet. No I/O.

use crate::artifacts::{Compiled, manifest_json};
use crate::docs;
use crate::error::DbtError;
use crate::graph::Graph;
use crate::jinja::Invocation;
use crate::manifest::Manifest;
use crate::materialize::catalog::ColumnTypes;
use crate::project::Project;
use crate::selection::Selection;
use serde_json::Value;
use std::collections::BTreeMap;

/// A compiled project.
#[derive(Debug, Clone)]
pub struct CompiledProject {
    /// The project's name.
    pub name: String,
    /// SQL of the selected nodes by path; a generic test's path is its properties file followed by its name.
    pub files: BTreeMap<String, String>,
    /// `manifest.json`.
    pub manifest: Value,
    /// The lineage as SVG.
    pub lineage: String,
}

/// The documentation of a project: a self-contained HTML page, with the types of the columns that the warehouse has.
///
/// # Errors
/// The project is wrong; a project error names file and line.
pub fn documentation(project: &Project, invocation: Invocation, types: &ColumnTypes) -> Result<String, DbtError> {
    let manifest = Manifest::parse(project, invocation)?;
    let mut compiled = Compiled::new();
    for node in manifest.nodes.values().filter(|node| !node.is_seed()) {
        compiled.insert(node.id.clone(), manifest.compile(node, false)?);
    }
    Ok(docs::page(&manifest, &compiled, types)?)
}

/// Compiles a project.
///
/// # Errors
/// The project or the selection is wrong; a project error names file and line.
pub fn compile(
    project: &Project,
    invocation: Invocation,
    selection: &Selection<'_>,
) -> Result<CompiledProject, DbtError> {
    let manifest = Manifest::parse(project, invocation)?;
    let graph = Graph::new(&manifest)?;
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
        manifest: manifest_json(&manifest, &compiled),
    })
}
