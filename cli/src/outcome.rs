//! Outcome of a day's run: stages, row accounting, marts, failure.

use cardlake_core::events::{BalanceOutput, UnreadFile};
use cardlake_core::run_record;
use cardlake_states::HistoryEvent;
use chrono::NaiveDate;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Seconds of one stage.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct StageTime {
    /// The state of the state machine, in lower case.
    pub name: String,
    /// Wall time, waits between ticks included.
    pub seconds: f64,
}

/// A day that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The state that failed.
    pub stage: String,
    /// The error name.
    pub error: String,
    /// What went wrong, for people.
    pub message: String,
}

/// Outcome of a day.
#[derive(Debug, Clone)]
pub struct DayOutcome {
    /// The day.
    pub batch_date: NaiveDate,
    /// Wall time of the whole run.
    pub seconds: f64,
    /// The stages, in the order in which they began.
    pub stages: Vec<StageTime>,
    /// Row accounting by dataset; `None` if the run failed before it.
    pub books: Option<BalanceOutput>,
    /// The first objects of the day that are not input, known from the plan on.
    pub ignored: Vec<UnreadFile>,
    /// How many there are.
    pub ignored_objects: u64,
    /// Rows of each mart.
    pub marts: BTreeMap<String, u64>,
    /// One sentence per failed check that does not stop a day: expectations below critical, data tests of severity warn,
    /// panels of the report.
    pub warnings: Vec<String>,
    /// The report.
    pub report: Option<PathBuf>,
    /// Why the run failed, if it did.
    pub failure: Option<Failure>,
    /// The events of the execution.
    pub history: Vec<HistoryEvent>,
}

/// The message for people in the cause of a failure: that of a function's error reply, else the cause as it is.
pub(crate) fn failure_message(error: &str, cause: &str) -> String {
    let reply: Option<Value> = serde_json::from_str(cause).ok();
    let message = reply
        .as_ref()
        .and_then(|reply| reply.get("errorMessage"))
        .and_then(Value::as_str)
        .unwrap_or(cause);
    if message.is_empty() {
        return run_record::Failure::without_cause(error).to_owned();
    }
    message.to_owned()
}
