//! S3 objects, for COPY and UNLOAD.

use cardlake_redshift_sql::SqlError;
use std::path::Path;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::ByteStream;
use futures::StreamExt as _;
use tokio::io::AsyncWriteExt as _;

/// How many files are downloaded at once.
const PARALLEL_DOWNLOADS: usize = 4;

/// The place of an object, or a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) bucket: String,
    pub(crate) key: String,
}

impl Location {
    /// Reads `s3://bucket/key`.
    pub(crate) fn parse(url: &str) -> Result<Self, SqlError> {
        let (bucket, key) = url
            .strip_prefix("s3://")
            .and_then(|rest| rest.split_once('/'))
            .filter(|(bucket, _)| !bucket.is_empty())
            .ok_or_else(|| SqlError::redshift(format!("invalid S3 location '{url}', expected s3://bucket/key")))?;
        Ok(Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        })
    }

    /// The location as an `s3://` URL.
    pub(crate) fn url(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }
}

/// Reads and writes objects.
#[derive(Debug, Clone)]
pub(crate) struct Objects {
    pub(crate) client: Client,
    /// The region that error texts name.
    pub(crate) region: String,
}

impl Objects {
    /// The object's URL as Redshift's scan errors write it.
    pub(crate) fn https_url(&self, location: &Location) -> String {
        format!(
            "https://s3.{}.amazonaws.com/{}/{}",
            self.region, location.bucket, location.key
        )
    }

    /// The contents of a small object; `None` if it does not exist.
    pub(crate) async fn read(&self, location: &Location) -> Result<Option<Vec<u8>>, SqlError> {
        let response = self
            .client
            .get_object()
            .bucket(&location.bucket)
            .key(&location.key)
            .send()
            .await;
        let response = match response {
            Ok(response) => response,
            Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => return Ok(None),
            Err(error) => return Err(failed("read", location, DisplayErrorContext(error))),
        };
        let body = response
            .body
            .collect()
            .await
            .map_err(|error| failed("read", location, error))?;
        Ok(Some(body.to_vec()))
    }

    /// Downloads objects into files; a missing one gives `None`, else its size in bytes.
    pub(crate) async fn download(
        &self,
        files: Vec<(Location, std::path::PathBuf)>,
    ) -> Result<Vec<Option<u64>>, SqlError> {
        let downloads = files
            .into_iter()
            .map(|(location, file)| async move { self.download_one(&location, &file).await });
        let results: Vec<_> = futures::stream::iter(downloads)
            .buffered(PARALLEL_DOWNLOADS)
            .collect()
            .await;
        results.into_iter().collect()
    }

    async fn download_one(&self, location: &Location, file: &Path) -> Result<Option<u64>, SqlError> {
        let response = self
            .client
            .get_object()
            .bucket(&location.bucket)
            .key(&location.key)
            .send()
            .await;
        let mut body = match response {
            Ok(response) => response.body,
            Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => return Ok(None),
            Err(error) => return Err(failed("read", location, DisplayErrorContext(error))),
        };
        let mut size = 0;
        let mut target = tokio::fs::File::create(file)
            .await
            .map_err(|error| failed("store", location, error))?;
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| failed("read", location, error))?;
            size += chunk.len() as u64;
            target
                .write_all(&chunk)
                .await
                .map_err(|error| failed("store", location, error))?;
        }
        target.flush().await.map_err(|error| failed("store", location, error))?;
        Ok(Some(size))
    }

    /// The objects whose keys begin with the location's key, in key order.
    pub(crate) async fn list(&self, prefix: &Location) -> Result<Vec<Location>, SqlError> {
        let mut pages = self
            .client
            .list_objects_v2()
            .bucket(&prefix.bucket)
            .prefix(&prefix.key)
            .into_paginator()
            .send();
        let mut locations = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed("list", prefix, DisplayErrorContext(error)))?;
            locations.extend(
                page.contents()
                    .iter()
                    .filter_map(|object| object.key())
                    .map(|key| Location {
                        bucket: prefix.bucket.clone(),
                        key: key.to_owned(),
                    }),
            );
        }
        locations.sort_by(|left, right| left.key.cmp(&right.key));
        Ok(locations)
    }

    /// Uploads a file.
    pub(crate) async fn upload(&self, file: &Path, location: &Location) -> Result<(), SqlError> {
        let body = ByteStream::from_path(file)
            .await
            .map_err(|error| failed("write", location, error))?;
        self.put(location, body).await
    }

    /// Writes a small object.
    pub(crate) async fn write(&self, contents: Vec<u8>, location: &Location) -> Result<(), SqlError> {
        self.put(location, ByteStream::from(contents)).await
    }

    async fn put(&self, location: &Location, body: ByteStream) -> Result<(), SqlError> {
        let request = self
            .client
            .put_object()
            .bucket(&location.bucket)
            .key(&location.key)
            .body(body);
        request
            .send()
            .await
            .map_err(|error| failed("write", location, DisplayErrorContext(error)))?;
        Ok(())
    }

    /// Removes an object; one that does not exist is fine.
    pub(crate) async fn remove(&self, location: &Location) -> Result<(), SqlError> {
        let request = self.client.delete_object().bucket(&location.bucket).key(&location.key);
        request
            .send()
            .await
            .map_err(|error| failed("remove", location, DisplayErrorContext(error)))?;
        Ok(())
    }
}

fn failed(action: &str, location: &Location, error: impl std::fmt::Display) -> SqlError {
    SqlError::redshift(format!(
        "S3ServiceException: cannot {action} {}: {error}",
        location.url()
    ))
}
