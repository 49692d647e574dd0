//! What the loader needs of the lake: versions and files of Delta tables, and a place for manifests.

use crate::error::LoaderError;
use cardlake_shared::aws::Aws;
use cardlake_shared::delta::{ActiveFile, DeltaStore, DeltaTable};
use cardlake_shared::error::{ErrorKind, StageError};
use cardlake_shared::storage::Storage;
use std::pin::Pin;

/// A data file of a Delta table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SilverFile {
    /// Path relative to the table's folder, not encoded.
    pub(crate) path: String,
    /// Size in bytes.
    pub(crate) size: u64,
    /// Number of rows, as the log says.
    pub(crate) rows: u64,
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
pub(crate) struct Lake {
    store: DeltaStore,
    storage: Storage,
    bucket: String,
}

impl Lake {
    /// Connects; sends no request.
    pub(crate) fn new(aws: &Aws, bucket: &str) -> Result<Self, LoaderError> {
        Ok(Self {
            store: DeltaStore::new(aws, bucket)?,
            storage: Storage::new(aws.s3()),
            bucket: bucket.to_owned(),
        })
    }

    async fn read_new_files(&self, dataset: &str, from: Option<u64>, to: u64) -> Result<Vec<ActiveFile>, LoaderError> {
        let table = DeltaTable::open(&self.store, dataset).await?;
        if from.is_some() {
            match table.changes(from, to).await {
                Ok(changes) => return Ok(changes.added),
                // The log was cleaned up meanwhile. All files of the version are more than needed, and as right.
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    tracing::warn!(dataset, from, to, "the log does not reach back, loading all files");
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(table.at_version(to).await?.active_files().await?)
    }
}

impl Silver for Lake {
    fn version<'a>(&'a self, dataset: &'a str) -> Answer<'a, Option<u64>> {
        Box::pin(async move { Ok(DeltaTable::open(&self.store, dataset).await?.version()) })
    }

    fn new_files<'a>(&'a self, dataset: &'a str, from: Option<u64>, to: u64) -> Answer<'a, Vec<SilverFile>> {
        Box::pin(async move {
            let files = self.read_new_files(dataset, from, to).await?;
            let files = files.into_iter().map(|file| SilverFile {
                path: file.path,
                size: file.size,
                rows: file.rows,
            });
            Ok(files.collect())
        })
    }

    fn put<'a>(&'a self, key: &'a str, text: String) -> Answer<'a, ()> {
        Box::pin(async move { Ok(self.storage.put(&self.bucket, key, text.into_bytes()).await?) })
    }
}
