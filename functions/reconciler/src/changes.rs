//! What a batch changes in the table: files to add and to remove.
//!
//! New files without dropped rows are adopted, others rewritten. Where a partition gets many small files, merged ones are written
//! instead ([`crate::compaction`]).

use crate::compaction;
use crate::compare::{Input, Tally, Verdict};
use crate::error::ReconcilerError;
use crate::merge_files::{MergeInput, merge_files};
use crate::ranges::{Bucket, Ranges};
use crate::remote::RemoteFile;
use crate::resolution::Origin;
use crate::rewrite::{Rewritten, rewrite};
use crate::rows::RowSet;
use cardlake_core::contract::Contract;
use cardlake_core::records::{BundlePart, DataFile};
use cardlake_lake::delta::ActiveFile;
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Files of a merge whose metadata is read at a time.
const CONCURRENT_OPENS: usize = 16;

/// The files of a reconciliation.
pub(crate) struct Files<'a> {
    /// Files of the new objects.
    pub(crate) new: &'a [DataFile],
    /// Files that were compared.
    pub(crate) inputs: &'a [Input],
    /// All committed files, by path.
    pub(crate) active: &'a [ActiveFile],
}

/// Files to add to the table and to remove from it.
pub(crate) struct Changes {
    pub(crate) tally: Tally,
    /// Rows that leave the table and are not replaced.
    pub(crate) withdrawn: u64,
    /// Rows of superseded files that come back.
    pub(crate) taken_back: u64,
    /// By path.
    pub(crate) add: Vec<DataFile>,
    /// By path.
    pub(crate) remove: Vec<String>,
    pub(crate) bytes_written: u64,
}

/// Key of a data file in the silver bucket.
pub(crate) fn key_of(contract: &Contract, file: &DataFile) -> String {
    format!("{}/{}", contract.dataset, file.path)
}

/// The description of a committed file.
pub(crate) fn describe(file: &ActiveFile) -> DataFile {
    DataFile {
        path: file.path.clone(),
        size: file.size,
        rows: file.rows,
        partition_values: file.partition_values.clone(),
        modification_time: file.modification_time,
        columns: file.columns(),
        bundle: None,
    }
}

/// A file of which rows are to be in the table.
struct Part {
    file: DataFile,
    dropped: RowSet,
    /// Opened, if it was compared.
    remote: Option<RemoteFile>,
}

impl Part {
    /// Opens the file unless it is open.
    async fn open(self, contract: &Contract, source: &Arc<dyn Ranges>) -> Result<MergeInput, ReconcilerError> {
        let remote = match self.remote {
            Some(remote) => remote,
            None => RemoteFile::of(source, &contract.dataset, &self.file).await?,
        };
        Ok(MergeInput {
            file: self.file,
            remote,
            dropped: self.dropped,
        })
    }
}

