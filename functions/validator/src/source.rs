//! Tables as streams of batches: Parquet files in S3 or in a folder.
//!
//! Only the columns asked for are read, by ranged requests, one file after the other. Memory holds a few batches and the
//! column chunks of one row group, whatever the size of the table.

use crate::value::normalise;
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringArray, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use bytes::Bytes;
use cardlake_shared::error::{ErrorKind, StageError};
use cardlake_shared::storage::{Storage, StorageError};
use futures::future::BoxFuture;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// Rows of a batch: columns of this many values stay inside the processor's caches.
const BATCH_ROWS: usize = 8192;
/// The end of a file that is fetched first; it holds the footer of all but very wide files.
const FOOTER_BYTES: usize = 64 * 1024;
/// Ranges of one file that are fetched at the same time.
const PARALLEL_RANGES: usize = 8;

/// Why a table cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
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
            Self::Parquet { .. } | Self::Column { .. } => ErrorKind::Corrupt,
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
    fn name(&self) -> String {
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
            } => Box::new(ObjectReader {
                storage: storage.clone(),
                bucket: bucket.clone(),
                key: key.clone(),
                size: *size,
            }),
            Self::Path(path) => Box::new(tokio::fs::File::open(path).await?),
        })
    }
}

struct ObjectReader {
    storage: Storage,
    bucket: String,
    key: String,
    size: u64,
}

impl AsyncFileReader for ObjectReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        Box::pin(async move {
            let bytes = self.storage.get_range(&self.bucket, &self.key, range).await;
            bytes.map_err(|error| ParquetError::External(Box::new(error)))
        })
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>, ParquetError>> {
        Box::pin(async move {
            let requests = ranges
                .into_iter()
                .map(|range| self.storage.get_range(&self.bucket, &self.key, range));
            let parts = futures::stream::iter(requests).buffered(PARALLEL_RANGES).try_collect();
            parts
                .await
                .map_err(|error: StorageError| ParquetError::External(Box::new(error)))
        })
    }

    fn get_metadata<'a>(
        &'a mut self,
        _: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        Box::pin(async move {
            let size = self.size;
            let reader = ParquetMetaDataReader::new().with_prefetch_hint(Some(FOOTER_BYTES));
            reader.load_and_finish(self, size).await.map(Arc::new)
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
}

/// A table of Parquet files.
pub struct ParquetTable {
    files: Vec<OpenFile>,
    schema: SchemaRef,
    rows: u64,
}

impl ParquetTable {
    /// Reads the footers. The columns are those of all files, in the order in which they first appear; `partitions` are
    /// the types of the partition columns, which come last unless a file has them. A column that a file lacks is null.
    ///
    /// # Errors
    /// A file that cannot be read, or is no Parquet.
    pub async fn open(files: Vec<TableFile>, partitions: &Schema) -> Result<Self, SourceError> {
        let mut fields: Vec<Field> = Vec::new();
        let mut opened = Vec::with_capacity(files.len());
        let mut rows = 0;
        for file in files {
            let parquet = |source| SourceError::Parquet {
                file: file.location.name(),
                source,
            };
            let mut reader = file.location.open().await.map_err(parquet)?;
            let options = ArrowReaderOptions::new();
            let metadata = ArrowReaderMetadata::load_async(&mut reader, options)
                .await
                .map_err(parquet)?;
            rows += metadata.metadata().file_metadata().num_rows().unsigned_abs();
            for field in metadata.schema().fields() {
                if !fields.iter().any(|known| known.name() == field.name()) {
                    fields.push(field.as_ref().clone());
                }
            }
            opened.push(OpenFile { file, metadata });
        }
        for field in partitions.fields() {
            if !fields.iter().any(|known| known.name() == field.name()) {
                fields.push(field.as_ref().clone());
            }
        }
        Ok(Self {
            files: opened,
            schema: Arc::new(Schema::new(fields)),
            rows,
        })
    }

    /// All columns.
    #[must_use]
    pub const fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Rows of all files.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Rows of each file, in the order given.
    pub fn file_rows(&self) -> impl Iterator<Item = (&TableFile, u64)> {
        self.files.iter().map(|open| {
            let rows = open.metadata.metadata().file_metadata().num_rows().unsigned_abs();
            (&open.file, rows)
        })
    }

    /// The rows, with the given columns in the form that expectations read, file by file in the order given.
    pub(crate) fn scan(&self, columns: &[String]) -> BoxStream<'_, Result<RecordBatch, SourceError>> {
        let fields = columns
            .iter()
            .filter_map(|name| self.schema.field_with_name(name).ok().cloned());
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        futures::stream::iter(&self.files)
            .then(move |open| {
                let schema = Arc::clone(&schema);
                async move { open.scan(schema).await }
            })
            .try_flatten()
            .boxed()
    }
}

impl OpenFile {
    async fn scan(&self, wanted: SchemaRef) -> Result<BoxStream<'_, Result<RecordBatch, SourceError>>, SourceError> {
        let parquet = |source| SourceError::Parquet {
            file: self.file.location.name(),
            source,
        };
        let reader = self.file.location.open().await.map_err(parquet)?;
        let names = wanted.fields().iter().map(|field| field.name().as_str());
        let mask = ProjectionMask::columns(self.metadata.parquet_schema(), names);
        let stream = ParquetRecordBatchStreamBuilder::new_with_metadata(reader, self.metadata.clone())
            .with_projection(mask)
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(parquet)?;
        let batches = stream.map(move |batch| self.complete(&batch.map_err(parquet)?, &wanted));
        Ok(batches.boxed())
    }

    /// A batch of the file with all wanted columns.
    fn complete(&self, batch: &RecordBatch, wanted: &SchemaRef) -> Result<RecordBatch, SourceError> {
        let rows = batch.num_rows();
        let mut fields = Vec::with_capacity(wanted.fields().len());
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(wanted.fields().len());
        for field in wanted.fields() {
            let column = |source| SourceError::Column {
                file: self.file.location.name(),
                column: field.name().clone(),
                source,
            };
            let array = match (
                batch.column_by_name(field.name()),
                self.file.partition_values.get(field.name()),
            ) {
                // A file of an older contract may have a narrower type.
                (Some(array), _) if array.data_type() == field.data_type() => Arc::clone(array),
                (Some(array), _) => cast(array, field.data_type()).map_err(column)?,
                (None, Some(Some(value))) => constant(value, field.data_type(), rows).map_err(column)?,
                (None, _) => new_null_array(field.data_type(), rows),
            };
            let array = normalise(&array).map_err(column)?;
            fields.push(Field::new(field.name(), array.data_type().clone(), true));
            columns.push(array);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options).map_err(|source| {
            SourceError::Column {
                file: self.file.location.name(),
                column: String::new(),
                source,
            }
        })
    }
}

/// The value of a partition column for all rows of a batch.
fn constant(value: &str, data_type: &DataType, rows: usize) -> Result<ArrayRef, ArrowError> {
    let one: ArrayRef = Arc::new(StringArray::from(vec![value]));
    let one = cast(&one, data_type)?;
    let indices = arrow::array::UInt32Array::from(vec![0; rows]);
    arrow::compute::take(&one, &indices, None)
}
