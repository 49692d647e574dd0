//! One day through the state machine, in this process.

pub mod backfill;
pub mod report;

use crate::environment::Environment;
use crate::error::CliError;
use crate::invoker::StageInvoker;
use crate::outcome::{DayOutcome, Failure, failure_message};
use crate::progress::Progress;
use cardlake_core::assets::{AssetFolder, Assets};
use cardlake_core::error::ErrorKind;
use cardlake_core::events::{BalanceOutput, MartBuilderOutput, ValidatorOutput};
use cardlake_states::{ExecutionOptions, Outcome, StateMachine, execute};
use chrono::{NaiveDate, Utc};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Instant;

/// The file that a run follows.
const DAILY: &str = "daily.asl.json";

/// How much shorter the waits between ticks are than in AWS: statements of a local warehouse take milliseconds.
const WAIT_SCALE: f64 = 0.0025;

/// Runs a day.
///
/// # Errors
/// The state machine or a stage's settings are wrong. A run that fails is an outcome, not an error.
pub async fn run_day(
    environment: &Environment,
    day: NaiveDate,
    input: Value,
    progress: &Progress,
) -> Result<DayOutcome, CliError> {
    let invoker = StageInvoker::new(environment).await?;
    run_day_with(&invoker, environment, day, input, progress).await
}

async fn run_day_with(
    invoker: &StageInvoker,
    environment: &Environment,
    day: NaiveDate,
    input: Value,
    progress: &Progress,
) -> Result<DayOutcome, CliError> {
    let machine = state_machine(&environment.assets(), DAILY)?;
    let started = Instant::now();
    let observer = progress.day(day, invoker.transformed());
    let name = format!("{day}-{}", uuid::Uuid::new_v4().simple());
    let options = ExecutionOptions {
        time_scale: WAIT_SCALE,
        // Run records tell how long it took.
        skips_time: false,
        max_concurrency: std::thread::available_parallelism().map_or(2, usize::from),
        ..ExecutionOptions::new("cardlake-daily", &name, Utc::now(), input)
    };
    let result = execute(&machine, options, invoker, &observer).await;
    let stages = observer.stages();
    let (ignored, ignored_objects) = invoker
        .planned()
        .map_or_else(Default::default, |plan| (plan.ignored, plan.ignored_objects));
    let mut outcome = DayOutcome {
        batch_date: day,
        seconds: started.elapsed().as_secs_f64(),
        stages,
        books: None,
        ignored,
        ignored_objects,
        marts: BTreeMap::new(),
        warnings: Vec::new(),
        report: None,
        failure: None,
        history: result.history,
    };
    match result.outcome {
        Outcome::Succeeded { output } => {
            outcome.books = Some(part::<BalanceOutput>(&output, "books")?);
            let marts = part::<MartBuilderOutput>(&output, "build")?;
            outcome.report = marts
                .report
                .map(|key| environment.object_path(crate::environment::GOLD, &key));
            outcome.marts = marts.marts;
            outcome.warnings = audit_warnings(&output)?;
            outcome.warnings.extend(marts.warnings);
        }
        Outcome::Failed { error, cause, state } => {
            let mut failure = failure(observer.failed_stage().unwrap_or(state), error, &cause);
            // The map goes on without objects that fail, and the reconciler only knows that they are missing.
            if failure.error == ErrorKind::IncompleteBatch.error_type()
                && let Some(item) = observer.failed_item()
            {
                let why = format!(
                    "; why the first one failed: {}",
                    failure_message(&item.error, &item.cause)
                );
                failure.message.push_str(&why);
            }
            outcome.failure = Some(failure);
        }
        Outcome::TimedOut => {
            let message = "the execution took longer than the state machine allows";
            outcome.failure = Some(failure(String::new(), "States.Timeout".to_owned(), message));
        }
    }
    progress.day_done(&outcome);
    Ok(outcome)
}

/// A state machine of the project with the names of this process.
pub(crate) fn state_machine(assets: &Assets, file: &str) -> Result<StateMachine, CliError> {
    let text = assets
        .read(AssetFolder::StateMachines, file)
        .map_err(|error| CliError::caused("read the state machine", &error))?
        .text;
    StateMachine::from_json(&text, &StageInvoker::substitutions())
        .map_err(|error| CliError::caused(&format!("use {file}"), &error))
}

/// Warnings of the validator, each with its dataset.
fn audit_warnings(output: &Value) -> Result<Vec<String>, CliError> {
    let audits: Vec<ValidatorOutput> = field(output, "audits", "items")?;
    let warnings = audits.into_iter().flat_map(|audit| {
        let of_dataset = move |warning| format!("{}: {warning}", audit.dataset);
        audit.warnings.into_iter().map(of_dataset)
    });
    Ok(warnings.collect())
}

fn part<T: serde::de::DeserializeOwned>(output: &Value, name: &str) -> Result<T, CliError> {
    field(output, name, "output")
}

fn field<T: serde::de::DeserializeOwned>(output: &Value, name: &str, field: &str) -> Result<T, CliError> {
    let value = output
        .get(name)
        .and_then(|value| value.get(field))
        .cloned()
        .unwrap_or_default();
    serde_json::from_value(value)
        .map_err(|error| CliError::caused(&format!("read '{name}' in the output of {DAILY}"), &error))
}

fn failure(stage: String, error: String, cause: &str) -> Failure {
    Failure {
        message: failure_message(&error, cause),
        stage,
        error,
    }
}

#[cfg(test)]
mod concurrent_tests;
#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod permissions_tests;
#[cfg(test)]
mod sample_events_tests;
#[cfg(test)]
mod tests;
