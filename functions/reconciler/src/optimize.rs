//! Action `optimize`: merges the small files of partitions, without changing a row.
//!
//! A commit of its own replaces files by merged ones; the log says of it that no data changed (`dataChange = false`), so whoever
//! follows the table reads no row again. The replaced files stay in the bucket until a vacuum: older versions refer to them.
//!
//! A batch that is published meanwhile wins: the merge is planned again on what is there then, and files that were merged before
//! are not merged twice. The other way round, `publish` fails with `CommitConflict`, as after any commit. Work is committed in
//! portions, so what is cut off goes on from there.

use crate::changes::{describe, key_of};
use crate::compaction::{LARGE_BYTES, of_partition};
use crate::context::Context;
use crate::error::ReconcilerError;
use crate::filters;
use crate::merge_files::{MergeInput, merge_files, merged_path};
use crate::ranges::{Bucket, Ranges};
use crate::remote::RemoteFile;
use crate::rewrite::Rewritten;
use crate::rows::RowSet;
use crate::scope::{day_of, event_day_column};
use cardlake_core::contract::Contract;
use cardlake_core::events::{OptimizeOutput, OptimizedDataset};
use cardlake_core::records::DataFile;
use cardlake_lake::delta::{ActiveFile, CommitOutcome, CommitRequest, DeltaTable};
use chrono::NaiveDate;
use futures::{StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Bytes of the files that one commit replaces, about.
const PORTION_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// Files that one commit replaces, about.
const PORTION_FILES: usize = 20_000;
/// Attempts to commit a portion while other commits come first.
const ATTEMPTS: usize = 10;
/// Files whose metadata is read at a time.
const CONCURRENT_OPENS: usize = 16;

type Partition = BTreeMap<String, Option<String>>;

/// Merges the small files of one dataset or all, of the event days in the range.
pub(crate) async fn optimize(
    context: &Context,
    dataset: Option<&str>,
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
) -> Result<OptimizeOutput, ReconcilerError> {
    let days = from.unwrap_or(NaiveDate::MIN)..=to.unwrap_or(NaiveDate::MAX);
    if days.is_empty() {
        return Err(ReconcilerError::InvalidEvent(format!(
            "no day is from {} to {}: give the earlier one first",
            days.start(),
            days.end()
        )));
    }
    let contracts: Vec<Arc<Contract>> = match dataset {
        Some(dataset) => vec![Arc::clone(context.contracts.get(dataset)?)],
        None => context.contracts.iter().map(Arc::clone).collect(),
    };
    let mut datasets = BTreeMap::new();
    for contract in contracts {
        let mut work = Work::new(context, &contract, &days).await?;
        while work.portion().await? {}
        let done = work.done;
        tracing::info!(
            dataset = contract.dataset,
            files_removed = done.files_removed,
            files_added = done.files_added,
            bytes_written = done.bytes_written,
            "files merged"
        );
        datasets.insert(contract.dataset.clone(), done);
    }
    Ok(OptimizeOutput { datasets })
}

/// The optimization of a table.
struct Work<'a> {
    context: &'a Context,
    contract: &'a Arc<Contract>,
    days: &'a RangeInclusive<NaiveDate>,
    silver: Arc<Bucket>,
    table: DeltaTable,
    /// Files merged for a commit that did not come about, by path.
    merged: BTreeMap<String, DataFile>,
    done: OptimizedDataset,
}

impl<'a> Work<'a> {
    async fn new(
        context: &'a Context,
        contract: &'a Arc<Contract>,
        days: &'a RangeInclusive<NaiveDate>,
    ) -> Result<Self, ReconcilerError> {
        let table = DeltaTable::open(&context.delta, &contract.dataset).await?;
        Ok(Self {
            context,
            contract,
            days,
            silver: Arc::new(Bucket::new(&context.storage, &context.lake.silver_bucket)),
            done: OptimizedDataset {
                version: table.version(),
                ..OptimizedDataset::default()
            },
            table,
            merged: BTreeMap::new(),
        })
    }

    /// Merges and commits some partitions; false if there is nothing to merge.
    async fn portion(&mut self) -> Result<bool, ReconcilerError> {
        for _ in 0..ATTEMPTS {
            let groups = self.groups().await?;
            if groups.is_empty() {
                return Ok(false);
            }
            let mut add = Vec::with_capacity(groups.len());
            for group in &groups {
                add.push(self.merge(group).await?);
            }
            filters::carry_over(self.context, &self.silver, self.contract, &groups, &add).await?;
            let mut remove: Vec<String> = groups.iter().flatten().map(|file| file.path.clone()).collect();
            add.sort_by(|a, b| a.path.cmp(&b.path));
            remove.sort();
            let (files, bytes) = (add.len() as u64, add.iter().map(|file| file.size).sum::<u64>());
            let removed = remove.len() as u64;
            let request = self.request(add, remove)?;
            match self.table.commit(self.contract, request).await? {
                CommitOutcome::Committed(version) | CommitOutcome::AlreadyCommitted(version) => {
                    self.done.version = Some(version);
                    self.done.files_added += files;
                    self.done.files_removed += removed;
                    self.done.bytes_written += bytes;
                    self.done.bytes_read = self.silver.bytes_read.load(Ordering::Relaxed);
                    self.merged.clear();
                    return Ok(true);
                }
                CommitOutcome::Conflict(version) => {
                    tracing::info!(dataset = self.contract.dataset, ?version, "another commit came first");
                }
            }
        }
        Err(ReconcilerError::OptimizeConflict {
            dataset: self.contract.dataset.clone(),
            attempts: ATTEMPTS,
        })
    }

