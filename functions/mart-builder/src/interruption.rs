//! A build that is broken off: what it runs is cancelled, and the warehouse is free for others at once.

use crate::dashboard::PanelQuery;
use crate::error::MartBuilderError;
use crate::handler::{Context, load};
use crate::state::BuildState;
use cardlake_core::paths;

/// Cancels the statements that the last tick of a run left running, and gives the lease on the warehouse back. What was
/// built stays; a statement that is cut off leaves nothing, since each is a transaction.
///
/// # Errors
/// The state cannot be read, or the lease cannot be given back: it then ends by itself. A statement that cannot be
/// cancelled, most often because it has ended, is none.
pub async fn stop(context: &Context, run_id: &str) -> Result<(), MartBuilderError> {
    let state = load(context, &paths::build_state(run_id)).await;
    if let Ok(Some(state)) = &state {
        for id in under_way(state) {
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

fn under_way(state: &BuildState) -> impl Iterator<Item = &str> {
    let publications = state.publications.values().filter(|mart| mart.rows.is_none());
    let ids = state.running.iter().map(|batch| &batch.statement);
    let ids = ids.chain(publications.map(|mart| &mart.statement));
    let panels = state.panels.values().filter_map(PanelQuery::statement);
    ids.chain(&state.inspection).chain(panels).map(String::as_str)
}
