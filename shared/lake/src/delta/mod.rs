//! Delta tables in the silver bucket: the only module that names the Delta kernel and `object_store`.
//!
//! A [`DeltaTable`] is a table at one version. It lists the active data files, says which transactions are in the log,
//! which files came and went between two versions, and commits: files to add and to remove, new columns of the
//! contract, and one transaction id, all in one version, written only if nobody else wrote that version. Data files are
//! made and uploaded by others before; the log only names them.
//!
//! A commit is all or nothing. Its outcome is known even when the answer of the store was lost: the transaction id is
//! looked up before anything is called a conflict or a failure.

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

/// Name under which commits are written.
const ENGINE_INFO: &str = concat!("cardlake/", env!("CARGO_PKG_VERSION"));
/// Commits after which a checkpoint is written, so that opening a table reads few files.
const CHECKPOINT_INTERVAL: u64 = 10;

/// What went wrong with a table.
#[derive(Debug, thiserror::Error)]
pub enum DeltaError {
    /// The kernel or the store under it failed.
    #[error("cannot {operation} Delta table {table}: {source}")]
    Kernel {
        /// What was tried, as a verb.
        operation: &'static str,
        /// The table.
        table: String,
        /// Why not.
        source: Box<KernelError>,
    },
    /// The connection cannot be set up.
    #[error("cannot open the Delta tables of bucket {bucket}: {problem}")]
    Setup {
        /// The bucket.
        bucket: String,
        /// What is missing.
        problem: String,
    },
    /// The table cannot take what the contract describes.
    #[error("Delta table {table} does not fit its contract: {problem}; make a new table, or take the change back")]
    Schema {
        /// The table.
        table: String,
        /// The difference.
        problem: String,
    },
    /// The log or a record about data files is not what its format says.
    #[error("Delta table {table}: {problem}")]
    Corrupt {
        /// The table.
        table: String,
        /// What is wrong.
        problem: String,
    },
    /// The work was cut off: the runtime ends, or a defect.
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
        // What is left of the store's errors: timeouts, throttling, lost connections.
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

/// A Delta table at one version, or the place where one will be.
#[derive(Debug, Clone)]
pub struct DeltaTable {
    store: DeltaStore,
    name: String,
    url: Url,
    snapshot: Option<SnapshotRef>,
}

impl DeltaTable {
    /// The newest version of the table in folder `name` of the store's bucket. There need not be a table yet: the first
    /// commit makes it.
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

    /// The table as it was at a version.
    ///
    /// # Errors
    /// There is no such version (any more), or the log cannot be read.
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

    /// Moves to the newest version.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn refresh(&mut self) -> Result<(), DeltaError> {
        let table = self.clone();
        self.snapshot = blocking(move || table.newest()).await?;
        Ok(())
    }

    /// The version; `None` when there is no table yet.
    #[must_use]
    pub fn version(&self) -> Option<u64> {
        self.snapshot.as_ref().map(|snapshot| snapshot.version())
    }

    /// The folder in the bucket.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The columns, partition columns included; none when there is no table yet.
    ///
    /// # Errors
    /// A column has a type that Arrow does not.
    pub fn schema(&self) -> Result<Schema, DeltaError> {
        match &self.snapshot {
            None => Ok(Schema::empty()),
            Some(snapshot) => {
                let schema: Result<Schema, _> = logical_schema(snapshot).as_ref().try_into_arrow();
                schema.map_err(|error| DeltaError::kernel("describe", &self.name, error.into()))
            }
        }
    }

    /// Whether a commit with this transaction id is part of this version.
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

    /// The newest snapshot, from the one at hand if there is one.
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

/// Whether there is no log at all.
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
