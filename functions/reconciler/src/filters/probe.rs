//! Looks hashes up among those of other files.

use super::rice::{self, Block};
use super::store::{FileHashes, Run};
use crate::error::ReconcilerError;
use crate::keys::{HASH_BITS, KeyColumns};
use crate::ranges::Ranges;
use crate::remote::RemoteFile;
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Handle;

/// Hashes that are looked up at a time: they are in memory.
const SLICE_HASHES: u64 = 1 << 21;
/// Bytes of filters fetched at a time.
const FETCH_BYTES: u64 = 4 * 1024 * 1024;
/// Bytes between two blocks that are fetched for nothing rather than asking twice.
const MOST_GAP_BYTES: u64 = 64 * 1024;
/// Requests under way.
const CONCURRENT_FETCHES: usize = 8;

/// A data file with a filter.
pub(crate) struct Known<'f> {
    /// Index among the distant files.
    pub(crate) index: usize,
    /// Key of the object with its filter.
    pub(crate) key: Arc<str>,
    pub(crate) runs: &'f [Run],
}

/// Hashes the keys of files, one per processor at a time.
///
/// # Errors
/// A file cannot be read, or a temporary file cannot be written.
pub(crate) async fn read(files: Vec<RemoteFile>, keys: KeyColumns) -> Result<Vec<FileHashes>, ReconcilerError> {
    let read = move || {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let (next, runtime) = (AtomicUsize::new(0), Handle::current());
        let found: Mutex<Vec<Option<FileHashes>>> = Mutex::new(files.iter().map(|_| None).collect());
        let work = || {
            let _runtime = runtime.enter();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(file) = files.get(index) else {
                    return Ok(());
                };
                let hashes = FileHashes::read(file, &keys)?;
                found.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(hashes);
            }
        };
        let interrupted = || ReconcilerError::Interrupted("a thread that hashes keys panicked".to_owned());
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads.min(files.len())).map(|_| scope.spawn(work)).collect();
            let ended = threads
                .into_iter()
                .map(|thread| thread.join().map_err(|_| interrupted())?);
            ended.collect::<Result<(), ReconcilerError>>()
        })?;
        let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.into_iter().map(|hashes| hashes.ok_or_else(interrupted)).collect()
    };
    blocking(read).await?
}

/// Hashes to look up.
pub(crate) struct Probe<'h> {
    files: &'h mut Vec<FileHashes>,
    /// Index among the distant files of each; `None`: a new file.
    owners: Vec<Option<usize>>,
}

/// A hash, and which of the probed files has it.
type Entry = (u64, u32);

impl<'h> Probe<'h> {
    pub(crate) fn new(files: &'h mut Vec<FileHashes>, owners: Vec<Option<usize>>) -> Self {
        Self { files, owners }
    }

    /// The distant files that share a hash with another of the files: those with filters, and those among the probed ones.
    ///
    /// # Errors
    /// A filter cannot be read, or is damaged.
    pub(crate) async fn hits(
        &mut self,
        source: &Arc<dyn Ranges>,
        known: &[Known<'_>],
    ) -> Result<BTreeSet<usize>, ReconcilerError> {
        let total: u64 = self.files.iter().map(FileHashes::count).sum();
        let slices = total.div_ceil(SLICE_HASHES).max(1);
        let mut hits = BTreeSet::new();
        for slice in 0..slices {
            let bound = |slice: u64| ((u128::from(slice) << HASH_BITS) / u128::from(slices)) as u64;
            let entries = Arc::new(self.slice(bound(slice)..bound(slice + 1))?);
            // Files that share a hash come in the order of their numbers.
            for pair in entries.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
                hits.extend(pair.iter().filter_map(|(_, file)| self.owner(*file)));
            }
            let mut found = stream::iter(fetches(known, &entries))
                .map(|fetch| fetch.look_up(Arc::clone(source), Arc::clone(&entries)))
                .buffer_unordered(CONCURRENT_FETCHES);
            while let Some(found) = found.try_next().await? {
                for (index, file) in found {
                    hits.insert(index);
                    hits.extend(self.owner(file));
                }
            }
        }
        Ok(hits)
    }

