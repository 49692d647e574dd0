//! Runs of neighbouring days, and of the same day twice, at the same time: a schedule and a backfill that meet.

use super::*;
use crate::environment::BRONZE;
use serde_json::json;
use std::fmt::Write;
use tempfile::TempDir;

/// A day's transactions, each with the day as its amount.
fn file(day: u32, ids: std::ops::Range<u32>) -> String {
    let mut text =
        "transaction_id,customer_id,card_id,merchant_id,txn_ts,amount,currency,mcc,status,is_refund,channel\n"
            .to_owned();
    for id in ids {
        // Rows of the days before are late corrections.
        let event_day = 13 + (id / 40).min(day - 13);
        writeln!(
            text,
            "{id:08x}-0000-4000-8000-000000000000,CUS{:04},{:08x}-0000-4000-9000-000000000000,MER{:04},\
             2026-01-{event_day} 10:00:{:02},{day}.50,KRW,5411,approved,false,online",
            id % 7,
            id % 11,
            id % 5,
            id % 60
        )
        .unwrap();
    }
    text
}

async fn lake(folder: &TempDir) -> Environment {
    let environment = Environment::open(folder.path()).await.unwrap();
    for (day, ids) in [(13, 0..50), (14, 30..90), (15, 60..120)] {
        let key = format!("transactions/ingest_date=2026-01-{day}/a.csv");
        let text = file(day, ids).into_bytes();
        environment.storage().put(BRONZE, &key, text).await.unwrap();
    }
    environment
}

async fn run(environment: &Environment, day: &str) -> DayOutcome {
    let input = json!({"batch_date": day});
    let outcome = run_day(environment, day.parse().unwrap(), input, &Progress::new(false, 1)).await;
    let outcome = outcome.unwrap();
    assert_eq!(outcome.failure, None, "{day}");
    outcome
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_at_the_same_time_come_to_what_runs_in_order_come_to() {
    let (together, in_order) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let environment = lake(&together).await;
    let days = ["2026-01-14", "2026-01-13", "2026-01-15", "2026-01-14"];
    futures::future::join_all(days.map(|day| run(&environment, day))).await;
    let found = run(&environment, "2026-01-15").await;
    environment.close().await.unwrap();

    let environment = lake(&in_order).await;
    for day in ["2026-01-13", "2026-01-14", "2026-01-15"] {
        run(&environment, day).await;
    }
    let wanted = run(&environment, "2026-01-15").await;
    environment.close().await.unwrap();
    let rows = |outcome: &DayOutcome| {
        let books = &outcome.books.as_ref().unwrap().datasets["transactions"];
        (books.silver_rows, books.warehouse_rows)
    };
    assert_eq!(rows(&found), (120, 120));
    assert_eq!(rows(&found), rows(&wanted));
    assert_eq!(found.marts, wanted.marts);
}
