//! Figures of a batch, kept for later ones, and what they say beside those of the days before.
//!
//! A day may have several documents, one for each candidate: the one about the most rows stands for it, so that a late file does
//! not. Only the last 30 days are listed and read.

use crate::context::Context;
use crate::error::ValidatorError;
use cardlake_aws::storage::StorageError;
use cardlake_core::contract::{Contract, Protection};
use cardlake_core::paths;
use cardlake_core::records::Candidate;
use cardlake_expectations::{Figures, deviations};
use chrono::{Days, NaiveDate};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::BTreeMap;

/// Days before a batch that it is compared with.
const DAYS: u64 = 30;
/// Documents read concurrently.
const PARALLEL: usize = 8;

/// Keeps the figures of a batch; a sentence for each that is unlike those of the days before.
///
/// # Errors
/// The silver bucket cannot be read or written.
pub(crate) async fn compare(
    context: &Context,
    contract: &Contract,
    candidate: &Candidate,
    mut figures: Figures,
) -> Result<Vec<String>, ValidatorError> {
    let Candidate {
        dataset,
        batch_date,
        id,
        counts,
        ..
    } = candidate;
    figures.delivered = counts.bronze_rows;
    figures.among_delivered = BTreeMap::from([
        ("duplicates".to_owned(), counts.duplicates),
        ("quarantined".to_owned(), counts.quarantined),
    ]);
    for column in contract
        .columns
        .iter()
        .filter(|column| column.protection != Protection::None)
    {
        // Not even as tokens: a key that is thrown away must leave nothing behind that could be compared.
        if let Some(figures) = figures.columns.get_mut(&column.name) {
            figures.values = None;
        }
    }
    let key = paths::figures(dataset, *batch_date, id);
    context.storage.put_json(&context.silver_bucket, &key, &figures).await?;
    let past = before(context, dataset, *batch_date).await?;
    let sentences = deviations(*batch_date, &figures, &past).into_iter();
    Ok(sentences
        .map(|sentence| format!("unlike the days before: {sentence}"))
        .collect())
}

/// The figures of the last days before a day. Documents that cannot be parsed are skipped.
async fn before(
    context: &Context,
    dataset: &str,
    batch_date: NaiveDate,
) -> Result<Vec<(NaiveDate, Figures)>, StorageError> {
    let (storage, bucket) = (&context.storage, &context.silver_bucket);
    let Some(first) = batch_date.checked_sub_days(Days::new(DAYS)) else {
        return Ok(Vec::new());
    };
    let mut keys = Vec::new();
    for prefix in paths::figures_prefixes(dataset, first, batch_date) {
        let objects = storage.list(bucket, &prefix).await?;
        let dated = objects.into_iter().filter_map(|object| {
            let day = paths::figures_batch_date(&object.key)?;
            (first <= day && day < batch_date).then_some((day, object.key))
        });
        keys.extend(dated);
    }
    let reading = keys.into_iter().map(|(day, key)| async move {
        let bytes = storage.get(bucket, &key).await?;
        let figures = bytes.and_then(|bytes| serde_json::from_slice::<Figures>(&bytes).ok());
        Ok::<_, StorageError>(figures.map(|figures| (day, figures)))
    });
    let read: Vec<Option<(NaiveDate, Figures)>> = stream::iter(reading).buffered(PARALLEL).try_collect().await?;
    let mut days: BTreeMap<NaiveDate, Figures> = BTreeMap::new();
    for (day, figures) in read.into_iter().flatten() {
        if days.get(&day).is_none_or(|known| known.rows < figures.rows) {
            days.insert(day, figures);
        }
    }
    Ok(days.into_iter().collect())
}
