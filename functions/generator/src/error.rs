//! What can go wrong while generating.

use crate::options::OptionError;
use cardlake_aws::storage::StorageError;
use cardlake_core::config::ConfigError;
use cardlake_core::error::{ErrorKind, StageError};

/// A failed generation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings are wrong.
    #[error(transparent)]
    Configuration(#[from] ConfigError),
    /// The event asks for something that cannot be.
    #[error("the event cannot be followed: {0}")]
    Options(#[from] OptionError),
    /// An object cannot be written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The rows cannot be encoded.
    #[error("cannot encode the rows of {batch_date}")]
    Encode {
        /// The day.
        batch_date: chrono::NaiveDate,
        /// What the encoder said.
        source: std::io::Error,
    },
    /// The generating task ended before its time.
    #[error("the generator of {batch_date} stopped: {cause}")]
    Stopped {
        /// The day.
        batch_date: chrono::NaiveDate,
        /// How.
        cause: String,
    },
}

impl StageError for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Configuration(error) => error.kind(),
            Self::Options(_) => ErrorKind::InvalidEvent,
            Self::Storage(error) => error.kind(),
            Self::Encode { .. } | Self::Stopped { .. } => ErrorKind::Internal,
        }
    }
}
