//! How to run an execution.

use chrono::{DateTime, Utc};
use serde_json::Value;

/// How to run an execution.
#[derive(Debug, Clone, PartialEq)]
pub struct ExecutionOptions {
    /// The name of the state machine: `$$.StateMachine.Name`.
    pub state_machine_name: String,
    /// The name of the execution: `$$.Execution.Name`.
    pub name: String,
    /// When it starts; its clock goes on from there.
    pub start_time: DateTime<Utc>,
    /// The input, at most 256 KiB of JSON.
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
