//! Records of a fixed size in partitions, in memory up to a budget and beyond it in a temporary file.
//!
//! Whoever collects a record for every row of a table puts equal ones into the same partition, and then works on one
//! partition at a time, in the caches of a processor. The file has no name and goes with the process.

use std::fs::File;
use std::io;
use std::num::NonZero;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Records of a partition: a table of their hashes fits into the cache of a core.
const PARTITION_RECORDS: u64 = 1 << 17;
/// Most partitions: above, partitions grow with the table.
const MOST_PARTITIONS: u64 = 1 << 10;
/// Bytes that are moved to the file at once.
const BLOCK_BYTES: usize = 32 << 10;

/// Records of `N` bytes, in the order in which they came within each partition.
#[derive(Debug)]
pub(crate) struct Spill<const N: usize> {
    partitions: Vec<Partition>,
    /// A multiple of `N`.
    block_bytes: usize,
    /// Full blocks that may still stay in memory.
    blocks_left: usize,
    file: Option<File>,
    /// Length of the file in bytes.
    end: u64,
}

#[derive(Debug, Default)]
struct Partition {
    full: Vec<Block>,
    /// The block that is being filled.
    open: Vec<u8>,
}

#[derive(Debug)]
enum Block {
    Memory(Vec<u8>),
    /// Offset in the file.
    File(u64),
}

impl<const N: usize> Spill<N> {
    /// For about this many records, with about this many bytes of memory.
    pub(crate) fn new(records: u64, memory: usize) -> Self {
        let partitions = records.div_ceil(PARTITION_RECORDS).next_power_of_two();
        let partitions = partitions.min(MOST_PARTITIONS) as usize;
        let block = (memory / 4 / partitions).clamp(N, BLOCK_BYTES.max(N));
        let block_bytes = block / N * N;
        Self {
            partitions: std::iter::repeat_with(Partition::default).take(partitions).collect(),
            block_bytes,
            blocks_left: memory.saturating_sub(partitions * block_bytes) / block_bytes,
            file: None,
            end: 0,
        }
    }

    /// Number of partitions, a power of two.
    pub(crate) const fn partitions(&self) -> usize {
        self.partitions.len()
    }

    /// Whether the next records go to the file.
    pub(crate) const fn is_full(&self) -> bool {
        self.blocks_left == 0
    }

    /// Adds a record to the partition that the low bits of its hash choose.
    ///
    /// # Errors
    /// The temporary file cannot be written.
    #[inline]
    pub(crate) fn push(&mut self, hash: u64, record: &[u8; N]) -> io::Result<()> {
        let place = hash as usize & (self.partitions.len() - 1);
        let open = &mut self.partitions[place].open;
        if open.capacity() == 0 {
            open.reserve_exact(self.block_bytes);
        }
        open.extend_from_slice(record);
        if open.len() == self.block_bytes {
            return self.close_block(place);
        }
        Ok(())
    }

    fn close_block(&mut self, place: usize) -> io::Result<()> {
        let Partition { full, open } = &mut self.partitions[place];
        if self.blocks_left > 0 {
            self.blocks_left -= 1;
            full.push(Block::Memory(std::mem::take(open)));
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        file.write_all_at(open, self.end)?;
        full.push(Block::File(self.end));
        self.end += open.len() as u64;
        open.clear();
        Ok(())
    }

    /// Number of records of a partition.
    pub(crate) fn len(&self, place: usize) -> usize {
        let Partition { full, open } = &self.partitions[place];
        (full.len() * self.block_bytes + open.len()) / N
    }

    /// Hands over the records of a partition.
    ///
    /// # Errors
    /// The temporary file cannot be read.
    pub(crate) fn each(&self, place: usize, mut use_record: impl FnMut(&[u8; N])) -> io::Result<()> {
        let Partition { full, open } = &self.partitions[place];
        let mut read = Vec::new();
        for block in full {
            let bytes = match (block, &self.file) {
                (Block::Memory(bytes), _) => bytes,
                (Block::File(offset), Some(file)) => {
                    read.resize(self.block_bytes, 0);
                    file.read_exact_at(&mut read, *offset)?;
                    &read
                }
                (Block::File(_), None) => return Err(io::ErrorKind::NotFound.into()),
            };
            bytes.as_chunks::<N>().0.iter().for_each(&mut use_record);
        }
        open.as_chunks::<N>().0.iter().for_each(use_record);
        Ok(())
    }

    /// Works on all partitions, on all processors: `work` takes the number of a partition and what its thread knows from
    /// those before. Returns what the threads know in the end.
    ///
    /// # Errors
    /// Those of `work`.
    pub(crate) fn on_partitions<T: Send>(
        &self,
        new: impl Fn() -> T + Sync,
        work: impl Fn(&mut T, usize) -> io::Result<()> + Sync,
    ) -> io::Result<Vec<T>> {
        let next = AtomicUsize::new(0);
        let run = || {
            let mut known = new();
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                if place >= self.partitions() {
                    return Ok::<T, io::Error>(known);
                }
                work(&mut known, place)?;
            }
        };
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        thread::scope(|scope| {
            let others = (1..threads.min(self.partitions()))
                .map(|_| thread::Builder::new().spawn_scoped(scope, run))
                .collect::<io::Result<Vec<_>>>()?;
            let mut all = vec![run()?];
            for other in others {
                all.push(other.join().map_err(|_| io::Error::other("a thread panicked"))??);
            }
            Ok(all)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_comes_back_in_order_from_memory_and_file() {
        for memory in [0, 1 << 16, 1 << 30] {
            let mut spill: Spill<8> = Spill::new(300_000, memory);
            assert_eq!(spill.partitions(), 4);
            for number in 0..300_000_u64 {
                spill.push(number, &number.to_le_bytes()).unwrap();
            }
            assert_eq!(spill.file.is_some(), memory < 1 << 30, "{memory}");
            assert_eq!(spill.is_full(), memory < 1 << 30);
            let found = spill.on_partitions(Vec::new, |found, place| {
                assert_eq!(spill.len(place), 75_000);
                let mut numbers = Vec::new();
                spill.each(place, |record| numbers.push(u64::from_le_bytes(*record)))?;
                assert!(numbers.is_sorted());
                assert!(numbers.iter().all(|number| number % 4 == place as u64));
                found.extend(numbers);
                Ok(())
            });
            let mut found = found.unwrap().concat();
            found.sort_unstable();
            assert!(found.into_iter().eq(0..300_000), "{memory}");
        }
    }

    #[test]
    fn an_error_of_one_partition_is_the_error_of_all() {
        let mut spill: Spill<1> = Spill::new(10_000_000, 1 << 20);
        spill.push(7, &[1]).unwrap();
        let failing = |(): &mut (), place| match place {
            7 => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        };
        let error = spill.on_partitions(|| (), failing).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
