//! Leases: work that one run at a time may do, in a place that all see.
//!
//! A lease is an object in S3. It is taken with a conditional PUT, so that of several takers one wins; it is renewed by the
//! ticks of its holder, and whoever finds it not renewed for [`EXPIRY`] takes it over: a run that was killed blocks
//! nobody for long. A holder that comes back late finds the lease in other hands and waits.

use crate::storage::{Storage, StorageError};
use cardlake_core::error::{ErrorKind, StageError};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::future::Future;

/// How long a lease holds without being renewed: longer than a tick and its retries take.
pub const EXPIRY: TimeDelta = TimeDelta::minutes(15);

/// A lease, whoever has it.
#[derive(Debug, Clone)]
pub struct Lease {
    storage: Storage,
    bucket: String,
    key: String,
}

/// What the object holds. The time makes every renewal another object, with another ETag.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Holding {
    holder: String,
    renewed_at: DateTime<Utc>,
}

impl Lease {
    /// The lease that an object stands for.
    #[must_use]
    pub fn new(storage: Storage, bucket: &str, key: &str) -> Self {
        Self {
            storage,
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        }
    }

    /// Does one tick of work under the lease; none: somebody else has it, and nothing was done. The lease is kept for the
    /// next tick, and after a transient error for the next try; it is given back when the work has ended, well or not.
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

    /// Takes or renews the lease; false: somebody else has it.
    ///
    /// # Errors
    /// The service refuses or cannot answer.
    pub async fn acquire(&self, holder: &str, now: DateTime<Utc>) -> Result<bool, StorageError> {
        // A tick may come after a second: a lease that was renewed a while ago need not be written again.
        let holding: Option<Holding> = self.storage.get_json(&self.bucket, &self.key).await?;
        if holding.is_some_and(|holding| holding.holder == holder && now - holding.renewed_at < EXPIRY / 3) {
            return Ok(true);
        }
        // The ETag comes before what it is the ETag of: a holding that changed in between is not overwritten.
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

    /// Gives the lease back, if the holder has it.
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
