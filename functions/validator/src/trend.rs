//! Previous results of a dataset, for the trend on a page and for the page that leads to all of them.

use cardlake_aws::storage::{ObjectMeta, Storage, StorageError};
use cardlake_core::paths;
use cardlake_expectations::{TrendPoint, ValidationResult};
use chrono::{Days, NaiveDate};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::BTreeMap;

/// Days before the current one.
const DAYS: usize = 13;
/// How far back they are looked for: listing more would cost what the history does.
const DAYS_BACK: u64 = 60;
/// Results read concurrently.
const PARALLEL: usize = 8;

/// The result of a day.
pub(crate) struct Run {
    pub(crate) day: NaiveDate,
    /// Key of the result.
    pub(crate) key: String,
    pub(crate) point: TrendPoint,
}

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
) -> Result<Vec<Run>, StorageError> {
    let first = batch_date.checked_sub_days(Days::new(DAYS_BACK)).unwrap_or(batch_date);
    let mut newest: BTreeMap<NaiveDate, ObjectMeta> = BTreeMap::new();
    for prefix in paths::validations_prefixes(dataset, first, batch_date) {
        for object in storage.list(bucket, &prefix).await? {
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
        Ok(result.map(|result| Run {
            day,
            key: object.key,
            point: TrendPoint::new(label(day), &result),
        }))
    });
    let runs: Vec<Option<Run>> = stream::iter(reading).buffered(PARALLEL).try_collect().await?;
    Ok(runs.into_iter().flatten().collect())
}

/// The label below the bar of a day.
pub(crate) fn label(day: NaiveDate) -> String {
    day.format("%m-%d").to_string()
}
