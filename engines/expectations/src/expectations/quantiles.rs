//! Medians and other quantiles, exact.
//!
//! A radix selection: numbers become 64-bit keys in the same order, and each of four passes counts the next 16 bits of the
//! keys that share the prefix found so far. That takes half a megabyte per rank, whatever the number of rows.

use super::check::{Check, CheckError, Rows};
use super::ranges::Bounds;
use crate::arguments::Arguments;
use crate::detail::Detail;
use crate::result::Outcome;
use crate::table::{BuildError, Table};
use crate::value::float;
use serde_json::{Value, json};

const BITS_EACH_PASS: u32 = 16;
const PASSES: u32 = u64::BITS / BITS_EACH_PASS;

/// A key with the order of the number.
const fn key(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 0 { bits | (1 << 63) } else { !bits }
}

const fn number(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key })
}

/// The search for the value of one rank.
struct Search {
    /// Its rank among the values that share the prefix found so far.
    rank: u64,
    /// The prefix found so far, right-aligned.
    found: u64,
    counts: Vec<u64>,
}

/// How a quantile between two values is interpolated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Interpolation {
    Linear,
    Lower,
    Higher,
    Midpoint,
    Nearest,
}

/// Finds the values of several ranks.
pub(super) struct Selection {
    column: String,
    quantiles: Vec<f64>,
    interpolation: Interpolation,
    count: u64,
    pass: u32,
    /// Two for each quantile: the values below and above it.
    searches: Vec<Search>,
}

impl Selection {
    /// The search for quantiles, interpolated between values.
    pub(super) fn linear(column: String, quantiles: Vec<f64>) -> Self {
        Self::new(column, quantiles, Interpolation::Linear)
    }

    /// The search for quantiles that are values of the column.
    pub(super) fn nearest(column: String, quantiles: Vec<f64>) -> Self {
        Self::new(column, quantiles, Interpolation::Nearest)
    }

    fn new(column: String, quantiles: Vec<f64>, interpolation: Interpolation) -> Self {
        Self {
            column,
            quantiles,
            interpolation,
            count: 0,
            pass: 0,
            searches: Vec::new(),
        }
    }

    /// Takes in some rows.
    ///
    /// # Errors
    /// As [`Rows::column`].
    pub(super) fn update(&mut self, rows: &Rows<'_>) -> Result<(), CheckError> {
        let column = rows.column(&self.column)?;
        let keys = (0..rows.batch.num_rows())
            .filter(|row| !column.is_null(*row))
            .map(|row| key(column.number(row)));
        // The first pass only counts: ranks follow from the number of values.
        if self.pass == 0 {
            self.count += keys.count() as u64;
            return Ok(());
        }
        let shift = u64::BITS - BITS_EACH_PASS * self.pass;
        for key in keys {
            let (known, next) = (
                key.checked_shr(shift + BITS_EACH_PASS).unwrap_or(0),
                (key >> shift) & 0xFFFF,
            );
            for search in &mut self.searches {
                if search.found == known {
                    search.counts[next as usize] += 1;
                }
            }
        }
        Ok(())
    }

    /// Ends a pass; true asks for another one.
    pub(super) fn next_pass(&mut self) -> bool {
        if self.pass == 0 {
            if self.count == 0 {
                return false;
            }
            let last = self.count - 1;
            for quantile in &self.quantiles {
                let position = quantile * last as f64;
                for rank in [position.floor(), position.ceil()] {
                    self.searches.push(Search {
                        rank: (rank as u64).min(last),
                        found: 0,
                        counts: vec![0; 1 << BITS_EACH_PASS],
                    });
                }
            }
        } else {
            for search in &mut self.searches {
                let mut next = 0;
                while search.rank >= search.counts[next] {
                    search.rank -= search.counts[next];
                    next += 1;
                }
                search.found = (search.found << BITS_EACH_PASS) | next as u64;
                search.counts.fill(0);
            }
        }
        self.pass += 1;
        self.pass <= PASSES
    }

    /// The number of values, known after the first pass.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// The quantiles, in the requested order; empty without values.
    pub(super) fn values(&self) -> Vec<f64> {
        let position = |quantile: f64| quantile * (self.count.saturating_sub(1)) as f64;
        let pairs = self.searches.chunks_exact(2).zip(&self.quantiles);
        pairs
            .map(|(pair, quantile)| {
                let (below, above) = (number(pair[0].found), number(pair[1].found));
                let fraction = position(*quantile).fract();
                match self.interpolation {
                    // Between equals there is nothing to interpolate, infinite or not.
                    Interpolation::Linear if below == above || fraction == 0.0 => below,
                    Interpolation::Linear => below + (above - below) * fraction,
                    Interpolation::Lower => below,
                    Interpolation::Higher => above,
                    Interpolation::Midpoint => below.midpoint(above),
                    // As numpy does it: half goes to the even position.
                    Interpolation::Nearest => {
                        let nearest = position(*quantile).round_ties_even();
                        if nearest > position(*quantile).floor() {
                            above
                        } else {
                            below
                        }
                    }
                }
            })
            .collect()
    }
}

