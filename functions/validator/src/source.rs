//! Tables as streams of batches: anything that is a [`Source`], above all Parquet files in S3 or in a folder.
//!
//! Only the columns asked for are read, by ranged requests, one file after the other. Memory holds a few batches and the
//! column chunks of one row group, whatever the size of the table.

use crate::value::is_dictionary_of_texts;
use arrow::array::{
    ArrayRef, DictionaryArray, Int32Array, RecordBatch, RecordBatchOptions, StringArray, new_null_array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use cardlake_aws::storage::{Storage, StorageError};
use cardlake_core::error::{ErrorKind, StageError};
use cardlake_lake::parquet::object::ObjectReader;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, RowSelection};
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use parquet::basic::Encoding;
use parquet::errors::ParquetError;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Rows of a batch: columns of this many values stay inside the processor's caches.
const BATCH_ROWS: usize = 8192;
/// Bytes of a Parquet file without anything in it: two marks and a length.
const SMALLEST_FILE: u64 = 12;

/// Files that are opened at the same time.
const PARALLEL_OPENS: usize = 8;

/// Rows, with the given columns in the order given.
pub type Batches<'a> = BoxStream<'a, Result<RecordBatch, SourceError>>;

/// A table that can be read more than once.
pub trait Source: Send + Sync {
    /// All columns, in order.
    fn schema(&self) -> &SchemaRef;

    /// Number of rows.
    fn rows(&self) -> u64;

    /// The rows, always in the same order.
    fn scan(&self, columns: &[String]) -> Batches<'_>;

    /// Number of rows that are not looked at, but beside which the others must be unique.
    fn rows_beside(&self) -> u64 {
        0
    }

    /// These rows; a column that they lack is null.
    fn scan_beside(&self, _columns: &[String]) -> Batches<'_> {
        futures::stream::empty().boxed()
    }
}

/// Why a table cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file cannot be read as a table.
    #[error("cannot read {file}: {problem}")]
    File {
        /// The file.
        file: String,
        /// What is wrong, and what to do about it.
        problem: String,
    },
    /// The file is no Parquet, or holds something other than its footer says.
    #[error("cannot read {file} as Parquet: {source}")]
    Parquet {
        /// The file.
        file: String,
        /// What is wrong.
        source: ParquetError,
    },
    /// A column cannot be brought to the type of the table.
    #[error("cannot read column '{column}' of {file}: {source}")]
    Column {
        /// The file.
        file: String,
        /// The column.
        column: String,
        /// What is wrong.
        source: ArrowError,
    },
}

impl StageError for SourceError {
    fn kind(&self) -> ErrorKind {
        match self {
            // What the storage said comes through the Parquet reader wrapped.
            Self::Parquet {
                source: ParquetError::External(error),
                ..
            } => error
                .downcast_ref::<StorageError>()
                .map_or(ErrorKind::Corrupt, StageError::kind),
            Self::File { .. } | Self::Parquet { .. } | Self::Column { .. } => ErrorKind::Corrupt,
        }
    }
}

/// Where a file lies.
#[derive(Debug, Clone)]
pub enum Location {
    /// An object in S3.
    Object {
        /// Access to S3.
        storage: Storage,
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
        /// Size in bytes.
        size: u64,
    },
    /// A local file.
    Path(PathBuf),
}

impl Location {
    /// What to call it in messages.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Object { bucket, key, .. } => format!("s3://{bucket}/{key}"),
            Self::Path(path) => path.display().to_string(),
        }
    }

    async fn open(&self) -> Result<Box<dyn AsyncFileReader>, ParquetError> {
        Ok(match self {
            Self::Object {
                storage,
                bucket,
                key,
                size,
            } => Box::new(ObjectReader::new(storage, bucket, key, *size)),
            Self::Path(path) => {
                let file = tokio::fs::File::open(path).await?;
                // Looking for the footer of less than that would end before the beginning.
                if file.metadata().await?.len() < SMALLEST_FILE {
                    return Err(ParquetError::General("it is too short to be a Parquet file".to_owned()));
                }
                Box::new(file)
            }
        })
    }
}

/// A file of a table: where it is, and what all its rows have in common.
#[derive(Debug, Clone)]
pub struct TableFile {
    /// Where it lies.
    pub location: Location,
    /// Values of the partition columns, which are not in the file; none: null.
    pub partition_values: BTreeMap<String, Option<String>>,
}

