//! The record of a run: what stays of it when the messages are gone.

use crate::message::Failure;
use cardlake_shared::events::{BalanceOutput, ExecutionFacts, MartBuilderOutput, ValidatorOutput};
use cardlake_shared::records::FORMAT_VERSION;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// What became of a run. Its times are the state machine's: the same end of a run gives the same record. (serde cannot refuse unknown
/// fields beside flattened ones.)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// See [`FORMAT_VERSION`].
    pub format_version: u32,
    /// The day.
    pub batch_date: NaiveDate,
    /// Identifies the run.
    pub run_id: String,
    /// Version of cardlake.
    #[serde(default)]
    pub version: String,
    /// When it ran, and what it was asked for.
    #[serde(default)]
    pub execution: ExecutionFacts,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: RunOutcome,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum RunOutcome {
    /// Everything was built and published.
    Succeeded {
        /// The books.
        books: BalanceOutput,
        /// What the audits gave.
        audits: Vec<ValidatorOutput>,
        /// What the mart builder gave at its last tick.
        marts: MartBuilderOutput,
    },
    /// A stage failed.
    Failed(Failure),
}

impl RunOutcome {
    /// In one word.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Succeeded { .. } => "succeeded",
            Self::Failed(_) => "failed",
        }
    }
}

impl RunRecord {
    pub(crate) fn new(batch_date: NaiveDate, run_id: String, execution: ExecutionFacts, outcome: RunOutcome) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            batch_date,
            run_id,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            execution,
            outcome,
        }
    }
}
