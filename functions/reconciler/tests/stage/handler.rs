//! The stage against an S3 server: what becomes of batches, and of everything that can come in between.

use crate::common::{BRONZE, Lake, Row, SILVER, date, expected};
use cardlake_core::error::{ErrorKind, StageError};
use cardlake_core::events::{LoadedDataset, ReconcilerEvent};
use cardlake_core::records::{BatchCounts, TextBytes};
use cardlake_reconciler::{Output, ReconcilerError};

fn rows(ids: std::ops::Range<u32>, day: u32, amount: i64) -> Vec<Row> {
    ids.map(|id| Row::new(id, day, amount)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_names_datasets_with_objects_only() {
    let lake = Lake::start().await;
    lake.put_bronze("a.csv", 13, "12345").await;
    lake.put_bronze("sub/b.csv", 13, "123").await;
    lake.put_bronze("a.csv", 14, "1").await;
    let Output::Plan(plan) = lake
        .handle(ReconcilerEvent::Plan { batch_date: date(13) })
        .await
        .unwrap()
    else {
        panic!("not a plan")
    };
    let planned = &plan.datasets[0];
    assert_eq!(plan.datasets.len(), 1);
    assert_eq!(
        (planned.dataset.as_str(), planned.objects, planned.bytes),
        ("transactions", 2, 8)
    );
    assert_eq!(planned.prefix, "transactions/ingest_date=2026-01-13/");
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_outside_of_every_day_are_named_with_a_bounded_sample() {
    let lake = Lake::start().await;
    lake.put_bronze("a.csv", 13, "1").await;
    lake.put_bronze("x.pdf", 12, "1").await;
    let bronze = lake.lake.folder().join(BRONZE);
    let strays = [
        "lost.csv",
        "_SUCCESS",
        "transactions/lost.csv",
        "transactions/ingest_date=2026-1-13/lost.csv",
        "transactions/ingest-date=2026-01-13/lost.csv",
        "transactions/_staging/lost.csv",
        "Transactions/ingest_date=2026-01-13/lost.csv",
        "refunds/ingest_date=2026-01-13/lost.csv",
        "refunds/ingest_date=2026-01-13/lost.csv.md5",
    ];
    let many: Vec<String> = (0..1_100).map(|number| format!("2026/01/13/{number:04}.csv")).collect();
    for key in strays.iter().copied().chain(many.iter().map(String::as_str)) {
        let path = bronze.join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "1").unwrap();
    }
    let plan = lake.handle(ReconcilerEvent::Plan { batch_date: date(13) }).await;
    let Output::Plan(plan) = plan.unwrap() else {
        panic!("not a plan")
    };
    assert_eq!(plan.datasets.len(), 1);
    // The files of day 12 are for its run to tell; the staging folder counts once, the folder of many a thousand times.
    assert_eq!((plan.ignored_objects, plan.ignored.len()), (9 + 1_000, 50));
    let reason = |key: &str| {
        let found = plan.ignored.iter().find(|file| file.file == key);
        found.map(|file| file.reason.split(':').next().unwrap().to_owned())
    };
    let outside = "an object outside of every folder <dataset>/ingest_date=YYYY-MM-DD";
    let no_day = "an object outside of the folders ingest_date=YYYY-MM-DD of its dataset";
    let no_contract = "an object of a dataset without a contract";
    for (key, expected) in [
        ("lost.csv", Some(outside)),
        ("_SUCCESS", Some("a hidden or staging path")),
        ("transactions/lost.csv", Some(no_day)),
        ("transactions/_staging/", Some("a hidden or staging path")),
        ("2026/01/13/0000.csv", Some(no_contract)),
        ("transactions/ingest_date=2026-01-12/x.pdf", None),
    ] {
        assert_eq!(reason(key).as_deref(), expected, "{key}");
    }

    let balance = ReconcilerEvent::Balance {
        batch_date: date(13),
        published: Vec::new(),
        loaded: Vec::new(),
    };
    let Output::Balance(books) = lake.handle(balance).await.unwrap() else {
        panic!("not books")
    };
    assert_eq!(
        (&books.ignored, books.ignored_objects),
        (&plan.ignored, plan.ignored_objects)
    );
    let strays: Vec<&String> = books.warnings.iter().filter(|text| text.contains("not read")).collect();
    assert_eq!(
        strays,
        [
            &format!("1002 or more objects are not read, such as 2026/01/13/0000.csv: {no_contract}"),
            &format!("1 object is not read, such as lost.csv: {outside}"),
            &format!("3 objects are not read, such as transactions/lost.csv: {no_day}"),
        ]
    );
}

/// The contract of transactions with these properties.
fn contract_with(properties: &str) -> String {
    let text = include_str!("../../../../contracts/transactions.yaml");
    let before = "      - {property: minRows, value: 1}\n      - {property: maxDuplicateShare, value: 0.5}\n";
    assert!(text.contains(before));
    text.replace(before, properties)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_lacks_something_fails_if_the_contract_says_so() {
    let mut lake = Lake::start().await;
    let properties = "      - {property: minRows, value: 3}\n      \
        - {property: maxDuplicateShare, value: 0.5}\n      \
        - {property: expectedFiles, value: [\"a*.csv\"]}\n";
    let failing = "      - {property: deliverySeverity, value: {minRows: fail, expectedFiles: fail}}\n";
    lake.change_contract(&contract_with(&format!("{properties}{failing}")))
        .await;
    lake.deliver("b.csv", 13, &rows(0..2, 13, 500)).await;
    let stray = lake
        .lake
        .folder()
        .join(BRONZE)
        .join("transactions/ingest_date=2026-1-13/a.csv");
    std::fs::create_dir_all(stray.parent().unwrap()).unwrap();
    std::fs::write(stray, "1").unwrap();

    let plan = || lake.handle(ReconcilerEvent::Plan { batch_date: date(13) });
    let error = plan().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeliveryFailed);
    assert_eq!(
        error.to_string(),
        "the delivery of 2026-01-13 does not meet the contract: transactions: no file of 2026-01-13 matches 'a*.csv' \
         (expectedFiles of the contract) (1 object is not read, such as transactions/ingest_date=2026-1-13/a.csv: an object \
         outside of the folders ingest_date=YYYY-MM-DD of its dataset); deliver what is missing and run the day again, or \
         set deliverySeverity to warn in the contract"
    );
    let error = lake
        .handle(ReconcilerEvent::Plan { batch_date: date(14) })
        .await
        .unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("there is no file of 2026-01-14; expected are 3 rows or more"),
        "{error}"
    );

    let error = lake.reconcile(13).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeliveryFailed);
    let error = error.to_string();
    assert!(
        error.contains("transactions: 2 rows of 2026-01-13; expected are 3 rows or more"),
        "{error}"
    );
    assert!(lake.log_files().is_empty(), "nothing is visible");

    // Duplicates are only a warning here.
    lake.deliver("a.csv", 13, &rows(0..1, 13, 500)).await;
    plan().await.unwrap();
    assert_eq!(lake.run(13).await.counts.bronze_rows, 3);
    lake.reconcile(13).await.unwrap();

    let failing = "      - {property: deliverySeverity, value: fail}\n";
    let few = properties.replace("0.5", "0.3");
    lake.change_contract(&contract_with(&format!("{few}{failing}"))).await;
    let error = lake.reconcile(13).await.unwrap_err().to_string();
    assert!(error.contains("1 of 3 rows of 2026-01-13 are duplicates"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_that_fires_after_midnight_is_about_the_day_before() {
    let lake = Lake::start().await;
    let event = serde_json::json!({"action": "day", "scheduled_time": "2026-03-01T00:30:00Z", "days_back": 1});
    let output = lake.handle(serde_json::from_value(event).unwrap()).await.unwrap();
    assert_eq!(
        serde_json::to_value(output).unwrap(),
        serde_json::json!({"batch_date": "2026-02-28"})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_batch_makes_the_table_and_adopts_its_files() {
    let lake = Lake::start().await;
    let first = rows(0..100, 13, 500);
    let record = lake.deliver_with("a.csv", 13, &first, 2).await;
    let reconciled = lake.reconcile(13).await.unwrap();
    assert!(lake.log_files().is_empty(), "nothing is visible before publish");
    assert_eq!(
        (reconciled.files_added, reconciled.bytes_read, reconciled.bytes_written),
        (2, 0, 0)
    );
    let published = lake.publish(13, reconciled.candidate).await.unwrap();
    assert_eq!((published.version, published.table_rows), (0, 100));
    assert_eq!(
        published.counts,
        BatchCounts {
            bronze_rows: 102,
            silver_rows_added: 100,
            quarantined: 2,
            ..BatchCounts::default()
        }
    );
    assert_eq!(lake.contents().await, expected(&first));
    let active = lake.table().await.active_files().await.unwrap();
    assert_eq!(active[0].path, record.files[0].path);
    assert_eq!(
        active[0].columns()["transaction_id"],
        record.files[0].columns["transaction_id"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rerun_changes_nothing_and_adds_no_file_to_the_log() {
    let lake = Lake::start().await;
    lake.deliver("a.csv", 13, &rows(0..50, 13, 500)).await;
    lake.deliver("a.csv", 14, &rows(40..90, 14, 700)).await;
    lake.run(13).await;
    let before = lake.run(14).await;
    let (log, contents) = (lake.log_files(), lake.contents().await);
    for day in [13, 14] {
        let reconciled = lake.reconcile(day).await.unwrap();
        assert_eq!(reconciled.candidate, None);
        lake.publish(day, None).await.unwrap();
    }
    assert_eq!(lake.publish(14, None).await.unwrap(), before);
    assert_eq!(lake.log_files(), log);
    assert_eq!(lake.contents().await, contents);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_input_against_the_same_version_gives_the_same_candidate() {
    let lake = Lake::start().await;
    lake.deliver("a.csv", 13, &rows(0..50, 13, 500)).await;
    lake.deliver("b.csv", 13, &rows(20..60, 13, 600)).await;
    let first = lake.reconcile(13).await.unwrap();
    let key = first.candidate.clone().unwrap();
    let bytes = lake.storage.get(SILVER, &key).await.unwrap().unwrap();
    assert_eq!(lake.reconcile(13).await.unwrap(), first);
    assert_eq!(lake.storage.get(SILVER, &key).await.unwrap().unwrap(), bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_replaces_the_row_also_on_another_day_and_in_another_category() {
    let lake = Lake::start().await;
    let first = rows(0..10, 13, 500);
    lake.deliver("a.csv", 13, &first).await;
    lake.run(13).await;
    let mut moved = Row::new(4, 14, 900);
    moved.category = 1;
    let changed = Row::new(5, 13, 901);
    lake.deliver("a.csv", 14, &[moved.clone(), changed.clone()]).await;
    let published = lake.run(14).await;
    assert_eq!(
        published.counts,
        BatchCounts {
            bronze_rows: 2,
            silver_rows_added: 2,
            late_rows: 1,
            replaced: 2,
            ..BatchCounts::default()
        }
    );
    let mut wanted = first;
    wanted[4] = moved;
    wanted[5] = changed;
    assert_eq!(lake.contents().await, expected(&wanted));
    assert_eq!(published.table_rows, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicates_across_objects_of_a_batch_are_settled_together() {
    let lake = Lake::start().await;
    let mut later = rows(5..15, 13, 600);
    later.iter_mut().for_each(|row| row.second += 1);
    lake.deliver("a.csv", 13, &rows(0..10, 13, 500)).await;
    lake.deliver("b.csv", 13, &later).await;
    let published = lake.run(13).await;
    assert_eq!(
        published.counts,
        BatchCounts {
            bronze_rows: 20,
            silver_rows_added: 15,
            duplicates: 5,
            ..BatchCounts::default()
        }
    );
    let mut wanted = rows(0..5, 13, 500);
    wanted.extend(later);
    assert_eq!(lake.contents().await, expected(&wanted));
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicates_are_found_across_more_files_than_are_merged_at_a_time() {
    const OBJECTS: u32 = 140;
    let lake = Lake::start().await;
    // Object n has the rows n, n + 1, and 100 000, so that keys are shared by neighbours and by all.
    for object in 0..OBJECTS {
        let mut own = rows(object * 2..object * 2 + 3, 13, i64::from(object));
        own.push(Row::new(100_000, 13, 7));
        own.iter_mut().for_each(|row| row.category = 0);
        lake.deliver(&format!("{object:03}.csv"), 13, &own).await;
    }
    let published = lake.run(13).await;
    assert_eq!(
        published.counts,
        BatchCounts {
            bronze_rows: u64::from(4 * OBJECTS),
            silver_rows_added: u64::from(2 * OBJECTS + 2),
            duplicates: u64::from(2 * OBJECTS - 2),
            ..BatchCounts::default()
        }
    );
    assert_eq!(published.table_rows, u64::from(2 * OBJECTS + 2));
    let contents = lake.contents().await;
    // Of a row in two objects the later object's version stays.
    let mut wanted: Vec<Row> = (0..=OBJECTS * 2)
        .map(|id| Row::new(id, 13, i64::from((id / 2).min(OBJECTS - 1))))
        .collect();
    wanted.push(Row::new(100_000, 13, 7));
    wanted.iter_mut().for_each(|row| row.category = 0);
    assert_eq!(contents, expected(&wanted));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_comes_after_the_commit_gives_the_books_of_one_reconciliation() {
    let lake = Lake::start().await;
    let mut later = rows(5..15, 13, 600);
    later.iter_mut().for_each(|row| row.second += 1);
    lake.deliver("a.csv", 13, &rows(0..10, 13, 500)).await;
    lake.run(13).await;
    lake.deliver("b.csv", 13, &later).await;
    let published = lake.run(13).await;
    assert_eq!(
        published.counts,
        BatchCounts {
            bronze_rows: 20,
            silver_rows_added: 15,
            duplicates: 5,
            ..BatchCounts::default()
        }
    );
    assert_eq!(published.table_rows, 15);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_content_under_the_same_key_takes_the_place_of_the_one_before() {
    let lake = Lake::start().await;
    lake.deliver("a.csv", 13, &rows(0..10, 13, 500)).await;
    lake.run(13).await;
    let mut corrected = rows(0..12, 13, 500);
    corrected[3].amount = 999;
    lake.deliver("a.csv", 13, &corrected).await;
    let published = lake.run(13).await;
    assert_eq!(lake.contents().await, expected(&corrected));
    let counts = published.counts;
    assert_eq!(
        (counts.bronze_rows, counts.silver_rows_added, counts.duplicates),
        (12, 12, 0)
    );
    assert_eq!((published.withdrawn, published.taken_back), (0, 0));
    let fewer = rows(0..9, 13, 500);
    lake.deliver("a.csv", 13, &fewer).await;
    let published = lake.run(13).await;
    assert_eq!(lake.contents().await, expected(&fewer));
    assert_eq!((published.counts.bronze_rows, published.withdrawn), (9, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_removed_object_leave_the_table_and_other_deliveries_of_them_take_their_place() {
    let lake = Lake::start().await;
    lake.deliver("a.csv", 12, &rows(0..3, 12, 1)).await;
    lake.run(12).await;
    // Of the day: the same row again, rows that the other object has as well, and some of its own.
    lake.deliver("a.csv", 13, &rows(2..8, 12, 1)).await;
    lake.deliver("b.csv", 13, &rows(6..10, 12, 1)).await;
    lake.run(13).await;
    // On a later day one of them is confirmed.
    lake.deliver("a.csv", 14, &rows(4..5, 12, 1)).await;
    lake.run(14).await;
    assert_eq!(lake.contents().await, expected(&rows(0..10, 12, 1)));

    lake.remove("a.csv", 13).await;
    let published = lake.run(13).await;
    assert_eq!(
        (published.withdrawn, published.taken_back),
        (2, 1),
        "rows 3 and 5; row 4"
    );
    assert_eq!(
        (published.counts.bronze_rows, published.counts.silver_rows_added),
        (4, 4)
    );
    let kept = rows(0..3, 12, 1)
        .into_iter()
        .chain(rows(4..5, 12, 1))
        .chain(rows(6..10, 12, 1));
    let kept: Vec<Row> = kept.collect();
    assert_eq!(lake.contents().await, expected(&kept));
    assert_eq!(lake.reconcile(13).await.unwrap().candidate, None);

    // The last object of the day: it is planned for all the same.
    lake.remove("b.csv", 13).await;
    let Output::Plan(plan) = lake
        .handle(ReconcilerEvent::Plan { batch_date: date(13) })
        .await
        .unwrap()
    else {
        panic!("not a plan")
    };
    assert_eq!(
        (plan.datasets.len(), plan.reconciled),
        (0, vec!["transactions".to_owned()])
    );
    let published = lake.run(13).await;
    assert_eq!((published.withdrawn, published.counts.bronze_rows), (4, 0));
    assert_eq!(lake.contents().await, expected(&kept[..4]));
    for day in 12..15 {
        assert!(lake.run(day).await.counts.balanced());
        assert_eq!(lake.contents().await, expected(&kept[..4]), "day {day} again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_comes_back_has_the_last_word_again() {
    let lake = Lake::start().await;
    for amount in [1, 2, 1] {
        let rows = rows(0..3, 13, amount);
        lake.deliver("a.csv", 13, &rows).await;
        lake.run(13).await;
        assert_eq!(lake.contents().await, expected(&rows));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_quarantined_rows_is_settled_too() {
    let lake = Lake::start().await;
    let mut record = lake.deliver_with("a.csv", 13, &[], 3).await;
    let error = lake.reconcile(13).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::QuarantineThreshold);
    assert!(error.to_string().contains("3 of 3 rows quarantined"), "{error}");
    lake.deliver("b.csv", 13, &rows(0..100, 13, 1)).await;
    let published = lake.run(13).await;
    assert_eq!((published.counts.quarantined, published.table_rows), (3, 100));
    record.rejection = Some("truncated".into());
    record.counts = cardlake_core::records::RowCounts::default();
    record.source = lake.put_bronze("c.csv", 13, &"x".repeat(1_000_000)).await;
    lake.put_record(&record).await;
    let error = lake.reconcile(13).await.unwrap_err();
    assert!(error.to_string().contains("1 of 3 objects rejected"), "{error}");
    assert!(error.to_string().contains("c.csv (truncated)"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_threshold_weighs_what_is_unreadable_by_bytes_of_text() {
    let bytes = |read: u64, unreadable: u64| TextBytes {
        read,
        unreadable,
        ..TextBytes::default()
    };
    for (text, is_rejected, share) in [
        // A small object with much text, another with little, and one of which nobody knows how much is missing.
        (Some(bytes(2500, 0)), true, Some("20.00 %")),
        (Some(bytes(100, 0)), true, None),
        (None, true, Some("100.00 %")),
        // One row, but most of the text.
        (Some(bytes(10_000, 8000)), false, Some("40.00 %")),
        (Some(bytes(10_000, 800)), false, None),
    ] {
        let lake = Lake::start().await;
        let mut good = lake.deliver("a.csv", 13, &rows(0..100, 13, 1)).await;
        good.text = Some(bytes(10_000, 0));
        lake.put_record(&good).await;
        let mut bad = lake.deliver_with("b.csv.gz", 13, &[], u64::from(!is_rejected)).await;
        bad.text = text;
        bad.rejection = is_rejected.then(|| "damaged".to_owned());
        lake.put_record(&bad).await;
        match (lake.reconcile(13).await, share) {
            (Ok(_), None) => {}
            (Err(error), Some(share)) => {
                assert_eq!(error.kind(), ErrorKind::QuarantineThreshold);
                assert!(error.to_string().contains(share), "{error}");
            }
            (other, _) => panic!("{text:?}: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_without_a_record_of_its_present_content_stops_the_batch() {
    let lake = Lake::start().await;
    lake.deliver("a.csv", 13, &rows(0..10, 13, 500)).await;
    lake.put_bronze("b.csv", 13, "new").await;
    lake.put_bronze("a.csv", 13, "changed").await;
    let error = lake.reconcile(13).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::IncompleteBatch);
    let text = error.to_string();
    assert!(
        text.starts_with("2 of 2 bronze objects of transactions for 2026-01-13"),
        "{text}"
    );
    assert!(text.contains("ingest_date=2026-01-13/b.csv"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_day_gives_no_candidate() {
    let lake = Lake::start().await;
    let reconciled = lake.reconcile(13).await.unwrap();
    assert_eq!(
        (reconciled.candidate, reconciled.counts),
        (None, BatchCounts::default())
    );
    let error = lake.publish(13, None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_is_published_once() {
    let lake = Lake::start().await;
    lake.deliver("a.csv", 13, &rows(0..10, 13, 500)).await;
    let candidate = lake.reconcile(13).await.unwrap().candidate;
    let first = lake.publish(13, candidate.clone()).await.unwrap();
    assert_eq!(lake.publish(13, candidate).await.unwrap(), first);
    assert_eq!(lake.log_files(), ["00000000000000000000.json"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_before_the_commit_is_mended_by_a_rerun() {
    let lake = Lake::start().await;
    lake.deliver("a.csv", 13, &rows(0..10, 13, 500)).await;
    lake.run(13).await;
    lake.deliver("a.csv", 14, &rows(5..15, 13, 600)).await;
    let lost = lake.reconcile(14).await.unwrap();
    // Here the process ended; a rerun starts over.
    let again = lake.reconcile(14).await.unwrap();
    assert_eq!(again, lost);
    let published = lake.publish(14, again.candidate).await.unwrap();
    assert_eq!((published.version, published.table_rows), (1, 15));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_against_an_older_version_is_a_conflict() {
    let lake = Lake::start().await;
    lake.deliver("a.csv", 13, &rows(0..10, 13, 500)).await;
    lake.deliver("a.csv", 14, &rows(5..15, 13, 600)).await;
    let late = lake.reconcile(14).await.unwrap();
    lake.run(13).await;
    let error = lake.publish(14, late.candidate).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CommitConflict);
    assert!(error.to_string().contains("reconcile again"), "{error}");
    let published = lake.run(14).await;
    assert_eq!((published.version, published.table_rows), (1, 15));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_publishers_one_reconciles_again_and_both_batches_are_in_the_table() {
    let lake = Lake::start().await;
    lake.deliver("a.csv", 13, &rows(0..10, 13, 500)).await;
    lake.run(13).await;
    lake.deliver("a.csv", 14, &rows(100..120, 14, 1)).await;
    lake.deliver("a.csv", 15, &rows(200..230, 15, 2)).await;
    let run = async |day: u32| {
        let mut conflicts = 0;
        loop {
            let candidate = lake.reconcile(day).await.unwrap().candidate;
            match lake.publish(day, candidate).await {
                Ok(_) => return conflicts,
                Err(ReconcilerError::CommitConflict { .. }) => conflicts += 1,
                Err(other) => panic!("{other}"),
            }
        }
    };
    let (a, b) = tokio::join!(run(14), run(15));
    assert!(a + b <= 1, "one commit can only be in the way of the other once");
    let mut wanted = rows(0..10, 13, 500);
    wanted.extend(rows(100..120, 14, 1));
    wanted.extend(rows(200..230, 15, 2));
    assert_eq!(lake.contents().await, expected(&wanted));
    assert_eq!(lake.table().await.version(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_commits_of_two_batches_do_not_both_make_the_table() {
    let lake = Lake::start().await;
    lake.deliver("a.csv", 13, &rows(0..10, 13, 1)).await;
    lake.deliver("a.csv", 14, &rows(10..20, 14, 1)).await;
    let first = lake.reconcile(13).await.unwrap().candidate;
    let second = lake.reconcile(14).await.unwrap().candidate;
    let (a, b) = tokio::join!(lake.publish(13, first), lake.publish(14, second));
    assert!(a.is_ok() != b.is_ok(), "{a:?} {b:?}");
    assert_eq!(lake.log_files().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_of_another_batch_is_refused() {
    let lake = Lake::start().await;
    lake.deliver("a.csv", 13, &rows(0..10, 13, 1)).await;
    let candidate = lake.reconcile(13).await.unwrap().candidate;
    let error = lake.publish(14, candidate).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidEvent);
    let error = lake
        .publish(14, Some("_candidates/none.json".into()))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_file_that_is_not_sorted_is_reported_and_nothing_is_lost() {
    let lake = Lake::start().await;
    lake.deliver("a.csv", 13, &rows(0..10, 13, 1)).await;
    lake.run(13).await;
    let record = lake.deliver("a.csv", 14, &rows(5..9, 13, 2)).await;
    let file = &record.files[0];
    lake.storage
        .put(
            SILVER,
            &format!("transactions/{}", file.path),
            vec![0; file.size as usize],
        )
        .await
        .unwrap();
    let error = lake.reconcile(14).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains(&file.path), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_books_balance_at_the_version_that_the_warehouse_holds() {
    let lake = Lake::start().await;
    lake.deliver("a.csv", 13, &rows(0..10, 13, 1)).await;
    let published = lake.run(13).await;
    lake.deliver("a.csv", 14, &rows(10..15, 14, 1)).await;
    lake.run(14).await;
    let balance = |version: u64, warehouse_rows: u64| ReconcilerEvent::Balance {
        batch_date: date(13),
        published: vec![published.clone()],
        loaded: vec![LoadedDataset {
            dataset: "transactions".into(),
            version,
            copied_rows: 0,
            warehouse_rows,
            compared: None,
        }],
    };
    for (version, rows) in [(0, 10), (1, 15)] {
        let Output::Balance(output) = lake.handle(balance(version, rows)).await.unwrap() else {
            panic!("not a balance")
        };
        let books = &output.datasets["transactions"];
        assert!(books.balanced);
        assert_eq!((books.silver_rows, books.warehouse_rows), (rows, rows));
    }
    let error = lake.handle(balance(1, 10)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BooksImbalance);
    assert!(
        error
            .to_string()
            .contains("the warehouse has 10 rows, silver has 15 at version 1"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_bronze_bucket_is_not_an_empty_day() {
    let lake = Lake::start().await;
    std::fs::remove_dir_all(lake.lake.folder().join(BRONZE)).unwrap();
    assert!(lake.reconcile(13).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_transformed_by_other_rules_is_settled_anew_and_counted_once() {
    let lake = Lake::start().await;
    lake.deliver("b.csv", 13, &rows(100..110, 13, 500)).await;
    let narrow = lake.deliver_with("a.csv", 13, &rows(0..40, 13, 500), 2).await;
    let before = lake.run(13).await.counts;
    assert_eq!(
        (before.bronze_rows, before.silver_rows_added, before.quarantined),
        (52, 50, 2)
    );
    // The same object, whose quarantined rows a wider late window lets in.
    lake.deliver_as(&narrow, &rows(0..42, 13, 500)).await;
    let reconciled = lake.reconcile(13).await.unwrap();
    assert_eq!(
        reconciled.files_removed, 0,
        "rows that are there already stay where they are"
    );
    let after = lake.publish(13, reconciled.candidate).await.unwrap();
    let counts = after.counts;
    assert_eq!(
        (counts.bronze_rows, counts.silver_rows_added, counts.quarantined),
        (52, 52, 0)
    );
    assert_eq!((counts.duplicates, after.table_rows), (0, 52));
    assert_eq!(lake.reconcile(13).await.unwrap().candidate, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_goes_back_to_its_first_rules_finds_its_files_in_the_table() {
    let lake = Lake::start().await;
    let narrow = lake.deliver("a.csv", 13, &rows(0..40, 13, 500)).await;
    lake.run(13).await;
    lake.deliver_as(&narrow, &rows(0..42, 13, 500)).await;
    lake.run(13).await;
    lake.put_record(&narrow).await;
    let after = lake.run(13).await;
    assert_eq!(after.counts.silver_rows_added, 40, "by these rules");
    assert_eq!(
        after.table_rows, 40,
        "rows that the rules do not let in any more leave the table"
    );
    assert_eq!(lake.contents().await, expected(&rows(0..40, 13, 500)));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_tightened_rules_refuse_leave_the_table_and_come_back_with_wider_ones() {
    let lake = Lake::start().await;
    // Another object has an older version of row 35, and another day one of row 7.
    lake.deliver(
        "b.csv",
        13,
        &[Row {
            second: 1,
            ..Row::new(35, 13, 1)
        }],
    )
    .await;
    lake.deliver("a.csv", 12, &[Row::new(7, 12, 1), Row::new(50, 12, 1)])
        .await;
    lake.run(12).await;
    let all = rows(0..40, 13, 500);
    let wide = lake.deliver("c.csv", 13, &all).await;
    lake.run(13).await;
    assert_eq!(lake.table().await.withdrawn_at().await.unwrap(), None);

    // The last rows of the object.
    let kept = rows(0..32, 13, 500);
    lake.deliver_as(&wide, &kept).await;
    let after = lake.run(13).await;
    let counts = after.counts;
    assert!(counts.balanced());
    // Row 35 of the other object was a duplicate when it was applied.
    assert_eq!(after.table_rows, 34, "{counts:?}");
    let mut wanted = kept;
    wanted.push(Row::new(50, 12, 1));
    wanted.push(Row {
        second: 1,
        ..Row::new(35, 13, 1)
    });
    assert_eq!(lake.contents().await, expected(&wanted));
    assert_eq!(lake.table().await.withdrawn_at().await.unwrap(), Some(after.version));
    assert_eq!(lake.reconcile(13).await.unwrap().candidate, None);

    lake.put_record(&wide).await;
    let back = lake.run(13).await;
    assert_eq!(back.table_rows, 41);
    wanted = all;
    wanted.push(Row::new(50, 12, 1));
    assert_eq!(lake.contents().await, expected(&wanted));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_another_day_comes_back_once_the_row_that_replaced_it_is_refused() {
    let lake = Lake::start().await;
    let first = rows(0..10, 12, 1);
    lake.deliver("a.csv", 12, &first).await;
    lake.run(12).await;
    let later = rows(5..8, 13, 500);
    let wide = lake.deliver("a.csv", 13, &later).await;
    assert_eq!(lake.run(13).await.counts.replaced, 3);
    // Only row 5 is still valid.
    lake.deliver_as(&wide, &later[..1]).await;
    let published = lake.run(13).await;
    assert_eq!((published.withdrawn, published.taken_back), (0, 2));
    let mut wanted = first;
    wanted[5] = later[0].clone();
    assert_eq!(lake.contents().await, expected(&wanted));

    let published = lake.run(12).await;
    assert_eq!((published.withdrawn, published.table_rows), (0, 10));
    assert!(published.counts.balanced());
    assert_eq!(published.counts.bronze_rows, 10);
    assert_eq!(lake.contents().await, expected(&wanted));
    for day in [12, 13] {
        assert_eq!(lake.reconcile(day).await.unwrap().candidate, None, "day {day}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_file_under_the_name_of_one_in_the_table_is_refused() {
    let lake = Lake::start().await;
    let first = lake.deliver("a.csv", 13, &rows(0..40, 13, 500)).await;
    lake.run(13).await;
    let mut other = first.clone();
    other.rules = "other".into();
    other.files[0].size += 1;
    lake.put_record(&other).await;
    let error = lake.reconcile(13).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.to_string().contains("names must not be used twice"), "{error}");
}
