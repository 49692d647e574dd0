//! Inputs and outputs of the transformer, reconciler, validator, loader and mart builder.

use super::vacuum::DEFAULT_RETENTION_DAYS;
use crate::records::{BatchCounts, RowCounts};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One bronze object to transform: a task of the state machine. (S3 events have their own format.)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransformerEvent {
    /// Key in the bronze bucket, not encoded.
    pub key: String,
    /// Days that an event may lie before its ingest date; default: the contract's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_window_days: Option<u32>,
    /// Transform the object even if its record exists. Yields the same bytes, unless the existing ones were damaged.
    #[serde(default)]
    pub reprocess: bool,
}

impl TransformerEvent {
    /// An object with default options.
    #[must_use]
    pub fn of(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            late_window_days: None,
            reprocess: false,
        }
    }
}

/// Outcome of a bronze object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransformStatus {
    /// Data files and an object record were written.
    Transformed,
    /// The object was transformed before.
    Unchanged,
    /// The object is unreadable; the record has the reason.
    Rejected,
    /// Not an input: another prefix, or a dataset without a contract.
    Ignored,
}

/// Outcome for one bronze object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransformerOutput {
    /// The bronze object.
    pub key: String,
    /// Outcome.
    pub status: TransformStatus,
    /// Row counts.
    pub counts: RowCounts,
    /// Reason of the rejection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejection: Option<String>,
}

/// Action of the reconciler.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum ReconcilerEvent {
    /// Determine the batch date of a scheduled run.
    Day {
        /// Time of the schedule.
        scheduled_time: DateTime<Utc>,
        /// Days from the batch date to the day of the schedule, in UTC.
        days_back: u32,
    },
    /// List the datasets with bronze objects on the batch date.
    Plan {
        /// Batch date.
        batch_date: NaiveDate,
    },
    /// Deduplicate a dataset's objects of a day against each other and the committed table; creates a candidate.
    Reconcile {
        /// Batch date.
        batch_date: NaiveDate,
        /// Dataset.
        dataset: String,
        /// Width of the late window in days; default: the contract's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        late_window_days: Option<u32>,
    },
    /// Commit a candidate to the Delta log.
    Publish {
        /// Batch date.
        batch_date: NaiveDate,
        /// Dataset.
        dataset: String,
        /// Key of the candidate in the silver bucket; `None` if there is nothing to commit.
        candidate: Option<String>,
    },
    /// Compare the row counts of all layers.
    Balance {
        /// Batch date.
        batch_date: NaiveDate,
        /// Outputs of `publish`.
        published: Vec<PublishOutput>,
        /// Output of the loader.
        loaded: Vec<LoadedDataset>,
    },
    /// Merge small data files of partitions; no row changes.
    Optimize {
        /// Dataset; `None` means all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dataset: Option<String>,
        /// First event day; `None`: from the first one on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<NaiveDate>,
        /// Last event day; `None`: to the last one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<NaiveDate>,
    },
    /// Delete unreferenced files and records. The default is a dry run.
    Vacuum {
        /// Dataset; `None` means all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dataset: Option<String>,
        /// Retention in days, also for time travel.
        #[serde(default = "default_retention_days")]
        retention_days: u32,
        /// Whether to delete nothing.
        #[serde(default = "default_dry_run")]
        dry_run: bool,
    },
}

const fn default_retention_days() -> u32 {
    DEFAULT_RETENTION_DAYS
}

const fn default_dry_run() -> bool {
    true
}

/// The day of a scheduled run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DayOutput {
    /// Batch date.
    pub batch_date: NaiveDate,
}

/// A dataset with bronze objects on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedDataset {
    /// Dataset.
    pub dataset: String,
    /// Prefix of its bronze objects of the day.
    pub prefix: String,
    /// Number of bronze objects.
    pub objects: u64,
    /// Total size in bytes.
    pub bytes: u64,
}

/// Bronze objects of a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanOutput {
    /// Batch date.
    pub batch_date: NaiveDate,
    /// Datasets with at least one object, sorted by name.
    pub datasets: Vec<PlannedDataset>,
    /// Names of these and of datasets that had objects on the day and have none any more, sorted.
    #[serde(default)]
    pub reconciled: Vec<String>,
    /// The first [`LISTED_FILES`] objects that are not input: of the day, then outside of the folders of all days.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<UnreadFile>,
    /// All objects that are not input; of each folder outside of the folders of days, up to a thousand are counted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ignored_objects: u64,
}

/// Outcome of a reconciliation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReconcileOutput {
    /// Dataset.
    pub dataset: String,
    /// Batch date.
    pub batch_date: NaiveDate,
    /// Key of the candidate in the silver bucket; `None` if everything is committed already.
    pub candidate: Option<String>,
    /// Row counts of the whole batch.
    pub counts: BatchCounts,
    /// Data files that the candidate adds.
    pub files_added: u64,
    /// Data files that the candidate removes.
    pub files_removed: u64,
    /// Bytes of data files read.
    pub bytes_read: u64,
    /// Bytes of data files written.
    pub bytes_written: u64,
}

