//! The silver port: versions and files of Delta tables, contents of data files, and storage for COPY manifests.

use crate::contents;
use crate::error::LoaderError;
use crate::quarantine::{self, QuarantinedRows};
use crate::silver_file::{FileContents, SilverChanges, SilverFile};
use cardlake_aws::clients::Aws;
use cardlake_aws::storage::Storage;
use cardlake_core::error::{ErrorKind, StageError};
use cardlake_lake::delta::{ActiveFile, DeltaStore, DeltaTable};
use chrono::NaiveDate;
use std::pin::Pin;

/// A boxed future of an answer.
pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, LoaderError>> + Send + 'a>>;

/// The silver bucket, as the loader sees it.
pub(crate) trait Silver: Send + Sync {
    /// Newest version of a dataset's table; `None` if there is no table.
    fn version<'a>(&'a self, dataset: &'a str) -> Answer<'a, Option<u64>>;
    /// The last version up to this one in which rows left the table without being replaced.
    fn withdrawn_at<'a>(&'a self, dataset: &'a str, version: u64) -> Answer<'a, Option<u64>>;
    /// All files of a version.
    fn files<'a>(&'a self, dataset: &'a str, version: u64) -> Answer<'a, Vec<SilverFile>>;
    /// Files that are in the table at version `to` and were not at version `from`, and the other way round; `from` = `None`:
    /// all files at `to`.
    fn changes<'a>(&'a self, dataset: &'a str, from: Option<u64>, to: u64) -> Answer<'a, SilverChanges>;
    /// Contents of the given files, in their order, with the sums of these columns.
    fn contents<'a>(
        &'a self,
        dataset: &'a str,
        files: &'a [SilverFile],
        summed: &'a [String],
    ) -> Answer<'a, Vec<FileContents>>;
    /// The quarantined rows of a batch, ready to be copied.
    fn quarantine<'a>(&'a self, dataset: &'a str, batch_date: NaiveDate) -> Answer<'a, QuarantinedRows>;
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

    async fn read_files(&self, dataset: &str, version: u64) -> Result<Vec<ActiveFile>, LoaderError> {
        let table = DeltaTable::open(&self.store, dataset).await?;
        Ok(table.at_version(version).await?.active_files().await?)
    }

    async fn read_changes(&self, dataset: &str, from: Option<u64>, to: u64) -> Result<SilverChanges, LoaderError> {
        if from.is_some() {
            let table = DeltaTable::open(&self.store, dataset).await?;
            match table.changes(from, to).await {
                Ok(changes) => {
                    return Ok(SilverChanges {
                        added: silver_files(changes.added),
                        removed: Some(changes.removed),
                    });
                }
                // The log was vacuumed. All files of the version are a superset of the new ones, and merging them is as correct.
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    tracing::warn!(dataset, from, to, "the log does not reach back, loading all files");
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(SilverChanges {
            added: silver_files(self.read_files(dataset, to).await?),
            removed: None,
        })
    }
}

fn silver_files(files: Vec<ActiveFile>) -> Vec<SilverFile> {
    let files = files.into_iter().map(|file| SilverFile {
        path: file.path,
        size: file.size,
        rows: file.rows,
        partition: file.partition_values,
    });
    files.collect()
}

impl Silver for Lake {
    fn version<'a>(&'a self, dataset: &'a str) -> Answer<'a, Option<u64>> {
        Box::pin(async move { Ok(DeltaTable::open(&self.store, dataset).await?.version()) })
    }

    fn withdrawn_at<'a>(&'a self, dataset: &'a str, version: u64) -> Answer<'a, Option<u64>> {
        Box::pin(async move {
            let table = DeltaTable::open(&self.store, dataset).await?;
            Ok(table.at_version(version).await?.withdrawn_at().await?)
        })
    }

    fn files<'a>(&'a self, dataset: &'a str, version: u64) -> Answer<'a, Vec<SilverFile>> {
        Box::pin(async move { Ok(silver_files(self.read_files(dataset, version).await?)) })
    }

    fn changes<'a>(&'a self, dataset: &'a str, from: Option<u64>, to: u64) -> Answer<'a, SilverChanges> {
        Box::pin(self.read_changes(dataset, from, to))
    }

    fn contents<'a>(
        &'a self,
        dataset: &'a str,
        files: &'a [SilverFile],
        summed: &'a [String],
    ) -> Answer<'a, Vec<FileContents>> {
        Box::pin(contents::read(&self.storage, &self.bucket, dataset, files, summed))
    }

    fn quarantine<'a>(&'a self, dataset: &'a str, batch_date: NaiveDate) -> Answer<'a, QuarantinedRows> {
        Box::pin(quarantine::collect(&self.storage, &self.bucket, dataset, batch_date))
    }

    fn put<'a>(&'a self, key: &'a str, text: String) -> Answer<'a, ()> {
        Box::pin(async move { Ok(self.storage.put(&self.bucket, key, text.into_bytes()).await?) })
    }
}
