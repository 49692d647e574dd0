//! Documents that stages leave in the silver bucket for one another.
//!
//! Every stored document carries a `format_version`; a reader refuses one it does not know.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of all documents of this module.
pub const FORMAT_VERSION: u32 = 1;

/// Rows of one bronze object by what became of them: `bronze_rows = silver_rows + duplicates + quarantined`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowCounts {
    /// Rows read.
    pub bronze_rows: u64,
    /// Rows written to data files.
    pub silver_rows: u64,
    /// Rows left out because another row of the object has the same key and wins.
    pub duplicates: u64,
    /// Rows that break the contract.
    pub quarantined: u64,
    /// Rows among `silver_rows` whose event day lies before the ingest date.
    pub late_rows: u64,
}

impl RowCounts {
    /// Whether every row is accounted for.
    #[must_use]
    pub const fn balanced(&self) -> bool {
        self.bronze_rows == self.silver_rows + self.duplicates + self.quarantined
    }
}

/// Rows of one batch of a dataset by what became of them:
/// `bronze_rows = silver_rows_added + duplicates + quarantined`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchCounts {
    /// Rows read from bronze.
    pub bronze_rows: u64,
    /// Rows that entered the table, those that replace an older version included.
    pub silver_rows_added: u64,
    /// Rows that lost against another row with the same key.
    pub duplicates: u64,
    /// Rows that break the contract.
    pub quarantined: u64,
    /// Rows among `silver_rows_added` whose event day lies before the batch date.
    pub late_rows: u64,
    /// Older rows, committed by another batch, that rows of this one replaced.
    pub replaced: u64,
    /// Bronze objects that could not be read at all.
    pub rejected_objects: u64,
}

impl BatchCounts {
    /// Whether every row is accounted for.
    #[must_use]
    pub const fn balanced(&self) -> bool {
        self.bronze_rows == self.silver_rows_added + self.duplicates + self.quarantined
    }

    /// The books of both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            bronze_rows: self.bronze_rows + other.bronze_rows,
            silver_rows_added: self.silver_rows_added + other.silver_rows_added,
            duplicates: self.duplicates + other.duplicates,
            quarantined: self.quarantined + other.quarantined,
            late_rows: self.late_rows + other.late_rows,
            replaced: self.replaced + other.replaced,
            rejected_objects: self.rejected_objects + other.rejected_objects,
        }
    }
}

/// The bronze object that a record speaks of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceObject {
    /// Key in the bronze bucket.
    pub key: String,
    /// ETag, without quotes.
    pub etag: String,
    /// Size in bytes.
    pub size: u64,
    /// The object's own time: the `ingest_ts` of its rows.
    pub last_modified: DateTime<Utc>,
}

/// Statistics of one column of a data file. Values in the JSON form of the Delta protocol: numbers, strings, dates as
/// `YYYY-MM-DD`, timestamps as `YYYY-MM-DDTHH:MM:SS.mmmZ`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnStatistics {
    /// Smallest value; none when all are null or the type has no order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<serde_json::Value>,
    /// Largest value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<serde_json::Value>,
    /// Number of nulls.
    pub nulls: u64,
}

/// A Parquet file in a table's folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataFile {
    /// Path relative to the table's folder, not encoded.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// Number of rows.
    pub rows: u64,
    /// Value of each partition column, as text; none: null.
    pub partition_values: BTreeMap<String, Option<String>>,
    /// Time in milliseconds since 1970 that the log shows as the file's: the source object's, never the clock.
    pub modification_time: i64,
    /// Statistics by column, for the key, event-time and lineage columns.
    pub columns: BTreeMap<String, ColumnStatistics>,
}

/// Quarantined rows of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuarantineFile {
    /// Key in the silver bucket.
    pub key: String,
    /// Rows by broken rule; a row that breaks several counts under each.
    pub reasons: BTreeMap<String, u64>,
}

/// What the transformer knows about one bronze object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectRecord {
    /// See [`FORMAT_VERSION`].
    pub format_version: u32,
    /// The dataset.
    pub dataset: String,
    /// The day of delivery.
    pub ingest_date: NaiveDate,
    /// The object.
    pub source: SourceObject,
    /// Identifies the rules that were applied: a hash over the contract and the event's options. Another value means
    /// that the object has to be transformed again.
    pub rules: String,
    /// Days for which rows were let in late; none when the dataset knows no event time. A later run with a narrower window
    /// keeps to this one, so that it takes no row back.
    #[serde(default)]
    pub late_window_days: Option<u32>,
    /// Rows by what became of them.
    pub counts: RowCounts,
    /// Data files, by path. Their rows are in the table only once a commit names them.
    pub files: Vec<DataFile>,
    /// Rows in which a field occurs that the contract does not know, by field.
    pub drift: BTreeMap<String, u64>,
    /// The quarantined rows, if any.
    pub quarantine: Option<QuarantineFile>,
    /// Why the object cannot be read at all; its counts are zero then.
    pub rejection: Option<String>,
}

/// What a reconciliation wants committed, and what the books of the batch are then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// See [`FORMAT_VERSION`].
    pub format_version: u32,
    /// Hash over the content: the same input against the same table version gives the same id. It is also the id of the
    /// transaction in the Delta log, so that a commit is recognised as done.
    pub id: String,
    /// The dataset.
    pub dataset: String,
    /// The day.
    pub batch_date: NaiveDate,
    /// The Delta version that the candidate was made against; none: there is no table yet.
    pub base_version: Option<u64>,
    /// Data files to add.
    pub add: Vec<DataFile>,
    /// Paths of data files to remove.
    pub remove: Vec<String>,
    /// Objects of the batch that are settled with this candidate or before it, each as `key@etag`, sorted. An object that
    /// another one under the same key replaced is not among them.
    pub settled: Vec<String>,
    /// The books of every object that was ever settled in this batch, by `key@etag`; they add up to `counts`.
    #[serde(default)]
    pub objects: BTreeMap<String, SettledObject>,
    /// Rows of the whole batch, all objects together.
    pub counts: BatchCounts,
}

/// The part of one object in the books of its batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettledObject {
    /// The rules by which the transformer made its data files: with others the object has to be settled anew.
    pub rules: String,
    /// Its rows by what became of them.
    pub counts: BatchCounts,
    /// Its quarantined rows by broken rule; a row that breaks several counts under each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reasons: BTreeMap<String, u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_row_unbalances_the_counts() {
        let counts = RowCounts {
            bronze_rows: 10,
            silver_rows: 7,
            duplicates: 1,
            quarantined: 2,
            late_rows: 3,
        };
        assert!(counts.balanced());
        assert!(
            !RowCounts {
                silver_rows: 6,
                ..counts
            }
            .balanced()
        );
    }
}
