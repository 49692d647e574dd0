//! The bronze objects of a dataset and day with their object records, checked for completeness and quality.

use crate::context::Context;
use crate::delivery::Delivery;
use crate::error::ReconcilerError;
use cardlake_aws::storage::ObjectMeta;
use cardlake_core::records::{FORMAT_VERSION, ObjectRecord};
use chrono::NaiveDate;
use futures::{StreamExt, TryStreamExt, stream};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Object records read at a time.
const CONCURRENT_READS: usize = 16;
/// Keys named in an error message.
const EXAMPLES: usize = 5;
/// Reasons named in an error message.
const NAMED_REASONS: usize = 3;

/// All input objects of a dataset and day, each with its object record.
#[derive(Debug)]
pub(crate) struct DayObjects {
    /// The records, in the order of the bronze keys.
    pub(crate) records: Vec<ObjectRecord>,
}

/// Names a delivered object: the same key with other content is another object.
pub(crate) fn object_id(record: &ObjectRecord) -> String {
    format!("{}@{}", record.source.key, record.source.etag)
}

impl DayObjects {
    /// Reads the object records of the day.
    ///
    /// # Errors
    /// A bronze object has no record of its present content: [`ReconcilerError::IncompleteBatch`].
    pub(crate) async fn read(context: &Context, dataset: &str, batch_date: NaiveDate) -> Result<Self, ReconcilerError> {
        let silver = &context.lake.silver_bucket;
        let objects = Delivery::list(context, dataset, batch_date).await?.inputs;
        let count = objects.len();
        let found: Vec<_> = stream::iter(objects)
            .map(|(object, key)| async move {
                let key = key.object_record();
                let record: Option<ObjectRecord> = context.storage.get_json(silver, &key).await?;
                if let Some(record) = &record {
                    check(record, dataset, &key)?;
                }
                let etag = etag(context, &object).await?;
                let record = record.filter(|record| Some(&record.source.etag) == etag.as_ref());
                Ok::<_, ReconcilerError>(record.ok_or(object.key))
            })
            .buffered(CONCURRENT_READS)
            .try_collect()
            .await?;
        let (mut records, mut missing) = (Vec::with_capacity(count), Vec::new());
        for outcome in found {
            match outcome {
                Ok(record) => records.push(record),
                Err(key) => missing.push(key),
            }
        }
        if missing.is_empty() {
            return Ok(Self { records });
        }
        Err(ReconcilerError::IncompleteBatch {
            dataset: dataset.to_owned(),
            batch_date,
            objects: count,
            missing: missing.len(),
            examples: examples(missing),
        })
    }

    /// Whether no more of the batch is unusable than `threshold` (a share, 0 to 1) allows.
    ///
    /// A rejected object has no rows to count. It weighs as many as its bytes would hold if they were like those of the
    /// objects that could be read: the unusable share is the quarantined share of the readable bytes plus the share of
    /// the rejected bytes.
    ///
    /// # Errors
    /// [`ReconcilerError::QuarantineThreshold`].
    pub(crate) fn check_quality(
        &self,
        dataset: &str,
        batch_date: NaiveDate,
        threshold: f64,
    ) -> Result<(), ReconcilerError> {
        let (rejected, readable): (Vec<_>, Vec<_>) = self.records.iter().partition(|record| record.rejection.is_some());
        // Compressed sizes tell nothing about how much text an object holds.
        let text = |record: &ObjectRecord| record.text.map_or(record.source.size, |text| text.read);
        let bytes = |records: &[&ObjectRecord]| records.iter().map(|record| text(record)).sum::<u64>();
        let bronze_rows: u64 = readable.iter().map(|record| record.counts.bronze_rows).sum();
        let quarantined: u64 = readable.iter().map(|record| record.counts.quarantined).sum();
        let unreadable = readable.iter().filter_map(|record| record.text);
        let unreadable: u64 = unreadable.map(|text| text.unreadable).sum();
        // Nobody knows how much is missing from an object whose text does not come to an end.
        let rejected_share = if rejected.iter().any(|record| record.text.is_none()) {
            1.0
        } else {
            ratio(bytes(&rejected), bytes(&rejected) + bytes(&readable))
        };
        // One unreadable record may hold any number of rows.
        let readable_share = ratio(quarantined, bronze_rows).max(ratio(unreadable, bytes(&readable)));
        let share = rejected_share + (1.0 - rejected_share) * readable_share;
        if share <= threshold {
            return Ok(());
        }
        let files = readable.iter().filter_map(|record| record.quarantine.as_ref());
        let reasons = files.flat_map(|file| &file.reasons);
        let described = readable
            .iter()
            .filter_map(|record| record.quarantine.as_ref().map(|file| file.key.clone()))
            .chain(rejected.iter().filter_map(|record| {
                let reason = record.rejection.as_deref()?;
                Some(format!("{} ({reason})", record.source.key))
            }))
            .collect();
        Err(ReconcilerError::QuarantineThreshold {
            dataset: dataset.to_owned(),
            batch_date,
            share: share * 100.0,
            allowed: threshold * 100.0,
            quarantined,
            bronze_rows,
            reasons: most_frequent(reasons),
            rejected: rejected.len(),
            objects: self.records.len(),
            look_at: examples(described),
        })
    }
}

