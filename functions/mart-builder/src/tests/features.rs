//! Features of dbt projects besides models and tests, through the ticks.

use super::{SHOP, Shop, first_event, shop, shop_with};
use cardlake_core::events::MartBuilderEvent;
use cardlake_dbt::ProjectFile;
use cardlake_test_support::fake_warehouse::Failure;

/// The shop with other files, which replace its own of the same path.
fn shop_of(files: &[(&str, &str)]) -> Shop {
    let own = SHOP
        .iter()
        .filter(|(path, _)| files.iter().all(|(other, _)| other != path));
    let files = own.chain(files).map(|(path, text)| ProjectFile::new(*path, *text));
    shop_with(&files.collect::<Vec<_>>())
}

#[tokio::test]
async fn the_columns_of_a_query_are_asked_for_where_the_table_has_to_follow_them() {
    let fact =
        "{{ config(materialized='incremental', on_schema_change='append_new_columns') }}select * from {{ ref('stg') }}";
    let shop = shop_of(&[("models/fact.sql", fact)]);
    shop.warehouse.state().script.existing = vec![("fact", "BASE TABLE")];
    shop.run().await.unwrap();
    let names = shop.names();
    let asked = names
        .iter()
        .position(|name| name == "columns of model.shop.fact")
        .unwrap();
    assert!(names[asked + 1..].contains(&"model.shop.fact".to_owned()), "{names:?}");
    let statements = shop.statements();
    assert!(
        statements.contains("alter table \"analytics\".\"fact\" add column \"new\" integer"),
        "{statements}"
    );
}

#[tokio::test]
async fn snapshots_and_seeds_are_built_before_what_selects_from_them() {
    let shop = shop_of(&[
        ("seeds/codes.csv", "code,name\n1,one\n"),
        (
            "snapshots/s.yml",
            "snapshots:\n  - {name: history, relation: ref('stg'), config: {unique_key: id, strategy: check, check_cols: all}}\n",
        ),
        (
            "models/fact.sql",
            "select * from {{ ref('history') }}, {{ ref('codes') }}",
        ),
        (
            "models/m.yml",
            "sources:\n  - {name: raw, tables: [{name: t}]}\nseeds:\n  - {name: codes, columns: [{name: code, data_tests: [unique]}]}\n",
        ),
    ]);
    shop.warehouse.state().script.existing = vec![("history", "BASE TABLE")];
    shop.run().await.unwrap();
    let names = shop.names();
    let place = |wanted: &str| {
        names
            .iter()
            .position(|name| name == wanted)
            .unwrap_or_else(|| panic!("{wanted}: {names:?}"))
    };
    assert!(place("columns of snapshot.shop.history") < place("snapshot.shop.history"));
    assert!(place("snapshot.shop.history") < place("model.shop.fact"));
    assert!(place("seed.shop.codes") < place("model.shop.fact"));
    assert!(
        shop.statements()
            .contains("insert into \"analytics\".\"codes__tmp\" values")
    );
}

#[tokio::test]
async fn failing_rows_are_kept_where_the_test_says_so() {
    let properties = "models:\n  - {name: fact, columns: [{name: id, data_tests: [{unique: {config: {store_failures: true}}}]}]}\n\
                      sources:\n  - {name: raw, tables: [{name: t}]}\n";
    let shop = shop_of(&[("models/m.yml", properties)]);
    shop.warehouse.state().script.findings = vec![("unique_fact_id", 2)];
    let error = shop.run().await.unwrap_err().to_string();
    assert!(
        error.contains("2 rows should not be there, see \"analytics_dbt_test__audit\".\"unique_fact_id\""),
        "{error}"
    );
    assert!(
        shop.statements()
            .contains("create schema if not exists \"analytics_dbt_test__audit\"")
    );
}

#[tokio::test]
async fn what_failed_can_be_selected_by_the_next_build() {
    let shop = shop();
    let failing = Failure::containing("create table \"analytics\".\"fact__tmp\"", "ERROR: disk full").times(1);
    shop.warehouse.state().failures.push(failing);
    shop.run().await.unwrap_err();
    let again = MartBuilderEvent {
        run_id: "run-2".to_owned(),
        select: Some("result:error result:skipped".to_owned()),
        ..first_event()
    };
    let output = shop.run_from(again).await.unwrap();
    assert_eq!(output.marts.keys().collect::<Vec<_>>(), ["sales"]);
    let builds = |name: &str| shop.names().iter().filter(|other| *other == name).count();
    assert_eq!((builds("model.shop.stg"), builds("model.shop.fact")), (1, 2));
}

#[tokio::test]
async fn the_latest_snapshot_of_a_mart_is_that_of_the_newest_day() {
    let shop = shop();
    let run = async |day: &str| {
        let event = MartBuilderEvent {
            batch_date: day.parse().unwrap(),
            run_id: format!("run-{day}"),
            ..first_event()
        };
        shop.run_from(event).await.unwrap();
        let bytes = shop.files.objects.lock().unwrap()["gold/sales/latest.json"].clone();
        serde_json::from_slice::<serde_json::Value>(&bytes).unwrap()
    };
    assert_eq!(run("2026-01-15").await["prefix"], "sales/batch_date=2026-01-15/");
    assert_eq!(run("2026-01-14").await["batch_date"], "2026-01-15");
    let newest = serde_json::json!({"batch_date": "2026-01-16", "prefix": "sales/batch_date=2026-01-16/", "rows": 42});
    assert_eq!(run("2026-01-16").await, newest);
}

#[tokio::test]
async fn an_event_can_leave_models_out_and_set_variables() {
    let shop = shop_of(&[(
        "models/marts/sales.sql",
        "select '{{ var('region', 'all') }}' as region from {{ ref('fact') }}",
    )]);
    let event = MartBuilderEvent {
        exclude: Some("stg".to_owned()),
        vars: serde_json::from_str(r#"{"region": "north"}"#).unwrap(),
        ..first_event()
    };
    shop.run_from(event).await.unwrap();
    assert!(!shop.names().contains(&"model.shop.stg".to_owned()));
    assert!(shop.statements().contains("select 'north' as region"));
}

#[tokio::test]
async fn a_foreign_project_may_use_the_names_of_our_models() {
    let shop = shop_of(&[
        (
            "models/fact_transactions.sql",
            "{{ config(materialized='table', tags=['mart']) }}select 1 as till, 2 as euros from {{ ref('stg') }}",
        ),
        (
            "models/m.yml",
            "models:\n  - {name: fact_transactions, columns: [{name: till, data_tests: [unique]}]}\n\
             sources:\n  - {name: raw, tables: [{name: t}]}\n",
        ),
    ]);
    let event = MartBuilderEvent {
        select: Some("+fact_transactions".to_owned()),
        ..first_event()
    };
    let output = shop.run_from(event).await.unwrap();
    assert_eq!(output.marts, [("fact_transactions".to_owned(), 42)].into());
    assert_eq!(output.tests_passed, 1);
    assert!(
        shop.statements()
            .contains("create table \"analytics\".\"fact_transactions__tmp\"\nas\nselect 1 as till, 2 as euros")
    );
}
