//! Storage of state, artifacts and report: objects in two buckets.

use cardlake_aws::run_records;
use cardlake_aws::storage::{Storage, StorageError};
use cardlake_core::run_record::RunRecord;
use chrono::NaiveDate;
use std::pin::Pin;

/// A pending storage operation.
pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StorageError>> + Send + 'a>>;

/// The S3 operations of the stage.
pub(crate) trait Files: Send + Sync {
    /// Reads an object; `None` if it does not exist.
    fn get<'a>(&'a self, bucket: &'a str, key: &'a str) -> Answer<'a, Option<Vec<u8>>>;
    /// Writes or replaces an object.
    fn put<'a>(&'a self, bucket: &'a str, key: &'a str, bytes: Vec<u8>) -> Answer<'a, ()>;
    /// The last runs, the latest first.
    fn runs<'a>(&'a self, silver_bucket: &'a str, count: usize) -> Answer<'a, Vec<RunRecord>>;
    /// The newest day of which a run succeeded.
    fn newest_day<'a>(&'a self, silver_bucket: &'a str) -> Answer<'a, Option<NaiveDate>>;
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

    fn newest_day<'a>(&'a self, silver_bucket: &'a str) -> Answer<'a, Option<NaiveDate>> {
        Box::pin(run_records::newest_day(self, silver_bucket))
    }
}
