//! Finds superseded rows: merges the keys of all files, reads the provenance of the rows whose key occurs more than once,
//! and keeps the surviving version of each key.
//!
//! Every file's key column is streamed once, and then the provenance columns of files with rows that share a key. Intermediate
//! results spill to temporary files ([`crate::spool`]). Memory: two buffers and two batches of
//! keys for each of up to [`MERGED_FILES`] files, and a bit or two for each row of files with a shared key.

use crate::error::ReconcilerError;
use crate::keys::{KeyColumns, Readers, is_sorted, sorted_runs};
use crate::merge::{Member, merge, merge_shared};
use crate::provenance::{Provenance, ProvenanceColumns, ProvenanceCursor};
use crate::ranges::Ranges;
use crate::remote::{READ_BATCH_ROWS, RemoteFile};
use crate::resolution::{Origin, survivor};
use crate::rows::{Ranks, RowSet};
use crate::spool::{Groups, ProvenanceReader, Provenances, RunWriter};
use crate::withdrawn::{Reapplied, withdrawn};
use cardlake_core::error::{ErrorKind, StageError};
use cardlake_core::records::DataFile;
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::runtime::Handle;

/// Files whose metadata is read at a time.
const CONCURRENT_OPENS: usize = 32;
/// Files that are merged at a time; of more than these, runs are merged.
const MERGED_FILES: usize = 64;
/// Bytes for the buffers of all files whose keys are merged, two for each.
const KEY_BUFFER_BUDGET: u64 = 32 * 1024 * 1024;
/// A buffer of the provenance columns: a file has two for each of usually three neighbourhoods of columns.
const PROVENANCE_BUFFER_BYTES: u64 = 512 * 1024;
/// Bounds of a buffer in bytes: below, requests cost more than bytes; above, more bytes gain nothing.
const BUFFER_BYTES: std::ops::RangeInclusive<u64> = 64 * 1024..=2 * 1024 * 1024;

/// A file to compare.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    /// The file.
    pub(crate) file: DataFile,
    /// What its rows are.
    pub(crate) origin: Origin,
}

/// Some rows and how many of them are late.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) count: u64,
    pub(crate) late: u64,
}

impl Rows {
    fn add(&mut self, provenance: &Provenance) {
        self.count += 1;
        self.late += u64::from(provenance.is_late());
    }
}

/// Outcome of the rows of a file of a new object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FileTally {
    /// Rows that are duplicates.
    pub(crate) duplicates: Rows,
    /// Committed rows of other batches that rows of the file replace.
    pub(crate) replaced: u64,
}

/// Counts of superseded rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// For each input.
    pub(crate) files: Vec<FileTally>,
    /// Superseded rows that this batch committed itself, by the key of their bronze object.
    pub(crate) same_batch: BTreeMap<String, Rows>,
}

/// What the comparison found.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Per input: row numbers to drop. Evidence-only inputs never lose rows.
    pub(crate) dropped: Vec<RowSet>,
    /// The same in numbers, without withdrawn rows.
    pub(crate) tally: Tally,
    /// Whether bronze does not deliver some committed rows any more; they are among the dropped ones.
    pub(crate) withdraws: bool,
    /// Those of them that no other version replaces.
    pub(crate) withdrawn: u64,
    /// The inputs, opened, without superseded files that are missing.
    pub(crate) files: Vec<RemoteFile>,
    /// Superseded inputs with rows that come back.
    pub(crate) taken_back: Vec<TakenBack>,
}

/// A superseded file with rows that come back into the table: those that had replaced them are withdrawn.
#[derive(Debug)]
pub(crate) struct TakenBack {
    /// Index of the input.
    pub(crate) input: usize,
    /// The rows.
    pub(crate) rows: RowSet,
}

