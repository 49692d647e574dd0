//! The tick protocol against a warehouse that keeps a ledger, forgets nothing it was sent, and fails on demand.

use crate::context::Context;
use crate::error::LoaderError;
use crate::handler::load_tick;
use crate::quarantine::QuarantinedRows;
use crate::silver::{Answer as SilverAnswer, Silver};
use crate::silver_file::{FileContents, Partition, SilverChanges, SilverFile};
use cardlake_aws::data_api::{ResultSet, Value};
use cardlake_core::contract::Contracts;
use cardlake_core::error::StageError;
use cardlake_core::events::{LoaderEvent, LoaderOutput, TickStatus};
use cardlake_test_support::fake_warehouse::{self, Failure, Script};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// The tables that the loader writes: ledger, raw tables.
#[derive(Debug, Clone, Default)]
struct Ledger {
    versions: BTreeMap<String, i64>,
    /// Tables that were defined.
    tables: Vec<String>,
    /// Rows that somebody took out of every table.
    lost: i64,
}

type FakeWarehouse = fake_warehouse::FakeWarehouse<Ledger>;

impl Script for Ledger {
    fn execute(&mut self, statement: &str) -> Result<ResultSet, String> {
        self.write(statement)?;
        Ok(self.result(statement))
    }
}

impl Ledger {
    fn write(&mut self, statement: &str) -> Result<(), String> {
        if let Some((_, rest)) = statement.split_once("min(version) = ") {
            let planned: i64 = rest.split(' ').next().unwrap().parse().unwrap();
            let dataset = rest.split("dataset = '").nth(1).unwrap().split('\'').next().unwrap();
            if self.versions.get(dataset) != Some(&planned) {
                return Err("ERROR: Invalid digit, Value 't', Pos 0, Type: Integer".to_owned());
            }
        }
        if let Some(rest) = statement.strip_prefix("create table if not exists \"raw\".\"") {
            let table = rest.split('"').next().unwrap();
            // Made with the ledger, and of no dataset.
            if table != "quarantine" {
                self.tables.push(table.to_owned());
            }
        }
        if statement.starts_with("insert into \"ops\".\"loads\"") {
            for row in statement.split("select '").skip(1) {
                let mut parts = row.split(", ");
                let dataset = parts.next().unwrap().trim_end_matches('\'').to_owned();
                let version: i64 = parts.next().unwrap().parse().unwrap();
                if version < 0 {
                    self.versions.entry(dataset).or_insert(version);
                } else {
                    self.versions.insert(dataset, version);
                }
            }
        }
        Ok(())
    }

    fn result(&self, statement: &str) -> ResultSet {
        let text = |text: &str| Value::Text(text.to_owned());
        let rows = if statement.starts_with("select dataset, version") {
            let rows = self.versions.iter();
            rows.map(|(name, version)| vec![text(name), Value::Integer(*version)])
                .collect()
        } else if statement.contains("information_schema") {
            let contracts = Contracts::load(&cardlake_assets::embedded()).unwrap();
            let tables = self.tables.iter().map(|table| contracts.get(table).unwrap());
            let columns = tables.flat_map(|table| {
                let names = table.columns.iter().map(|column| column.name.as_str());
                names
                    .chain(["load_version"])
                    .map(|name| vec![text(&table.dataset), text(name)])
                    .collect::<Vec<_>>()
            });
            columns.collect()
        } else if statement.contains("sys_load_error_detail") {
            vec![vec![
                text("s3://silver/cards/a.parquet"),
                Value::Integer(3),
                text("brand"),
                text("too long"),
            ]]
        } else if let Some((_, rest)) = statement.split_once("sum(n) = ") {
            vec![vec![text(rest.split(' ').next().unwrap())]]
        } else if let Some(dataset) = statement.strip_prefix("select count(*) from \"raw\".") {
            // Five rows a version, as the silver tables have.
            let version = self.versions[dataset.trim_matches('"')];
            vec![vec![Value::Integer((version + 1) * 5 - self.lost)]]
        } else {
            Vec::new()
        };
        ResultSet {
            columns: Vec::new(),
            rows,
        }
    }
}

/// Tables at a version, one file each version; manifests are kept.
#[derive(Clone, Default)]
pub(crate) struct FakeSilver {
    versions: BTreeMap<&'static str, u64>,
    withdrawn: Option<u64>,
    manifests: Arc<Mutex<BTreeMap<String, String>>>,
}

fn file(version: u64) -> SilverFile {
    SilverFile {
        path: format!("part-{version}.parquet"),
        size: 100 + version,
        rows: 5,
        partition: Partition::new(),
    }
}

impl Silver for FakeSilver {
    fn version<'a>(&'a self, dataset: &'a str) -> SilverAnswer<'a, Option<u64>> {
        Box::pin(async move { Ok(self.versions.get(dataset).copied()) })
    }

