//! Input and output of the notifier: the end of a run.

use super::stages::{BalanceOutput, MartBuilderOutput, PlanOutput, ValidatorOutput};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The end of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub enum NotifierEvent {
    /// Everything was built and published.
    Succeeded {
        /// Batch date.
        batch_date: NaiveDate,
        /// Run ID.
        run_id: String,
        /// Row counts of all layers, by dataset.
        books: BalanceOutput,
        /// Outputs of the validator.
        audits: Vec<ValidatorOutput>,
        /// Output of the mart builder's last tick.
        marts: MartBuilderOutput,
        /// Execution.
        #[serde(default)]
        execution: ExecutionFacts,
    },
    /// A stage failed.
    Failed {
        /// Batch date.
        batch_date: NaiveDate,
        /// Run ID.
        run_id: String,
        /// The failed state of the state machine.
        stage: String,
        /// Error name.
        error: String,
        /// Cause, as reported by Step Functions: for a function, the JSON error response.
        cause: String,
        /// Output of the plan step.
        #[serde(default)]
        plan: PlannedRun,
        /// Execution.
        #[serde(default)]
        execution: ExecutionFacts,
    },
}

/// The state machine's step `Plan`, whether it was reached or not.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedRun {
    /// Bronze objects of the day; `None` if the step did not finish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<PlanOutput>,
    /// Time at which the step was entered.
    #[serde(default)]
    pub entered: Option<DateTime<Utc>>,
}

/// The state machine's data on an execution.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecutionFacts {
    /// Start time.
    #[serde(default)]
    pub started_at: Option<DateTime<Utc>>,
    /// Time at which the last step was entered.
    #[serde(default)]
    pub ended_at: Option<DateTime<Utc>>,
    /// Input.
    #[serde(default)]
    pub input: serde_json::Value,
    /// Time at which each stage was entered; `None` if it was not.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub entered: BTreeMap<String, Option<DateTime<Utc>>>,
}

/// Output of the notifier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotifierOutput {
    /// Key of the run record in the silver bucket.
    pub run_record: String,
    /// Number of messages sent.
    pub messages: u64,
}
