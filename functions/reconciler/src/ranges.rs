//! Ranged reads of objects: the port, and the bucket behind it.

use bytes::Bytes;
use cardlake_aws::storage::{Storage, StorageError, StorageErrorKind};
use futures::future::BoxFuture;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of small files that an action holds rather than requesting parts of them again.
const HELD_BYTES: u64 = 32 * 1024 * 1024;

/// Reads byte ranges of objects.
pub(crate) trait Ranges: std::fmt::Debug + Send + Sync {
    /// A byte range of the object with this key.
    fn get_range<'a>(&'a self, key: &'a str, range: Range<u64>) -> BoxFuture<'a, Result<Bytes, StorageError>>;

    /// Whether the reader of an object may hold these bytes until the end of the action.
    fn may_hold(&self, _: &Bytes) -> bool {
        false
    }
}

/// A bucket that counts the bytes read from it.
#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) storage: Storage,
    pub(crate) name: String,
    pub(crate) bytes_read: AtomicU64,
    held: AtomicU64,
}

impl Bucket {
    /// A bucket of which nothing was read yet.
    pub(crate) fn new(storage: &Storage, name: &str) -> Self {
        Self {
            storage: storage.clone(),
            name: name.to_owned(),
            bytes_read: AtomicU64::new(0),
            held: AtomicU64::new(0),
        }
    }
}

impl Ranges for Bucket {
    fn get_range<'a>(&'a self, key: &'a str, range: Range<u64>) -> BoxFuture<'a, Result<Bytes, StorageError>> {
        self.bytes_read.fetch_add(range.end - range.start, Ordering::Relaxed);
        Box::pin(self.storage.get_range(&self.name, key, range))
    }

    fn may_hold(&self, bytes: &Bytes) -> bool {
        let length = bytes.len() as u64;
        self.held.fetch_add(length, Ordering::Relaxed) + length <= HELD_BYTES
    }
}

/// A whole object in memory.
#[derive(Debug)]
pub(crate) struct Held(pub(crate) Bytes);

impl Ranges for Held {
    fn get_range<'a>(&'a self, key: &'a str, range: Range<u64>) -> BoxFuture<'a, Result<Bytes, StorageError>> {
        let is_within = range.start <= range.end && range.end <= self.0.len() as u64;
        let part = if is_within {
            Ok(self.0.slice(range.start as usize..range.end as usize))
        } else {
            Err(StorageError {
                kind: StorageErrorKind::Corrupt,
                operation: "read",
                bucket: String::new(),
                key: key.to_owned(),
                source: "its metadata refers to bytes beyond its end".into(),
            })
        };
        Box::pin(std::future::ready(part))
    }
}
