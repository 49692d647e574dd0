//! From the Delta log to the warehouse: the loader against the real local Redshift, tick by tick.

use crate::support::{DATASET, Failed, Lake, Options, SILVER, add_field, contract, date, deliver, row, write_contract};
use cardlake_aws::clients::{Aws, Endpoints};
use cardlake_aws::data_api::{DataApi, StatementState, Submission, Value, Warehouse, client_token};
use cardlake_aws::lease::Lease;
use cardlake_aws::runtime::Resources;
use cardlake_aws::storage::Storage;
use cardlake_core::config::{Variables, WarehouseConfig, WarehouseTarget};
use cardlake_core::env;
use cardlake_core::error::{ErrorKind, StageError, with_causes};
use cardlake_core::events::{LoadedDataset, LoaderEvent, LoaderOutput, TickStatus};
use cardlake_core::paths;
use cardlake_loader::{Context, load_tick};
use cardlake_local_redshift::{KnownSecrets, RedshiftOptions, RedshiftServer};
use cardlake_test_support::LoopbackLake;
use chrono::Utc;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

#[derive(Debug)]
struct NoSecrets;

impl KnownSecrets for NoSecrets {
    fn contains(&self, _: &str) -> bool {
        false
    }
}

/// A lake and a warehouse over one folder.
pub(crate) struct Fixture {
    lake: Lake,
    redshift: RedshiftServer,
    folder: TempDir,
    assets: TempDir,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        Self::with_contract(&contract()).await
    }

    async fn with_contract(text: &str) -> Self {
        let (folder, assets) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        write_contract(assets.path(), text);
        let lake = open(&folder, &assets).await;
        let redshift = cardlake_local_redshift::start(RedshiftOptions {
            listen: "127.0.0.1:0".parse().unwrap(),
            database_file: folder.path().join("warehouse.duckdb"),
            database: "cardlake".to_owned(),
            workgroup: None,
            s3: lake.aws().s3(),
            credentials: LoopbackLake::credentials(),
            region: "us-east-1".to_owned(),
            known_secrets: Arc::new(NoSecrets),
            memory_limit: None,
            max_result_bytes: None,
            access_log: None,
            wire: None,
        })
        .await
        .unwrap();
        Self {
            lake,
            redshift,
            folder,
            assets,
        }
    }

    /// The lake under another contract. The warehouse reads objects through the server it began with, which stays.
    async fn change_contract(&mut self, text: &str) -> Lake {
        write_contract(self.assets.path(), text);
        let changed = open(&self.folder, &self.assets).await;
        std::mem::replace(&mut self.lake, changed)
    }

    fn aws(&self) -> Aws {
        let endpoints = Endpoints {
            s3: Some(self.lake.endpoint()),
            redshift_data: Some(self.redshift.endpoint_url()),
            ..Endpoints::default()
        };
        Aws::new(self.lake.aws().sdk().clone(), endpoints)
    }

    /// A loader as a function of its own has it.
    pub(crate) async fn loader(&self) -> Context {
        self.loader_with(self.assets.path()).await
    }

    async fn loader_with(&self, assets: &Path) -> Context {
        let values = [
            (env::BRONZE_BUCKET, "bronze"),
            (env::SILVER_BUCKET, SILVER),
            (env::GOLD_BUCKET, "gold"),
            (env::REDSHIFT_WORKGROUP, "cardlake"),
            (env::ASSETS_DIR, assets.to_str().unwrap()),
        ];
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let variables = Variables::new(values);
        Context::new(Resources::new(variables, self.aws(), cardlake_assets::embedded()))
            .await
            .unwrap()
    }

    async fn day(&self, day: u32, rows: &[String]) {
        deliver(self.folder.path(), day, "a.csv", 0, rows);
        self.lake.run(day, None).await.unwrap();
    }

    /// The rows of a statement, values between bars.
    pub(crate) async fn sql(&self, statement: &str) -> Vec<String> {
        let config = WarehouseConfig {
            target: WarehouseTarget::Workgroup("cardlake".to_owned()),
            database: "cardlake".to_owned(),
            secret_arn: None,
            db_user: None,
            copy_role_arn: None,
        };
        let warehouse = Warehouse::new(self.aws().redshift_data(), config);
        let submission = Submission {
            name: "test".to_owned(),
            token: client_token(&[statement, &uuid::Uuid::new_v4().to_string()]),
            statements: vec![statement.to_owned()],
        };
        let id = warehouse.submit(&submission).await.unwrap();
        let outcome = loop {
            match warehouse.poll(&id).await.unwrap() {
                StatementState::Running => tokio::time::sleep(Duration::from_millis(2)).await,
                StatementState::Finished { statements } => break statements,
                StatementState::Failed { error, .. } => panic!("{statement}: {error}"),
            }
        };
        if !outcome[0].has_result {
            return Vec::new();
        }
        let result = warehouse.results(&id).await.unwrap();
        let rows = result.rows.iter();
        rows.map(|row| row.iter().map(Value::display).collect::<Vec<_>>().join("|"))
            .collect()
    }

    /// What the raw table says about its rows, whichever load brought them.
    async fn rows(&self) -> Vec<String> {
        self.sql(
            "select transaction_id, txn_date, amount, merchant_category, ingest_date, row_hash from raw.transactions \
             order by 1",
        )
        .await
    }

    async fn ledger(&self) -> Vec<String> {
        self.sql("select version, previous_version, copied_rows, is_current from ops.loads order by version")
            .await
    }
}

