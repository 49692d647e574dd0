//! Errors of the pipeline.

use crate::invariant::BrokenInvariant;
use crate::limited::LimitExceeded;
use cardlake_core::records::TextBytes;
use parquet::errors::ParquetError;

/// Why a file has no summary.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The file cannot be read.
    #[error("the data is damaged or incomplete")]
    Read(#[source] std::io::Error),
    /// The object passes a limit of the contract.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    /// The file is rejected, for this reason.
    #[error("{0}")]
    Rejected(String),
    /// The bytes of text that became rows are not those that were read: an internal bug.
    #[error("the bytes of text do not add up: {0:?}")]
    Unbalanced(TextBytes),
    /// A data file cannot be encoded.
    #[error("cannot encode a data file")]
    Encode(#[source] ParquetError),
    /// A temporary file cannot be written or read.
    #[error("the temporary disk fails or is full")]
    Disk(#[source] std::io::Error),
    /// The consumer of the data files has stopped.
    #[error("the consumer of the data files has stopped")]
    Stopped,
    /// An internal bug.
    #[error(transparent)]
    Invariant(#[from] BrokenInvariant),
}

impl PipelineError {
    /// Why a file cannot be read: damaged data, or a limit that its text passes.
    pub(crate) fn read(error: std::io::Error) -> Self {
        match LimitExceeded::of(&error) {
            Some(limit) => Self::Limit(limit),
            None => Self::Read(error),
        }
    }

    /// Why the quarantine cannot be written: the disk, or a limit that it passes.
    pub(crate) fn write(error: std::io::Error) -> Self {
        match LimitExceeded::of(&error) {
            Some(limit) => Self::Limit(limit),
            None => Self::Disk(error),
        }
    }
}
