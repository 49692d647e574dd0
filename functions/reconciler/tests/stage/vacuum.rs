//! What a vacuum removes, and what it must not touch.

use crate::common::{Lake, Row, SILVER, expected};
use cardlake_core::error::{ErrorKind, StageError};
use cardlake_core::events::{ReconcilerEvent, RemovedObjects, VacuumedDataset};
use cardlake_core::records::ObjectRecord;
use cardlake_reconciler::Output;
use chrono::{DateTime, Duration, Utc};
use std::collections::BTreeSet;

fn rows(ids: std::ops::Range<u32>, day: u32, amount: i64) -> Vec<Row> {
    ids.map(|id| Row::new(id, day, amount)).collect()
}

/// A day of the test's calendar, at which nothing happens to be done.
fn day(number: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + Duration::days(20_000 + number)
}

async fn vacuum(lake: &mut Lake, now: DateTime<Utc>, dry_run: bool) -> VacuumedDataset {
    lake.set_time(now).await;
    let event = ReconcilerEvent::Vacuum {
        dataset: Some("transactions".into()),
        retention_days: 7,
        dry_run,
    };
    let Output::Vacuum(mut output) = lake.handle(event).await.unwrap() else {
        unreachable!("the outcome of another action")
    };
    assert_eq!((output.dry_run, output.cutoff), (dry_run, now - Duration::days(7)));
    assert_eq!(output.datasets.len(), 1);
    output.datasets.remove("transactions").unwrap()
}

/// Keys of the bucket that begin so.
async fn keys(lake: &Lake, prefix: &str) -> BTreeSet<String> {
    let objects = lake.storage.list(SILVER, prefix).await.unwrap();
    objects.into_iter().map(|object| object.key).collect()
}

async fn data_files(lake: &Lake) -> BTreeSet<String> {
    let mut keys = keys(lake, "transactions/").await;
    keys.retain(|key| key.ends_with(".parquet") && !key.contains("/_"));
    keys
}

async fn active_files(lake: &Lake) -> BTreeSet<String> {
    let files = lake.table().await.active_files().await.unwrap();
    files.iter().map(|file| format!("transactions/{}", file.path)).collect()
}

fn named(objects: &RemovedObjects) -> BTreeSet<String> {
    assert_eq!(objects.count, objects.keys.len() as u64);
    objects.keys.iter().cloned().collect()
}

fn difference(all: &BTreeSet<String>, some: &BTreeSet<String>) -> BTreeSet<String> {
    all.difference(some).cloned().collect()
}

