//! Commits: at most one version of the log per transaction ID.

use super::{
    CHECKPOINT_INTERVAL, DeltaError, DeltaTable, ENGINE_INFO, blocking, logical_schema, partition_columns, schema,
    statistics,
};
use arrow::array::StringBuilder;
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, MapBuilder, MapFieldNames, RecordBatch, StringArray};
use arrow::datatypes::{Field, Schema};
use cardlake_core::contract::Contract;
use cardlake_core::records::DataFile;
use delta_kernel::committer::FileSystemCommitter;
use delta_kernel::engine::arrow_data::{ArrowEngineData, EngineDataArrowExt};
use delta_kernel::engine_data::FilteredEngineData;
use delta_kernel::schema::{DataType, SchemaRef, StructField, StructType};
use delta_kernel::transaction::{CommitResult, UpdateTableOperation};
use delta_kernel::{EngineData, SnapshotRef};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A commit.
#[derive(Debug, Clone)]
pub struct CommitRequest {
    /// Base version; `None` if there was no table.
    pub base_version: Option<u64>,
    /// Transaction ID: committing it again has no effect.
    pub transaction_id: String,
    /// Data files to add, which must exist in the bucket.
    pub add: Vec<DataFile>,
    /// Paths of active data files to remove, not encoded.
    pub remove: Vec<String>,
    /// Additional fields of the history entry, by name.
    pub information: BTreeMap<String, String>,
}

impl CommitRequest {
    /// Operation metrics of the history entry.
    pub(super) fn metrics(&self) -> [(&'static str, Option<String>); 4] {
        let bytes: u64 = self.add.iter().map(|file| file.size).sum();
        let rows: u64 = self.add.iter().map(|file| file.rows).sum();
        [
            ("numFiles", Some(self.add.len().to_string())),
            ("numRemovedFiles", Some(self.remove.len().to_string())),
            ("numOutputRows", Some(rows.to_string())),
            ("numOutputBytes", Some(bytes.to_string())),
        ]
    }
}

/// Outcome of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitOutcome {
    /// Committed as this version.
    Committed(u64),
    /// The transaction was committed before; the latest version.
    AlreadyCommitted(u64),
    /// Conflict: another commit followed the base version, and nothing was written. The latest version.
    Conflict(Option<u64>),
}

impl DeltaTable {
    /// Commits the version after the base, unless the transaction was committed before or another commit came first. The table is
    /// updated to the latest version. New columns of the contract are added in the same version. Every tenth commit is followed by
    /// a checkpoint, whose failure is only logged.
    ///
    /// # Errors
    /// The log cannot be read or written, a file to remove is not active at the base version, or the contract is incompatible with
    /// the table.
    pub async fn commit(
        &mut self,
        contract: &Arc<Contract>,
        request: CommitRequest,
    ) -> Result<CommitOutcome, DeltaError> {
        let (table, contract) = (self.clone(), Arc::clone(contract));
        let (table, outcome) = blocking(move || table.commit_blocking(&contract, &request)).await?;
        *self = table;
        Ok(outcome)
    }

    fn commit_blocking(
        mut self,
        contract: &Contract,
        request: &CommitRequest,
    ) -> Result<(Self, CommitOutcome), DeltaError> {
        self.snapshot = self.newest()?;
        if let Some(outcome) = self.outcome_so_far(request)? {
            return Ok((self, outcome));
        }
        if self.version() != request.base_version {
            let outcome = CommitOutcome::Conflict(self.version());
            return Ok((self, outcome));
        }
        let committed = match self.snapshot.clone() {
            Some(snapshot) => self.update(&snapshot, contract, request),
            None => self.create(contract, request),
        };
        match committed {
            Ok(Some(snapshot)) => {
                self.snapshot = match snapshot {
                    Some(snapshot) => Some(snapshot),
                    None => self.newest()?,
                };
                let version = request.base_version.map_or(0, |version| version + 1);
                Ok((self, CommitOutcome::Committed(version)))
            }
            // The store may have written the version although the response was lost: then the log has the transaction.
            Ok(None) => {
                self.snapshot = self.newest()?;
                let outcome = self
                    .outcome_so_far(request)?
                    .unwrap_or(CommitOutcome::Conflict(self.version()));
                Ok((self, outcome))
            }
            Err(error) => {
                self.snapshot = self.newest()?;
                match self.outcome_so_far(request)? {
                    Some(outcome) => Ok((self, outcome)),
                    None => Err(error),
                }
            }
        }
    }

