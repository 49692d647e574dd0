//! Nodes of a manifest: models, snapshots, seeds, data tests.

use crate::data_tests::TestNode;
use crate::jinja::{Captured, Relation};
use crate::project::config::{Materialization, ModelConfig};
use crate::project::resource::{Patch, ResourceKind};
use serde_json::{Map, Value};

/// A model, snapshot or seed.
#[derive(Debug, Clone)]
pub struct ModelNode {
    pub(crate) resource: ResourceKind,
    pub(crate) config: ModelConfig,
    /// Merged, unvalidated settings, for artifacts.
    pub(crate) settings: Map<String, Value>,
    /// The table or view that it becomes.
    pub relation: Relation,
    pub(crate) patch: Option<Patch>,
}

/// The part of a node that depends on its kind.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Model(Box<ModelNode>),
    Test(Box<TestNode>),
}

/// A model, snapshot, seed or data test.
#[derive(Debug, Clone)]
pub struct Node {
    /// dbt's unique id: `model.<project>.<name>`, `test.<project>.<name>.<hash>`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The file that defines it, relative to the project's folder.
    pub file: String,
    /// Folders and name, the project's name first.
    pub(crate) fqn: Vec<String>,
    pub(crate) raw_code: String,
    /// Its tags.
    pub tags: Vec<String>,
    pub(crate) captured: Captured,
    /// Ids of models and sources, in the order of the calls.
    pub(crate) depends_on: Vec<String>,
    pub(crate) kind: Kind,
}

impl Node {
    /// The model, snapshot or seed; `None` for a data test.
    #[must_use]
    pub fn model(&self) -> Option<&ModelNode> {
        match &self.kind {
            Kind::Model(model) => Some(model),
            Kind::Test(_) => None,
        }
    }

    /// The data test; `None` for a model, snapshot or seed.
    #[must_use]
    pub fn test(&self) -> Option<&TestNode> {
        match &self.kind {
            Kind::Test(test) => Some(test),
            Kind::Model(_) => None,
        }
    }

    /// `model`, `snapshot`, `seed` or `test`, as in ids and artifacts.
    #[must_use]
    pub fn resource_type(&self) -> &'static str {
        self.model().map_or("test", |model| model.resource.name())
    }

    /// Path of the compiled SQL relative to a target folder: the node's file, or a file in a folder of that name if several
    /// nodes share it.
    #[must_use]
    pub fn compiled_path(&self) -> String {
        if self.test().is_some_and(|test| test.generic.is_some()) {
            format!("{}/{}.sql", self.file, self.name)
        } else if self.file.ends_with(".sql") {
            self.file.clone()
        } else {
            format!("{}/{}.sql", self.file, self.name)
        }
    }

    /// Whether it is a seed.
    #[must_use]
    pub fn is_seed(&self) -> bool {
        self.model().is_some_and(|model| model.resource == ResourceKind::Seed)
    }

    /// Whether it is an ephemeral model.
    #[must_use]
    pub fn is_ephemeral(&self) -> bool {
        self.model()
            .is_some_and(|model| model.config.materialization == Materialization::Ephemeral)
    }
}

pub(crate) fn resource_id(kind: ResourceKind, project: &str, name: &str) -> String {
    format!("{}.{project}.{name}", kind.name())
}

pub(crate) fn source_id(project: &str, source: &str, table: &str) -> String {
    format!("source.{project}.{source}.{table}")
}

/// The fully qualified name, with the project's name first.
pub(crate) fn fqn(project: &str, rest: &[String]) -> Vec<String> {
    std::iter::once(project.to_owned())
        .chain(rest.iter().cloned())
        .collect()
}
