//! What the loader needs of the lake: versions and files of Delta tables, and a place for manifests.

use crate::error::LoaderError;
use std::pin::Pin;

/// A data file of a Delta table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SilverFile {
    /// Path relative to the table's folder, not encoded.
    pub(crate) path: String,
    /// Size in bytes.
    pub(crate) size: u64,
    /// Number of rows, if the log says so.
    pub(crate) rows: Option<u64>,
}

/// An answer that takes a while.
pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, LoaderError>> + Send + 'a>>;

/// The silver bucket, as the loader sees it.
pub(crate) trait Silver: Send + Sync {
    /// Newest version of a dataset's table; none: there is no table.
    fn version<'a>(&'a self, dataset: &'a str) -> Answer<'a, Option<u64>>;
    /// Files that are in the table at version `to` and were not at version `from`; `from` none: all files at `to`.
    fn new_files<'a>(&'a self, dataset: &'a str, from: Option<u64>, to: u64) -> Answer<'a, Vec<SilverFile>>;
    /// Writes a manifest.
    fn put<'a>(&'a self, key: &'a str, text: String) -> Answer<'a, ()>;
}

/// The silver bucket itself.
pub(crate) fn open(aws: &cardlake_shared::aws::Aws, bucket: &str) -> Result<Box<dyn Silver>, LoaderError> {
    let _ = aws;
    Err(LoaderError::Silver {
        dataset: bucket.to_owned(),
        kind: cardlake_shared::error::ErrorKind::Internal,
        cause: "not there yet".to_owned(),
    })
}
