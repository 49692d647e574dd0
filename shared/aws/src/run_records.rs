//! The run records of a silver bucket.

use crate::storage::{Storage, StorageError};
use cardlake_core::paths::RUN_RECORDS_PREFIX;
use cardlake_core::run_record::{RunOutcome, RunRecord};
use chrono::NaiveDate;

/// The last `count` run records, the latest first.
///
/// # Errors
/// The bucket cannot be listed, or a record cannot be read or parsed.
pub async fn last(storage: &Storage, silver_bucket: &str, count: usize) -> Result<Vec<RunRecord>, StorageError> {
    let mut objects = storage.list(silver_bucket, RUN_RECORDS_PREFIX).await?;
    objects.sort_by(|a, b| (b.last_modified, &b.key).cmp(&(a.last_modified, &a.key)));
    let mut records = Vec::new();
    for object in objects.into_iter().take(count) {
        // Skip records deleted concurrently.
        records.extend(storage.get_json(silver_bucket, &object.key).await?);
    }
    Ok(records)
}

/// The newest day of which a run succeeded.
///
/// # Errors
/// As of [`last`].
pub async fn newest_day(storage: &Storage, silver_bucket: &str) -> Result<Option<NaiveDate>, StorageError> {
    let objects = storage.list(silver_bucket, RUN_RECORDS_PREFIX).await?;
    // A key begins with the day.
    let mut keys: Vec<String> = objects.into_iter().map(|object| object.key).collect();
    keys.sort_unstable_by(|a, b| b.cmp(a));
    for key in keys {
        let record: Option<RunRecord> = storage.get_json(silver_bucket, &key).await?;
        if let Some(record) = record
            && matches!(record.outcome, RunOutcome::Succeeded { .. })
        {
            return Ok(Some(record.batch_date));
        }
    }
    Ok(None)
}
