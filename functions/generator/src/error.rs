//! The stage's error and its classification.

use crate::options::OptionError;
use cardlake_aws::storage::StorageError;
use cardlake_core::config::ConfigError;
use cardlake_core::error::{ErrorKind, StageError};
use chrono::NaiveDate;

/// A failed invocation of the generator.
#[derive(Debug, thiserror::Error)]
pub enum GeneratorError {
    /// Invalid settings.
    #[error(transparent)]
    Configuration(#[from] ConfigError),
    /// Invalid options in the event.
    #[error("invalid event: {0}")]
    Options(#[from] OptionError),
    /// An object cannot be written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The rows cannot be encoded.
    #[error("cannot encode the rows of {batch_date}")]
    Encode {
        /// Batch date.
        batch_date: NaiveDate,
        /// Cause.
        source: std::io::Error,
    },
    /// The generating thread panicked or was cancelled.
    #[error("the generator of {batch_date} stopped")]
    Stopped {
        /// Batch date.
        batch_date: NaiveDate,
        /// Cause.
        source: tokio::task::JoinError,
    },
}

impl StageError for GeneratorError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Configuration(error) => error.kind(),
            Self::Options(_) => ErrorKind::InvalidEvent,
            Self::Storage(error) => error.kind(),
            Self::Encode { .. } | Self::Stopped { .. } => ErrorKind::Internal,
        }
    }
}
