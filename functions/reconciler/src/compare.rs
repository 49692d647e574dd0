//! Finds the rows that lose: merges the keys of all files, reads the lineage of the rows whose key comes more than once,
//! and lets the winner of each key stay.
//!
//! Two passes over different columns: every file's key column is streamed once; lineage columns are read only for rows
//! that share a key, a bounded number of them at a time. Memory: two windows for each file, one bit for each row of a file
//! that loses rows.

use crate::error::ReconcilerError;
use crate::keys::{KeyColumns, KeyCursor};
use crate::lineage::{self, Lineage, LineageColumns};
use crate::merge::{Member, merge};
use crate::remote::{Folder, RemoteFile};
use crate::winner::{Origin, winner};
use cardlake_shared::error::{ErrorKind, StageError};
use futures::{StreamExt, TryStreamExt, stream};

/// Files whose metadata is read at a time.
const CONCURRENT_OPENS: usize = 32;
/// Bytes for the windows of all files together.
const WINDOW_BUDGET: u64 = 64 * 1024 * 1024;
/// Bounds of a window in bytes: below, requests cost more than bytes; above, more bytes gain nothing.
const WINDOW_BYTES: std::ops::RangeInclusive<u64> = 64 * 1024..=4 * 1024 * 1024;
/// Rows with a shared key that are kept before their lineage is read.
const PENDING_ROWS: usize = 262_144;

/// A file to compare.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    /// Path in the table's folder.
    pub(crate) path: String,
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

/// How many rows lost, by what they were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// New rows that lose.
    pub(crate) new: u64,
    /// Late rows among them.
    pub(crate) new_late: u64,
    /// Committed rows of other batches that lose.
    pub(crate) replaced: u64,
    /// Committed rows of this very batch that lose.
    pub(crate) own: u64,
    /// Late rows among them.
    pub(crate) own_late: u64,
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
    folder: &Folder,
    inputs: &[Input],
    keys: KeyColumns,
    columns: LineageColumns,
    batch_day: i32,
) -> Result<Verdict, ReconcilerError> {
    let opened: Vec<Option<RemoteFile>> = stream::iter(inputs)
        .map(|input| open(folder, input))
        .buffered(CONCURRENT_OPENS)
        .try_collect()
        .await?;
    // Only witnesses can be missing. They come last, so the others keep their places.
    let present = inputs
        .iter()
        .zip(opened)
        .filter_map(|(input, file)| Some((input.origin, file?)));
    let (origins, files): (Vec<Origin>, Vec<RemoteFile>) = present.unzip();
    let window = WINDOW_BUDGET / (2 * inputs.len().max(1) as u64);
    let mut comparison = Comparison {
        losers: vec![Losers::default(); origins.len()],
        files,
        origins,
        columns,
        window: window.clamp(*WINDOW_BYTES.start(), *WINDOW_BYTES.end()),
        batch_day,
        pending: Vec::new(),
        group_ends: Vec::new(),
        tally: Tally::default(),
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
async fn open(folder: &Folder, input: &Input) -> Result<Option<RemoteFile>, ReconcilerError> {
    match RemoteFile::open(folder, &input.path, input.size).await {
        Ok(file) => Ok(Some(file)),
        Err(error) if input.origin == Origin::Witness && error.kind() == ErrorKind::NotFound => {
            tracing::warn!(path = %input.path, "a replaced data file was removed and cannot bear witness");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

struct Comparison {
    files: Vec<RemoteFile>,
    origins: Vec<Origin>,
    columns: LineageColumns,
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
        let mut lineages = Vec::with_capacity(rows.len());
        for (file, rows) in self.files.iter().zip(&rows) {
            let found = if rows.is_empty() {
                Vec::new()
            } else {
                lineage::read(file, &self.columns, rows, self.window)?
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
        let kept = winner(&competitors);
        for (index, (member, lineage)) in versions.iter().enumerate() {
            if Some(index) == kept || self.origins[member.file as usize] == Origin::Witness {
                continue;
            }
            self.losers[member.file as usize].add(member.row);
            let late = u64::from(lineage.is_late());
            let tally = &mut self.tally;
            match self.origins[member.file as usize] {
                Origin::New => {
                    tally.new += 1;
                    tally.new_late += late;
                }
                Origin::Committed if lineage.ingest_date == self.batch_day => {
                    tally.own += 1;
                    tally.own_late += late;
                }
                Origin::Committed => tally.replaced += 1,
                Origin::Witness => {}
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
