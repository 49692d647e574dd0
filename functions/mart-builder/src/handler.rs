//! One tick of a build: loads the state, advances it, saves it.

use crate::as_of;
use crate::context::{Context, Prepared};
use crate::error::{CursorError, MartBuilderError};
use crate::invocation;
use crate::run::{Run, advance, failure, succeeded};
use crate::state::{BuildState, FORMAT_VERSION, Phase};
use crate::state_store::{load, save};
use cardlake_core::events::{MartBuilderEvent, MartBuilderOutput, TickStatus};
use cardlake_core::paths;
use cardlake_dbt::{Graph, Manifest, NodeState, Selection, result_statuses};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Refers to the state, which holds everything else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cursor {
    format_version: u32,
    generation: u32,
}

/// Advances a build as far as possible without waiting. A tick is a no-op while another run loads or builds.
///
/// # Errors
/// See [`MartBuilderError`].
pub async fn handle(event: MartBuilderEvent, context: &Context) -> Result<MartBuilderOutput, MartBuilderError> {
    let Some(lease) = &context.lease else {
        return tick(event, context).await;
    };
    let (holder, cursor) = (event.run_id.clone(), event.cursor.clone());
    let has_ended = |output: &MartBuilderOutput| output.status == TickStatus::Succeeded;
    let output = lease.tick(&holder, tick(event, context), has_ended).await?;
    Ok(output.unwrap_or_else(|| waiting(cursor)))
}

async fn tick(mut event: MartBuilderEvent, context: &Context) -> Result<MartBuilderOutput, MartBuilderError> {
    let key = paths::build_state(&event.run_id);
    let stored = load(context, &key).await?;
    let asked_for = event.batch_date;
    event.batch_date = as_of::day(&event, stored.as_ref(), context).await?;
    let generation = match (&event.cursor, &stored) {
        (Some(cursor), _) => Some(generation(cursor, stored.as_ref())?),
        // The output of the first tick was lost.
        (None, Some(state)) if is_under_way(state) && state.belongs_to(&event, &context.project.fingerprint) => {
            Some(state.generation)
        }
        (None, _) => None,
    };
    let next = stored.as_ref().map_or(1, |state| state.generation + 1);
    let invocation = invocation::of_build(&event, &context.project, &context.database, generation.unwrap_or(next));
    let prepared = context.prepare(invocation)?;
    let Prepared { manifest, graph } = prepared.as_ref();
    let state = match stored.filter(|_| generation.is_some()) {
        Some(state) => state,
        None => BuildState {
            asked_for: Some(asked_for).filter(|day| *day < event.batch_date),
            ..begin(&event, context, manifest, graph, next).await?
        },
    };
    let mut run = Run {
        event: &event,
        context,
        manifest,
        graph,
        state,
    };
    let ended = !is_under_way(&run.state);
    advance(&mut run).await?;
    if !ended {
        save(context, &key, &run.state).await?;
    }
    match run.state.phase {
        Phase::Failed => Err(failure(&run)),
        Phase::Succeeded => Ok(succeeded(&run)),
        Phase::Inspecting | Phase::Building | Phase::Publishing => running(&run.state),
    }
}

const fn is_under_way(state: &BuildState) -> bool {
    !matches!(state.phase, Phase::Succeeded | Phase::Failed)
}

/// The generation that a cursor refers to, which must be the stored state's.
fn generation(cursor: &Value, stored: Option<&BuildState>) -> Result<u32, CursorError> {
    let cursor = Cursor::deserialize(cursor)?;
    match stored {
        Some(state) if state.generation == cursor.generation && cursor.format_version == FORMAT_VERSION => {
            Ok(cursor.generation)
        }
        Some(_) => Err(CursorError::Superseded),
        None => Err(CursorError::StateMissing),
    }
}

async fn begin(
    event: &MartBuilderEvent,
    context: &Context,
    manifest: &Manifest,
    graph: &Graph,
    generation: u32,
) -> Result<BuildState, MartBuilderError> {
    let mut selection = Selection {
        select: event.select.as_deref(),
        exclude: event.exclude.as_deref(),
        last_results: BTreeMap::new(),
    };
    if selection.needs_last_results() {
        let stored = context
            .files
            .get(&context.silver_bucket, paths::LAST_RUN_RESULTS)
            .await?;
        selection.last_results = stored.map(|bytes| result_statuses(&bytes)).unwrap_or_default();
    }
    let selected = selection.nodes(manifest, graph)?;
    tracing::info!(run_id = event.run_id, nodes = selected.len(), "build begins");
    Ok(BuildState {
        format_version: FORMAT_VERSION,
        run_id: event.run_id.clone(),
        generation,
        batch_date: event.batch_date,
        asked_for: None,
        select: event.select.clone(),
        exclude: event.exclude.clone(),
        vars: event.vars.clone(),
        full_refresh: event.full_refresh,
        force: event.force,
        project: context.project.fingerprint.clone(),
        phase: Phase::Inspecting,
        inspection: None,
        ledger: None,
        sources: BTreeMap::new(),
        ran: false,
        mark: None,
        inspections: 0,
        failure: None,
        existing: BTreeMap::new(),
        nodes: selected.into_iter().map(|id| (id, NodeState::pending())).collect(),
        running: Vec::new(),
        publications: BTreeMap::new(),
        panels: BTreeMap::new(),
        panel_warnings: Vec::new(),
        keeps_report: false,
    })
}

fn running(state: &BuildState) -> Result<MartBuilderOutput, MartBuilderError> {
    let cursor = Cursor {
        format_version: FORMAT_VERSION,
        generation: state.generation,
    };
    let cursor = serde_json::to_value(cursor).map_err(|error| MartBuilderError::Internal {
        what: "the cursor",
        cause: error.to_string(),
    })?;
    Ok(waiting(Some(cursor)))
}

/// Output of an unfinished build.
const fn waiting(cursor: Option<Value>) -> MartBuilderOutput {
    MartBuilderOutput {
        status: TickStatus::Running,
        cursor,
        marts: BTreeMap::new(),
        tests_passed: 0,
        unchanged_models: 0,
        unchanged_tests: 0,
        warnings: Vec::new(),
        failed_panels: 0,
        report: None,
    }
}
