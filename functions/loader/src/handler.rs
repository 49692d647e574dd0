//! The handler: one tick of a load, under the lease of the warehouse; or the action that an event names.

use crate::bootstrap::bootstrap;
use crate::context::Context;
use crate::cursor::{Cursor, DatasetCursor, FORMAT_VERSION, Step};
use crate::error::LoaderError;
use crate::tick::Tick;
use cardlake_core::events::{BootstrapOutput, LoadedDataset, LoaderEvent, LoaderOutput, LoaderRequest, TickStatus};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The output of a load or of an action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Output {
    /// Of a tick of a load.
    Load(LoaderOutput),
    /// Of `bootstrap`.
    Bootstrap(BootstrapOutput),
}

/// Runs the action that the event names; without one, a tick of a load.
///
/// # Errors
/// A statement failed, a service refused, a table is missing: see [`LoaderError`].
pub async fn handle(event: LoaderRequest, context: &Context) -> Result<Output, LoaderError> {
    match event {
        LoaderRequest::Load(event) => load_tick(event, context).await.map(Output::Load),
        LoaderRequest::Bootstrap(event) => bootstrap(&event, context).await.map(Output::Bootstrap),
    }
}

/// Does what can be done now; the output says whether to call again. While another run loads or builds, nothing is done.
///
/// # Errors
/// A statement failed, a service refused, a table is missing: see [`LoaderError`].
pub async fn load_tick(event: LoaderEvent, context: &Context) -> Result<LoaderOutput, LoaderError> {
    let Some(lease) = &context.lease else {
        return tick(&event, context).await;
    };
    let by_hand = || format!("load of {} by hand", event.batch_date);
    let holder = event.run_id.clone().unwrap_or_else(by_hand);
    let has_ended = |output: &LoaderOutput| output.status == TickStatus::Succeeded;
    let output = lease.tick(&holder, tick(&event, context), has_ended).await?;
    Ok(output.unwrap_or_else(|| running(event.cursor)))
}

async fn tick(event: &LoaderEvent, context: &Context) -> Result<LoaderOutput, LoaderError> {
    let tick = Tick { event, context };
    let mut cursor = match &event.cursor {
        None => begin(event, context).await?,
        Some(cursor) => Cursor::read(cursor)?,
    };
    advance(&tick, &mut cursor).await?;
    output(&cursor)
}

/// Chooses the datasets and pins the versions to reach.
async fn begin(event: &LoaderEvent, context: &Context) -> Result<Cursor, LoaderError> {
    // An event without datasets means all, and names none.
    let named = event.datasets.as_deref().unwrap_or_default();
    for dataset in named {
        context.contracts.get(dataset)?;
    }
    let mut datasets = Vec::new();
    for contract in context.contracts.iter() {
        let dataset = contract.dataset.clone();
        let wanted = event.datasets.is_none() || named.contains(&dataset);
        let target = if wanted {
            context.silver.version(&dataset).await?
        } else {
            None
        };
        if target.is_none() && named.contains(&dataset) {
            return Err(LoaderError::NoSilverTable { dataset });
        }
        datasets.push(DatasetCursor {
            dataset,
            target,
            step: Step::Waiting,
        });
    }
    Ok(Cursor {
        format_version: FORMAT_VERSION,
        run: Uuid::new_v4().simple().to_string(),
        full_refresh: event.full_refresh,
        ledger: None,
        attempt: 0,
        datasets,
    })
}

/// Polls the transactions under way and submits what is ready.
async fn advance(tick: &Tick<'_>, cursor: &mut Cursor) -> Result<(), LoaderError> {
    if let Some(statement) = cursor.ledger.clone() {
        tick.look_at_ledger(cursor, &statement).await?;
    }
    for index in 0..cursor.datasets.len() {
        let step = match cursor.datasets[index].step.clone() {
            Step::Widening { statement } => tick.look_at_widening(cursor, index, statement).await?,
            Step::Loading(loading) => tick.look_at_load(cursor, index, loading).await?,
            Step::Diagnosing {
                statement,
                failed,
                error,
            } => tick.look_at_diagnosis(statement, failed, error).await?,
            Step::Comparing { statement, loading } => {
                tick.look_at_comparison(cursor, index, statement, loading).await?
            }
            step @ (Step::Waiting | Step::Done { .. }) => step,
        };
        cursor.datasets[index].step = step;
    }
    let waiting = cursor.datasets.iter().any(|dataset| dataset.step == Step::Waiting);
    if waiting && cursor.ledger.is_none() {
        tick.ask_ledger(cursor).await?;
    }
    Ok(())
}

/// The output that asks for another call.
const fn running(cursor: Option<serde_json::Value>) -> LoaderOutput {
    LoaderOutput {
        status: TickStatus::Running,
        cursor,
        datasets: Vec::new(),
    }
}

fn output(cursor: &Cursor) -> Result<LoaderOutput, LoaderError> {
    let mut datasets = Vec::new();
    let mut is_running = false;
    for entry in &cursor.datasets {
        match &entry.step {
            Step::Done {
                version,
                copied_rows,
                warehouse_rows,
                compared,
            } => datasets.extend(version.map(|version| LoadedDataset {
                dataset: entry.dataset.clone(),
                version,
                copied_rows: *copied_rows,
                warehouse_rows: *warehouse_rows,
                compared: compared.clone(),
            })),
            _ => is_running = true,
        }
    }
    if is_running {
        return Ok(running(Some(cursor.write()?)));
    }
    Ok(LoaderOutput {
        status: TickStatus::Succeeded,
        cursor: None,
        datasets,
    })
}
