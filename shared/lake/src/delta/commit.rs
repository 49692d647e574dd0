//! Commits: at most one version of the log per transaction ID.

use super::engine::blocking;
use super::error::DeltaError;
use super::request::{CommitOutcome, CommitRequest, add_batch, commit_info};
use super::schema;
use super::table::{CHECKPOINT_INTERVAL, DeltaTable, ENGINE_INFO, WITHDRAWN, logical_schema, partition_columns};
use arrow::array::{Array, AsArray};
use cardlake_core::contract::Contract;
use delta_kernel::committer::FileSystemCommitter;
use delta_kernel::engine::arrow_data::{ArrowEngineData, EngineDataArrowExt};
use delta_kernel::engine_data::FilteredEngineData;
use delta_kernel::transaction::{CommitResult, UpdateTableOperation};
use delta_kernel::{EngineData, SnapshotRef};
use std::collections::BTreeSet;
use std::sync::Arc;

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
        let mut new_columns =
            schema::missing_columns(contract, &logical_schema(snapshot), &partition_columns(snapshot))?;
        let (info, info_schema) = commit_info(request)?;
        let operation = match (request.data_change, request.remove.is_empty()) {
            (false, _) => UpdateTableOperation::Optimize,
            (true, true) => UpdateTableOperation::Write,
            (true, false) => UpdateTableOperation::Merge,
        };
        if !request.data_change {
            // The next batch adds them.
            new_columns.clear();
        }
        let mut builder = Arc::clone(snapshot).update_table(operation, ENGINE_INFO, request.data_change);
        for column in new_columns {
            builder = builder.add_column(column);
        }
        builder = builder.with_transaction_id(&request.transaction_id, 1);
        if request.withdraws {
            let version = i64::try_from(snapshot.version() + 1).unwrap_or(i64::MAX);
            builder = builder.with_transaction_id(WITHDRAWN, version);
        }
        let mut transaction = builder
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
            .log_scan(snapshot)?
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
