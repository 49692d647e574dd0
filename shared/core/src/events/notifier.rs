//! What the notifier takes and gives: the end of a run.

use super::{BalanceOutput, MartBuilderOutput, PlanOutput, ValidatorOutput};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The end of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub enum NotifierEvent {
    /// Everything was built and published.
    Succeeded {
        /// The day.
        batch_date: NaiveDate,
        /// Identifies the run.
        run_id: String,
        /// The books.
        books: BalanceOutput,
        /// What the audits gave.
        audits: Vec<ValidatorOutput>,
        /// What the mart builder gave at its last tick.
        marts: MartBuilderOutput,
        /// The execution.
        #[serde(default)]
        execution: ExecutionFacts,
    },
    /// A stage failed.
    Failed {
        /// The day.
        batch_date: NaiveDate,
        /// Identifies the run.
        run_id: String,
        /// The failed state of the state machine.
        stage: String,
        /// The error name.
        error: String,
        /// The cause, as Step Functions gives it: for a function the JSON of its error reply.
        cause: String,
        /// What the run was about.
        #[serde(default)]
        plan: PlannedRun,
        /// The execution.
        #[serde(default)]
        execution: ExecutionFacts,
    },
}

/// What the state machine keeps of its step `Plan`, whether it came so far or not.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedRun {
    /// What lies in bronze; none: nobody has looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<PlanOutput>,
    /// When it was entered.
    #[serde(default)]
    pub entered: Option<DateTime<Utc>>,
}

/// What the state machine knows about an execution.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecutionFacts {
    /// When it was started.
    #[serde(default)]
    pub started_at: Option<DateTime<Utc>>,
    /// When it came to its last step.
    #[serde(default)]
    pub ended_at: Option<DateTime<Utc>>,
    /// What it was started with.
    #[serde(default)]
    pub input: serde_json::Value,
    /// When it came to each stage; none: it did not.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub entered: BTreeMap<String, Option<DateTime<Utc>>>,
}

/// What the notifier did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotifierOutput {
    /// Key of the run record in the silver bucket.
    pub run_record: String,
    /// Messages sent.
    pub messages: u64,
}
