//! An interpreter for AWS Step Functions state machines: the definition files that run on AWS run in this process.
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
mod definition_error;
mod execute;
mod execution;
mod failure;
mod field_types;
mod fields;
mod history;
mod intrinsics;
mod map;
mod map_definition;
mod model;
mod observer;
mod paths;
mod retry;
mod steps;
mod task;
mod template;
mod unique_keys;

pub use definition_error::DefinitionError;
pub use execute::execute;
pub use execution::{ExecutionOptions, ExecutionResult, MAX_PAYLOAD_BYTES, Outcome};
pub use history::{HistoryEvent, MAX_HISTORY_EVENTS};
pub use model::StateMachine;
pub use observer::{MapProgress, Observer, StateEvent, Unobserved};
pub use task::{ObjectItem, TaskFailure, TaskInvoker};
