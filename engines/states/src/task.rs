//! Tasks, and who carries them out.

use futures::future::BoxFuture;
use serde_json::Value;

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
    /// `arn:aws:states:::lambda:invoke`). [`execute`](crate::execute()) refuses a machine that uses any other.
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
