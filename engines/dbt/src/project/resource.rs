//! What a project consists of: templates, models, snapshots, seeds, sources.

use super::freshness::Freshness;
use super::yaml::NodeProperties;
use crate::project_file::ProjectFile;

/// A file that contains a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TemplateFile {
    /// Relative to the project's folder.
    pub(crate) path: String,
    /// File name without its extension.
    pub(crate) name: String,
    /// Folders below the model or test path, then the name: dbt's "fully qualified name" without the project.
    pub(crate) fqn: Vec<String>,
    pub(crate) text: String,
}

impl TemplateFile {
    /// `inner` is the path relative to the model, test, … path.
    pub(super) fn new(file: &ProjectFile, inner: &str) -> Self {
        let stem = inner.rsplit_once('.').map_or(inner, |(stem, _)| stem);
        let fqn: Vec<_> = stem.split('/').map(str::to_owned).collect();
        Self {
            path: file.path.clone(),
            name: fqn.last().cloned().unwrap_or_default(),
            fqn,
            text: file.text.clone(),
        }
    }
}

/// Kind of a node that `ref` can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResourceKind {
    Model,
    /// Versions of a query's rows.
    Snapshot,
    /// A CSV file.
    Seed,
}

impl ResourceKind {
    /// As in ids, artifacts and selections.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Snapshot => "snapshot",
            Self::Seed => "seed",
        }
    }
}

/// A model, snapshot or seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resource {
    pub(crate) kind: ResourceKind,
    pub(crate) template: TemplateFile,
}

/// Properties of a node, and the file that holds them.
#[derive(Debug, Clone)]
pub(crate) struct Patch {
    pub(crate) file: String,
    pub(crate) properties: NodeProperties,
}

/// A table of a source.
#[derive(Debug, Clone)]
pub(crate) struct SourceTable {
    pub(crate) source: String,
    pub(crate) source_description: String,
    pub(crate) schema: String,
    pub(crate) identifier: String,
    pub(crate) freshness: Option<Freshness>,
    pub(crate) patch: Patch,
}
