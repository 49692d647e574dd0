//! Where state, artifacts and report lie: objects in two buckets.

use cardlake_aws::run_records;
use cardlake_aws::storage::{Storage, StorageError};
use cardlake_core::run_record::RunRecord;
use std::pin::Pin;

/// An answer that takes a while.
pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StorageError>> + Send + 'a>>;

/// What the stage needs of S3.
pub(crate) trait Files: Send + Sync {
    /// The whole object; none when there is none.
    fn get<'a>(&'a self, bucket: &'a str, key: &'a str) -> Answer<'a, Option<Vec<u8>>>;
    /// Writes an object, whatever was there.
    fn put<'a>(&'a self, bucket: &'a str, key: &'a str, bytes: Vec<u8>) -> Answer<'a, ()>;
    /// The last runs, the latest first.
    fn runs<'a>(&'a self, silver_bucket: &'a str, count: usize) -> Answer<'a, Vec<RunRecord>>;
}

impl Files for Storage {
    fn get<'a>(&'a self, bucket: &'a str, key: &'a str) -> Answer<'a, Option<Vec<u8>>> {
        Box::pin(async move { Ok(Self::get(self, bucket, key).await?.map(Vec::from)) })
    }

    fn put<'a>(&'a self, bucket: &'a str, key: &'a str, bytes: Vec<u8>) -> Answer<'a, ()> {
        Box::pin(Self::put(self, bucket, key, bytes))
    }

    fn runs<'a>(&'a self, silver_bucket: &'a str, count: usize) -> Answer<'a, Vec<RunRecord>> {
        Box::pin(run_records::last(self, silver_bucket, count))
    }
}
