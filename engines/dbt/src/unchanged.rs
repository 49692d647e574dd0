//! State-aware builds: the nodes that need not run again, because neither their code nor the versions of their inputs
//! have changed since they last ran. No I/O.
//!
//! The *code* of a node is its compiled SQL, hooks and configuration, so that a variable (the batch date among them) is part
//! of it. The *version* of an input is, for a source, what the caller knows of it; for a table, the build that last
//! wrote it; for a view or an ephemeral model, its code and the versions of its own inputs. A node whose SQL reads the
//! clock, a random number, or a relation that it does not name with `ref` or `source` has no fingerprint and always runs.
//!
//! The caller keeps [`Built`] between builds, and has to make sure of two things: that it belongs to the warehouse at hand,
//! and that [`Built::without`] is stored before the first statement of a build, since a build that is killed leaves
//! relations of an unknown content.

mod inputs;

use crate::graph::Graph;
use crate::manifest::{Kind, Manifest, Node};
use crate::materialize::{Existing, catalog};
use crate::node_state::{NodeState, NodeStates, Status};
use crate::project::config::Materialization;
use crate::schedule::Schedule;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Versions of source tables by `schema.name`, in lower case. A table that is missing has an unknown version: what reads it
/// always runs.
pub type SourceVersions = BTreeMap<String, String>;

/// What builds have left in the warehouse, by the code and inputs that it was made from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Built {
    /// Models, snapshots and seeds by `schema.name`, in lower case.
    relations: BTreeMap<String, BuiltRelation>,
    /// Data tests that passed or warned, by id.
    tests: BTreeMap<String, BuiltTest>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BuiltRelation {
    /// Hash of its code.
    code: String,
    /// Hash of its code and its inputs' versions; `None`: it always runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    /// The build that wrote it.
    version: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BuiltTest {
    fingerprint: String,
    /// Of a test that warned: its finding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
    #[serde(default)]
    failures: u64,
}

impl Built {
    /// Without the nodes that a build is about to run.
    #[must_use]
    pub fn without(mut self, manifest: &Manifest, states: &NodeStates) -> Self {
        for (id, _) in states.iter().filter(|(_, state)| state.status == Status::Pending) {
            match manifest.nodes.get(id).map(|node| &node.kind) {
                Some(Kind::Model(_)) => {
                    if let Some(key) = manifest.nodes.get(id).and_then(relation_key) {
                        self.relations.remove(&key);
                    }
                }
                Some(Kind::Test(_)) | None => {
                    self.tests.remove(id);
                }
            }
        }
        self
    }
}

impl Schedule<'_> {
    /// Marks the pending nodes that need not run. A test that warned keeps its warning.
    pub fn skip_unchanged(&self, states: &mut NodeStates, built: &Built, sources: &SourceVersions) {
        let nodes = parents_first(self.manifest, self.graph, states);
        let mut skipped = BTreeMap::new();
        let mut versions = Versions::new(self.manifest, built, sources, None);
        for node in nodes.iter().copied() {
            let state = self.unchanged(node, states, &mut versions, built);
            versions.decided(&node.id, state.is_some());
            if let Some(state) = state {
                skipped.insert(node.id.clone(), state);
            }
        }
        // Its readers wait for an ephemeral model, and it for what it reads in turn.
        for node in nodes.iter().filter(|node| node.is_ephemeral()) {
            let mut waits = self.graph.waits_for.get(&node.id).into_iter().flatten();
            let runs = |id: &String| {
                let state = states.get(id).is_some_and(|state| state.status == Status::Pending);
                state && !skipped.contains_key(id)
            };
            if waits.any(runs) {
                skipped.remove(&node.id);
            }
        }
        states.extend(skipped);
    }

    /// The state of a node that need not run; `None`: it runs.
    fn unchanged<'n>(
        &self,
        node: &'n Node,
        states: &NodeStates,
        versions: &mut Versions<'n>,
        built: &Built,
    ) -> Option<NodeState> {
        states.get(&node.id).filter(|state| state.status == Status::Pending)?;
        let (warning, failures) = match &node.kind {
            Kind::Model(model) => {
                if !node.is_ephemeral() {
                    let key = relation_key(node)?;
                    let is_view = model.config.materialization == Materialization::View;
                    let exists = |existing: &Existing| existing.is_view == is_view;
                    self.existing.get(&key).filter(|existing| exists(existing))?;
                    let known = built.relations.get(&key)?;
                    (versions.fingerprint(node)? == *known.fingerprint.as_ref()?).then_some(())?;
                }
                (None, None)
            }
            Kind::Test(test) => {
                if let Some(table) = &test.stored_in {
                    let key = catalog::key(&table.schema, &table.identifier).to_lowercase();
                    self.existing.get(&key)?;
                }
                let known = built.tests.get(&node.id)?;
                (versions.fingerprint(node)? == known.fingerprint).then_some(())?;
                (known.warning.clone(), Some(known.failures))
            }
        };
        Some(NodeState {
            status: if warning.is_some() {
                Status::Warn
            } else {
                Status::Unchanged
            },
            message: Some(warning.unwrap_or_else(|| UNCHANGED.to_owned())),
            failures,
            ..NodeState::pending()
        })
    }

    /// What is in the warehouse after a build without failures. `before`: what was left of the last one, see
    /// [`Built::without`]; `build`: identifies this build among all.
    #[must_use]
    pub fn built(&self, states: &NodeStates, before: &Built, sources: &SourceVersions, build: &str) -> Built {
        let mut after = before.clone();
        let mut versions = Versions::new(self.manifest, before, sources, Some(build));
        for node in parents_first(self.manifest, self.graph, states) {
            let state = &states[&node.id];
            versions.decided(&node.id, state.status == Status::Unchanged);
            if !matches!(state.status, Status::Success | Status::Pass | Status::Warn) {
                continue;
            }
            let fingerprint = versions.fingerprint(node);
            match (&node.kind, relation_key(node), fingerprint) {
                (Kind::Model(_), Some(key), fingerprint) => {
                    let relation = BuiltRelation {
                        code: versions.code(node).unwrap_or_default(),
                        fingerprint,
                        version: build.to_owned(),
                    };
                    after.relations.insert(key, relation);
                }
                (Kind::Test(_), _, Some(fingerprint)) => {
                    let test = BuiltTest {
                        fingerprint,
                        warning: state.message.clone().filter(|_| state.status == Status::Warn),
                        failures: state.failures.unwrap_or_default(),
                    };
                    after.tests.insert(node.id.clone(), test);
                }
                _ => {}
            }
        }
        after
    }
}

