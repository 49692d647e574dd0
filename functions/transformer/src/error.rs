//! The stage's error and its classification. Problems of rows and objects are not errors: they become quarantined rows and
//! rejected objects.

use crate::invariant::BrokenInvariant;
use crate::pipeline_error::PipelineError;
use cardlake_aws::storage::StorageError;
use cardlake_aws::token_keys::TokenKeyError;
use cardlake_core::config::ConfigError;
use cardlake_core::contract::{Contract, ContractError};
use cardlake_core::error::{ErrorKind, StageError};
use cardlake_core::records::RowCounts;

/// A failed invocation of the transformer.
#[derive(Debug, thiserror::Error)]
pub enum TransformerError {
    /// Invalid settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Invalid contracts.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// A contract uses something the transformer does not support.
    #[error("the contract of '{dataset}' is wrong: {column} {problem}")]
    Plan {
        /// Dataset.
        dataset: String,
        /// Column.
        column: String,
        /// Problem, as the end of a sentence.
        problem: String,
    },
    /// The token keys are unavailable.
    #[error(transparent)]
    TokenKeys(#[from] TokenKeyError),
    /// A request to S3 failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// An S3 event without a key.
    #[error("the event has a record without a key")]
    MissingKey,
    /// An S3 event with a key that is not valid percent-encoded UTF-8.
    #[error("the event names the key '{key}', which cannot be decoded")]
    EventKey {
        /// Key as in the event.
        key: String,
    },
    /// An object of an S3 event was rejected. Its record is written, and runs continue without the object.
    #[error("the object {key} is rejected: {reason}; deliver it again under the same key")]
    Rejected {
        /// Bronze object.
        key: String,
        /// Reason of the rejection.
        reason: String,
    },
    /// Some objects of an S3 event failed; the others were transformed.
    #[error("{} of {total} objects failed: {}", .failures.len(), .failures.join("; "))]
    Partial {
        /// Error of each failed object, with its causes.
        failures: Vec<String>,
        /// Number of objects in the event.
        total: usize,
        /// Transient if any failure is, otherwise the kind of the first.
        kind: ErrorKind,
    },
    /// The object could not be converted, because of an internal bug or a failed temporary disk.
    #[error("cannot transform {key}")]
    Pipeline {
        /// Bronze object.
        key: String,
        /// Cause.
        source: PipelineError,
    },
    /// The transforming thread panicked or was cancelled.
    #[error("cannot transform {key}: the work was aborted")]
    Aborted {
        /// Bronze object.
        key: String,
        /// Cause.
        source: tokio::task::JoinError,
    },
    /// The temporary file of the quarantined rows cannot be read.
    #[error("cannot transform {key}: the temporary quarantine file cannot be read")]
    QuarantineFile {
        /// Bronze object.
        key: String,
        /// Cause.
        source: std::io::Error,
    },
    /// The row counts of an object do not add up.
    #[error("cannot transform {key}: the row counts do not add up: {counts:?}")]
    Unbalanced {
        /// Bronze object.
        key: String,
        /// Row counts.
        counts: RowCounts,
    },
    /// An internal bug.
    #[error(transparent)]
    Internal(#[from] BrokenInvariant),
}

impl TransformerError {
    /// Reports an unsupported contract.
    pub(crate) fn contract(contract: &Contract, column: &str, problem: &str) -> Self {
        Self::Plan {
            dataset: contract.dataset.clone(),
            column: column.to_owned(),
            problem: problem.to_owned(),
        }
    }
}

impl StageError for TransformerError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Config(error) => error.kind(),
            Self::Contract(error) => error.kind(),
            Self::Plan { .. } => ErrorKind::Configuration,
            Self::TokenKeys(error) => error.kind(),
            Self::Storage(error) => error.kind(),
            Self::MissingKey | Self::EventKey { .. } => ErrorKind::InvalidEvent,
            Self::Partial { kind, .. } => *kind,
            Self::Rejected { .. } => ErrorKind::Corrupt,
            Self::Pipeline { .. }
            | Self::Aborted { .. }
            | Self::QuarantineFile { .. }
            | Self::Unbalanced { .. }
            | Self::Internal(_) => ErrorKind::Internal,
        }
    }
}