/// Outcome of a publication.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishOutput {
    /// Dataset.
    pub dataset: String,
    /// The Delta version that holds the batch.
    pub version: u64,
    /// Row counts of the whole batch.
    pub counts: BatchCounts,
    /// Rows of the table at `version`.
    pub table_rows: u64,
    /// Quarantined rows by violated rule; a row that violates several counts under each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reasons: BTreeMap<String, u64>,
    /// The first [`LISTED_FILES`] objects of the batch that are rejected as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<UnreadFile>,
    /// Rows that left the table with this publication and were not replaced: their object is gone or has another content, or
    /// changed rules or control totals refuse them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub withdrawn: u64,
    /// Rows of other batches that came back with this publication, since what had replaced them was withdrawn.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub taken_back: u64,
}

/// A file or object, and why it was not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnreadFile {
    /// Key in the bronze bucket, or path.
    pub file: String,
    /// Why.
    pub reason: String,
}

/// Row counts of a batch in every layer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BalanceOutput {
    /// Batch date.
    pub batch_date: NaiveDate,
    /// Row counts by dataset.
    pub datasets: BTreeMap<String, DatasetBooks>,
    /// The first [`LISTED_FILES`] objects that are not input, such as markers: of the day, then outside of the folders of all
    /// days.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<UnreadFile>,
    /// All objects that are not input; of each folder outside of the folders of days, up to a thousand are counted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ignored_objects: u64,
    /// One sentence for each expectation of a contract about the delivery that is not met, and for each kind of object that
    /// may be data and is not read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Files that are listed by name in the output of a stage: an output has at most 256 KiB.
pub const LISTED_FILES: usize = 50;

/// Row counts of one dataset. (serde cannot reject unknown fields next to flattened ones.)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetBooks {
    /// Row counts of the batch.
    #[serde(flatten)]
    pub counts: BatchCounts,
    /// Rows of the silver table.
    pub silver_rows: u64,
    /// Rows of the warehouse table.
    pub warehouse_rows: u64,
    /// Quarantined rows by violated rule; a row that violates several counts under each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reasons: BTreeMap<String, u64>,
    /// The first [`LISTED_FILES`] objects of the day that are rejected as a whole; none of their rows are in the counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<UnreadFile>,
    /// Rows that this run took out of the table since no object of the day delivers them any more, and put none in their place.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub withdrawn: u64,
    /// Rows of other days that this run put back into the table.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub taken_back: u64,
    /// Whether bronze = added + duplicates + quarantined, and silver = warehouse.
    pub balanced: bool,
}

impl DatasetBooks {
    /// Counts in display order: delivered, added to silver, duplicates, quarantined, late, replaced, in silver, in the
    /// warehouse.
    pub fn columns(&self) -> [u64; 8] {
        let counts = &self.counts;
        [
            counts.bronze_rows,
            counts.silver_rows_added,
            counts.duplicates,
            counts.quarantined,
            counts.late_rows,
            counts.replaced,
            self.silver_rows,
            self.warehouse_rows,
        ]
    }
}

/// A candidate to audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidatorEvent {
    /// Batch date.
    pub batch_date: NaiveDate,
    /// Dataset.
    pub dataset: String,
    /// Key of the candidate in the silver bucket; `None` if there is nothing to audit.
    pub candidate: Option<String>,
}

/// Outcome of an audit. A critical failure is not an output but an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidatorOutput {
    /// Dataset.
    pub dataset: String,
    /// Expectations evaluated.
    pub evaluated: u64,
    /// Expectations met.
    pub successful: u64,
    /// One sentence per failed expectation of a lower severity.
    pub warnings: Vec<String>,
    /// Key of the validation result in the silver bucket; `None` if there was nothing to audit.
    pub result: Option<String>,
}

/// Status of a stage that works in ticks: poll running statements, submit ready ones, return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TickStatus {
    /// Call again with the cursor, after a wait.
    Running,
    /// Done.
    Succeeded,
}

/// A tick of the loader.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoaderEvent {
    /// Batch date.
    pub batch_date: NaiveDate,
    /// Execution that holds the warehouse lease; `None` for a manual load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// Datasets to load; `None` means every dataset with a silver table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datasets: Option<Vec<String>>,
    /// Reload every table completely.
    #[serde(default)]
    pub full_refresh: bool,
    /// Output of the previous tick; `None` at the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<serde_json::Value>,
}

/// Outcome of a tick of the loader. A failed statement is not an output but an error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoaderOutput {
    /// Whether another tick is needed.
    pub status: TickStatus,
    /// Input of the next tick.
    pub cursor: Option<serde_json::Value>,
    /// All datasets, set on success.
    pub datasets: Vec<LoadedDataset>,
}