/// Compares the files. `batch_day` (days since 1970) tells this batch's committed rows from those of others; `reapplied` are
/// objects of the batch that were applied before and are not any more, or not as they were.
///
/// # Errors
/// A file cannot be read, or is one of this project's and not sorted by its key.
pub(crate) async fn compare(
    source: &Arc<dyn Ranges>,
    dataset: &str,
    inputs: &[Input],
    keys: KeyColumns,
    columns: ProvenanceColumns,
    batch_day: i32,
    reapplied: Vec<Reapplied>,
) -> Result<Verdict, ReconcilerError> {
    let opened: Vec<Option<RemoteFile>> = stream::iter(inputs)
        .map(|input| open(source, dataset, input))
        .buffered(CONCURRENT_OPENS)
        .try_collect()
        .await?;
    // Only superseded files can be missing. They come last, so the others keep their index.
    let present = inputs.iter().enumerate().zip(opened);
    let present = present.filter_map(|((index, input), file)| Some(((index, input.origin), file?)));
    let (origins, files): (Vec<(usize, Origin)>, Vec<RemoteFile>) = present.unzip();
    let (indices, origins): (Vec<usize>, Vec<Origin>) = origins.into_iter().unzip();
    let inputs = inputs.len();
    tokio::task::spawn_blocking(move || {
        let withdrawn = withdrawn(&files, &columns, &reapplied, batch_day)?;
        let mut comparison = Comparison {
            sorted: files.iter().map(|file| is_sorted(file, &keys)).collect(),
            dropped: withdrawn.clone(),
            taken_back: vec![RowSet::default(); files.len()],
            left_vacant: withdrawn.iter().map(RowSet::count).sum(),
            withdrawn,
            files,
            origins,
            columns,
            batch_day,
            tally: Tally {
                files: vec![FileTally::default(); inputs],
                same_batch: BTreeMap::new(),
            },
        };
        comparison.run(&keys)?;
        let taken_back = indices.into_iter().zip(comparison.taken_back);
        let taken_back = taken_back.filter(|(_, rows)| rows.count() > 0);
        Ok(Verdict {
            dropped: comparison.dropped,
            tally: comparison.tally,
            withdraws: comparison.withdrawn.iter().any(|rows| rows.count() > 0),
            withdrawn: comparison.left_vacant,
            files: comparison.files,
            taken_back: taken_back.map(|(input, rows)| TakenBack { input, rows }).collect(),
        })
    })
    .await
    .map_err(|error| ReconcilerError::Interrupted(error.to_string()))?
}