    fn withdrawn_at<'a>(&'a self, _: &'a str, version: u64) -> SilverAnswer<'a, Option<u64>> {
        Box::pin(async move { Ok(self.withdrawn.filter(|withdrawn| *withdrawn <= version)) })
    }

    fn files<'a>(&'a self, _: &'a str, version: u64) -> SilverAnswer<'a, Vec<SilverFile>> {
        Box::pin(async move { Ok((0..=version).map(file).collect()) })
    }

    fn changes<'a>(&'a self, _: &'a str, from: Option<u64>, to: u64) -> SilverAnswer<'a, SilverChanges> {
        let first = from.map_or(0, |from| from + 1);
        let changes = SilverChanges {
            added: (first..=to).map(file).collect(),
            removed: from.map(|_| Vec::new()),
        };
        Box::pin(async move { Ok(changes) })
    }

    fn contents<'a>(
        &'a self,
        dataset: &'a str,
        files: &'a [SilverFile],
        summed: &'a [String],
    ) -> SilverAnswer<'a, Vec<FileContents>> {
        let contracts = Contracts::load(&cardlake_assets::embedded()).unwrap();
        let columns = contracts.get(dataset).unwrap().file_columns();
        let contents = FileContents {
            columns: columns
                .map(|column| (column.name.clone(), column.column_type.arrow()))
                .collect(),
            sums: summed.iter().map(|name| (name.clone(), 0)).collect(),
        };
        Box::pin(async move { Ok(vec![contents; files.len()]) })
    }

    fn quarantine<'a>(&'a self, _: &'a str, _: chrono::NaiveDate) -> SilverAnswer<'a, QuarantinedRows> {
        Box::pin(async move { Ok(QuarantinedRows::Unknown) })
    }

    fn put<'a>(&'a self, key: &'a str, text: String) -> SilverAnswer<'a, ()> {
        Box::pin(async move {
            self.manifests.lock().unwrap().insert(key.to_owned(), text);
            Ok(())
        })
    }
}

fn context(warehouse: &FakeWarehouse, silver: &FakeSilver) -> Context {
    warehouse.state().query_id = Some(77);
    Context {
        contracts: Contracts::load(&cardlake_assets::embedded()).unwrap(),
        silver_bucket: "silver".to_owned(),
        copy_role_arn: None,
        database: "cards".to_owned(),
        silver: Box::new(silver.clone()),
        warehouse: Box::new(warehouse.clone()),
        lease: None,
    }
}

