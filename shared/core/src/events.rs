//! What stages take and give: small JSON documents.
//!
//! Unknown fields are refused, dates are ISO (`2026-01-15`), every output carries its counts. The state machine passes
//! these documents along; anything large travels as a key in the silver bucket (see [`crate::records`]).

mod generator;
mod notifier;
mod vacuum;

pub use generator::{Compression, FileFormat, GeneratorEvent, GeneratorOutput, GeneratorPart};
pub use notifier::{ExecutionFacts, NotifierEvent, NotifierOutput, PlannedRun};
pub use vacuum::{DEFAULT_RETENTION_DAYS, RemovedObjects, VacuumOutput, VacuumedDataset};

use crate::records::{BatchCounts, RowCounts};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One bronze object to transform: a task of the state machine. (S3 events arrive in AWS's own form.)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransformerEvent {
    /// Key in the bronze bucket, as it is (not encoded).
    pub key: String,
    /// Days that an event may lie before its ingest date; default: the contract's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_window_days: Option<u32>,
    /// Transform the object though its record is there: the same bytes again, unless something damaged them.
    #[serde(default)]
    pub reprocess: bool,
}

impl TransformerEvent {
    /// An object under the usual rules.
    #[must_use]
    pub fn of(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            late_window_days: None,
            reprocess: false,
        }
    }
}

/// What became of a bronze object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransformStatus {
    /// Data files and an object record were written.
    Transformed,
    /// The record of this very object was there already.
    Unchanged,
    /// The object cannot be read at all; the record says why.
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
    /// What became of it.
    pub status: TransformStatus,
    /// Rows by what became of them.
    pub counts: RowCounts,
    /// Why a rejected object cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejection: Option<String>,
}

/// What the reconciler is asked to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum ReconcilerEvent {
    /// Which day a scheduled run is about.
    Day {
        /// When the schedule fired.
        scheduled_time: DateTime<Utc>,
        /// Days between the schedule's day, in UTC, and the run's.
        days_back: u32,
    },
    /// Which datasets have bronze objects on the batch date.
    Plan {
        /// The day.
        batch_date: NaiveDate,
    },
    /// Dedupe a dataset's objects of a day against each other and against what is committed: makes a candidate.
    Reconcile {
        /// The day.
        batch_date: NaiveDate,
        /// The dataset.
        dataset: String,
        /// Width of the late window in days; default: the contract's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        late_window_days: Option<u32>,
    },
    /// Commit a candidate to the Delta log.
    Publish {
        /// The day.
        batch_date: NaiveDate,
        /// The dataset.
        dataset: String,
        /// Key of the candidate in the silver bucket; none when there is nothing to commit.
        candidate: Option<String>,
    },
    /// Hold the counts of all layers against each other.
    Balance {
        /// The day.
        batch_date: NaiveDate,
        /// What `publish` gave for each dataset.
        published: Vec<PublishOutput>,
        /// What the loader gave.
        loaded: Vec<LoadedDataset>,
    },
    /// Remove what nobody can refer to any more. An event that says no more looks for it and removes nothing.
    Vacuum {
        /// The dataset; none: all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dataset: Option<String>,
        /// Days that everything is kept for, time travel included.
        #[serde(default = "default_retention_days")]
        retention_days: u32,
        /// Whether to look only.
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
    /// The day.
    pub batch_date: NaiveDate,
}

/// A dataset that has something to do on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedDataset {
    /// The dataset.
    pub dataset: String,
    /// Prefix of its bronze objects of the day.
    pub prefix: String,
    /// Number of bronze objects.
    pub objects: u64,
    /// Their size in bytes.
    pub bytes: u64,
}

/// What lies in bronze for a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanOutput {
    /// The day.
    pub batch_date: NaiveDate,
    /// Datasets with at least one object, sorted by name.
    pub datasets: Vec<PlannedDataset>,
}

/// Outcome of a reconciliation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReconcileOutput {
    /// The dataset.
    pub dataset: String,
    /// The day.
    pub batch_date: NaiveDate,
    /// Key of the candidate in the silver bucket; none when everything is committed already.
    pub candidate: Option<String>,
    /// Rows of the whole batch by what becomes of them.
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
    /// The dataset.
    pub dataset: String,
    /// The Delta version that holds the batch.
    pub version: u64,
    /// Rows of the whole batch by what became of them.
    pub counts: BatchCounts,
    /// Rows of the table at `version`.
    pub table_rows: u64,
    /// Quarantined rows by broken rule; a row that breaks several counts under each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reasons: BTreeMap<String, u64>,
}

/// The books of a batch: what every layer holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BalanceOutput {
    /// The day.
    pub batch_date: NaiveDate,
    /// The books, by dataset.
    pub datasets: BTreeMap<String, DatasetBooks>,
}

