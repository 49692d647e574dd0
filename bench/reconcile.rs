//! Peak memory and time of the built function for batches of growing size: `memory [ROWS...]`, default 1 and 10 million.
//!
//! Half of the rows are committed first, as one day. The other half is the next day: nine tenths are new, one twentieth
//! repeats rows of the day before, one twentieth corrects them, spread over all of its files. What is measured is the
//! reconciliation of that second day. Keys are spread over their whole range, so that every file has to be compared
//! with every other one. The function runs as a process of its own; the S3 server is in this one. Linux only.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement ends at the first surprise"
)]

use cardlake_test_support::Function;
use cardlake_test_support::transactions::{Row, TransactionLake, date};
use std::time::Instant;

/// Rows of a bronze object.
const OBJECT_ROWS: usize = 250_000;
const RECONCILER: &str = env!("CARGO_BIN_EXE_reconciler");

fn main() {
    let rows: Vec<u32> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let rows = if rows.is_empty() {
        vec![1_000_000, 10_000_000]
    } else {
        rows
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    println!("      rows   files   seconds   peak MiB   MiB read   MiB written   replaced   duplicates");
    for rows in rows {
        runtime.block_on(measure(rows));
    }
}

async fn measure(rows: u32) {
    let lake = TransactionLake::start().await;
    let half = rows / 2;
    deliver(&lake, 13, (0..half).map(|id| Row::new(id, 13, 1))).await;
    let second = (0..half).map(|index| match index % 20 {
        0 => Row::new(index, 13, 1),
        1 => Row::new(index, 13, 2),
        _ => Row::new(half + index, 14, 1),
    });
    deliver(&lake, 14, second).await;

    // Another process, so that the first day does not count.
    let first = Function::start(RECONCILER, &lake.lake).await.reconcile(date(13)).await;
    Function::start(RECONCILER, &lake.lake)
        .await
        .publish(date(13), first.candidate)
        .await;
    let mut function = Function::start(RECONCILER, &lake.lake).await;
    let started = Instant::now();
    let output = function.reconcile(date(14)).await;
    let seconds = started.elapsed().as_secs_f64();
    let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    println!(
        "{rows:>10}   {:>5}   {seconds:>7.2}   {:>8.0}   {:>8.1}   {:>11.1}   {:>8}   {:>10}",
        output.files_added + output.files_removed,
        mebibytes(function.peak_memory()),
        mebibytes(output.bytes_read),
        mebibytes(output.bytes_written),
        output.counts.replaced,
        output.counts.duplicates,
    );
    let published = function.publish(date(14), output.candidate).await;
    let repeated = u64::from(half.div_ceil(20));
    assert_eq!(published.counts.duplicates, repeated);
    assert_eq!(
        published.table_rows,
        u64::from(2 * half) - published.counts.duplicates - published.counts.replaced
    );
}

/// A day's rows in objects of a quarter of a million rows.
async fn deliver(lake: &TransactionLake, day: u32, rows: impl Iterator<Item = Row>) {
    let mut rows = rows.peekable();
    let mut number = 0;
    while rows.peek().is_some() {
        let object: Vec<Row> = rows.by_ref().take(OBJECT_ROWS).collect();
        lake.deliver(&format!("{number:04}.csv"), day, &object).await;
        number += 1;
    }
}
