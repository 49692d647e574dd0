//! Output of the reconciler's action `vacuum`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Default retention in days.
pub const DEFAULT_RETENTION_DAYS: u32 = 7;

/// Objects that a vacuum deleted, or would delete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VacuumOutput {
    /// Whether it was a dry run.
    pub dry_run: bool,
    /// Objects written at this time or later are retained.
    pub cutoff: DateTime<Utc>,
    /// Unreferenced objects by dataset.
    pub datasets: BTreeMap<String, VacuumedDataset>,
}

/// Unreferenced objects of one dataset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VacuumedDataset {
    /// Data files that no retained version of the table references.
    pub data_files: RemovedObjects,
    /// Records of bronze objects.
    pub object_records: RemovedObjects,
    /// Candidates that can no longer be committed, or were superseded by a later one of their batch.
    pub candidates: RemovedObjects,
    /// Files of the log of versions before the retention.
    #[serde(default)]
    pub log_files: RemovedObjects,
}

/// Objects of the silver bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemovedObjects {
    /// Count.
    pub count: u64,
    /// Total size in bytes.
    pub bytes: u64,
    /// The first [`RemovedObjects::MAX_KEYS`] of their keys, sorted.
    pub keys: Vec<String>,
}

impl RemovedObjects {
    /// Maximum number of listed keys, so that the output fits into a function's response.
    pub const MAX_KEYS: usize = 200;
}
