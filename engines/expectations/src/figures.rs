//! Figures of a table: numbers that those of a later table can be compared with, without configuration.
//!
//! They are taken while a suite is evaluated ([`crate::evaluate_and_describe`]), from the same batches. Rows, missing values, means and
//! latest times are those of all rows. Different values are told apart and counted in blocks of rows that are evenly spaced, 131,072
//! rows at most; their number is estimated (within about 2 %, exact up to [`LISTED_VALUES`] of text). Sums are exact but for
//! floating-point numbers. The figures depend on the rows and their order only.

mod band;
mod collect;
mod deviation;
mod sketch;

pub(crate) use collect::Collector;
pub use deviation::{MIN_PAST_DAYS, deviations};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most different texts of a column whose counts are kept.
pub const LISTED_VALUES: usize = 20;

/// Figures of a table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Rows that were delivered; the caller knows more than the table, which may lack some of them.
    #[serde(default)]
    pub delivered: u64,
    /// Counts among those rows, by name: such as duplicates.
    #[serde(default)]
    pub among_delivered: BTreeMap<String, u64>,
    /// Rows of the table.
    pub rows: u64,
    /// Figures of its columns.
    pub columns: BTreeMap<String, ColumnFigures>,
}

/// Figures of a column.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ColumnFigures {
    /// Missing values.
    pub nulls: u64,
    /// Different values among the rows that were looked at, estimated.
    pub distinct: u64,
    /// Mean of numbers; of truth values the share that is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// The latest date or time, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest: Option<i64>,
    /// How often each text is there among the rows that were looked at, if there are few, each several times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<BTreeMap<String, u64>>,
}
