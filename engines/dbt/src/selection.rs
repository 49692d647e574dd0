//! Node selection in dbt's syntax. No I/O.
//!
//! A blank is a union, a comma an intersection. A criterion is a name, folders of the fully qualified name, or
//! `method:value`. `+` before or after it adds ancestors or descendants, `2+` up to that depth, `@` descendants and all
//! their ancestors. Tests of selected models are selected, tests of excluded models excluded. `result:` refers to the last
//! build.

use crate::error::SelectionError;
use crate::graph::{Graph, Ids};
use crate::manifest::{Kind, Manifest, Node};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Selection of nodes.
#[derive(Debug, Clone, Default)]
pub struct Selection<'a> {
    /// `--select`; `None`: everything.
    pub select: Option<&'a str>,
    /// `--exclude`; `None`: nothing.
    pub exclude: Option<&'a str>,
    /// Status of each node in the last build, by id, as in `run_results.json`.
    pub last_results: BTreeMap<String, String>,
}

/// Levels up or down; `None`: all.
type Depth = Option<usize>;

/// A parsed criterion.
#[derive(Debug, PartialEq, Eq)]
struct Criterion<'a> {
    method: Option<&'a str>,
    value: &'a str,
    above: Option<Depth>,
    below: Option<Depth>,
    /// `@`: descendants and all their ancestors.
    with_needs: bool,
}

impl Selection<'_> {
    /// Whether it refers to the results of the last build.
    #[must_use]
    pub fn needs_last_results(&self) -> bool {
        let refers = |text: &Option<&str>| text.is_some_and(|text| text.contains("result:"));
        refers(&self.select) || refers(&self.exclude)
    }

    /// Ids of the selected nodes.
    ///
    /// # Errors
    /// A criterion matches nothing, which is most often a typing mistake, or its method is not supported.
    pub fn nodes(&self, manifest: &Manifest, graph: &Graph) -> Result<Ids, SelectionError> {
        let finder = Finder {
            manifest,
            graph,
            last_results: &self.last_results,
        };
        let given = |text: &Option<&str>| text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let mut selected = match given(&self.select) {
            Some(selection) => finder.union(&selection)?,
            None => manifest.nodes.keys().cloned().collect(),
        };
        if let Some(excluded) = given(&self.exclude) {
            let excluded = finder.union(&excluded)?;
            selected.retain(|id| !excluded.contains(id));
        }
        Ok(selected)
    }
}

struct Finder<'a> {
    manifest: &'a Manifest,
    graph: &'a Graph,
    last_results: &'a BTreeMap<String, String>,
}

impl Finder<'_> {
    /// The union of the parts, with their tests.
    fn union(&self, selection: &str) -> Result<Ids, SelectionError> {
        let mut selected = Ids::new();
        for part in selection.split_whitespace() {
            let mut common: Option<Ids> = None;
            for text in part.split(',') {
                let found = self.matching(text).map_err(|problem| SelectionError {
                    selection: selection.to_owned(),
                    problem,
                })?;
                common = Some(common.map_or_else(|| found.clone(), |other| &other & &found));
            }
            selected.extend(common.unwrap_or_default());
        }
        let tests = self.manifest.nodes.values().filter(|node| node.test().is_some());
        let tested = tests.filter(|test| test.depends_on.iter().any(|id| selected.contains(id)));
        let tested: Ids = tested.map(|test| test.id.clone()).collect();
        selected.extend(tested);
        selected.retain(|id| self.manifest.nodes.contains_key(id));
        Ok(selected)
    }

    /// Nodes and sources that match a criterion.
    fn matching(&self, text: &str) -> Result<Ids, String> {
        let criterion =
            parse(text).ok_or_else(|| format!("'{text}' is not a criterion: give names, folders, tag:… or path:…"))?;
        let direct = self.direct(text, &criterion)?;
        let mut found = direct.clone();
        if let Some(depth) = criterion.above {
            found.extend(walk(&direct, depth, |id| self.parents(id)));
        }
        if let Some(depth) = criterion.below {
            found.extend(walk(&direct, depth, |id| self.children(id)));
        }
        if criterion.with_needs {
            found.extend(walk(&direct, None, |id| self.children(id)));
            let above = found.iter().flat_map(|id| self.graph.ancestors(id));
            let above: Ids = above.cloned().collect();
            found.extend(above);
        }
        Ok(found)
    }

    fn direct(&self, text: &str, criterion: &Criterion<'_>) -> Result<Ids, String> {
        let value = criterion.value;
        let found: Ids = match criterion.method {
            Some("source") => {
                let sources = self.manifest.sources.iter();
                let named = sources.filter(|(_, source)| {
                    let full = format!("{}.{}", source.source, source.patch.properties.name);
                    fits(value, &source.source) || fits(value, &full)
                });
                named.map(|(id, _)| id.clone()).collect()
            }
            Some("result") => {
                let ended = self
                    .last_results
                    .iter()
                    .filter(|(id, status)| fits(value, status) && self.manifest.nodes.contains_key(*id));
                // No node with that status is not an error.
                return match value {
                    "success" | "error" | "skipped" | "pass" | "warn" | "fail" => {
                        Ok(ended.map(|(id, _)| id.clone()).collect())
                    }
                    _ => Err(format!(
                        "'{text}': a node ends as success, error or skipped, a test as pass, warn, fail or error"
                    )),
                };
            }
            _ => {
                let mut found = Ids::new();
                for node in self.manifest.nodes.values() {
                    if node_fits(node, criterion)? {
                        found.insert(node.id.clone());
                    }
                }
                found
            }
        };
        if found.is_empty() {
            return Err(format!(
                "'{text}' selects nothing: give names, folders, tag:… or path:…"
            ));
        }
        Ok(found)
    }

    fn parents(&self, id: &str) -> Vec<String> {
        let node = self.manifest.nodes.get(id);
        node.map(|node| node.depends_on.clone()).unwrap_or_default()
    }

    fn children(&self, id: &str) -> Vec<String> {
        let nodes = self.manifest.nodes.values();
        let below = nodes.filter(|node| node.model().is_some() && node.depends_on.iter().any(|parent| parent == id));
        below.map(|node| node.id.clone()).collect()
    }
}