/// Opens an input; `None` for a superseded file that was vacuumed: versions are resolved without its evidence.
async fn open(source: &Arc<dyn Ranges>, dataset: &str, input: &Input) -> Result<Option<RemoteFile>, ReconcilerError> {
    match RemoteFile::of(source, dataset, &input.file).await {
        Ok(file) => Ok(Some(file)),
        Err(error) if input.origin == Origin::Evidence && error.kind() == ErrorKind::NotFound => {
            tracing::warn!(
                path = input.file.path,
                "a superseded data file was vacuumed and is no evidence"
            );
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

struct Comparison {
    files: Vec<RemoteFile>,
    /// Which of them are sorted by key.
    sorted: Vec<bool>,
    origins: Vec<Origin>,
    columns: ProvenanceColumns,
    batch_day: i32,
    dropped: Vec<RowSet>,
    withdrawn: Vec<RowSet>,
    taken_back: Vec<RowSet>,
    /// Withdrawn rows of whose keys no other version is known so far.
    left_vacant: u64,
    tally: Tally,
}

impl Comparison {
    fn run(&mut self, keys: &KeyColumns) -> Result<(), ReconcilerError> {
        let (groups, shared) = self.shared_keys(keys)?;
        let mut provenances = self.provenances(&shared)?;
        let ranks: Vec<Option<Ranks>> = shared
            .iter()
            .zip(&self.sorted)
            .map(|(rows, sorted)| (!sorted).then(|| Ranks::of(rows)))
            .collect();
        let mut groups = groups.into_reader()?;
        let mut members: Vec<Member> = Vec::new();
        let mut versions: Vec<(Member, Provenance)> = Vec::new();
        while groups.next(&mut members)? {
            versions.clear();
            let mut withdrawn = 0;
            for member in &members {
                let provenance = provenances.get_mut(member.file as usize).and_then(Option::as_mut);
                let provenance = provenance.ok_or_else(|| defect("a file's provenance is missing"))?;
                // Of a sorted file, the rows come in the order of the keys.
                let provenance = match ranks.get(member.file as usize).and_then(Option::as_ref) {
                    None => provenance.next()?,
                    Some(ranks) => provenance.at(ranks.rank(&shared[member.file as usize], member.row))?,
                };
                if self.withdrawn[member.file as usize].contains(member.row) {
                    withdrawn += 1;
                } else {
                    versions.push((*member, provenance));
                }
            }
            if !versions.is_empty() {
                self.resolve(&versions, withdrawn);
            }
        }
        Ok(())
    }

    /// The rows of each key that more than one row has, and the same rows by file.
    fn shared_keys(&self, keys: &KeyColumns) -> Result<(Groups, Vec<RowSet>), ReconcilerError> {
        let together = self.files.len().clamp(1, MERGED_FILES);
        let buffer_bytes =
            (KEY_BUFFER_BUDGET / (2 * together as u64)).clamp(*BUFFER_BYTES.start(), *BUFFER_BYTES.end());
        let mut groups = Groups::new();
        let mut shared = vec![RowSet::default(); self.files.len()];
        let found = |members: &[Member]| {
            for member in members {
                shared[member.file as usize].add(member.row);
            }
            Ok::<_, ReconcilerError>(groups.add(members)?)
        };
        let numbered = (0_u32..).zip(&self.files).zip(&self.sorted);
        let (sorted, unsorted): (Vec<_>, Vec<_>) = numbered.partition(|(_, sorted)| **sorted);
        let sorted: Vec<(u32, &RemoteFile)> = sorted.into_iter().map(|(file, _)| file).collect();
        std::thread::scope(|scope| {
            let readers = Readers::start(scope, threads());
            if unsorted.is_empty() && sorted.len() <= MERGED_FILES {
                return merge_shared(readers.cursors(&sorted, keys, buffer_bytes)?, found);
            }
            let mut runs = Vec::new();
            for files in sorted.chunks(MERGED_FILES) {
                let mut run = RunWriter::new();
                let cursors = readers.cursors(files, keys, buffer_bytes)?;
                merge(cursors, |prefix, suffix, member| {
                    Ok::<_, ReconcilerError>(run.add(prefix, suffix, member)?)
                })?;
                runs.push(run.into_cursor()?);
            }
            for ((number, file), _) in unsorted {
                tracing::info!(
                    file = file.key(),
                    "data file of another writer is sorted by its key on reading"
                );
                runs.extend(sorted_runs(file, number, keys, buffer_bytes)?);
            }
            merge_shared(runs, found)
        })?;
        Ok((groups, shared))
    }

    /// The provenance of some rows of each file; none for a file without such a row.
    fn provenances(&self, rows: &[RowSet]) -> Result<Vec<Option<ProvenanceReader>>, ReconcilerError> {
        let next = AtomicUsize::new(0);
        let runtime = Handle::current();
        let work = || {
            let _runtime = runtime.enter();
            let mut found = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let (Some(file), Some(rows)) = (self.files.get(index), rows.get(index)) else {
                    return Ok(found);
                };
                if rows.count() > 0 {
                    found.push((index, provenances_of(file, rows, &self.columns)?));
                }
            }
        };
        let mut provenances: Vec<Option<ProvenanceReader>> = rows.iter().map(|_| None).collect();
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads()).map(|_| scope.spawn(work)).collect();
            for thread in threads {
                let found: Result<Vec<_>, ReconcilerError> = thread
                    .join()
                    .map_err(|_| defect("a thread that reads provenance panicked"))?;
                for (index, reader) in found? {
                    provenances[index] = Some(reader);
                }
            }
            Ok(provenances)
        })
    }

    /// Records the superseded versions of one row, of which some more were withdrawn.
    fn resolve(&mut self, versions: &[(Member, Provenance)], withdrawn: u64) {
        let competitors: Vec<_> = versions
            .iter()
            .map(|(member, provenance)| (self.origins[member.file as usize], provenance))
            .collect();
        let kept = survivor(&competitors, withdrawn > 0).map(|index| &versions[index]);
        if let Some((member, _)) = kept {
            self.left_vacant -= withdrawn;
            if self.origins[member.file as usize] == Origin::Evidence {
                self.taken_back[member.file as usize].add(member.row);
            }
        }
        for (member, provenance) in versions {
            let origin = self.origins[member.file as usize];
            if kept.is_some_and(|(kept, _)| kept == member) || origin == Origin::Evidence {
                continue;
            }
            self.dropped[member.file as usize].add(member.row);
            let kept = kept.map(|(member, provenance)| (self.origins[member.file as usize], member, provenance));
            match (origin, kept) {
                // The row itself is in the table, from when the object was applied under other rules.
                (Origin::New, Some((Origin::Committed, _, kept))) if provenance.is_same_delivery(kept) => {}
                (Origin::New, _) => self.tally.files[member.file as usize].duplicates.add(provenance),
                (_, _) if provenance.ingest_date == self.batch_day => {
                    let key = provenance.source_object.to_string();
                    self.tally.same_batch.entry(key).or_default().add(provenance);
                }
                (_, Some((Origin::New, winner, _))) => self.tally.files[winner.file as usize].replaced += 1,
                (_, _) => {}
            }
        }
    }
}

/// Reads the provenance of some rows of a file.
fn provenances_of(
    file: &RemoteFile,
    rows: &RowSet,
    columns: &ProvenanceColumns,
) -> Result<ProvenanceReader, ReconcilerError> {
    let mut cursor = ProvenanceCursor::open(file, columns, PROVENANCE_BUFFER_BYTES)?;
    let mut provenances = Provenances::new();
    let mut wanted = rows.iter().peekable();
    while wanted.peek().is_some() {
        let some: Vec<u64> = wanted.by_ref().take(READ_BATCH_ROWS).collect();
        for provenance in cursor.take(&some)? {
            provenances.add(&provenance)?;
        }
    }
    Ok(provenances.into_reader()?)
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn defect(what: &str) -> ReconcilerError {
    ReconcilerError::Interrupted(what.to_owned())
}
