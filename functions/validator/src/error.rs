//! What can go wrong in an audit.

use crate::docs::DocsError;
use crate::evaluate::EvaluationError;
use crate::source::SourceError;
use crate::suite::SuiteError;
use cardlake_aws::storage::StorageError;
use cardlake_core::assets::AssetError;
use cardlake_core::config::ConfigError;
use cardlake_core::contract::ContractError;
use cardlake_core::error::{ErrorKind, StageError};
use cardlake_lake::delta::DeltaError;
use chrono::NaiveDate;

/// A failed audit.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings are wrong.
    #[error(transparent)]
    Configuration(#[from] ConfigError),
    /// A project file cannot be read.
    #[error(transparent)]
    Assets(#[from] AssetError),
    /// A contract is wrong, or there is none for the dataset.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// The suite is wrong.
    #[error(transparent)]
    Suite(#[from] SuiteError),
    /// An object cannot be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A data file cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The log of the table cannot be read.
    #[error(transparent)]
    Delta(#[from] DeltaError),
    /// The page of the result cannot be made.
    #[error(transparent)]
    Docs(#[from] DocsError),
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
    /// The candidate is for something else, or of another version of cardlake.
    #[error("the candidate s3://{bucket}/{key} cannot be audited: {problem}")]
    WrongCandidate {
        /// The silver bucket.
        bucket: String,
        /// The key of the event.
        key: String,
        /// What does not fit.
        problem: String,
    },
    /// The counts of the candidate do not add up, or a file holds other rows than the candidate says.
    #[error("the books of {dataset} for {batch_date} do not balance: {problem}")]
    Imbalance {
        /// The dataset.
        dataset: String,
        /// The day.
        batch_date: NaiveDate,
        /// Which counts.
        problem: String,
    },
    /// A critical expectation is not met: nothing of the batch may become visible.
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
        /// A sentence for each of the first failures.
        failures: String,
        /// Address of the validation result.
        result: String,
        /// Address of the failing rows.
        rows: String,
    },
}

impl StageError for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Configuration(error) => error.kind(),
            Self::Assets(error) => error.kind(),
            Self::Contract(error) => error.kind(),
            Self::Suite(_) => ErrorKind::Configuration,
            Self::Storage(error) => error.kind(),
            Self::Source(error) => error.kind(),
            Self::Delta(error) => error.kind(),
            Self::Docs(_) => ErrorKind::Internal,
            Self::Evaluation(error) => error.kind(),
            Self::NoCandidate { .. } => ErrorKind::NotFound,
            Self::WrongCandidate { .. } => ErrorKind::Corrupt,
            Self::Imbalance { .. } => ErrorKind::BooksImbalance,
            Self::ExpectationFailed { .. } => ErrorKind::ExpectationFailed,
        }
    }
}
