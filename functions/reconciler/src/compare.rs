//! Finds the rows that lose: merges the keys of all files, reads the lineage of the rows whose key comes more than once,
//! and lets the winner of each key stay.
//!
//! Every file's key column is streamed once; the lineage columns follow, in files with rows that share a key, for a bounded
//! number of such rows at a time. Memory: some windows for each file, one bit for each row of a file that loses rows.

use crate::error::ReconcilerError;
use crate::keys::{KeyColumns, KeyCursor};
use crate::lineage::{Lineage, LineageColumns, LineageCursor};
use crate::merge::{Member, merge};
use crate::remote::{Ranges, RemoteFile};
use crate::winner::{Origin, winner};
use cardlake_shared::error::{ErrorKind, StageError};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Files whose metadata is read at a time.
const CONCURRENT_OPENS: usize = 32;
/// Bytes for the windows of all files together.
const WINDOW_BUDGET: u64 = 96 * 1024 * 1024;
/// Windows of a file: two for the key, two for each of usually three neighbourhoods of lineage columns.
const WINDOWS_OF_A_FILE: u64 = 8;
/// Bounds of a window in bytes: below, requests cost more than bytes; above, more bytes gain nothing.
const WINDOW_BYTES: std::ops::RangeInclusive<u64> = 64 * 1024..=2 * 1024 * 1024;
/// Rows with a shared key that are kept before their lineage is read.
const PENDING_ROWS: usize = 262_144;

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

/// Rows of a file that lose, by number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Losers {
    words: Vec<u64>,
    count: u64,
}

impl Losers {
    fn add(&mut self, row: u64) {
        let (word, bit) = ((row / 64) as usize, 1 << (row % 64));
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        self.count += u64::from(self.words[word] & bit == 0);
        self.words[word] |= bit;
    }

    /// Whether a row loses.
    pub(crate) fn contains(&self, row: u64) -> bool {
        let word = self.words.get((row / 64) as usize).copied().unwrap_or_default();
        word & 1 << (row % 64) != 0
    }

    /// Number of rows that lose.
    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    /// The same bytes for the same rows.
    pub(crate) fn bytes(&self) -> impl Iterator<Item = u8> + '_ {
        self.words.iter().flat_map(|word| word.to_le_bytes())
    }
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
    pub(crate) losers: Vec<Losers>,
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
    let window = WINDOW_BUDGET / (WINDOWS_OF_A_FILE * inputs.len().max(1) as u64);
    let mut comparison = Comparison {
        losers: vec![Losers::default(); origins.len()],
        lineages: origins.iter().map(|_| None).collect(),
        files,
        origins,
        columns,
        window: window.clamp(*WINDOW_BYTES.start(), *WINDOW_BYTES.end()),
        batch_day,
        pending: Vec::new(),
        group_ends: Vec::new(),
        tally: Tally {
            files: vec![FileTally::default(); inputs.len()],
            own: BTreeMap::new(),
        },
    };
    tokio::task::spawn_blocking(move || {
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
    /// Opened with the first row of a file that shares its key.
    lineages: Vec<Option<LineageCursor>>,
    window: u64,
    batch_day: i32,
    /// Rows with a shared key, key by key.
    pending: Vec<Member>,
    /// Where each key's rows end in `pending`.
    group_ends: Vec<usize>,
    losers: Vec<Losers>,
    tally: Tally,
}

impl Comparison {
    fn run(&mut self, keys: &KeyColumns) -> Result<(), ReconcilerError> {
        let cursors = self
            .files
            .iter()
            .map(|file| KeyCursor::open(file, keys, self.window))
            .collect::<Result<Vec<_>, _>>()?;
        let cursors = cursors
            .into_iter()
            .map(KeyCursor::start)
            .collect::<Result<Vec<_>, _>>()?;
        merge(cursors, |members| {
            self.pending.extend_from_slice(members);
            self.group_ends.push(self.pending.len());
            if self.pending.len() < PENDING_ROWS {
                return Ok(());
            }
            self.decide()
        })?;
        self.decide()
    }

    /// Decides about the pending keys.
    fn decide(&mut self) -> Result<(), ReconcilerError> {
        let mut rows: Vec<Vec<u64>> = vec![Vec::new(); self.files.len()];
        for member in &self.pending {
            rows[member.file as usize].push(member.row);
        }
        // All are opened before one is waited for: their first requests run side by side.
        for ((file, rows), lineage) in self.files.iter().zip(&rows).zip(&mut self.lineages) {
            if !rows.is_empty() && lineage.is_none() {
                *lineage = Some(LineageCursor::open(file, &self.columns, self.window)?);
            }
        }
        let mut lineages = Vec::with_capacity(rows.len());
        for (lineage, rows) in self.lineages.iter_mut().zip(&rows) {
            let found = match lineage {
                Some(lineage) => lineage.take(rows)?,
                None => Vec::new(),
            };
            lineages.push(found.into_iter());
        }
        // Keys ascend, and so do the rows of each file: the lineages come in the order of the pending rows.
        let mut start = 0;
        let mut versions: Vec<(Member, Lineage)> = Vec::new();
        for end in std::mem::take(&mut self.group_ends) {
            versions.clear();
            for member in &self.pending[start..end] {
                let lineage = lineages[member.file as usize]
                    .next()
                    .ok_or_else(|| ReconcilerError::Interrupted("a row's lineage is missing".to_owned()))?;
                versions.push((*member, lineage));
            }
            start = end;
            self.judge(&versions);
        }
        self.pending.clear();
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losers_are_counted_once() {
        let mut losers = Losers::default();
        for row in [3, 64, 3, 1000] {
            losers.add(row);
        }
        assert_eq!(losers.count(), 3);
        assert!(losers.contains(64) && !losers.contains(65) && !losers.contains(5000));
        let mut same = Losers::default();
        for row in [1000, 64, 3] {
            same.add(row);
        }
        assert!(losers.bytes().eq(same.bytes()));
    }
}