/// The reasons that most rows are quarantined for, with their numbers, as a message has them.
fn most_frequent<'r>(reasons: impl Iterator<Item = (&'r String, &'r u64)>) -> String {
    let mut rows: BTreeMap<&str, u64> = BTreeMap::new();
    for (reason, count) in reasons {
        *rows.entry(reason).or_default() += count;
    }
    let mut rows: Vec<(&str, u64)> = rows.into_iter().collect();
    rows.sort_by_key(|(reason, count)| (Reverse(*count), *reason));
    let named = rows.iter().take(NAMED_REASONS);
    let named: Vec<String> = named.map(|(reason, count)| format!("{reason}, {count} rows")).collect();
    if named.is_empty() {
        String::new()
    } else {
        format!(" ({})", named.join("; "))
    }
}

/// The object's ETag; some stores that speak S3 leave it out of their listings.
async fn etag(context: &Context, object: &ObjectMeta) -> Result<Option<String>, ReconcilerError> {
    if !object.etag.is_empty() {
        return Ok(Some(object.etag.clone()));
    }
    let found = context.storage.head(&context.lake.bronze_bucket, &object.key).await?;
    Ok(found.map(|object| object.etag))
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn examples(mut names: Vec<String>) -> String {
    let more = names.len().saturating_sub(EXAMPLES);
    names.truncate(EXAMPLES);
    let mut text = names.join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

fn check(record: &ObjectRecord, dataset: &str, key: &str) -> Result<(), ReconcilerError> {
    let problem = if record.format_version != FORMAT_VERSION {
        format!(
            "format version {} is unknown, known is {FORMAT_VERSION}",
            record.format_version
        )
    } else if record.dataset != dataset {
        format!("it is a record of {}, not of {dataset}", record.dataset)
    } else if !record.counts.balanced() {
        "its row counts do not add up".to_owned()
    } else if record.files.iter().map(|file| file.rows).sum::<u64>() != record.counts.silver_rows {
        "its files have another number of rows than its counts say".to_owned()
    } else {
        return Ok(());
    };
    Err(ReconcilerError::Corrupt {
        object: key.to_owned(),
        problem,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_the_most_frequent_reasons() {
        let first = [("amount: required", 2), ("mcc: unknown", 9), ("status: unknown", 2)];
        let second = [("amount: required", 1), ("txn_ts: not a time", 1)];
        let rows = |pairs: &[(&str, u64)]| -> BTreeMap<String, u64> {
            pairs
                .iter()
                .map(|(reason, rows)| ((*reason).to_owned(), *rows))
                .collect()
        };
        let files = [rows(&first), rows(&second)];
        assert_eq!(
            most_frequent(files.iter().flatten()),
            " (mcc: unknown, 9 rows; amount: required, 3 rows; status: unknown, 2 rows)"
        );
        assert_eq!(
            most_frequent([].iter().flat_map(|file: &BTreeMap<String, u64>| file)),
            ""
        );
    }
}
