//! An action of the reconciler on the whole lake, from the command line.

use crate::environment::Environment;
use crate::error::{CliError, print};
use cardlake_core::events::ReconcilerEvent;
use cardlake_reconciler::{Context, Output, handle};
use serde::Serialize;
use std::path::Path;
use std::process::ExitCode;

/// What a command asks of the reconciler, and how it shows the outcome.
pub(crate) struct LakeAction<T> {
    /// What fails, in messages: "vacuum the lake".
    pub(crate) name: &'static str,
    pub(crate) event: ReconcilerEvent,
    /// The outcome of this action, out of what the reconciler can answer.
    pub(crate) outcome: fn(Output) -> Option<T>,
    /// The outcome for people.
    pub(crate) text: fn(&T) -> String,
}

impl<T: Serialize> LakeAction<T> {
    /// Runs the action on the lake in `data_dir` and prints its outcome, as a document for machines if `json`.
    ///
    /// # Errors
    /// There is no lake yet, the reconciler fails, or the lake cannot be closed.
    pub(crate) async fn run(self, data_dir: &Path, json: bool) -> Result<ExitCode, CliError> {
        let Self {
            name,
            event,
            outcome,
            text,
        } = self;
        let environment = Environment::open_existing(data_dir).await?;
        let answer = ask(&environment, name, event).await;
        let answer = answer.map_err(|error| error.short_of_space(environment.shortage()));
        let closed = environment.close().await;
        let output =
            outcome(answer?).ok_or_else(|| CliError::failed("the reconciler gave the outcome of another action"))?;
        print(json, &output, || text(&output))?;
        closed.map(|()| ExitCode::SUCCESS)
    }
}

async fn ask(environment: &Environment, name: &str, event: ReconcilerEvent) -> Result<Output, CliError> {
    let context = Context::new(environment.resources())
        .await
        .map_err(|error| CliError::caused(name, &error))?;
    handle(event, &context)
        .await
        .map_err(|error| CliError::caused(name, &error))
}
