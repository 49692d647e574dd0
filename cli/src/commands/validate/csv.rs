//! CSV files as a table, streamed: once for type inference, then once per pass.

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow_csv::ReaderBuilder;
use arrow_csv::reader::Format;
use cardlake_core::bronze::format_of;
use cardlake_core::events::Compression;
use cardlake_expectations::{Batches, Source, SourceError};
use cardlake_transformer::decompressed;
use futures::stream::{self, StreamExt};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Rows of a batch.
const BATCH_ROWS: usize = 8192;
/// Batches read ahead.
const AHEAD: usize = 4;

/// A file and the types of its own columns, in its own order.
#[derive(Debug, Clone)]
struct CsvFile {
    path: PathBuf,
    schema: SchemaRef,
}

/// CSV files with a header row.
#[derive(Debug)]
pub(super) struct CsvTable {
    files: Vec<CsvFile>,
    schema: SchemaRef,
    rows: u64,
}

/// A file that cannot be read as CSV.
#[derive(Debug, thiserror::Error)]
#[error("{0} (expected UTF-8 with commas and a header row)")]
struct CsvError(#[source] Box<dyn std::error::Error + Send + Sync>);

fn wrong(path: &Path, error: impl std::error::Error + Send + Sync + 'static) -> SourceError {
    SourceError::Read {
        name: path.display().to_string(),
        source: Box::new(CsvError(Box::new(error))),
    }
}

fn open(path: &Path) -> Result<Box<dyn Read>, SourceError> {
    let compression = format_of(&path.to_string_lossy()).map_or(Compression::None, |(_, compression)| compression);
    let file = File::open(path).map_err(|error| wrong(path, error))?;
    decompressed(BufReader::with_capacity(1 << 18, file), compression).map_err(|error| wrong(path, error))
}

impl CsvTable {
    /// Reads all files to infer column types and to count rows.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(super) fn open(paths: Vec<PathBuf>) -> Result<Self, SourceError> {
        let mut files = Vec::with_capacity(paths.len());
        let mut fields: Vec<Field> = Vec::new();
        let mut rows = 0;
        for path in paths {
            let format = Format::default().with_header(true);
            let inferred = format.infer_schema(open(&path)?, None);
            let (schema, records) = inferred.map_err(|error| wrong(&path, error))?;
            rows += records as u64;
            for field in schema.fields() {
                match fields.iter_mut().find(|known| known.name() == field.name()) {
                    None => fields.push(field.as_ref().clone()),
                    Some(known) => {
                        let data_type = common(known.data_type(), field.data_type());
                        *known = known.clone().with_data_type(data_type);
                    }
                }
            }
            files.push(CsvFile {
                path,
                schema: Arc::new(schema),
            });
        }
        // A column without values has no type; any type can hold nulls.
        for field in fields.iter_mut().filter(|field| field.data_type() == &DataType::Null) {
            *field = field.clone().with_data_type(DataType::Utf8);
        }
        Ok(Self {
            files,
            schema: Arc::new(Schema::new(fields)),
            rows,
        })
    }
}

/// The type that holds the values of both.
fn common(a: &DataType, b: &DataType) -> DataType {
    match (a, b) {
        (a, b) if a == b => a.clone(),
        (DataType::Null, other) | (other, DataType::Null) => other.clone(),
        (DataType::Int64, DataType::Float64) | (DataType::Float64, DataType::Int64) => DataType::Float64,
        _ => DataType::Utf8,
    }
}

impl CsvFile {
    /// Sends the batches of the file; false once the receiver is gone or a batch failed.
    fn send(&self, wanted: &SchemaRef, sender: &mpsc::Sender<Result<RecordBatch, SourceError>>) -> bool {
        // Values are parsed as the types of the table, not as those inferred from this file.
        let types = self.schema.fields().iter().map(|field| {
            let data_type = wanted.field_with_name(field.name()).map(Field::data_type);
            Field::new(field.name(), data_type.cloned().unwrap_or(DataType::Utf8), true)
        });
        let types = Arc::new(Schema::new(types.collect::<Vec<_>>()));
        let places =
            (0..types.fields().len()).filter(|place| wanted.field_with_name(types.field(*place).name()).is_ok());
        let reading = open(&self.path).and_then(|reader| {
            ReaderBuilder::new(Arc::clone(&types))
                .with_header(true)
                .with_batch_size(BATCH_ROWS)
                .with_projection(places.collect())
                .build(reader)
                .map_err(|error| wrong(&self.path, error))
        });
        let batches = match reading {
            Ok(batches) => batches,
            Err(error) => return sender.blocking_send(Err(error)).is_ok(),
        };
        for batch in batches {
            let batch = batch.and_then(|batch| complete(&batch, wanted));
            let failed = batch.is_err();
            let sent = sender.blocking_send(batch.map_err(|error| wrong(&self.path, error)));
            if sent.is_err() || failed {
                return false;
            }
        }
        true
    }
}

/// A batch with all wanted columns, in their order.
fn complete(batch: &RecordBatch, wanted: &SchemaRef) -> Result<RecordBatch, arrow::error::ArrowError> {
    let columns = wanted.fields().iter().map(|field| -> Result<ArrayRef, _> {
        match batch.column_by_name(field.name()) {
            Some(array) => cast(array, field.data_type()),
            None => Ok(new_null_array(field.data_type(), batch.num_rows())),
        }
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(wanted), columns, &options)
}

impl Source for CsvTable {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn scan(&self, columns: &[String]) -> Batches<'_> {
        let fields = columns
            .iter()
            .filter_map(|name| self.schema.field_with_name(name).ok())
            .map(|field| field.clone().with_nullable(true));
        let wanted = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let files = self.files.clone();
        let (sender, receiver) = mpsc::channel(AHEAD);
        // Parsing runs concurrently with the evaluation and ends when the stream is dropped.
        tokio::task::spawn_blocking(move || files.iter().all(|file| file.send(&wanted, &sender)));
        stream::unfold(receiver, async |mut receiver| {
            let batch = receiver.recv().await?;
            Some((batch, receiver))
        })
        .boxed()
    }
}
