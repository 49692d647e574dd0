//! Dependency graph of nodes. No I/O.
//!
//! A model waits for its parents and for the tests of all its ancestors, so that a failed data test keeps the descendants
//! of its model from being built. As in dbt, a test of several models blocks only models that depend on all of them;
//! otherwise there could be cycles.

use crate::error::ProjectError;
use crate::manifest::{Manifest, Node};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Ids of nodes and sources.
pub type Ids = BTreeSet<String>;

/// The dependencies of every node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    /// Ancestors of each node, direct and indirect: models and sources.
    ancestors: BTreeMap<String, Ids>,
    /// Models and tests that must be done before a node, by node.
    pub waits_for: BTreeMap<String, Ids>,
}

impl Graph {
    /// From the dependencies of the nodes.
    ///
    /// # Errors
    /// They form a cycle.
    pub fn new(manifest: &Manifest) -> Result<Self, ProjectError> {
        let mut graph = Self::default();
        for node in manifest.nodes.values() {
            let mut path = Vec::new();
            graph.add_ancestors(manifest, node, &mut path)?;
        }
        let tests: Vec<_> = manifest.nodes.values().filter(|node| node.test().is_some()).collect();
        for node in manifest.nodes.values() {
            let mut waits: Ids = models(manifest, node).map(|parent| parent.id.clone()).collect();
            if node.model().is_some() {
                let above = &graph.ancestors[&node.id];
                let held = tests.iter().filter(|test| blocks(test, above));
                waits.extend(held.map(|test| test.id.clone()));
            }
            graph.waits_for.insert(node.id.clone(), waits);
        }
        Ok(graph)
    }

    fn add_ancestors(&mut self, manifest: &Manifest, node: &Node, path: &mut Vec<String>) -> Result<(), ProjectError> {
        if self.ancestors.contains_key(&node.id) {
            return Ok(());
        }
        if path.contains(&node.id) {
            let problem = format!("the models select from each other in a circle: {}", path.join(" -> "));
            return Err(ProjectError::new(&node.file, problem));
        }
        path.push(node.id.clone());
        let mut found = Ids::new();
        for parent in models(manifest, node) {
            self.add_ancestors(manifest, parent, path)?;
            found.extend(self.ancestors[&parent.id].iter().cloned());
        }
        found.extend(node.depends_on.iter().cloned());
        path.pop();
        self.ancestors.insert(node.id.clone(), found);
        Ok(())
    }

    /// Models and sources that a node depends on, directly or indirectly.
    pub(crate) fn ancestors<'a>(&'a self, id: &str) -> impl Iterator<Item = &'a String> + use<'a> {
        self.ancestors.get(id).into_iter().flatten()
    }

    /// Nodes of `among` that a failure of `id` blocks, through nodes of `among`.
    pub(crate) fn dependants<'a>(&'a self, id: &'a str, among: &'a Ids) -> Ids {
        let mut found = Ids::new();
        let mut queue = VecDeque::from([id]);
        while let Some(next) = queue.pop_front() {
            for candidate in among {
                if self.waits_for[candidate].contains(next) && found.insert(candidate.clone()) {
                    queue.push_back(candidate);
                }
            }
        }
        found
    }
}

/// The parents of a node that are nodes themselves.
fn models<'a>(manifest: &'a Manifest, node: &'a Node) -> impl Iterator<Item = &'a Node> {
    node.depends_on.iter().filter_map(|id| manifest.nodes.get(id))
}

/// Whether a test blocks a model: it depends only on ancestors of the model.
fn blocks(test: &Node, above: &Ids) -> bool {
    !test.depends_on.is_empty() && test.depends_on.iter().all(|id| above.contains(id))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::manifest::tests::manifest;

    pub(crate) const SHOP: [(&str, &str); 6] = [
        ("models/staging/stg.sql", "select * from {{ source('raw', 't') }}"),
        (
            "models/fact.sql",
            "{{ config(tags=['f']) }}select * from {{ ref('stg') }}",
        ),
        ("models/marts/left.sql", "select * from {{ ref('fact') }}"),
        ("models/marts/right.sql", "select * from {{ ref('fact') }}"),
        ("tests/sums.sql", "select * from {{ ref('left') }}, {{ ref('fact') }}"),
        (
            "models/m.yml",
            "models:\n  - {name: fact, columns: [{name: id, data_tests: [unique]}]}\n\
             sources:\n  - {name: raw, tables: [{name: t, columns: [{name: id, data_tests: [unique]}]}]}\n",
        ),
    ];

    fn names(manifest: &Manifest, ids: &Ids) -> Vec<String> {
        ids.iter().map(|id| manifest.nodes[id].name.clone()).collect()
    }

    #[test]
    fn a_model_waits_for_the_tests_above_it_and_a_test_for_its_models() {
        let manifest = manifest(&SHOP).unwrap();
        let graph = Graph::new(&manifest).unwrap();
        let waits = |id: &str| names(&manifest, &graph.waits_for[id]);
        assert_eq!(waits("model.shop.stg"), ["source_unique_raw_t_id"]);
        assert_eq!(waits("model.shop.fact"), ["stg", "source_unique_raw_t_id"]);
        assert_eq!(
            waits("model.shop.right"),
            ["fact", "source_unique_raw_t_id", "unique_fact_id"]
        );
        assert_eq!(waits("test.shop.sums"), ["fact", "left"]);
    }

    #[test]
    fn a_failure_reaches_what_depends_on_it_and_nothing_else() {
        let manifest = manifest(&SHOP).unwrap();
        let graph = Graph::new(&manifest).unwrap();
        let all = manifest.nodes.keys().cloned().collect();
        let reached = |id: &str| names(&manifest, &graph.dependants(id, &all));
        assert_eq!(reached("model.shop.left"), ["sums"]);
        assert_eq!(reached("model.shop.fact"), ["left", "right", "sums", "unique_fact_id"]);
        assert_eq!(reached("test.shop.sums"), [""; 0]);
    }

    #[test]
    fn a_circle_is_refused_with_its_path() {
        let files = [("models/a.sql", "{{ ref('b') }}"), ("models/b.sql", "{{ ref('a') }}")];
        let error = Graph::new(&manifest(&files).unwrap()).unwrap_err().to_string();
        assert!(error.contains("in a circle: model.shop.a -> model.shop.b"), "{error}");
    }
}
