//! How far a build is, node by node: what a person who waits for it wants to see.

use crate::error::MartBuilderError;
use crate::handler::{Context, load};
use crate::state::{BuildState, NodeState, Status};
use cardlake_core::paths;
use serde::Serialize;

/// A model, snapshot, seed or data test of a build.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeProgress {
    /// dbt's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `model`, `snapshot`, `seed` or `test`.
    pub kind: &'static str,
    /// `pending`, `running`, `success`, `error`, `skipped`, `pass`, `warn` or `fail`.
    pub status: &'static str,
    /// Seconds in the warehouse; tests of one statement share its time evenly.
    pub seconds: f64,
    /// Rows that a test found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failures: Option<u64>,
    /// Why it failed, or what a test found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl NodeProgress {
    /// Whether nothing more happens to it.
    #[must_use]
    pub fn is_over(&self) -> bool {
        !matches!(self.status, "pending" | "running")
    }
}

/// The nodes of a run's build as they are, sorted by id; none before its first tick.
///
/// # Errors
/// The state cannot be read.
pub async fn nodes(context: &Context, run_id: &str) -> Result<Vec<NodeProgress>, MartBuilderError> {
    let state = load(context, &paths::build_state(run_id)).await?;
    Ok(state.map(|state| of_state(&state)).unwrap_or_default())
}

fn of_state(state: &BuildState) -> Vec<NodeProgress> {
    state.nodes.iter().map(|(id, node)| of_node(id, node)).collect()
}

fn of_node(id: &str, node: &NodeState) -> NodeProgress {
    let kind = match id.split('.').next() {
        Some("snapshot") => "snapshot",
        Some("seed") => "seed",
        Some("test") => "test",
        _ => "model",
    };
    NodeProgress {
        id: id.to_owned(),
        // Project and hash are of no interest to a reader.
        name: id.split('.').nth(2).unwrap_or(id).to_owned(),
        kind,
        status: match node.status {
            Status::Pending => "pending",
            Status::Running => "running",
            Status::Success => "success",
            Status::Error => "error",
            Status::Skipped => "skipped",
            Status::Pass => "pass",
            Status::Warn => "warn",
            Status::Fail => "fail",
        },
        seconds: node.seconds,
        failures: node.failures,
        message: node.message.clone(),
    }
}
