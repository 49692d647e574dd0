//! Two processes of the built function at once, against one store.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

use cardlake_core::error::ErrorKind;
use cardlake_core::events::{PublishOutput, ReconcileOutput, ReconcilerEvent};
use cardlake_test_support::Function;
use cardlake_test_support::transactions::{Row, TransactionLake, date, expected};
use serde_json::{Value, json};

const RECONCILER: &str = env!("CARGO_BIN_EXE_reconciler");

async fn reconcile(function: &mut Function, day: u32) -> Option<String> {
    let event = ReconcilerEvent::Reconcile {
        batch_date: date(day),
        dataset: "transactions".into(),
        late_window_days: None,
    };
    let output: ReconcileOutput = serde_json::from_value(function.invoke(&event).await.unwrap()).unwrap();
    assert!(output.candidate.is_some(), "{output:?}");
    output.candidate
}

async fn publish(function: &mut Function, day: u32, candidate: Option<String>) -> Result<PublishOutput, Value> {
    let event = ReconcilerEvent::Publish {
        batch_date: date(day),
        dataset: "transactions".into(),
        candidate,
    };
    let output = function.invoke(&event).await?;
    Ok(serde_json::from_value(output).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_that_publish_at_once_one_conflicts_and_both_batches_end_in_the_table() {
    let lake = TransactionLake::start().await;
    let mut first = Function::start(RECONCILER, &lake.lake).await;
    let mut second = Function::start(RECONCILER, &lake.lake).await;
    let mut wanted: Vec<Row> = Vec::new();
    // The first round makes the table.
    for (round, day) in (0..).zip([11, 13, 15, 17]) {
        let own: Vec<Row> = (0..10).map(|id| Row::new(round * 100 + id, day, 1)).collect();
        let mut other: Vec<Row> = (20..30).map(|id| Row::new(round * 100 + id, day + 1, 2)).collect();
        // One row of the earlier batch is corrected by the later one, whichever comes first.
        other.push(Row {
            amount: 77,
            ..own[3].clone()
        });
        lake.deliver("a.csv", day, &own).await;
        lake.deliver("a.csv", day + 1, &other).await;
        wanted.extend(own.into_iter().filter(|row| row.id != round * 100 + 3));
        wanted.extend(other);

        // Both candidates stand on the same version, so that one of them has to lose.
        let candidates = tokio::join!(reconcile(&mut first, day), reconcile(&mut second, day + 1));
        let published = tokio::join!(
            publish(&mut first, day, candidates.0),
            publish(&mut second, day + 1, candidates.1)
        );
        let (function, day, error) = match published {
            (Ok(_), Err(error)) => (&mut second, day + 1, error),
            (Err(error), Ok(_)) => (&mut first, day, error),
            other => unreachable!("one of two commits of a version wins: {other:?}"),
        };
        assert_eq!(error["errorType"], ErrorKind::CommitConflict.error_type(), "{error}");
        let candidate = reconcile(function, day).await;
        let published = publish(function, day, candidate).await.unwrap();
        assert_eq!(published.version, u64::from(2 * round + 1));
        assert_eq!(published.table_rows, wanted.len() as u64);
        assert_eq!(lake.contents().await, expected(&wanted));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_does_not_fit_has_the_fixed_error_name() {
    let lake = TransactionLake::start().await;
    let mut function = Function::start(RECONCILER, &lake.lake).await;
    let error = function.invoke(&json!({ "action": "recount" })).await.unwrap_err();
    assert_eq!(error["errorType"], ErrorKind::InvalidEvent.error_type(), "{error}");
    assert!(
        error["errorMessage"]
            .as_str()
            .unwrap()
            .starts_with("cannot read the event: "),
        "{error}"
    );
}
