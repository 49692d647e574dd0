//! An interpreter for AWS Step Functions state machines: the same definition files that run on AWS run in this process.
//!
//! Input: a definition in the Amazon States Language, JSONPath mode, with `${name}` placeholders as Terraform's
//! `templatefile` knows them; a JSON input; a [`TaskInvoker`] that carries out the tasks.
//! Output: an [`ExecutionResult`] with the outcome, the events of the execution and its number of billed transitions.
//!
//! Guarantee: what a definition uses and the interpreter does not know is refused by [`StateMachine::from_json`], with
//! the state and the field; nothing is ignored silently. Names of errors, the order of retriers and catchers, the
//! quotas for payloads (256 KiB) and for events (25,000) are those of Step Functions.
//!
//! Failure: an execution never returns `Err` and never panics; an error that no `Catch` takes is
//! [`Outcome::Failed`] with the name of the error, its cause and the state.
//!
//! Not here, and refused: JSONata, variables (`Assign`), callbacks with a task token, heartbeats, `ResultWriter`, item
//! readers other than `s3:listObjectsV2`.
//!
//! Known differences from AWS: one process runs everything, so `EXPRESS` children of a distributed map behave like
//! `STANDARD` ones; an item of a distributed map that fails within the tolerance leaves `null` in the results, as it
//! does in LocalStack; the cause of an exceeded tolerance also tells the first failure.
//!
//! The states run concurrently (parallel branches, map items) on the caller's task: an invoker whose tasks compute
//! should spawn them.

mod check;
mod choice;
mod clock;
mod context;
mod definition;
mod execute;
mod execution;
mod failure;
mod fields;
mod history;
mod intrinsics;
mod map;
mod map_definition;
mod paths;
mod retry;
mod template;

use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::Value;

pub use definition::{DefinitionError, StateMachine};
pub use execute::execute;
pub use execution::{ExecutionOptions, ExecutionResult, Outcome};
pub use history::{HistoryEvent, MAX_HISTORY_EVENTS};

/// The largest payload a state takes or gives, in bytes of UTF-8 JSON.
pub const MAX_PAYLOAD_BYTES: usize = 262_144;

/// Why a task failed: the pair that `Retry` and `Catch` see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskFailure {
    /// The name of the error, such as `States.TaskFailed` or a function's `errorType`.
    pub error: String,
    /// The explanation for a person.
    pub cause: String,
}

/// An object of a bucket listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectItem {
    /// The key, not encoded.
    pub key: String,
    /// Bytes.
    pub size: u64,
}

/// Carries out tasks on behalf of a state machine.
pub trait TaskInvoker: Send + Sync {
    /// Whether this invoker can carry out tasks of `resource` (the `Resource` field, such as
    /// `arn:aws:states:::lambda:invoke`). [`execute`] refuses a machine that uses any other.
    fn supports(&self, resource: &str) -> bool;

    /// Runs one task to its end and returns its result: for `lambda:invoke` an object with `Payload` and `StatusCode`.
    /// Dropping the future abandons the task (a timeout, or a sibling that failed).
    fn invoke<'a>(&'a self, resource: &'a str, parameters: Value) -> BoxFuture<'a, Result<Value, TaskFailure>>;

    /// Lists the objects of `bucket` whose key starts with `prefix`, in key order, at most `max_items` if given.
    fn list_objects<'a>(
        &'a self,
        bucket: &'a str,
        prefix: &'a str,
        max_items: Option<usize>,
    ) -> BoxFuture<'a, Result<Vec<ObjectItem>, TaskFailure>>;
}

/// What an observer is told about a state: where it is and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateEvent<'a> {
    /// The names of the states from the outside in, separated by `/`; an item of a map stands in brackets, by its
    /// value where that is a short string and by its index otherwise: `TransformDatasets[transactions]/Transform`.
    pub path: &'a str,
    /// The state's own name.
    pub name: &'a str,
    /// `Task`, `Choice`, ...
    pub state_type: &'a str,
}

/// How far a map has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapProgress {
    /// All items (batches, with `ItemBatcher`).
    pub total: usize,
    /// Items that succeeded.
    pub succeeded: usize,
    /// Items that failed.
    pub failed: usize,
}

/// Follows an execution: for a progress display or for timings. Every method does nothing by default.
pub trait Observer: Send + Sync {
    /// A state begins.
    fn state_entered(&self, _event: StateEvent<'_>) {}

    /// A state ended well or its error was caught; `failure` is `None` or the error. `duration` includes retries.
    fn state_exited(&self, _event: StateEvent<'_>, _duration: Duration, _failure: Option<&TaskFailure>) {}

    /// A state failed and starts again after `delay`; `attempt` counts retries from 1.
    fn state_retried(&self, _event: StateEvent<'_>, _failure: &TaskFailure, _attempt: u32, _delay: Duration) {}

    /// An item of a map ended, or the map learnt how many items it has.
    fn map_progressed(&self, _event: StateEvent<'_>, _progress: MapProgress) {}
}

/// The observer that looks away.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {}
