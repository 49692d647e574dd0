//! What can go wrong when a run is recorded and told of.

use cardlake_shared::config::ConfigError;
use cardlake_shared::error::{ErrorKind, StageError};
use cardlake_shared::storage::StorageError;

/// Why the notifier failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting is missing or wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The run record cannot be written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The topic does not take the message for now.
    #[error("cannot publish to {topic} for now: {cause}")]
    TopicBusy {
        /// ARN of the topic.
        topic: String,
        /// What the service or the network said.
        cause: String,
    },
    /// The topic refuses the message for good.
    #[error(
        "cannot publish to {topic}: {cause}; check that the topic exists and that the function's role may publish to it"
    )]
    TopicRefuses {
        /// ARN of the topic.
        topic: String,
        /// What the service said.
        cause: String,
    },
}

impl StageError for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Config(error) => error.kind(),
            Self::Storage(error) => error.kind(),
            Self::TopicBusy { .. } => ErrorKind::Transient,
            Self::TopicRefuses { .. } => ErrorKind::Service,
        }
    }
}
