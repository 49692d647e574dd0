//! Interpreter of the Amazon States Language: runs the state machine definitions of AWS Step Functions in this process.
//!
//! Input: a definition in JSONPath mode, with the `${name}` placeholders of Terraform's `templatefile`; a JSON input; a
//! [`TaskInvoker`] that runs the tasks.
//! Output: an [`ExecutionResult`] with the outcome, the execution history and the number of billed transitions.
//!
//! Guarantee: [`StateMachine::from_json`] rejects every part of a definition that the interpreter does not support,
//! naming the state and the field; nothing is ignored silently. Error names, the order of retriers and catchers, and the
//! quotas for payloads (256 KiB) and history events (25,000) are those of Step Functions.
//!
//! Failure: an execution never returns `Err` and never panics. An error that no `Catch` handles is [`Outcome::Failed`]
//! with the error name, its cause and the state.
//!
//! Not supported, and rejected: JSONata, variables (`Assign`), callbacks with a task token, heartbeats, `ResultWriter`,
//! item readers other than `s3:listObjectsV2`.
//!
//! Known differences from AWS: everything runs in one process, so `EXPRESS` children of a distributed map behave like
//! `STANDARD` ones; an item of a distributed map that fails within the tolerance leaves `null` in the results, as it
//! does in LocalStack; the cause of an exceeded tolerance includes the first failure.
//!
//! States run concurrently (parallel branches, map items) on the caller's task: an invoker with CPU-bound tasks should
//! spawn them.
//!
//! Modules, each using only those above it:
//!
//! | module | contents |
//! |---|---|
//! | `task`, `observer` | what the caller implements |
//! | `failure`, `random` | the error of a state; seeded random numbers |
//! | `data` | JSONPath, intrinsic functions, payload templates, the context object |
//! | `definition` | the parsed state machine, and how it is read and checked |
//! | `execution` | running it: states, maps, retries, history, clock |

mod data;
mod definition;
mod execution;
mod failure;
mod observer;
mod random;
mod task;

pub use definition::error::DefinitionError;
pub use definition::machine::StateMachine;
pub use execution::execute::execute;
pub use execution::history::HistoryEvent;
pub use execution::options::ExecutionOptions;
pub use execution::outcome::{ExecutionResult, Outcome};
pub use observer::{MapProgress, Observer, StateEvent, Unobserved};
pub use task::{ObjectItem, TaskFailure, TaskInvoker};
