//! Validation of the event's options.

use cardlake_core::events::{Compression, FileFormat, GeneratorEvent, GeneratorPart};
use chrono::{Datelike, NaiveDate};

/// Default transaction rows per object: about 60 MB of plain JSON lines. A day of a million rows is transformed by several
/// invocations in parallel, while a small day stays one file.
pub const DEFAULT_ROWS_PER_OBJECT: u64 = 250_000;

/// Rates are integers in millionths, so that no row depends on a platform's floating-point rounding.
const MILLION: u64 = 1_000_000;

/// Default share of events that belong to bursts on one card, in millionths.
const DEFAULT_BURST_MILLIONTHS: u64 = 250;

/// An invalid option.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{option} is {value}: {wanted}")]
pub struct OptionError {
    /// Field of the event.
    pub option: &'static str,
    /// Its value.
    pub value: String,
    /// Allowed values.
    pub wanted: &'static str,
}

/// Validated options of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayOptions {
    pub(crate) batch_date: NaiveDate,
    pub(crate) rows: u64,
    pub(crate) seed: u64,
    pub(crate) late: u64,
    pub(crate) duplicate: u64,
    pub(crate) corrupt: u64,
    pub(crate) format: FileFormat,
    pub(crate) compression: Compression,
    pub(crate) rows_per_object: u64,
    pub(crate) drift_from: Option<NaiveDate>,
    pub(crate) first_date: Option<NaiveDate>,
    pub(crate) burst: u64,
    pub(crate) part: GeneratorPart,
}

impl DayOptions {
    /// Validates an event.
    ///
    /// # Errors
    /// The first invalid field, with its value and the allowed values.
    pub fn new(event: &GeneratorEvent) -> Result<Self, OptionError> {
        let late = rate("late_rate", event.late_rate)?;
        let duplicate = rate("duplicate_rate", event.duplicate_rate)?;
        let corrupt = rate("corrupt_rate", event.corrupt_rate)?;
        let total = late + duplicate + corrupt;
        if total > MILLION {
            return Err(OptionError {
                option: "late_rate + duplicate_rate + corrupt_rate",
                value: format!("{}.{:06}", total / MILLION, total % MILLION),
                wanted: "together they are shares of the rows, at most 1",
            });
        }
        if !(1971..=2999).contains(&event.batch_date.year()) {
            return Err(OptionError {
                option: "batch_date",
                value: event.batch_date.to_string(),
                wanted: "give a day from 1971-01-01 to 2999-12-31",
            });
        }
        let rows_per_object = event.rows_per_object.unwrap_or(DEFAULT_ROWS_PER_OBJECT);
        if rows_per_object == 0 {
            return Err(OptionError {
                option: "rows_per_object",
                value: "0".to_owned(),
                wanted: "give at least 1",
            });
        }
        // Row numbers, rates in millionths and population sizes are multiplied in 64 bits.
        if event.rows > MILLION * MILLION {
            return Err(OptionError {
                option: "rows",
                value: event.rows.to_string(),
                wanted: "give at most 1000000000000",
            });
        }
        let part = event.part.unwrap_or(GeneratorPart { index: 0, of: 1 });
        if part.index >= part.of {
            return Err(OptionError {
                option: "part",
                value: format!("{} of {}", part.index, part.of),
                wanted: "index counts from 0 and stays below of",
            });
        }
        Ok(Self {
            batch_date: event.batch_date,
            rows: event.rows,
            seed: event.seed,
            late,
            duplicate,
            corrupt,
            format: event.format,
            compression: event.compression,
            rows_per_object,
            drift_from: event.drift_from,
            first_date: event.first_date,
            burst: event
                .burst_rate
                .map_or(Ok(DEFAULT_BURST_MILLIONTHS), |value| rate("burst_rate", value))?,
            part,
        })
    }

    /// Number of rows for a rate in millionths, rounded to the nearest.
    pub(crate) const fn share(&self, rate: u64) -> u64 {
        (self.rows * rate + MILLION / 2) / MILLION
    }
}

fn rate(option: &'static str, value: f64) -> Result<u64, OptionError> {
    if (0.0..=1.0).contains(&value) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range was checked"
        )]
        Ok((value * 1e6).round() as u64)
    } else {
        Err(OptionError {
            option,
            value: value.to_string(),
            wanted: "give a share from 0 to 1, e.g. 0.05",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn options(changes: &serde_json::Value) -> Result<DayOptions, OptionError> {
        let mut event = json!({"batch_date": "2026-01-15", "rows": 1000});
        for (name, value) in changes.as_object().unwrap() {
            event[name] = value.clone();
        }
        DayOptions::new(&serde_json::from_value(event).unwrap())
    }

    #[test]
    fn mistakes_name_the_option_and_what_is_allowed() {
        for (changes, expected) in [
            (
                json!({"late_rate": 1.5}),
                "late_rate is 1.5: give a share from 0 to 1, e.g. 0.05",
            ),
            (
                json!({"corrupt_rate": -0.1}),
                "corrupt_rate is -0.1: give a share from 0 to 1, e.g. 0.05",
            ),
            (
                json!({"late_rate": 0.6, "duplicate_rate": 0.5}),
                "late_rate + duplicate_rate + corrupt_rate is 1.100000: together they are shares of the rows, at most 1",
            ),
            (json!({"rows_per_object": 0}), "rows_per_object is 0: give at least 1"),
            (
                json!({"part": {"index": 2, "of": 2}}),
                "part is 2 of 2: index counts from 0 and stays below of",
            ),
            (
                json!({"batch_date": "1970-12-31"}),
                "batch_date is 1970-12-31: give a day from 1971-01-01 to 2999-12-31",
            ),
        ] {
            assert_eq!(options(&changes).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn a_rate_is_a_share_of_the_rows() {
        let options = options(&json!({"late_rate": 0.05, "rows": 100_030})).unwrap();
        assert_eq!(options.share(options.late), 5002);
    }
}
