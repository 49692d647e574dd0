//! Rows whose correction moves them further than the late window, and tables that a key was twice in.

use crate::common::{Lake, Row, SILVER, date, expected};
use cardlake_core::events::ReconcilerEvent;
use cardlake_core::paths::{candidate, key_filters_prefix};
use cardlake_core::records::Candidate;
use cardlake_lake::delta::{CommitOutcome, CommitRequest};
use std::collections::BTreeMap;

fn rows(ids: std::ops::Range<u32>, day: u32, amount: i64) -> Vec<Row> {
    ids.map(|id| Row::new(id, day, amount)).collect()
}

/// Days 10 to 15 with ten rows each, delivered on their days.
async fn six_days() -> (Lake, Vec<Row>) {
    let lake = Lake::start().await;
    let mut all = Vec::new();
    for day in 10..=15 {
        let new = rows(day * 100..day * 100 + 10, day, 1);
        lake.deliver("a.csv", day, &new).await;
        lake.run(day).await;
        all.extend(new);
    }
    (lake, all)
}

async fn filters(lake: &Lake) -> Vec<String> {
    let objects = lake
        .storage
        .list(SILVER, &key_filters_prefix("transactions"))
        .await
        .unwrap();
    objects.into_iter().map(|object| object.key).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_whose_clock_was_wrong_moves_to_its_day_in_one_commit() {
    let lake = Lake::start().await;
    let mut wrong = rows(0..4, 13, 1);
    wrong.extend(rows(100..110, 15, 1));
    lake.deliver("a.csv", 15, &wrong).await;
    lake.run(15).await;
    lake.deliver("a.csv", 16, &rows(200..210, 16, 1)).await;
    lake.run(16).await;
    let mut right = vec![Row::new(2, 17, 7)];
    right.extend(rows(300..310, 17, 1));
    lake.deliver("a.csv", 17, &right).await;
    let published = lake.run(17).await;
    assert_eq!((published.counts.replaced, published.counts.silver_rows_added), (1, 11));
    wrong.retain(|row| row.id != 2);
    let all = [wrong, rows(200..210, 16, 1), right].concat();
    assert_eq!(lake.contents().await, expected(&all));
    assert_eq!(published.table_rows, all.len() as u64);
    assert_eq!(
        lake.table().await.version(),
        Some(2),
        "the old row went in the same commit"
    );
    // And back again, later.
    lake.deliver("a.csv", 22, &[Row::new(2, 22, 8)]).await;
    assert_eq!(lake.run(22).await.counts.replaced, 1);
    assert_eq!(lake.contents().await[&Row::new(2, 22, 8).transaction_id()].1, 22);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_delivery_made_up_for_does_not_undo_a_row_that_has_moved() {
    let (lake, mut all) = six_days().await;
    let moved = Row::new(1_002, 20, 9);
    lake.deliver("a.csv", 20, std::slice::from_ref(&moved)).await;
    lake.run(20).await;
    all.retain(|row| row.id != 1_002);
    all.push(moved);
    assert_eq!(lake.contents().await, expected(&all));
    // The day of the first version has another object, whose row is older than the one that moved.
    lake.deliver("b.csv", 10, &[Row::new(1_002, 10, 5), Row::new(1_003, 10, 5)])
        .await;
    let published = lake.run(10).await;
    assert_eq!(published.counts.duplicates, 2);
    all.iter_mut()
        .filter(|row| row.id == 1_003)
        .for_each(|row| row.amount = 5);
    assert_eq!(lake.contents().await, expected(&all));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_without_moved_rows_reads_filters_and_no_distant_data() {
    let (lake, _) = six_days().await;
    assert!(!filters(&lake).await.is_empty());
    for file in lake.table().await.active_files().await.unwrap() {
        // Nothing but the filters says what is in these days.
        if file.path.contains("txn_date=2026-01-10") {
            let key = format!("transactions/{}", file.path);
            lake.storage
                .put(SILVER, &key, vec![0; file.size as usize])
                .await
                .unwrap();
        }
    }
    lake.deliver("a.csv", 16, &rows(1_600..1_610, 16, 1)).await;
    let reconciled = lake.reconcile(16).await.unwrap();
    assert_eq!(reconciled.files_removed, 0);
    lake.publish(16, reconciled.candidate).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_that_are_lost_or_damaged_are_made_again() {
    let (lake, mut all) = six_days().await;
    for (round, key) in (0..).zip(filters(&lake).await) {
        match round % 2 {
            0 => lake.storage.delete(SILVER, &key).await.unwrap(),
            _ => lake.storage.put(SILVER, &key, b"damaged".to_vec()).await.unwrap(),
        }
    }
    let moved = Row::new(1_002, 16, 9);
    lake.deliver("a.csv", 16, std::slice::from_ref(&moved)).await;
    assert_eq!(lake.run(16).await.counts.replaced, 1);
    all.retain(|row| row.id != 1_002);
    all.push(moved);
    assert_eq!(lake.contents().await, expected(&all));
}

/// Commits day 17 as a version before key filters did: with a row that day 13 has, too.
async fn poisoned() -> (Lake, Vec<Row>) {
    let lake = Lake::start().await;
    let first = [rows(0..4, 13, 1), rows(100..110, 15, 1)].concat();
    lake.deliver("a.csv", 15, &first).await;
    lake.run(15).await;
    let second = [vec![Row::new(2, 17, 7)], rows(300..310, 17, 1)].concat();
    let record = lake.deliver("a.csv", 17, &second).await;
    let key = lake.reconcile(17).await.unwrap().candidate.unwrap();
    let mut old: Candidate = lake.storage.get_json(SILVER, &key).await.unwrap().unwrap();
    old.id = "0123".to_owned();
    old.add = record.files;
    old.remove = Vec::new();
    let key = candidate("transactions", date(17), &old.id);
    lake.storage.put_json(SILVER, &key, &old).await.unwrap();
    lake.publish(17, Some(key)).await.unwrap();
    for key in filters(&lake).await {
        lake.storage.delete(SILVER, &key).await.unwrap();
    }
    let rows = lake.table().await.rows().await.unwrap();
    assert_eq!(rows, 25, "a key is twice in the table");
    let mut all = [first, second].concat();
    all.remove(2);
    (lake, all)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_with_a_key_twice_is_mended_by_a_rerun_of_any_day() {
    for day in [15, 17] {
        let (lake, all) = poisoned().await;
        let published = lake.run(day).await;
        assert_eq!(published.table_rows, 24);
        assert!(published.counts.balanced());
        assert_eq!(lake.contents().await, expected(&all), "rerun of {day}");
        assert_eq!(lake.reconcile(day).await.unwrap().candidate, None, "once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_with_a_key_twice_is_mended_by_the_next_day() {
    let (lake, mut all) = poisoned().await;
    let new = rows(400..410, 22, 1);
    lake.deliver("a.csv", 22, &new).await;
    let published = lake.run(22).await;
    all.extend(new);
    assert_eq!(published.table_rows, 34);
    assert_eq!(lake.contents().await, expected(&all));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lost_candidate_found_is_found_again() {
    let (lake, all) = poisoned().await;
    let lost = lake.reconcile(17).await.unwrap();
    let again = lake.reconcile(17).await.unwrap();
    assert!(again.candidate.is_some());
    assert_eq!(again.candidate, lost.candidate);
    lake.publish(17, again.candidate).await.unwrap();
    assert_eq!(lake.contents().await, expected(&all));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_filters_are_folded_and_a_vacuum_removes_those_of_no_file() {
    let mut lake = Lake::start().await;
    let mut all = Vec::new();
    // A file of every day becomes distant with the batch after it.
    for day in 1..=24 {
        for part in 0..2 {
            let name = format!("{part}.csv");
            let new = rows(day * 100 + part * 10..day * 100 + part * 10 + 3, day, 1);
            lake.deliver(&name, day, &new).await;
            lake.run(day).await;
            all.extend(new);
        }
        if day % 2 == 0 && day > 6 {
            // A new file of a day that has filters already.
            let late = [Row::new(day * 100 + 50, day - 2, 1)];
            lake.deliver("late.csv", day, &late).await;
            lake.run(day).await;
            all.extend(late);
        }
    }
    let moved = Row::new(100, 29, 9);
    lake.deliver("a.csv", 29, std::slice::from_ref(&moved)).await;
    assert_eq!(lake.run(29).await.counts.replaced, 1);
    all[0] = moved;
    assert_eq!(lake.contents().await, expected(&all));
    let before = filters(&lake).await.len();
    assert!(before <= 16, "{before}");

    lake.set_time(chrono::Utc::now() + chrono::Duration::days(100)).await;
    let vacuum = ReconcilerEvent::Vacuum {
        dataset: Some("transactions".into()),
        retention_days: 7,
        dry_run: false,
    };
    lake.handle(vacuum).await.unwrap();
    assert!(!filters(&lake).await.is_empty(), "those of active files stay");
    let moved = Row::new(200, 30, 9);
    lake.deliver("a.csv", 30, std::slice::from_ref(&moved)).await;
    assert_eq!(lake.run(30).await.counts.replaced, 1);
}

/// Replaces the active files by one of each partition, as an OPTIMIZE of another writer does: rows of several files one
/// after the other, in an order that is not that of the keys, with Arrow types of its own.
async fn optimize(lake: &Lake) {
    use arrow::array::{ArrayRef, RecordBatch, UInt64Array};
    use arrow::compute::{cast, concat_batches, take_record_batch};
    use arrow::datatypes::DataType;
    use cardlake_core::records::DataFile;
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    let mut table = lake.table().await;
    let active = table.active_files().await.unwrap();
    let mut partitions: BTreeMap<String, Vec<RecordBatch>> = BTreeMap::new();
    let mut described = BTreeMap::new();
    for file in &active {
        let folder = file.path.rsplit_once('/').unwrap().0.to_owned();
        let key = format!("transactions/{}", file.path);
        let content = lake.storage.get(SILVER, &key).await.unwrap().unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(content)
            .unwrap()
            .build()
            .unwrap();
        partitions
            .entry(folder.clone())
            .or_default()
            .extend(reader.map(Result::unwrap));
        described.insert(folder, file.clone());
    }
    let mut add = Vec::new();
    for (folder, batches) in partitions {
        let rows = concat_batches(&batches[0].schema(), &batches).unwrap();
        let backwards = UInt64Array::from_iter_values((0..rows.num_rows() as u64).rev());
        let rows = take_record_batch(&rows, &backwards).unwrap();
        let columns = rows
            .schema()
            .fields()
            .iter()
            .zip(rows.columns())
            .map(|(field, column)| {
                let wider: ArrayRef = match column.data_type() {
                    DataType::Utf8 => cast(column, &DataType::LargeUtf8).unwrap(),
                    _ => column.clone(),
                };
                (field.name().clone(), wider, true)
            })
            .collect::<Vec<_>>();
        let rows = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        let mut content = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut content, rows.schema(), None).unwrap();
        writer.write(&rows).unwrap();
        writer.close().unwrap();
        let file = &described[&folder];
        let path = format!("{folder}/part-00001-optimized.parquet");
        add.push(DataFile {
            path: path.clone(),
            size: content.len() as u64,
            rows: rows.num_rows() as u64,
            partition_values: file.partition_values.clone(),
            modification_time: 0,
            columns: BTreeMap::new(),
            bundle: None,
        });
        lake.storage
            .put(SILVER, &format!("transactions/{path}"), content)
            .await
            .unwrap();
    }
    let request = CommitRequest {
        base_version: table.version(),
        transaction_id: "optimize".into(),
        add,
        remove: active.into_iter().map(|file| file.path).collect(),
        information: BTreeMap::new(),
        data_change: true,
        withdraws: false,
    };
    let contract = std::sync::Arc::clone(&lake.contract);
    let outcome = table.commit(&contract, request).await.unwrap();
    assert!(matches!(outcome, CommitOutcome::Committed(_)), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_another_writer_left_unsorted_are_corrected_like_any_other() {
    let lake = Lake::start().await;
    let mut all = rows(0..300, 13, 1);
    lake.deliver("a.csv", 13, &all).await;
    lake.run(13).await;
    let late = rows(300..400, 13, 1);
    lake.deliver("a.csv", 14, &late).await;
    lake.run(14).await;
    all.extend(late);
    optimize(&lake).await;
    assert_eq!(lake.contents().await, expected(&all));

    // Corrections within the window, an unchanged re-delivery, and the same again against a file that was rewritten.
    let corrected: Vec<Row> = (0..400).step_by(7).map(|id| Row::new(id, 13, 2)).collect();
    let same = Row::new(1, 13, 1);
    lake.deliver("a.csv", 15, &[corrected.clone(), vec![same]].concat())
        .await;
    let published = lake.run(15).await;
    assert_eq!(
        (published.counts.replaced, published.counts.duplicates),
        (corrected.len() as u64, 1)
    );
    corrected.iter().for_each(|row| all[row.id as usize] = row.clone());
    assert_eq!(lake.contents().await, expected(&all));
    let again: Vec<Row> = (0..400).step_by(11).map(|id| Row::new(id, 13, 3)).collect();
    lake.deliver("b.csv", 15, &again).await;
    // Rows of the same day that are corrected twice were replaced once.
    let newly_replaced = again.iter().filter(|row| row.id % 7 != 0).count();
    assert_eq!(
        lake.run(15).await.counts.replaced,
        (corrected.len() + newly_replaced) as u64
    );
    again.iter().for_each(|row| all[row.id as usize] = row.clone());
    assert_eq!(lake.contents().await, expected(&all));

    // A row that moves out of such a file, far away.
    let moved = Row::new(9, 20, 4);
    lake.deliver("a.csv", 20, std::slice::from_ref(&moved)).await;
    assert_eq!(lake.run(20).await.counts.replaced, 1);
    all[9] = moved;
    assert_eq!(lake.contents().await, expected(&all));
}
