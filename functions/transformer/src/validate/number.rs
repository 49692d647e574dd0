//! Readers of numbers, dates, timestamps and booleans.

use super::reader::{ProblemRecorder, ReadResult, ValueReader};
use crate::plan::ValueBounds;
use crate::rule::Rule;
use crate::values;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Reads types stored and hashed as 64 bits: integers, dates, timestamps.
pub(super) struct LongReader<'p, Fast, Full> {
    seed: u64,
    bounds: &'p ValueBounds<i64>,
    window: Option<(i64, i64)>,
    fast: Fast,
    full: Full,
}

impl<'p, Fast, Full> LongReader<'p, Fast, Full> {
    /// `fast` reads the common form of a value, `full` any other; a value outside `window` is too late or too early.
    pub(super) const fn new(
        seed: u64,
        bounds: &'p ValueBounds<i64>,
        window: Option<(i64, i64)>,
        fast: Fast,
        full: Full,
    ) -> Self {
        Self {
            seed,
            bounds,
            window,
            fast,
            full,
        }
    }

    #[inline]
    fn hash(&self, value: i64) -> u64 {
        xxh3_64_with_seed(&value.to_le_bytes(), self.seed)
    }
}

impl<Fast, Full> ValueReader for LongReader<'_, Fast, Full>
where
    Fast: Fn(&[u8]) -> Option<i64>,
    Full: Fn(&str) -> Result<i64, Rule>,
{
    type Stored = i64;

    #[inline]
    fn fast(&mut self, text: &[u8]) -> Option<(i64, u64)> {
        let value = (self.fast)(text)?;
        let inside = self.window.is_none_or(|(start, end)| (start..end).contains(&value));
        (inside && self.bounds.hold(&value)).then(|| (value, self.hash(value)))
    }

    fn full(&mut self, text: &str, problems: &mut ProblemRecorder<'_>) -> ReadResult<i64> {
        let before = problems.problems.len();
        let value = match (self.full)(text) {
            Ok(value) => value,
            Err(rule) => {
                problems.record(rule);
                return Ok(None);
            }
        };
        self.bounds.broken(&value).for_each(|rule| problems.record(rule));
        match self.window {
            Some((start, _)) if value < start => problems.record(Rule::Late),
            Some((_, end)) if value >= end => problems.record(Rule::Future),
            _ => {}
        }
        Ok((problems.problems.len() == before).then(|| (value, self.hash(value))))
    }
}

/// Reads decimals of at most 18 digits.
pub(super) struct DecimalReader<'p> {
    pub(super) seed: u64,
    pub(super) bounds: &'p ValueBounds<i64>,
    pub(super) precision: u8,
    pub(super) scale: u8,
    /// Smallest value with too many digits.
    pub(super) bound: i64,
}

/// Decimals are hashed as 128 bits, so that widening a column does not change hashes.
#[inline]
fn decimal_hash(value: i128, seed: u64) -> u64 {
    xxh3_64_with_seed(&value.to_le_bytes(), seed)
}

impl ValueReader for DecimalReader<'_> {
    type Stored = i64;

    #[inline]
    fn fast(&mut self, text: &[u8]) -> Option<(i64, u64)> {
        let value = values::plain_decimal(text, usize::from(self.scale))?;
        let fits = value < self.bound && value > -self.bound;
        (fits && self.bounds.hold(&value)).then(|| (value, decimal_hash(value.into(), self.seed)))
    }

    fn full(&mut self, text: &str, problems: &mut ProblemRecorder<'_>) -> ReadResult<i64> {
        let before = problems.problems.len();
        let value = values::decimal(text, self.precision, self.scale)
            .and_then(|value| i64::try_from(value).map_err(|_| Rule::Range));
        let value = match value {
            Ok(value) => value,
            Err(rule) => {
                problems.record(rule);
                return Ok(None);
            }
        };
        self.bounds.broken(&value).for_each(|rule| problems.record(rule));
        Ok((problems.problems.len() == before).then(|| (value, decimal_hash(value.into(), self.seed))))
    }
}

/// Reads decimals of more than 18 digits.
pub(super) struct WideReader<'p> {
    pub(super) seed: u64,
    pub(super) bounds: &'p ValueBounds<i128>,
    pub(super) precision: u8,
    pub(super) scale: u8,
}

impl ValueReader for WideReader<'_> {
    type Stored = i128;

    fn fast(&mut self, _: &[u8]) -> Option<(i128, u64)> {
        None
    }

    fn full(&mut self, text: &str, problems: &mut ProblemRecorder<'_>) -> ReadResult<i128> {
        let before = problems.problems.len();
        let value = match values::decimal(text, self.precision, self.scale) {
            Ok(value) => value,
            Err(rule) => {
                problems.record(rule);
                return Ok(None);
            }
        };
        self.bounds.broken(&value).for_each(|rule| problems.record(rule));
        Ok((problems.problems.len() == before).then(|| (value, decimal_hash(value, self.seed))))
    }
}

/// Reads doubles.
pub(super) struct DoubleReader<'p> {
    pub(super) seed: u64,
    pub(super) bounds: &'p ValueBounds<f64>,
}

impl ValueReader for DoubleReader<'_> {
    type Stored = f64;

    fn fast(&mut self, _: &[u8]) -> Option<(f64, u64)> {
        None
    }

    fn full(&mut self, text: &str, problems: &mut ProblemRecorder<'_>) -> ReadResult<f64> {
        let before = problems.problems.len();
        let value = match values::double(text) {
            Ok(value) => value,
            Err(rule) => {
                problems.record(rule);
                return Ok(None);
            }
        };
        self.bounds.broken(&value).for_each(|rule| problems.record(rule));
        let hash = xxh3_64_with_seed(&value.to_bits().to_le_bytes(), self.seed);
        Ok((problems.problems.len() == before).then_some((value, hash)))
    }
}

/// Reads booleans.
pub(super) struct BooleanReader {
    /// Hashes of false and true.
    pub(super) hashes: [u64; 2],
}

impl BooleanReader {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            hashes: [0, 1].map(|value| xxh3_64_with_seed(&[value], seed)),
        }
    }
}

impl ValueReader for BooleanReader {
    type Stored = bool;
    const BOOLEAN: Option<Rule> = None;

    #[inline]
    fn fast(&mut self, text: &[u8]) -> Option<(bool, u64)> {
        let value = values::boolean(text)?;
        Some((value, self.hashes[usize::from(value)]))
    }

    fn full(&mut self, text: &str, problems: &mut ProblemRecorder<'_>) -> ReadResult<bool> {
        let read = self.fast(text.as_bytes());
        if read.is_none() {
            problems.record(Rule::NotBoolean);
        }
        Ok(read)
    }
}
