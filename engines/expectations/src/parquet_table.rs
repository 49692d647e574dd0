//! Tables of Parquet files, read by byte range from anywhere that implements [`ParquetFile`].
//!
//! Only the requested columns are read, one file after the other. Memory holds a few batches and the column chunks of one
//! row group, whatever the size of the table.

use crate::normalise::{is_text_dictionary, normalised, show};
use crate::source::{Batches, Source, SourceError};
use arrow::array::{
    ArrayRef, DictionaryArray, Int32Array, RecordBatch, RecordBatchOptions, StringArray, new_null_array,
};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, RowSelection};
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use parquet::basic::Encoding;
use parquet::errors::ParquetError;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Rows of a batch: columns of this many values fit into the caches of a processor.
const BATCH_ROWS: usize = 8192;
/// Size of the smallest Parquet file: two magic numbers and a length.
const SMALLEST_FILE: u64 = 12;
/// Files opened concurrently.
const PARALLEL_OPENS: usize = 8;

/// A Parquet file that can be opened any number of times.
pub trait ParquetFile: std::fmt::Debug + Send + Sync {
    /// Its name in messages: a path or an address.
    fn name(&self) -> String;

    /// Opens a reader. Errors of the storage belong in [`ParquetError::External`].
    fn open(&self) -> BoxFuture<'_, Result<Box<dyn AsyncFileReader>, ParquetError>>;
}

/// A file of the local file system.
#[derive(Debug, Clone)]
pub struct LocalFile(pub PathBuf);

impl ParquetFile for LocalFile {
    fn name(&self) -> String {
        self.0.display().to_string()
    }

    fn open(&self) -> BoxFuture<'_, Result<Box<dyn AsyncFileReader>, ParquetError>> {
        Box::pin(async {
            let file = tokio::fs::File::open(&self.0).await?;
            // The footer of a shorter file would begin before the file does.
            if file.metadata().await?.len() < SMALLEST_FILE {
                return Err(ParquetError::General("it is too short to be a Parquet file".to_owned()));
            }
            Ok(Box::new(file) as Box<dyn AsyncFileReader>)
        })
    }
}

/// A file of a table.
#[derive(Debug, Clone)]
pub struct TableFile {
    /// The file.
    pub file: Arc<dyn ParquetFile>,
    /// Values of the partition columns, which are not in the file; `None`: null.
    pub partition_values: BTreeMap<String, Option<String>>,
}

struct OpenFile {
    file: TableFile,
    metadata: ArrowReaderMetadata,
    /// The same, reading text columns that the file encodes as dictionaries as dictionaries.
    reading: ArrowReaderMetadata,
}

/// A table of Parquet files.
pub struct ParquetTable {
    files: Vec<OpenFile>,
    reference: Vec<OpenFile>,
    schema: SchemaRef,
    rows: u64,
}

/// One row of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct PickedRow {
    /// Name of its file.
    pub file: String,
    /// Number of the row in the file, from 0.
    pub number: u64,
    /// The values of all columns, as results show them.
    pub values: Map<String, Value>,
}

impl ParquetTable {
    /// Reads the footers. The columns are those of all files in order of first appearance, then the partition columns,
    /// typed by `partitions`, that no file has. A column that a file lacks is null.
    ///
    /// # Errors
    /// A file that cannot be read, or is not Parquet.
    pub async fn open(files: Vec<TableFile>, partitions: &Schema) -> Result<Self, SourceError> {
        let files = open_all(files).await?;
        let mut fields: Vec<Field> = Vec::new();
        let of_files = files.iter().flat_map(|open| open.metadata.schema().fields());
        for field in of_files.chain(partitions.fields()) {
            if !fields.iter().any(|known| known.name() == field.name()) {
                fields.push(field.as_ref().clone());
            }
        }
        Ok(Self {
            rows: files.iter().map(OpenFile::rows).sum(),
            files,
            reference: Vec::new(),
            schema: Arc::new(Schema::new(fields)),
        })
    }

    /// Adds files of reference rows: see [`Source::reference_rows`].
    ///
    /// # Errors
    /// A file that cannot be read, or is not Parquet.
    pub async fn with_reference(mut self, files: Vec<TableFile>) -> Result<Self, SourceError> {
        self.reference = open_all(files).await?;
        Ok(self)
    }