    /// Whether the transaction is in the log.
    fn outcome_so_far(&self, request: &CommitRequest) -> Result<Option<CommitOutcome>, DeltaError> {
        let Some(snapshot) = &self.snapshot else {
            return Ok(None);
        };
        let found = self.contains_transaction(snapshot, &request.transaction_id)?;
        Ok(found.then(|| CommitOutcome::AlreadyCommitted(snapshot.version())))
    }

    /// The version after `snapshot`, or `None` if another writer was first.
    fn update(
        &self,
        snapshot: &SnapshotRef,
        contract: &Contract,
        request: &CommitRequest,
    ) -> Result<Option<Option<SnapshotRef>>, DeltaError> {
        let engine = self.store.engine.as_ref();
        let failed = self.failed("commit to");
        let new_columns = schema::missing_columns(contract, &logical_schema(snapshot), &partition_columns(snapshot))?;
        let (info, info_schema) = commit_info(request)?;
        let operation = if request.remove.is_empty() {
            UpdateTableOperation::Write
        } else {
            UpdateTableOperation::Merge
        };
        let mut builder = Arc::clone(snapshot).update_table(operation, ENGINE_INFO, true);
        for column in new_columns {
            builder = builder.add_column(column);
        }
        let mut transaction = builder
            .with_transaction_id(&request.transaction_id, 1)
            .with_operation_metrics(request.metrics())
            .with_commit_info(info, info_schema)
            .build(engine, Box::new(FileSystemCommitter::new()))
            .map_err(&failed)?;
        if !request.add.is_empty() {
            transaction.add_files(Box::new(ArrowEngineData::new(add_batch(self, contract, &request.add)?)));
        }
        for removed in self.removals(snapshot, request)? {
            transaction.remove_files(removed);
        }
        match transaction.commit(engine).map_err(&failed)? {
            CommitResult::Committed(committed) => {
                let mut newest = committed.post_commit_snapshot().cloned();
                if committed.post_commit_stats().commits_since_checkpoint >= CHECKPOINT_INTERVAL {
                    newest = self.checkpoint(newest);
                }
                Ok(Some(newest))
            }
            CommitResult::Conflicted(_) => Ok(None),
            CommitResult::Retryable(retryable) => Err(DeltaError::kernel("commit to", &self.name, retryable.error)),
        }
    }

    /// Scan rows of the files to remove: the log repeats their sizes and statistics.
    fn removals(&self, snapshot: &SnapshotRef, request: &CommitRequest) -> Result<Vec<FilteredEngineData>, DeltaError> {
        if request.remove.is_empty() {
            return Ok(Vec::new());
        }
        let failed = self.failed("list the files of");
        let mut wanted: BTreeSet<&str> = request.remove.iter().map(String::as_str).collect();
        let mut removals = Vec::new();
        for metadata in self
            .scan(snapshot)?
            .scan_metadata(self.store.engine.as_ref())
            .map_err(&failed)?
        {
            let active = metadata
                .map_err(&failed)?
                .scan_files
                .apply_selection_vector()
                .map_err(&failed)?;
            let batch = Ok(active).try_into_record_batch().map_err(&failed)?;
            let paths = batch
                .column_by_name("path")
                .and_then(|array| array.as_string_opt::<i32>())
                .ok_or_else(|| DeltaError::Corrupt {
                    table: self.name.clone(),
                    problem: "the kernel gave no column path".to_owned(),
                })?;
            let mut chosen = Vec::with_capacity(paths.len());
            for path in paths {
                chosen.push(wanted.remove(self.decode(path.unwrap_or_default())?.as_str()));
            }
            if chosen.contains(&true) {
                let data: Box<dyn EngineData> = Box::new(ArrowEngineData::new(batch));
                removals.push(FilteredEngineData::try_new(data, chosen).map_err(&failed)?);
            }
        }
        if let Some(path) = wanted.first() {
            return Err(DeltaError::Corrupt {
                table: self.name.clone(),
                problem: format!(
                    "{path} is to be removed but is no file of version {}",
                    snapshot.version()
                ),
            });
        }
        Ok(removals)
    }

