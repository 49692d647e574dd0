//! Delta tables in the silver bucket: the only module that uses the Delta kernel and `object_store`.
//!
//! A [`DeltaTable`] is a table at one version. It lists the active data files, looks up transactions, compares the files of two
//! versions, and commits: files to add and remove, new columns of the contract, and one transaction ID in one version, which is
//! written only if it does not exist yet. Data files are uploaded before the commit; the log only references them.
//!
//! A commit is atomic. Its outcome is known even if the response of the store was lost: the transaction ID is looked up before a
//! conflict or failure is reported.

mod commit;
mod create;
mod engine;
mod files;
mod history;
mod schema;
mod statistics;

pub use commit::{CommitOutcome, CommitRequest};
pub use engine::DeltaStore;
pub use files::{ActiveFile, FileChanges};

use arrow::datatypes::Schema;
use cardlake_core::error::{ErrorKind, StageError};
use delta_kernel::engine::arrow_conversion::TryIntoArrow;
use delta_kernel::schema::StructType;
use delta_kernel::{KernelError, Snapshot, SnapshotRef};
use engine::blocking;
use std::sync::Arc;
use url::Url;

/// Engine named in commits.
const ENGINE_INFO: &str = concat!("cardlake/", env!("CARGO_PKG_VERSION"));
/// Commits per checkpoint, so that opening a table reads few files.
const CHECKPOINT_INTERVAL: u64 = 10;

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

/// A Delta table at one version, or the location of a future table.
#[derive(Debug, Clone)]
pub struct DeltaTable {
    store: DeltaStore,
    name: String,
    url: Url,
    snapshot: Option<SnapshotRef>,
}

impl DeltaTable {
    /// Opens the latest version of the table in folder `name` of the store. The table need not exist: the first commit creates
    /// it.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn open(store: &DeltaStore, name: &str) -> Result<Self, DeltaError> {
        let mut table = Self {
            store: store.clone(),
            name: name.to_owned(),
            url: store.table_url(name)?,
            snapshot: None,
        };
        table.refresh().await?;
        Ok(table)
    }

    /// The table at an earlier version.
    ///
    /// # Errors
    /// The version does not exist (any more), or the log cannot be read.
    pub async fn at_version(&self, version: u64) -> Result<Self, DeltaError> {
        if self.version() == Some(version) {
            return Ok(self.clone());
        }
        let mut table = self.clone();
        let at = self.clone();
        let snapshot = blocking(move || {
            Snapshot::builder_for(at.url.as_str())
                .at_version(version)
                .build(at.store.engine.as_ref())
                .map_err(|error| DeltaError::kernel("open an earlier version of", &at.name, error))
        })
        .await?;
        table.snapshot = Some(snapshot);
        Ok(table)
    }

    /// Updates to the latest version.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn refresh(&mut self) -> Result<(), DeltaError> {
        let table = self.clone();
        self.snapshot = blocking(move || table.newest()).await?;
        Ok(())
    }

    /// Version; `None` if there is no table yet.
    #[must_use]
    pub fn version(&self) -> Option<u64> {
        self.snapshot.as_ref().map(|snapshot| snapshot.version())
    }

    /// Folder in the bucket.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Columns, including partition columns; empty if there is no table yet.
    ///
    /// # Errors
    /// A column has a type that Arrow does not support.
    pub fn schema(&self) -> Result<Schema, DeltaError> {
        match &self.snapshot {
            None => Ok(Schema::empty()),
            Some(snapshot) => {
                let schema: Result<Schema, _> = logical_schema(snapshot).as_ref().try_into_arrow();
                schema.map_err(|error| DeltaError::kernel("describe", &self.name, error.into()))
            }
        }
    }

    /// Whether this version includes a commit with this transaction ID.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn has_transaction(&self, id: &str) -> Result<bool, DeltaError> {
        let (table, id) = (self.clone(), id.to_owned());
        blocking(move || match &table.snapshot {
            Some(snapshot) => table.contains_transaction(snapshot, &id),
            None => Ok(false),
        })
        .await
    }

    /// The latest snapshot, updated incrementally if there is one.
    fn newest(&self) -> Result<Option<SnapshotRef>, DeltaError> {
        let engine = self.store.engine.as_ref();
        let built = match &self.snapshot {
            Some(snapshot) => Snapshot::builder_from(Arc::clone(snapshot)).build(engine),
            None => Snapshot::builder_for(self.url.as_str()).build(engine),
        };
        match built {
            Ok(snapshot) => Ok(Some(snapshot)),
            Err(error) if self.snapshot.is_none() && is_missing_table(&error) => Ok(None),
            Err(error) => Err(DeltaError::kernel("open", &self.name, error)),
        }
    }

    fn contains_transaction(&self, snapshot: &SnapshotRef, id: &str) -> Result<bool, DeltaError> {
        snapshot
            .get_app_id_version(id, self.store.engine.as_ref())
            .map(|version| version.is_some())
            .map_err(|error| DeltaError::kernel("look for a transaction in", &self.name, error))
    }

    fn failed(&self, operation: &'static str) -> impl Fn(KernelError) -> DeltaError + '_ {
        move |error| DeltaError::kernel(operation, &self.name, error)
    }
}

/// Whether the error means that there is no log.
fn is_missing_table(error: &KernelError) -> bool {
    match error {
        KernelError::Backtraced { source, .. } => is_missing_table(source),
        KernelError::EmptyLog | KernelError::FileNotFound(_) => true,
        KernelError::ObjectStore(object_store::Error::NotFound { .. }) => true,
        _ => false,
    }
}

/// Names of a table's partition columns.
fn partition_columns(snapshot: &Snapshot) -> Vec<String> {
    snapshot
        .table_configuration()
        .logical_partition_columns()
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// The schema of a snapshot, for comparison with a contract.
fn logical_schema(snapshot: &Snapshot) -> Arc<StructType> {
    snapshot.schema()
}
