//! Ticks against a recording warehouse with failures on demand, and in-memory buckets.

mod as_of;
mod fakes;
mod features;
mod panels;
mod unchanged;
pub(crate) mod warehouse;

use crate::cancel;
use crate::context::Context;
use crate::error::MartBuilderError;
use crate::handler::handle;
use crate::state::FORMAT_VERSION;
use cardlake_aws::metrics::{self, Metric, Subject};
use cardlake_core::error::StageError;
use cardlake_core::events::{MartBuilderEvent, MartBuilderOutput, TickStatus};
use cardlake_dbt::{Project, ProjectFile};
use cardlake_test_support::fake_warehouse::Failure;
use fakes::{FakeFiles, FakeWarehouse};
use std::collections::BTreeMap;

const SHOP: [(&str, &str); 5] = [
    (
        "dbt_project.yml",
        "name: shop\nmodels: {shop: {marts: {+materialized: table, +tags: [mart]}}}\n",
    ),
    ("models/stg.sql", "select * from {{ source('raw', 't') }}"),
    (
        "models/fact.sql",
        "{{ config(materialized='incremental', incremental_strategy='merge', unique_key='id') }}select * from {{ ref('stg') }}{% if is_incremental() %} where is_new{% endif %}",
    ),
    (
        "models/marts/sales.sql",
        "select * from {{ ref('fact') }} -- {{ var('process_date') }}",
    ),
    (
        "models/m.yml",
        "models:\n  - {name: fact, columns: [{name: id, data_tests: [unique, not_null]}]}\n\
         sources:\n  - {name: raw, tables: [{name: t}]}\n",
    ),
];

struct Shop {
    warehouse: FakeWarehouse,
    files: FakeFiles,
    context: Context,
}

fn shop_with(files: &[ProjectFile]) -> Shop {
    let project = Project::load(files).unwrap();
    let dashboard = crate::dashboard::definitions(files).unwrap();
    let (warehouse, files) = (FakeWarehouse::default(), FakeFiles::default());
    let context = Context {
        project,
        dashboard,
        silver_bucket: "silver".to_owned(),
        gold_bucket: "gold".to_owned(),
        database: "cardlake".to_owned(),
        copy_role_arn: None,
        files: Box::new(files.clone()),
        warehouse: Box::new(warehouse.clone()),
        lease: None,
        prepared: std::sync::Mutex::new(None),
    };
    Shop {
        warehouse,
        files,
        context,
    }
}

fn shop() -> Shop {
    shop_with(&SHOP.map(|(path, text)| ProjectFile::new(path, text)))
}

fn first_event() -> MartBuilderEvent {
    MartBuilderEvent {
        batch_date: "2026-01-15".parse().unwrap(),
        run_id: "run-1".to_owned(),
        select: None,
        exclude: None,
        vars: serde_json::Map::new(),
        full_refresh: false,
        force: false,
        as_of: false,
        books: None,
        audits: Vec::new(),
        cursor: None,
    }
}

fn next(output: &MartBuilderOutput) -> MartBuilderEvent {
    MartBuilderEvent {
        cursor: output.cursor.clone(),
        ..first_event()
    }
}

impl Shop {
    async fn run_from(&self, mut event: MartBuilderEvent) -> Result<MartBuilderOutput, MartBuilderError> {
        for _ in 0..30 {
            let output = handle(event.clone(), &self.context).await?;
            if output.status == TickStatus::Succeeded {
                return Ok(output);
            }
            event.cursor = output.cursor;
        }
        panic!("never done");
    }

    async fn run(&self) -> Result<MartBuilderOutput, MartBuilderError> {
        self.run_from(first_event()).await
    }

    fn names(&self) -> Vec<String> {
        let inner = self.warehouse.state();
        let names = inner.submissions.iter();
        names
            .map(|submission| submission.name.replace("cardlake build 2026-01-15 ", ""))
            .collect()
    }

    fn statements(&self) -> String {
        let inner = self.warehouse.state();
        let statements = inner
            .submissions
            .iter()
            .flat_map(|submission| submission.statements.clone());
        statements.collect::<Vec<_>>().join(";\n")
    }

    fn keys(&self) -> Vec<String> {
        self.files.objects.lock().unwrap().keys().cloned().collect()
    }
}

