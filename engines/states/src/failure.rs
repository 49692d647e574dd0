//! The error that travels through the states, and the names that Step Functions reserves.

use crate::task::TaskFailure;

/// Matches every error but `States.Runtime`.
pub(crate) const ALL: &str = "States.ALL";
/// A payload above the quota.
pub(crate) const DATA_LIMIT_EXCEEDED: &str = "States.DataLimitExceeded";
/// A task, or the whole execution, took too long.
pub(crate) const TIMEOUT: &str = "States.Timeout";
/// Matches every error but a timeout and `States.Runtime`.
pub(crate) const TASK_FAILED: &str = "States.TaskFailed";
/// A result that cannot be placed where `ResultPath` wants it.
pub(crate) const RESULT_PATH_MATCH_FAILURE: &str = "States.ResultPathMatchFailure";
/// A branch of a `Parallel` failed.
pub(crate) const BRANCH_FAILED: &str = "States.BranchFailed";
/// No rule of a `Choice` matched, and it has no `Default`.
pub(crate) const NO_CHOICE_MATCHED: &str = "States.NoChoiceMatched";
/// An intrinsic function refused its arguments.
pub(crate) const INTRINSIC_FAILURE: &str = "States.IntrinsicFailure";
/// More items of a map failed than it tolerates.
pub(crate) const EXCEED_TOLERATED_FAILURE_THRESHOLD: &str = "States.ExceedToleratedFailureThreshold";
/// The items of a map could not be listed.
pub(crate) const ITEM_READER_FAILED: &str = "States.ItemReaderFailed";
/// A fault of the definition that shows up at run time only, such as a path that selects nothing; always the end of the
/// execution.
pub(crate) const RUNTIME: &str = "States.Runtime";

/// Every name that starts with `States.` and that a `Retry` or `Catch` may list.
pub(crate) const RESERVED_NAMES: [&str; 16] = [
    ALL,
    DATA_LIMIT_EXCEEDED,
    "States.HeartbeatTimeout",
    TIMEOUT,
    TASK_FAILED,
    "States.Permissions",
    RESULT_PATH_MATCH_FAILURE,
    "States.ParameterPathFailure",
    BRANCH_FAILED,
    NO_CHOICE_MATCHED,
    INTRINSIC_FAILURE,
    EXCEED_TOLERATED_FAILURE_THRESHOLD,
    ITEM_READER_FAILED,
    "States.ResultWriterFailed",
    RUNTIME,
    "States.QueryEvaluationError",
];

/// An error on its way to a retrier, a catcher or the end of the execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) error: String,
    pub(crate) cause: String,
    /// The path of the innermost state that failed; empty until a state claims it.
    pub(crate) state: String,
    /// It comes out of a branch of a `Parallel`, so that `States.BranchFailed` names it too.
    pub(crate) from_branch: bool,
}

impl Failure {
    pub(crate) fn new(error: &str, cause: impl Into<String>) -> Self {
        Self {
            error: error.to_owned(),
            cause: cause.into(),
            state: String::new(),
            from_branch: false,
        }
    }

    pub(crate) fn runtime(cause: impl Into<String>) -> Self {
        Self::new(RUNTIME, cause)
    }

    /// Names the state that failed, unless an inner one is named already.
    pub(crate) fn at(mut self, path: &str) -> Self {
        if self.state.is_empty() {
            path.clone_into(&mut self.state);
        }
        self
    }

    pub(crate) fn as_task_failure(&self) -> TaskFailure {
        TaskFailure {
            error: self.error.clone(),
            cause: self.cause.clone(),
        }
    }
}

impl From<TaskFailure> for Failure {
    fn from(failure: TaskFailure) -> Self {
        Self::new(&failure.error, failure.cause)
    }
}