/// Message of a node that was not run.
const UNCHANGED: &str = "neither its SQL nor its inputs have changed since it last ran";

/// The nodes of a build, models before what reads them, tests last.
fn parents_first<'a>(manifest: &'a Manifest, graph: &Graph, states: &NodeStates) -> Vec<&'a Node> {
    let mut nodes: Vec<&Node> = states.keys().filter_map(|id| manifest.nodes.get(id)).collect();
    // A node has more ancestors than each of its parents.
    nodes.sort_by_cached_key(|node| {
        (
            node.test().is_some(),
            graph.ancestors(&node.id).count(),
            node.id.clone(),
        )
    });
    nodes
}

fn relation_key(node: &Node) -> Option<String> {
    let model = node.model().filter(|_| !node.is_ephemeral())?;
    Some(catalog::key(&model.relation.schema, &model.relation.identifier).to_lowercase())
}

/// Versions of nodes and sources within one build.
struct Versions<'a> {
    manifest: &'a Manifest,
    built: &'a Built,
    sources: &'a SourceVersions,
    /// The build whose versions the nodes that ran have; `None` before any has run: they have none.
    build: Option<&'a str>,
    /// Whether a node of the build is left as it is.
    decided: BTreeMap<String, bool>,
    codes: BTreeMap<String, Option<String>>,
    versions: BTreeMap<String, Option<String>>,
}

impl<'a> Versions<'a> {
    const fn new(
        manifest: &'a Manifest,
        built: &'a Built,
        sources: &'a SourceVersions,
        build: Option<&'a str>,
    ) -> Self {
        Self {
            manifest,
            built,
            sources,
            build,
            decided: BTreeMap::new(),
            codes: BTreeMap::new(),
            versions: BTreeMap::new(),
        }
    }

    fn decided(&mut self, id: &str, is_unchanged: bool) {
        self.decided.insert(id.to_owned(), is_unchanged);
    }

    /// Hash of a node's code and its inputs' versions; `None`: it always runs.
    fn fingerprint(&mut self, node: &'a Node) -> Option<String> {
        let mut parts = vec![self.code(node)?];
        let parents: BTreeSet<&'a String> = node.depends_on.iter().collect();
        for parent in parents {
            parts.push(format!("{parent} {}", self.version(parent)?));
        }
        Some(hash(&parts))
    }

    fn code(&mut self, node: &Node) -> Option<String> {
        if let Some(code) = self.codes.get(&node.id) {
            return code.clone();
        }
        let code = inputs::code(self.manifest, node).map(|parts| hash(&parts));
        self.codes.insert(node.id.clone(), code.clone());
        code
    }

    /// Version of an input; `None`: it is unknown.
    fn version(&mut self, id: &'a String) -> Option<String> {
        if let Some(version) = self.versions.get(id) {
            return version.clone();
        }
        let version = match self.manifest.nodes.get(id) {
            Some(node) => self.version_of_node(node),
            None => {
                let source = self.manifest.sources.get(id)?;
                let key = catalog::key(&source.schema, &source.identifier).to_lowercase();
                self.sources.get(&key).cloned()
            }
        };
        self.versions.insert(id.clone(), version.clone());
        version
    }

    fn version_of_node(&mut self, node: &'a Node) -> Option<String> {
        let decided = self.decided.get(&node.id).copied();
        let known = relation_key(node).and_then(|key| self.built.relations.get(&key));
        let model = node.model()?;
        match (model.config.materialization, decided) {
            (Materialization::Ephemeral, _) => self.fingerprint(node),
            // Built or about to be: from the code at hand.
            (Materialization::View, Some(_)) => self.fingerprint(node),
            // Left out of this build: the warehouse has it as it was.
            (Materialization::View, None) => {
                let code = self.code(node)?;
                known.filter(|known| known.code == code)?;
                self.fingerprint(node)
            }
            (_, Some(false)) => self.build.map(str::to_owned),
            (_, Some(true) | None) => known.map(|known| known.version.clone()),
        }
    }
}

fn hash(parts: &[String]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hex::encode(&hash.finalize()[..16])
}

#[cfg(test)]
mod tests;
