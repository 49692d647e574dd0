//! Objects in S3: the only module that names the S3 SDK.
//!
//! Errors of the SDK are sorted here, once, into what callers can act on; retries of transient errors are the SDK's.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::{get_object::GetObjectOutput, head_object::HeadObjectError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, Delete, ObjectIdentifier};
use aws_smithy_types::DateTime as SmithyDateTime;
use bytes::Bytes;
use cardlake_core::error::{ErrorKind, StageError, with_causes};
use chrono::{DateTime, Utc};
use serde::{Serialize, de::DeserializeOwned};
use std::ops::Range;

/// Objects that one request can remove: a rule of S3.
const DELETE_BATCH: usize = 1_000;

/// What went wrong with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageErrorKind {
    /// There is no such object or bucket.
    NotFound,
    /// The condition of the request does not hold: somebody else wrote the object.
    PreconditionFailed,
    /// The service cannot answer for now.
    Transient,
    /// The service has no space left, or the quota is used up. A local S3 or Ceph answers so; AWS never does.
    NoSpace,
    /// The service refuses for good.
    Refused,
    /// The object is not what its format says.
    Corrupt,
}

/// A failed request.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} s3://{bucket}/{key}: {cause}")]
pub struct StorageError {
    /// The sort of failure.
    pub kind: StorageErrorKind,
    /// What was tried, as a verb.
    pub operation: &'static str,
    /// The bucket.
    pub bucket: String,
    /// The key or prefix.
    pub key: String,
    /// What the service or the network said.
    pub cause: String,
}

impl StageError for StorageError {
    fn kind(&self) -> ErrorKind {
        match self.kind {
            StorageErrorKind::NotFound => ErrorKind::NotFound,
            StorageErrorKind::Transient => ErrorKind::Transient,
            StorageErrorKind::PreconditionFailed | StorageErrorKind::NoSpace | StorageErrorKind::Refused => {
                ErrorKind::Service
            }
            StorageErrorKind::Corrupt => ErrorKind::Corrupt,
        }
    }
}

/// An object as a listing or a HEAD request shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectMeta {
    /// The key.
    pub key: String,
    /// Size in bytes.
    pub size: u64,
    /// ETag without quotes.
    pub etag: String,
    /// Time of the last write.
    pub last_modified: DateTime<Utc>,
}

/// Objects of S3.
#[derive(Debug, Clone)]
pub struct Storage {
    client: aws_sdk_s3::Client,
}

impl Storage {
    /// On the given client.
    #[must_use]
    pub const fn new(client: aws_sdk_s3::Client) -> Self {
        Self { client }
    }

    /// What is known about an object; `None` when there is none.
    ///
    /// # Errors
    /// Any failure but a missing object.
    pub async fn head(&self, bucket: &str, key: &str) -> Result<Option<ObjectMeta>, StorageError> {
        match self.client.head_object().bucket(bucket).key(key).send().await {
            Ok(head) => Ok(Some(ObjectMeta {
                key: key.to_owned(),
                size: head.content_length().unwrap_or_default().try_into().unwrap_or_default(),
                etag: head.e_tag().unwrap_or_default().trim_matches('"').to_owned(),
                last_modified: to_chrono(head.last_modified()),
            })),
            Err(SdkError::ServiceError(error)) if matches!(error.err(), HeadObjectError::NotFound(_)) => Ok(None),
            Err(error) => Err(failure("look up", bucket, key, &error)),
        }
    }

    /// The whole object; `None` when there is none.
    ///
    /// # Errors
    /// Any failure but a missing object.
    pub async fn get(&self, bucket: &str, key: &str) -> Result<Option<Bytes>, StorageError> {
        let output = match self.client.get_object().bucket(bucket).key(key).send().await {
            Ok(output) => output,
            Err(error) => {
                let error = failure("read", bucket, key, &error);
                return if error.kind == StorageErrorKind::NotFound {
                    Ok(None)
                } else {
                    Err(error)
                };
            }
        };
        collect(output, bucket, key).await.map(Some)
    }

