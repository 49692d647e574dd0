//! The stage's error and its classification.

use cardlake_aws::storage::StorageError;
use cardlake_core::config::ConfigError;
use cardlake_core::error::{ErrorKind, StageError, with_causes};
use std::error::Error;

/// A failed invocation of the notifier.
#[derive(Debug, thiserror::Error)]
pub enum NotifierError {
    /// Invalid settings.
    #[error(transparent)]
    Configuration(#[from] ConfigError),
    /// The run record cannot be written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The message cannot be sent.
    #[error("cannot send a message to {receiver}: {}", with_causes(.source.as_ref()))]
    Send {
        /// The receiver: a topic ARN, or a webhook by the name of its secret.
        receiver: String,
        /// Whether a retry may succeed.
        transient: bool,
        /// Error of the service or the network.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl StageError for NotifierError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Configuration(error) => error.kind(),
            Self::Storage(error) => error.kind(),
            Self::Send { transient: true, .. } => ErrorKind::Transient,
            Self::Send { .. } => ErrorKind::Service,
        }
    }
}
