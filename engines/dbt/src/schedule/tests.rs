use super::*;
use crate::manifest::tests::manifest;
use crate::materialize::catalog::existing_relations;
use crate::node_state::NodeState;
use crate::result::Cell;

const LIMITS: Limits = Limits {
    statement_bytes: 100_000,
    statements: 40,
};

/// A foreign project, one of whose models has a name that another project may give a meaning to.
const SHOP: [(&str, &str); 4] = [
    (
        "models/orders.sql",
        "{{ config(materialized='ephemeral') }}select 1 as id, 2 as euros",
    ),
    (
        "models/fact_transactions.sql",
        "{{ config(materialized='table', post_hook='analyze {{ this }};') }}select id, euros from {{ ref('orders') }};",
    ),
    (
        "models/sums.sql",
        "select sum(euros) as euros from {{ ref('fact_transactions') }}",
    ),
    (
        "models/m.yml",
        "models:\n  - {name: fact_transactions, columns: [{name: id, data_tests: [unique, not_null]}]}\n",
    ),
];

struct Project {
    manifest: Manifest,
    graph: Graph,
    existing: BTreeMap<String, Existing>,
}

impl Project {
    fn new() -> Self {
        let manifest = manifest(&SHOP).unwrap();
        let graph = Graph::new(&manifest).unwrap();
        let existing = BTreeMap::new();
        Self {
            manifest,
            graph,
            existing,
        }
    }

    fn schedule(&self) -> Schedule<'_> {
        Schedule {
            manifest: &self.manifest,
            graph: &self.graph,
            existing: &self.existing,
            limits: LIMITS,
        }
    }

    fn pending(&self) -> NodeStates {
        let ids = self.manifest.nodes.keys();
        ids.map(|id| (id.clone(), NodeState::pending())).collect()
    }

    /// Settles, and submits what is ready.
    fn submit(&self, states: &mut NodeStates, free: usize) -> Vec<Task> {
        self.schedule().settle(states);
        let tasks = self.schedule().tasks(states, free);
        for task in &tasks {
            task.started(states);
        }
        tasks
    }
}

fn names(tasks: &[Task]) -> Vec<&str> {
    tasks
        .iter()
        .map(|task| task.name.split(" from ").next().unwrap())
        .collect()
}

fn finding(index: i64, failures: i64) -> Row {
    let is_bad = Cell::Boolean(failures > 0);
    vec![Cell::Integer(index), Cell::Integer(failures), is_bad.clone(), is_bad]
}

#[test]
fn a_foreign_project_is_built_model_by_model_with_its_tests_in_between() {
    let project = Project::new();
    let mut states = project.pending();
    let tasks = project.submit(&mut states, 8);
    assert_eq!(names(&tasks), ["model.shop.fact_transactions"]);
    insta::assert_snapshot!(tasks[0].statements.join(";\n"), @r#"
    drop table if exists "analytics"."fact_transactions__tmp";
    create table "analytics"."fact_transactions__tmp"
    as
    with __dbt__cte__orders as (
    select 1 as id, 2 as euros
    )
    select id, euros from __dbt__cte__orders;
    alter table "analytics"."fact_transactions__tmp" rename to "fact_transactions";
    analyze "analytics"."fact_transactions"
    "#);
    assert_eq!(project.submit(&mut states, 8), [], "everything else waits");
    project
        .schedule()
        .succeeded(&mut states, &tasks[0].nodes, false, &[], 1.5);

    let tests = project.submit(&mut states, 8);
    assert_eq!(names(&tests), ["2 tests"]);
    let rows = [finding(0, 0), finding(1, 0)];
    project
        .schedule()
        .succeeded(&mut states, &tests[0].nodes, false, &rows, 1.0);

    let last = project.submit(&mut states, 8);
    assert_eq!(names(&last), ["model.shop.sums"]);
    project
        .schedule()
        .succeeded(&mut states, &last[0].nodes, false, &[], 0.5);
    assert!(states.values().all(|state| state.status.is_good()), "{states:?}");
    assert_eq!(states["model.shop.fact_transactions"].seconds, 1.5);
}

#[test]
fn a_failed_test_skips_the_descendants_of_its_model() {
    let project = Project::new();
    let mut states = project.pending();
    let model = project.submit(&mut states, 8).remove(0);
    project.schedule().succeeded(&mut states, &model.nodes, false, &[], 0.0);
    let tests = project.submit(&mut states, 8).remove(0);
    // The row of the second test is missing.
    project
        .schedule()
        .succeeded(&mut states, &tests.nodes, false, &[finding(0, 3)], 0.0);
    assert_eq!(project.submit(&mut states, 8), []);
    let first = &states[&tests.nodes[0]];
    assert_eq!((first.status, first.failures), (Status::Fail, Some(3)));
    assert_eq!(states[&tests.nodes[1]].status, Status::Error);
    assert_eq!(states["model.shop.sums"].status, Status::Skipped);
    assert!(states.values().all(|state| state.status.is_over()));
}

#[test]
fn tests_that_shared_a_failed_statement_run_alone_and_conflicts_are_retried() {
    let project = Project::new();
    let mut states = project.pending();
    let model = project.submit(&mut states, 8).remove(0);
    for _ in 1..MAX_ATTEMPTS {
        failed(&mut states, &model.nodes, "conflict", true, 0.0);
        assert_eq!(project.submit(&mut states, 8).len(), 1);
    }
    project.schedule().succeeded(&mut states, &model.nodes, false, &[], 0.0);
    let tests = project.submit(&mut states, 8).remove(0);
    failed(&mut states, &tests.nodes, "no such column", false, 0.0);
    let alone = project.submit(&mut states, 8);
    assert_eq!(alone.iter().map(|task| task.nodes.len()).collect::<Vec<_>>(), [1, 1]);
    failed(&mut states, &alone[0].nodes, "no such column", false, 0.0);
    assert_eq!(states[&alone[0].nodes[0]].status, Status::Error);

    let mut states = project.pending();
    states.get_mut("model.shop.fact_transactions").unwrap().attempts = MAX_ATTEMPTS;
    failed(&mut states, &model.nodes, " conflict ", true, 0.0);
    let message = states["model.shop.fact_transactions"].message.as_deref();
    assert_eq!(message, Some("conflict"), "the last attempt");
}

#[test]
fn no_more_tasks_than_there_are_slots() {
    let project = Project::new();
    let mut states = project.pending();
    assert_eq!(project.submit(&mut states, 0), []);
    assert_eq!(project.submit(&mut states, 1).len(), 1);
}

#[test]
fn the_inspection_finds_what_exists() {
    let text = |text: &str| Cell::Text(text.to_owned());
    let statements = Schedule::inspection(&Project::new().manifest);
    assert_eq!(statements[0], "create schema if not exists \"analytics\"");
    let found = existing_relations(
        &[
            vec![text("analytics"), text("a"), text("BASE TABLE")],
            vec![text("analytics"), text("v"), text("VIEW")],
        ],
        &[vec![text("analytics"), text("a"), text("id")]],
    );
    let existing = |is_view, columns: &[&str]| Existing {
        is_view,
        columns: columns.iter().map(|name| (*name).to_owned()).collect(),
    };
    let expected = [
        ("analytics.a".to_owned(), existing(false, &["id"])),
        ("analytics.v".to_owned(), existing(true, &[])),
    ];
    assert_eq!(found, BTreeMap::from(expected));
}
