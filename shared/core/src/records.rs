//! Documents in the silver bucket that stages exchange.
//!
//! Every stored document has a `format_version`; readers reject unknown versions.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of all documents of this module.
pub const FORMAT_VERSION: u32 = 1;

/// Row counts of one bronze object: `bronze_rows = silver_rows + duplicates + quarantined`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowCounts {
    /// Rows read.
    pub bronze_rows: u64,
    /// Rows written to data files.
    pub silver_rows: u64,
    /// Rows dropped in favour of another row of the object with the same key.
    pub duplicates: u64,
    /// Rows that violate the contract.
    pub quarantined: u64,
    /// Rows of `silver_rows` with an event day before the ingest date.
    pub late_rows: u64,
}

impl RowCounts {
    /// Whether every row is accounted for.
    #[must_use]
    pub const fn balanced(&self) -> bool {
        self.bronze_rows == self.silver_rows + self.duplicates + self.quarantined
    }
}

/// Bytes of text of one bronze object, decompressed: `read = kept + quarantined + unreadable + skipped`. They are counted apart from
/// the rows: the left side where the text is read, the right side where it becomes rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextBytes {
    /// Bytes read.
    pub read: u64,
    /// Bytes of rows that satisfy the contract.
    pub kept: u64,
    /// Bytes of quarantined rows.
    pub quarantined: u64,
    /// Bytes of text that cannot be split into fields. It is quarantined, too, and may hold any number of rows.
    pub unreadable: u64,
    /// Bytes of headers, comments, blank lines, line ends and other separators.
    pub skipped: u64,
}

impl TextBytes {
    /// Whether every byte is accounted for.
    #[must_use]
    pub const fn balanced(&self) -> bool {
        self.read == self.kept + self.quarantined + self.unreadable + self.skipped
    }
}

/// Row counts of one batch of a dataset:
/// `bronze_rows = silver_rows_added + duplicates + quarantined`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchCounts {
    /// Rows read from bronze.
    pub bronze_rows: u64,
    /// Rows added to the table, including replacements of older versions.
    pub silver_rows_added: u64,
    /// Rows dropped in favour of another row with the same key.
    pub duplicates: u64,
    /// Rows that violate the contract.
    pub quarantined: u64,
    /// Rows of `silver_rows_added` with an event day before the batch date.
    pub late_rows: u64,
    /// Rows committed by another batch that were replaced.
    pub replaced: u64,
    /// Rejected bronze objects.
    pub rejected_objects: u64,
}

impl BatchCounts {
    /// Whether every row is accounted for.
    #[must_use]
    pub const fn balanced(&self) -> bool {
        self.bronze_rows == self.silver_rows_added + self.duplicates + self.quarantined
    }

    /// Sum of both counts.
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

/// Source object of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceObject {
    /// Key in the bronze bucket.
    pub key: String,
    /// ETag, without quotes.
    pub etag: String,
    /// Size in bytes.
    pub size: u64,
    /// Last modification: the `ingest_ts` of its rows.
    pub last_modified: DateTime<Utc>,
}

/// Statistics of one column of a data file. Values in the JSON format of the Delta protocol: numbers, strings, dates as
/// `YYYY-MM-DD`, timestamps as `YYYY-MM-DDTHH:MM:SS.mmmZ`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnStatistics {
    /// Minimum; `None` if all values are null or the type has no order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<serde_json::Value>,
    /// Maximum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<serde_json::Value>,
    /// Number of nulls.
    pub nulls: u64,
}

/// Where the bytes of a data file are that has no object of its own.
///
/// A small raw file has rows of many partitions, and a request for each would take longer than all else. So its data files are
/// written behind one another; what a candidate adopts of them gets an object, and what it merges never needs one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundlePart {
    /// Key of the bundle, in the silver bucket.
    pub key: String,
    /// First byte of the file in it.
    pub offset: u64,
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
    /// Value of each partition column, as text; `None` is null.
    pub partition_values: BTreeMap<String, Option<String>>,
    /// Modification time in the log, in milliseconds since 1970: that of the source object, not of the clock.
    pub modification_time: i64,
    /// Statistics by column, for the key, event-time and lineage columns.
    pub columns: BTreeMap<String, ColumnStatistics>,
    /// Where its bytes are, if not under its path. Only in object records: files of candidates have objects of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<BundlePart>,
}

/// Quarantined rows of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuarantineFile {
    /// Key in the silver bucket.
    pub key: String,
    /// Rows by violated rule; a row that violates several counts under each.
    pub reasons: BTreeMap<String, u64>,
}

/// The transformer's record of one bronze object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectRecord {
    /// See [`FORMAT_VERSION`].
    pub format_version: u32,
    /// Dataset.
    pub dataset: String,
    /// The day of delivery.
    pub ingest_date: NaiveDate,
    /// The object.
    pub source: SourceObject,
    /// Identifier of the applied rules: a hash over the contract and the event's options. If it differs, the object is
    /// transformed again.
    pub rules: String,
    /// Days for which late rows were accepted; `None` if the dataset has no event time. A later run with a narrower window keeps
    /// this one, so that it drops no accepted row.
    #[serde(default)]
    pub late_window_days: Option<u32>,
    /// Row counts.
    pub counts: RowCounts,
    /// Bytes of text. Of a rejected object only `read` is set. `None`: unknown, because its text does not come to an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<TextBytes>,
    /// Data files, by path. They become part of the table with a commit.
    pub files: Vec<DataFile>,
    /// Number of rows with an unknown field, by field; of a known column, the rows with personal data in it that were masked.
    pub drift: BTreeMap<String, u64>,
    /// The quarantined rows, if any.
    pub quarantine: Option<QuarantineFile>,
    /// Reason of the rejection; its counts are zero.
    pub rejection: Option<String>,
}

/// A candidate: the changes that a reconciliation proposes, and the resulting row counts of the batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// See [`FORMAT_VERSION`].
    pub format_version: u32,
    /// Hash over the content: the same input and table version yield the same ID. It is also the transaction ID in the Delta log,
    /// which makes the commit idempotent.
    pub id: String,
    /// Dataset.
    pub dataset: String,
    /// Batch date.
    pub batch_date: NaiveDate,
    /// Base version of the Delta table; `None` if there is no table yet.
    pub base_version: Option<u64>,
    /// Data files to add.
    pub add: Vec<DataFile>,
    /// Paths of data files to remove.
    pub remove: Vec<String>,
    /// Rows that leave the table and are not replaced: their object is gone or has another content, or they were valid by earlier
    /// rules of their object and are not by its present ones.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub withdrawn: u64,
    /// Rows of other batches that come back, since what had replaced them is withdrawn.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub taken_back: u64,
    /// Objects of the batch that are applied with this candidate or were before, as `key@etag`, sorted. Excludes objects that were
    /// overwritten under the same key.
    pub settled: Vec<String>,
    /// Row counts of every object ever applied in this batch, by `key@etag`; they add up to `counts`.
    #[serde(default)]
    pub objects: BTreeMap<String, SettledObject>,
    /// Rows of the whole batch, all objects together.
    pub counts: BatchCounts,
}

/// Row counts of one object within its batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettledObject {
    /// Rules of the transformation. If they differ, the object is applied again.
    pub rules: String,
    /// Its rows by what became of them.
    pub counts: BatchCounts,
    /// Its quarantined rows by violated rule; a row that violates several counts under each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reasons: BTreeMap<String, u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
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
