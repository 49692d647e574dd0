//! Memory and time of the built reconciler for a table with many files: `log [FILES...]`, default 1,000 and 100,000.
//!
//! The log gets that many data files of distant days, which have key filters but do not exist: a day that reads one of them fails.
//! The function runs as a process of its own. First a day is published, so that the log ends with a checkpoint; the next one is measured. Linux only.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement ends at the first surprise"
)]

use cardlake_core::paths::key_filters;
use cardlake_test_support::transactions::{Row, TransactionLake, date, transaction_id};
use cardlake_test_support::{Function, SILVER};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::time::Instant;

const RECONCILER: &str = env!("CARGO_BIN_EXE_reconciler");
/// Commits that add the files: more than lie between two checkpoints.
const COMMITS: u64 = 100;
const CATEGORIES: [&str; 15] = [
    "airlines",
    "apparel",
    "books",
    "electronics",
    "fuel",
    "grocery",
    "health",
    "hotels",
    "insurance",
    "pharmacy",
    "restaurants",
    "sports",
    "taxi",
    "travel",
    "utilities",
];

fn main() {
    let counts: Vec<u64> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let counts = if counts.is_empty() {
        vec![1_000, 100_000]
    } else {
        counts
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    println!("     files   reconcile, s   MiB   publish, s   MiB");
    for count in counts {
        runtime.block_on(measure(count));
    }
}

async fn measure(count: u64) {
    let lake = TransactionLake::start().await;
    lake.deliver(
        "a.csv",
        13,
        &(0..1_000).map(|id| Row::new(id, 13, 1)).collect::<Vec<_>>(),
    )
    .await;
    run(&lake, 13).await;
    fill(&lake, count).await;
    lake.deliver(
        "a.csv",
        14,
        &(1_000..2_000).map(|id| Row::new(id, 14, 1)).collect::<Vec<_>>(),
    )
    .await;
    run(&lake, 14).await;
    assert!(lake.log_files().iter().any(|name| name.contains("checkpoint")));

    let day = (0..10_000).map(|index| Row::new(1_990 + index, 14 + index % 2, 2));
    lake.deliver("a.csv", 15, &day.collect::<Vec<_>>()).await;
    let mut function = Function::start(RECONCILER, &lake.lake).await;
    let started = Instant::now();
    let output = function.reconcile(date(15)).await;
    let (reconciled, peak) = (started.elapsed().as_secs_f64(), function.peak_memory());
    let mut function = Function::start(RECONCILER, &lake.lake).await;
    let started = Instant::now();
    let published = function.publish(date(15), output.candidate).await;
    let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    println!(
        "{count:>10}   {reconciled:>12.2}   {:>3.0}   {:>10.2}   {:>3.0}",
        mebibytes(peak),
        started.elapsed().as_secs_f64(),
        mebibytes(function.peak_memory()),
    );
    assert_eq!(published.counts.silver_rows_added, 10_000);
    assert_eq!(published.table_rows, count + 11_990);
}

/// Adds files of one row each to the log, a year and more before the days of the test, and their key filters.
async fn fill(lake: &TransactionLake, count: u64) {
    let mut day = (0..400).fold(date(1), |day, _| day.pred_opt().unwrap());
    let mut filters = Vec::new();
    let (mut added, of_commit) = (0, count.div_ceil(COMMITS));
    let mut version = 1;
    while added < count {
        let mut commit = format!("{}\n", json!({"commitInfo": {"timestamp": 0, "operation": "WRITE"}}));
        for number in added..count.min(added + of_commit) {
            if number % 150 == 0 {
                day = day.pred_opt().unwrap();
            }
            let day = day.to_string();
            let category = CATEGORIES[(number % 15) as usize];
            let path = format!(
                "txn_date={day}/merchant_category={category}/part-00000-{:032x}.parquet",
                number * 0x9e37_79b9
            );
            let key = transaction_id(0x8000_0000 + number as u32);
            let _ = writeln!(commit, "{}", add(&path, &day, category, &key));
            // A block of one hash has no bytes.
            let block = json!({"first": number + 1, "hashes": 1, "bytes": 0, "rice": 0});
            filters.push(json!({"path": path, "size": 1000, "runs": [{"start": 0, "blocks": [block]}]}));
        }
        added += of_commit;
        let key = format!("transactions/_delta_log/{version:020}.json");
        lake.storage.put(SILVER, &key, commit.into_bytes()).await.unwrap();
        version += 1;
    }
    let directory = json!({"hashes": "xxh3-48 uuid transaction_id", "files": filters}).to_string();
    let mut content = directory.clone().into_bytes();
    content.extend((directory.len() as u64).to_le_bytes());
    content.extend(b"CLKEYS\0\x01");
    lake.storage
        .put(SILVER, &key_filters("transactions", "made-up"), content)
        .await
        .unwrap();
}

/// The add action of a file of one row.
fn add(path: &str, day: &str, category: &str, key: &str) -> Value {
    let time = format!("{day}T10:00:00.000Z");
    let object = format!("transactions/ingest_date={day}/part-0001.csv");
    let bounds = json!({
        "transaction_id": key, "txn_ts": time, "ingest_date": day, "ingest_ts": time, "source_object": object, "source_row": 1,
    });
    let nulls = json!({
        "transaction_id": 0, "txn_ts": 0, "ingest_date": 0, "ingest_ts": 0, "source_object": 0, "source_row": 0,
    });
    let stats =
        json!({"numRecords": 1, "minValues": bounds, "maxValues": bounds, "nullCount": nulls, "tightBounds": true});
    json!({"add": {
        "path": path,
        "partitionValues": {"txn_date": day, "merchant_category": category},
        "size": 1000,
        "modificationTime": 0,
        "dataChange": true,
        "stats": stats.to_string(),
    }})
}

async fn run(lake: &TransactionLake, day: u32) {
    let mut function = Function::start(RECONCILER, &lake.lake).await;
    let candidate = function.reconcile(date(day)).await.candidate;
    function.publish(date(day), candidate).await;
}
