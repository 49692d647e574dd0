//! Output of a successful build.

use super::build::Run;
use crate::as_of;
use cardlake_core::events::{MartBuilderOutput, TickStatus};
use cardlake_core::paths;
use cardlake_dbt::Status;

/// The output of a build whose marts are published.
pub(crate) fn succeeded(run: &Run<'_>) -> MartBuilderOutput {
    let state = &run.state;
    let marts = state.publications.iter();
    MartBuilderOutput {
        status: TickStatus::Succeeded,
        cursor: None,
        marts: marts
            .map(|(name, publication)| (name.clone(), publication.rows.unwrap_or_default()))
            .collect(),
        tests_passed: state.count(Status::Pass),
        warnings: (as_of::notice(state).into_iter())
            .chain(warnings(run))
            .chain(state.panel_warnings.clone())
            .collect(),
        failed_panels: state.panel_warnings.len() as u64,
        report: (!state.panels.is_empty()).then(|| paths::REPORT.to_owned()),
    }
}

/// One message for each failed test of severity warn.
fn warnings(run: &Run<'_>) -> Vec<String> {
    let warned = run.state.nodes.iter();
    let warned = warned.filter(|(_, state)| state.status == Status::Warn);
    warned
        .filter_map(|(id, state)| {
            let node = run.manifest.nodes.get(id)?;
            let message = state.message.as_deref().unwrap_or_default();
            Some(format!("test {} ({}): {message}", node.name, node.file))
        })
        .collect()
}