/// A dataset in the warehouse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadedDataset {
    /// Dataset.
    pub dataset: String,
    /// The Delta version that the warehouse holds.
    pub version: u64,
    /// Rows copied in this run.
    pub copied_rows: u64,
    /// Rows of the warehouse table.
    pub warehouse_rows: u64,
    /// Partitions verified in the transaction of the load; `None` if nothing was copied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared: Option<ComparedPartitions>,
}

/// Partitions that are equal in silver and the warehouse: rows, distinct keys, and the sum of each checksum column, per
/// partition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComparedPartitions {
    /// Count.
    pub partitions: u64,
    /// Total rows, each with a distinct key.
    pub rows: u64,
    /// Sums of each exact numeric column and of the row hash, as decimal text.
    pub sums: BTreeMap<String, String>,
}

/// A tick of the mart builder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MartBuilderEvent {
    /// Batch date: the process date of every model.
    pub batch_date: NaiveDate,
    /// Run ID; also identifies the state between ticks.
    pub run_id: String,
    /// dbt selection; `None` selects everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select: Option<String>,
    /// dbt exclusion; `None` excludes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclude: Option<String>,
    /// Overrides of dbt variables. `process_date` is always the batch date.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub vars: serde_json::Map<String, serde_json::Value>,
    /// Full refresh of incremental models; nodes that have not changed run, too.
    #[serde(default)]
    pub full_refresh: bool,
    /// Run nodes that have not changed, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
    /// Build as of the batch date even if a newer day has been run. Otherwise the marts never go back in time: the build is
    /// as of the newest day.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub as_of: bool,
    /// Row counts of the day, for the dashboard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub books: Option<BalanceOutput>,
    /// Outputs of the validator, for the dashboard.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audits: Vec<ValidatorOutput>,
    /// Output of the previous tick; `None` at the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<serde_json::Value>,
}

/// Outcome of a tick of the mart builder. A failed model or test is not an output but an error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MartBuilderOutput {
    /// Whether another tick is needed.
    pub status: TickStatus,
    /// Input of the next tick.
    pub cursor: Option<serde_json::Value>,
    /// Rows of each mart, set on success.
    pub marts: BTreeMap<String, u64>,
    /// Number of passed data tests, set on success; those that did not run since nothing has changed are among them.
    pub tests_passed: u64,
    /// Number of models, snapshots and seeds that did not run, since neither their SQL nor their inputs have changed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unchanged_models: u64,
    /// Number of data tests that did not run for the same reason.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unchanged_tests: u64,
    /// One sentence per failed data test of severity warn.
    pub warnings: Vec<String>,
    /// Number of warnings about panels of the report; they come last.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed_panels: u64,
    /// Key of the report in the gold bucket, once written.
    pub report: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_are_refused_by_name() {
        let error = serde_json::from_str::<TransformerEvent>(r#"{"key":"a","bucket":"b"}"#).unwrap_err();
        assert!(error.to_string().contains("unknown field `bucket`"), "{error}");
        let error = serde_json::from_str::<ReconcilerEvent>(r#"{"action":"plan","batch_date":"2026-01-15","x":1}"#)
            .unwrap_err();
        assert!(error.to_string().contains("unknown field `x`"), "{error}");
    }

    #[test]
    fn a_vacuum_is_a_dry_run_by_default() {
        let event: ReconcilerEvent = serde_json::from_str(r#"{"action":"vacuum"}"#).unwrap();
        let expected = ReconcilerEvent::Vacuum {
            dataset: None,
            retention_days: 7,
            dry_run: true,
        };
        assert_eq!(event, expected);
    }

    #[test]
    fn books_are_one_flat_object_and_can_be_read_back() {
        let books = DatasetBooks {
            counts: BatchCounts {
                bronze_rows: 3,
                ..BatchCounts::default()
            },
            silver_rows: 2,
            warehouse_rows: 2,
            reasons: [("amount is no number".to_owned(), 1)].into(),
            rejected: vec![UnreadFile {
                file: "cards/ingest_date=2026-01-15/a.csv".to_owned(),
                reason: "the first line is no header".to_owned(),
            }],
            withdrawn: 1,
            taken_back: 0,
            balanced: true,
        };
        let json = serde_json::to_value(&books).unwrap();
        assert_eq!((&json["bronze_rows"], &json["warehouse_rows"]), (&3.into(), &2.into()));
        assert_eq!(serde_json::from_value::<DatasetBooks>(json).unwrap(), books);
    }

    #[test]
    fn an_impossible_date_is_refused() {
        assert!(serde_json::from_str::<ReconcilerEvent>(r#"{"action":"plan","batch_date":"2026-02-30"}"#).is_err());
    }
}
