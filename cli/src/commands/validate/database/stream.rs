//! A table function that streams the batches of a source into DuckDB.
//!
//! DuckDB knows a table by a number, since its callbacks can be handed nothing else without unsafe code.

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use cardlake_expectations::Source;
use duckdb::core::{DataChunkHandle, LogicalTypeHandle, LogicalTypeId};
use duckdb::vtab::{
    BindInfo, InitInfo, TableFunctionInfo, VTab, record_batch_to_duckdb_data_chunk, to_duckdb_logical_type,
};
use futures::TryStreamExt;
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// Name of the function in SQL.
pub(super) const FUNCTION: &str = "read_validated_table";
/// Batches read ahead.
const AHEAD: usize = 4;
/// Rows that DuckDB takes at once.
const CHUNK_ROWS: usize = 2048;

/// The tables that functions can read, by number.
static TABLES: Mutex<BTreeMap<i64, Table>> = Mutex::new(BTreeMap::new());

#[derive(Clone)]
struct Table {
    source: Arc<dyn Source>,
    runtime: Handle,
}

/// A table that can be read until this is dropped.
pub(super) struct Registered(i64);

impl Registered {
    pub(super) fn new(source: Arc<dyn Source>, runtime: Handle) -> Self {
        let mut tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
        let id = tables.last_key_value().map_or(1, |(last, _)| last + 1);
        tables.insert(id, Table { source, runtime });
        Self(id)
    }

    pub(super) const fn id(&self) -> i64 {
        self.0
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        TABLES.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// The table function.
pub(super) struct StreamTable;

/// A table, with its columns as DuckDB has them.
pub(super) struct Bound {
    table: Table,
    schema: SchemaRef,
}

/// A scan, which starts when DuckDB asks for the first rows.
pub(super) struct Scan {
    /// Places of the columns that the query needs.
    places: Vec<u64>,
    running: Mutex<Option<Running>>,
}

struct Running {
    columns: SchemaRef,
    batches: mpsc::Receiver<Result<RecordBatch, String>>,
    /// What DuckDB has not taken yet of the last batch.
    rest: Option<RecordBatch>,
}

/// The type under which DuckDB reads a column: plain where Arrow has several encodings, text where DuckDB has no such type.
fn column_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, values) => column_type(values),
        DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => DataType::Utf8,
        DataType::Float16 => DataType::Float32,
        // DuckDB's dates are days.
        DataType::Date64 => DataType::Date32,
        DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64
        | DataType::Float32
        | DataType::Float64
        | DataType::Utf8
        | DataType::Date32
        | DataType::Timestamp(_, _)
        | DataType::Binary => data_type.clone(),
        DataType::Decimal128(_, scale) if *scale >= 0 => data_type.clone(),
        _ => DataType::Utf8,
    }
}

impl VTab for StreamTable {
    type InitData = Scan;
    type BindData = Bound;

    fn bind(bind: &BindInfo) -> Result<Bound, Box<dyn Error>> {
        let id = bind.get_parameter(0).to_int64();
        let tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
        let table = tables.get(&id).cloned().ok_or("there is no such table")?;
        drop(tables);
        let mut fields = Vec::new();
        for field in table.source.schema().fields() {
            if field.name().contains('\0') {
                return Err(format!("column {:?} has a name that SQL cannot have", field.name()).into());
            }
            let data_type = column_type(field.data_type());
            bind.add_result_column(field.name(), to_duckdb_logical_type(&data_type)?);
            fields.push(Field::new(field.name(), data_type, true));
        }
        bind.set_cardinality(table.source.rows(), true);
        Ok(Bound {
            table,
            schema: Arc::new(Schema::new(fields)),
        })
    }

    fn init(init: &InitInfo) -> Result<Scan, Box<dyn Error>> {
        init.set_max_threads(1);
        Ok(Scan {
            places: init.get_column_indices(),
            running: Mutex::default(),
        })
    }

    fn func(info: &TableFunctionInfo<Self>, output: &mut DataChunkHandle) -> Result<(), Box<dyn Error>> {
        let scan = info.get_init_data();
        let mut running = scan.running.lock().unwrap_or_else(PoisonError::into_inner);
        let running = running.get_or_insert_with(|| Running::start(info.get_bind_data(), &scan.places));
        match running.next_chunk()? {
            Some(chunk) if chunk.num_columns() == scan.places.len() => {
                record_batch_to_duckdb_data_chunk(&chunk, output)?;
            }
            // To count rows, DuckDB asks for one column that is none of the table.
            Some(chunk) if chunk.num_columns() == 0 => output.set_len(chunk.num_rows()),
            Some(_) => return Err("the query names a column that the table does not have".into()),
            None => output.set_len(0),
        }
        Ok(())
    }

    fn supports_pushdown() -> bool {
        true
    }

    fn parameters() -> Option<Vec<LogicalTypeHandle>> {
        Some(vec![LogicalTypeHandle::from(LogicalTypeId::Bigint)])
    }
}

impl Running {
    /// Starts to read the columns at these places.
    fn start(bound: &Bound, places: &[u64]) -> Self {
        let fields = places.iter().filter_map(|place| {
            let place = usize::try_from(*place).ok()?;
            bound.schema.fields().get(place).cloned()
        });
        let columns = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let names: Vec<String> = columns.fields().iter().map(|field| field.name().clone()).collect();
        let source = Arc::clone(&bound.table.source);
        let (sender, batches) = mpsc::channel(AHEAD);
        // Ends when the query does: the receiver is gone then.
        bound.table.runtime.spawn(async move {
            let mut scan = source.scan(&names);
            loop {
                let next = scan.try_next().await.map_err(|error| error.to_string()).transpose();
                let Some(next) = next else { return };
                if sender.send(next).await.is_err() {
                    return;
                }
            }
        });
        Self {
            columns,
            batches,
            rest: None,
        }
    }

    /// The next rows, at most as many as DuckDB takes; none at the end.
    fn next_chunk(&mut self) -> Result<Option<RecordBatch>, Box<dyn Error>> {
        loop {
            if let Some(rest) = self.rest.take().filter(|rest| rest.num_rows() > 0) {
                let rows = rest.num_rows().min(CHUNK_ROWS);
                self.rest = Some(rest.slice(rows, rest.num_rows() - rows));
                return Ok(Some(rest.slice(0, rows)));
            }
            let Some(batch) = self.batches.blocking_recv() else {
                return Ok(None);
            };
            self.rest = Some(self.plain(&batch?)?);
        }
    }

    /// A batch with the columns as DuckDB reads them.
    fn plain(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let strict = CastOptions {
            safe: false,
            ..CastOptions::default()
        };
        let columns = self.columns.fields().iter().zip(batch.columns());
        let columns = columns.map(|(field, array)| cast_with_options(array, field.data_type(), &strict));
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(
            Arc::clone(&self.columns),
            columns.collect::<Result<Vec<_>, _>>()?,
            &options,
        )
    }
}
