//! Errors of the stage.

use cardlake_aws::storage::StorageError;
use cardlake_core::assets::AssetError;
use cardlake_core::config::ConfigError;
use cardlake_core::contract::ContractError;
use cardlake_core::error::{ErrorKind, StageError};
use cardlake_expectations::{DocsError, EvaluationError, SourceError, SuiteError};
use cardlake_lake::delta::DeltaError;
use chrono::NaiveDate;
use parquet::errors::ParquetError;

/// A failed validation.
#[derive(Debug, thiserror::Error)]
pub enum ValidatorError {
    /// Wrong settings.
    #[error(transparent)]
    Configuration(#[from] ConfigError),
    /// A project file cannot be read.
    #[error(transparent)]
    Assets(#[from] AssetError),
    /// A contract is invalid, or there is none for the dataset.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// The suite is invalid.
    #[error(transparent)]
    Suite(#[from] SuiteError),
    /// An object cannot be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A data file cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The Delta log cannot be read.
    #[error(transparent)]
    Delta(#[from] DeltaError),
    /// The page of the result cannot be rendered.
    #[error(transparent)]
    Docs(#[from] DocsError),
    /// Failing rows cannot be written as JSON.
    #[error("cannot write rows as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The suite cannot be evaluated.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    /// There is no such candidate.
    #[error("there is no candidate s3://{bucket}/{key}: reconcile {dataset} of {batch_date} again")]
    NoCandidate {
        /// The silver bucket.
        bucket: String,
        /// The key of the event.
        key: String,
        /// The dataset of the event.
        dataset: String,
        /// The day of the event.
        batch_date: NaiveDate,
    },
    /// The candidate is for another dataset or day, or of another version of cardlake.
    #[error("the candidate s3://{bucket}/{key} cannot be validated: {problem}")]
    WrongCandidate {
        /// The silver bucket.
        bucket: String,
        /// The key of the event.
        key: String,
        /// The mismatch.
        problem: String,
    },
    /// The counts of the candidate do not add up, or a file has a different number of rows.
    #[error("the row accounting of {dataset} for {batch_date} does not balance: {problem}")]
    Imbalance {
        /// The dataset.
        dataset: String,
        /// The day.
        batch_date: NaiveDate,
        /// The counts.
        problem: String,
    },
    /// A critical expectation is not met: the batch must not become visible.
    #[error(
        "{count} of {evaluated} expectations on {dataset} of {batch_date} failed critically: {failures}; all results: \
         {result}, the failing rows: {rows}"
    )]
    ExpectationFailed {
        /// The dataset.
        dataset: String,
        /// The day.
        batch_date: NaiveDate,
        /// Critical expectations that failed.
        count: u64,
        /// All expectations.
        evaluated: u64,
        /// The first failures, a sentence each.
        failures: String,
        /// Address of the validation result.
        result: String,
        /// Address of the failing rows.
        rows: String,
    },
}

impl StageError for ValidatorError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Configuration(error) => error.kind(),
            Self::Assets(error) => error.kind(),
            Self::Contract(error) => error.kind(),
            Self::Suite(_) => ErrorKind::Configuration,
            Self::Storage(error) => error.kind(),
            Self::Source(error) => source_kind(error),
            Self::Delta(error) => error.kind(),
            Self::Docs(_) | Self::Json(_) => ErrorKind::Internal,
            Self::Evaluation(error) => match error {
                EvaluationError::Source(error) => source_kind(error),
                EvaluationError::Column { .. } => ErrorKind::Corrupt,
                EvaluationError::Worker(_) | EvaluationError::Batch(_) | EvaluationError::Spill { .. } => {
                    ErrorKind::Internal
                }
            },
            Self::NoCandidate { .. } => ErrorKind::NotFound,
            Self::WrongCandidate { .. } => ErrorKind::Corrupt,
            Self::Imbalance { .. } => ErrorKind::BooksImbalance,
            Self::ExpectationFailed { .. } => ErrorKind::ExpectationFailed,
        }
    }
}

/// The kind of an error of a data file. The Parquet reader wraps the errors of the storage.
fn source_kind(error: &SourceError) -> ErrorKind {
    match error {
        SourceError::Parquet {
            source: ParquetError::External(error),
            ..
        } => error
            .downcast_ref::<StorageError>()
            .map_or(ErrorKind::Corrupt, StageError::kind),
        SourceError::Read { .. } | SourceError::Parquet { .. } | SourceError::Column { .. } => ErrorKind::Corrupt,
    }
}
