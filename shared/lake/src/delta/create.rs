//! The first commit of a table: creates the table and adds the first files in one version.

use super::error::DeltaError;
use super::request::{CommitRequest, add_batch, commit_info};
use super::schema;
use super::table::{CHECKPOINT_INTERVAL, DeltaTable, ENGINE_INFO};
use cardlake_core::contract::Contract;
use delta_kernel::committer::FileSystemCommitter;
use delta_kernel::engine::arrow_data::ArrowEngineData;
use delta_kernel::transaction::CommitResult;
use delta_kernel::transaction::create_table::create_table;
use delta_kernel::transaction::data_layout::DataLayout;
use delta_kernel::{KernelError, SnapshotRef};

impl DeltaTable {
    /// Creates the table, or returns `None` if another writer was first.
    pub(super) fn create(
        &self,
        contract: &Contract,
        request: &CommitRequest,
    ) -> Result<Option<Option<SnapshotRef>>, DeltaError> {
        let engine = self.store.engine.as_ref();
        let failed = self.failed("create");
        let (info, info_schema) = commit_info(request)?;
        let statistics_columns: Vec<_> = crate::parquet::statistics_columns(contract)
            .map(|column| column.name.as_str())
            .collect();
        let mut builder = create_table(&self.url, schema::table_schema(contract)?, ENGINE_INFO, true)
            .with_table_properties([
                ("delta.dataSkippingStatsColumns", statistics_columns.join(",")),
                ("delta.checkpointInterval", CHECKPOINT_INTERVAL.to_string()),
                ("cardlake.contractVersion", contract.version.clone()),
            ]);
        if !contract.partition_columns.is_empty() {
            builder = builder.with_data_layout(DataLayout::partitioned(&contract.partition_columns));
        }
        let built = builder
            .with_transaction_id(&request.transaction_id, 1)
            .with_operation_metrics(request.metrics())
            .with_commit_info(info, info_schema)
            .build(engine, Box::new(FileSystemCommitter::new()));
        let mut transaction = match built {
            Ok(transaction) => transaction,
            Err(KernelError::TableAlreadyExistsAtPath(_)) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if !request.add.is_empty() {
            transaction.add_files(Box::new(ArrowEngineData::new(add_batch(self, contract, &request.add)?)));
        }
        match transaction.commit(engine).map_err(failed)? {
            CommitResult::Committed(committed) => Ok(Some(committed.post_commit_snapshot().cloned())),
            CommitResult::Conflicted(_) => Ok(None),
            CommitResult::Retryable(retryable) => Err(DeltaError::kernel("create", &self.name, retryable.error)),
        }
    }
}
