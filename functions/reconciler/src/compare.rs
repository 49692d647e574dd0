//! Finds the rows that lose: merges the keys of all files, reads the lineage of the rows whose key comes more than once,
//! and lets the winner of each key stay.
//!
//! Every file's key column is streamed once, and then the lineage columns of files with rows that share a key. What is
//! found on the way goes to temporary files once it is much ([`crate::spool`]). Memory: two windows and two batches of
//! keys for each of up to [`MERGED_FILES`] files, and a bit or two for each row of files with a shared key.

use crate::error::ReconcilerError;
use crate::keys::{KeyColumns, Readers};
use crate::lineage::{Lineage, LineageColumns, LineageCursor};
use crate::merge::{Member, merge, merge_shared};
use crate::remote::{READ_BATCH_ROWS, Ranges, RemoteFile};
use crate::rows::RowSet;
use crate::spool::{Groups, LineageReader, Lineages, RunWriter};
use crate::winner::{Origin, winner};
use cardlake_core::error::{ErrorKind, StageError};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::runtime::Handle;

/// Files whose metadata is read at a time.
const CONCURRENT_OPENS: usize = 32;
/// Files that are merged at a time; of more than these, runs are merged.
const MERGED_FILES: usize = 64;
/// Bytes for the windows of all files whose keys are merged, two for each.
const KEY_WINDOW_BUDGET: u64 = 32 * 1024 * 1024;
/// A window of the lineage columns: a file has two for each of usually three neighbourhoods of columns.
const LINEAGE_WINDOW_BYTES: u64 = 512 * 1024;
/// Bounds of a window in bytes: below, requests cost more than bytes; above, more bytes gain nothing.
const WINDOW_BYTES: std::ops::RangeInclusive<u64> = 64 * 1024..=2 * 1024 * 1024;

/// A file to compare.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    /// Key in the silver bucket.
    pub(crate) key: String,
    /// Size in bytes.
    pub(crate) size: u64,
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
    fn add(&mut self, lineage: &Lineage) {
        self.count += 1;
        self.late += u64::from(lineage.is_late());
    }
}

/// What became of the rows of a file of a new object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FileTally {
    /// Rows that are duplicates.
    pub(crate) duplicates: Rows,
    /// Committed rows of other batches that rows of the file replace.
    pub(crate) replaced: u64,
}

/// How many rows lost, and against what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// For each input.
    pub(crate) files: Vec<FileTally>,
    /// Committed rows of this very batch that lose, by the key of their bronze object.
    pub(crate) own: BTreeMap<String, Rows>,
}

/// What the comparison found.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// For each input, the rows that lose; witnesses cannot.
    pub(crate) losers: Vec<RowSet>,
    /// The same in numbers.
    pub(crate) tally: Tally,
    /// The inputs, opened.
    pub(crate) files: Vec<RemoteFile>,
}

/// Compares the files. `batch_day` (days since 1970) tells this batch's committed rows from those of others.
///
/// # Errors
/// A file cannot be read or is not sorted by its key.
pub(crate) async fn compare(
    source: &Arc<dyn Ranges>,
    inputs: &[Input],
    keys: KeyColumns,
    columns: LineageColumns,
    batch_day: i32,
) -> Result<Verdict, ReconcilerError> {
    let opened: Vec<Option<RemoteFile>> = stream::iter(inputs)
        .map(|input| open(source, input))
        .buffered(CONCURRENT_OPENS)
        .try_collect()
        .await?;
    // Only witnesses can be missing. They come last, so the others keep their places.
    let present = inputs
        .iter()
        .zip(opened)
        .filter_map(|(input, file)| Some((input.origin, file?)));
    let (origins, files): (Vec<Origin>, Vec<RemoteFile>) = present.unzip();
    let inputs = inputs.len();
    tokio::task::spawn_blocking(move || {
        let mut comparison = Comparison {
            losers: vec![RowSet::default(); origins.len()],
            files,
            origins,
            columns,
            batch_day,
            tally: Tally {
                files: vec![FileTally::default(); inputs],
                own: BTreeMap::new(),
            },
        };
        comparison.run(&keys)?;
        Ok(Verdict {
            losers: comparison.losers,
            tally: comparison.tally,
            files: comparison.files,
        })
    })
    .await
    .map_err(|error| ReconcilerError::Interrupted(error.to_string()))?
}

