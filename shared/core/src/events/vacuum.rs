//! What the reconciler's action `vacuum` gives.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Days that everything is kept for, unless the event says otherwise.
pub const DEFAULT_RETENTION_DAYS: u32 = 7;

/// What a vacuum removed, or would remove.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VacuumOutput {
    /// Whether nothing was removed, only looked for.
    pub dry_run: bool,
    /// Nothing that was written at this time or later was touched.
    pub cutoff: DateTime<Utc>,
    /// What was found, by dataset.
    pub datasets: BTreeMap<String, VacuumedDataset>,
}

/// What a vacuum found in one dataset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VacuumedDataset {
    /// Data files that no live version of the table refers to.
    pub data_files: RemovedObjects,
    /// Records of bronze objects.
    pub object_records: RemovedObjects,
    /// Candidates that cannot be committed any more, or that a later one of their batch took the place of.
    pub candidates: RemovedObjects,
}

/// Objects of the silver bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemovedObjects {
    /// How many.
    pub count: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// The first [`RemovedObjects::MAX_KEYS`] of their keys, sorted.
    pub keys: Vec<String>,
}

impl RemovedObjects {
    /// Keys that are listed at most: the whole output has to fit the reply of a function.
    pub const MAX_KEYS: usize = 200;
}
