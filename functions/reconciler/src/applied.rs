//! Applied objects: the part of a batch that is committed already.
//!
//! Every candidate lists the objects that are applied by it or before it, and its id becomes the transaction id of its
//! commit. So the newest candidate of the batch whose transaction is in the log names the objects that need no more work
//! and holds the row accounting of the batch. Candidates that were never committed are ignored.

use crate::committed::Committed;
use crate::context::Context;
use crate::day_objects::object_id;
use crate::error::ReconcilerError;
use cardlake_core::paths::{all_candidates_prefix, candidate_batch_date, candidates_prefix, object_records_prefix};
use cardlake_core::records::{Candidate, DataFile, FORMAT_VERSION, ObjectRecord};
use cardlake_lake::delta::DeltaTable;
use chrono::NaiveDate;
use futures::future::try_join_all;
use std::collections::BTreeSet;

/// The transaction id under which a candidate is committed.
pub(crate) fn transaction_id(batch_date: NaiveDate, candidate_id: &str) -> String {
    format!("cardlake/{batch_date}/{candidate_id}")
}

/// The newest committed candidate of a batch.
///
/// # Errors
/// Candidates or log cannot be read.
pub(crate) async fn latest_committed(
    context: &Context,
    table: &DeltaTable,
    batch_date: NaiveDate,
) -> Result<Option<Candidate>, ReconcilerError> {
    if table.version().is_none() {
        return Ok(None);
    }
    let prefix = candidates_prefix(table.name(), batch_date);
    let silver = &context.lake.silver_bucket;
    let objects = context.storage.list(silver, &prefix).await?;
    let candidates = try_join_all(objects.iter().map(|object| read(context, &object.key))).await?;
    let last = last_committed(table, &candidates).await?;
    Ok(last.cloned())
}

/// The newest committed one among the candidates of one batch.
///
/// # Errors
/// The log cannot be read.
pub(crate) async fn last_committed<'c>(
    table: &DeltaTable,
    candidates: impl IntoIterator<Item = &'c Candidate>,
) -> Result<Option<&'c Candidate>, ReconcilerError> {
    let mut candidates: Vec<&Candidate> = candidates.into_iter().collect();
    // Each commit raises the version, so the newest base among the committed ones is the newest commit.
    candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.base_version));
    for candidate in candidates {
        let id = transaction_id(candidate.batch_date, &candidate.id);
        if table.has_transaction(&id).await? {
            return Ok(Some(candidate));
        }
    }
    Ok(None)
}

/// Whether the candidate applied the object under its current rules.
pub(crate) fn is_applied(candidate: &Candidate, record: &ObjectRecord) -> bool {
    let id = object_id(record);
    candidate.settled.contains(&id)
        && candidate
            .objects
            .get(&id)
            .is_none_or(|object| object.rules == record.rules)
}

/// Keys of the objects that the candidate applied and bronze does not have any more, or with another content.
pub(crate) fn gone(candidate: &Candidate, records: &[ObjectRecord]) -> BTreeSet<String> {
    let delivered: BTreeSet<String> = records.iter().map(object_id).collect();
    let applied = candidate.settled.iter().chain(candidate.objects.keys());
    let gone = applied.filter(|id| !delivered.contains(*id));
    gone.filter_map(|id| Some(id.rsplit_once('@')?.0.to_owned())).collect()
}

/// Whether rows have left the table since the candidate was committed without being replaced. They may have superseded rows of
/// its batch, which are to come back: all objects of the batch are applied again then.
///
/// # Errors
/// The log cannot be read.
pub(crate) async fn is_overtaken(table: &DeltaTable, candidate: &Candidate) -> Result<bool, ReconcilerError> {
    let committed = candidate.base_version.map_or(0, |base| base + 1);
    Ok(table.withdrawn_at().await?.is_some_and(|version| version > committed))
}

/// Whether rows of an applied object were dropped when it was applied, so that its files tell more than the table does. Rows
/// that were superseded since are older than their successors.
fn is_evidence(candidate: &Candidate, record: &ObjectRecord) -> bool {
    let account = candidate.objects.get(&object_id(record));
    // Candidates of early versions of this program have no accounts.
    account.is_none_or(|object| object.counts.duplicates > record.counts.duplicates)
}