    fn owner(&self, file: u32) -> Option<usize> {
        self.owners.get(file as usize).copied().flatten()
    }

    /// The hashes in a range, ascending.
    fn slice(&mut self, range: Range<u64>) -> Result<Vec<Entry>, ReconcilerError> {
        let mut entries: Vec<Entry> = Vec::new();
        for (file, number) in self.files.iter_mut().zip(0..) {
            file.within(&range, |hash| entries.push((hash, number)))?;
        }
        entries.sort_unstable();
        // A hash that two runs of a file have is one.
        entries.dedup();
        Ok(entries)
    }
}

/// Blocks of an object to read with one request.
struct Fetch {
    key: Arc<str>,
    range: Range<u64>,
    /// Each with its file and where its bytes are.
    blocks: Vec<(usize, Block, Range<u64>)>,
}

/// The requests for all blocks that can have one of the hashes.
fn fetches(known: &[Known<'_>], entries: &[Entry]) -> Vec<Fetch> {
    let mut fetches: Vec<Fetch> = Vec::new();
    let is_wanted = |covers: &Range<u64>| {
        let first = entries.partition_point(|(hash, _)| *hash < covers.start);
        entries.get(first).is_some_and(|(hash, _)| *hash < covers.end)
    };
    let mut known: Vec<&Known<'_>> = known.iter().collect();
    known.sort_by(|a, b| {
        let start = |file: &Known<'_>| file.runs.first().map(|run| run.start);
        (&a.key, start(a)).cmp(&(&b.key, start(b)))
    });
    for file in known {
        for (block, covers, bytes) in file.runs.iter().flat_map(Run::blocks) {
            if !is_wanted(&covers) {
                continue;
            }
            let described = (file.index, block.clone(), bytes.clone());
            match fetches.last_mut() {
                Some(last)
                    if last.key == file.key
                        && bytes.start >= last.range.end
                        && bytes.start - last.range.end <= MOST_GAP_BYTES
                        && bytes.end - last.range.start <= FETCH_BYTES =>
                {
                    last.range.end = bytes.end;
                    last.blocks.push(described);
                }
                _ => fetches.push(Fetch {
                    key: Arc::clone(&file.key),
                    range: bytes,
                    blocks: vec![described],
                }),
            }
        }
    }
    fetches
}

impl Fetch {
    /// Which of the known files have hashes of which probed files.
    async fn look_up(
        self,
        source: Arc<dyn Ranges>,
        entries: Arc<Vec<Entry>>,
    ) -> Result<BTreeSet<(usize, u32)>, ReconcilerError> {
        // A block of one hash has no bytes.
        let bytes = if self.range.is_empty() {
            bytes::Bytes::new()
        } else {
            source.get_range(&self.key, self.range.clone()).await?
        };
        let look_up = move || {
            let mut found = BTreeSet::new();
            for (index, block, at) in &self.blocks {
                let at = (at.start - self.range.start) as usize..(at.end - self.range.start) as usize;
                let mut next = entries.partition_point(|(hash, _)| *hash < block.first);
                let visit = |hash| {
                    while let Some((wanted, file)) = entries.get(next).filter(|(wanted, _)| *wanted <= hash) {
                        if *wanted == hash {
                            found.insert((*index, *file));
                        }
                        next += 1;
                    }
                };
                if !bytes.get(at).is_some_and(|bytes| rice::decode(block, bytes, visit)) {
                    return Err(ReconcilerError::Corrupt {
                        object: self.key.to_string(),
                        problem: "the key filters are damaged; remove the object, they are made again".to_owned(),
                    });
                }
            }
            Ok(found)
        };
        blocking(look_up).await?
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ReconcilerError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| ReconcilerError::Interrupted(error.to_string()))
}
