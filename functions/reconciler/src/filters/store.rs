//! Objects of key filters in the table's folder.
//!
//! ```text
//! blocks of all files   directory (JSON)   its length (8 bytes, little-endian)   MAGIC
//! ```
//!
//! A filter that cannot be read is no loss: the keys of its files are hashed again.

use super::rice::{self, Block};
use crate::committed::FileName;
use crate::content::Content;
use crate::context::Context;
use crate::error::ReconcilerError;
use crate::keys::{HASH_BITS, KeyColumns, hashes};
use crate::ranges::{Bucket, Ranges};
use crate::remote::RemoteFile;
use cardlake_aws::storage::ObjectMeta;
use cardlake_core::contract::Contract;
use cardlake_core::paths;
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::sync::Arc;
use tempfile::SpooledTempFile;

const MAGIC: &[u8; 8] = b"CLKEYS\0\x01";
/// Bytes after the directory: its length, and [`MAGIC`].
const TRAILER_BYTES: u64 = 16;
/// First read of the end of an object.
const TAIL_BYTES: u64 = 32 * 1024;
/// Objects whose directories are read at a time.
const CONCURRENT_READS: usize = 16;
/// Hashes that are sorted at a time.
const RUN_HASHES: usize = 1 << 20;
/// Bytes of a file's hashes that are held in memory before they go to a temporary file.
const HELD_BYTES: usize = 1 << 20;
/// Bytes of the key columns fetched at a time.
const BUFFER_BYTES: u64 = 512 * 1024;
/// From so many objects on, the small ones are folded into one.
const MOST_OBJECTS: usize = 16;
/// Objects of at most so many bytes are folded.
const FOLDED_BYTES: u64 = 32 * 1024 * 1024;

/// Hashes in ascending order, in consecutive blocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Run {
    /// Where its blocks begin.
    pub(crate) start: u64,
    pub(crate) blocks: Vec<Block>,
}

impl Run {
    /// Each block with the range of hashes that it covers, and its bytes.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = (&Block, Range<u64>, Range<u64>)> {
        let ends = self.blocks.iter().skip(1).map(|block| block.first);
        let ends = ends.chain([1 << HASH_BITS]);
        let mut start = self.start;
        self.blocks.iter().zip(ends).map(move |(block, end)| {
            let bytes = start..start + u64::from(block.bytes);
            start = bytes.end;
            (block, block.first..end, bytes)
        })
    }

    fn bytes(&self) -> u64 {
        self.blocks.iter().map(|block| u64::from(block.bytes)).sum()
    }
}

/// The filter of a data file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileFilter {
    /// Path of the data file in the table's folder.
    pub(crate) path: String,
    /// Its size in bytes.
    pub(crate) size: u64,
    pub(crate) runs: Vec<Run>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Directory {
    /// What the hashes are made of: [`KeyColumns::description`].
    hashes: String,
    /// By path.
    files: Vec<FileFilter>,
}

/// An object of key filters.
#[derive(Debug)]
pub(crate) struct Stored {
    /// Key in the silver bucket.
    pub(crate) key: Arc<str>,
    size: u64,
    pub(crate) files: Vec<FileFilter>,
}

/// The key filters of a table whose hashes are those of the contract's key.
///
/// # Errors
/// They cannot be listed or read.
pub(crate) async fn open_all(
    context: &Context,
    silver: &Arc<Bucket>,
    contract: &Contract,
    keys: &KeyColumns,
) -> Result<Vec<Stored>, ReconcilerError> {
    let prefix = paths::key_filters_prefix(&contract.dataset);
    let objects = context.storage.list(&silver.name, &prefix).await?;
    let wanted = keys.description();
    let directories: Vec<(ObjectMeta, Option<Directory>)> = stream::iter(objects)
        .map(|object| async move {
            let directory = open(silver.as_ref(), &object).await?;
            Ok::<_, ReconcilerError>((object, directory))
        })
        .buffered(CONCURRENT_READS)
        .try_collect()
        .await?;
    let usable = directories.into_iter().filter_map(|(object, directory)| {
        let directory = directory.filter(|directory| directory.hashes == wanted)?;
        Some(Stored {
            key: Arc::from(object.key),
            size: object.size,
            files: directory.files,
        })
    });
    Ok(usable.collect())
}

