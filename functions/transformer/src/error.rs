//! What can go wrong with an invocation. What is wrong with rows and objects is data: quarantine and rejection.

use cardlake_aws::storage::StorageError;
use cardlake_aws::token_keys::TokenKeyError;
use cardlake_core::config::ConfigError;
use cardlake_core::contract::{Contract, ContractError};
use cardlake_core::error::{ErrorKind, StageError};

/// Why an object could not be transformed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings are wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The contracts cannot be used.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// A contract asks for what the transformer cannot do.
    #[error("the contract of '{dataset}' is wrong: {column} {problem}")]
    Plan {
        /// The dataset.
        dataset: String,
        /// The column.
        column: String,
        /// What is wrong, as the end of a sentence.
        problem: String,
    },
    /// The token keys cannot be had.
    #[error(transparent)]
    TokenKeys(#[from] TokenKeyError),
    /// A request to S3 failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// An S3 event names a key that is not valid percent-encoding of UTF-8.
    #[error("the event names the key '{key}', which cannot be decoded")]
    EventKey {
        /// The key as it stands in the event.
        key: String,
    },
    /// An object of an S3 event cannot be read. It has its record all the same, and runs go on without it.
    #[error("the object {key} is rejected: {reason}; deliver it again under the same key")]
    Rejected {
        /// The bronze object.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Some objects of an S3 event failed; the others went through.
    #[error("{} of {total} objects failed: {}", .failures.len(), .failures.join("; "))]
    Partial {
        /// Key and error of each object that failed.
        failures: Vec<String>,
        /// Objects of the event.
        total: usize,
        /// Kind of the first failure, transient if any is.
        kind: ErrorKind,
    },
    /// A file could not be encoded, or the books of an object do not balance: a defect of ours.
    #[error("cannot transform {key}: {problem}")]
    Internal {
        /// The bronze object.
        key: String,
        /// What went wrong.
        problem: String,
    },
    /// A temporary file cannot be written or read.
    #[error("cannot transform {key}: the temporary disk fails or is full: {source}")]
    TemporaryDisk {
        /// The bronze object.
        key: String,
        /// The reason.
        source: std::io::Error,
    },
}

impl Error {
    /// A contract that asks for what cannot be done.
    #[must_use]
    pub fn contract(contract: &Contract, column: &str, problem: &str) -> Self {
        Self::Plan {
            dataset: contract.dataset.clone(),
            column: column.to_owned(),
            problem: problem.to_owned(),
        }
    }
}

impl StageError for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Config(error) => error.kind(),
            Self::Contract(error) => error.kind(),
            Self::Plan { .. } => ErrorKind::Configuration,
            Self::TokenKeys(error) => error.kind(),
            Self::Storage(error) => error.kind(),
            Self::EventKey { .. } => ErrorKind::InvalidEvent,
            Self::Partial { kind, .. } => *kind,
            Self::Rejected { .. } => ErrorKind::Corrupt,
            Self::Internal { .. } | Self::TemporaryDisk { .. } => ErrorKind::Internal,
        }
    }
}