    /// Rows of each file, in the order given.
    pub fn file_rows(&self) -> impl Iterator<Item = (&TableFile, u64)> {
        self.files.iter().map(|open| (&open.file, open.rows()))
    }

    fn scan_files<'a>(&'a self, files: &'a [OpenFile], columns: &[String]) -> Batches<'a> {
        let schema = self.projected(columns);
        futures::stream::iter(files)
            .then(move |open| {
                let schema = Arc::clone(&schema);
                async move { open.scan(schema, None).await }
            })
            .try_flatten()
            .boxed()
    }

    fn projected(&self, columns: &[String]) -> SchemaRef {
        let fields = columns
            .iter()
            .filter_map(|name| self.schema.field_with_name(name).ok().cloned());
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// The rows with these numbers in the table (from 0, ascending), with all columns.
    pub fn pick<'a>(&'a self, rows: &'a [u64]) -> BoxStream<'a, Result<PickedRow, SourceError>> {
        let mut first = 0;
        let files = self.files.iter().filter_map(move |open| {
            let range = first..first + open.rows();
            first = range.end;
            let start = rows.partition_point(|row| *row < range.start);
            let end = rows.partition_point(|row| *row < range.end);
            let numbers: Vec<u64> = rows[start..end].iter().map(|row| row - range.start).collect();
            (!numbers.is_empty()).then_some((open, numbers))
        });
        futures::stream::iter(files)
            .then(move |(open, numbers)| async move {
                let ranges = numbers.iter().map(|row| *row as usize..*row as usize + 1);
                let selection = RowSelection::from_consecutive_ranges(ranges, open.rows() as usize);
                let batches = open.scan(Arc::clone(&self.schema), Some(selection)).await?;
                let mut numbers = numbers.into_iter();
                Ok(batches.map(move |batch| {
                    let rows = open.shown(&batch?, &mut numbers)?;
                    Ok(futures::stream::iter(rows.into_iter().map(Ok)))
                }))
            })
            .try_flatten()
            .try_flatten()
            .boxed()
    }
}

impl Source for ParquetTable {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn scan(&self, columns: &[String]) -> Batches<'_> {
        self.scan_files(&self.files, columns)
    }

    fn reference_rows(&self) -> u64 {
        self.reference.iter().map(OpenFile::rows).sum()
    }

    fn scan_reference(&self, columns: &[String]) -> Batches<'_> {
        self.scan_files(&self.reference, columns)
    }
}

/// Reads the footers.
async fn open_all(files: Vec<TableFile>) -> Result<Vec<OpenFile>, SourceError> {
    let opening = files.into_iter().map(|file| async move {
        let parquet = |source| SourceError::Parquet {
            file: file.file.name(),
            source,
        };
        let mut reader = file.file.open().await.map_err(parquet)?;
        let metadata = ArrowReaderMetadata::load_async(&mut reader, ArrowReaderOptions::new()).await;
        let metadata = metadata.map_err(parquet)?;
        Ok(OpenFile {
            reading: with_dictionaries(&metadata).map_err(parquet)?,
            metadata,
            file,
        })
    });
    futures::stream::iter(opening)
        .buffered(PARALLEL_OPENS)
        .try_collect()
        .await
}

/// Reads text columns as dictionaries if all their pages are dictionary-encoded.
fn with_dictionaries(metadata: &ArrowReaderMetadata) -> Result<ArrowReaderMetadata, ParquetError> {
    let row_groups = metadata.metadata().row_groups();
    let is_dictionary = |place: usize| {
        row_groups.iter().all(|group| {
            let column = group.columns().get(place);
            let encodings = column.and_then(|column| column.page_encoding_stats_mask());
            encodings
                .is_some_and(|mask| mask.is_only(Encoding::RLE_DICTIONARY) || mask.is_only(Encoding::PLAIN_DICTIONARY))
        })
    };
    let schema = metadata.schema();
    // Only in a flat schema are columns and leaves the same.
    if metadata.parquet_schema().num_columns() != schema.fields().len() {
        return Ok(metadata.clone());
    }
    let fields = schema.fields().iter().enumerate().map(|(place, field)| {
        if field.data_type() == &DataType::Utf8 && is_dictionary(place) {
            let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            Arc::new(field.as_ref().clone().with_data_type(dictionary))
        } else {
            Arc::clone(field)
        }
    });
    let schema = Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone());
    let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
    ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options)
}

