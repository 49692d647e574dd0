use super::*;
use crate::manifest::tests::invocation;
use crate::materialize::Limits;
use crate::project::Project;
use crate::project_file::ProjectFile;
use serde_json::Value;

const SHOP: [(&str, &str); 10] = [
    ("models/stg.sql", "select * from {{ source('raw', 't') }} -- not now()"),
    (
        "models/fact.sql",
        "{{ config(materialized='incremental', unique_key='id') }}select * from {{ ref('stg') }}\
         {% if is_incremental() %} where id > (select max(id) from {{ this }}){% endif %}",
    ),
    (
        "models/mart.sql",
        "{{ config(materialized='table') }}with f as (select * from {{ ref('fact') }})\
         select id, cast('{{ var('day', 'none') }}' as date) as day from f",
    ),
    (
        "models/calendar.sql",
        "{{ config(materialized='table') }}with d as (select 1 as n) select n from d",
    ),
    (
        "models/clock.sql",
        "{{ config(materialized='table') }}select current_date as d",
    ),
    (
        "models/after_clock.sql",
        "{{ config(materialized='table') }}select d from {{ ref('clock') }}",
    ),
    (
        "models/unnamed.sql",
        "{{ config(materialized='table') }}select * from raw.other",
    ),
    (
        "models/early.sql",
        "{{ config(materialized='ephemeral') }}select * from {{ source('raw', 'u') }}",
    ),
    (
        "models/late.sql",
        "{{ config(materialized='table') }}select * from {{ ref('early') }}",
    ),
    (
        "models/m.yml",
        "models:\n  - {name: mart, columns: [{name: id, data_tests: [unique]}]}\n\
         sources:\n  - {name: raw, tables: [{name: t}, {name: u}]}\n",
    ),
];

/// A warehouse that a project is built in, again and again.
struct Shop {
    files: BTreeMap<&'static str, String>,
    vars: Vec<(&'static str, &'static str)>,
    sources: SourceVersions,
    existing: BTreeMap<String, Existing>,
    built: Built,
    builds: usize,
}

impl Shop {
    fn new() -> Self {
        let version = |name: &str| (format!("raw.{name}"), "1.1".to_owned());
        Self {
            files: SHOP.map(|(path, text)| (path, text.to_owned())).into(),
            vars: Vec::new(),
            sources: ["t", "u"].map(version).into(),
            existing: BTreeMap::new(),
            built: Built::default(),
            builds: 0,
        }
    }

    /// Builds what has to run, of all nodes or of these; gives their names.
    fn build_of(&mut self, selected: Option<&[&str]>) -> Vec<String> {
        let mut all = vec![ProjectFile::new("dbt_project.yml", "name: shop\n")];
        all.extend(
            self.files
                .iter()
                .map(|(path, text)| ProjectFile::new(*path, text.as_str())),
        );
        let project = Project::load(&all).unwrap();
        let mut invocation = invocation(&project);
        for (name, value) in &self.vars {
            invocation.vars.insert((*name).to_owned(), Value::from(*value));
        }
        let manifest = Manifest::parse(&project, invocation).unwrap();
        let graph = Graph::new(&manifest).unwrap();
        let nodes = manifest.nodes.values();
        let nodes = nodes.filter(|node| selected.is_none_or(|names| names.contains(&&*node.name)));
        let mut states: NodeStates = nodes.map(|node| (node.id.clone(), NodeState::pending())).collect();
        let schedule = Schedule {
            manifest: &manifest,
            graph: &graph,
            existing: &self.existing.clone(),
            limits: Limits {
                statement_bytes: 100_000,
                statements: 40,
            },
        };
        schedule.skip_unchanged(&mut states, &self.built, &self.sources);
        let before = std::mem::take(&mut self.built).without(&manifest, &states);
        let mut first = states.clone();
        schedule.settle(&mut first);
        for task in schedule.tasks(&mut first, 100) {
            // Of an ephemeral model its readers read what it reads.
            let mut inputs: Vec<&String> = task
                .nodes
                .iter()
                .flat_map(|id| &manifest.nodes[id].depends_on)
                .collect();
            while let Some(input) = inputs.pop() {
                let waits = first.get(input).is_some_and(|state| state.status == Status::Pending);
                assert!(!waits, "{:?} must wait for {input}", task.nodes);
                let ephemeral = manifest.nodes.get(input).filter(|node| node.is_ephemeral());
                inputs.extend(ephemeral.iter().flat_map(|node| &node.depends_on));
            }
        }
        let mut ran = Vec::new();
        for (id, state) in &mut states {
            if state.status != Status::Pending {
                continue;
            }
            let node = &manifest.nodes[id];
            state.status = match node.model() {
                Some(model) => {
                    if let Some(key) = relation_key(node) {
                        let existing = Existing {
                            is_view: model.config.materialization == Materialization::View,
                            columns: vec!["id".to_owned()],
                        };
                        self.existing.insert(key, existing);
                    }
                    Status::Success
                }
                None => Status::Pass,
            };
            if !node.is_ephemeral() {
                ran.push(node.name.clone());
            }
        }
        self.builds += 1;
        self.built = schedule.built(&states, &before, &self.sources, &format!("build {}", self.builds));
        // As it is stored.
        self.built = serde_json::from_slice(&serde_json::to_vec(&self.built).unwrap()).unwrap();
        ran
    }

