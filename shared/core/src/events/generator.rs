//! Input and output of the generator.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Options of a day of synthetic input. Rates are shares of `rows`, 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneratorEvent {
    /// Batch date.
    pub batch_date: NaiveDate,
    /// Transaction rows to write, including late, duplicate and corrupt ones.
    pub rows: u64,
    /// Random seed: the same seed and date yield the same bytes.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// Share of rows whose event happened one or two days before `batch_date`.
    #[serde(default)]
    pub late_rate: f64,
    /// Share of rows that repeat the transaction_id of another row.
    #[serde(default)]
    pub duplicate_rate: f64,
    /// Share of rows that violate the contract.
    #[serde(default)]
    pub corrupt_rate: f64,
    /// Format of the files.
    #[serde(default)]
    pub format: FileFormat,
    /// Compression of the files.
    #[serde(default)]
    pub compression: Compression,
    /// Transaction rows per object; default: the generator's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows_per_object: Option<u64>,
    /// First event day on which transactions have a field that is not in the contract; `None` means never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift_from: Option<NaiveDate>,
    /// First day of the history: it has all customers, cards and merchants, later days only new and changed ones. Events before
    /// it count as never delivered. `None`: every day has all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_date: Option<NaiveDate>,
    /// Share of events that belong to fraud-like bursts on one card; default: the generator's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst_rate: Option<f64>,
    /// Number of generators that share the day. The state machine reads it and passes each one its `part`; a generator without a
    /// `part` generates the whole day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<u32>,
    /// Part of the day's objects to generate; `None` means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<GeneratorPart>,
}

/// One of several parts of a day. All parts together yield the same objects as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneratorPart {
    /// Index of the part, from 0.
    pub index: u32,
    /// Number of parts, at least 1.
    pub of: u32,
}

const fn default_seed() -> u64 {
    42
}

/// Format of a bronze file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileFormat {
    /// JSON lines: one object per line.
    #[default]
    Jsonl,
    /// Comma-separated values, RFC 4180, with a header row.
    Csv,
}

/// Compression of a bronze file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Uncompressed.
    #[default]
    None,
    /// gzip, `.gz`.
    Gz,
    /// Zstandard, `.zst`.
    Zst,
}

/// Output of the generator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneratorOutput {
    /// Batch date.
    pub batch_date: NaiveDate,
    /// Rows written, by dataset.
    pub rows: BTreeMap<String, u64>,
    /// Keys written to the bronze bucket.
    pub objects: Vec<String>,
    /// Rows of `transactions` that must be quarantined.
    pub corrupt_rows: u64,
    /// The `corrupt_rows` by quarantine reason; a row that violates several rules counts under each.
    #[serde(default)]
    pub corrupt_by_reason: BTreeMap<String, u64>,
    /// Transaction IDs of no earlier row, in this or an earlier day's files. The counts that compare with earlier days assume
    /// that the two preceding days were generated with the same options (or are before the event's `first_date`):
    /// rows = `corrupt_rows` + `distinct_ids` + `duplicate_rows` + all `corrected_rows`.
    #[serde(default)]
    pub distinct_ids: u64,
    /// Valid rows of `transactions` that are duplicates: they repeat a transaction ID of the same day, or an unchanged row of an
    /// earlier day.
    pub duplicate_rows: u64,
    /// Those of `duplicate_rows` that repeat a row of an earlier day, by that day. If that day was never generated and is not
    /// before `first_date`, they are first deliveries.
    #[serde(default)]
    pub redelivered_rows: BTreeMap<NaiveDate, u64>,
    /// Valid rows of `transactions` that correct a row of an earlier day, by that day: amount or status differ.
    #[serde(default)]
    pub corrected_rows: BTreeMap<NaiveDate, u64>,
    /// Valid rows of `transactions` with an event day before the batch day, including re-delivered ones.
    pub late_rows: u64,
    /// Rows of `transactions` with a value in an unknown field, by field, including corrupt rows that can be split into fields.
    #[serde(default)]
    pub drift_rows: BTreeMap<String, u64>,
}