    /// A part of the object, by byte positions.
    ///
    /// # Errors
    /// Any failure, a missing object included.
    pub async fn get_range(&self, bucket: &str, key: &str, range: Range<u64>) -> Result<Bytes, StorageError> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let header = format!("bytes={}-{}", range.start, range.end - 1);
        let request = self.client.get_object().bucket(bucket).key(key).range(header);
        let output = request
            .send()
            .await
            .map_err(|error| failure("read", bucket, key, &error))?;
        collect(output, bucket, key).await
    }

    /// The object as a stream of bytes, and what is known about it.
    ///
    /// # Errors
    /// Any failure, a missing object included. The stream itself can fail later.
    pub async fn stream(&self, bucket: &str, key: &str) -> Result<(ObjectMeta, ByteStream), StorageError> {
        let request = self.client.get_object().bucket(bucket).key(key);
        let output = request
            .send()
            .await
            .map_err(|error| failure("read", bucket, key, &error))?;
        let meta = ObjectMeta {
            key: key.to_owned(),
            size: output
                .content_length()
                .unwrap_or_default()
                .try_into()
                .unwrap_or_default(),
            etag: output.e_tag().unwrap_or_default().trim_matches('"').to_owned(),
            last_modified: to_chrono(output.last_modified()),
        };
        Ok((meta, output.body))
    }

    /// Writes an object, whatever was there. The body has the checksum that the SDK gives it, but no signature over it:
    /// hashing it twice more would cost more than sending it.
    ///
    /// # Errors
    /// The service refuses or cannot answer.
    pub async fn put(&self, bucket: &str, key: &str, body: impl Into<ByteStream>) -> Result<(), StorageError> {
        let request = self.client.put_object().bucket(bucket).key(key).body(body.into());
        request
            .customize()
            .disable_payload_signing()
            .send()
            .await
            .map_err(|error| failure("write", bucket, key, &error))?;
        Ok(())
    }

    /// Writes an object from an open file, from its current position on, without holding it in memory.
    ///
    /// # Errors
    /// The file cannot be read; the service refuses or cannot answer.
    pub async fn put_file(&self, bucket: &str, key: &str, file: std::fs::File) -> Result<(), StorageError> {
        let file = tokio::fs::File::from_std(file);
        let body = ByteStream::read_from().file(file).build().await;
        let body = body.map_err(|error| StorageError {
            kind: StorageErrorKind::Refused,
            operation: "write",
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            cause: with_causes(&error),
        })?;
        self.put(bucket, key, body).await
    }

    /// Begins an object that is written in parts: it appears, whole, when the upload is completed.
    ///
    /// # Errors
    /// The service refuses or cannot answer.
    pub async fn begin_upload(&self, bucket: &str, key: &str) -> Result<Upload, StorageError> {
        let request = self.client.create_multipart_upload().bucket(bucket).key(key);
        let output = request
            .send()
            .await
            .map_err(|error| failure("write", bucket, key, &error))?;
        Ok(Upload {
            client: self.client.clone(),
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            id: output.upload_id().unwrap_or_default().to_owned(),
            parts: Vec::new(),
        })
    }

    /// Removes an object; there being none is fine.
    ///
    /// # Errors
    /// The service refuses or cannot answer.
    pub async fn delete(&self, bucket: &str, key: &str) -> Result<(), StorageError> {
        let request = self.client.delete_object().bucket(bucket).key(key);
        request
            .send()
            .await
            .map_err(|error| failure("delete", bucket, key, &error))?;
        Ok(())
    }

    /// Removes objects, a thousand with each request, in the order given; those that are not there are fine.
    ///
    /// # Errors
    /// The service refuses or cannot answer, for all or for some of them: the error names the first. Others may be gone.
    pub async fn delete_all(&self, bucket: &str, keys: &[&str]) -> Result<(), StorageError> {
        for batch in keys.chunks(DELETE_BATCH) {
            let first = batch.first().copied().unwrap_or_default();
            let refused = |key: &str, cause: String, kind| StorageError {
                kind,
                operation: "delete",
                bucket: bucket.to_owned(),
                key: key.to_owned(),
                cause,
            };
            let objects: Result<Vec<_>, _> = batch
                .iter()
                .map(|key| ObjectIdentifier::builder().key(*key).build())
                .collect();
            let delete = objects
                .and_then(|objects| Delete::builder().set_objects(Some(objects)).quiet(true).build())
                .map_err(|error| refused(first, error.to_string(), StorageErrorKind::Refused))?;
            let request = self.client.delete_objects().bucket(bucket).delete(delete);
            let output = request
                .send()
                .await
                .map_err(|error| failure("delete", bucket, first, &error))?;
            if let Some(error) = output.errors().first() {
                let code = error.code().unwrap_or_default();
                let cause = format!("{code}: {}", error.message().unwrap_or_default());
                return Err(refused(error.key().unwrap_or(first), cause, kind_of(code, None)));
            }
        }
        Ok(())
    }

    /// All objects below a prefix, sorted by key.
    ///
    /// # Errors
    /// The service refuses or cannot answer.
    pub async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<ObjectMeta>, StorageError> {
        let mut pages = self
            .client
            .list_objects_v2()
            .bucket(bucket)
            .prefix(prefix)
            .into_paginator()
            .send();
        let mut objects = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failure("list", bucket, prefix, &error))?;
            objects.extend(page.contents().iter().map(|object| ObjectMeta {
                key: object.key().unwrap_or_default().to_owned(),
                size: object.size().unwrap_or_default().try_into().unwrap_or_default(),
                etag: object.e_tag().unwrap_or_default().trim_matches('"').to_owned(),
                last_modified: to_chrono(object.last_modified()),
            }));
        }
        Ok(objects)
    }

    /// A JSON document; `None` when there is none.
    ///
    /// # Errors
    /// The object cannot be read, or is not such a document.
    pub async fn get_json<T: DeserializeOwned>(&self, bucket: &str, key: &str) -> Result<Option<T>, StorageError> {
        let Some(bytes) = self.get(bucket, key).await? else {
            return Ok(None);
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| StorageError {
            kind: StorageErrorKind::Corrupt,
            operation: "understand",
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            cause: error.to_string(),
        })
    }

    /// Writes a JSON document, indented: people read these.
    ///
    /// # Errors
    /// The service refuses or cannot answer.
    pub async fn put_json<T: Serialize + Sync>(&self, bucket: &str, key: &str, value: &T) -> Result<(), StorageError> {
        self.put(bucket, key, json_text(bucket, key, value)?).await
    }

    /// Writes a JSON document in the place of the object with this ETag, or where there is none; false: something else is
    /// there by now, and stays.
    ///
    /// # Errors
    /// The service refuses for another reason, or cannot answer.
    pub async fn replace_json<T: Serialize + Sync>(
        &self,
        bucket: &str,
        key: &str,
        value: &T,
        etag: Option<&str>,
    ) -> Result<bool, StorageError> {
        let request = self.client.put_object().bucket(bucket).key(key);
        let request = match etag {
            Some(etag) => request.if_match(etag),
            None => request.if_none_match("*"),
        };
        let body = ByteStream::from(json_text(bucket, key, value)?);
        match request.body(body).send().await {
            Ok(_) => Ok(true),
            Err(error) => {
                let error = failure("replace", bucket, key, &error);
                match error.kind {
                    StorageErrorKind::PreconditionFailed => Ok(false),
                    // It was removed in between.
                    StorageErrorKind::NotFound if etag.is_some() => Ok(false),
                    _ => Err(error),
                }
            }
        }
    }
}