fn silver(versions: &[(&'static str, u64)]) -> FakeSilver {
    FakeSilver {
        versions: versions.iter().copied().collect(),
        ..FakeSilver::default()
    }
}

fn first_event() -> LoaderEvent {
    LoaderEvent {
        batch_date: "2026-01-15".parse().unwrap(),
        run_id: None,
        datasets: None,
        full_refresh: false,
        cursor: None,
    }
}

fn next(output: &LoaderOutput) -> LoaderEvent {
    LoaderEvent {
        cursor: output.cursor.clone(),
        ..first_event()
    }
}

async fn run(mut event: LoaderEvent, context: &Context) -> Result<LoaderOutput, LoaderError> {
    for _ in 0..60 {
        let output = load_tick(event, context).await?;
        if output.status == TickStatus::Succeeded {
            return Ok(output);
        }
        event = next(&output);
    }
    panic!("never done");
}

fn merges(warehouse: &FakeWarehouse) -> usize {
    let inner = warehouse.state();
    let statements = inner.submissions.iter().flat_map(|submission| &submission.statements);
    statements
        .filter(|statement| statement.starts_with("merge into"))
        .count()
}

#[tokio::test]
async fn every_table_is_made_and_those_with_news_are_loaded() {
    let (warehouse, silver) = (FakeWarehouse::default(), silver(&[("transactions", 2)]));
    let output = run(first_event(), &context(&warehouse, &silver)).await.unwrap();
    let [loaded] = output.datasets.as_slice() else {
        panic!("one dataset has a silver table: {output:?}")
    };
    assert_eq!(loaded.dataset, "transactions");
    assert_eq!((loaded.version, loaded.copied_rows, loaded.warehouse_rows), (2, 15, 15));
    let mut tables = warehouse.state().script.tables.clone();
    tables.sort();
    assert_eq!(tables, ["cards", "customers", "merchants", "transactions"]);
    let manifests = silver.manifests.lock().unwrap();
    assert_eq!(
        manifests.keys().collect::<Vec<_>>(),
        ["_loads/transactions/-1-2.0.manifest"]
    );
}

#[tokio::test]
async fn a_second_run_without_news_only_asks() {
    let (warehouse, silver) = (FakeWarehouse::default(), silver(&[("transactions", 2)]));
    run(first_event(), &context(&warehouse, &silver)).await.unwrap();
    let before = warehouse.state().submissions.len();
    let output = run(first_event(), &context(&warehouse, &silver)).await.unwrap();
    assert_eq!((output.datasets[0].version, output.datasets[0].copied_rows), (2, 0));
    let inner = warehouse.state();
    let statements = inner.submissions[before..]
        .iter()
        .map(|submission| submission.statements.len());
    assert_eq!(statements.collect::<Vec<_>>(), [7, 1], "the ledger, then one count");
}

#[tokio::test]
async fn missed_versions_are_caught_up_with() {
    let warehouse = FakeWarehouse::default();
    run(first_event(), &context(&warehouse, &silver(&[("cards", 0)])))
        .await
        .unwrap();
    let later = silver(&[("cards", 4)]);
    run(first_event(), &context(&warehouse, &later)).await.unwrap();
    let manifests = later.manifests.lock().unwrap();
    let (key, text) = manifests.first_key_value().unwrap();
    assert_eq!(key, "_loads/cards/0-4.0.manifest");
    assert_eq!(text.matches("s3://silver/cards/part-").count(), 4);
    assert_eq!(warehouse.state().script.versions["cards"], 4);
}

#[tokio::test]
async fn rows_withdrawn_from_silver_are_deleted_with_the_next_load_and_once() {
    let warehouse = FakeWarehouse::default();
    run(first_event(), &context(&warehouse, &silver(&[("cards", 0)])))
        .await
        .unwrap();
    for version in [3, 4] {
        let later = FakeSilver {
            withdrawn: Some(2),
            ..silver(&[("cards", version)])
        };
        run(first_event(), &context(&warehouse, &later)).await.unwrap();
        let state = warehouse.state();
        let statements = state.submissions.iter().flat_map(|submission| &submission.statements);
        let deletes = statements.filter(|statement| *statement == "delete from \"raw\".\"cards\"");
        assert_eq!(deletes.count(), 1, "at version {version}");
    }
}

#[tokio::test]
async fn a_tick_done_twice_changes_nothing() {
    let (warehouse, silver) = (FakeWarehouse::default(), silver(&[("transactions", 1), ("cards", 0)]));
    let context = context(&warehouse, &silver);
    let mut event = first_event();
    loop {
        let lost = event.cursor.is_some().then(|| event.clone());
        if let Some(lost) = lost {
            // The answer of this one never arrives.
            load_tick(lost, &context).await.unwrap();
        }
        let output = load_tick(event, &context).await.unwrap();
        if output.status == TickStatus::Succeeded {
            assert_eq!(output.datasets.len(), 2);
            break;
        }
        event = next(&output);
    }
    assert_eq!(merges(&warehouse), 2, "one for each dataset");
}

#[tokio::test]
async fn a_refused_submission_is_transient_and_the_same_cursor_goes_on() {
    let (warehouse, silver) = (FakeWarehouse::default(), silver(&[("transactions", 1), ("cards", 0)]));
    let context = context(&warehouse, &silver);
    let output = load_tick(first_event(), &context).await.unwrap();
    warehouse.state().throttled = 1;
    let error = load_tick(next(&output), &context).await.unwrap_err();
    assert!(error.kind().is_transient(), "{error}");
    let output = run(next(&output), &context).await.unwrap();
    assert_eq!(output.datasets.len(), 2);
    assert_eq!(merges(&warehouse), 2);
}

#[tokio::test]
async fn of_two_loaders_at_once_the_slower_one_plans_anew() {
    let (warehouse, silver) = (FakeWarehouse::default(), silver(&[("transactions", 1)]));
    let context = context(&warehouse, &silver);
    let slow = load_tick(first_event(), &context).await.unwrap();
    let fast = load_tick(first_event(), &context).await.unwrap();
    // Both read the ledger before either has loaded; then the fast one loads.
    warehouse.state().failures.push(Failure::starting_with(
        "update \"ops\".\"loads\"",
        "ERROR: 1023 DETAIL: Serializable isolation violation on table",
    ));
    let slow = load_tick(next(&slow), &context).await.unwrap();
    run(next(&fast), &context).await.unwrap();
    let output = run(next(&slow), &context).await.unwrap();
    assert_eq!((output.datasets[0].version, output.datasets[0].copied_rows), (1, 0));
    assert_eq!(warehouse.state().script.versions["transactions"], 1);
    assert!(warehouse.state().cancelled.is_empty(), "the loader cancels nothing");
}

#[tokio::test]
async fn a_moved_ledger_is_noticed_inside_the_transaction() {
    let (warehouse, silver) = (FakeWarehouse::default(), silver(&[("transactions", 1)]));
    run(first_event(), &context(&warehouse, &silver)).await.unwrap();
    let later = FakeSilver {
        versions: BTreeMap::from([("transactions", 3)]),
        ..FakeSilver::default()
    };
    let later_context = context(&warehouse, &later);
    warehouse.state().failures.push(Failure::starting_with(
        "select cast(case when min(version) = 1",
        "ERROR: Invalid digit, Value 't', Pos 0, Type: Integer",
    ));
    let output = run(first_event(), &later_context).await.unwrap();
    assert_eq!(output.datasets[0].version, 3);
}

#[tokio::test]
async fn a_conflict_that_never_ends_is_an_error() {
    let (warehouse, silver) = (FakeWarehouse::default(), silver(&[("transactions", 1)]));
    let conflict = Failure::starting_with(
        "update \"ops\".\"loads\"",
        "ERROR: 1023 DETAIL: Serializable isolation violation on table",
    );
    warehouse.state().failures.push(conflict.times(40));
    let error = run(first_event(), &context(&warehouse, &silver)).await.unwrap_err();
    assert_eq!(error.kind().error_type(), "Cardlake.StatementFailed");
}

#[tokio::test]
async fn a_failed_copy_says_where_the_data_is_wrong() {
    let (warehouse, silver) = (FakeWarehouse::default(), silver(&[("cards", 0)]));
    warehouse.state().failures.push(Failure::starting_with(
        "copy ",
        "ERROR: Load into table 'staged_cards' failed.",
    ));
    let error = run(first_event(), &context(&warehouse, &silver)).await.unwrap_err();
    insta::assert_snapshot!(error, @"COPY into cards failed: ERROR: Load into table 'staged_cards' failed. (file s3://silver/cards/a.parquet, row 3, column brand: too long)");
    assert_eq!(warehouse.state().script.versions["cards"], -1, "rolled back");
    assert!(warehouse.state().cancelled.is_empty(), "the loader cancels nothing");
}

#[tokio::test]
async fn an_unknown_dataset_and_one_without_a_table_are_told_apart() {
    let context = context(&FakeWarehouse::default(), &silver(&[]));
    let named = |name: &str| LoaderEvent {
        datasets: Some(vec![name.to_owned()]),
        ..first_event()
    };
    let error = load_tick(named("orders"), &context).await.unwrap_err();
    assert_eq!(error.kind().error_type(), "Cardlake.InvalidEvent");
    let error = load_tick(named("cards"), &context).await.unwrap_err();
    assert_eq!(error.kind().error_type(), "Cardlake.NotFound");
}

#[tokio::test]
async fn a_foreign_cursor_is_refused() {
    let context = context(&FakeWarehouse::default(), &silver(&[]));
    let event = LoaderEvent {
        cursor: Some(serde_json::json!({"tick": 1})),
        ..first_event()
    };
    let error = load_tick(event, &context).await.unwrap_err();
    assert_eq!(error.kind().error_type(), "Cardlake.InvalidEvent");
}

#[tokio::test]
async fn rows_that_got_lost_in_the_warehouse_fail_every_load_until_they_are_back() {
    let (warehouse, silver) = (FakeWarehouse::default(), silver(&[("cards", 1)]));
    let context = context(&warehouse, &silver);
    run(first_event(), &context).await.unwrap();
    warehouse.state().script.lost = 1;
    for _ in 0..2 {
        let error = run(first_event(), &context).await.unwrap_err();
        assert_eq!(error.kind().error_type(), "Cardlake.BooksImbalance");
        insta::allow_duplicates! {
            insta::assert_snapshot!(error, @"cards does not balance at version 1: the warehouse has 9 rows, silver 10; load it with full_refresh");
        }
    }
    warehouse.state().script.lost = 0;
    run(first_event(), &context).await.unwrap();
}

#[tokio::test]
async fn an_imbalance_rolls_back_and_says_which_partitions_were_wrong_before() {
    let (warehouse, silver) = (FakeWarehouse::default(), silver(&[("cards", 1)]));
    run(first_event(), &context(&warehouse, &silver)).await.unwrap();
    let later = FakeSilver {
        versions: BTreeMap::from([("cards", 2)]),
        ..FakeSilver::default()
    };
    {
        let mut inner = warehouse.state();
        inner.script.lost = 3;
        let refusal = "ERROR: Invalid digit, Value 't', Pos 0, Type: Long";
        inner
            .failures
            .push(Failure::starting_with("select cast(case when count(*) = 0", refusal));
    }
    let error = run(first_event(), &context(&warehouse, &later)).await.unwrap_err();
    insta::assert_snapshot!(error, @"cards does not balance at version 2: the table: 7 rows in the warehouse, 10 in silver at version 1; load it with full_refresh");
    assert_eq!(warehouse.state().script.versions["cards"], 1, "rolled back");
}
