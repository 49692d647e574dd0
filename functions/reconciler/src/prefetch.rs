//! Prefetch buffers: byte ranges of an object, fetched ahead.
//!
//! The Parquet reader asks for byte ranges and blocks until it has them. [`PrefetchBuffers`] answers from buffers of each column
//! chunk that it fetches one ahead, so that many files can be read side by side: a file costs two buffers for each column
//! read, however large it is, and a request is under way while the buffer before it is worked on. Neighbouring chunks that
//! fit one buffer are fetched together.

use crate::ranges::Ranges;
use bytes::{Buf, Bytes, BytesMut};
use cardlake_aws::storage::StorageError;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// Bytes between two chunks that are fetched for nothing rather than asking twice.
const MOST_GAP_BYTES: u64 = 64 * 1024;

/// Joins chunks that lie side by side as long as they fit one buffer.
fn join_neighbours(chunks: Vec<(usize, Range<u64>)>, buffer_bytes: u64) -> Vec<(usize, Range<u64>)> {
    let mut joined: Vec<(usize, Range<u64>)> = Vec::with_capacity(chunks.len());
    for (leaf, range) in chunks {
        match joined.last_mut() {
            Some((_, last)) if range.start - last.end <= MOST_GAP_BYTES && range.end - last.start <= buffer_bytes => {
                last.end = range.end;
            }
            _ => joined.push((leaf, range)),
        }
    }
    joined
}

/// A part of a column chunk.
enum Slot {
    Ready(Bytes),
    Pending(JoinHandle<Result<Bytes, StorageError>>),
}

/// A column chunk, or several neighbours that fit one buffer.
#[derive(Default)]
struct Chunk {
    range: Range<u64>,
    /// The chunk of the same column in the next row group.
    next: Option<usize>,
    /// Consecutive buffers.
    buffers: VecDeque<(Range<u64>, Slot)>,
}

struct Shared {
    source: Arc<dyn Ranges>,
    key: Arc<str>,
    size: u64,
    buffer_bytes: u64,
    runtime: Handle,
    /// Sorted by start.
    chunks: Mutex<Vec<Chunk>>,
    failure: Arc<Mutex<Option<StorageError>>>,
}

/// Byte ranges of a file's column chunks.
pub(crate) struct PrefetchBuffers {
    shared: Arc<Shared>,
}

impl PrefetchBuffers {
    /// Over the given column chunks of an object, each with the number of its column. To be made in a tokio runtime, which
    /// then serves the requests.
    pub(crate) fn new(
        source: &Arc<dyn Ranges>,
        key: &Arc<str>,
        size: u64,
        mut chunks: Vec<(usize, Range<u64>)>,
        buffer_bytes: u64,
    ) -> Self {
        chunks.sort_by_key(|(_, range)| range.start);
        let chunks = join_neighbours(chunks, buffer_bytes);
        let mut following: HashMap<usize, usize> = HashMap::new();
        let mut linked: Vec<Chunk> = Vec::with_capacity(chunks.len());
        for (index, (leaf, range)) in chunks.iter().enumerate().rev() {
            let next = following.insert(*leaf, index);
            linked.push(Chunk {
                range: range.clone(),
                next,
                buffers: VecDeque::new(),
            });
        }
        linked.reverse();
        Self {
            shared: Arc::new(Shared {
                source: Arc::clone(source),
                key: Arc::clone(key),
                size,
                buffer_bytes,
                runtime: Handle::current(),
                chunks: Mutex::new(linked),
                failure: Arc::default(),
            }),
        }
    }

    /// Where the first failed request is put.
    pub(crate) fn failure(&self) -> Arc<Mutex<Option<StorageError>>> {
        Arc::clone(&self.shared.failure)
    }

    /// Fetches the first buffer of each column.
    pub(crate) fn start(&self) {
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
    /// Starts to fetch the buffer at `start`; returns its end.
    fn fetch(&self, chunk: &mut Chunk, start: u64) -> u64 {
        let mut end = (start + self.buffer_bytes).min(chunk.range.end);
        // No request for a small remainder.
        if chunk.range.end - end < self.buffer_bytes / 2 {
            end = chunk.range.end;
        }
        let (source, key, range) = (Arc::clone(&self.source), Arc::clone(&self.key), start..end);
        let pending = self.runtime.spawn(async move { source.get_range(&key, range).await });
        chunk.buffers.push_back((start..end, Slot::Pending(pending)));
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
            .buffers
            .front()
            .is_some_and(|(range, _)| range.end <= wanted.start)
        {
            chunk.buffers.pop_front();
        }
        if chunk
            .buffers
            .front()
            .is_none_or(|(range, _)| range.start > wanted.start)
        {
            chunk.buffers.clear();
            self.fetch(chunk, wanted.start);
        }
        let mut fetched = chunk.buffers.back().map_or(wanted.start, |(range, _)| range.end);
        while fetched < wanted.end {
            fetched = self.fetch(chunk, fetched);
        }
        // One buffer ahead, in this chunk or in the column's next one.
        if chunk.buffers.len() < 2 {
            if fetched < chunk.range.end {
                self.fetch(chunk, fetched);
            } else if let Some(next) = chunk.next.and_then(|next| chunks.get_mut(next))
                && next.buffers.is_empty()
            {
                let start = next.range.start;
                self.fetch(next, start);
            }
        }
        let chunk = chunks.get_mut(index).ok_or_else(outside)?;
        let mut gathered = BytesMut::new();
        for (range, slot) in &mut chunk.buffers {
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

    /// The bytes of a buffer, once they are there.
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
            Slot::Pending(_) => Err(ParquetError::General("a prefetch buffer is missing".to_owned())),
        }
    }

    /// End of the column chunk that holds a byte.
    fn chunk_end(&self, position: u64) -> u64 {
        let chunks = self.chunks.lock().unwrap_or_else(PoisonError::into_inner);
        let index = chunks.partition_point(|chunk| chunk.range.end <= position);
        chunks.get(index).map_or(position, |chunk| chunk.range.end)
    }
}

impl Length for PrefetchBuffers {
    fn len(&self) -> u64 {
        self.shared.size
    }
}

impl ChunkReader for PrefetchBuffers {
    type T = BufferRead;

    fn get_read(&self, start: u64) -> Result<BufferRead, ParquetError> {
        Ok(BufferRead {
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
pub(crate) struct BufferRead {
    shared: Arc<Shared>,
    position: u64,
    end: u64,
    part: Bytes,
}

impl std::io::Read for BufferRead {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_neighbours_are_fetched_together() {
        let chunks = vec![
            (0, 0..500_000),
            (3, 500_000..500_100),
            (4, 520_000..521_000),
            (6, 600_000..610_000),
        ];
        assert_eq!(
            join_neighbours(chunks, 400_000),
            [(0, 0..500_000), (3, 500_000..521_000), (6, 600_000..610_000)]
        );
    }
}