/// Opens an input; `None` for a witness whose file was removed: what it knew is lost, and the rest decides.
async fn open(source: &Arc<dyn Ranges>, input: &Input) -> Result<Option<RemoteFile>, ReconcilerError> {
    match RemoteFile::open(source, &input.key, input.size).await {
        Ok(file) => Ok(Some(file)),
        Err(error) if input.origin == Origin::Witness && error.kind() == ErrorKind::NotFound => {
            tracing::warn!(key = %input.key, "a replaced data file was removed and cannot bear witness");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

struct Comparison {
    files: Vec<RemoteFile>,
    origins: Vec<Origin>,
    columns: LineageColumns,
    batch_day: i32,
    losers: Vec<RowSet>,
    tally: Tally,
}

impl Comparison {
    fn run(&mut self, keys: &KeyColumns) -> Result<(), ReconcilerError> {
        let (groups, shared) = self.shared_keys(keys)?;
        let mut lineages = self.lineages(&shared)?;
        let mut groups = groups.into_reader()?;
        let mut members: Vec<Member> = Vec::new();
        let mut versions: Vec<(Member, Lineage)> = Vec::new();
        while groups.next(&mut members)? {
            versions.clear();
            for member in &members {
                let lineage = lineages.get_mut(member.file as usize).and_then(Option::as_mut);
                let lineage = lineage.ok_or_else(|| defect("a file's lineage is missing"))?;
                versions.push((*member, lineage.next()?));
            }
            self.judge(&versions);
        }
        Ok(())
    }

    /// The rows of each key that more than one row has, and the same rows by file.
    fn shared_keys(&self, keys: &KeyColumns) -> Result<(Groups, Vec<RowSet>), ReconcilerError> {
        let together = self.files.len().clamp(1, MERGED_FILES);
        let window = (KEY_WINDOW_BUDGET / (2 * together as u64)).clamp(*WINDOW_BYTES.start(), *WINDOW_BYTES.end());
        let mut groups = Groups::new();
        let mut shared = vec![RowSet::default(); self.files.len()];
        let found = |members: &[Member]| {
            for member in members {
                shared[member.file as usize].add(member.row);
            }
            Ok::<_, ReconcilerError>(groups.add(members)?)
        };
        std::thread::scope(|scope| {
            let readers = Readers::start(scope, threads());
            if self.files.len() <= MERGED_FILES {
                return merge_shared(readers.cursors(&self.files, 0, keys, window)?, found);
            }
            let mut runs = Vec::new();
            for (files, first) in self.files.chunks(MERGED_FILES).zip((0..).step_by(MERGED_FILES)) {
                let mut run = RunWriter::new();
                let cursors = readers.cursors(files, first, keys, window)?;
                merge(cursors, |prefix, rest, member| {
                    Ok::<_, ReconcilerError>(run.add(prefix, rest, member)?)
                })?;
                runs.push(run.into_cursor()?);
            }
            merge_shared(runs, found)
        })?;
        Ok((groups, shared))
    }

    /// The lineage of some rows of each file; none for a file without such a row.
    fn lineages(&self, rows: &[RowSet]) -> Result<Vec<Option<LineageReader>>, ReconcilerError> {
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
                    found.push((index, lineages_of(file, rows, &self.columns)?));
                }
            }
        };
        let mut lineages: Vec<Option<LineageReader>> = rows.iter().map(|_| None).collect();
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads()).map(|_| scope.spawn(work)).collect();
            for thread in threads {
                let found: Result<Vec<_>, ReconcilerError> = thread
                    .join()
                    .map_err(|_| defect("a thread that reads lineage panicked"))?;
                for (index, reader) in found? {
                    lineages[index] = Some(reader);
                }
            }
            Ok(lineages)
        })
    }

    /// Notes who loses among the versions of one row.
    fn judge(&mut self, versions: &[(Member, Lineage)]) {
        let competitors: Vec<_> = versions
            .iter()
            .map(|(member, lineage)| (self.origins[member.file as usize], lineage))
            .collect();
        let kept = winner(&competitors).map(|index| &versions[index]);
        for (member, lineage) in versions {
            let origin = self.origins[member.file as usize];
            if kept.is_some_and(|(kept, _)| kept == member) || origin == Origin::Witness {
                continue;
            }
            self.losers[member.file as usize].add(member.row);
            let kept = kept.map(|(member, lineage)| (self.origins[member.file as usize], member, lineage));
            match (origin, kept) {
                // The row itself is in the table, from when the object was settled by other rules.
                (Origin::New, Some((Origin::Committed, _, kept))) if lineage.is_same_delivery(kept) => {}
                (Origin::New, _) => self.tally.files[member.file as usize].duplicates.add(lineage),
                (_, _) if lineage.ingest_date == self.batch_day => {
                    let key = lineage.source_object.to_string();
                    self.tally.own.entry(key).or_default().add(lineage);
                }
                (_, Some((Origin::New, winner, _))) => self.tally.files[winner.file as usize].replaced += 1,
                (_, _) => {}
            }
        }
    }
}

/// Reads the lineage of some rows of a file.
fn lineages_of(file: &RemoteFile, rows: &RowSet, columns: &LineageColumns) -> Result<LineageReader, ReconcilerError> {
    let mut cursor = LineageCursor::open(file, columns, LINEAGE_WINDOW_BYTES)?;
    let mut lineages = Lineages::new();
    let mut wanted = rows.iter().peekable();
    while wanted.peek().is_some() {
        let some: Vec<u64> = wanted.by_ref().take(READ_BATCH_ROWS).collect();
        for lineage in cursor.take(&some)? {
            lineages.add(&lineage)?;
        }
    }
    Ok(lineages.into_reader()?)
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn defect(what: &str) -> ReconcilerError {
    ReconcilerError::Interrupted(what.to_owned())
}
