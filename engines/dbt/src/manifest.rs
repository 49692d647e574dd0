//! Manifest: every node of a project with its configuration, dependencies and SQL. No I/O.

mod ctes;
mod node;

pub(crate) use node::{Kind, fqn, resource_id, source_id};
pub use node::{ModelNode, Node};

use crate::error::ProjectError;
use crate::jinja::{Captured, Engine, Invocation, Relations, Rendered, Scope};
use crate::project::resource::SourceTable;
use ctes::with_ctes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A parsed project: every node with its configuration and dependencies.
#[derive(Debug, Clone)]
pub struct Manifest {
    pub(crate) engine: Engine,
    /// Enabled nodes by id.
    pub nodes: BTreeMap<String, Node>,
    /// Source tables by id: `source.<project>.<source>.<table>`.
    pub(crate) sources: BTreeMap<String, SourceTable>,
    pub(crate) relations: Arc<Relations>,
    /// Ids by the name that `ref` takes.
    pub(crate) ids: BTreeMap<String, String>,
}

impl Manifest {
    /// The node that `ref` resolves a name to.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&Node> {
        self.nodes.get(self.ids.get(name)?)
    }

    /// Settings of the invocation that it was parsed for.
    #[must_use]
    pub fn invocation(&self) -> &Invocation {
        &self.engine.invocation
    }

    /// The schemas of all relations, sorted: models, and stored failures of tests.
    pub(crate) fn schemas(&self) -> Vec<&str> {
        let schemas: BTreeSet<_> = self
            .nodes
            .values()
            .filter_map(|node| match &node.kind {
                Kind::Model(model) => Some(model.relation.schema.as_str()),
                Kind::Test(test) => Some(test.stored_in.as_ref()?.schema.as_str()),
            })
            .collect();
        schemas.into_iter().collect()
    }

    /// The SQL of a node; of a seed, its CSV text. `incremental`: `is_incremental()` is true.
    ///
    /// # Errors
    /// A template is wrong, or depends on a node only while it is compiled.
    pub fn compile(&self, node: &Node, incremental: bool) -> Result<String, ProjectError> {
        if node.is_seed() {
            return Ok(node.raw_code.clone());
        }
        let rendered = self.render(node, &node.raw_code, incremental)?;
        if let Some(name) = rendered
            .captured
            .refs
            .iter()
            .find(|name| !node.captured.refs.contains(name))
        {
            // As in dbt: otherwise the node might be built before its parent.
            let problem = format!(
                "ref('{name}') stands in a block that is left out while dependencies are collected: add a line \
                 -- depends_on: {{{{ ref('{name}') }}}}"
            );
            return Err(ProjectError::new(&node.file, problem));
        }
        let mut ctes = Vec::new();
        let mut visiting = Vec::new();
        self.collect_ctes(&rendered.captured, &mut ctes, &mut visiting)?;
        Ok(with_ctes(&rendered.text, &ctes))
    }

    /// Renders a template in the context of a node, e.g. a hook of a model.
    pub(crate) fn render(&self, node: &Node, text: &str, incremental: bool) -> Result<Rendered, ProjectError> {
        let scope = Scope {
            file: node.file.clone(),
            name: node.name.clone(),
            this: node.model().map(|model| model.relation.clone()),
            relations: Arc::clone(&self.relations),
            config: node.model().map(|model| model.settings.clone()).unwrap_or_default(),
            execute: true,
            incremental,
        };
        self.engine.render(&scope, text)
    }

    /// The ephemeral models that a template depends on, parents first.
    fn collect_ctes(
        &self,
        captured: &Captured,
        ctes: &mut Vec<(String, String)>,
        visiting: &mut Vec<String>,
    ) -> Result<(), ProjectError> {
        for name in &captured.refs {
            let Some(node) = self.by_name(name).filter(|node| node.is_ephemeral()) else {
                continue;
            };
            let id = node.id.clone();
            let Some(model) = node.model() else { continue };
            let cte = model.relation.cte();
            if ctes.iter().any(|(known, _)| *known == cte) {
                continue;
            }
            if visiting.contains(&id) {
                return Err(ProjectError::new(
                    &node.file,
                    "selects from itself, by way of other ephemeral models",
                ));
            }
            visiting.push(id);
            let rendered = self.render(node, &node.raw_code, false)?;
            self.collect_ctes(&rendered.captured, ctes, visiting)?;
            visiting.pop();
            ctes.push((cte, rendered.text));
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests;
