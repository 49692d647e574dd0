//! What an execution is given and what it leaves behind.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::history::HistoryEvent;

/// The largest payload a state takes or gives, in bytes of UTF-8 JSON.
pub const MAX_PAYLOAD_BYTES: usize = 262_144;

/// How to run an execution.
#[derive(Debug, Clone, PartialEq)]
pub struct ExecutionOptions {
    /// The name of the state machine: `$$.StateMachine.Name`.
    pub state_machine_name: String,
    /// The name of the execution: `$$.Execution.Name`.
    pub name: String,
    /// When it starts; its clock goes on from there.
    pub start_time: DateTime<Utc>,
    /// The input, at most [`MAX_PAYLOAD_BYTES`].
    pub input: Value,
    /// The share of every `Wait` and retry delay that is really waited, from 0 to 1; it is more in an execution that takes
    /// long and whose clock shows real time. Timeouts are not scaled.
    pub time_scale: f64,
    /// Whether the execution's own clock moves by the whole of a wait that was scaled, so that waits for a point in time
    /// end there; otherwise it shows the time that really passes.
    pub skips_time: bool,
    /// A ceiling for the items of a map that run at the same time, on top of the map's own.
    pub max_concurrency: usize,
    /// Where jitter, `States.MathRandom` and `States.UUID` come from: the same seed gives the same numbers.
    pub seed: u64,
}

impl ExecutionOptions {
    /// An execution in real time, without a ceiling of its own for concurrency.
    pub fn new(state_machine_name: &str, name: &str, start_time: DateTime<Utc>, input: Value) -> Self {
        Self {
            state_machine_name: state_machine_name.to_owned(),
            name: name.to_owned(),
            start_time,
            input,
            time_scale: 1.0,
            skips_time: true,
            max_concurrency: usize::MAX,
            seed: 0,
        }
    }
}

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
