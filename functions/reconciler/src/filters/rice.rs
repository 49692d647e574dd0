//! Sorted hashes in about 3.5 bytes each: the differences of neighbours, Rice-coded in blocks that are read on their own.

use crate::keys::HASH_BITS;
use serde::{Deserialize, Serialize};

/// Hashes of a block.
const BLOCK_HASHES: usize = 4_096;
/// Longest unary part of a code; a longer one is damage.
const MAX_QUOTIENT: u64 = 1 << 20;

/// A block of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Block {
    /// Its smallest hash, which is not among its bytes.
    pub(crate) first: u64,
    /// Hashes, including the first one.
    pub(crate) hashes: u32,
    /// Length in bytes.
    pub(crate) bytes: u32,
    /// Bits of a difference that are stored as they are.
    pub(crate) rice: u8,
}

/// Encodes ascending hashes without repetitions; the bytes of the blocks are appended to `to`, one after the other.
pub(crate) fn encode(hashes: &[u64], to: &mut Vec<u8>) -> Vec<Block> {
    let blocks = hashes.chunks(BLOCK_HASHES).map(|hashes| {
        let start = to.len();
        let spread = hashes[hashes.len() - 1] - hashes[0];
        // The mean difference fills the bits stored as they are.
        let rice = (spread / hashes.len() as u64).checked_ilog2().unwrap_or(0);
        let mut bits = BitWriter {
            to: &mut *to,
            held: 0,
            count: 0,
        };
        for pair in hashes.windows(2) {
            let difference = pair[1] - pair[0];
            bits.write_unary(difference >> rice);
            bits.write(difference & ((1 << rice) - 1), rice);
        }
        bits.finish();
        Block {
            first: hashes[0],
            hashes: hashes.len() as u32,
            bytes: (to.len() - start) as u32,
            rice: rice as u8,
        }
    });
    blocks.collect()
}

/// Calls `visit` with the hashes of a block, ascending. False if its bytes are damaged.
#[must_use]
pub(crate) fn decode(block: &Block, bytes: &[u8], mut visit: impl FnMut(u64)) -> bool {
    let mut bits = BitReader {
        bytes,
        held: 0,
        count: 0,
    };
    let rice = u32::from(block.rice);
    if block.hashes == 0 || rice > HASH_BITS {
        return false;
    }
    let mut hash = block.first;
    visit(hash);
    for _ in 1..block.hashes {
        let (Some(high), Some(low)) = (bits.read_unary(), bits.read(rice)) else {
            return false;
        };
        hash = hash.wrapping_add(high << rice | low);
        if hash >> HASH_BITS != 0 {
            return false;
        }
        visit(hash);
    }
    true
}

/// Appends bits, the lowest of a byte first.
struct BitWriter<'b> {
    to: &'b mut Vec<u8>,
    held: u64,
    count: u32,
}

impl BitWriter<'_> {
    /// At most 56 bits.
    fn write(&mut self, value: u64, bits: u32) {
        self.held |= value << self.count;
        self.count += bits;
        while self.count >= 8 {
            self.to.push(self.held as u8);
            self.held >>= 8;
            self.count -= 8;
        }
    }

    /// So many zeros, and a one.
    fn write_unary(&mut self, mut value: u64) {
        while value >= 32 {
            self.write(0, 32);
            value -= 32;
        }
        self.write(1 << value, value as u32 + 1);
    }

    fn finish(mut self) {
        if self.count > 0 {
            self.write(0, 8 - self.count);
        }
    }
}

struct BitReader<'b> {
    bytes: &'b [u8],
    held: u64,
    count: u32,
}

impl BitReader<'_> {
    fn fill(&mut self) {
        while self.count <= 56 {
            let Some((byte, rest)) = self.bytes.split_first() else {
                return;
            };
            self.held |= u64::from(*byte) << self.count;
            self.count += 8;
            self.bytes = rest;
        }
    }

    /// At most 56 bits; `None` at the end.
    fn read(&mut self, bits: u32) -> Option<u64> {
        if self.count < bits {
            self.fill();
        }
        let value = self.held & ((1 << bits) - 1);
        self.count = self.count.checked_sub(bits)?;
        self.held >>= bits;
        Some(value)
    }

    fn read_unary(&mut self) -> Option<u64> {
        let mut value = 0;
        while self.held == 0 {
            value += u64::from(self.count);
            (self.held, self.count) = (0, 0);
            self.fill();
            if self.count == 0 || value > MAX_QUOTIENT {
                return None;
            }
        }
        let zeros = self.held.trailing_zeros();
        self.read(zeros)?;
        self.read(1)?;
        Some(value + u64::from(zeros))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(hashes: &[u64]) -> (Vec<u64>, usize) {
        let mut bytes = vec![7];
        let blocks = encode(hashes, &mut bytes);
        let (mut found, mut start) = (Vec::new(), 1);
        for block in &blocks {
            let end = start + block.bytes as usize;
            assert!(decode(block, &bytes[start..end], |hash| found.push(hash)));
            start = end;
        }
        assert_eq!(start, bytes.len());
        (found, bytes.len())
    }

    #[test]
    fn a_hundred_thousand_keys_take_four_bytes_each() {
        let mut hashes: Vec<u64> = (0..100_000_u64)
            .map(|n| xxhash_rust::xxh3::xxh3_64(&n.to_le_bytes()) >> 16)
            .collect();
        hashes.sort_unstable();
        let (found, bytes) = round_trip(&hashes);
        assert!(found == hashes);
        assert!(bytes < 420_000, "{bytes}");
    }

    #[test]
    fn damage_is_noticed() {
        let mut bytes = Vec::new();
        let hashes: Vec<u64> = (1..1000).map(|n| n * n * 1_000).collect();
        let block = encode(&hashes, &mut bytes).remove(0);
        let ignore = |_| {};
        assert!(decode(&block, &bytes, ignore));
        assert!(!decode(&block, &bytes[..bytes.len() / 2], ignore));
        assert!(!decode(&Block { rice: 60, ..block }, &bytes, ignore));
    }

    proptest! {
        #[test]
        fn any_hashes_come_back(hashes in prop::collection::btree_set(prop_oneof![0..50_u64, 0..1_u64 << HASH_BITS], 1..300)) {
            let hashes: Vec<u64> = hashes.into_iter().collect();
            prop_assert_eq!(round_trip(&hashes).0, hashes);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), hashes in 0..100_u32, rice in 0..70_u8) {
            let block = Block { first: 5, hashes, bytes: 0, rice };
            let _ = decode(&block, &bytes, |_| {});
        }
    }
}