impl OpenFile {
    fn rows(&self) -> u64 {
        self.metadata.metadata().file_metadata().num_rows().unsigned_abs()
    }

    /// All or the selected rows, with the wanted columns.
    async fn scan(&self, wanted: SchemaRef, selection: Option<RowSelection>) -> Result<Batches<'_>, SourceError> {
        let parquet = |source| SourceError::Parquet {
            file: self.file.file.name(),
            source,
        };
        let reader = self.file.file.open().await.map_err(parquet)?;
        let names = wanted.fields().iter().map(|field| field.name().as_str());
        let mask = ProjectionMask::columns(self.metadata.parquet_schema(), names);
        let mut builder = ParquetRecordBatchStreamBuilder::new_with_metadata(reader, self.reading.clone())
            .with_projection(mask)
            .with_batch_size(BATCH_ROWS);
        if let Some(selection) = selection {
            builder = builder.with_row_selection(selection);
        }
        let stream = builder.build().map_err(parquet)?;
        let batches = stream.map(move |batch| self.complete(&batch.map_err(parquet)?, &wanted));
        Ok(batches.boxed())
    }

    /// The rows of a batch as results show them, numbered in order.
    fn shown(
        &self,
        batch: &RecordBatch,
        numbers: &mut impl Iterator<Item = u64>,
    ) -> Result<Vec<PickedRow>, SourceError> {
        let batch = normalised(batch, None).map_err(|error| SourceError::Read {
            name: self.file.file.name(),
            source: Box::new(error),
        })?;
        let schema = batch.schema();
        let row = |(place, number)| {
            let columns = schema.fields().iter().zip(batch.columns());
            let values = columns.map(|(field, array)| (field.name().clone(), show(array, place)));
            PickedRow {
                file: self.file.file.name(),
                number,
                values: values.collect(),
            }
        };
        Ok((0..batch.num_rows()).zip(numbers).map(row).collect())
    }

    /// Completes a batch of the file to the wanted columns.
    fn complete(&self, batch: &RecordBatch, wanted: &SchemaRef) -> Result<RecordBatch, SourceError> {
        let rows = batch.num_rows();
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(wanted.fields().len());
        for field in wanted.fields() {
            let column = |source| SourceError::Column {
                file: self.file.file.name(),
                column: field.name().clone(),
                source,
            };
            columns.push(
                match (
                    batch.column_by_name(field.name()),
                    self.file.partition_values.get(field.name()),
                ) {
                    // An older file may have a narrower type.
                    (Some(array), _) if array.data_type() == field.data_type() => Arc::clone(array),
                    (Some(array), _)
                        if field.data_type() == &DataType::Utf8 && is_text_dictionary(array.data_type()) =>
                    {
                        Arc::clone(array)
                    }
                    // A wider one may not fit: a null in place of a value would be judged as such.
                    (Some(array), _) => {
                        let strict = CastOptions {
                            safe: false,
                            ..CastOptions::default()
                        };
                        cast_with_options(array, field.data_type(), &strict).map_err(column)?
                    }
                    (None, Some(Some(value))) => constant(value, field.data_type(), rows).map_err(column)?,
                    (None, _) => new_null_array(field.data_type(), rows),
                },
            );
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        // Nullability and dictionary encoding may differ between files.
        let fields = wanted.fields().iter().zip(&columns);
        let fields = fields.map(|(field, array)| Field::new(field.name(), array.data_type().clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        RecordBatch::try_new_with_options(schema, columns, &options).map_err(|source| SourceError::Read {
            name: self.file.file.name(),
            source: Box::new(source),
        })
    }
}

/// A column with the value of a partition column in every row.
fn constant(value: &str, data_type: &DataType, rows: usize) -> Result<ArrayRef, ArrowError> {
    let one: ArrayRef = Arc::new(StringArray::from(vec![value]));
    if data_type == &DataType::Utf8 {
        let keys = Int32Array::from(vec![0; rows]);
        return Ok(Arc::new(DictionaryArray::try_new(keys, one)?));
    }
    let one = cast(&one, data_type)?;
    let indices = arrow::array::UInt32Array::from(vec![0; rows]);
    arrow::compute::take(&one, &indices, None)
}
