//! Commit requests, and their conversion to actions of the kernel.

use super::error::DeltaError;
use super::statistics;
use super::table::DeltaTable;
use arrow::array::{ArrayRef, Int64Array, MapBuilder, MapFieldNames, RecordBatch, StringArray, StringBuilder};
use arrow::datatypes::{Field, Schema};
use cardlake_core::contract::Contract;
use cardlake_core::records::DataFile;
use delta_kernel::EngineData;
use delta_kernel::engine::arrow_data::ArrowEngineData;
use delta_kernel::schema::{DataType, SchemaRef, StructField, StructType};
use std::collections::BTreeMap;
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
    /// Whether rows leave the table without being replaced; recorded for [`DeltaTable::withdrawn_at`].
    pub withdraws: bool,
    /// Whether the rows of the table change; `false` for a commit that only arranges them in other files.
    pub data_change: bool,
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