    /// The files to merge next. The log is read twice: to find the partitions, and for the files of some of them, so that memory
    /// follows the portion.
    async fn groups(&self) -> Result<Vec<Vec<ActiveFile>>, ReconcilerError> {
        let column = event_day_column(self.contract).cloned();
        let days = self.days.clone();
        let is_wanted = move |file: &ActiveFile| {
            let day = column
                .as_ref()
                .and_then(|column| day_of(column, &file.partition_values));
            file.size < LARGE_BYTES && day.is_none_or(|day| days.contains(&day))
        };
        let wanted = is_wanted.clone();
        let count = move |partitions: &mut BTreeMap<Partition, (usize, u64)>, file: ActiveFile| {
            if wanted(&file) {
                let (files, bytes) = partitions.entry(file.partition_values).or_default();
                *files += 1;
                *bytes += file.size;
            }
        };
        let partitions = self.table.fold(BTreeMap::new(), count).await?;
        let mut chosen: BTreeMap<Partition, Vec<ActiveFile>> = BTreeMap::new();
        let (mut files, mut bytes) = (0, 0);
        for (partition, (count, size)) in partitions.into_iter().filter(|(_, (count, _))| *count > 1) {
            if !chosen.is_empty() && (files + count > PORTION_FILES || bytes + size > PORTION_BYTES) {
                break;
            }
            files += count;
            bytes += size;
            chosen.insert(partition, Vec::new());
        }
        if chosen.is_empty() {
            return Ok(Vec::new());
        }
        let take = move |chosen: &mut BTreeMap<Partition, Vec<ActiveFile>>, file: ActiveFile| {
            if is_wanted(&file)
                && let Some(files) = chosen.get_mut(&file.partition_values)
            {
                files.push(file);
            }
        };
        let mut groups = Vec::new();
        for mut files in self.table.fold(chosen, take).await?.into_values() {
            files.sort_by(|a, b| a.path.cmp(&b.path));
            let sizes: Vec<u64> = files.iter().map(|file| file.size).collect();
            for group in of_partition(&sizes) {
                groups.push(
                    group
                        .into_iter()
                        .filter_map(|index| files.get(index).cloned())
                        .collect(),
                );
            }
        }
        Ok(groups)
    }

    async fn merge(&mut self, group: &[ActiveFile]) -> Result<DataFile, ReconcilerError> {
        let none = RowSet::default();
        let path = merged_path(self.contract, group.iter().map(|file| (file.path.as_str(), &none)));
        if let Some(file) = self.merged.get(&path) {
            return Ok(file.clone());
        }
        let source: Arc<dyn Ranges> = Arc::<Bucket>::clone(&self.silver);
        let inputs: Vec<MergeInput> = stream::iter(group)
            .map(|file| async {
                let file = describe(file);
                let remote = RemoteFile::of(&source, &self.contract.dataset, &file).await?;
                Ok::<_, ReconcilerError>(MergeInput {
                    file,
                    remote,
                    dropped: RowSet::default(),
                })
            })
            .buffered(CONCURRENT_OPENS)
            .try_collect()
            .await?;
        let contract = Arc::clone(self.contract);
        let Rewritten { file, content } = tokio::task::spawn_blocking(move || merge_files(&contract, &inputs))
            .await
            .map_err(|error| ReconcilerError::Interrupted(error.to_string()))??;
        let key = key_of(self.contract, &file);
        content.store(&self.silver.storage, &self.silver.name, &key).await?;
        self.merged.insert(path, file.clone());
        Ok(file)
    }

    fn request(&self, add: Vec<DataFile>, remove: Vec<String>) -> Result<CommitRequest, ReconcilerError> {
        let content = serde_json::to_vec(&(self.table.version(), &add, &remove));
        let content = content.map_err(|error| ReconcilerError::Interrupted(error.to_string()))?;
        let id = hex::encode(&Sha256::digest(content)[..16]);
        Ok(CommitRequest {
            base_version: self.table.version(),
            transaction_id: format!("cardlake/optimize/{id}"),
            add,
            remove,
            withdraws: false,
            data_change: false,
            information: BTreeMap::from([("userMetadata".to_owned(), r#"{"action": "optimize"}"#.to_owned())]),
        })
    }
}
