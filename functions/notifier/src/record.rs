//! The run record: what a run did, as a document that outlives the execution history.

use cardlake_shared::events::{BalanceOutput, MartBuilderOutput, NotifierEvent, ValidatorOutput};
use cardlake_shared::records::FORMAT_VERSION;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// One run. (serde cannot refuse unknown fields beside flattened ones.)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// See [`FORMAT_VERSION`].
    pub format_version: u32,
    /// The day.
    pub batch_date: NaiveDate,
    /// The execution.
    pub run_id: String,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Everything was built and published.
    Succeeded {
        /// The books.
        books: BalanceOutput,
        /// What the audits gave.
        audits: Vec<ValidatorOutput>,
        /// What the mart builder gave.
        marts: MartBuilderOutput,
    },
    /// A stage failed.
    Failed {
        /// The failed state of the state machine.
        stage: String,
        /// The error name.
        error: String,
        /// What went wrong, for people.
        message: String,
    },
}

impl RunRecord {
    /// The record of a run.
    #[must_use]
    pub fn new(event: NotifierEvent) -> Self {
        match event {
            NotifierEvent::Succeeded {
                batch_date,
                run_id,
                books,
                audits,
                marts,
            } => Self {
                format_version: FORMAT_VERSION,
                batch_date,
                run_id,
                outcome: Outcome::Succeeded { books, audits, marts },
            },
            NotifierEvent::Failed {
                batch_date,
                run_id,
                stage,
                error,
                cause,
            } => Self {
                format_version: FORMAT_VERSION,
                batch_date,
                run_id,
                outcome: Outcome::Failed {
                    stage,
                    error,
                    message: error_message(&cause),
                },
            },
        }
    }
}

/// The cause of a failed function is the JSON of its error reply; the message in it is what people want. Any other cause
/// is text already.
fn error_message(cause: &str) -> String {
    #[derive(Deserialize)]
    struct ErrorReply {
        #[serde(rename = "errorMessage")]
        error_message: String,
    }
    serde_json::from_str::<ErrorReply>(cause).map_or_else(|_| cause.to_owned(), |reply| reply.error_message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_is_taken_out_of_an_error_reply() {
        let reply = r#"{"errorType":"Cardlake.Transient","errorMessage":"throttled","stackTrace":[]}"#;
        assert_eq!(error_message(reply), "throttled");
        assert_eq!(error_message("no JSON"), "no JSON");
        assert_eq!(error_message("{}"), "{}");
    }
}
