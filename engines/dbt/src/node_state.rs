//! Status of the nodes of a build. Serialisable, so that a build can be continued by another process.

use crate::materialize::Column;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// States of the selected nodes, by id.
pub type NodeStates = BTreeMap<String, NodeState>;

/// Status of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not submitted yet.
    Pending,
    /// Submitted.
    Running,
    /// Built; not for tests.
    Success,
    /// Its statement failed.
    Error,
    /// A node that it depends on failed.
    Skipped,
    /// It did not run: neither its code nor its inputs have changed since it last succeeded or passed.
    Unchanged,
    /// The test passed.
    Pass,
    /// The test failed with severity warn.
    Warn,
    /// The test failed with severity error.
    Fail,
}

impl Status {
    /// For display; `run_results.json` has dbt's own words, see [`crate::run_results_json`].
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Success => "success",
            Self::Error => "error",
            Self::Skipped => "skipped",
            Self::Unchanged => "unchanged",
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }

    /// Whether dependent nodes may run.
    #[must_use]
    pub const fn is_good(self) -> bool {
        matches!(self, Self::Success | Self::Pass | Self::Warn | Self::Unchanged)
    }

    /// Whether it is final.
    #[must_use]
    pub const fn is_over(self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }

    /// Whether it fails the build.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Error | Self::Fail)
    }
}

/// State of a node in a build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeState {
    /// Its status.
    pub status: Status,
    /// Seconds in the warehouse.
    #[serde(default)]
    pub seconds: f64,
    /// Why it failed, or a test's finding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Failing rows of a test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<u64>,
    /// Number of submissions. From the second one on a test runs in a statement of its own: the shared one failed.
    #[serde(default)]
    pub attempts: u32,
    /// Columns of the model's query, once probed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<Column>>,
}

impl NodeState {
    /// Not submitted yet.
    #[must_use]
    pub const fn pending() -> Self {
        Self {
            status: Status::Pending,
            seconds: 0.0,
            message: None,
            failures: None,
            attempts: 0,
            columns: None,
        }
    }
}