async fn open(folder: &TempDir, assets: &TempDir) -> Lake {
    let options = Options {
        assets: Some(assets.path().to_owned()),
        ..Options::default()
    };
    Lake::open(folder.path(), options).await
}

fn event(full_refresh: bool) -> LoaderEvent {
    LoaderEvent {
        batch_date: date(15),
        run_id: None,
        datasets: None,
        full_refresh,
        cursor: None,
    }
}

async fn tick(event: LoaderEvent, loader: &Context) -> Result<LoaderOutput, Failed> {
    load_tick(event, loader).await.map_err(|error| Failed {
        kind: error.kind(),
        message: with_causes(&error),
    })
}

/// The ticks of a load to its end.
async fn load_from(mut event: LoaderEvent, loader: &Context) -> Result<LoadedDataset, Failed> {
    loop {
        let output = tick(event.clone(), loader).await?;
        if output.status == TickStatus::Succeeded {
            let mut datasets = output.datasets;
            return Ok(datasets.pop().unwrap());
        }
        event.cursor = output.cursor;
        // The state machine waits longer: who loses against another loader comes back when that one is done.
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

async fn load(loader: &Context) -> Result<LoadedDataset, Failed> {
    load_from(event(false), loader).await
}

/// Day 13 to 15: new rows, corrections of the day before, and a late one.
fn days() -> [(u32, Vec<String>); 3] {
    [
        (13, (0..40).map(|number| row(number, 13, 100)).collect()),
        (
            14,
            (40..80)
                .map(|number| row(number, 14, 200))
                .chain((0..5).map(|number| row(number, 13, 999)))
                .collect(),
        ),
        (
            15,
            (80..120)
                .map(|number| row(number, 15, 300))
                .chain([row(200, 13, 7), row(41, 14, 555)])
                .collect(),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missed_day_is_caught_up_with_and_only_changed_rows_are_taken_over() {
    let fixture = Fixture::start().await;
    let loader = fixture.loader().await;
    let [first, second, third] = days();
    fixture.day(first.0, &first.1).await;
    let loaded = load(&loader).await.unwrap();
    assert_eq!((loaded.version, loaded.copied_rows, loaded.warehouse_rows), (0, 40, 40));
    let compared = loaded.compared.unwrap();
    assert_eq!((compared.partitions, compared.rows), (2, 40));
    assert_eq!(compared.sums["amount"], "4020.00");
    assert!(compared.sums.contains_key("row_hash"));

    // The second day is not loaded; the third brings both.
    fixture.day(second.0, &second.1).await;
    fixture.day(third.0, &third.1).await;
    let loaded = load(&loader).await.unwrap();
    assert_eq!((loaded.version, loaded.warehouse_rows), (2, 121));
    assert!(
        loaded.copied_rows > 86,
        "rewritten files hold rows that did not change: {loaded:?}"
    );
    let taken_over = "select load_version, count(*) from raw.transactions group by 1 order by 1";
    assert_eq!(fixture.sql(taken_over).await, ["0|35", "2|86"]);
    assert_eq!(
        fixture.ledger().await[1..],
        ["0|-1|40|false".to_owned(), format!("2|0|{}|true", loaded.copied_rows)]
    );

    // Nothing new: nothing is copied; and a full refresh comes to the same rows.
    let before = fixture.rows().await;
    let again = load(&loader).await.unwrap();
    assert_eq!((again.version, again.copied_rows, again.compared), (2, 0, None));
    let refreshed = load_from(event(true), &loader).await.unwrap();
    assert_eq!((refreshed.copied_rows, refreshed.warehouse_rows), (121, 121));
    assert_eq!(refreshed.compared.unwrap().rows, 121);
    assert_eq!(fixture.rows().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn merged_files_bring_no_row_again_and_none_is_missed() {
    let fixture = Fixture::start().await;
    let loader = fixture.loader().await;
    for (day, rows) in days() {
        fixture.day(day, &rows).await;
        load(&loader).await.unwrap();
    }
    let before = fixture.rows().await;
    let merged = fixture.lake.optimize().await.unwrap();
    assert!(merged.files_removed > merged.files_added, "{merged:?}");
    let loaded = load(&loader).await.unwrap();
    assert_eq!((loaded.version, loaded.copied_rows, loaded.warehouse_rows), (3, 0, 121));
    assert_eq!(fixture.rows().await, before);

    // A batch that is merged before it is loaded.
    fixture
        .day(16, &[row(300, 16, 1), row(301, 14, 2), row(302, 14, 3)])
        .await;
    assert!(fixture.lake.optimize().await.unwrap().files_removed > 0);
    let loaded = load(&loader).await.unwrap();
    assert_eq!((loaded.version, loaded.warehouse_rows), (5, 124));
    assert!((3..124).contains(&loaded.copied_rows), "{loaded:?}");
    let of_late_rows =
        "select amount from raw.transactions where txn_date = '2026-01-14' and ingest_date = '2026-01-16'";
    assert_eq!(fixture.sql(of_late_rows).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_and_repeated_ticks_and_killed_loaders_come_to_the_same_end() {
    let smooth = Fixture::start().await;
    let rough = Fixture::start().await;
    for (day, rows) in days() {
        smooth.day(day, &rows).await;
        load(&smooth.loader().await).await.unwrap();
        rough.day(day, &rows).await;
        // A loader is killed after each of its ticks: what it has submitted runs on, nobody looks.
        for ticks in 1..=3 {
            let (loader, mut event) = (rough.loader().await, event(false));
            for _ in 0..ticks {
                let output = tick(event.clone(), &loader).await.unwrap();
                event.cursor = output.cursor;
                if event.cursor.is_none() {
                    break;
                }
            }
        }
        // And of the one that gets through every answer is lost once.
        let (loader, mut event) = (rough.loader().await, event(false));
        loop {
            if event.cursor.is_some() {
                tick(event.clone(), &loader).await.unwrap();
            }
            let output = tick(event.clone(), &rough.loader().await).await.unwrap();
            if output.status == TickStatus::Succeeded {
                break;
            }
            event.cursor = output.cursor;
        }
    }
    assert_eq!(rough.rows().await, smooth.rows().await);
    let versions = "select version, count(*) from ops.loads where version >= 0 group by 1 order by 1";
    assert_eq!(
        rough.sql(versions).await,
        ["0|1", "1|1", "2|1"],
        "no version was loaded twice"
    );
    let current = "select version from ops.loads where is_current";
    assert_eq!(rough.sql(current).await, ["2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn loaders_at_the_same_time_come_to_the_same_end() {
    let one = Fixture::start().await;
    let many = Fixture::start().await;
    for (day, rows) in days() {
        one.day(day, &rows).await;
        load(&one.loader().await).await.unwrap();
        many.day(day, &rows).await;
        let (a, b, c) = (many.loader().await, many.loader().await, many.loader().await);
        let (a, b, c) = tokio::join!(load(&a), load(&b), load(&c));
        for loaded in [a, b, c] {
            assert_eq!(loaded.unwrap().version, u64::from(day - 13));
        }
    }
    assert_eq!(many.rows().await, one.rows().await);
    assert_eq!(many.ledger().await, one.ledger().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_waits_while_another_run_has_the_warehouse() {
    let fixture = Fixture::start().await;
    let loader = fixture.loader().await;
    fixture.day(15, &[row(1, 15, 100)]).await;
    let lease = Lease::new(Storage::new(fixture.aws().s3()), SILVER, paths::WAREHOUSE_LEASE);
    assert!(lease.acquire("a build", Utc::now()).await.unwrap());
    let event = |datasets: Option<&str>| LoaderEvent {
        run_id: Some("a load".to_owned()),
        datasets: datasets.map(|name| vec![name.to_owned()]),
        ..event(false)
    };
    for _ in 0..3 {
        let output = tick(event(None), &loader).await.unwrap();
        assert_eq!((output.status, output.cursor), (TickStatus::Running, None));
    }
    let schemas = "select count(*) from information_schema.schemata where schema_name in ('raw', 'ops')";
    assert_eq!(fixture.sql(schemas).await, ["0"]);

    lease.release("a build").await.unwrap();
    let under_way = tick(event(None), &loader).await.unwrap();
    assert_eq!(under_way.status, TickStatus::Running);
    assert!(!lease.acquire("a build", Utc::now()).await.unwrap());
    let cursor = under_way.cursor;
    let loaded = load_from(LoaderEvent { cursor, ..event(None) }, &loader).await;
    assert_eq!(loaded.unwrap().warehouse_rows, 1);

    // It was given back; so it is after a failure.
    assert!(lease.acquire("a build", Utc::now()).await.unwrap());
    lease.release("a build").await.unwrap();
    tick(event(Some("merchants")), &loader).await.unwrap_err();
    assert!(lease.acquire("a build", Utc::now()).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_in_the_middle_of_the_contract_comes_into_a_table_with_older_files() {
    let mut fixture = Fixture::start().await;
    let root = fixture.folder.path().to_owned();
    let [first, second, third] = days();
    fixture.day(first.0, &first.1).await;
    load(&fixture.loader().await).await.unwrap();
    // Another day under the old contract that is not loaded, then one under a contract with a column in the middle.
    fixture.day(second.0, &second.1).await;
    let device = "      - name: device\n        logicalType: string\n        physicalType: VARCHAR(32)\n";
    let wider = contract().replace("      - name: currency\n", &format!("{device}      - name: currency\n"));
    let _server = fixture.change_contract(&wider).await;
    deliver(&root, third.0, "a.csv", 0, &third.1);
    add_field(&root, third.0, "a.csv", "device", "phone");
    fixture.lake.run(third.0, None).await.unwrap();
    let loaded = load(&fixture.loader().await).await.unwrap();
    assert_eq!((loaded.version, loaded.warehouse_rows), (2, 121));
    let devices = "select device, currency, count(*) from raw.transactions group by 1, 2 order by 3";
    assert_eq!(fixture.sql(devices).await, ["phone|KRW|42", "|KRW|79"]);
    // The same from nothing.
    let before = fixture.rows().await;
    load_from(event(true), &fixture.loader().await).await.unwrap();
    assert_eq!(fixture.rows().await, before);
    assert_eq!(fixture.sql(devices).await, ["phone|KRW|42", "|KRW|79"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_new_columns_than_a_batch_has_statements_go_ahead_of_the_load() {
    let mut fixture = Fixture::start().await;
    let [first, second, _] = days();
    fixture.day(first.0, &first.1).await;
    load(&fixture.loader().await).await.unwrap();
    let columns: String = (0..90)
        .map(|number| {
            format!("      - name: extra_{number}\n        logicalType: string\n        physicalType: VARCHAR(8)\n")
        })
        .collect();
    let wider = contract().replace("      - name: extra\n", &format!("{columns}      - name: extra\n"));
    let _server = fixture.change_contract(&wider).await;
    fixture.day(second.0, &second.1).await;
    let loaded = load(&fixture.loader().await).await.unwrap();
    assert_eq!((loaded.version, loaded.warehouse_rows), (1, 80));
    let count = "select count(*) from information_schema.columns where table_name = 'transactions'";
    assert_eq!(fixture.sql(count).await, ["111"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_somebody_changed_fails_the_load_until_it_is_right_again() {
    let fixture = Fixture::start().await;
    let loader = fixture.loader().await;
    let [first, second, third] = days();
    fixture.day(first.0, &first.1).await;
    load(&loader).await.unwrap();
    let right = fixture.rows().await;
    let taxi = "(select max(transaction_id) from raw.transactions where merchant_category = 'taxi')";
    fixture
        .sql(&format!("delete from raw.transactions where transaction_id = {taxi}"))
        .await;
    let error = load(&loader).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::BooksImbalance);
    assert!(
        error.message.contains("the warehouse has 39 rows, silver 40"),
        "{error}"
    );
    load_from(event(true), &loader).await.unwrap();
    assert_eq!(fixture.rows().await, right);

    // A load that touches the partition is rolled back, and says what was wrong before it.
    fixture
        .sql(&format!(
            "insert into raw.transactions select * from raw.transactions where transaction_id = {taxi}"
        ))
        .await;
    fixture.day(second.0, &second.1).await;
    let error = load(&loader).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::BooksImbalance, "{error}");
    assert!(
        error.message.contains(
            "merchant_category=taxi/txn_date=2026-01-13: 21 rows in the warehouse, 20 in silver at version 0"
        ),
        "{error}"
    );
    assert_eq!(fixture.rows().await.len(), 41);
    load_from(event(true), &loader).await.unwrap();
    assert_eq!(fixture.rows().await.len(), 80);

    // The right number of rows with a wrong amount is as bad; the third day brings a late row to that partition.
    fixture
        .sql("update raw.transactions set amount = amount + 0.01 where txn_date = '2026-01-13'")
        .await;
    fixture.day(third.0, &third.1).await;
    let error = load(&loader).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::BooksImbalance, "{error}");
    assert!(error.message.contains("the counts were right"), "{error}");
    load_from(event(true), &loader).await.unwrap();
    assert_eq!(fixture.rows().await.len(), 121);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_does_not_fit_is_reported_with_file_row_column_and_reason() {
    let fixture = Fixture::start().await;
    let [first, ..] = days();
    fixture.day(first.0, &first.1).await;
    // The warehouse is asked for a narrower column than silver was checked for.
    let assets = TempDir::new().unwrap();
    let currency = "      - name: currency\n        description: ISO 4217 code of the currency.\n        logicalType: string\n        physicalType: VARCHAR(3)";
    assert!(contract().contains(currency));
    write_contract(
        assets.path(),
        &contract().replace(currency, &currency.replace("VARCHAR(3)", "VARCHAR(2)")),
    );
    let error = load(&fixture.loader_with(assets.path()).await).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::StatementFailed);
    assert!(error.message.starts_with("COPY into transactions failed: "), "{error}");
    assert!(
        error
            .message
            .contains(&format!("file s3://{SILVER}/{DATASET}/txn_date=2026-01-13/")),
        "{error}"
    );
    assert!(error.message.contains(", row 1, column currency: "), "{error}");
    assert_eq!(fixture.ledger().await, ["-1|-1|0|true"], "rolled back");
}

/// Rows 1 and 2 on the 13th with others, corrected to the 17th four days later.
async fn moving(fixture: &Fixture) {
    let first = [row(1, 13, 100), row(2, 13, 100), row(3, 13, 100), row(4, 14, 100)];
    fixture.day(15, &first).await;
    load(&fixture.loader().await).await.unwrap();
}

/// Where the rows of [`moving`] have to be in the end.
const MOVED: [&str; 5] = [
    "1|2026-01-17|200.50",
    "2|2026-01-17|200.50",
    "3|2026-01-13|100.50",
    "4|2026-01-14|100.50",
    "5|2026-01-17|200.50",
];

async fn where_rows_are(fixture: &Fixture) -> Vec<String> {
    let statement =
        "select cast(substring(customer_id, 4) as integer), txn_date, amount from raw.transactions order by 1";
    fixture.sql(statement).await
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_move_to_another_day_leave_the_old_one() {
    let fixture = Fixture::start().await;
    moving(&fixture).await;
    // The 13th loses one of two rows of a partition, and the only one of another.
    fixture
        .day(17, &[row(1, 17, 200), row(2, 17, 200), row(5, 17, 200)])
        .await;
    let loaded = load(&fixture.loader().await).await.unwrap();
    assert_eq!(loaded.warehouse_rows, 5);
    assert_eq!(where_rows_are(&fixture).await, MOVED);
    let before = fixture.rows().await;
    load_from(event(true), &fixture.loader().await).await.unwrap();
    assert_eq!(fixture.rows().await, before);
}

/// Commits day 17 as a version before key filters did: silver has rows 1 and 2 twice.
async fn poison(fixture: &Fixture) {
    let root = fixture.folder.path();
    deliver(
        root,
        17,
        "a.csv",
        0,
        &[row(1, 17, 200), row(2, 17, 200), row(5, 17, 200)],
    );
    fixture
        .lake
        .transform(&crate::support::bronze_key(17, "a.csv"), None)
        .await
        .unwrap();
    let key = fixture.lake.reconcile(17, None).await.unwrap().candidate.unwrap();
    let silver = root.join(SILVER);
    let read =
        |key: &str| -> serde_json::Value { serde_json::from_slice(&std::fs::read(silver.join(key)).unwrap()).unwrap() };
    let mut candidate = read(&key);
    let record = read(&format!("_objects/{DATASET}/ingest_date=2026-01-17/a.csv.json"));
    candidate["id"] = "0123".into();
    candidate["add"] = record["files"].clone();
    candidate["remove"] = serde_json::json!([]);
    let key = paths::candidate(DATASET, date(17), "0123");
    std::fs::write(silver.join(&key), candidate.to_string()).unwrap();
    fixture.lake.publish(17, Some(key)).await.unwrap();
    let filters = silver.join(paths::key_filters_prefix(DATASET));
    if filters.is_dir() {
        std::fs::remove_dir_all(filters).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_silver_held_twice_is_mended_by_the_full_refresh_that_the_load_advises() {
    let fixture = Fixture::start().await;
    moving(&fixture).await;
    poison(&fixture).await;
    // A load looks at the days it touches, and agrees with silver there: the models' uniqueness tests name the key.
    let copied = load(&fixture.loader().await).await.unwrap();
    assert!(copied.warehouse_rows > 5, "{copied:?}");
    let published = fixture.lake.run(17, None).await.unwrap();
    assert_eq!(published.table_rows, 5);
    let error = load(&fixture.loader().await).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::BooksImbalance, "{error}");
    assert!(error.to_string().contains("full_refresh"), "{error}");
    let loaded = load_from(event(true), &fixture.loader().await).await.unwrap();
    assert_eq!(loaded.warehouse_rows, 5);
    assert_eq!(where_rows_are(&fixture).await, MOVED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_a_full_refresh_loaded_twice_is_mended_by_another_one() {
    let fixture = Fixture::start().await;
    moving(&fixture).await;
    poison(&fixture).await;
    // Each partition agrees with silver, where the key is in two of them.
    let refreshed = load_from(event(true), &fixture.loader().await).await;
    fixture.lake.run(17, None).await.unwrap();
    let loaded = load(&fixture.loader().await).await;
    if loaded.is_err() {
        load_from(event(true), &fixture.loader().await).await.unwrap();
    }
    assert_eq!(where_rows_are(&fixture).await, MOVED, "{refreshed:?} {loaded:?}");
}
