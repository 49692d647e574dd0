//! Progress of a build, node by node, for display.

use crate::context::Context;
use crate::error::MartBuilderError;
use crate::state::BuildState;
use crate::state_store::load;
use cardlake_core::paths;
use cardlake_dbt::NodeState;
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
    /// `pending`, `running`, `success`, `error`, `skipped`, `unchanged` (it did not run), `pass`, `warn` or
    /// `fail`.
    pub status: &'static str,
    /// Seconds in the warehouse; tests of one statement share its time evenly.
    pub seconds: f64,
    /// Failing rows of a test.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failures: Option<u64>,
    /// Why it failed, or a test's finding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl NodeProgress {
    /// Whether its status is final.
    #[must_use]
    pub fn is_over(&self) -> bool {
        !matches!(self.status, "pending" | "running")
    }
}

/// The nodes of a run's build, sorted by id; empty before its first tick.
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
        // Without project and hash.
        name: id.split('.').nth(2).unwrap_or(id).to_owned(),
        kind,
        status: node.status.name(),
        seconds: node.seconds,
        failures: node.failures,
        message: node.message.clone(),
    }
}