    /// As [`Self::build_of`] everything, without the models that always run.
    fn build(&mut self) -> Vec<String> {
        let mut ran = self.build_of(None);
        for always in ["after_clock", "clock", "unnamed"] {
            let at = ran.iter().position(|name| name == always);
            ran.remove(at.unwrap_or_else(|| panic!("{always} did not run")));
        }
        ran
    }
}

const NOTHING: [&str; 0] = [];

#[test]
fn what_has_not_changed_does_not_run_and_what_reads_the_clock_or_unnamed_relations_always_does() {
    let mut shop = Shop::new();
    assert_eq!(
        shop.build(),
        ["calendar", "fact", "late", "mart", "stg", "unique_mart_id"]
    );
    assert_eq!(shop.build(), NOTHING);
    assert_eq!(shop.build(), NOTHING);
}

#[test]
fn readers_of_an_ephemeral_model_wait_for_what_it_reads() {
    let mut shop = Shop::new();
    shop.files.insert(
        "models/base.sql",
        "{{ config(materialized='table') }}select 1 as id".to_owned(),
    );
    for (path, parent) in [("models/early.sql", "base"), ("models/earlier.sql", "early")] {
        let text = format!("{{{{ config(materialized='ephemeral') }}}}select * from {{{{ ref('{parent}') }}}}");
        shop.files.insert(path, text);
    }
    let late = shop.files["models/late.sql"].replace("early", "earlier");
    shop.files.insert("models/late.sql", late);
    let ran = shop.build();
    assert!(
        ran.contains(&"base".to_owned()) && ran.contains(&"late".to_owned()),
        "{ran:?}"
    );
    assert_eq!(shop.build(), NOTHING);
}

#[test]
fn a_new_version_of_a_source_reaches_what_reads_it() {
    let mut shop = Shop::new();
    shop.build();
    shop.sources.insert("raw.t".to_owned(), "2.2".to_owned());
    assert_eq!(shop.build(), ["fact", "mart", "stg", "unique_mart_id"]);
    shop.sources.insert("raw.u".to_owned(), "1.2".to_owned());
    assert_eq!(shop.build(), ["late"]);
    shop.sources.remove("raw.u");
    assert_eq!(shop.build(), ["late"]);
    assert_eq!(shop.build(), ["late"], "nobody knows whether it changed");
}

#[test]
fn a_variable_and_a_configuration_are_part_of_the_code() {
    let mut shop = Shop::new();
    shop.build();
    for day in ["2026-01-15", "2026-01-16", "2026-01-15"] {
        shop.vars = vec![("day", day)];
        assert_eq!(shop.build(), ["mart", "unique_mart_id"], "{day}");
        assert_eq!(shop.build(), NOTHING);
    }
    let text = shop.files["models/calendar.sql"].replace("'table'", "'table', sort='n'");
    shop.files.insert("models/calendar.sql", text);
    assert_eq!(shop.build(), ["calendar"]);
}

#[test]
fn code_that_only_an_incremental_build_has_counts() {
    let mut shop = Shop::new();
    shop.build();
    let text = shop.files["models/fact.sql"].replace("max(id)", "min(id)");
    shop.files.insert("models/fact.sql", text);
    assert_eq!(shop.build(), ["fact", "mart", "unique_mart_id"]);
}

#[test]
fn a_relation_that_is_gone_is_built_and_what_reads_it_too() {
    let mut shop = Shop::new();
    shop.build();
    shop.existing.remove("analytics.fact");
    assert_eq!(shop.build(), ["fact", "mart", "unique_mart_id"]);
}

#[test]
fn a_build_of_a_part_leaves_the_rest_due() {
    let mut shop = Shop::new();
    shop.build();
    shop.sources.insert("raw.t".to_owned(), "2.2".to_owned());
    assert_eq!(shop.build_of(Some(&["fact"])), ["fact"]);
    assert_eq!(shop.build_of(Some(&["fact"])), NOTHING);
    assert_eq!(shop.build(), ["mart", "stg", "unique_mart_id"]);
    // The view's new code is not in the warehouse while a table is built from it.
    shop.files.insert(
        "models/stg.sql",
        "select 1 as id from {{ source('raw', 't') }}".to_owned(),
    );
    assert_eq!(shop.build_of(Some(&["fact"])), ["fact"]);
    assert_eq!(shop.build(), ["fact", "mart", "stg", "unique_mart_id"]);
    assert_eq!(shop.build(), NOTHING);
}

#[test]
fn a_build_that_was_killed_has_told_what_it_was_about_to_run() {
    let mut shop = Shop::new();
    shop.build();
    let complete = shop.built.clone();
    shop.vars = vec![("day", "2026-01-16")];
    shop.build();
    // Mart and test ran, nothing was written at the end: the document is what was left before.
    let mut left = complete;
    left.relations.remove("analytics.mart");
    left.tests.clear();
    shop.built = left;
    shop.vars.clear();
    assert_eq!(shop.build(), ["mart", "unique_mart_id"]);
}