struct OpenFile {
    file: TableFile,
    metadata: ArrowReaderMetadata,
    /// The same, but that columns of texts that are dictionaries in the file stay dictionaries.
    reading: ArrowReaderMetadata,
}

/// A table of Parquet files.
pub struct ParquetTable {
    files: Vec<OpenFile>,
    beside: Vec<OpenFile>,
    schema: SchemaRef,
    rows: u64,
}

/// Rows of one file that were asked for by number.
pub(crate) struct PickedRows {
    /// The file.
    pub(crate) file: String,
    /// Number of each row in the file, from 0.
    pub(crate) numbers: Vec<u64>,
    /// The rows, with all columns.
    pub(crate) batch: RecordBatch,
}

impl ParquetTable {
    /// Reads the footers. The columns are those of all files, in the order in which they first appear; `partitions` are
    /// the types of the partition columns, which come last unless a file has them. A column that a file lacks is null.
    ///
    /// # Errors
    /// A file that cannot be read, or is no Parquet.
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
            beside: Vec::new(),
            schema: Arc::new(Schema::new(fields)),
        })
    }

    /// Adds files that are not looked at, but beside which the rows of the table must be unique.
    ///
    /// # Errors
    /// A file that cannot be read, or is no Parquet.
    pub async fn beside(mut self, files: Vec<TableFile>) -> Result<Self, SourceError> {
        self.beside = open_all(files).await?;
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

    /// The rows with the given numbers in the table (from 0, rising), with all columns, file by file.
    pub(crate) fn pick<'a>(&'a self, rows: &'a [u64]) -> BoxStream<'a, Result<PickedRows, SourceError>> {
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
                let mut done = 0;
                Ok(batches.map_ok(move |batch| {
                    let numbers = numbers[done..done + batch.num_rows()].to_vec();
                    done += batch.num_rows();
                    PickedRows {
                        file: open.file.location.name(),
                        numbers,
                        batch,
                    }
                }))
            })
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

    fn rows_beside(&self) -> u64 {
        self.beside.iter().map(OpenFile::rows).sum()
    }

    fn scan_beside(&self, columns: &[String]) -> Batches<'_> {
        self.scan_files(&self.beside, columns)
    }
}

/// Reads the footers.
async fn open_all(files: Vec<TableFile>) -> Result<Vec<OpenFile>, SourceError> {
    let opening = files.into_iter().map(|file| async move {
        let parquet = |source| SourceError::Parquet {
            file: file.location.name(),
            source,
        };
        let mut reader = file.location.open().await.map_err(parquet)?;
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

/// Reads columns of texts as dictionaries where all their pages are.
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

    /// The rows, or some of them, with the wanted columns.
    async fn scan(&self, wanted: SchemaRef, selection: Option<RowSelection>) -> Result<Batches<'_>, SourceError> {
        let parquet = |source| SourceError::Parquet {
            file: self.file.location.name(),
            source,
        };
        let reader = self.file.location.open().await.map_err(parquet)?;
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

    /// A batch of the file with all wanted columns.
    fn complete(&self, batch: &RecordBatch, wanted: &SchemaRef) -> Result<RecordBatch, SourceError> {
        let rows = batch.num_rows();
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(wanted.fields().len());
        for field in wanted.fields() {
            let column = |source| SourceError::Column {
                file: self.file.location.name(),
                column: field.name().clone(),
                source,
            };
            columns.push(
                match (
                    batch.column_by_name(field.name()),
                    self.file.partition_values.get(field.name()),
                ) {
                    // A file of an older contract may have a narrower type.
                    (Some(array), _) if array.data_type() == field.data_type() => Arc::clone(array),
                    (Some(array), _)
                        if field.data_type() == &DataType::Utf8 && is_dictionary_of_texts(array.data_type()) =>
                    {
                        Arc::clone(array)
                    }
                    (Some(array), _) => cast(array, field.data_type()).map_err(column)?,
                    (None, Some(Some(value))) => constant(value, field.data_type(), rows).map_err(column)?,
                    (None, _) => new_null_array(field.data_type(), rows),
                },
            );
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        // A column may be without nulls in one file only, or a dictionary in one file only.
        let fields = wanted.fields().iter().zip(&columns);
        let fields = fields.map(|(field, array)| Field::new(field.name(), array.data_type().clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        RecordBatch::try_new_with_options(schema, columns, &options).map_err(|source| SourceError::File {
            file: self.file.location.name(),
            problem: source.to_string(),
        })
    }
}

/// The value of a partition column for all rows of a batch.
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
