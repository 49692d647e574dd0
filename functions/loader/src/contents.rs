//! Contents of data files: columns in order, and sums of some of them.
//!
//! COPY of Parquet goes by position and files keep the columns of the contract that they were written under, so the
//! footers are the only place that says which column is where. Memory holds a few batches of the summed columns.

use crate::error::LoaderError;
use crate::silver_file::{FileContents, SilverFile};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Decimal128Type, Int64Type};
use cardlake_aws::storage::Storage;
use cardlake_lake::parquet::object::ObjectReader;
use futures::stream::{StreamExt, TryStreamExt};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use parquet::errors::ParquetError;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rows of a batch: columns of this many values stay inside the processor's caches.
const BATCH_ROWS: usize = 8192;
/// Files that are read at the same time.
const PARALLEL_FILES: usize = 8;

/// Reads the footers of files, and adds up their columns of the given names where a file has them.
pub(crate) async fn read(
    storage: &Storage,
    bucket: &str,
    folder: &str,
    files: &[SilverFile],
    summed: &[String],
) -> Result<Vec<FileContents>, LoaderError> {
    let summed: Arc<[String]> = summed.into();
    let objects: Vec<(String, u64)> = files
        .iter()
        .map(|file| (format!("{folder}/{}", file.path), file.size))
        .collect();
    let tasks = objects.into_iter().map(|(key, size)| {
        let (storage, bucket, summed) = (storage.clone(), bucket.to_owned(), Arc::clone(&summed));
        // A task for each file, so that decoding uses every processor.
        tokio::spawn(async move {
            let reader = ObjectReader::new(&storage, &bucket, &key, size);
            read_one(reader, &summed).await.map_err(|source| LoaderError::File {
                file: format!("s3://{bucket}/{key}"),
                source,
            })
        })
    });
    futures::stream::iter(tasks)
        .buffered(PARALLEL_FILES)
        .map(|joined| joined.map_err(|error| LoaderError::Interrupted(error.to_string()))?)
        .try_collect()
        .await
}

async fn read_one(mut reader: ObjectReader, summed: &[String]) -> Result<FileContents, ParquetError> {
    let metadata = ArrowReaderMetadata::load_async(&mut reader, ArrowReaderOptions::new()).await?;
    let fields = metadata.schema().fields().iter();
    let columns: Vec<(String, DataType)> = fields
        .map(|field| (field.name().clone(), field.data_type().clone()))
        .collect();
    let present: Vec<&str> = summed
        .iter()
        .map(String::as_str)
        .filter(|name| columns.iter().any(|(column, _)| column == name))
        .collect();
    // A file without rows has sums, too.
    let mut sums: BTreeMap<String, i128> = present.iter().map(|name| ((*name).to_owned(), 0)).collect();
    if !present.is_empty() {
        let mask = ProjectionMask::columns(metadata.parquet_schema(), present.iter().copied());
        let mut batches = ParquetRecordBatchStreamBuilder::new_with_metadata(reader, metadata)
            .with_projection(mask)
            .with_batch_size(BATCH_ROWS)
            .build()?;
        while let Some(batch) = batches.try_next().await? {
            for name in &present {
                *sums.entry((*name).to_owned()).or_default() += sum(&batch, name)?;
            }
        }
    }
    Ok(FileContents { columns, sums })
}

/// The sum of a column of whole or decimal numbers, in units of its last digit. It cannot overflow: see
/// [`crate::checksums::sum_columns`].
fn sum(batch: &RecordBatch, name: &str) -> Result<i128, ParquetError> {
    let array = batch
        .column_by_name(name)
        .ok_or_else(|| ParquetError::General(format!("column {name} was asked for and not read")))?;
    if let Some(numbers) = array.as_primitive_opt::<Int64Type>() {
        return Ok(numbers.iter().flatten().map(i128::from).sum());
    }
    if let Some(decimals) = array.as_primitive_opt::<Decimal128Type>() {
        return Ok(decimals.iter().flatten().sum());
    }
    Err(ParquetError::General(format!(
        "column {name} is {}, a whole number of 64 bits or a decimal is wanted",
        array.data_type()
    )))
}
