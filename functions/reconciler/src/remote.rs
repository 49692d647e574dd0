//! Parquet files in S3, read in windows.
//!
//! The Parquet reader asks for byte ranges and blocks until it has them. [`Windows`] answers from windows of each column
//! chunk that it fetches one ahead, so that many files can be read side by side: a file costs two windows for each column
//! read, however large it is, and a request is under way while the window before it is worked on.

use crate::error::ReconcilerError;
use bytes::{Buf, Bytes, BytesMut};
use cardlake_shared::storage::{Storage, StorageError};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::reader::{ChunkReader, Length};
use std::collections::{HashMap, VecDeque};
use std::fmt::Display;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// Rows decoded at a time.
pub(crate) const READ_BATCH_ROWS: usize = 8_192;
/// Bytes fetched from the end of a file: metadata and page index of a usual file.
const FOOTER_BYTES: u64 = 64 * 1024;

/// Where data files lie, and how much was read of them.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    pub(crate) storage: Storage,
    pub(crate) bucket: Arc<str>,
    /// The table's folder.
    pub(crate) table: Arc<str>,
    /// Bytes of data files read so far.
    pub(crate) bytes_read: Arc<AtomicU64>,
}

impl Folder {
    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StorageError> {
        self.bytes_read.fetch_add(range.end - range.start, Ordering::Relaxed);
        self.storage.get_range(&self.bucket, key, range).await
    }
}

/// A Parquet file whose metadata is known.
#[derive(Debug, Clone)]
pub(crate) struct RemoteFile {
    folder: Folder,
    key: Arc<str>,
    size: u64,
    metadata: ArrowReaderMetadata,
}

impl RemoteFile {
    /// Reads the metadata of a data file.
    ///
    /// # Errors
    /// The file is not there, or is no Parquet file.
    pub(crate) async fn open(folder: &Folder, path: &str, size: u64) -> Result<Self, ReconcilerError> {
        let key: Arc<str> = Arc::from(format!("{}/{path}", folder.table));
        let corrupt = |error: &dyn Display| ReconcilerError::Corrupt {
            object: format!("s3://{}/{key}", folder.bucket),
            problem: error.to_string(),
        };
        let mut wanted = FOOTER_BYTES.min(size);
        let metadata = loop {
            let tail = folder.get_range(&key, size - wanted..size).await?;
            let mut reader = ParquetMetaDataReader::new().with_offset_index_policy(PageIndexPolicy::Optional);
            match reader.try_parse_sized(&tail, size) {
                Ok(()) => break reader.finish().map_err(|error| corrupt(&error))?,
                Err(ParquetError::NeedMoreData(needed)) if (needed as u64) > wanted && (needed as u64) <= size => {
                    wanted = needed as u64;
                }
                Err(error) => return Err(corrupt(&error)),
            }
        };
        let metadata = ArrowReaderMetadata::try_new(Arc::new(metadata), ArrowReaderOptions::new())
            .map_err(|error| corrupt(&error))?;
        Ok(Self {
            folder: folder.clone(),
            key,
            size,
            metadata,
        })
    }

    /// Rows of the file.
    pub(crate) fn rows(&self) -> u64 {
        self.parquet().file_metadata().num_rows().try_into().unwrap_or_default()
    }

    /// The file's metadata.
    pub(crate) fn parquet(&self) -> &Arc<ParquetMetaData> {
        self.metadata.metadata()
    }

    /// An error about this file.
    pub(crate) fn corrupt(&self, problem: String) -> ReconcilerError {
        ReconcilerError::Corrupt {
            object: format!("s3://{}/{}", self.folder.bucket, self.key),
            problem,
        }
    }

    /// A reader of some columns, and where to look when it fails. The first windows are under way when this returns. The
    /// reader blocks: to be used on a thread for blocking work, of the runtime in which this is called.
    ///
    /// # Errors
    /// The projection cannot be read.
    pub(crate) fn reader(
        &self,
        columns: &[&str],
        window: u64,
        batch_rows: usize,
        selection: Option<RowSelection>,
    ) -> Result<(ParquetRecordBatchReader, Failures), ReconcilerError> {
        let schema = self.parquet().file_metadata().schema_descr();
        let mask = ProjectionMask::columns(schema, columns.iter().copied());
        let windows = Windows::new(self, &mask, window);
        if selection.is_none() {
            windows.start();
        }
        let failures = Failures {
            file: self.clone(),
            first: Arc::clone(&windows.shared.failure),
        };
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(windows, self.metadata.clone())
            .with_projection(mask)
            .with_batch_size(batch_rows);
        if let Some(selection) = selection {
            builder = builder.with_row_selection(selection);
        }
        let reader = builder.build().map_err(|error| failures.explain(&error))?;
        Ok((reader, failures))
    }
}

