//! Seeded random numbers.

use std::sync::{Mutex, PoisonError};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Random numbers from a seed: the same seed gives the same delays and the same identifiers.
#[derive(Debug)]
pub(crate) struct Random(Mutex<ChaCha8Rng>);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(ChaCha8Rng::seed_from_u64(seed)))
    }

    /// A number in `0.0 .. 1.0`.
    pub(crate) fn fraction(&self) -> f64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).random()
    }

    /// An integer in `start .. end`, or `start` if that range is empty.
    pub(crate) fn integer(&self, start: i64, end: i64) -> i64 {
        if start >= end {
            start
        } else {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .random_range(start..end)
        }
    }

    /// A version 4 UUID.
    pub(crate) fn uuid(&self) -> uuid::Uuid {
        let bytes: [u8; 16] = self.0.lock().unwrap_or_else(PoisonError::into_inner).random();
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}
