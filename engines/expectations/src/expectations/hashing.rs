//! Hashes of the values of a row, and tables with such hashes as keys.

use crate::value::Column;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Bytes of memory for the hashes of values, for all expectations of a suite together.
pub(super) const HASH_MEMORY: usize = 64 << 20;

/// The hash of some columns of a row.
#[inline]
pub(super) fn hash(columns: &[Column<'_>], row: usize) -> u64 {
    columns.iter().fold(0, |seed, column| column.hash(row, seed))
}

/// As [`hash`], wide enough to rule out collisions.
#[inline]
pub(super) fn wide_hash(columns: &[Column<'_>], row: usize) -> u128 {
    columns
        .iter()
        .fold(0, |seed, column| column.wide_hash(row, (seed ^ (seed >> 64)) as u64))
}

/// Counts of values by their wide hash.
pub(super) type WideCounts = HashMap<u128, u64, Identity>;

/// For keys that are hashes.
pub(super) type Identity = BuildHasherDefault<PassedThrough>;

/// Passes keys that are hashes through.
#[derive(Debug, Default)]
pub(super) struct PassedThrough(u64);

impl Hasher for PassedThrough {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 << 8) | u64::from(*byte);
        }
    }

    // All keys of a partition have the same lowest bits, and tables use those and the highest ones.
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash.rotate_right(20);
    }

    fn write_u128(&mut self, hash: u128) {
        self.0 = (hash >> 64) as u64;
    }
}