/// Writes the files that rows were dropped of and the merged ones, one per processor at a time.
///
/// # Errors
/// A file cannot be read or written, or does not fit the contract.
pub(crate) async fn write(
    contract: &Arc<Contract>,
    silver: &Arc<Bucket>,
    files: &Files<'_>,
    verdict: Verdict,
) -> Result<Changes, ReconcilerError> {
    let compared = files.inputs.iter().zip(verdict.dropped.into_iter().zip(verdict.files));
    let mut seen: BTreeMap<&str, (Origin, RowSet, RemoteFile)> = compared
        .filter(|(input, _)| input.origin != Origin::Evidence)
        .map(|(input, (dropped, remote))| (input.file.path.as_str(), (input.origin, dropped, remote)))
        .collect();
    let shrinking = |(_, (origin, dropped, _)): &(&&str, &(Origin, RowSet, RemoteFile))| {
        *origin == Origin::Committed && dropped.count() > 0
    };
    let mut removed: BTreeSet<String> = seen
        .iter()
        .filter(shrinking)
        .map(|(path, _)| (*path).to_owned())
        .collect();
    let (shrunk, staying): (Vec<&ActiveFile>, Vec<&ActiveFile>) =
        files.active.iter().partition(|file| removed.contains(&file.path));
    let mut part = |file: DataFile| {
        let (dropped, remote) = match seen.remove(file.path.as_str()) {
            Some((_, dropped, remote)) => (dropped, Some(remote)),
            None => (RowSet::default(), None),
        };
        Part { file, dropped, remote }
    };
    let added = files.new.iter().cloned().chain(shrunk.into_iter().map(describe));
    let mut additions: Vec<Part> = added.map(&mut part).collect();
    let taken_back = verdict.taken_back.iter().map(|back| back.rows.count()).sum();
    let returning = verdict.taken_back.iter().filter_map(|back| {
        let file = files.inputs.get(back.input)?.file.clone();
        let dropped = back.rows.complement(file.rows);
        let remote = None;
        Some(Part { file, dropped, remote })
    });
    additions.extend(returning);
    additions.retain(|part| part.dropped.count() < part.file.rows);
    additions.sort_by(|a, b| a.file.path.cmp(&b.file.path));
    let mut partitions: BTreeMap<_, (Vec<Part>, Vec<&ActiveFile>)> = BTreeMap::new();
    for part in additions {
        let values = part.file.partition_values.clone();
        partitions.entry(values).or_default().0.push(part);
    }
    for file in staying {
        if let Some(partition) = partitions.get_mut(&file.partition_values) {
            partition.1.push(file);
        }
    }
    let (mut adopted, mut tasks) = (Vec::new(), Vec::new());
    for (additions, staying) in partitions.into_values() {
        let sizes: Vec<u64> = additions.iter().map(|part| part.file.size).collect();
        let staying_sizes: Vec<u64> = staying.iter().map(|file| file.size).collect();
        let groups = compaction::after_batch(&sizes, &staying_sizes);
        let mut additions: Vec<Option<Part>> = additions.into_iter().map(Some).collect();
        for group in groups {
            let parts = group.into_iter().filter_map(|index| match additions.get_mut(index) {
                Some(addition) => addition.take(),
                None => {
                    let file = staying.get(index - additions.len())?;
                    removed.insert(file.path.clone());
                    Some(part(describe(file)))
                }
            });
            tasks.push(parts.collect::<Vec<Part>>());
        }
        for part in additions.into_iter().flatten() {
            if part.dropped.count() > 0 {
                tasks.push(vec![part]);
            } else {
                adopted.push(part.file);
            }
        }
    }
    drop(seen);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let written: Vec<DataFile> = stream::iter(tasks)
        .map(|parts| store(contract, silver, parts))
        .buffer_unordered(workers)
        .try_collect()
        .await?;
    let mut bytes_written = written.iter().map(|file| file.size).sum();
    let mut add = written;
    let mut unbundled = stream::iter(adopted)
        .map(|file| unbundle(contract, silver, file))
        .buffer_unordered(CONCURRENT_OPENS);
    while let Some((file, bytes)) = unbundled.try_next().await? {
        bytes_written += bytes;
        add.push(file);
    }
    add.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Changes {
        tally: verdict.tally,
        withdrawn: verdict.withdrawn,
        taken_back,
        add,
        remove: removed.into_iter().collect(),
        bytes_written,
    })
}

/// Gives an adopted file an object of its own, if it has none; returns the bytes written for that, too.
async fn unbundle(
    contract: &Contract,
    silver: &Arc<Bucket>,
    mut file: DataFile,
) -> Result<(DataFile, u64), ReconcilerError> {
    let Some(BundlePart { key, offset }) = file.bundle.take() else {
        return Ok((file, 0));
    };
    let bytes = silver.get_bundled(&key, offset..offset + file.size).await?;
    silver
        .storage
        .put(&silver.name, &key_of(contract, &file), bytes)
        .await?;
    let size = file.size;
    Ok((file, size))
}

/// Writes one file of the rows of some: what is left of one, or several merged.
async fn store(contract: &Arc<Contract>, silver: &Arc<Bucket>, parts: Vec<Part>) -> Result<DataFile, ReconcilerError> {
    let source: Arc<dyn Ranges> = Arc::<Bucket>::clone(silver);
    let inputs: Vec<MergeInput> = stream::iter(parts)
        .map(|part| part.open(contract, &source))
        .buffered(CONCURRENT_OPENS)
        .try_collect()
        .await?;
    let shared = Arc::clone(contract);
    let write = move || match inputs.as_slice() {
        [input] => rewrite(&shared, &input.file, &input.remote, &input.dropped),
        inputs => merge_files(&shared, inputs),
    };
    let Rewritten { file, content } = tokio::task::spawn_blocking(write)
        .await
        .map_err(|error| ReconcilerError::Interrupted(error.to_string()))??;
    content
        .store(&silver.storage, &silver.name, &key_of(contract, &file))
        .await?;
    Ok(file)
}