/// Everything at most `depth` levels away.
fn walk(from: &Ids, depth: Depth, next: impl Fn(&str) -> Vec<String>) -> Ids {
    let mut found = Ids::new();
    let mut edge: BTreeSet<String> = from.clone();
    let mut steps = 0;
    while !edge.is_empty() && depth.is_none_or(|depth| steps < depth) {
        edge = edge
            .iter()
            .flat_map(|id| next(id))
            .filter(|id| !found.contains(id))
            .collect();
        found.extend(edge.iter().cloned());
        steps += 1;
    }
    found
}

fn parse(text: &str) -> Option<Criterion<'_>> {
    let (with_needs, rest) = text.strip_prefix('@').map_or((false, text), |rest| (true, rest));
    let (above, rest) = match rest.split_once('+') {
        Some((steps, rest)) if steps.chars().all(|digit| digit.is_ascii_digit()) && !rest.is_empty() => {
            (Some(depth(steps)?), rest)
        }
        _ => (None, rest),
    };
    let (rest, below) = match rest.rsplit_once('+') {
        Some((rest, steps)) if steps.chars().all(|digit| digit.is_ascii_digit()) => (rest, Some(depth(steps)?)),
        _ => (rest, None),
    };
    let (method, value) = rest
        .split_once(':')
        .map_or((None, rest), |(method, value)| (Some(method), value));
    (!value.is_empty()).then_some(Criterion {
        method,
        value,
        above,
        below,
        with_needs,
    })
}

fn depth(steps: &str) -> Option<Depth> {
    if steps.is_empty() {
        Some(None)
    } else {
        steps.parse().ok().map(Some)
    }
}

