//! A Delta table at one version.

use super::engine::{DeltaStore, blocking};
use super::error::DeltaError;
use arrow::datatypes::Schema;
use delta_kernel::engine::arrow_conversion::TryIntoArrow;
use delta_kernel::schema::StructType;
use delta_kernel::{KernelError, Snapshot, SnapshotRef};
use std::sync::Arc;
use url::Url;

/// Engine named in commits.
pub(super) const ENGINE_INFO: &str = concat!("cardlake/", env!("CARGO_PKG_VERSION"));
/// Application whose transaction version is the last version of the table that withdrew rows.
pub(super) const WITHDRAWN: &str = "cardlake/withdrawn";
/// Commits per checkpoint, so that opening a table reads few files.
pub(super) const CHECKPOINT_INTERVAL: u64 = 10;

/// A Delta table at one version, or the location of a future table.
#[derive(Debug, Clone)]
pub struct DeltaTable {
    pub(super) store: DeltaStore,
    pub(super) name: String,
    pub(super) url: Url,
    pub(super) snapshot: Option<SnapshotRef>,
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

    /// The last version, up to this one, in which rows left the table without being replaced; `None` if there is none. Who
    /// follows the added files alone does not see that.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn withdrawn_at(&self) -> Result<Option<u64>, DeltaError> {
        let table = self.clone();
        blocking(move || {
            let Some(snapshot) = &table.snapshot else {
                return Ok(None);
            };
            let version = snapshot.get_app_id_version(WITHDRAWN, table.store.engine.as_ref());
            let version = version.map_err(table.failed("look for a transaction in"))?;
            Ok(version.and_then(|version| u64::try_from(version).ok()))
        })
        .await
    }

    /// The latest snapshot, updated incrementally if there is one.
    pub(super) fn newest(&self) -> Result<Option<SnapshotRef>, DeltaError> {
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

    pub(super) fn contains_transaction(&self, snapshot: &SnapshotRef, id: &str) -> Result<bool, DeltaError> {
        snapshot
            .get_app_id_version(id, self.store.engine.as_ref())
            .map(|version| version.is_some())
            .map_err(|error| DeltaError::kernel("look for a transaction in", &self.name, error))
    }

    pub(super) fn failed(&self, operation: &'static str) -> impl Fn(KernelError) -> DeltaError + '_ {
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
pub(super) fn partition_columns(snapshot: &Snapshot) -> Vec<String> {
    snapshot
        .table_configuration()
        .logical_partition_columns()
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// The schema of a snapshot, for comparison with a contract.
pub(super) fn logical_schema(snapshot: &Snapshot) -> Arc<StructType> {
    snapshot.schema()
}
