//! A wider late window in a backfill: a row that was too late enters after all.

use crate::support::{Lake, Options, data_files, deliver, row};
use tempfile::TempDir;

#[tokio::test(flavor = "multi_thread")]
async fn a_row_later_than_the_window_is_quarantined_and_enters_when_a_backfill_widens_the_window() {
    let folder = TempDir::new().unwrap();
    let lake = Lake::open(folder.path(), Options::default()).await;
    // One row in time, two on the edge of the usual window of two days, one beyond it.
    let rows = [row(1, 15, 1), row(2, 13, 1), row(3, 13, 1), row(4, 10, 1)];
    deliver(folder.path(), 15, "a.csv", 0, &rows);
    let narrow = lake.run(15, None).await.unwrap();
    let counts = narrow.counts;
    assert_eq!(
        (counts.bronze_rows, counts.silver_rows_added, counts.quarantined),
        (4, 3, 1)
    );
    assert_eq!((counts.late_rows, narrow.table_rows), (2, 3));
    let before = lake.rows().await;

    let wide = lake.run(15, Some(5)).await.unwrap();
    let counts = wide.counts;
    assert_eq!(
        (counts.bronze_rows, counts.silver_rows_added, counts.quarantined),
        (4, 4, 0)
    );
    assert_eq!((counts.duplicates, counts.late_rows, wide.table_rows), (0, 3, 4));
    let after = lake.rows().await;
    assert_eq!(after.iter().filter(|row| !before.contains(row)).count(), 1);
    assert!(
        before.iter().all(|row| after.contains(row)),
        "the rows that were there are as they were"
    );

    let again = lake.run(15, Some(5)).await.unwrap();
    assert_eq!(again, wide, "a repeated backfill changes nothing");

    let usual = lake.run(15, None).await.unwrap();
    assert_eq!(usual, wide, "the usual run of the day takes nothing back");
    assert_eq!(lake.rows().await, after);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_a_wider_window_lets_in_meets_the_versions_of_its_own_days() {
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    let lake = Lake::open(root, Options::default()).await;
    deliver(root, 10, "a.csv", 0, &[row(1, 10, 100), row(3, 10, 100)]);
    lake.run(10, None).await.unwrap();
    deliver(root, 15, "a.csv", 0, &[row(1, 10, 200), row(2, 15, 1)]);
    let narrow = lake.run(15, None).await.unwrap();
    assert_eq!((narrow.counts.quarantined, narrow.table_rows), (1, 3));

    let wide = lake.run(15, Some(5)).await.unwrap();
    assert_eq!(
        (wide.counts.replaced, wide.counts.silver_rows_added, wide.table_rows),
        (1, 2, 3)
    );
    let rows = lake.rows().await;
    assert_eq!(
        rows.iter().filter(|row| row.contains("|200.50|")).count(),
        1,
        "{rows:?}"
    );
    assert_eq!(
        rows.iter().filter(|row| row.contains("|100.50|")).count(),
        1,
        "{rows:?}"
    );
    assert!(
        data_files(root).len() > lake.active_files().await.len(),
        "the older version is a file of the past"
    );
}
