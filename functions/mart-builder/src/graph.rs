//! Who waits for whom, and what a selection means. Pure: no I/O.
//!
//! A model waits for the models that it selects from, and for the tests of all models above it: a data test of severity
//! error keeps what depends on its model from being built. As in dbt, a test that looks at several models holds back only
//! models that depend on all of them; otherwise there could be circles.

use crate::error::{MartBuilderError, ProjectError};
use crate::manifest::{Manifest, Node};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

type Ids = BTreeSet<String>;

/// What every node waits for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Graph {
    /// Direct and indirect, models only, by model or test.
    ancestors: BTreeMap<String, Ids>,
    /// Models and tests that have to be done before, by node.
    pub(crate) waits_for: BTreeMap<String, Ids>,
}

impl Graph {
    /// From what the nodes depend on.
    pub(crate) fn new(manifest: &Manifest) -> Result<Self, ProjectError> {
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
                let held = tests.iter().filter(|test| holds_back(manifest, test, above, node));
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
            found.insert(parent.id.clone());
        }
        path.pop();
        self.ancestors.insert(node.id.clone(), found);
        Ok(())
    }

    /// Nodes that a failure of `id` keeps from being done, by way of nodes in `among`.
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

    /// The nodes that a selection names: dbt's syntax, with `+` for everything above or below, a comma for "and", a blank for
    /// "or". Tests of selected models come along.
    ///
    /// # Errors
    /// A part that selects nothing, which is most often a typing mistake.
    pub(crate) fn select(&self, manifest: &Manifest, selection: Option<&str>) -> Result<Ids, MartBuilderError> {
        let Some(selection) = selection.filter(|text| !text.trim().is_empty()) else {
            return Ok(manifest.nodes.keys().cloned().collect());
        };
        let mut selected = Ids::new();
        for part in selection.split_whitespace() {
            let mut union: Option<Ids> = None;
            for criterion in part.split(',') {
                let found = self.matching(manifest, criterion);
                if found.is_empty() {
                    return Err(MartBuilderError::Selection {
                        selection: selection.to_owned(),
                        problem: format!("'{criterion}' selects nothing: give names, folders, tag:… or path:…"),
                    });
                }
                union = Some(union.map_or_else(|| found.clone(), |other| &other & &found));
            }
            selected.extend(union.unwrap_or_default());
        }
        let tests = manifest.nodes.values().filter(|node| node.test().is_some());
        let tested = tests.filter(|test| test.depends_on.iter().any(|id| selected.contains(id)));
        let tested: Ids = tested.map(|test| test.id.clone()).collect();
        selected.extend(tested);
        Ok(selected)
    }

    fn matching(&self, manifest: &Manifest, criterion: &str) -> Ids {
        let name = criterion.trim_start_matches('+').trim_end_matches('+');
        let named = manifest.nodes.values().filter(|node| matches(node, name));
        let mut found: Ids = named.map(|node| node.id.clone()).collect();
        let direct = found.clone();
        if criterion.starts_with('+') {
            found.extend(direct.iter().flat_map(|id| self.ancestors[id].iter().cloned()));
        }
        if criterion.ends_with('+') {
            let below = self.ancestors.iter();
            let below =
                below.filter(|(id, above)| manifest.nodes[*id].model().is_some() && !above.is_disjoint(&direct));
            found.extend(below.map(|(id, _)| id.clone()));
        }
        found
    }
}

/// The models that a node selects from.
fn models<'a>(manifest: &'a Manifest, node: &'a Node) -> impl Iterator<Item = &'a Node> {
    node.depends_on.iter().filter_map(|id| manifest.nodes.get(id))
}

/// Whether a model waits for a test: the test looks only at what is above the model. Tests of sources hold back the models
/// that select from the source.
fn holds_back(manifest: &Manifest, test: &Node, above: &Ids, model: &Node) -> bool {
    !test.depends_on.is_empty()
        && test.depends_on.iter().all(|id| {
            above.contains(id)
                || manifest.sources.contains_key(id)
                    && (model.depends_on.contains(id)
                        || above
                            .iter()
                            .any(|parent| manifest.nodes[parent].depends_on.contains(id)))
        })
}

fn matches(node: &Node, criterion: &str) -> bool {
    let below = |folder: &str| {
        node.file
            .strip_prefix(folder.trim_end_matches('/'))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    match criterion.split_once(':') {
        Some(("tag", tag)) => node.tags.iter().any(|own| own == tag),
        Some(("path", folder)) => below(folder),
        Some(("resource_type", kind)) => node.id.starts_with(&format!("{kind}.")),
        Some(_) => false,
        // A name, or folders of the fully qualified name from its start.
        None => {
            let parts: Vec<_> = criterion.split('.').collect();
            let starts = |fqn: &[String]| fqn.len() >= parts.len() && fqn.iter().zip(&parts).all(|(a, b)| a == b);
            node.name == criterion
                || node.model().is_some() && (starts(&node.fqn) || starts(&node.fqn[1..]))
                || criterion.contains('/') && below(criterion)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::tests::{manifest, warehouse};

    const SHOP: [(&str, &str); 6] = [
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
        let all = graph.select(&manifest, None).unwrap();
        let reached = |id: &str| names(&manifest, &graph.dependants(id, &all));
        assert_eq!(reached("model.shop.left"), ["sums"]);
        assert_eq!(reached("model.shop.fact"), ["left", "right", "sums", "unique_fact_id"]);
        assert_eq!(reached("test.shop.sums"), [""; 0]);
    }

    #[test]
    fn selections_follow_dbt() {
        let manifest = manifest(&SHOP).unwrap();
        let graph = Graph::new(&manifest).unwrap();
        let select = |text: &str| names(&manifest, &graph.select(&manifest, Some(text)).unwrap());
        assert_eq!(select("stg"), ["stg"]);
        assert_eq!(select("tag:f"), ["fact", "sums", "unique_fact_id"]);
        assert_eq!(select("marts"), ["left", "right", "sums"]);
        assert_eq!(select("path:models/marts"), ["left", "right", "sums"]);
        assert_eq!(select("+left"), ["fact", "left", "stg", "sums", "unique_fact_id"]);
        assert_eq!(select("fact+"), ["fact", "left", "right", "sums", "unique_fact_id"]);
        assert_eq!(select("+left,+right"), ["fact", "stg", "sums", "unique_fact_id"]);
        assert_eq!(select("stg right"), ["right", "stg"]);
        let error = graph.select(&manifest, Some("lefft")).unwrap_err().to_string();
        assert!(error.contains("'lefft' selects nothing"), "{error}");
    }

    #[test]
    fn a_circle_is_refused_with_its_path() {
        let files = [("models/a.sql", "{{ ref('b') }}"), ("models/b.sql", "{{ ref('a') }}")];
        let error = Graph::new(&manifest(&files).unwrap()).unwrap_err().to_string();
        assert!(error.contains("in a circle: model.shop.a -> model.shop.b"), "{error}");
    }

    #[test]
    fn every_node_of_the_project_can_be_reached() {
        let manifest = warehouse();
        let graph = Graph::new(&manifest).unwrap();
        let mut done = Ids::new();
        loop {
            let ready = graph.waits_for.iter();
            let ready = ready.filter(|(id, waits)| !done.contains(*id) && waits.is_subset(&done));
            let ready: Vec<_> = ready.map(|(id, _)| id.clone()).collect();
            if ready.is_empty() {
                break;
            }
            done.extend(ready);
        }
        assert_eq!(done.len(), manifest.nodes.len());
    }
}
