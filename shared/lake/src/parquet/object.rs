//! A Parquet file in S3 for the `parquet` crate's asynchronous readers, by ranged requests.

use bytes::Bytes;
use cardlake_aws::storage::{Storage, StorageError};
use futures::future::BoxFuture;
use futures::stream::{StreamExt, TryStreamExt};
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use std::ops::Range;
use std::sync::Arc;

/// Initial read from the end of a file; contains the footer of all but very wide files.
const FOOTER_BYTES: usize = 64 * 1024;
/// Ranges of one file fetched concurrently.
const PARALLEL_RANGES: usize = 8;

/// One object. A failed request is a [`ParquetError::External`] that wraps the [`StorageError`].
#[derive(Debug, Clone)]
pub struct ObjectReader {
    storage: Storage,
    bucket: String,
    key: String,
    size: u64,
}

impl ObjectReader {
    /// An object of `size` bytes. Sends no request.
    #[must_use]
    pub fn new(storage: &Storage, bucket: &str, key: &str, size: u64) -> Self {
        Self {
            storage: storage.clone(),
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            size,
        }
    }
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
