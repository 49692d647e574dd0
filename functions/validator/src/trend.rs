//! Previous results of a dataset, for the trend on a page.

use cardlake_aws::storage::{ObjectMeta, Storage, StorageError};
use cardlake_core::paths;
use cardlake_expectations::{TrendPoint, ValidationResult};
use chrono::NaiveDate;
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::BTreeMap;

/// Days before the current one.
const DAYS: usize = 13;
/// Results read concurrently.
const PARALLEL: usize = 8;

/// The newest result of each of the last days before `batch_date` that have one. Documents that cannot be parsed are
/// skipped.
///
/// # Errors
/// The bucket cannot be read.
pub(crate) async fn before(
    storage: &Storage,
    bucket: &str,
    dataset: &str,
    batch_date: NaiveDate,
) -> Result<Vec<TrendPoint>, StorageError> {
    let mut newest: BTreeMap<NaiveDate, ObjectMeta> = BTreeMap::new();
    for object in storage.list(bucket, &paths::all_validations_prefix(dataset)).await? {
        let Some(day) = paths::validation_batch_date(&object.key).filter(|day| *day < batch_date) else {
            continue;
        };
        if newest
            .get(&day)
            .is_none_or(|known| (known.last_modified, &known.key) < (object.last_modified, &object.key))
        {
            newest.insert(day, object);
        }
    }
    let last = newest
        .into_iter()
        .rev()
        .take(DAYS)
        .collect::<Vec<_>>()
        .into_iter()
        .rev();
    let reading = last.map(|(day, object)| async move {
        let bytes = storage.get(bucket, &object.key).await?;
        let result = bytes.and_then(|bytes| serde_json::from_slice::<ValidationResult>(&bytes).ok());
        Ok(result.map(|result| TrendPoint::new(label(day), &result)))
    });
    let points: Vec<Option<TrendPoint>> = stream::iter(reading).buffered(PARALLEL).try_collect().await?;
    Ok(points.into_iter().flatten().collect())
}

/// The label below the bar of a day.
pub(crate) fn label(day: NaiveDate) -> String {
    day.format("%m-%d").to_string()
}