#[tokio::test]
async fn a_build_goes_from_the_sources_to_gold() {
    let shop = shop();
    let output = shop.run().await.unwrap();
    assert_eq!(output.marts, BTreeMap::from([("sales".to_owned(), 42)]));
    assert_eq!((output.tests_passed, output.report), (2, None));
    let names: Vec<_> = shop
        .names()
        .iter()
        .map(|name| name.split(" from ").next().unwrap().to_owned())
        .collect();
    assert_eq!(
        names,
        [
            "inspection",
            "source versions",
            "model.shop.stg",
            "model.shop.fact",
            "2 tests",
            "model.shop.sales",
            "publish sales",
            "mark"
        ]
    );
    insta::assert_snapshot!(shop.statements());
    assert_eq!(
        shop.keys(),
        [
            "gold/dbt/manifest.json",
            "gold/dbt/run_results.json",
            "gold/sales/latest.json",
            "silver/_builds/run-1/state.json",
            "silver/_warehouse/last_build.json",
            "silver/_warehouse/run_results.json"
        ]
    );
}

#[tokio::test]
async fn the_project_of_this_repository_builds_and_writes_its_report() {
    let shop = shop_with(&warehouse::files());
    let output = shop.run().await.unwrap();
    assert_eq!(output.report.as_deref(), Some("report/index.html"));
    assert!(output.marts.contains_key("mart_sales_daily") && output.marts.contains_key("mart_rfm_customer"));
    assert!(output.tests_passed > 100, "{output:?}");
    assert!(shop.keys().contains(&"gold/report/index.html".to_owned()));
    let bytes = shop.files.objects.lock().unwrap()["gold/dbt/run_results.json"].clone();
    let results: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let statuses = results["results"].as_array().unwrap().iter();
    assert!(
        statuses
            .clone()
            .all(|result| result["status"] == "success" || result["status"] == "pass")
    );
}

#[tokio::test]
async fn an_incremental_model_takes_in_only_what_is_new_once_its_table_is_there() {
    let shop = shop();
    shop.warehouse.state().script.existing = vec![("stg", "VIEW"), ("fact", "BASE TABLE")];
    shop.run().await.unwrap();
    let statements = shop.statements();
    assert!(statements.contains("where is_new") && statements.contains("merge into \"analytics\".\"fact\""));
    assert!(
        statements.contains("drop view if exists \"analytics\".\"stg\""),
        "{statements}"
    );
    let anew = shop
        .run_from(MartBuilderEvent {
            full_refresh: true,
            ..first_event()
        })
        .await;
    anew.unwrap();
    assert!(
        shop.statements()
            .contains("drop table if exists \"analytics\".\"fact\" cascade")
    );
}

#[tokio::test]
async fn a_tick_done_twice_or_killed_before_it_could_save_changes_nothing() {
    let undisturbed = shop();
    undisturbed.run().await.unwrap();
    let shop = shop();
    let mut event = first_event();
    loop {
        // This tick submits, and is killed before it can save.
        *shop.files.lost_writes.lock().unwrap() = 1;
        let killed = handle(event.clone(), &shop.context).await.unwrap_err();
        assert!(killed.kind().is_transient(), "{killed}");
        // The answer of this one never arrives.
        let lost = handle(event.clone(), &shop.context).await.unwrap();
        if lost.status == TickStatus::Succeeded {
            // The build is over, and its answer can be had again, without another write.
            assert_eq!(handle(event, &shop.context).await.unwrap(), lost);
            break;
        }
        event = next(&lost);
    }
    assert_eq!(shop.names(), undisturbed.names());
}

