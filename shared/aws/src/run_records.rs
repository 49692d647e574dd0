//! The run records of a silver bucket.

use crate::storage::{Storage, StorageError};
use cardlake_core::paths::RUN_RECORDS_PREFIX;
use cardlake_core::run_record::RunRecord;

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
