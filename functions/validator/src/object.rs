//! Data files of the silver bucket, as the expectations engine reads Parquet.

use cardlake_aws::storage::Storage;
use cardlake_expectations::ParquetFile;
use cardlake_lake::parquet::object::ObjectReader;
use futures::future::{BoxFuture, FutureExt, ready};
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::ParquetError;

/// A Parquet file in S3. A failed request is a [`ParquetError::External`] that holds the storage error.
#[derive(Debug)]
pub(crate) struct ParquetObject {
    address: String,
    reader: ObjectReader,
}

impl ParquetObject {
    /// The object with this key, of `size` bytes. Sends no request.
    pub(crate) fn new(storage: &Storage, bucket: &str, key: &str, size: u64) -> Self {
        Self {
            address: format!("s3://{bucket}/{key}"),
            reader: ObjectReader::new(storage, bucket, key, size),
        }
    }
}

impl ParquetFile for ParquetObject {
    fn name(&self) -> String {
        self.address.clone()
    }

    fn open(&self) -> BoxFuture<'_, Result<Box<dyn AsyncFileReader>, ParquetError>> {
        let reader: Box<dyn AsyncFileReader> = Box::new(self.reader.clone());
        ready(Ok(reader)).boxed()
    }
}
