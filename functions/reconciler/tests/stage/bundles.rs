//! Data files that come in a bundle: the same table as from files of their own, and nothing of them is lost or left behind.

use crate::common::{Lake, Row, SILVER, expected};
use cardlake_core::events::{ReconcilerEvent, VacuumOutput};
use cardlake_core::records::{BundlePart, ObjectRecord};
use cardlake_reconciler::Output;
use chrono::{DateTime, Duration, Utc};
use std::collections::BTreeSet;

/// Rows of several partitions.
fn rows(ids: std::ops::Range<u32>, day: u32) -> Vec<Row> {
    ids.map(|id| Row::new(id, day - id % 2, i64::from(id))).collect()
}

/// Moves the data files of an object into a bundle, as the transformer writes them for a small one.
async fn bundle(lake: &Lake, mut record: ObjectRecord) -> ObjectRecord {
    let key = format!("transactions/_bundles/{}.bundle", record.source.key.replace('/', "-"));
    let mut bytes = Vec::new();
    for file in &mut record.files {
        let object = format!("transactions/{}", file.path);
        let offset = bytes.len() as u64;
        bytes.extend(lake.storage.get(SILVER, &object).await.unwrap().unwrap());
        lake.storage.delete(SILVER, &object).await.unwrap();
        let key = key.clone();
        file.bundle = Some(BundlePart { key, offset });
    }
    assert!(record.files.len() > 1);
    lake.storage.put(SILVER, &key, bytes).await.unwrap();
    lake.put_record(&record).await;
    record
}

async fn keys(lake: &Lake) -> BTreeSet<String> {
    let objects = lake.storage.list(SILVER, "transactions/").await.unwrap();
    objects.into_iter().map(|object| object.key).collect()
}

async fn vacuum(lake: &mut Lake, now: DateTime<Utc>) -> VacuumOutput {
    lake.set_time(now).await;
    let event = ReconcilerEvent::Vacuum {
        dataset: Some("transactions".into()),
        retention_days: 7,
        dry_run: false,
    };
    match lake.handle(event).await.unwrap() {
        Output::Vacuum(output) => output,
        _ => unreachable!("the outcome of another action"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn few_bundled_files_get_objects_of_their_own_and_many_are_merged() {
    let lake = Lake::start().await;
    let mut all = rows(0..40, 13);
    let record = lake.deliver("a.csv", 13, &all).await;
    let record = bundle(&lake, record).await;
    lake.run(13).await;
    assert_eq!(lake.contents().await, expected(&all));
    let active = lake.table().await.active_files().await.unwrap();
    let paths: BTreeSet<&str> = active.iter().map(|file| file.path.as_str()).collect();
    let delivered: BTreeSet<&str> = record.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, delivered, "adopted as they are");

    // Six objects in the same partitions, two of which correct rows of the day before.
    for object in 0..6 {
        let fresh = rows(100 * object + 100..100 * object + 140, 14);
        let corrected = (object < 2).then(|| Row::new(object, 14 - object % 2, 9_000));
        let delivered: Vec<Row> = fresh.into_iter().chain(corrected).collect();
        let record = lake.deliver(&format!("{object}.csv"), 14, &delivered).await;
        bundle(&lake, record).await;
        all.retain(|row| delivered.iter().all(|new| new.transaction_id() != row.transaction_id()));
        all.extend(delivered);
    }
    let before = keys(&lake).await;
    lake.run(14).await;
    assert_eq!(lake.contents().await, expected(&all));
    let written = keys(&lake)
        .await
        .difference(&before)
        .filter(|key| key.ends_with(".parquet"))
        .count();
    let active = lake.table().await.active_files().await.unwrap();
    assert!(
        written <= active.len(),
        "{written} files for {}: none but those of the table",
        active.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_stays_as_long_as_the_record_that_names_it() {
    let day = |number: i64| DateTime::UNIX_EPOCH + Duration::days(20_000 + number);
    let mut lake = Lake::start().await;
    let record = lake.deliver("a.csv", 13, &rows(0..40, 13)).await;
    let record = bundle(&lake, record).await;
    let bundle = record.files[0].bundle.clone().unwrap().key;
    lake.age(day(0));
    // The record is younger than what it names.
    lake.put_record(&record).await;
    lake.set_age("_objects/transactions/ingest_date=2026-01-13/a.csv.json", day(5));
    vacuum(&mut lake, day(8)).await;
    assert!(keys(&lake).await.contains(&bundle));
    let past = vacuum(&mut lake, day(20)).await;
    assert!(past.datasets["transactions"].data_files.keys.contains(&bundle));
    assert!(!keys(&lake).await.contains(&bundle));
}