fn json_text<T: Serialize>(bucket: &str, key: &str, value: &T) -> Result<Vec<u8>, StorageError> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|error| StorageError {
        kind: StorageErrorKind::Corrupt,
        operation: "write",
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        cause: error.to_string(),
    })?;
    text.push(b'\n');
    Ok(text)
}

/// An object on its way, part by part. Unless it is completed or aborted, its parts stay and cost money until a lifecycle
/// rule of the bucket removes them.
#[derive(Debug)]
pub struct Upload {
    client: aws_sdk_s3::Client,
    bucket: String,
    key: String,
    id: String,
    parts: Vec<CompletedPart>,
}

impl Upload {
    /// Smallest size of all parts but the last, in bytes: a rule of S3, which also takes no more than 10,000 parts.
    pub const MINIMUM_PART_BYTES: usize = 5 * 1024 * 1024;

    /// Writes the next part.
    ///
    /// # Errors
    /// The service refuses or cannot answer.
    pub async fn part(&mut self, body: impl Into<ByteStream>) -> Result<(), StorageError> {
        let number = i32::try_from(self.parts.len() + 1).unwrap_or(i32::MAX);
        let request = self.client.upload_part().bucket(&self.bucket).key(&self.key);
        let request = request.upload_id(&self.id).part_number(number).body(body.into());
        let output = request
            .customize()
            .disable_payload_signing()
            .send()
            .await
            .map_err(|error| failure("write", &self.bucket, &self.key, &error))?;
        let part = CompletedPart::builder().part_number(number);
        self.parts.push(part.set_e_tag(output.e_tag).build());
        Ok(())
    }

