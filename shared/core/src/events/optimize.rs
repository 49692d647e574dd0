//! Output of the reconciler's action `optimize`.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Data files that were merged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizeOutput {
    /// By dataset.
    pub datasets: BTreeMap<String, OptimizedDataset>,
}

/// Merged data files of one dataset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizedDataset {
    /// Version of the table afterwards; `None` if there is no table.
    pub version: Option<u64>,
    /// Files that were replaced.
    pub files_removed: u64,
    /// Files that replace them.
    pub files_added: u64,
    /// Bytes read from data files.
    pub bytes_read: u64,
    /// Bytes of the new files.
    pub bytes_written: u64,
}
