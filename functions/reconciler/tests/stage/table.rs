//! What a commit leaves, in the log and among the files: no more work than there was change.

use crate::common::{Lake, Row, SILVER, expected};
use cardlake_core::assets::AssetFolder;
use cardlake_core::error::{ErrorKind, StageError};
use cardlake_core::records::BatchCounts;

fn rows(ids: std::ops::Range<u32>, day: u32, amount: i64) -> Vec<Row> {
    ids.map(|id| Row::new(id, day, amount)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_object_delivered_again_writes_and_removes_nothing() {
    let lake = Lake::start().await;
    let first = rows(0..100, 13, 500);
    lake.deliver("a.csv", 13, &first).await;
    lake.run(13).await;
    let before = lake.table().await.active_files().await.unwrap();
    // Once under another name on the same day, once on the next day.
    for (name, day) in [("b.csv", 13), ("a.csv", 14)] {
        lake.deliver(name, day, &first).await;
        let reconciled = lake.reconcile(day).await.unwrap();
        let work = (
            reconciled.files_added,
            reconciled.files_removed,
            reconciled.bytes_written,
        );
        assert_eq!(work, (0, 0, 0), "{name} on {day}");
        assert!(reconciled.bytes_read > 0, "the keys were compared");
        let published = lake.publish(day, reconciled.candidate).await.unwrap();
        assert_eq!(published.counts.duplicates, 100);
        assert_eq!(published.table_rows, 100);
        assert_eq!(
            lake.table().await.active_files().await.unwrap(),
            before,
            "{name} on {day}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_row_that_loses_costs_the_rewrite_of_its_file_alone() {
    let lake = Lake::start().await;
    for day in 12..=14 {
        lake.deliver("a.csv", day, &rows(day * 1000..day * 1000 + 200, day, 1))
            .await;
        lake.run(day).await;
    }
    let before = lake.table().await.active_files().await.unwrap();
    assert_eq!(before.len(), 6, "a file for each day and category");
    let record = lake.deliver("a.csv", 15, &[Row::new(13_042, 13, 2)]).await;
    let reconciled = lake.reconcile(15).await.unwrap();
    assert_eq!((reconciled.files_added, reconciled.files_removed), (2, 1));
    lake.publish(15, reconciled.candidate).await.unwrap();
    let after = lake.table().await.active_files().await.unwrap();
    let removed: Vec<_> = before.iter().filter(|file| !after.contains(file)).collect();
    let added: Vec<_> = after.iter().filter(|file| !before.contains(file)).collect();
    let [removed] = removed.as_slice() else {
        panic!("{removed:?}")
    };
    assert!(
        removed
            .path
            .starts_with("txn_date=2026-01-13/merchant_category=grocery/"),
        "{removed:?}"
    );
    let rewritten = added.iter().find(|file| file.path != record.files[0].path).unwrap();
    assert_eq!((rewritten.rows, removed.rows), (99, 100));
    assert_eq!(rewritten.partition_values, removed.partition_values);
    assert_eq!(reconciled.bytes_written, rewritten.size);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bytes_read_follow_the_late_window_and_of_older_days_the_key_filters_alone() {
    let (mut read, mut data) = (Vec::new(), Vec::new());
    for first_day in [11, 1] {
        let lake = Lake::start().await;
        for day in first_day..=20 {
            lake.deliver("a.csv", day, &rows(day * 1000..day * 1000 + 100, day, 1))
                .await;
            lake.run(day).await;
        }
        let active = lake.table().await.active_files().await.unwrap();
        data.push(active.iter().map(|file| file.size).sum::<u64>());
        lake.deliver("a.csv", 21, &[Row::new(20_042, 20, 2), Row::new(21_000, 21, 1)])
            .await;
        read.push(lake.reconcile(21).await.unwrap().bytes_read);
    }
    let (older_data, more_read) = (data[1] - data[0], read[1].abs_diff(read[0]));
    assert!(read[0] > 0);
    // Files of fifty rows, where the directory counts most.
    assert!(more_read < older_data / 5, "{read:?} of {data:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identical_re_delivery_rewrites_no_committed_file() {
    let lake = Lake::start().await;
    lake.deliver("a.csv", 13, &rows(0..100, 13, 500)).await;
    lake.run(13).await;
    let before = lake.table().await.active_files().await.unwrap();
    let mut second = rows(10..20, 13, 500);
    second.extend(rows(200..250, 14, 500));
    lake.deliver("a.csv", 14, &second).await;
    let reconciled = lake.reconcile(14).await.unwrap();
    assert_eq!(reconciled.files_removed, 0);
    assert_eq!(
        reconciled.bytes_written, 0,
        "the re-delivered rows are files of their own that are left out"
    );
    let published = lake.publish(14, reconciled.candidate).await.unwrap();
    assert_eq!(
        published.counts,
        BatchCounts {
            bronze_rows: 60,
            silver_rows_added: 50,
            duplicates: 10,
            ..BatchCounts::default()
        }
    );
    let after = lake.table().await.active_files().await.unwrap();
    assert!(before.iter().all(|file| after.contains(file)));
    assert_eq!(published.table_rows, 150);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_follows_every_tenth_commit_and_the_table_stays_the_same() {
    let lake = Lake::start().await;
    let mut wanted = Vec::new();
    for day in 1..=12 {
        let new = rows(day * 100..day * 100 + 10, day, 1);
        lake.deliver("a.csv", day, &new).await;
        lake.run(day).await;
        wanted.extend(new);
    }
    let log = lake.log_files();
    assert!(
        log.iter().any(|name| name == "00000000000000000010.checkpoint.parquet"),
        "{log:?}"
    );
    assert_eq!(lake.contents().await, expected(&wanted));
    assert_eq!(
        lake.reconcile(3).await.unwrap().candidate,
        None,
        "transactions survive the checkpoint"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_between_versions_are_net() {
    let lake = Lake::start().await;
    lake.deliver("a.csv", 13, &rows(0..10, 13, 1)).await;
    lake.run(13).await;
    let first = lake.table().await.active_files().await.unwrap();
    lake.deliver("a.csv", 14, &rows(4..5, 13, 2)).await;
    lake.run(14).await;
    lake.deliver("a.csv", 15, &rows(6..7, 13, 2)).await;
    lake.run(15).await;
    let table = lake.table().await;
    let last = table.active_files().await.unwrap();
    let changes = table.changes(Some(0), 2).await.unwrap();
    let stays = |path: &String| last.iter().any(|file| file.path == *path);
    let removed: Vec<_> = first
        .iter()
        .map(|file| file.path.clone())
        .filter(|path| !stays(path))
        .collect();
    assert_eq!(changes.removed, removed);
    let added: Vec<_> = last.iter().filter(|file| !first.contains(file)).cloned().collect();
    assert_eq!(changes.added, added);
    assert_eq!(table.changes(None, 2).await.unwrap().added, last);
    assert_eq!(table.changes(Some(2), 2).await.unwrap().added, []);
    assert_eq!(table.at_version(0).await.unwrap().active_files().await.unwrap(), first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_the_contract_gains_becomes_one_of_the_table_in_the_same_commit() {
    let mut lake = Lake::start().await;
    let first = rows(0..10, 13, 500);
    lake.deliver("a.csv", 13, &first).await;
    lake.run(13).await;
    let contract = cardlake_assets::embedded()
        .read(AssetFolder::Contracts, "transactions.yaml")
        .unwrap()
        .text;
    let column = "      - name: device\n        logicalType: string\n        physicalType: VARCHAR(32)\n";
    lake.change_contract(&contract.replace("      - name: extra\n", &format!("{column}      - name: extra\n")))
        .await;
    lake.deliver("a.csv", 14, &[Row::new(4, 13, 900)]).await;
    let published = lake.run(14).await;
    assert_eq!(
        (published.version, published.table_rows),
        (1, 10),
        "no commit of its own"
    );
    let mut wanted = first;
    wanted[4].amount = 900;
    assert_eq!(
        lake.contents().await,
        expected(&wanted),
        "an old file was rewritten with the new column"
    );
    let log = lake
        .lake
        .folder()
        .join(SILVER)
        .join("transactions/_delta_log/00000000000000000001.json");
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains(r#""metaData""#) && log.contains("device"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_that_does_not_fit_the_table_is_refused() {
    let mut lake = Lake::start().await;
    lake.deliver("a.csv", 13, &rows(0..10, 13, 500)).await;
    lake.run(13).await;
    lake.deliver("a.csv", 14, &rows(10..20, 14, 500)).await;
    let candidate = lake.reconcile(14).await.unwrap().candidate;
    let contract = cardlake_assets::embedded()
        .read(AssetFolder::Contracts, "transactions.yaml")
        .unwrap()
        .text;
    let changed = contract.replace("DECIMAL(18,2)", "DECIMAL(20,4)");
    assert_ne!(changed, contract);
    lake.change_contract(&changed).await;
    let error = lake.publish(14, candidate).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(
        error
            .to_string()
            .contains("column amount is decimal(18,2), the contract says decimal(20,4)"),
        "{error}"
    );
    assert_eq!(lake.log_files().len(), 1);
}