/// Two batches, eight days apart: the second replaces a file of the first and repeats some of its rows.
async fn two_batches() -> (Lake, Vec<Row>, ObjectRecord) {
    let lake = Lake::start().await;
    let mut wanted = rows(0..10, 13, 500);
    lake.deliver("a.csv", 13, &wanted).await;
    lake.run(13).await;
    lake.age(day(0));
    wanted[4].amount = 900;
    let second = lake.deliver("a.csv", 14, &[wanted[4].clone(), wanted[7].clone()]).await;
    lake.run(14).await;
    lake.age(day(8));
    (lake, wanted, second)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_finds_exactly_the_files_outside_of_the_table_and_removes_nothing() {
    let (mut lake, ..) = two_batches().await;
    let all = keys(&lake, "").await;
    let past = vacuum(&mut lake, day(16), true).await;
    let orphans = difference(&data_files(&lake).await, &active_files(&lake).await);
    assert_eq!(orphans.len(), 2, "the replaced file and the repeated row");
    assert_eq!(named(&past.data_files), orphans);
    assert!(past.data_files.bytes > 0);
    assert_eq!(named(&past.object_records), keys(&lake, "_objects/").await);
    assert_eq!(past.candidates.count, 0, "each is the only one of its batch");
    assert_eq!(keys(&lake, "").await, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_vacuum_the_table_is_the_same_and_reruns_change_nothing() {
    let (mut lake, wanted, second) = two_batches().await;
    let log = lake.log_files();
    let found = vacuum(&mut lake, day(16), true).await;
    assert_eq!(vacuum(&mut lake, day(16), false).await, found);
    assert_eq!(lake.contents().await, expected(&wanted));
    assert_eq!(data_files(&lake).await, active_files(&lake).await);
    assert_eq!(lake.log_files(), log);
    assert_eq!(vacuum(&mut lake, day(16), false).await, VacuumedDataset::default());

    let error = lake.reconcile(14).await.unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::IncompleteBatch,
        "the objects have to be transformed again"
    );
    lake.deliver_again(&second, &[wanted[4].clone(), wanted[7].clone()])
        .await;
    assert_eq!(lake.reconcile(14).await.unwrap().candidate, None);
    lake.publish(14, None).await.unwrap();
    assert_eq!(lake.contents().await, expected(&wanted));
    assert_eq!(lake.log_files(), log);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_younger_than_the_retention_stays_and_so_do_the_versions_of_that_time() {
    let (mut lake, ..) = two_batches().await;
    let first = lake.table().await.at_version(0).await.unwrap();
    let of_first: BTreeSet<String> = first
        .active_files()
        .await
        .unwrap()
        .iter()
        .map(|file| format!("transactions/{}", file.path))
        .collect();
    // Version 0 was the newest one until day 8: on day 14 a reader can still ask for it, on day 15 and a bit no more.
    let past = vacuum(&mut lake, day(14), false).await;
    assert_eq!(past.data_files, RemovedObjects::default());
    assert_eq!(
        past.object_records.count, 1,
        "the one of the first batch is eight days old"
    );
    assert!(of_first.is_subset(&data_files(&lake).await));
    let past = vacuum(&mut lake, day(15) + Duration::seconds(1), true).await;
    let replaced = difference(&of_first, &active_files(&lake).await);
    assert_eq!(replaced.len(), 1);
    assert!(replaced.is_subset(&named(&past.data_files)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_that_can_still_be_committed_keeps_its_files_however_old_it_is() {
    let (mut lake, mut wanted, _) = two_batches().await;
    wanted[5].amount = 901;
    lake.deliver("a.csv", 15, &[wanted[5].clone()]).await;
    let pending = lake.reconcile(15).await.unwrap().candidate;
    lake.age(day(9));
    let past = vacuum(&mut lake, day(1000), false).await;
    assert_eq!(past.candidates.count, 0);
    assert_eq!(past.object_records.count, 3);
    lake.publish(15, pending).await.unwrap();
    assert_eq!(lake.contents().await, expected(&wanted));
}

#[tokio::test(flavor = "multi_thread")]
async fn candidates_that_lost_and_candidates_that_were_replaced_go_with_their_files() {
    let (mut lake, wanted, _) = two_batches().await;
    let mut changed = wanted.clone();
    changed[5].amount = 901;
    let third = lake.deliver("a.csv", 15, &[changed[5].clone()]).await;
    let lost = lake.reconcile(15).await.unwrap().candidate.unwrap();
    lake.deliver("b.csv", 14, &[Row::new(100, 14, 1)]).await;
    lake.run(14).await;
    lake.age(day(9));
    let books = lake.publish(14, None).await.unwrap();
    let past = vacuum(&mut lake, day(17), false).await;
    let candidates = named(&past.candidates);
    assert!(candidates.contains(&lost), "{candidates:?}");
    assert_eq!(candidates.len(), 2, "and the first one of day 14: {candidates:?}");
    assert_eq!(data_files(&lake).await, active_files(&lake).await);
    assert_eq!(
        lake.publish(14, None).await.unwrap(),
        books,
        "the books of a batch stay"
    );
    let error = lake.publish(15, Some(lost)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("reconcile again"), "{error}");
    // The way out of it: everything again.
    lake.deliver_again(&third, &[changed[5].clone()]).await;
    lake.run(15).await;
    changed.push(Row::new(100, 14, 1));
    assert_eq!(lake.contents().await, expected(&changed));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_a_batch_that_is_not_reconciled_yet_stay_with_their_record() {
    let (mut lake, ..) = two_batches().await;
    let record = lake.deliver("a.csv", 15, &rows(200..210, 15, 1)).await;
    let files: BTreeSet<String> = record
        .files
        .iter()
        .map(|file| format!("transactions/{}", file.path))
        .collect();
    lake.age(day(10));
    // Written again by an identical transformation: the record is younger than the files that it names.
    lake.put_record(&record).await;
    lake.set_age("_objects/transactions/ingest_date=2026-01-15/a.csv.json", day(12));
    let past = vacuum(&mut lake, day(18), false).await;
    assert!(named(&past.data_files).is_disjoint(&files));
    assert!(files.is_subset(&data_files(&lake).await));
    // Past its retention the record goes too, and with it the files: the day has to be transformed again.
    let past = vacuum(&mut lake, day(20), true).await;
    assert!(files.is_subset(&named(&past.data_files)));
    assert_eq!(past.object_records.count, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_without_a_table_has_orphans_too() {
    let mut lake = Lake::start().await;
    let record = lake.deliver("a.csv", 13, &rows(0..10, 13, 1)).await;
    lake.age(day(0));
    let past = vacuum(&mut lake, day(8), false).await;
    assert_eq!(past.data_files.count, record.files.len() as u64);
    assert!(keys(&lake, "").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retention_of_nothing_and_an_unknown_dataset_are_refused() {
    let lake = Lake::start().await;
    let event = |dataset: &str, retention_days, dry_run| ReconcilerEvent::Vacuum {
        dataset: Some(dataset.into()),
        retention_days,
        dry_run,
    };
    let error = lake.handle(event("transactions", 0, false)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidEvent);
    let error = lake.handle(event("transactions", u32::MAX, false)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidEvent);
    assert!(lake.handle(event("transactions", 0, true)).await.is_ok());
    let error = lake.handle(event("none", 7, true)).await.unwrap_err();
    assert!(error.to_string().contains("known are cards"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_before_the_last_old_checkpoint_goes_after_thirty_days() {
    let mut lake = Lake::start().await;
    let mut rows = Vec::new();
    for number in 0..25 {
        let row = Row::new(number, 13, 500);
        lake.deliver(&format!("{number}.csv"), 13, std::slice::from_ref(&row))
            .await;
        lake.run(13).await;
        rows.push(row);
    }
    lake.age(day(0));
    let removed = vacuum(&mut lake, day(29), false).await;
    assert_eq!(removed.log_files.count, 0, "history is kept for thirty days");
    let removed = vacuum(&mut lake, day(31), false).await;
    let names = lake.log_files();
    assert!(removed.log_files.count >= 10, "{removed:?}");
    let first = names.iter().find(|name| name.ends_with(".json")).unwrap();
    let checkpoint = names.iter().find(|name| name.contains("checkpoint")).unwrap();
    assert_eq!(first.split('.').next(), checkpoint.split('.').next(), "{names:?}");
    assert_eq!(lake.contents().await, expected(&rows));
    // The next batch goes on from there.
    let row = Row::new(99, 13, 500);
    lake.deliver("last.csv", 14, std::slice::from_ref(&row)).await;
    lake.run(14).await;
    rows.push(row);
    assert_eq!(lake.contents().await, expected(&rows));
}
