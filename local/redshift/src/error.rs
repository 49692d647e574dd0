//! Why the server cannot be started or a request cannot be served.

use std::path::PathBuf;

use cardlake_loopback::{ListenError, NoSpace, SignatureError};

/// Why the server could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedshiftError {
    /// Another process has the database file open.
    #[error("{} is in use by another process: wait until it ends, or use another data directory ({message})", path.display())]
    Locked {
        /// The database file.
        path: PathBuf,
        /// What DuckDB says, with the process id where it knows it.
        message: String,
    },
    /// The database file cannot be opened or prepared.
    #[error("the database {} cannot be opened", path.display())]
    Open {
        /// The database file.
        path: PathBuf,
        /// DuckDB's error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The folder of the database, of its temporary files, or its lock file cannot be created.
    #[error("{} cannot be created or written", path.display())]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// The I/O error.
        source: std::io::Error,
    },
    /// The address is not on the loopback interface, or is taken.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The certificate of the PostgreSQL protocol cannot be made.
    #[error("a TLS certificate cannot be made")]
    Certificate {
        /// What the TLS library says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A statement was still running when the server was shut down and did not stop.
    #[error("a statement did not stop within {0} seconds of being cancelled")]
    StillRunning(u64),
}

impl RedshiftError {
    /// Why a write had no space, if that is the error.
    #[must_use]
    pub fn no_space(&self) -> Option<NoSpace> {
        match self {
            Self::Open { source, .. } => NoSpace::of_duckdb(&source.to_string()),
            Self::Folder { source, .. } => NoSpace::of_io(source),
            _ => None,
        }
    }
}

/// An error response of the Data API.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {message}")]
pub(crate) struct ApiError {
    /// The `__type` of the service model.
    pub(crate) kind: &'static str,
    pub(crate) message: String,
    pub(crate) resource_id: Option<String>,
}

impl ApiError {
    pub(crate) fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            resource_id: None,
        }
    }

    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    pub(crate) fn not_found(id: &str, message: impl Into<String>) -> Self {
        Self {
            resource_id: Some(id.to_owned()),
            ..Self::new("ResourceNotFoundException", message)
        }
    }

    /// The HTTP status: server faults of the model are 500, the rest 400.
    pub(crate) fn status(&self) -> u16 {
        match self.kind {
            "ExecuteStatementException"
            | "BatchExecuteStatementException"
            | "DatabaseConnectionException"
            | "InternalServerException" => 500,
            _ => 400,
        }
    }
}

impl From<SignatureError> for ApiError {
    fn from(error: SignatureError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