#[tokio::test]
async fn a_failed_model_skips_what_depends_on_it_and_names_itself() {
    let shop = shop();
    let failing = Failure::containing(
        "create table \"analytics\".\"fact__tmp\"",
        "ERROR: relation \"x\" does not exist",
    )
    .times(1);
    shop.warehouse.state().failures.push(failing);
    let (outcome, figures) = metrics::collect(shop.run()).await;
    let measured = [Metric::ModelsBuilt, Metric::BuildErrors, Metric::TestsFailed];
    let measured = measured.map(|metric| figures.get(&Subject::All, metric));
    assert_eq!(measured, [Some(1.0), Some(1.0), Some(0.0)]);
    let error = outcome.unwrap_err();
    assert_eq!(error.kind().error_type(), "Cardlake.BuildFailed");
    insta::assert_snapshot!(error, @r#"model fact (models/fact.sql) failed: ERROR: relation "x" does not exist; compiled SQL: s3://silver/_builds/run-1/compiled/models/fact.sql; 3 models and tests that depend on them were skipped"#);
    assert_eq!(
        shop.keys(),
        [
            "silver/_builds/run-1/compiled/models/fact.sql",
            "silver/_builds/run-1/state.json",
            "silver/_warehouse/last_build.json",
            "silver/_warehouse/run_results.json"
        ],
        "nothing reaches gold"
    );
    // The same run once more starts over and succeeds.
    shop.run().await.unwrap();
}

#[tokio::test]
async fn a_failed_test_keeps_the_mart_from_being_built_and_a_warning_does_not() {
    let shop = shop();
    shop.warehouse.state().script.findings = vec![("n_records", 3)];
    let error = shop.run().await.unwrap_err().to_string();
    assert!(
        error.starts_with("test unique_fact_id (models/m.yml) failed: 3 rows should not be there"),
        "{error}"
    );
    assert!(
        error.contains("compiled/models/m.yml/unique_fact_id.sql; 1 models and tests"),
        "{error}"
    );

    let mut files = SHOP.map(|(path, text)| ProjectFile::new(path, text));
    files[4].text = files[4]
        .text
        .replace("[unique,", "[{unique: {config: {severity: warn}}},");
    let lenient = shop_with(&files);
    lenient.warehouse.state().script.findings = vec![("n_records", 3)];
    let (output, figures) = metrics::collect(lenient.run()).await;
    let output = output.unwrap();
    let measured = [Metric::TestsPassed, Metric::TestsFailed].map(|metric| figures.get(&Subject::All, metric));
    assert_eq!(measured, [Some(1.0), Some(1.0)]);
    assert_eq!(
        output.warnings,
        ["test unique_fact_id (models/m.yml): 3 rows should not be there"]
    );
    assert_eq!(output.tests_passed, 1);
}

#[tokio::test]
async fn a_broken_test_is_found_among_those_that_shared_its_statement() {
    let shop = shop();
    shop.warehouse
        .state()
        .failures
        .push(Failure::containing("having count", "ERROR: column \"id\" does not exist").times(9));
    let error = shop.run().await.unwrap_err().to_string();
    assert!(
        error.starts_with("test unique_fact_id (models/m.yml) failed: ERROR: column"),
        "{error}"
    );
    assert!(!error.contains("not_null_fact_id"), "{error}");
}

#[tokio::test]
async fn a_conflict_is_tried_again_and_a_throttled_submission_is_transient() {
    let shop = shop();
    let conflict = Failure::containing(
        "create view",
        "ERROR: 1023 DETAIL: Serializable isolation violation on table",
    )
    .times(2);
    shop.warehouse.state().failures.push(conflict);
    let output = handle(first_event(), &shop.context).await.unwrap();
    shop.warehouse.state().throttled = 1;
    let error = handle(next(&output), &shop.context).await.unwrap_err();
    assert!(error.kind().is_transient(), "{error}");
    shop.run_from(next(&output)).await.unwrap();
    assert_eq!(shop.names().iter().filter(|name| *name == "model.shop.stg").count(), 3);
}

#[tokio::test]
async fn a_failed_publication_ends_the_build_and_the_same_run_can_start_over() {
    let shop = shop();
    shop.warehouse
        .state()
        .failures
        .push(Failure::containing("unload", "ERROR: access denied").times(1));
    let error = shop.run().await.unwrap_err();
    assert_eq!(error.kind().error_type(), "Cardlake.StatementFailed");
    assert_eq!(error.to_string(), "publication of sales failed: ERROR: access denied");
    shop.run().await.unwrap();
}

#[tokio::test]
async fn slow_statements_are_waited_for() {
    let shop = shop();
    shop.warehouse.state().slow_polls = 12;
    shop.run().await.unwrap();
    assert_eq!(shop.names().len(), 8);
}

#[tokio::test]
async fn a_selection_builds_only_a_part() {
    let shop = shop();
    let event = MartBuilderEvent {
        select: Some("stg".to_owned()),
        ..first_event()
    };
    let output = shop.run_from(event).await.unwrap();
    assert!(output.marts.is_empty());
    assert_eq!(
        shop.names(),
        ["inspection", "source versions", "model.shop.stg", "mark"]
    );
}

#[tokio::test]
async fn a_cursor_needs_its_state() {
    let shop = shop();
    for cursor in [
        serde_json::json!({"format_version": FORMAT_VERSION, "generation": 1}),
        serde_json::json!({"x": 1}),
    ] {
        let event = MartBuilderEvent {
            cursor: Some(cursor),
            ..first_event()
        };
        let error = handle(event, &shop.context).await.unwrap_err();
        assert_eq!(error.kind().error_type(), "Cardlake.InvalidEvent");
    }
}

#[tokio::test]
async fn a_build_that_is_stopped_cancels_what_it_runs() {
    let shop = shop();
    shop.warehouse.state().slow_polls = 5;
    let output = handle(first_event(), &shop.context).await.unwrap();
    assert_eq!(output.status, TickStatus::Running);
    cancel::stop(&shop.context, &first_event().run_id).await.unwrap();
    assert_eq!(shop.warehouse.state().cancelled, ["0", "1"]);
    // Continuing or starting over works all the same.
    shop.run_from(next(&output)).await.unwrap();
    cancel::stop(&shop.context, "never begun").await.unwrap();
    assert_eq!(shop.warehouse.state().cancelled.len(), 2);
}