/// Paths of the data files that an object of key filters is about; none if it cannot be read.
///
/// # Errors
/// A request fails.
pub(crate) async fn paths_of(silver: &dyn Ranges, object: &ObjectMeta) -> Result<Vec<String>, ReconcilerError> {
    let directory = open(silver, object).await?;
    let files = directory.into_iter().flat_map(|directory| directory.files);
    Ok(files.map(|file| file.path).collect())
}

/// `None` if the object is something else, or of another version of this program.
async fn open(silver: &dyn Ranges, object: &ObjectMeta) -> Result<Option<Directory>, ReconcilerError> {
    let end = object.size.saturating_sub(TRAILER_BYTES);
    let mut start = object.size.saturating_sub(TAIL_BYTES);
    let mut tail = silver.get_range(&object.key, start..object.size).await?;
    let trailer = tail
        .len()
        .checked_sub(TRAILER_BYTES as usize)
        .and_then(|at| tail.get(at..));
    let length = trailer.and_then(|trailer| trailer.strip_suffix(MAGIC)?.try_into().ok());
    let Some(begin) = length.and_then(|length| end.checked_sub(u64::from_le_bytes(length))) else {
        tracing::warn!(key = object.key, "no key filters of this version, left out");
        return Ok(None);
    };
    if begin < start {
        tail = silver.get_range(&object.key, begin..object.size).await?;
        start = begin;
    }
    let text = tail.get((begin - start) as usize..(end - start) as usize);
    let directory: Option<Directory> = text.and_then(|text| serde_json::from_slice(text).ok());
    if directory.is_none() {
        tracing::warn!(key = object.key, "damaged key filters, left out");
    }
    Ok(directory)
}

/// The hashes of a data file's keys.
pub(crate) struct FileHashes {
    content: SpooledTempFile,
    runs: Vec<Run>,
}

impl FileHashes {
    /// Hashes the keys. Blocks; to be called in a tokio runtime.
    ///
    /// # Errors
    /// The file cannot be read, or a temporary file cannot be written.
    pub(crate) fn read(file: &RemoteFile, keys: &KeyColumns) -> Result<Self, ReconcilerError> {
        let mut found = Self {
            content: SpooledTempFile::new(HELD_BYTES),
            runs: Vec::new(),
        };
        let (mut waiting, mut bytes, mut start) = (Vec::new(), Vec::new(), 0);
        let mut add = |waiting: &mut Vec<u64>| {
            waiting.sort_unstable();
            waiting.dedup();
            let blocks = rice::encode(waiting, &mut bytes);
            found.content.write_all(&bytes)?;
            found.runs.push(Run { start, blocks });
            start += bytes.len() as u64;
            bytes.clear();
            waiting.clear();
            Ok::<_, ReconcilerError>(())
        };
        hashes(file, keys, BUFFER_BYTES, |hashes| {
            waiting.extend_from_slice(hashes);
            if waiting.len() >= RUN_HASHES {
                add(&mut waiting)?;
            }
            Ok(())
        })?;
        if !waiting.is_empty() {
            add(&mut waiting)?;
        }
        Ok(found)
    }

    /// Number of different hashes.
    pub(crate) fn count(&self) -> u64 {
        let blocks = self.runs.iter().flat_map(|run| &run.blocks);
        blocks.map(|block| u64::from(block.hashes)).sum()
    }

    /// Calls `visit` with the hashes in the range.
    ///
    /// # Errors
    /// The temporary file cannot be read.
    pub(crate) fn within(&mut self, range: &Range<u64>, mut visit: impl FnMut(u64)) -> Result<(), ReconcilerError> {
        let mut bytes = Vec::new();
        for (block, covers, at) in self.runs.iter().flat_map(Run::blocks) {
            if covers.start >= range.end || covers.end <= range.start {
                continue;
            }
            bytes.resize(block.bytes as usize, 0);
            self.content.seek(SeekFrom::Start(at.start))?;
            self.content.read_exact(&mut bytes)?;
            let whole = rice::decode(block, &bytes, |hash| {
                if range.contains(&hash) {
                    visit(hash);
                }
            });
            if !whole {
                let damaged = std::io::Error::from(std::io::ErrorKind::InvalidData);
                return Err(damaged.into());
            }
        }
        Ok(())
    }
}

