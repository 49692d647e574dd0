//! Output of a successful build.

use super::build::Run;
use crate::as_of;
use cardlake_core::events::{MartBuilderOutput, TickStatus};
use cardlake_core::paths;
use cardlake_dbt::{NodeState, Status};

/// The output of a build whose marts are published.
pub(crate) fn succeeded(run: &Run<'_>) -> MartBuilderOutput {
    let state = &run.state;
    let marts = state.publications.iter();
    let is_unchanged_test =
        |(id, node): &(&String, &NodeState)| node.status == Status::Unchanged && id.starts_with("test.");
    let unchanged_tests = state.nodes.iter().filter(is_unchanged_test).count() as u64;
    MartBuilderOutput {
        status: TickStatus::Succeeded,
        cursor: None,
        marts: marts
            .map(|(name, publication)| (name.clone(), publication.rows.unwrap_or_default()))
            .collect(),
        tests_passed: state.count(Status::Pass) + unchanged_tests,
        unchanged_models: state.count(Status::Unchanged) - unchanged_tests,
        unchanged_tests,
        warnings: (as_of::notice(state).into_iter())
            .chain(warnings(run))
            .chain(state.panel_warnings.clone())
            .collect(),
        failed_panels: state.panel_warnings.len() as u64,
        report: (state.keeps_report || !state.panels.is_empty()).then(|| paths::REPORT.to_owned()),
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
