//! dbt's `run_results.json` of a build.

use crate::state::BuildState;
use cardlake_dbt::{Compiled, Manifest, RunResults};
use serde_json::Value;

/// `run_results.json`.
pub(super) fn run_results_json(manifest: &Manifest, state: &BuildState, compiled: &Compiled) -> Value {
    let run = RunResults {
        states: &state.nodes,
        select: state.select.as_deref(),
        full_refresh: state.full_refresh,
    };
    cardlake_dbt::run_results_json(manifest, run, compiled)
}
