//! What can go wrong while notifying.

use cardlake_aws::storage::StorageError;
use cardlake_core::config::ConfigError;
use cardlake_core::error::{ErrorKind, StageError};

/// A failed notification.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings are wrong.
    #[error(transparent)]
    Configuration(#[from] ConfigError),
    /// The run record cannot be written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The message cannot be sent.
    #[error("cannot send a message to {receiver}: {cause}")]
    Send {
        /// Who should have got it: a topic, a webhook by the name of its secret.
        receiver: String,
        /// Whether the service may take it later.
        transient: bool,
        /// What the service or the network said.
        cause: String,
    },
}

impl StageError for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Configuration(error) => error.kind(),
            Self::Storage(error) => error.kind(),
            Self::Send { transient: true, .. } => ErrorKind::Transient,
            Self::Send { .. } => ErrorKind::Service,
        }
    }
}