    /// Writes a checkpoint. It only speeds up reading, so its failure does not fail the commit.
    fn checkpoint(&self, snapshot: Option<SnapshotRef>) -> Option<SnapshotRef> {
        let snapshot = snapshot?;
        match snapshot.checkpoint(self.store.engine.as_ref(), None) {
            Ok((_, with_checkpoint)) => {
                tracing::info!(table = %self.name, version = snapshot.version(), "checkpoint written");
                Some(with_checkpoint)
            }
            Err(error) => {
                tracing::warn!(table = %self.name, version = snapshot.version(), %error, "checkpoint failed");
                Some(snapshot)
            }
        }
    }
}

/// Fields of the history entry: one row.
pub(super) fn commit_info(request: &CommitRequest) -> Result<(Box<dyn EngineData>, SchemaRef), DeltaError> {
    let corrupt = |problem: String| DeltaError::Corrupt {
        table: request.transaction_id.clone(),
        problem,
    };
    let names = std::iter::once("transactionId").chain(request.information.keys().map(String::as_str));
    let values = std::iter::once(&request.transaction_id).chain(request.information.values());
    let fields: Vec<Field> = names
        .clone()
        .map(|name| Field::new(name, arrow::datatypes::DataType::Utf8, true))
        .collect();
    let columns = values
        .map(|value| Arc::new(StringArray::from(vec![value.as_str()])) as ArrayRef)
        .collect();
    let row =
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(|error| corrupt(error.to_string()))?;
    let schema = StructType::try_new(names.map(|name| StructField::nullable(name, DataType::STRING)))
        .map_err(|error| corrupt(error.to_string()))?;
    Ok((Box::new(ArrowEngineData::new(row)), Arc::new(schema)))
}

/// Add actions as a batch for the kernel.
pub(super) fn add_batch(
    table: &DeltaTable,
    contract: &Contract,
    files: &[DataFile],
) -> Result<RecordBatch, DeltaError> {
    let corrupt = |problem: String| DeltaError::Corrupt {
        table: table.name().to_owned(),
        problem,
    };
    let names = MapFieldNames {
        entry: "key_value".to_owned(),
        key: "key".to_owned(),
        value: "value".to_owned(),
    };
    let mut paths = Vec::with_capacity(files.len());
    let mut partitions = MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new());
    for file in files {
        paths.push(table.encode(&file.path)?);
        for column in &contract.partition_columns {
            let value = file
                .partition_values
                .get(column)
                .ok_or_else(|| corrupt(format!("{} has no value for partition column {column}", file.path)))?;
            partitions.keys().append_value(column);
            partitions.values().append_option(value.as_deref());
        }
        partitions.append(true).map_err(|error| corrupt(error.to_string()))?;
    }
    let sizes: Int64Array = files.iter().map(|file| i64::try_from(file.size).ok()).collect();
    let times: Int64Array = files.iter().map(|file| Some(file.modification_time)).collect();
    let columns: [(&str, ArrayRef, bool); 5] = [
        ("path", Arc::new(StringArray::from(paths)), false),
        ("partitionValues", Arc::new(partitions.finish()), false),
        ("size", Arc::new(sizes), false),
        ("modificationTime", Arc::new(times), false),
        ("stats", Arc::new(statistics::to_arrow(contract, files)?), true),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).map_err(|error| corrupt(error.to_string()))
}
