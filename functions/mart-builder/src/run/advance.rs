//! One tick: advances a build as far as possible without waiting.

use super::build::Run;
use crate::error::MartBuilderError;
use crate::state::Phase;

/// Advances a build through its phases.
pub(crate) async fn advance(run: &mut Run<'_>) -> Result<(), MartBuilderError> {
    if run.state.phase == Phase::Inspecting {
        run.inspect().await?;
    }
    if run.state.phase == Phase::Building {
        run.poll_running().await?;
        let (schedule, states) = run.schedule();
        schedule.settle(states);
        run.submit_ready().await?;
        end_building(run).await?;
    }
    if run.state.phase == Phase::Publishing {
        run.publish().await?;
    }
    Ok(())
}

async fn end_building(run: &mut Run<'_>) -> Result<(), MartBuilderError> {
    if !run.state.running.is_empty() || !run.state.nodes.values().all(|node| node.status.is_over()) {
        return Ok(());
    }
    run.store_results().await?;
    run.record_metrics();
    if run.state.nodes.values().any(|node| node.status.is_failure()) {
        run.store_compiled().await?;
        run.state.phase = Phase::Failed;
    } else {
        run.state.phase = Phase::Publishing;
    }
    Ok(())
}
