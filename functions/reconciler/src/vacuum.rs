//! Action `vacuum`: deletes unreferenced objects.
//!
//! Everything stays that was written within the retention, by the store's own time. Of what is older go
//!
//! - object records: a rerun of their day transforms the objects again, into files of the same names and bytes;
//! - candidates that were committed and that a later one of their batch superseded, and candidates that cannot be
//!   committed because the table has moved on since. The last committed one stays: it holds the row accounting of its batch;
//! - key filters of such data files alone;
//! - data files that belong neither to a version of the table that was the newest one within the retention, nor to an
//!   object record that stays, nor to a candidate that can still be committed, however old it is;
//! - files of the log, if no version of the last 30 days (or of the retention, if that is longer) needs them.
//!
//! What points to data files goes before them, so whatever a vacuum that is cut off leaves behind is whole, and the next
//! one goes on. Two things are lost with what is removed: versions before the retention cannot be read any more, and a
//! re-delivery without changes is no evidence any more for a backfill of an older batch. A backfill of
//! days that were transformed before the retention, and never committed, must not run at the same time.

use crate::applied;
use crate::context::Context;
use crate::error::ReconcilerError;
use crate::filters;
use crate::ranges::Bucket;
use cardlake_aws::storage::ObjectMeta;
use cardlake_core::contract::Contract;
use cardlake_core::events::{RemovedObjects, VacuumOutput, VacuumedDataset};
use cardlake_core::paths::{
    all_candidates_prefix, all_object_records_prefix, bundles_prefix, candidate_batch_date, data_file_path,
    key_filters_prefix, table_prefix,
};
use cardlake_core::records::{Candidate, ObjectRecord};
use cardlake_lake::delta::{DeltaTable, obsolete_log_files};
use chrono::{DateTime, Days, NaiveDate, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeMap, BTreeSet};

/// Days for which the history in the log is kept at least, as by other Delta writers.
const LOG_RETENTION_DAYS: u32 = 30;
/// Documents read at a time.
const CONCURRENT_READS: usize = 16;

/// Looks for what can go, and removes it unless `dry_run`.
pub(crate) async fn vacuum(
    context: &Context,
    dataset: Option<&str>,
    retention_days: u32,
    dry_run: bool,
) -> Result<VacuumOutput, ReconcilerError> {
    if retention_days == 0 && !dry_run {
        return Err(ReconcilerError::InvalidEvent(
            "a retention of 0 days would remove the files of runs that are under way: give at least 1 day".to_owned(),
        ));
    }
    let now = context.now();
    let cutoff = now
        .checked_sub_days(Days::new(retention_days.into()))
        .ok_or_else(|| ReconcilerError::InvalidEvent(format!("{retention_days} days before {now} is no date")))?;
    let log_days = Days::new(LOG_RETENTION_DAYS.max(retention_days).into());
    let log_cutoff = now.checked_sub_days(log_days).unwrap_or(cutoff).min(cutoff);
    let contracts: Vec<&Contract> = match dataset {
        Some(dataset) => vec![context.contracts.get(dataset)?],
        None => context.contracts.iter().map(AsRef::as_ref).collect(),
    };
    let mut datasets = BTreeMap::new();
    for contract in contracts {
        let dataset = contract.dataset.as_str();
        let past = Past::find(context, dataset, cutoff, log_cutoff).await?;
        if !dry_run {
            past.remove(context).await?;
        }
        tracing::info!(
            dataset,
            dry_run,
            data_files = past.data_files.len(),
            object_records = past.object_records.len(),
            candidates = past.candidates.len(),
            log_files = past.log_files.len(),
            "vacuum"
        );
        datasets.insert(dataset.to_owned(), past.described());
    }
    Ok(VacuumOutput {
        dry_run,
        cutoff,
        datasets,
    })
}

/// What of a dataset can go, each sorted by key.
struct Past {
    object_records: Vec<ObjectMeta>,
    candidates: Vec<ObjectMeta>,
    data_files: Vec<ObjectMeta>,
    log_files: Vec<ObjectMeta>,
}

