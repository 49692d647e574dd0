//! The port through which a state machine reaches the outside world: tasks and listings.

use futures::future::BoxFuture;
use serde_json::Value;

/// Why a task failed: the pair that `Retry` and `Catch` see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskFailure {
    /// The error name, such as `States.TaskFailed` or a function's `errorType`.
    pub error: String,
    /// The explanation, for people.
    pub cause: String,
}

/// An object of a bucket listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectItem {
    /// The key, not URL-encoded.
    pub key: String,
    /// Size in bytes.
    pub size: u64,
}

/// Runs the tasks of a state machine.
pub trait TaskInvoker: Send + Sync {
    /// Whether this invoker runs tasks of `resource` (the `Resource` field, such as `arn:aws:states:::lambda:invoke`).
    /// [`execute`](crate::execute) rejects a machine that uses any other.
    fn supports(&self, resource: &str) -> bool;

    /// Runs one task to completion and returns its result: for `lambda:invoke` an object with `Payload` and
    /// `StatusCode`. Dropping the future cancels the task (a timeout, or a sibling that failed).
    fn invoke<'a>(&'a self, resource: &'a str, parameters: Value) -> BoxFuture<'a, Result<Value, TaskFailure>>;

    /// Lists the objects of `bucket` whose key starts with `prefix`, in key order, at most `max_items` if given.
    fn list_objects<'a>(
        &'a self,
        bucket: &'a str,
        prefix: &'a str,
        max_items: Option<usize>,
    ) -> BoxFuture<'a, Result<Vec<ObjectItem>, TaskFailure>>;
}
