//! Readers of numbers, days, instants and booleans.

use super::{Notes, Reader};
use crate::plan::Limits;
use crate::rule::Rule;
use crate::values;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Everything that is held as 64 bits and hashed as such: whole numbers, days, instants.
pub(super) struct LongReader<'p, Fast, Full> {
    pub(super) seed: u64,
    pub(super) limits: &'p Limits<i64>,
    pub(super) window: Option<(i64, i64)>,
    pub(super) fast: Fast,
    pub(super) full: Full,
}

impl<Fast, Full> LongReader<'_, Fast, Full> {
    #[inline]
    fn hash(&self, value: i64) -> u64 {
        xxh3_64_with_seed(&value.to_le_bytes(), self.seed)
    }
}

impl<Fast, Full> Reader for LongReader<'_, Fast, Full>
where
    Fast: Fn(&[u8]) -> Option<i64>,
    Full: Fn(&str) -> Result<i64, Rule>,
{
    type Held = i64;

    #[inline]
    fn fast(&mut self, text: &[u8]) -> Option<(i64, u64)> {
        let value = (self.fast)(text)?;
        let inside = self.window.is_none_or(|(start, end)| (start..end).contains(&value));
        (inside && self.limits.hold(&value)).then(|| (value, self.hash(value)))
    }

    fn full(&mut self, text: &str, notes: &mut Notes<'_>) -> Option<(i64, u64)> {
        let before = notes.problems.len();
        let value = (self.full)(text).map_err(|rule| notes.add(rule)).ok()?;
        self.limits.broken(&value).for_each(|rule| notes.add(rule));
        match self.window {
            Some((start, _)) if value < start => notes.add(Rule::Late),
            Some((_, end)) if value >= end => notes.add(Rule::Future),
            _ => {}
        }
        (notes.problems.len() == before).then(|| (value, self.hash(value)))
    }
}

pub(super) struct DecimalReader<'p> {
    pub(super) seed: u64,
    pub(super) limits: &'p Limits<i64>,
    pub(super) precision: u8,
    pub(super) scale: u8,
    /// First value with too many digits.
    pub(super) bound: i64,
}

/// Decimals are hashed as 128 bits whatever their width, so that a wider column leaves hashes as they are.
#[inline]
fn decimal_hash(value: i128, seed: u64) -> u64 {
    xxh3_64_with_seed(&value.to_le_bytes(), seed)
}

impl Reader for DecimalReader<'_> {
    type Held = i64;

    #[inline]
    fn fast(&mut self, text: &[u8]) -> Option<(i64, u64)> {
        let value = values::plain_decimal(text, usize::from(self.scale))?;
        let fits = value < self.bound && value > -self.bound;
        (fits && self.limits.hold(&value)).then(|| (value, decimal_hash(value.into(), self.seed)))
    }

    fn full(&mut self, text: &str, notes: &mut Notes<'_>) -> Option<(i64, u64)> {
        let before = notes.problems.len();
        let value = values::decimal(text, self.precision, self.scale)
            .and_then(|value| i64::try_from(value).map_err(|_| Rule::Range))
            .map_err(|rule| notes.add(rule))
            .ok()?;
        self.limits.broken(&value).for_each(|rule| notes.add(rule));
        (notes.problems.len() == before).then(|| (value, decimal_hash(value.into(), self.seed)))
    }
}

pub(super) struct WideReader<'p> {
    pub(super) seed: u64,
    pub(super) limits: &'p Limits<i128>,
    pub(super) precision: u8,
    pub(super) scale: u8,
}

impl Reader for WideReader<'_> {
    type Held = i128;

    fn fast(&mut self, _: &[u8]) -> Option<(i128, u64)> {
        None
    }

    fn full(&mut self, text: &str, notes: &mut Notes<'_>) -> Option<(i128, u64)> {
        let before = notes.problems.len();
        let value = values::decimal(text, self.precision, self.scale)
            .map_err(|rule| notes.add(rule))
            .ok()?;
        self.limits.broken(&value).for_each(|rule| notes.add(rule));
        (notes.problems.len() == before).then(|| (value, decimal_hash(value, self.seed)))
    }
}

pub(super) struct DoubleReader<'p> {
    pub(super) seed: u64,
    pub(super) limits: &'p Limits<f64>,
}

impl Reader for DoubleReader<'_> {
    type Held = f64;

    fn fast(&mut self, _: &[u8]) -> Option<(f64, u64)> {
        None
    }

    fn full(&mut self, text: &str, notes: &mut Notes<'_>) -> Option<(f64, u64)> {
        let before = notes.problems.len();
        let value = values::double(text).map_err(|rule| notes.add(rule)).ok()?;
        self.limits.broken(&value).for_each(|rule| notes.add(rule));
        let hash = xxh3_64_with_seed(&value.to_bits().to_le_bytes(), self.seed);
        (notes.problems.len() == before).then_some((value, hash))
    }
}

pub(super) struct BooleanReader {
    /// Hash of false, hash of true.
    pub(super) hashes: [u64; 2],
}

impl BooleanReader {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            hashes: [0, 1].map(|value| xxh3_64_with_seed(&[value], seed)),
        }
    }
}

impl Reader for BooleanReader {
    type Held = bool;
    const BOOLEAN: Option<Rule> = None;

    #[inline]
    fn fast(&mut self, text: &[u8]) -> Option<(bool, u64)> {
        let value = values::boolean(text)?;
        Some((value, self.hashes[usize::from(value)]))
    }

    fn full(&mut self, text: &str, notes: &mut Notes<'_>) -> Option<(bool, u64)> {
        let read = self.fast(text.as_bytes());
        if read.is_none() {
            notes.add(Rule::NotBoolean);
        }
        read
    }
}
