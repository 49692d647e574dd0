//! Services that fail while a day runs: what the operator sees, and that a day that was run again is whole.

use super::*;
use crate::environment::{BRONZE, SILVER, Servers};
use cardlake_aws::run_records;
use cardlake_core::paths;
use cardlake_core::run_record::{RunOutcome, RunRecord};
use cardlake_loopback::{HookDecision, RequestHook};
use cardlake_states::HistoryEvent;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tempfile::TempDir;

const FILE: &str = "merchant_id,name,mcc,city,country,opened_at\nMER0001,A,5411,Seoul,KR,2020-01-01\n";

/// S3 says "slow down" to reads of object records, so many times.
#[derive(Debug)]
struct SlowDown(AtomicU32);

impl RequestHook for SlowDown {
    fn before(&self, operation: &str, _bucket: &str, key: &str) -> HookDecision {
        let left = || {
            self.0
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
        };
        if operation == "GetObject" && key.starts_with("_objects/") && left().is_ok() {
            return HookDecision::Fail(503);
        }
        HookDecision::Proceed
    }
}

async fn run_throttled(folder: &TempDir, times: u32) -> (DayOutcome, Vec<RunRecord>) {
    let servers = Servers {
        s3_hook: Some(Arc::new(SlowDown(AtomicU32::new(times)))),
        ..Servers::default()
    };
    let environment = Environment::open_with(folder.path(), servers).await.unwrap();
    let key = "merchants/ingest_date=2026-01-15/a.csv";
    environment
        .storage()
        .put(BRONZE, key, FILE.as_bytes().to_vec())
        .await
        .unwrap();
    let input = json!({"batch_date": "2026-01-15"});
    let outcome = run_day(
        &environment,
        "2026-01-15".parse().unwrap(),
        input,
        &Progress::new(false, 1),
    )
    .await;
    let records = run_records::last(environment.storage(), SILVER, 9).await.unwrap();
    environment.close().await.unwrap();
    (outcome.unwrap(), records)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_service_is_asked_again_and_the_day_succeeds() {
    let folder = TempDir::new().unwrap();
    // More often than the SDK itself tries: the state machine's retries are needed.
    let (outcome, _) = run_throttled(&folder, 5).await;
    assert_eq!(outcome.failure, None);
    assert!(outcome.books.unwrap().datasets["merchants"].balanced);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_stays_away_fails_the_day_with_stage_cause_and_advice() {
    let folder = TempDir::new().unwrap();
    let (outcome, records) = run_throttled(&folder, u32::MAX).await;
    let failure = outcome.failure.unwrap();
    assert_eq!(failure.error, "Cardlake.Transient");
    assert!(failure.message.contains("_objects/merchants/"), "{}", failure.message);
    let RunOutcome::Failed(recorded) = &records[0].outcome else {
        panic!("{records:?}");
    };
    assert_eq!((&recorded.stage, &recorded.error), (&failure.stage, &failure.error));
    assert!(recorded.advice.contains("run the day again"), "{}", recorded.advice);

    let (again, records) = run_throttled(&folder, 0).await;
    assert_eq!(again.failure, None);
    assert_eq!(records.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_that_run_out_of_time_fail_the_day_by_name_and_the_next_run_goes_on_from_there() {
    let folder = TempDir::new().unwrap();
    let environment = Environment::open(folder.path()).await.unwrap();
    let key = "merchants/ingest_date=2026-01-15/a.csv";
    let storage = environment.storage();
    storage.put(BRONZE, key, FILE.as_bytes().to_vec()).await.unwrap();
    let run = async |function: &'static str| {
        let invoker = StageInvoker::new(&environment).await.unwrap();
        // Whoever waits for anything is too late.
        let invoker = invoker.with_timeout(function, Duration::ZERO);
        let input = json!({"batch_date": "2026-01-15"});
        let day = "2026-01-15".parse().unwrap();
        let outcome = run_day_with(&invoker, &environment, day, input, &Progress::new(false, 1)).await;
        outcome.unwrap()
    };
    for (function, stage) in [
        ("reconciler", "Plan"),
        ("validator", "Validate"),
        ("loader", "Load"),
        ("mart_builder", "Build"),
    ] {
        let outcome = run(function).await;
        let failure = outcome.failure.unwrap();
        assert_eq!(
            (failure.stage.as_str(), failure.error.as_str()),
            (stage, "Sandbox.Timedout")
        );
        let message = failure.message;
        assert!(message.starts_with("RequestId: "), "{message}");
        assert!(
            message.ends_with(" Error: Task timed out after 0.00 seconds"),
            "{message}"
        );
        // The names that the state machine retries are those of errors that may pass.
        let attempts = |event: &&HistoryEvent| event.event_type == "TaskFailed";
        assert_eq!(outcome.history.iter().filter(attempts).count(), 1);

        let records = run_records::last(storage, SILVER, 1).await.unwrap();
        let RunOutcome::Failed(recorded) = &records[0].outcome else {
            panic!("{records:?}");
        };
        assert_eq!(
            (recorded.stage.as_str(), recorded.error.as_str()),
            (stage, "Sandbox.Timedout")
        );
        assert_eq!(recorded.message, message);
        let advice = format!("{stage} took longer than it may: look into its logs, then run the day again");
        assert_eq!(recorded.advice, advice);
        // Whoever is next need not wait for the lease to expire.
        let lease = storage.get(SILVER, paths::WAREHOUSE_LEASE).await.unwrap();
        assert!(lease.is_none(), "{function}: {lease:?}");
    }
    let outcome = run("none").await;
    assert_eq!(outcome.failure, None);
    let books = &outcome.books.unwrap().datasets["merchants"];
    assert_eq!((books.balanced, books.silver_rows, books.warehouse_rows), (true, 1, 1));
    environment.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_whose_function_runs_out_of_time_is_named_and_the_day_can_be_run_again() {
    let folder = TempDir::new().unwrap();
    let environment = Environment::open(folder.path()).await.unwrap();
    let key = "merchants/ingest_date=2026-01-15/a.csv";
    let body = FILE.as_bytes().to_vec();
    environment.storage().put(BRONZE, key, body).await.unwrap();
    let run = async |timeout: Duration| {
        let invoker = StageInvoker::new(&environment).await.unwrap();
        let invoker = invoker.with_timeout("transformer", timeout);
        let input = json!({"batch_date": "2026-01-15"});
        let day = "2026-01-15".parse().unwrap();
        let outcome = run_day_with(&invoker, &environment, day, input, &Progress::new(false, 1)).await;
        outcome.unwrap()
    };
    let failure = run(Duration::ZERO).await.failure.unwrap();
    assert_eq!(
        (failure.stage.as_str(), failure.error.as_str()),
        ("Reconcile", "Cardlake.IncompleteBatch")
    );
    assert!(failure.message.contains(key), "{}", failure.message);

    let outcome = run(Duration::from_secs(900)).await;
    assert_eq!(outcome.failure, None);
    assert!(outcome.books.unwrap().datasets["merchants"].balanced);
    environment.close().await.unwrap();
}