fn node_fits(node: &Node, criterion: &Criterion<'_>) -> Result<bool, String> {
    let value = criterion.value;
    let below = |folder: &str| {
        node.file
            .strip_prefix(folder.trim_end_matches('/'))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    // A name, or a prefix of the fully qualified name.
    let named = || {
        let parts: Vec<_> = value.split('.').collect();
        let starts =
            |fqn: &[String]| fqn.len() >= parts.len() && fqn.iter().zip(&parts).all(|(own, part)| fits(part, own));
        fits(value, &node.name) || node.model().is_some() && (starts(&node.fqn) || starts(&node.fqn[1..]))
    };
    Ok(match criterion.method {
        None => named() || value.contains('/') && below(value),
        Some("fqn") => named(),
        Some("tag") => node.tags.iter().any(|tag| fits(value, tag)),
        Some("path") => below(value),
        Some("file") => {
            let file = node.file.rsplit('/').next().unwrap_or_default();
            fits(value, file) || fits(value, file.split('.').next().unwrap_or_default())
        }
        Some("resource_type") => node.resource_type() == value,
        Some("test_type") => match (&node.kind, value) {
            (Kind::Test(test), "generic" | "data") => test.generic.is_some() || value == "data",
            (Kind::Test(test), "singular") => test.generic.is_none(),
            _ => false,
        },
        Some("test_name") => node
            .test()
            .and_then(|test| test.generic.as_deref())
            .is_some_and(|name| fits(value, name)),
        Some(method) => match method.strip_prefix("config.") {
            Some(setting) => node.model().is_some_and(|model| match setting {
                "materialized" => model.config.materialization.name() == value,
                _ => match model.settings.get(setting) {
                    Some(Value::String(own)) => own == value,
                    Some(Value::Array(items)) => items.iter().any(|item| item.as_str() == Some(value)),
                    Some(other) => value.parse::<Value>().is_ok_and(|value| value == *other),
                    None => false,
                },
            }),
            None => {
                return Err(format!(
                    "method '{method}' is not supported: there are tag, path, file, fqn, source, resource_type, test_type, \
                     test_name, config.… and result"
                ));
            }
        },
    })
}

/// Whether a name matches; `*` matches anything.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(name) = name.strip_prefix(start) else {
        return false;
    };
    name.char_indices()
        .map(|(at, _)| at)
        .chain([name.len()])
        .any(|at| fits(rest, &name[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::tests::SHOP;
    use crate::manifest::tests::manifest;

    fn select(selection: &Selection<'_>) -> Result<Vec<String>, String> {
        let manifest = manifest(&SHOP).unwrap();
        let graph = Graph::new(&manifest).unwrap();
        let ids = selection.nodes(&manifest, &graph).map_err(|error| error.to_string())?;
        Ok(ids.iter().map(|id| manifest.nodes[id].name.clone()).collect())
    }

    fn of(text: &str) -> Vec<String> {
        let selection = Selection {
            select: Some(text),
            ..Selection::default()
        };
        select(&selection).unwrap()
    }

    #[test]
    fn selections_follow_dbt() {
        assert_eq!(of("stg"), ["stg"]);
        assert_eq!(of("tag:f"), ["fact", "sums", "unique_fact_id"]);
        assert_eq!(of("marts"), ["left", "right", "sums"]);
        assert_eq!(of("path:models/marts"), ["left", "right", "sums"]);
        // Ancestors include sources, whose tests are selected, too.
        let above = [
            "fact",
            "left",
            "stg",
            "source_unique_raw_t_id",
            "sums",
            "unique_fact_id",
        ];
        assert_eq!(of("+left"), above);
        assert_eq!(of("1+left"), ["fact", "left", "sums", "unique_fact_id"]);
        assert_eq!(of("fact+"), ["fact", "left", "right", "sums", "unique_fact_id"]);
        assert_eq!(of("stg+1"), ["fact", "stg", "sums", "unique_fact_id"]);
        assert_eq!(of("@left"), above);
        let common = ["fact", "stg", "source_unique_raw_t_id", "sums", "unique_fact_id"];
        assert_eq!(of("+left,+right"), common);
        assert_eq!(of("stg right"), ["right", "stg"]);
        assert_eq!(of("source:raw.t"), ["source_unique_raw_t_id"]);
        assert_eq!(of("source:raw+1"), ["stg", "source_unique_raw_t_id"]);
        assert_eq!(of("*eft"), ["left", "sums"]);
        assert_eq!(of("test_type:singular"), ["sums"]);
        assert_eq!(of("config.materialized:view,marts"), ["left", "right", "sums"]);
    }

    #[test]
    fn excluded_models_take_their_tests_away() {
        let selection = Selection {
            exclude: Some("left test_name:unique"),
            ..Selection::default()
        };
        assert_eq!(select(&selection).unwrap(), ["fact", "right", "stg"]);
    }

    #[test]
    fn what_failed_last_time_can_be_done_again() {
        let last = [
            ("model.shop.left", "error"),
            ("test.shop.sums", "skipped"),
            ("model.shop.gone", "error"),
        ];
        let selection = |text| Selection {
            select: Some(text),
            last_results: last.map(|(id, status)| (id.to_owned(), status.to_owned())).into(),
            ..Selection::default()
        };
        assert_eq!(
            select(&selection("result:error result:skipped")).unwrap(),
            ["left", "sums"]
        );
        assert_eq!(select(&selection("result:fail")).unwrap(), [""; 0]);
        assert!(
            select(&selection("result:broken"))
                .unwrap_err()
                .contains("a node ends as")
        );
    }

    #[test]
    fn a_criterion_that_fits_nothing_is_a_mistake() {
        let fail = |text: &str| {
            let selection = Selection {
                select: Some(text),
                ..Selection::default()
            };
            select(&selection).unwrap_err()
        };
        assert!(fail("lefft").contains("'lefft' selects nothing"));
        assert!(fail("state:modified").contains("method 'state' is not supported"));
        assert!(fail("+").contains("is not a criterion"));
    }
}