impl Past {
    /// Data files are listed before the documents that can refer to them are read: a file that a run adds meanwhile is
    /// not in the list, and what a run says about older ones is seen.
    async fn find(
        context: &Context,
        dataset: &str,
        cutoff: DateTime<Utc>,
        log_cutoff: DateTime<Utc>,
    ) -> Result<Self, ReconcilerError> {
        let silver = &context.lake.silver_bucket;
        let is_past = |object: &ObjectMeta| object.last_modified < cutoff;
        let files = context.storage.list(silver, &table_prefix(dataset)).await?;
        let log_files = past_log_files(&files, dataset, log_cutoff);
        let table = DeltaTable::open(&context.delta, dataset).await?;
        let mut referred = table.files_since(cutoff).await?;

        let records = context
            .storage
            .list(silver, &all_object_records_prefix(dataset))
            .await?;
        let (object_records, staying): (Vec<_>, Vec<_>) = records.into_iter().partition(is_past);
        let mut reads = stream::iter(&staying)
            .map(|object| context.storage.get_json::<ObjectRecord>(silver, &object.key))
            .buffer_unordered(CONCURRENT_READS);
        while let Some(record) = reads.try_next().await? {
            for file in record.into_iter().flat_map(|record| record.files) {
                referred.extend(file.bundle.map(|part| part.key));
                referred.insert(file.path);
            }
        }

        let candidates = past_candidates(context, &table, cutoff, &mut referred).await?;
        let is_referred = |key: &str| data_file_path(dataset, key).is_none_or(|path| referred.contains(path));
        let (filters_prefix, bundles_prefix) = (key_filters_prefix(dataset), bundles_prefix(dataset));
        let silver = Bucket::new(&context.storage, silver);
        let mut data_files = Vec::new();
        for file in files.into_iter().filter(is_past) {
            let unreferred = if file.key.starts_with(&filters_prefix) {
                let described = filters::paths_of(&silver, &file).await?;
                !described.iter().any(|path| referred.contains(path))
            } else if file.key.starts_with(&bundles_prefix) {
                !referred.contains(&file.key)
            } else {
                !is_referred(&file.key)
            };
            if unreferred {
                data_files.push(file);
            }
        }
        Ok(Self {
            object_records,
            candidates,
            data_files,
            log_files,
        })
    }

    async fn remove(&self, context: &Context) -> Result<(), ReconcilerError> {
        for objects in [
            &self.object_records,
            &self.candidates,
            &self.data_files,
            &self.log_files,
        ] {
            let keys: Vec<&str> = objects.iter().map(|object| object.key.as_str()).collect();
            context.storage.delete_all(&context.lake.silver_bucket, &keys).await?;
        }
        Ok(())
    }

    fn described(&self) -> VacuumedDataset {
        let describe = |objects: &[ObjectMeta]| RemovedObjects {
            count: objects.len() as u64,
            bytes: objects.iter().map(|object| object.size).sum(),
            keys: objects
                .iter()
                .take(RemovedObjects::MAX_KEYS)
                .map(|object| object.key.clone())
                .collect(),
        };
        VacuumedDataset {
            data_files: describe(&self.data_files),
            object_records: describe(&self.object_records),
            candidates: describe(&self.candidates),
            log_files: describe(&self.log_files),
        }
    }
}

/// The files of a table's log that can go, of all its files.
fn past_log_files(files: &[ObjectMeta], dataset: &str, cutoff: DateTime<Utc>) -> Vec<ObjectMeta> {
    let prefix = format!("{}_delta_log/", table_prefix(dataset));
    let log: Vec<(&str, bool)> = files
        .iter()
        .filter_map(|file| Some((file.key.strip_prefix(&prefix)?, file.last_modified < cutoff)))
        .collect();
    let obsolete: BTreeSet<String> = obsolete_log_files(&log)
        .into_iter()
        .map(|name| format!("{prefix}{name}"))
        .collect();
    files
        .iter()
        .filter(|file| obsolete.contains(&file.key))
        .cloned()
        .collect()
}

/// The candidates that can go. The files of those that can still be committed are added to `referred`.
async fn past_candidates(
    context: &Context,
    table: &DeltaTable,
    cutoff: DateTime<Utc>,
    referred: &mut BTreeSet<String>,
) -> Result<Vec<ObjectMeta>, ReconcilerError> {
    let silver = &context.lake.silver_bucket;
    let prefix = all_candidates_prefix(table.name());
    let objects = context.storage.list(silver, &prefix).await?;
    let mut batches: BTreeMap<NaiveDate, Vec<(ObjectMeta, Candidate)>> = BTreeMap::new();
    let mut reads = stream::iter(objects)
        .map(|object| async move {
            let candidate = applied::read(context, &object.key).await?;
            Ok::<_, ReconcilerError>((object, candidate))
        })
        // In order: what is removed is sorted by key.
        .buffered(CONCURRENT_READS);
    while let Some((object, candidate)) = reads.try_next().await? {
        if candidate_batch_date(&object.key) != Some(candidate.batch_date) {
            continue;
        }
        // One that was made against this very version is not committed yet, and can be.
        if candidate.base_version == table.version() || object.last_modified >= cutoff {
            referred.extend(candidate.add.iter().map(|file| file.path.clone()));
        }
        batches
            .entry(candidate.batch_date)
            .or_default()
            .push((object, candidate));
    }
    let mut past = Vec::new();
    for candidates in batches.into_values() {
        let is_past = |object: &ObjectMeta, candidate: &Candidate| {
            object.last_modified < cutoff && candidate.base_version != table.version()
        };
        if !candidates.iter().any(|(object, candidate)| is_past(object, candidate)) {
            continue;
        }
        let last = applied::last_committed(table, candidates.iter().map(|(_, candidate)| candidate)).await?;
        let last = last.map(|candidate| candidate.id.clone());
        past.extend(
            candidates
                .into_iter()
                .filter(|(object, candidate)| is_past(object, candidate) && Some(&candidate.id) != last.as_ref())
                .map(|(object, _)| object),
        );
    }
    Ok(past)
}
