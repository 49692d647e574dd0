//! Action `publish`: commits the candidate as a version of the table, once.

use crate::accounting;
use crate::applied;
use crate::context::Context;
use crate::delivery::listed;
use crate::error::ReconcilerError;
use cardlake_aws::metrics::{self, Metric, Subject};
use cardlake_core::events::{PublishOutput, UnreadFile};
use cardlake_core::paths::BronzeKey;
use cardlake_core::records::{Candidate, ObjectRecord};
use cardlake_lake::delta::{CommitOutcome, CommitRequest, DeltaTable};
use chrono::NaiveDate;
use std::collections::BTreeMap;

/// Commits the candidate, or finds that it is committed. Without a candidate: what the table holds of the batch.
pub(crate) async fn publish(
    context: &Context,
    batch_date: NaiveDate,
    dataset: &str,
    candidate: Option<&str>,
) -> Result<PublishOutput, ReconcilerError> {
    let contract = context.contracts.get(dataset)?;
    let mut table = DeltaTable::open(&context.delta, dataset).await?;
    let published = match candidate {
        None => applied::latest_committed(context, &table, batch_date).await?,
        Some(key) => {
            let candidate = applied::read(context, key).await?;
            if candidate.dataset != dataset || candidate.batch_date != batch_date {
                return Err(ReconcilerError::InvalidEvent(format!(
                    "{key} is a candidate of {} for {}, not of {dataset} for {batch_date}",
                    candidate.dataset, candidate.batch_date
                )));
            }
            let base = candidate.base_version;
            match table.commit(contract, request(&candidate)).await? {
                CommitOutcome::Committed(version) => {
                    tracing::info!(dataset, %batch_date, version, candidate = %candidate.id, "batch committed");
                }
                CommitOutcome::AlreadyCommitted(version) => {
                    tracing::info!(dataset, %batch_date, version, candidate = %candidate.id, "batch was committed before");
                }
                CommitOutcome::Conflict(found) => {
                    return Err(ReconcilerError::CommitConflict {
                        dataset: dataset.to_owned(),
                        batch_date,
                        found: version_name(found),
                        base: version_name(base),
                    });
                }
            }
            Some(candidate)
        }
    };
    let version = table.version().ok_or_else(|| {
        ReconcilerError::NotFound(format!(
            "{dataset} has no Delta table yet, and there is nothing to publish for {batch_date}"
        ))
    })?;
    // Without a candidate the batch has no rows.
    let mut counts = published.as_ref().map(|candidate| candidate.counts).unwrap_or_default();
    let rejected = match &published {
        Some(candidate) => rejected(context, candidate).await?,
        None => Vec::new(),
    };
    counts.rejected_objects = rejected.len() as u64;
    let table_rows = table.rows().await?;
    let figures = [
        (Metric::RowsAdded, counts.silver_rows_added),
        (Metric::RowsLost, counts.duplicates),
        (Metric::RowsReplaced, counts.replaced),
        (Metric::TableRows, table_rows),
    ];
    metrics::record(&Subject::Dataset(dataset.to_owned()), &figures);
    // A repeated publication without a candidate withdraws nothing.
    let withdrawn = published.as_ref().filter(|_| candidate.is_some());
    Ok(PublishOutput {
        dataset: dataset.to_owned(),
        version,
        withdrawn: withdrawn.map_or(0, |candidate| candidate.withdrawn),
        taken_back: withdrawn.map_or(0, |candidate| candidate.taken_back),
        counts,
        table_rows,
        reasons: published
            .map(|candidate| accounting::reasons(&candidate.objects))
            .unwrap_or_default(),
        rejected: listed(rejected),
    })
}

/// The batch's objects that are rejected and still lie in bronze as they were, with the reason. One that was removed or
/// delivered again is none any more.
async fn rejected(context: &Context, candidate: &Candidate) -> Result<Vec<UnreadFile>, ReconcilerError> {
    let mut rejected = Vec::new();
    for (id, object) in &candidate.objects {
        let Some((key, etag)) = id.rsplit_once('@').filter(|_| object.counts.rejected_objects > 0) else {
            continue;
        };
        let Some(parsed) = BronzeKey::parse(key) else { continue };
        // Listed: the stage reads no raw file. Some stores leave the ETag out of their listings.
        let listed = context.storage.list(&context.lake.bronze_bucket, key).await?;
        let present = listed.iter().find(|meta| meta.key == key);
        if present.is_none_or(|meta| !meta.etag.is_empty() && meta.etag != etag) {
            continue;
        }
        let silver = &context.lake.silver_bucket;
        let record: Option<ObjectRecord> = context.storage.get_json(silver, &parsed.object_record()).await?;
        let reason = record.and_then(|record| record.rejection);
        rejected.push(UnreadFile {
            file: key.to_owned(),
            reason: reason.unwrap_or_else(|| "its object record was removed".to_owned()),
        });
    }
    Ok(rejected)
}

fn request(candidate: &Candidate) -> CommitRequest {
    let counts = candidate.counts;
    let batch_date = candidate.batch_date.to_string();
    let summary = serde_json::json!({"batch_date": batch_date, "candidate": candidate.id, "counts": counts});
    CommitRequest {
        base_version: candidate.base_version,
        transaction_id: applied::transaction_id(candidate.batch_date, &candidate.id),
        add: candidate.add.clone(),
        remove: candidate.remove.clone(),
        withdraws: candidate.withdrawn + candidate.taken_back > 0,
        data_change: true,
        information: BTreeMap::from([
            ("batchDate".to_owned(), batch_date),
            ("candidate".to_owned(), candidate.id.clone()),
            ("userMetadata".to_owned(), summary.to_string()),
        ]),
    }
}

fn version_name(version: Option<u64>) -> String {
    version.map_or_else(|| "no version".to_owned(), |version| version.to_string())
}
