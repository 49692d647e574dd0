//! The first rendering of a template: captures its config and dependencies.

use crate::error::ProjectError;
use crate::jinja::{Captured, Scope};
use crate::manifest::{Manifest, source_id};
use serde_json::{Map, Value};
use std::sync::Arc;

/// The context of a template whose warehouse is unknown.
pub(super) fn capture_scope(manifest: &Manifest, file: &str, name: &str, settings: &Map<String, Value>) -> Scope {
    Scope {
        file: file.to_owned(),
        name: name.to_owned(),
        this: manifest.relations.models.get(name).cloned(),
        relations: Arc::clone(&manifest.relations),
        config: settings.clone(),
        execute: false,
        incremental: false,
    }
}

/// Renders a template without knowledge of the warehouse.
pub(super) fn render_for_capture(
    manifest: &Manifest,
    file: &str,
    name: &str,
    text: &str,
    settings: &Map<String, Value>,
) -> Result<Captured, ProjectError> {
    let scope = capture_scope(manifest, file, name, settings);
    Ok(manifest.engine.render(&scope, text)?.captured)
}

/// Ids of the models and sources that a template depends on.
pub(super) fn dependencies(manifest: &Manifest, captured: &Captured) -> Vec<String> {
    let project = &manifest.engine.invocation.project;
    let models = captured.refs.iter().filter_map(|name| manifest.ids.get(name).cloned());
    let sources = captured.sources.iter();
    models
        .chain(sources.map(|(source, table)| source_id(project, source, table)))
        .collect()
}
