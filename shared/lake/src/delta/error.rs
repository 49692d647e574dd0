//! Errors of Delta tables.

use cardlake_core::error::{ErrorKind, StageError};
use delta_kernel::KernelError;

/// An error of a table.
#[derive(Debug, thiserror::Error)]
pub enum DeltaError {
    /// The kernel or its store failed.
    #[error("cannot {operation} Delta table {table}: {source}")]
    Kernel {
        /// Attempted operation, as a verb.
        operation: &'static str,
        /// Table.
        table: String,
        /// Cause.
        source: Box<KernelError>,
    },
    /// The connection cannot be set up.
    #[error("cannot open the Delta tables of bucket {bucket}: {problem}")]
    Setup {
        /// Bucket.
        bucket: String,
        /// Missing setting.
        problem: String,
    },
    /// The table is incompatible with the contract.
    #[error("Delta table {table} does not fit its contract: {problem}; make a new table, or take the change back")]
    Schema {
        /// Table.
        table: String,
        /// Difference.
        problem: String,
    },
    /// The log or a record of data files violates its format.
    #[error("Delta table {table}: {problem}")]
    Corrupt {
        /// Table.
        table: String,
        /// Problem.
        problem: String,
    },
    /// The work was aborted: the runtime shuts down, or a panic.
    #[error("work on the Delta log was cut off: {0}")]
    Interrupted(String),
}

impl DeltaError {
    pub(crate) fn kernel(operation: &'static str, table: &str, source: KernelError) -> Self {
        Self::Kernel {
            operation,
            table: table.to_owned(),
            source: Box::new(source),
        }
    }
}

impl StageError for DeltaError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Kernel { source, .. } => kernel_error_kind(source),
            Self::Setup { .. } | Self::Schema { .. } => ErrorKind::Configuration,
            Self::Corrupt { .. } => ErrorKind::Corrupt,
            Self::Interrupted(_) => ErrorKind::Internal,
        }
    }
}

fn kernel_error_kind(error: &KernelError) -> ErrorKind {
    match error {
        KernelError::Backtraced { source, .. } => kernel_error_kind(source),
        KernelError::ObjectStore(object_store::Error::NotFound { .. })
        | KernelError::FileNotFound(_)
        | KernelError::EmptyLog
        | KernelError::MissingVersion(_) => ErrorKind::NotFound,
        KernelError::ObjectStore(
            object_store::Error::PermissionDenied { .. }
            | object_store::Error::Unauthenticated { .. }
            | object_store::Error::NotImplemented { .. }
            | object_store::Error::NotSupported { .. },
        ) => ErrorKind::Service,
        // Other errors of the store: timeouts, throttling, lost connections.
        KernelError::ObjectStore(_) | KernelError::Reqwest(_) | KernelError::IOError(_) => ErrorKind::Transient,
        KernelError::MalformedJson(_)
        | KernelError::Parquet(_)
        | KernelError::MissingMetadata
        | KernelError::MissingProtocol
        | KernelError::MissingMetadataAndProtocol
        | KernelError::InvalidLogPath(_)
        | KernelError::InvalidLogSegment(_)
        | KernelError::InvalidCheckpoint(_) => ErrorKind::Corrupt,
        _ => ErrorKind::Internal,
    }
}
