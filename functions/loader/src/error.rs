//! Errors of the loader.

use cardlake_aws::data_api::DataApiError;
use cardlake_aws::storage::StorageError;
use cardlake_core::config::ConfigError;
use cardlake_core::contract::ContractError;
use cardlake_core::error::{ErrorKind, StageError};
use cardlake_lake::delta::DeltaError;
use parquet::errors::ParquetError;

/// Why a tick failed.
#[derive(Debug, thiserror::Error)]
pub enum LoaderError {
    /// The settings are wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A contract is missing or wrong.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// A manifest cannot be written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The Data API refuses or cannot answer.
    #[error(transparent)]
    DataApi(#[from] DataApiError),
    /// A silver table cannot be read.
    #[error(transparent)]
    Delta(#[from] DeltaError),
    /// The event names a dataset that was never published.
    #[error("dataset '{dataset}' has no silver table yet: publish it first, or leave it out of the event")]
    NoSilverTable {
        /// The dataset.
        dataset: String,
    },
    /// The warehouse is ahead of silver.
    #[error(
        "the warehouse holds version {loaded} of {dataset}, but its Delta log ends at {version}: the table was made \
         anew; load with full_refresh"
    )]
    SilverRebuilt {
        /// The dataset.
        dataset: String,
        /// Version in the ledger.
        loaded: i64,
        /// Newest version of the Delta log.
        version: u64,
    },
    /// SQL cannot tell a partition column from the columns of the files.
    #[error(
        "contract {dataset}: partition column '{column}' is neither a lookup nor the date of a column that is in the \
         data files; the warehouse cannot derive it"
    )]
    PartitionColumn {
        /// The dataset.
        dataset: String,
        /// The column.
        column: String,
    },
    /// A data file cannot be read.
    #[error("cannot read {file} as Parquet: {source}")]
    File {
        /// The file.
        file: String,
        /// What is wrong.
        source: ParquetError,
    },
    /// A data file has a column that is in no contract and of no type that a staging table can have.
    #[error(
        "{file} of {dataset} has the column {column}, which the contract does not describe: describe it, or rewrite the file"
    )]
    UnknownColumn {
        /// The dataset.
        dataset: String,
        /// The file.
        file: String,
        /// Name and type.
        column: String,
    },
    /// Work was cut off: the runtime ends, or a defect.
    #[error("reading data files was cut off: {0}")]
    Interrupted(String),
    /// Silver and the warehouse differ.
    #[error("{dataset} does not balance at version {version}: {}; load it with full_refresh", .differences.join("; "))]
    Imbalance {
        /// The dataset.
        dataset: String,
        /// The Delta version.
        version: u64,
        /// A sentence for each difference.
        differences: Vec<String>,
    },
    /// A result of the warehouse has another shape than its statement asks for.
    #[error("{what} of the warehouse: {problem}")]
    Result {
        /// The result, e.g. `ledger ops.loads`.
        what: &'static str,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Contents of a data file and the sums over it contradict each other.
    #[error("{file} of {dataset}: {problem}; this is a defect of the loader")]
    Contents {
        /// The dataset.
        dataset: String,
        /// The file.
        file: String,
        /// The contradiction.
        problem: String,
    },
    /// A Delta version is larger than the ledger can hold.
    #[error("version {version} of {dataset} does not fit the ledger ops.loads (BIGINT): the Delta log is corrupt")]
    Version {
        /// The dataset.
        dataset: String,
        /// The version.
        version: u64,
    },
    /// A line of a quarantine file is not what the transformer writes.
    #[error("{file} has a line that is not a quarantined row: reprocess the day, or delete the file")]
    QuarantineLine {
        /// The file.
        file: String,
    },
    /// A temporary file cannot be written or read.
    #[error(
        "the temporary disk fails or is full: {0}; give the function more ephemeral storage, or point TMPDIR at a larger disk"
    )]
    TemporaryFile(std::io::Error),
    /// A COPY manifest cannot be written as JSON.
    #[error("cannot write the COPY manifest of {dataset}: {source}")]
    Manifest {
        /// The dataset.
        dataset: String,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The cursor is not one of ours.
    #[error("the cursor cannot be understood: {cause}; start over without one")]
    Cursor {
        /// What is wrong with it.
        cause: String,
    },
    /// A statement failed in the warehouse; its transaction was rolled back.
    #[error("{statement} failed: {error}{}", detail(.details))]
    StatementFailed {
        /// Which one, e.g. `COPY into transactions`.
        statement: String,
        /// Redshift's error.
        error: String,
        /// What Redshift noted about the data: file, row, column, reason.
        details: Vec<String>,
    },
}

fn detail(details: &[String]) -> String {
    if details.is_empty() {
        String::new()
    } else {
        format!(" ({})", details.join("; "))
    }
}

impl StageError for LoaderError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Config(error) => error.kind(),
            Self::Contract(error) => error.kind(),
            Self::Storage(error) => error.kind(),
            Self::DataApi(error) => error.kind(),
            Self::Delta(error) => error.kind(),
            Self::NoSilverTable { .. } => ErrorKind::NotFound,
            Self::SilverRebuilt { .. } => ErrorKind::Corrupt,
            Self::PartitionColumn { .. } => ErrorKind::Configuration,
            // What the storage said comes through the Parquet reader wrapped.
            Self::File {
                source: ParquetError::External(error),
                ..
            } => error
                .downcast_ref::<StorageError>()
                .map_or(ErrorKind::Corrupt, StageError::kind),
            Self::File { .. } | Self::UnknownColumn { .. } => ErrorKind::Corrupt,
            Self::Version { .. } | Self::QuarantineLine { .. } => ErrorKind::Corrupt,
            Self::Result { .. } => ErrorKind::Corrupt,
            Self::Interrupted(_) | Self::TemporaryFile(_) | Self::Contents { .. } | Self::Manifest { .. } => {
                ErrorKind::Internal
            }
            Self::Imbalance { .. } => ErrorKind::BooksImbalance,
            Self::Cursor { .. } => ErrorKind::InvalidEvent,
            Self::StatementFailed { .. } => ErrorKind::StatementFailed,
        }
    }
}