/// Stores filters in an object of their own, whose name follows from its content. If there are many objects by now, the filters
/// of active files in small ones are taken over, and these objects removed.
///
/// # Errors
/// A temporary file cannot be written, or a request fails.
pub(crate) async fn write(
    context: &Context,
    contract: &Contract,
    mut filters: Vec<(FileName, FileHashes)>,
    stored: &[Stored],
    is_active: &(dyn Fn(&str) -> bool + Sync),
) -> Result<(), ReconcilerError> {
    let bucket = &context.lake.silver_bucket;
    let small = stored.iter().filter(|object| object.size <= FOLDED_BYTES);
    let folded: Vec<&Stored> = if stored.len() < MOST_OBJECTS {
        Vec::new()
    } else {
        small.collect()
    };
    let held = folded.iter().map(|object| object.size).sum::<u64>();
    let fresh = filters
        .iter()
        .flat_map(|(_, hashes)| &hashes.runs)
        .map(Run::bytes)
        .sum::<u64>();
    let mut to = Writer {
        content: Content::for_size(held + fresh)?,
        digest: Sha256::new(),
        files: Vec::new(),
        end: 0,
    };
    filters.sort_by(|a, b| a.0.path.cmp(&b.0.path));
    for (file, mut hashes) in filters {
        let mut bytes = Vec::new();
        hashes.content.rewind()?;
        hashes.content.read_to_end(&mut bytes)?;
        to.add(&file.path, file.size, hashes.runs, &bytes)?;
    }
    for object in &folded {
        // Another run may have folded it already.
        let Some(bytes) = context.storage.get(bucket, &object.key).await? else {
            continue;
        };
        for file in object.files.iter().filter(|file| is_active(&file.path)) {
            let range =
                file.runs.first().map_or(0, |run| run.start)..file.runs.last().map_or(0, |run| run.start + run.bytes());
            if let Some(bytes) = bytes.get(range.start as usize..range.end as usize) {
                let runs = file.runs.iter().map(|run| Run {
                    start: run.start - range.start,
                    blocks: run.blocks.clone(),
                });
                to.add(&file.path, file.size, runs.collect(), bytes)?;
            }
        }
    }
    let (id, content) = to.finish(&KeyColumns::of(contract))?;
    let key = paths::key_filters(&contract.dataset, &id);
    content.store(&context.storage, bucket, &key).await?;
    let old: Vec<&str> = folded
        .iter()
        .map(|object| &*object.key)
        .filter(|old| *old != key)
        .collect();
    context.storage.delete_all(bucket, &old).await?;
    Ok(())
}

struct Writer {
    content: Content,
    digest: Sha256,
    files: Vec<FileFilter>,
    end: u64,
}

impl Writer {
    /// Appends the filter of a file; its runs begin at the start of the bytes.
    fn add(&mut self, path: &str, size: u64, mut runs: Vec<Run>, bytes: &[u8]) -> std::io::Result<()> {
        runs.iter_mut().for_each(|run| run.start += self.end);
        self.put(bytes)?;
        self.files.push(FileFilter {
            path: path.to_owned(),
            size,
            runs,
        });
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.content.write_all(bytes)?;
        self.digest.update(bytes);
        self.end += bytes.len() as u64;
        Ok(())
    }

    /// The object's id and content.
    fn finish(mut self, keys: &KeyColumns) -> Result<(String, Content), ReconcilerError> {
        let directory = Directory {
            hashes: keys.description(),
            files: std::mem::take(&mut self.files),
        };
        let text = serde_json::to_vec(&directory).map_err(std::io::Error::from)?;
        self.put(&text)?;
        self.put(&(text.len() as u64).to_le_bytes())?;
        self.put(MAGIC)?;
        Ok((hex::encode(&self.digest.finalize()[..16]), self.content))
    }
}
