//! How an execution ended.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::execution::history::HistoryEvent;

/// How an execution ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// With an output.
    Succeeded {
        /// The output of the last state.
        output: Value,
    },
    /// With an error that nothing caught, or in a `Fail` state.
    Failed {
        /// The name of the error.
        error: String,
        /// The explanation for a person.
        cause: String,
        /// The path of the state that failed; empty if the execution did not start.
        state: String,
    },
    /// It took longer than the machine's `TimeoutSeconds`.
    TimedOut,
}

/// An execution that ended.
#[derive(Debug, Clone, PartialEq)]
pub struct ExecutionResult {
    /// How.
    pub outcome: Outcome,
    /// Its events in order. The children of distributed maps are not in it, as on AWS.
    pub history: Vec<HistoryEvent>,
    /// State transitions as Step Functions bills them: every state entered, every retry.
    pub transitions: u64,
    /// When it ended, on its own clock.
    pub end_time: DateTime<Utc>,
}
