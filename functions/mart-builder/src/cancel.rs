//! Cancels a build: its statements are stopped and the warehouse's lease is released.

use crate::context::Context;
use crate::dashboard::PanelQuery;
use crate::error::MartBuilderError;
use crate::state::BuildState;
use crate::state_store::load;
use cardlake_core::paths;

/// Cancels the statements that a run's last tick left running, and releases the lease on the warehouse. Built relations
/// stay; a cancelled statement has no effect, since each is a transaction.
///
/// # Errors
/// The state cannot be read, or the lease cannot be released: it then expires. A statement that cannot be cancelled, most
/// often because it has ended, is not an error.
pub async fn stop(context: &Context, run_id: &str) -> Result<(), MartBuilderError> {
    let state = load(context, &paths::build_state(run_id)).await;
    if let Ok(Some(state)) = &state {
        for id in running_statements(state) {
            if let Err(error) = context.warehouse.cancel(id).await {
                tracing::debug!(id, %error, "a statement was not cancelled");
            }
        }
    }
    if let Some(lease) = &context.lease {
        lease.release(run_id).await?;
    }
    state.map(|_| ())
}

fn running_statements(state: &BuildState) -> impl Iterator<Item = &str> {
    let publications = state.publications.values().filter(|mart| mart.rows.is_none());
    let ids = state.running.iter().map(|batch| &batch.statement);
    let ids = ids.chain(publications.filter_map(|mart| mart.statement.as_ref()));
    let panels = state.panels.values().filter_map(PanelQuery::statement);
    ids.chain(&state.inspection)
        .chain(&state.ledger)
        .chain(&state.mark)
        .chain(panels)
        .map(String::as_str)
}
