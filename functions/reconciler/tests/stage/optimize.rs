//! Merging the small files that earlier batches have left.

use crate::common::{Lake, Row, SILVER, date, expected};
use cardlake_core::error::{ErrorKind, StageError};
use cardlake_core::events::{OptimizedDataset, ReconcilerEvent};
use cardlake_core::paths::key_filters_prefix;
use cardlake_reconciler::{Output, ReconcilerError};
use std::collections::BTreeMap;

fn rows(ids: std::ops::Range<u32>, day: u32, amount: i64) -> Vec<Row> {
    ids.map(|id| Row::new(id, day, amount)).collect()
}

async fn optimize_days(lake: &Lake, days: Option<(u32, u32)>) -> Result<OptimizedDataset, ReconcilerError> {
    let event = ReconcilerEvent::Optimize {
        dataset: Some("transactions".into()),
        from: days.map(|(from, _)| date(from)),
        to: days.map(|(_, to)| date(to)),
    };
    match lake.handle(event).await? {
        Output::Optimize(output) => Ok(output.datasets["transactions"]),
        other => panic!("{other:?}"),
    }
}

async fn optimize(lake: &Lake) -> OptimizedDataset {
    optimize_days(lake, None).await.unwrap()
}

/// Two days of four batches each: four files in each partition.
async fn four_files_a_partition(lake: &Lake) -> Vec<Row> {
    let mut all = Vec::new();
    for number in 0..4 {
        for day in [13, 14] {
            let first = number * 100 + day * 2;
            let some = rows(first * 10..first * 10 + 10, day, 500);
            lake.deliver(&format!("{number}.csv"), day, &some).await;
            lake.run(day).await;
            all.extend(some);
        }
    }
    all
}

async fn paths(lake: &Lake) -> Vec<String> {
    let files = lake.table().await.active_files().await.unwrap();
    files.into_iter().map(|file| file.path).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_partition_is_one_file_of_the_same_rows_and_whoever_follows_the_table_sees_no_change() {
    let lake = Lake::start().await;
    let all = four_files_a_partition(&lake).await;
    let before = lake.table().await;
    let old = paths(&lake).await;
    assert_eq!(old.len(), 16);
    let done = optimize(&lake).await;
    assert_eq!((done.files_removed, done.files_added), (16, 4));
    assert_eq!(done.version, before.version().map(|version| version + 1));
    assert_eq!(lake.contents().await, expected(&all));
    let table = lake.table().await;
    let changes = table.changes(before.version(), done.version.unwrap()).await.unwrap();
    assert_eq!((changes.added, changes.removed), (vec![], old.clone()));
    // Who has not seen the last batch sees its rows, in the merged file.
    let from = before.version().map(|version| version - 1);
    let changes = table.changes(from, done.version.unwrap()).await.unwrap();
    assert_eq!(changes.added.len(), 2, "those of the partitions of the last batch");
    let log = format!("transactions/_delta_log/{:020}.json", done.version.unwrap());
    let log = String::from_utf8(lake.storage.get(SILVER, &log).await.unwrap().unwrap().to_vec()).unwrap();
    assert!(
        log.contains("OPTIMIZE") && !log.contains("\"dataChange\":true"),
        "{log}"
    );
    // Earlier versions can still be read.
    for path in &old {
        assert!(
            lake.storage
                .head(SILVER, &format!("transactions/{path}"))
                .await
                .unwrap()
                .is_some()
        );
    }
    let again = optimize(&lake).await;
    assert_eq!((again.files_removed, again.version), (0, done.version));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_files_give_the_same_bytes_and_days_out_of_range_stay() {
    let mut found = Vec::new();
    for _ in 0..2 {
        let lake = Lake::start().await;
        let all = four_files_a_partition(&lake).await;
        let done = optimize_days(&lake, Some((14, 20))).await.unwrap();
        assert_eq!((done.files_removed, done.files_added), (8, 2));
        assert_eq!(lake.contents().await, expected(&all));
        let mut contents = BTreeMap::new();
        for path in paths(&lake).await {
            let content = lake.storage.get(SILVER, &format!("transactions/{path}")).await.unwrap();
            contents.insert(path, content.unwrap());
        }
        assert_eq!(contents.len(), 10);
        found.push(contents);
    }
    assert!(found[0] == found[1]);
    let lake = Lake::start().await;
    let error = optimize_days(&lake, Some((14, 13))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidEvent);
    assert_eq!(
        optimize(&lake).await,
        OptimizedDataset::default(),
        "there is no table yet"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_was_reconciled_before_is_reconciled_again() {
    let lake = Lake::start().await;
    let mut all = four_files_a_partition(&lake).await;
    let some = [rows(9000..9010, 14, 500), rows(260..261, 13, 700)].concat();
    lake.deliver("late.csv", 14, &some).await;
    let reconciled = lake.reconcile(14).await.unwrap();
    optimize(&lake).await;
    let error = lake.publish(14, reconciled.candidate).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CommitConflict);
    lake.run(14).await;
    let corrected = all.iter_mut().find(|row| row.id == 260).unwrap();
    corrected.amount = 700;
    all.extend(rows(9000..9010, 14, 500));
    assert_eq!(lake.contents().await, expected(&all));
}

#[tokio::test(flavor = "multi_thread")]
async fn merged_files_of_distant_days_keep_their_key_filters() {
    let lake = Lake::start().await;
    let mut all = four_files_a_partition(&lake).await;
    // Days 13 and 14 have left the window: they get filters.
    let some = rows(9000..9010, 25, 500);
    lake.deliver("a.csv", 25, &some).await;
    lake.run(25).await;
    all.extend(some);
    optimize(&lake).await;
    let prefix = key_filters_prefix("transactions");
    let filters = lake.storage.list(SILVER, &prefix).await.unwrap();
    assert_eq!(filters.len(), 2, "one for the files before, one for the merged files");
    // A row moves from there to here.
    let moved = Row::new(260, 25, 900);
    lake.deliver("b.csv", 25, std::slice::from_ref(&moved)).await;
    lake.run(25).await;
    *all.iter_mut().find(|row| row.id == 260).unwrap() = moved;
    assert_eq!(lake.contents().await, expected(&all));
    assert_eq!(
        lake.storage.list(SILVER, &prefix).await.unwrap(),
        filters,
        "no key is hashed again"
    );
}
