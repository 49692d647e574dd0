//! Ranged reads of objects: the port, and the bucket behind it.

use bytes::Bytes;
use cardlake_aws::storage::{Storage, StorageError};
use futures::future::BoxFuture;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// Reads byte ranges of objects.
pub(crate) trait Ranges: std::fmt::Debug + Send + Sync {
    /// A byte range of the object with this key.
    fn get_range<'a>(&'a self, key: &'a str, range: Range<u64>) -> BoxFuture<'a, Result<Bytes, StorageError>>;
}

/// A bucket that counts the bytes read from it.
#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) storage: Storage,
    pub(crate) name: String,
    pub(crate) bytes_read: AtomicU64,
}

impl Ranges for Bucket {
    fn get_range<'a>(&'a self, key: &'a str, range: Range<u64>) -> BoxFuture<'a, Result<Bytes, StorageError>> {
        self.bytes_read.fetch_add(range.end - range.start, Ordering::Relaxed);
        Box::pin(self.storage.get_range(&self.name, key, range))
    }
}