/// Superseded data files: those of applied objects, of this batch (with its last candidate, `before`) and of later ones, some of
/// whose rows were dropped as duplicates or superseded. They are evidence of what was delivered when.
///
/// Batches after `until` are left out. When batches come in order there is no later one, and this costs one listing.
///
/// # Errors
/// Candidates, log or object records cannot be read.
pub(crate) async fn evidence_files(
    context: &Context,
    table: &DeltaTable,
    (before, applied): (Option<&Candidate>, &[&ObjectRecord]),
    batch_date: NaiveDate,
    until: Option<NaiveDate>,
    committed: &Committed,
) -> Result<Vec<DataFile>, ReconcilerError> {
    let silver = &context.lake.silver_bucket;
    let prefix = all_candidates_prefix(table.name());
    let candidates = context.storage.list(silver, &prefix).await?;
    let later: BTreeSet<NaiveDate> = candidates
        .iter()
        .filter_map(|object| candidate_batch_date(&object.key))
        .filter(|date| *date > batch_date && until.is_none_or(|until| *date <= until))
        .collect();
    let of_batch = applied
        .iter()
        .filter(|record| before.is_none_or(|before| is_evidence(before, record)));
    let mut files: Vec<DataFile> = of_batch.flat_map(|record| record.files.clone()).collect();
    for date in later {
        let Some(candidate) = latest_committed(context, table, date).await? else {
            continue;
        };
        if candidate.counts.duplicates == 0 {
            continue;
        }
        let mut records = settled_records(context, table, date, &candidate).await?;
        records.retain(|record| is_evidence(&candidate, record));
        files.extend(records.into_iter().flat_map(|record| record.files));
    }
    files.retain(|file| !committed.contains(&file.path));
    Ok(files)
}

/// All superseded data files of other batches that the vacuum has left: what was delivered besides the rows of the table. Versions
/// that were replaced come back from there, from whichever day: one that moved can have come from any.
///
/// # Errors
/// Candidates, log or object records cannot be read.
pub(crate) async fn superseded_files(
    context: &Context,
    table: &DeltaTable,
    batch_date: NaiveDate,
    committed: &Committed,
) -> Result<Vec<DataFile>, ReconcilerError> {
    let silver = &context.lake.silver_bucket;
    let candidates = context
        .storage
        .list(silver, &all_candidates_prefix(table.name()))
        .await?;
    let others: BTreeSet<NaiveDate> = candidates
        .iter()
        .filter_map(|object| candidate_batch_date(&object.key))
        .filter(|date| *date != batch_date)
        .collect();
    let mut files = Vec::new();
    for date in others {
        if let Some(candidate) = latest_committed(context, table, date).await? {
            let records = settled_records(context, table, date, &candidate).await?;
            files.extend(records.into_iter().flat_map(|record| record.files));
        }
    }
    files.retain(|file| !committed.contains(&file.path));
    Ok(files)
}

/// The object records of a batch that its last candidate has applied.
async fn settled_records(
    context: &Context,
    table: &DeltaTable,
    batch_date: NaiveDate,
    candidate: &Candidate,
) -> Result<Vec<ObjectRecord>, ReconcilerError> {
    let silver = &context.lake.silver_bucket;
    let prefix = object_records_prefix(table.name(), batch_date);
    let objects = context.storage.list(silver, &prefix).await?;
    let reads = objects
        .iter()
        .map(|object| context.storage.get_json::<ObjectRecord>(silver, &object.key));
    let mut missing: BTreeSet<&str> = candidate.settled.iter().map(String::as_str).collect();
    let mut records: Vec<ObjectRecord> = try_join_all(reads).await?.into_iter().flatten().collect();
    records.retain(|record| missing.remove(object_id(record).as_str()));
    if let Some(object) = missing.first() {
        tracing::warn!(%batch_date, missing = missing.len(), object, "object records were deleted: their files are no evidence");
    }
    Ok(records)
}

/// Reads a candidate.
///
/// # Errors
/// There is none, it cannot be read, or another version of this program wrote it.
pub(crate) async fn read(context: &Context, key: &str) -> Result<Candidate, ReconcilerError> {
    let bucket = &context.lake.silver_bucket;
    let candidate: Option<Candidate> = context.storage.get_json(bucket, key).await?;
    let candidate = candidate.ok_or_else(|| {
        ReconcilerError::NotFound(format!("there is no candidate s3://{bucket}/{key}: reconcile again"))
    })?;
    if candidate.format_version == FORMAT_VERSION {
        return Ok(candidate);
    }
    Err(ReconcilerError::Corrupt {
        object: key.to_owned(),
        problem: format!(
            "format version {} is unknown, known is {FORMAT_VERSION}",
            candidate.format_version
        ),
    })
}
