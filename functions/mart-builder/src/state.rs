//! State of a build between two ticks.

use crate::dashboard::PanelQuery;
use cardlake_core::events::MartBuilderEvent;
use cardlake_dbt::{Existing, NodeStates, SourceVersions, Status};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The version of the document.
pub(crate) const FORMAT_VERSION: u32 = 3;

/// Phase of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// Existing relations are listed.
    Inspecting,
    /// Models are built, tests run.
    Building,
    /// Marts are unloaded to gold.
    Publishing,
    Succeeded,
    Failed,
}

/// A running submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Batch {
    pub(crate) statement: String,
    /// One model, or tests in the order of the result's `test` column.
    pub(crate) nodes: Vec<String>,
    /// It returns the columns of the model's query and builds nothing.
    #[serde(default)]
    pub(crate) probe: bool,
}

/// The publication of a mart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Publication {
    /// `None`: the snapshot of an earlier build is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) statement: Option<String>,
    /// Rows, once it is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rows: Option<u64>,
}

/// A build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BuildState {
    pub(crate) format_version: u32,
    pub(crate) run_id: String,
    /// Number of the build under this run id: part of every client token.
    pub(crate) generation: u32,
    pub(crate) batch_date: NaiveDate,
    /// The older day that asked for the build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) asked_for: Option<NaiveDate>,
    pub(crate) select: Option<String>,
    #[serde(default)]
    pub(crate) exclude: Option<String>,
    #[serde(default)]
    pub(crate) vars: Map<String, Value>,
    pub(crate) full_refresh: bool,
    #[serde(default)]
    pub(crate) force: bool,
    /// Fingerprint of the project.
    pub(crate) project: String,
    pub(crate) phase: Phase,
    /// The running inspection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) inspection: Option<String>,
    /// The running query of the source versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ledger: Option<String>,
    /// Versions of the source tables.
    #[serde(default)]
    pub(crate) sources: SourceVersions,
    /// Some node of the build runs.
    #[serde(default)]
    pub(crate) ran: bool,
    /// The statement that marks the warehouse as this build leaves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mark: Option<String>,
    /// Number of inspections.
    #[serde(default)]
    pub(crate) inspections: u32,
    /// A failed statement that belongs to no node, and Redshift's error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<(String, String)>,
    /// Relations that existed at the start, by `schema.name`.
    #[serde(default)]
    pub(crate) existing: BTreeMap<String, Existing>,
    /// Selected nodes, by id.
    pub(crate) nodes: NodeStates,
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
    /// The report is left as it is.
    #[serde(default)]
    pub(crate) keeps_report: bool,
}

impl BuildState {
    /// Whether it is the state of the build that an event requests.
    pub(crate) fn belongs_to(&self, event: &MartBuilderEvent, project: &str) -> bool {
        self.batch_date == event.batch_date
            && self.select == event.select
            && self.exclude == event.exclude
            && self.vars == event.vars
            && self.full_refresh == event.full_refresh
            && self.force == event.force
            && self.project == project
    }

    /// Whether a node is left as it is.
    pub(crate) fn is_unchanged(&self, id: &str) -> bool {
        self.nodes.get(id).is_some_and(|node| node.status == Status::Unchanged)
    }

    pub(crate) fn count(&self, status: Status) -> u64 {
        self.nodes.values().filter(|node| node.status == status).count() as u64
    }
}
