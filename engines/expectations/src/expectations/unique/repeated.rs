//! Values that occur more than once, found among hashes of all values in linear time and bounded memory.
//!
//! Two steps, each over a [`Spill`] of the hashes: short hashes name the suspects, wide ones convict them. Both work on one
//! partition at a time; a table holds distinct hashes only, so that a value that fills a partition costs no memory.

use crate::expectations::hashing::{Identity, WideCounts};
use crate::spill::Spill;
use std::collections::{BinaryHeap, HashSet};
use std::io;

/// Bits of a short hash; the two others are flags of [`Seen`].
const HASH: u64 = (1 << 62) - 1;
const USED: u64 = 1 << 62;
const REPEATED: u64 = 1 << 63;

/// The short hash of a value made of its 64-bit hash.
pub(super) const fn short(hash: u64) -> u64 {
    hash & HASH
}

/// Short hashes, and which of them were repeated. Open addressing with linear probing.
struct Seen {
    /// Zero is free.
    slots: Vec<u64>,
    used: usize,
}

/// Slots at first: twice the records of a usual partition.
const FIRST_SLOTS: usize = 1 << 18;

impl Seen {
    fn for_records(records: usize) -> Self {
        Self {
            slots: vec![0; (records * 2).next_power_of_two().clamp(16, FIRST_SLOTS)],
            used: 0,
        }
    }

    /// The slot with the hash, or the free one for it. The lowest bits of a hash chose its partition.
    fn slot(&mut self, hash: u64) -> &mut u64 {
        let mask = self.slots.len() - 1;
        let mut place = (hash >> 20) as usize & mask;
        while self.slots[place] != 0 && self.slots[place] & HASH != hash {
            place = (place + 1) & mask;
        }
        &mut self.slots[place]
    }

    /// Adds a hash; true if it is the second one.
    fn add(&mut self, hash: u64) -> bool {
        let slot = self.slot(hash);
        if *slot != 0 {
            let second = *slot & REPEATED == 0;
            *slot |= REPEATED;
            return second;
        }
        *slot = hash | USED;
        self.used += 1;
        if self.used * 2 > self.slots.len() {
            let full = std::mem::take(&mut self.slots);
            self.slots = vec![0; full.len() * 2];
            for entry in full.into_iter().filter(|entry| *entry != 0) {
                *self.slot(entry & HASH) = entry;
            }
        }
        false
    }
}

/// Most suspects that are kept as such.
const FEW: usize = 1 << 18;
/// Bits of the filter for more of them: 8 MiB.
const FILTER_BITS: u64 = 1 << 26;

/// Short hashes that occurred more than once.
pub(super) enum Suspects {
    /// Exactly these.
    Few(HashSet<u64, Identity>),
    /// These and, with the same bits, others.
    Many(Vec<u64>),
}

impl Suspects {
    fn none() -> Self {
        Self::Few(HashSet::default())
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Few(few) if few.is_empty())
    }

    #[inline]
    pub(super) fn contains(&self, hash: u64) -> bool {
        match self {
            Self::Few(few) => few.contains(&hash),
            Self::Many(filter) => {
                let bit = (hash >> 20) % FILTER_BITS;
                filter[(bit / 64) as usize] & (1 << (bit % 64)) != 0
            }
        }
    }

    fn add(&mut self, hash: u64) {
        match self {
            Self::Few(few) => {
                few.insert(hash);
                if few.len() > FEW {
                    let few = std::mem::take(few);
                    *self = Self::Many(vec![0; (FILTER_BITS / 64) as usize]);
                    few.into_iter().for_each(|hash| self.add(hash));
                }
            }
            Self::Many(filter) => {
                let bit = (hash >> 20) % FILTER_BITS;
                filter[(bit / 64) as usize] |= 1 << (bit % 64);
            }
        }
    }

    fn merge(self, other: Self) -> Self {
        match (self, other) {
            (Self::Many(mut filter), Self::Many(other)) => {
                filter.iter_mut().zip(other).for_each(|(word, other)| *word |= other);
                Self::Many(filter)
            }
            (mut all, Self::Few(few)) | (Self::Few(few), mut all) => {
                few.into_iter().for_each(|hash| all.add(hash));
                all
            }
        }
    }

    /// The hashes that were collected more than once.
    ///
    /// # Errors
    /// The temporary file cannot be read.
    pub(super) fn among(hashes: &Spill<8>) -> io::Result<Self> {
        let found = hashes.on_partitions(Self::none, |suspects, place| {
            let mut seen = Seen::for_records(hashes.len(place));
            hashes.each(place, |record| {
                let hash = u64::from_le_bytes(*record);
                if seen.add(hash) {
                    suspects.add(hash);
                }
            })
        })?;
        Ok(found.into_iter().fold(Self::none(), Self::merge))
    }
}

/// Bytes of a [`Suspect`].
pub(super) const SUSPECT_BYTES: usize = 24;

/// A row with a suspected value.
#[derive(Clone, Copy)]
pub(super) struct Suspect {
    /// Wide hash of the value.
    pub(super) hash: u128,
    /// Number of the row; `None`: a reference row.
    pub(super) row: Option<u64>,
}

impl Suspect {
    pub(super) fn to_bytes(self) -> [u8; SUSPECT_BYTES] {
        let mut bytes = [0; SUSPECT_BYTES];
        bytes[..16].copy_from_slice(&self.hash.to_le_bytes());
        bytes[16..].copy_from_slice(&self.row.unwrap_or(u64::MAX).to_le_bytes());
        bytes
    }

    fn of(bytes: &[u8; SUSPECT_BYTES]) -> Self {
        let words = bytes.as_chunks::<8>().0;
        let word = |place: usize| words.get(place).map_or(0, |word| u64::from_le_bytes(*word));
        Self {
            hash: u128::from(word(0)) | (u128::from(word(1)) << 64),
            row: Some(word(2)).filter(|row| *row != u64::MAX),
        }
    }
}

/// The rows whose value occurs more than once.
#[derive(Default)]
pub(super) struct RepeatedRows {
    /// How many there are.
    pub(super) count: u64,
    /// The first of them, in order.
    pub(super) first: Vec<u64>,
}

impl RepeatedRows {
    /// Among the suspects; a row is repeated if another one, or a reference row, has its value. Lists `most` rows.
    ///
    /// # Errors
    /// The temporary file cannot be read.
    pub(super) fn among(suspects: &Spill<SUSPECT_BYTES>, most: usize) -> io::Result<Self> {
        let new = || (0_u64, BinaryHeap::with_capacity(most + 1));
        let found = suspects.on_partitions(new, |(count, first), place| {
            let mut counts = WideCounts::default();
            suspects.each(place, |record| {
                let Suspect { hash, row } = Suspect::of(record);
                let counts = counts.entry(hash).or_insert(0_u64);
                // A reference row makes the rows of the table repeated, even if there is only one.
                *counts += if row.is_none() { 2 } else { 1 };
            })?;
            suspects.each(place, |record| {
                let Suspect { hash, row } = Suspect::of(record);
                if let Some(row) = row
                    && counts.get(&hash).is_some_and(|count| *count > 1)
                {
                    *count += 1;
                    // The greatest is on top.
                    if first.len() < most || first.peek().is_some_and(|greatest| row < *greatest) {
                        first.push(row);
                    }
                    if first.len() > most {
                        first.pop();
                    }
                }
            })
        })?;
        let count = found.iter().map(|(count, _)| count).sum();
        let mut first: Vec<u64> = found.into_iter().flat_map(|(_, first)| first).collect();
        first.sort_unstable();
        first.truncate(most);
        Ok(Self { count, first })
    }
}