/// The reason behind a reader's error: the Parquet crate keeps only the text of a failed request.
#[derive(Debug)]
pub(crate) struct Failures {
    file: RemoteFile,
    first: Arc<Mutex<Option<StorageError>>>,
}

impl Failures {
    /// The failed request if there was one, else the file is not what it should be.
    pub(crate) fn explain(&self, error: &dyn Display) -> ReconcilerError {
        match self.first.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(failure) => failure.into(),
            None => self.file.corrupt(error.to_string()),
        }
    }
}

/// A part of a column chunk.
enum Slot {
    Ready(Bytes),
    Pending(JoinHandle<Result<Bytes, StorageError>>),
}

#[derive(Default)]
struct Chunk {
    range: Range<u64>,
    /// The chunk of the same column in the next row group.
    next: Option<usize>,
    /// Consecutive windows.
    windows: VecDeque<(Range<u64>, Slot)>,
}

struct Shared {
    folder: Folder,
    key: Arc<str>,
    size: u64,
    window: u64,
    runtime: Handle,
    /// Sorted by start.
    chunks: Mutex<Vec<Chunk>>,
    failure: Arc<Mutex<Option<StorageError>>>,
}

/// Byte ranges of a file's column chunks.
pub(crate) struct Windows {
    shared: Arc<Shared>,
}

impl Windows {
    fn new(file: &RemoteFile, mask: &ProjectionMask, window: u64) -> Self {
        let mut chunks: Vec<(usize, Range<u64>)> = Vec::new();
        for group in file.parquet().row_groups() {
            for (leaf, column) in group.columns().iter().enumerate() {
                if mask.leaf_included(leaf) {
                    let (start, length) = column.byte_range();
                    chunks.push((leaf, start..start + length));
                }
            }
        }
        chunks.sort_by_key(|(_, range)| range.start);
        let mut following: HashMap<usize, usize> = HashMap::new();
        let mut linked: Vec<Chunk> = Vec::with_capacity(chunks.len());
        for (index, (leaf, range)) in chunks.iter().enumerate().rev() {
            let next = following.insert(*leaf, index);
            linked.push(Chunk {
                range: range.clone(),
                next,
                windows: VecDeque::new(),
            });
        }
        linked.reverse();
        Self {
            shared: Arc::new(Shared {
                folder: file.folder.clone(),
                key: Arc::clone(&file.key),
                size: file.size,
                window,
                runtime: Handle::current(),
                chunks: Mutex::new(linked),
                failure: Arc::default(),
            }),
        }
    }

    /// Fetches the first window of each column.
    fn start(&self) {
        let mut chunks = self.shared.chunks.lock().unwrap_or_else(PoisonError::into_inner);
        let followers: Vec<usize> = chunks.iter().filter_map(|chunk| chunk.next).collect();
        for (index, chunk) in chunks.iter_mut().enumerate() {
            if !followers.contains(&index) {
                let start = chunk.range.start;
                self.shared.fetch(chunk, start);
            }
        }
    }
}

impl Shared {
    /// Starts to fetch the window at `start`; returns its end.
    fn fetch(&self, chunk: &mut Chunk, start: u64) -> u64 {
        let mut end = (start + self.window).min(chunk.range.end);
        // No request for a small remainder.
        if chunk.range.end - end < self.window / 2 {
            end = chunk.range.end;
        }
        let (folder, key, range) = (self.folder.clone(), Arc::clone(&self.key), start..end);
        let pending = self.runtime.spawn(async move { folder.get_range(&key, range).await });
        chunk.windows.push_back((start..end, Slot::Pending(pending)));
        end
    }

