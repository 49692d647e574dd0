//! What can go wrong in the reconciler.

use cardlake_aws::storage::StorageError;
use cardlake_core::config::ConfigError;
use cardlake_core::contract::ContractError;
use cardlake_core::error::{ErrorKind, StageError};
use cardlake_lake::delta::DeltaError;

/// Errors of the reconciler.
#[derive(Debug, thiserror::Error)]
pub enum ReconcilerError {
    /// The settings are wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The contracts are wrong, or there is none for the dataset.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// The contract says too little to tell which version of a row is the latest.
    #[error("the contract of {dataset} has no {what}: add one, versions of a row cannot be told apart without")]
    ContractTooThin {
        /// The dataset.
        dataset: String,
        /// The missing column.
        what: &'static str,
    },
    /// An object cannot be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The Delta log cannot be read or written.
    #[error(transparent)]
    Delta(#[from] DeltaError),
    /// The event contradicts itself or what is stored.
    #[error("{0}")]
    InvalidEvent(String),
    /// Something that an earlier stage leaves is not there.
    #[error("{0}")]
    NotFound(String),
    /// Bronze objects without a record: the transformer has not seen them, or has failed.
    #[error(
        "{missing} of {objects} bronze objects of {dataset} for {batch_date} have no object record: {examples}; \
         transform them (state machine or `cardlake run`) and reconcile again"
    )]
    IncompleteBatch {
        /// The dataset.
        dataset: String,
        /// The day.
        batch_date: chrono::NaiveDate,
        /// Objects of the day.
        objects: usize,
        /// Objects without a record.
        missing: usize,
        /// Keys of the first of them.
        examples: String,
    },
    /// Too much of the batch is unusable.
    #[error(
        "{share:.2} % of {dataset} for {batch_date} is unusable, allowed are {allowed:.2} %: {quarantined} of \
         {bronze_rows} rows quarantined{reasons}, {rejected} of {objects} objects rejected; look at {look_at}; mend the input, or \
         raise the threshold: --quarantine-threshold of `cardlake run`, {} of the deployed reconciler",
        cardlake_core::env::QUARANTINE_THRESHOLD
    )]
    QuarantineThreshold {
        /// The dataset.
        dataset: String,
        /// The day.
        batch_date: chrono::NaiveDate,
        /// Unusable part in percent.
        share: f64,
        /// Allowed part in percent.
        allowed: f64,
        /// Rows that break the contract.
        quarantined: u64,
        /// Rows read.
        bronze_rows: u64,
        /// The most frequent reasons, between brackets; empty if there are none.
        reasons: String,
        /// Objects that could not be read.
        rejected: usize,
        /// Objects of the day.
        objects: usize,
        /// Where the unusable rows and objects are described.
        look_at: String,
    },
    /// The delivery of a day is not what a contract expects, and the contract says to fail then.
    #[error(
        "the delivery of {batch_date} does not meet the contract: {}{}; deliver what is missing and run the day again, or set \
         deliverySeverity to warn in the contract",
        .problems.join("; "),
        if .not_read.is_empty() { String::new() } else { format!(" ({})", .not_read.join("; ")) }
    )]
    DeliveryFailed {
        /// The day.
        batch_date: chrono::NaiveDate,
        /// One sentence for each expectation that is not met.
        problems: Vec<String>,
        /// One sentence for each kind of object that may be data and is not read.
        not_read: Vec<String>,
    },
    /// Another batch was committed since the candidate was made.
    #[error("{dataset} is at version {found}, the candidate of {batch_date} was made against {base}: reconcile again")]
    CommitConflict {
        /// The dataset.
        dataset: String,
        /// The day.
        batch_date: chrono::NaiveDate,
        /// The table's version.
        found: String,
        /// The candidate's base version.
        base: String,
    },
    /// Files were merged, and other commits came first whenever they were to be committed.
    #[error("{dataset}: other commits came first {attempts} times: optimize again when no run publishes")]
    OptimizeConflict {
        /// The dataset.
        dataset: String,
        /// Attempts to commit.
        attempts: usize,
    },
    /// Rows appeared or got lost.
    #[error("the row counts of {batch_date} do not balance: {}", .differences.join("; "))]
    BooksImbalance {
        /// The day.
        batch_date: chrono::NaiveDate,
        /// One sentence for each difference.
        differences: Vec<String>,
    },
    /// A record or data file is not what its format says.
    #[error("{object}: {problem}")]
    Corrupt {
        /// The object.
        object: String,
        /// What is wrong.
        problem: String,
    },
    /// A temporary file cannot be written or read.
    #[error(
        "the temporary disk fails or is full: {0}; give the function more ephemeral storage, or point TMPDIR at a larger disk"
    )]
    TemporaryFile(#[from] std::io::Error),
    /// Work was cut off: the process ends, or a defect.
    #[error("the work was cut off: {0}")]
    Interrupted(String),
}

impl StageError for ReconcilerError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Config(error) => error.kind(),
            Self::Contract(error) => error.kind(),
            Self::Storage(error) => error.kind(),
            Self::Delta(error) => error.kind(),
            Self::ContractTooThin { .. } => ErrorKind::Configuration,
            Self::InvalidEvent(_) => ErrorKind::InvalidEvent,
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::IncompleteBatch { .. } => ErrorKind::IncompleteBatch,
            Self::QuarantineThreshold { .. } => ErrorKind::QuarantineThreshold,
            Self::DeliveryFailed { .. } => ErrorKind::DeliveryFailed,
            Self::CommitConflict { .. } | Self::OptimizeConflict { .. } => ErrorKind::CommitConflict,
            Self::BooksImbalance { .. } => ErrorKind::BooksImbalance,
            Self::Corrupt { .. } => ErrorKind::Corrupt,
            Self::TemporaryFile(_) | Self::Interrupted(_) => ErrorKind::Internal,
        }
    }
}
