//! Ranged reads of objects: the port, and the bucket behind it.

use bytes::Bytes;
use cardlake_aws::storage::{Storage, StorageError, StorageErrorKind};
use cardlake_core::records::BundlePart;
use futures::future::BoxFuture;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// Bytes of small files that an action holds rather than requesting parts of them again.
const HELD_BYTES: u64 = 32 * 1024 * 1024;
/// Bytes of bundles that an action holds: each is read for every partition.
const HELD_BUNDLE_BYTES: u64 = 96 * 1024 * 1024;

/// Reads byte ranges of objects.
pub(crate) trait Ranges: std::fmt::Debug + Send + Sync {
    /// A byte range of the object with this key.
    fn get_range<'a>(&'a self, key: &'a str, range: Range<u64>) -> BoxFuture<'a, Result<Bytes, StorageError>>;

    /// A byte range of a bundle, whose other parts will be asked for, too.
    fn get_bundled<'a>(&'a self, key: &'a str, range: Range<u64>) -> BoxFuture<'a, Result<Bytes, StorageError>> {
        self.get_range(key, range)
    }

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
    /// Bundles by key; `None`: there was no room to hold it.
    bundles: Mutex<HashMap<String, Arc<OnceCell<Option<Held>>>>>,
    held_by_bundles: AtomicU64,
}

impl Bucket {
    /// A bucket of which nothing was read yet.
    pub(crate) fn new(storage: &Storage, name: &str) -> Self {
        Self {
            storage: storage.clone(),
            name: name.to_owned(),
            bytes_read: AtomicU64::new(0),
            held: AtomicU64::new(0),
            bundles: Mutex::default(),
            held_by_bundles: AtomicU64::new(0),
        }
    }

    /// A part of a bundle.
    async fn bundled(&self, key: &str, range: Range<u64>) -> Result<Bytes, StorageError> {
        let cell = {
            let mut bundles = self.bundles.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(bundles.entry(key.to_owned()).or_default())
        };
        let held = cell.get_or_try_init(|| async {
            let bundle = self.storage.get(&self.name, key).await?;
            let bundle = bundle.ok_or_else(|| StorageError::not_found(&self.name, key))?;
            let bytes = bundle.len() as u64;
            self.bytes_read.fetch_add(bytes, Ordering::Relaxed);
            let held = self.held_by_bundles.fetch_add(bytes, Ordering::Relaxed) + bytes;
            Ok((held <= HELD_BUNDLE_BYTES).then_some(Held(bundle)))
        });
        match held.await? {
            Some(held) => held.get_range(key, range).await,
            None => self.get_range(key, range).await,
        }
    }
}

impl Ranges for Bucket {
    fn get_range<'a>(&'a self, key: &'a str, range: Range<u64>) -> BoxFuture<'a, Result<Bytes, StorageError>> {
        self.bytes_read.fetch_add(range.end - range.start, Ordering::Relaxed);
        Box::pin(self.storage.get_range(&self.name, key, range))
    }

    fn get_bundled<'a>(&'a self, key: &'a str, range: Range<u64>) -> BoxFuture<'a, Result<Bytes, StorageError>> {
        Box::pin(self.bundled(key, range))
    }

    fn may_hold(&self, bytes: &Bytes) -> bool {
        let length = bytes.len() as u64;
        self.held.fetch_add(length, Ordering::Relaxed) + length <= HELD_BYTES
    }
}

/// A file in a bundle: its ranges begin at its own first byte.
#[derive(Debug)]
pub(crate) struct Bundled {
    pub(crate) source: Arc<dyn Ranges>,
    pub(crate) part: BundlePart,
}

impl Ranges for Bundled {
    fn get_range<'a>(&'a self, _: &'a str, range: Range<u64>) -> BoxFuture<'a, Result<Bytes, StorageError>> {
        let BundlePart { key, offset } = &self.part;
        self.source.get_bundled(key, offset + range.start..offset + range.end)
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
