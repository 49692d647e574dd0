//! Where a build stands between two ticks: a document in silver under the run's id.

use crate::dashboard::PanelQuery;
use crate::materialize::{Column, Existing};
use cardlake_core::events::MartBuilderEvent;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The version of the document.
pub(crate) const FORMAT_VERSION: u32 = 1;

/// Part of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// The warehouse is asked what is there.
    Inspecting,
    /// Models are built, tests run.
    Building,
    /// Marts go to gold.
    Publishing,
    Succeeded,
    Failed,
}

/// What became of a node so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Pending,
    Running,
    /// Of models.
    Success,
    /// The statement failed.
    Error,
    /// Something that it depends on did.
    Skipped,
    /// Of tests.
    Pass,
    Warn,
    Fail,
}

impl Status {
    /// Whether what waits for the node may go on.
    pub(crate) const fn is_good(self) -> bool {
        matches!(self, Self::Success | Self::Pass | Self::Warn)
    }

    pub(crate) const fn is_over(self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }

    /// Whether the build fails because of it.
    pub(crate) const fn is_failure(self) -> bool {
        matches!(self, Self::Error | Self::Fail)
    }
}

/// A model or test in a build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NodeState {
    pub(crate) status: Status,
    /// Seconds in the warehouse.
    #[serde(default)]
    pub(crate) seconds: f64,
    /// Why it failed, or what a test found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    /// Rows that a test found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failures: Option<u64>,
    /// How often it was submitted. A test runs in a statement of its own from the second time on: the one that it
    /// shared failed.
    #[serde(default)]
    pub(crate) attempts: u32,
    /// Columns of the query, once the warehouse has been asked for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) columns: Option<Vec<Column>>,
}

impl NodeState {
    pub(crate) const fn pending() -> Self {
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

/// A submission under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Batch {
    pub(crate) statement: String,
    /// One model, or tests in the order of the result's `test` column.
    pub(crate) nodes: Vec<String>,
    /// It asks for the columns of the model's query and builds nothing.
    #[serde(default)]
    pub(crate) probe: bool,
}

/// A mart on its way to gold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Publication {
    pub(crate) statement: String,
    /// Rows, once it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rows: Option<u64>,
}

/// A build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BuildState {
    pub(crate) format_version: u32,
    pub(crate) run_id: String,
    /// Counts builds under this run id: part of every client token.
    pub(crate) generation: u32,
    pub(crate) batch_date: NaiveDate,
    pub(crate) select: Option<String>,
    #[serde(default)]
    pub(crate) exclude: Option<String>,
    #[serde(default)]
    pub(crate) vars: Map<String, Value>,
    pub(crate) full_refresh: bool,
    /// Fingerprint of the project.
    pub(crate) project: String,
    pub(crate) phase: Phase,
    /// The inspection under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) inspection: Option<String>,
    /// How often the warehouse was inspected.
    #[serde(default)]
    pub(crate) inspections: u32,
    /// What failed although it belongs to no model: the statement and Redshift's error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<(String, String)>,
    /// What was in the warehouse at the start, by schema and name with a dot between.
    #[serde(default)]
    pub(crate) existing: BTreeMap<String, Existing>,
    /// Selected nodes, by id.
    pub(crate) nodes: BTreeMap<String, NodeState>,
    #[serde(default)]
    pub(crate) running: Vec<Batch>,
    /// By model name.
    #[serde(default)]
    pub(crate) publications: BTreeMap<String, Publication>,
    /// Queries of the dashboard's panels, by name: each in a transaction of its own, so that one that fails does not
    /// affect the others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) panels: BTreeMap<String, PanelQuery>,
    /// One sentence for each panel that failed, once the report is written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) panel_warnings: Vec<String>,
}

impl BuildState {
    /// Whether this is the state of the build that an event asks for.
    pub(crate) fn belongs_to(&self, event: &MartBuilderEvent, project: &str) -> bool {
        self.batch_date == event.batch_date
            && self.select == event.select
            && self.exclude == event.exclude
            && self.vars == event.vars
            && self.full_refresh == event.full_refresh
            && self.project == project
    }

    pub(crate) fn status(&self, id: &str) -> Option<Status> {
        self.nodes.get(id).map(|node| node.status)
    }

    pub(crate) fn count(&self, status: Status) -> u64 {
        self.nodes.values().filter(|node| node.status == status).count() as u64
    }
}