/// The books of one dataset. (serde cannot refuse unknown fields beside flattened ones.)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetBooks {
    /// Rows of the batch by what became of them.
    #[serde(flatten)]
    pub counts: BatchCounts,
    /// Rows of the silver table.
    pub silver_rows: u64,
    /// Rows of the warehouse table.
    pub warehouse_rows: u64,
    /// Quarantined rows by broken rule; a row that breaks several counts under each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reasons: BTreeMap<String, u64>,
    /// Whether both laws hold: bronze = added + duplicates + quarantined, and silver = warehouse.
    pub balanced: bool,
}

impl DatasetBooks {
    /// The counts in the order in which people read them: delivered, to silver, duplicates, quarantined, late, replaced,
    /// in silver, in the warehouse.
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
    /// The day.
    pub batch_date: NaiveDate,
    /// The dataset.
    pub dataset: String,
    /// Key of the candidate in the silver bucket; none when there is nothing to audit.
    pub candidate: Option<String>,
}

/// Outcome of an audit. A critical failure is not an output but an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidatorOutput {
    /// The dataset.
    pub dataset: String,
    /// Expectations evaluated.
    pub evaluated: u64,
    /// Expectations met.
    pub successful: u64,
    /// One sentence for each expectation of a lower severity that was not met.
    pub warnings: Vec<String>,
    /// Key of the validation result in the silver bucket; none when there was nothing to audit.
    pub result: Option<String>,
}

/// Where a stage stands that works in ticks: submit what is ready, look at what runs, come back later.
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
    /// The day.
    pub batch_date: NaiveDate,
    /// The execution, by which the lease on the warehouse is held; none: the load is by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// Datasets to load; none: every dataset that has a silver table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datasets: Option<Vec<String>>,
    /// Load every table anew.
    #[serde(default)]
    pub full_refresh: bool,
    /// What the tick before gave; none at the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<serde_json::Value>,
}

/// Outcome of a tick of the loader. A failed statement is not an output but an error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoaderOutput {
    /// Whether to come back.
    pub status: TickStatus,
    /// To hand to the next tick.
    pub cursor: Option<serde_json::Value>,
    /// All datasets, once succeeded.
    pub datasets: Vec<LoadedDataset>,
}

/// A dataset in the warehouse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadedDataset {
    /// The dataset.
    pub dataset: String,
    /// The Delta version that the warehouse holds.
    pub version: u64,
    /// Rows taken over by COPY in this run.
    pub copied_rows: u64,
    /// Rows of the warehouse table.
    pub warehouse_rows: u64,
    /// What was found equal in silver and in the warehouse, in the transaction of the load; none: nothing was copied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared: Option<ComparedPartitions>,
}

/// Partitions that silver and the warehouse agree on: rows, distinct keys, and the sum of each checksum column, partition
/// by partition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComparedPartitions {
    /// How many.
    pub partitions: u64,
    /// Their rows in all, each with a key of its own.
    pub rows: u64,
    /// The sum over them of each exact number column and of the row hash, as decimal text.
    pub sums: BTreeMap<String, String>,
}

/// A tick of the mart builder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MartBuilderEvent {
    /// The day: the "today" of every model.
    pub batch_date: NaiveDate,
    /// Identifies the run; state between ticks lies under it.
    pub run_id: String,
    /// dbt-style selection; none: everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select: Option<String>,
    /// What the selection leaves out, in the same words; none: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclude: Option<String>,
    /// Variables of the dbt project that have another value in this build. `process_date` is always the batch date.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub vars: serde_json::Map<String, serde_json::Value>,
    /// Build incremental models anew.
    #[serde(default)]
    pub full_refresh: bool,
    /// The books of the day, for the dashboard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub books: Option<BalanceOutput>,
    /// What the audits of the day gave, for the dashboard.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audits: Vec<ValidatorOutput>,
    /// What the tick before gave; none at the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<serde_json::Value>,
}

/// Outcome of a tick of the mart builder. A failed model or test is not an output but an error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MartBuilderOutput {
    /// Whether to come back.
    pub status: TickStatus,
    /// To hand to the next tick.
    pub cursor: Option<serde_json::Value>,
    /// Rows of each mart, once succeeded.
    pub marts: BTreeMap<String, u64>,
    /// Data tests that passed, once succeeded.
    pub tests_passed: u64,
    /// One sentence for each data test of severity warn that failed, then one for each panel of the report that failed.
    pub warnings: Vec<String>,
    /// How many of the warnings are about panels.
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
    fn a_vacuum_only_looks_unless_it_is_told_to_remove() {
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