    fn read(&self, wanted: Range<u64>) -> Result<Bytes, ParquetError> {
        let mut chunks = self.chunks.lock().unwrap_or_else(PoisonError::into_inner);
        let index = chunks.partition_point(|chunk| chunk.range.end <= wanted.start);
        let outside = || ParquetError::EOF(format!("bytes {wanted:?} are in no column chunk that is read"));
        let chunk = chunks.get_mut(index).ok_or_else(outside)?;
        if chunk.range.start > wanted.start || chunk.range.end < wanted.end {
            return Err(outside());
        }
        while chunk
            .windows
            .front()
            .is_some_and(|(range, _)| range.end <= wanted.start)
        {
            chunk.windows.pop_front();
        }
        if chunk
            .windows
            .front()
            .is_none_or(|(range, _)| range.start > wanted.start)
        {
            chunk.windows.clear();
            self.fetch(chunk, wanted.start);
        }
        let mut fetched = chunk.windows.back().map_or(wanted.start, |(range, _)| range.end);
        while fetched < wanted.end {
            fetched = self.fetch(chunk, fetched);
        }
        // One window ahead, in this chunk or in the column's next one.
        if chunk.windows.len() < 2 {
            if fetched < chunk.range.end {
                self.fetch(chunk, fetched);
            } else if let Some(next) = chunk.next.and_then(|next| chunks.get_mut(next))
                && next.windows.is_empty()
            {
                let start = next.range.start;
                self.fetch(next, start);
            }
        }
        let chunk = chunks.get_mut(index).ok_or_else(outside)?;
        let mut gathered = BytesMut::new();
        for (range, slot) in &mut chunk.windows {
            if range.start >= wanted.end {
                break;
            }
            let bytes = self.wait(slot)?;
            let from = wanted.start.max(range.start) - range.start;
            let to = wanted.end.min(range.end) - range.start;
            let part = bytes
                .get(from as usize..to as usize)
                .ok_or_else(|| ParquetError::EOF(format!("the file ends before byte {}", wanted.end)))?;
            if part.len() as u64 == wanted.end - wanted.start {
                return Ok(bytes.slice_ref(part));
            }
            gathered.extend_from_slice(part);
        }
        Ok(gathered.freeze())
    }

    /// The bytes of a window, once they are there.
    fn wait<'a>(&self, slot: &'a mut Slot) -> Result<&'a Bytes, ParquetError> {
        if let Slot::Pending(pending) = slot {
            let fetched = self.runtime.block_on(pending);
            let bytes = fetched
                .map_err(|error| ParquetError::General(error.to_string()))?
                .map_err(|error| {
                    let text = error.to_string();
                    let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
                    failure.get_or_insert(error);
                    ParquetError::General(text)
                })?;
            *slot = Slot::Ready(bytes);
        }
        match slot {
            Slot::Ready(bytes) => Ok(bytes),
            Slot::Pending(_) => Err(ParquetError::General("a window is missing".to_owned())),
        }
    }

    /// End of the column chunk that holds a byte.
    fn chunk_end(&self, position: u64) -> u64 {
        let chunks = self.chunks.lock().unwrap_or_else(PoisonError::into_inner);
        let index = chunks.partition_point(|chunk| chunk.range.end <= position);
        chunks.get(index).map_or(position, |chunk| chunk.range.end)
    }
}

impl Length for Windows {
    fn len(&self) -> u64 {
        self.shared.size
    }
}

impl ChunkReader for Windows {
    type T = WindowRead;

    fn get_read(&self, start: u64) -> Result<WindowRead, ParquetError> {
        Ok(WindowRead {
            shared: Arc::clone(&self.shared),
            end: self.shared.chunk_end(start),
            position: start,
            part: Bytes::new(),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        self.shared.read(start..start + length as u64)
    }
}

/// Bytes from a position to the end of its column chunk: for page headers, whose size is not known before.
pub(crate) struct WindowRead {
    shared: Arc<Shared>,
    position: u64,
    end: u64,
    part: Bytes,
}

impl std::io::Read for WindowRead {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        const PART: u64 = 256;
        if self.part.is_empty() {
            let wanted = self.position..(self.position + PART).min(self.end);
            if wanted.is_empty() {
                return Ok(0);
            }
            self.position = wanted.end;
            self.part = self.shared.read(wanted).map_err(std::io::Error::other)?;
        }
        let length = buffer.len().min(self.part.len());
        self.part.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}
