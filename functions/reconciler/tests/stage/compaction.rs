//! Partitions that get many small files: how many are left, and that their rows are the same.

use crate::common::{Lake, Row, SILVER, date, expected};
use cardlake_core::records::{Candidate, DataFile};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::BTreeMap;

/// Rows of a file, of one category.
fn rows(ids: std::ops::Range<u32>, day: u32, amount: i64) -> Vec<Row> {
    ids.map(|id| Row {
        category: 0,
        ..Row::new(id, day, amount)
    })
    .collect()
}

/// Files by event day and category.
async fn files_by_partition(lake: &Lake) -> BTreeMap<BTreeMap<String, Option<String>>, usize> {
    let mut found = BTreeMap::new();
    for file in lake.table().await.active_files().await.unwrap() {
        *found.entry(file.partition_values).or_default() += 1;
    }
    found
}

async fn candidate(lake: &Lake, key: &str) -> Candidate {
    lake.storage.get_json(SILVER, key).await.unwrap().unwrap()
}

fn path_of(lake: &Lake, file: &DataFile) -> std::path::PathBuf {
    lake.lake.folder().join(SILVER).join("transactions").join(&file.path)
}

/// Keys of a file in its order.
fn keys(content: Vec<u8>) -> Vec<String> {
    use arrow::array::{Array, AsArray};
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(content)).unwrap();
    let batches = reader.build().unwrap().map(|batch| batch.unwrap());
    let keys = batches.flat_map(|batch| {
        let ids = batch
            .column_by_name("transaction_id")
            .unwrap()
            .as_string::<i32>()
            .clone();
        (0..ids.len())
            .map(move |row| ids.value(row).to_owned())
            .collect::<Vec<_>>()
    });
    keys.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn any_number_of_raw_files_leaves_few_files_and_the_same_rows() {
    for count in [1_u32, 4, 5, 40] {
        let lake = Lake::start().await;
        let mut all = Vec::new();
        for number in 0..count {
            let some = rows(number * 10..number * 10 + 10, 13, 500);
            lake.deliver(&format!("{number}.csv"), 13, &some).await;
            all.extend(some);
        }
        let published = lake.run(13).await;
        assert_eq!(published.table_rows, u64::from(count) * 10);
        assert_eq!(lake.contents().await, expected(&all));
        let most = files_by_partition(&lake).await.into_values().max();
        assert_eq!(most, Some(if count < 5 { count as usize } else { 1 }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merged_file_is_sorted_and_the_same_in_every_attempt() {
    let lake = Lake::start().await;
    for number in 0..70 {
        // Each object corrects rows of the one before.
        lake.deliver(
            &format!("{number}.csv"),
            13,
            &rows(number * 5..number * 5 + 8, 13, number.into()),
        )
        .await;
    }
    let first = lake.reconcile(13).await.unwrap();
    let key = first.candidate.clone().unwrap();
    let merged = candidate(&lake, &key).await;
    assert_eq!(merged.add.len(), 1);
    let content = std::fs::read(path_of(&lake, &merged.add[0])).unwrap();
    // Killed after any of its requests: what it had written is there, or is not.
    std::fs::remove_file(path_of(&lake, &merged.add[0])).unwrap();
    assert_eq!(lake.reconcile(13).await.unwrap(), first);
    assert!(std::fs::read(path_of(&lake, &merged.add[0])).unwrap() == content);
    assert_eq!(lake.reconcile(13).await.unwrap(), first);
    let keys = keys(content);
    assert_eq!(keys.len(), 69 * 5 + 8);
    assert!(keys.is_sorted());
    let published = lake.publish(13, first.candidate).await.unwrap();
    assert_eq!(
        (published.counts.silver_rows_added, published.counts.duplicates),
        (353, 207)
    );
    let wanted: Vec<Row> = (0..70).flat_map(|n| rows(n * 5..n * 5 + 8, 13, n.into())).collect();
    // Later ones replace earlier ones of the same id.
    let last: BTreeMap<u32, Row> = wanted.into_iter().map(|row| (row.id, row)).collect();
    assert_eq!(lake.contents().await, expected(last.values()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_gets_a_file_again_and_again_keeps_at_most_ten() {
    let lake = Lake::start().await;
    let mut all = Vec::new();
    for number in 0..13 {
        let some = rows(number * 10..number * 10 + 10, 13, 500);
        lake.deliver(&format!("{number}.csv"), 13, &some).await;
        lake.run(13).await;
        all.extend(some);
        let most = files_by_partition(&lake).await.into_values().max();
        assert!(most <= Some(10), "{most:?} after {number}");
        assert_eq!(lake.contents().await, expected(&all));
    }
    // Whatever was merged, a rerun finds nothing to do.
    assert_eq!(lake.reconcile(13).await.unwrap().candidate, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_merged_files_are_corrected_re_delivered_and_withdrawn_as_those_of_others() {
    let lake = Lake::start().await;
    let mut records = Vec::new();
    for number in 0..6 {
        let some = rows(number * 10..number * 10 + 10, 13, 500);
        records.push(lake.deliver(&format!("{number}.csv"), 13, &some).await);
    }
    lake.run(13).await;
    // A late object of the same day repeats a row and corrects another one.
    lake.deliver("late.csv", 13, &[rows(3..4, 13, 500), rows(14..15, 13, 900)].concat())
        .await;
    let published = lake.run(13).await;
    assert_eq!(published.counts.silver_rows_added, 60);
    assert_eq!(published.counts.duplicates, 2);
    // The next day corrects a row.
    lake.deliver("next.csv", 14, &rows(25..26, 13, 901)).await;
    lake.run(14).await;
    // An object is transformed by other rules, which refuse one of its rows.
    lake.deliver_as(&records[4], &rows(40..49, 13, 500)).await;
    lake.run(13).await;
    let mut wanted = rows(0..60, 13, 500);
    wanted[14].amount = 900;
    wanted[25].amount = 901;
    wanted.remove(49);
    assert_eq!(lake.contents().await, expected(&wanted));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfilled_day_finds_the_evidence_behind_a_merged_file() {
    let lake = Lake::start().await;
    lake.deliver("a.csv", 13, &rows(0..10, 13, 500)).await;
    lake.run(13).await;
    // The 15th confirms a row, among many objects that are merged.
    for number in 1..7 {
        let some = rows(number * 10..number * 10 + 10, 13, 500);
        let confirmed = rows(number..number + 1, 13, 500);
        lake.deliver(&format!("{number}.csv"), 15, &[some, confirmed].concat())
            .await;
    }
    lake.run(15).await;
    // The 14th is made up for: its corrections are older than the confirmation.
    lake.deliver("late.csv", 14, &[rows(2..3, 13, 900), rows(9..10, 13, 901)].concat())
        .await;
    lake.run(14).await;
    let mut wanted = rows(0..70, 13, 500);
    wanted[9].amount = 901;
    assert_eq!(lake.contents().await, expected(&wanted));
    assert_eq!(date(14).to_string(), "2026-01-14");
}
