//! What several operations do: work on the store away from the threads that serve requests, and what reads have in common.

use std::fs::File;
use std::sync::Arc;

use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Result};
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::spawn_blocking;

use crate::attributes::Attributes;
use crate::checksums::{self, Claims};
use crate::created::CreatedObject;
use crate::error::StoreError;
use crate::listing::Query;
use crate::pages::{self, ListedPage};
use crate::store::{Condition, ObjectInfo, Store};
use crate::transfer::{Span, part_range, receive};

/// S3 on a store.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) store: Arc<Store>,
    created: Option<UnboundedSender<CreatedObject>>,
}

impl Service {
    pub(crate) fn new(store: Arc<Store>, created: Option<UnboundedSender<CreatedObject>>) -> Self {
        Self { store, created }
    }

    /// Notifies the receiver, if any, of a written object.
    pub(crate) fn notify(&self, bucket: String, key: String, info: &ObjectInfo) {
        if let Some(created) = &self.created {
            // The receiver may have stopped.
            let _ = created.send(CreatedObject {
                bucket,
                key,
                etag: info.etag().to_owned(),
                size: info.length,
            });
        }
    }

    /// Runs `work` on the store, away from the threads that serve requests.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> S3Result<T> {
        let store = Arc::clone(&self.store);
        let result = spawn_blocking(move || work(&store).map_err(|error| store.recorded(error)))
            .await
            .map_err(S3Error::internal_error)?;
        Ok(result?)
    }

    pub(crate) async fn open(&self, bucket: String, key: String) -> S3Result<(File, ObjectInfo, Attributes)> {
        self.blocking(move |store| {
            let (file, info) = store.read(&bucket, &key)?;
            let attributes = Attributes::load(store.root(), &bucket, &key, &info.tag)?;
            Ok((file, info, attributes))
        })
        .await
    }

    pub(crate) async fn open_source(&self, source: CopySource) -> S3Result<(File, ObjectInfo, Attributes)> {
        match source {
            CopySource::Bucket { bucket, key, .. } => self.open(bucket.into(), key.into()).await,
            _ => Err(S3Error::with_message(
                S3ErrorCode::NotImplemented,
                "a copy source must be a bucket and a key",
            )),
        }
    }

    pub(crate) async fn list(&self, bucket: String, query: Query) -> S3Result<(ListedPage, Query)> {
        self.blocking(move |store| Ok((pages::list_page(store, &bucket, &query)?, query)))
            .await
    }

    /// Keeps a part of a multipart upload; gives its tag and checksums.
    pub(crate) async fn add_part(
        &self,
        (bucket, key): (String, String),
        id: String,
        number: PartNumber,
        body: Option<StreamingBlob>,
        claims: Claims,
    ) -> S3Result<(String, Checksum)> {
        if !(1..=10_000).contains(&number) {
            return Err(S3Error::with_message(
                S3ErrorCode::InvalidArgument,
                "part numbers go from 1 to 10000",
            ));
        }
        let part = receive(&self.store, body, claims).await?;
        let checksum = checksums::output(&part.checksums);
        let tag = self
            .blocking(move |store| store.add_part(&bucket, &key, &id, number, part))
            .await?;
        Ok((tag, checksum))
    }

    pub(crate) async fn delete(&self, bucket: String, key: String, condition: Condition) -> S3Result<()> {
        self.blocking(move |store| {
            let changed = store.delete(&bucket, &key, &condition)?;
            store.sync(changed)
        })
        .await
    }
}

/// The stretch that a read asks for, with its checksums: those of the whole object only.
pub(crate) fn checked_span(
    (range, part, mode): (Option<Range>, Option<PartNumber>, Option<&ChecksumMode>),
    info: &ObjectInfo,
    parts: &[u64],
) -> S3Result<(Span, Checksum)> {
    let span = Span::of(part_range(part, range, parts, info.length)?, info.length)?;
    let asked = mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED);
    let checksum = if asked && span.length == info.length {
        checksums::output(&info.checksums)
    } else {
        Checksum::default()
    };
    Ok((span, checksum))
}

/// How many parts an object has, for a request that asks for one of them.
pub(crate) fn parts_count(part: Option<PartNumber>, parts: &[u64]) -> Option<PartsCount> {
    part.and_then(|_| i32::try_from(parts.len()).ok())
        .filter(|count| *count > 0)
}