struct Median {
    selection: Selection,
    bounds: Bounds<f64>,
}

impl Check for Median {
    fn columns(&self) -> Vec<String> {
        vec![self.selection.column.clone()]
    }

    fn update(&mut self, rows: &Rows<'_>) -> Result<(), CheckError> {
        self.selection.update(rows)
    }

    fn next_pass(&mut self) -> Result<bool, CheckError> {
        Ok(self.selection.next_pass())
    }

    fn finish(&mut self, _: &Detail) -> Outcome {
        match self.selection.values().first() {
            None => Outcome::observed(false, Value::Null),
            Some(median) if median.is_nan() => Outcome::observed(false, Value::Null),
            Some(median) => Outcome::observed(self.bounds.hold(*median), float(*median)),
        }
    }
}

pub(super) fn median(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    let column = arguments.text("column")?.to_owned();
    table.number(&column)?;
    Ok(Box::new(Median {
        selection: Selection::linear(column, vec![0.5]),
        bounds: Bounds::of_numbers(arguments)?,
    }))
}

struct Quantiles {
    selection: Selection,
    ranges: Vec<(Option<f64>, Option<f64>)>,
}

impl Check for Quantiles {
    fn columns(&self) -> Vec<String> {
        vec![self.selection.column.clone()]
    }

    fn update(&mut self, rows: &Rows<'_>) -> Result<(), CheckError> {
        self.selection.update(rows)
    }

    fn next_pass(&mut self) -> Result<bool, CheckError> {
        Ok(self.selection.next_pass())
    }

    fn finish(&mut self, _: &Detail) -> Outcome {
        let values = self.selection.values();
        // Great Expectations tolerates a relative deviation of 1e-4.
        let close = |value: f64, bound: f64| (value - bound).abs() <= 1.0e-4 * bound.abs();
        let inside = |value: f64, (lower, upper): (Option<f64>, Option<f64>)| {
            lower.is_none_or(|lower| value >= lower || close(value, lower))
                && upper.is_none_or(|upper| value <= upper || close(value, upper))
        };
        let details: Vec<bool> = self
            .ranges
            .iter()
            .enumerate()
            .map(|(index, range)| values.get(index).is_some_and(|value| inside(*value, *range)))
            .collect();
        let shown: Vec<Value> = (0..self.ranges.len())
            .map(|index| values.get(index).copied().map_or(Value::Null, float))
            .collect();
        let observed = json!({"quantiles": self.selection.quantiles, "values": shown});
        Outcome::observed(details.iter().all(|met| *met), observed).with("details", json!({"success_details": details}))
    }
}

pub(super) fn quantiles(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    let column = arguments.text("column")?.to_owned();
    table.number(&column)?;
    let wrong = || {
        BuildError::Problem(
            "argument 'quantile_ranges' is wrong: give {\"quantiles\": [0.5, …], \"value_ranges\": [[lower, upper], …]}, \
             as many ranges as quantiles, quantiles from 0 to 1, bounds numbers or null"
                .to_owned(),
        )
    };
    let given = arguments.object("quantile_ranges")?;
    let list = |name: &str| given.get(name).and_then(Value::as_array).ok_or_else(wrong);
    let quantiles: Option<Vec<f64>> = list("quantiles")?
        .iter()
        .map(|quantile| quantile.as_f64().filter(|quantile| (0.0..=1.0).contains(quantile)))
        .collect();
    let bound = |value: &Value| {
        if value.is_null() {
            Some(None)
        } else {
            value.as_f64().map(Some)
        }
    };
    let ranges: Option<Vec<_>> = list("value_ranges")?
        .iter()
        .map(|range| match range.as_array()?.as_slice() {
            [lower, upper] => Some((bound(lower)?, bound(upper)?)),
            _ => None,
        })
        .collect();
    let (quantiles, ranges) = quantiles.zip(ranges).ok_or_else(wrong)?;
    if quantiles.len() != ranges.len() {
        return Err(wrong());
    }
    let interpolation = match arguments
        .optional("allow_relative_error")
        .map(|value| (value.as_str(), value.as_bool()))
    {
        None | Some((Some("nearest"), _) | (_, Some(false))) => Interpolation::Nearest,
        Some((Some("linear"), _)) => Interpolation::Linear,
        Some((Some("lower"), _)) => Interpolation::Lower,
        Some((Some("higher"), _)) => Interpolation::Higher,
        Some((Some("midpoint"), _)) => Interpolation::Midpoint,
        Some(_) => {
            let wanted = "give false, linear, lower, higher, midpoint or nearest";
            return Err(format!("argument 'allow_relative_error' is wrong: {wanted}").into());
        }
    };
    Ok(Box::new(Quantiles {
        selection: Selection::new(column, quantiles, interpolation),
        ranges,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_the_order_of_numbers() {
        let numbers = [f64::MIN, -1.5, -1e-300, 0.0, 1e-300, 1.5, 7.25, f64::MAX];
        assert!(numbers.windows(2).all(|pair| key(pair[0]) < key(pair[1])));
        assert!(numbers.iter().all(|value| number(key(*value)) == *value));
    }
}
