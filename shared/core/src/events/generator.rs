//! What the generator takes and gives.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the generator makes when a run asks for synthetic input. Rates are shares of `rows`, 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneratorEvent {
    /// The day to make.
    pub batch_date: NaiveDate,
    /// Transaction rows to write, late, duplicated and broken ones included.
    pub rows: u64,
    /// Same seed and date: same bytes.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// Share of rows whose event happened one or two days before `batch_date`.
    #[serde(default)]
    pub late_rate: f64,
    /// Share of rows that repeat the transaction_id of another row.
    #[serde(default)]
    pub duplicate_rate: f64,
    /// Share of rows that break the contract.
    #[serde(default)]
    pub corrupt_rate: f64,
    /// Format of the files.
    #[serde(default)]
    pub format: FileFormat,
    /// Compression of the files.
    #[serde(default)]
    pub compression: Compression,
    /// Transaction rows in one object; default: the generator's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows_per_object: Option<u64>,
    /// Event day from which transactions carry a field that the contract does not know; none: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift_from: Option<NaiveDate>,
    /// First day of the history: it gets customers, cards and merchants in full, later days what is new or changed; and
    /// what happened before it counts as never delivered. None: every day gets them in full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_date: Option<NaiveDate>,
    /// Share of events that belong to fraud-like bursts on one card; default: the generator's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst_rate: Option<f64>,
    /// How many generators make the day together. The state machine reads this, and gives each one its `part`; a generator
    /// that is called without a `part` makes all of the day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<u32>,
    /// The share of the day's objects to make; none: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<GeneratorPart>,
}

/// One of several generators that make a day together. All parts together give the objects that one alone would give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneratorPart {
    /// Which one, from 0.
    pub index: u32,
    /// How many there are, at least 1.
    pub of: u32,
}

const fn default_seed() -> u64 {
    42
}

/// Format of a bronze file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileFormat {
    /// JSON lines: one object on each line.
    #[default]
    Jsonl,
    /// Comma-separated values, RFC 4180, with a header row.
    Csv,
}

/// Compression of a bronze file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// As it is.
    #[default]
    None,
    /// gzip, `.gz`.
    Gz,
    /// Zstandard, `.zst`.
    Zst,
}

/// What the generator wrote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneratorOutput {
    /// The day.
    pub batch_date: NaiveDate,
    /// Rows written, by dataset.
    pub rows: BTreeMap<String, u64>,
    /// Keys written to the bronze bucket.
    pub objects: Vec<String>,
    /// Rows of `transactions` that the pipeline has to quarantine.
    pub corrupt_rows: u64,
    /// The `corrupt_rows` by what is wrong with them, in the words of the quarantine; a row that breaks several rules
    /// counts under each.
    #[serde(default)]
    pub corrupt_by_reason: BTreeMap<String, u64>,
    /// Transaction_ids that no earlier row has, in this or an earlier day's files. This and the other counts against
    /// earlier days hold given that the two days before were made with the same options (or lie before the event's
    /// `first_date`): rows = `corrupt_rows` + `distinct_ids` + `duplicate_rows` + all `corrected_rows`.
    #[serde(default)]
    pub distinct_ids: u64,
    /// Valid rows of `transactions` that add nothing: they repeat a transaction_id of the same day, or say once more what
    /// an earlier day said.
    pub duplicate_rows: u64,
    /// Those among `duplicate_rows` that repeat a row of an earlier day, by that day. Where that day was never made and the
    /// event did not say so, they are first deliveries.
    #[serde(default)]
    pub redelivered_rows: BTreeMap<NaiveDate, u64>,
    /// Valid rows of `transactions` that replace a row of an earlier day, by that day: amount or status have changed.
    #[serde(default)]
    pub corrected_rows: BTreeMap<NaiveDate, u64>,
    /// Valid rows of `transactions` with an event day before the batch day, re-delivered ones included.
    pub late_rows: u64,
    /// Rows of `transactions` with a value in a field that the contract does not know, by field; broken rows count too
    /// unless they cannot be taken apart.
    #[serde(default)]
    pub drift_rows: BTreeMap<String, u64>,
}
