//! Leases: mutual exclusion between runs.
//!
//! A lease is an object in S3. A conditional PUT acquires it, so that one of several runs succeeds. The ticks of the holder
//! renew it; a lease that was not renewed for [`EXPIRY`] can be taken over, so that a killed run does not block others for
//! long. A former holder that comes back finds another holder and waits.

use crate::storage::{Storage, StorageError};
use cardlake_core::error::{ErrorKind, StageError};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::future::Future;

/// Validity without renewal: longer than a tick with its retries takes.
pub const EXPIRY: TimeDelta = TimeDelta::minutes(15);

/// A lease, held or not.
#[derive(Debug, Clone)]
pub struct Lease {
    storage: Storage,
    bucket: String,
    key: String,
}

/// Content of the object. The time gives every renewal another ETag.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Holding {
    holder: String,
    renewed_at: DateTime<Utc>,
}

impl Lease {
    /// The lease with this object.
    #[must_use]
    pub fn new(storage: Storage, bucket: &str, key: &str) -> Self {
        Self {
            storage,
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        }
    }

    /// Does one tick of work under the lease; `None`: another run holds it, and nothing was done. The lease is kept for the
    /// next tick, and after a transient error for the retry; it is released when the work has ended, successfully or not.
    ///
    /// # Errors
    /// Those of the work; the service refuses or cannot answer.
    pub async fn tick<T, E>(
        &self,
        holder: &str,
        work: impl Future<Output = Result<T, E>>,
        has_ended: impl FnOnce(&T) -> bool,
    ) -> Result<Option<T>, E>
    where
        E: StageError + From<StorageError>,
    {
        if !self.acquire(holder, Utc::now()).await? {
            tracing::info!(holder, "another run has the lease, this one waits");
            return Ok(None);
        }
        match work.await {
            Ok(output) => {
                if has_ended(&output) {
                    self.release(holder).await?;
                }
                Ok(Some(output))
            }
            Err(error) => {
                if error.kind() != ErrorKind::Transient
                    && let Err(error) = self.release(holder).await
                {
                    tracing::warn!(holder, %error, "the lease of failed work stays until it expires");
                }
                Err(error)
            }
        }
    }

    /// Acquires or renews the lease; false: another run holds it.
    ///
    /// # Errors
    /// The service refuses or cannot answer.
    pub async fn acquire(&self, holder: &str, now: DateTime<Utc>) -> Result<bool, StorageError> {
        // Ticks can follow one another within a second: a recently renewed lease is not written again.
        let holding: Option<Holding> = self.storage.get_json(&self.bucket, &self.key).await?;
        if holding.is_some_and(|holding| holding.holder == holder && now - holding.renewed_at < EXPIRY / 3) {
            return Ok(true);
        }
        // The ETag is read before the content: a lease that changed in between is not overwritten.
        let present = self.storage.head(&self.bucket, &self.key).await?;
        let holding: Option<Holding> = match present {
            Some(_) => self.storage.get_json(&self.bucket, &self.key).await?,
            None => None,
        };
        let taken = |holding: &Holding| holding.holder != holder && now - holding.renewed_at < EXPIRY;
        if holding.as_ref().is_some_and(taken) {
            return Ok(false);
        }
        if let Some(other) = holding.filter(|holding| holding.holder != holder) {
            tracing::warn!(holder, other = other.holder, since = %other.renewed_at, "an expired lease is taken over");
        }
        let mine = Holding {
            holder: holder.to_owned(),
            renewed_at: now,
        };
        let etag = present.as_ref().map(|object| object.etag.as_str());
        self.storage.replace_json(&self.bucket, &self.key, &mine, etag).await
    }

    /// Releases the lease if `holder` holds it.
    ///
    /// # Errors
    /// The service refuses or cannot answer.
    pub async fn release(&self, holder: &str) -> Result<(), StorageError> {
        match self.storage.get_json::<Holding>(&self.bucket, &self.key).await? {
            Some(holding) if holding.holder == holder => self.storage.delete(&self.bucket, &self.key).await,
            _ => Ok(()),
        }
    }
}