    /// Makes the object of its parts.
    ///
    /// # Errors
    /// The service refuses or cannot answer.
    pub async fn complete(self) -> Result<(), StorageError> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(self.parts)).build();
        let request = self
            .client
            .complete_multipart_upload()
            .bucket(&self.bucket)
            .key(&self.key);
        let request = request.upload_id(&self.id).multipart_upload(parts);
        request
            .send()
            .await
            .map_err(|error| failure("write", &self.bucket, &self.key, &error))?;
        Ok(())
    }

    /// Throws the parts away.
    ///
    /// # Errors
    /// The service refuses or cannot answer.
    pub async fn abort(self) -> Result<(), StorageError> {
        let request = self.client.abort_multipart_upload().bucket(&self.bucket).key(&self.key);
        let request = request.upload_id(&self.id);
        request
            .send()
            .await
            .map_err(|error| failure("abort", &self.bucket, &self.key, &error))?;
        Ok(())
    }
}

async fn collect(output: GetObjectOutput, bucket: &str, key: &str) -> Result<Bytes, StorageError> {
    let body = output.body.collect().await.map_err(|error| StorageError {
        kind: StorageErrorKind::Transient,
        operation: "read",
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        cause: with_causes(&error),
    })?;
    Ok(body.into_bytes())
}

fn to_chrono(time: Option<&SmithyDateTime>) -> DateTime<Utc> {
    time.and_then(|time| DateTime::from_timestamp(time.secs(), time.subsec_nanos()))
        .unwrap_or_default()
}

fn failure<E>(operation: &'static str, bucket: &str, key: &str, error: &SdkError<E>) -> StorageError
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let kind = match (error.code(), status) {
        (None, None) => StorageErrorKind::Transient,
        (code, status) => kind_of(code.unwrap_or_default(), status),
    };
    StorageError {
        kind,
        operation,
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        cause: match (error.code(), error.message()) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            _ => with_causes(error),
        },
    }
}

/// The sort of failure behind an error code of S3 and an HTTP status.
fn kind_of(code: &str, status: Option<u16>) -> StorageErrorKind {
    match (code, status) {
        ("NoSuchKey" | "NoSuchBucket" | "NotFound", _) | (_, Some(404)) => StorageErrorKind::NotFound,
        ("QuotaExceeded", _) => StorageErrorKind::NoSpace,
        (_, Some(412)) => StorageErrorKind::PreconditionFailed,
        ("SlowDown" | "RequestTimeout" | "ConditionalRequestConflict" | "InternalError", _)
        | (_, Some(429 | 500..=599)) => StorageErrorKind::Transient,
        _ => StorageErrorKind::Refused,
    }
}
