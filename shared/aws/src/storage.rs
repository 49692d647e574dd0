//! Objects in S3: the only module that names the S3 SDK.
//!
//! Errors of the SDK become kinds here, once; retries of transient errors are the SDK's.

mod error;
mod lines;
mod upload;

pub use error::{StorageError, StorageErrorKind};
pub use upload::Upload;

use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::{get_object::GetObjectOutput, head_object::HeadObjectError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, EncodingType, Object, ObjectIdentifier};
use aws_smithy_types::DateTime as SmithyDateTime;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use percent_encoding::percent_decode_str;
use serde::{Serialize, de::DeserializeOwned};
use std::borrow::Cow;
use std::ops::Range;

/// Most objects of one delete request: a rule of S3.
const DELETE_BATCH: usize = 1_000;

/// Metadata of an object, from a listing or a HEAD request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectMeta {
    /// The key.
    pub key: String,
    /// Size in bytes.
    pub size: u64,
    /// ETag without quotes; empty in the listings of some stores.
    pub etag: String,
    /// Time of the last write.
    pub last_modified: DateTime<Utc>,
}

/// A part of the objects below a prefix.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Objects, sorted by key.
    pub objects: Vec<ObjectMeta>,
    /// Prefixes up to a delimiter, sorted.
    pub folders: Vec<String>,
    /// Whether there are more.
    pub is_cut: bool,
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

    /// Metadata of an object; `None` if it does not exist.
    ///
    /// # Errors
    /// Any failure but a missing object.
    pub async fn head(&self, bucket: &str, key: &str) -> Result<Option<ObjectMeta>, StorageError> {
        match self.client.head_object().bucket(bucket).key(key).send().await {
            Ok(head) => {
                let incomplete = |what| StorageError::incomplete("look up", bucket, key, what);
                Ok(Some(ObjectMeta {
                    key: key.to_owned(),
                    size: size(head.content_length()).ok_or_else(|| incomplete("size"))?,
                    etag: etag(head.e_tag()),
                    last_modified: time(head.last_modified()).ok_or_else(|| incomplete("time of the last write"))?,
                }))
            }
            Err(SdkError::ServiceError(error)) if matches!(error.err(), HeadObjectError::NotFound(_)) => Ok(None),
            Err(error) => Err(StorageError::of_request("look up", bucket, key, error)),
        }
    }

    /// The whole object; `None` if it does not exist.
    ///
    /// # Errors
    /// Any failure but a missing object.
    pub async fn get(&self, bucket: &str, key: &str) -> Result<Option<Bytes>, StorageError> {
        let output = match self.client.get_object().bucket(bucket).key(key).send().await {
            Ok(output) => output,
            Err(error) => {
                let error = StorageError::of_request("read", bucket, key, error);
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
            .map_err(|error| StorageError::of_request("read", bucket, key, error))?;
        collect(output, bucket, key).await
    }

    /// The object as a stream of bytes, and its metadata.
    ///
    /// # Errors
    /// Any failure, a missing object included. The stream itself can fail later.
    pub async fn stream(&self, bucket: &str, key: &str) -> Result<(ObjectMeta, ByteStream), StorageError> {
        let request = self.client.get_object().bucket(bucket).key(key);
        let output = request
            .send()
            .await
            .map_err(|error| StorageError::of_request("read", bucket, key, error))?;
        let incomplete = |what| StorageError::incomplete("read", bucket, key, what);
        let meta = ObjectMeta {
            key: key.to_owned(),
            size: size(output.content_length()).ok_or_else(|| incomplete("size"))?,
            etag: etag(output.e_tag()),
            last_modified: time(output.last_modified()).ok_or_else(|| incomplete("time of the last write"))?,
        };
        Ok((meta, output.body))
    }

    /// Creates or overwrites an object. The body has the checksum that the SDK gives it, but no signature over it:
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
            .map_err(|error| StorageError::of_request("write", bucket, key, error))?;
        Ok(())
    }

    /// Writes an object from an open file, from its current position on, without holding it in memory.
    ///
    /// # Errors
    /// The file cannot be read; the service refuses or cannot answer.
    pub async fn put_file(&self, bucket: &str, key: &str, file: std::fs::File) -> Result<(), StorageError> {
        let file = tokio::fs::File::from_std(file);
        let body = ByteStream::read_from().file(file).build().await;
        let body = body.map_err(|error| StorageError::unsent("write", bucket, key, error))?;
        self.put(bucket, key, body).await
    }

    /// Starts a multipart upload: the object appears, whole, when it is completed.
    ///
    /// # Errors
    /// The service refuses or cannot answer.
    pub async fn begin_upload(&self, bucket: &str, key: &str) -> Result<Upload, StorageError> {
        let request = self.client.create_multipart_upload().bucket(bucket).key(key);
        let output = request
            .send()
            .await
            .map_err(|error| StorageError::of_request("write", bucket, key, error))?;
        let id = output.upload_id();
        let id = id.ok_or_else(|| StorageError::incomplete("write", bucket, key, "upload id"))?;
        Ok(Upload::new(self.client.clone(), bucket, key, id))
    }

    /// Deletes an object; a missing one is fine.
    ///
    /// # Errors
    /// The service refuses or cannot answer.
    pub async fn delete(&self, bucket: &str, key: &str) -> Result<(), StorageError> {
        let request = self.client.delete_object().bucket(bucket).key(key);
        request
            .send()
            .await
            .map_err(|error| StorageError::of_request("delete", bucket, key, error))?;
        Ok(())
    }

    /// Deletes objects, a thousand per request, in the given order; missing ones are fine.
    ///
    /// # Errors
    /// The service refuses or cannot answer, for all or for some of them: the error names the first. Others may be deleted.
    pub async fn delete_all(&self, bucket: &str, keys: &[&str]) -> Result<(), StorageError> {
        for batch in keys.chunks(DELETE_BATCH) {
            // A chunk is never empty.
            let first = batch.first().copied().unwrap_or_default();
            let objects: Result<Vec<_>, _> = batch
                .iter()
                .map(|key| ObjectIdentifier::builder().key(*key).build())
                .collect();
            let delete = objects
                .and_then(|objects| Delete::builder().set_objects(Some(objects)).quiet(true).build())
                .map_err(|error| StorageError::unsent("delete", bucket, first, error))?;
            let request = self.client.delete_objects().bucket(bucket).delete(delete);
            let output = request
                .send()
                .await
                .map_err(|error| StorageError::of_request("delete", bucket, first, error))?;
            if let Some(error) = output.errors().first() {
                let (code, message) = (error.code().unwrap_or("error"), error.message().unwrap_or_default());
                return Err(StorageError::of_item(
                    "delete",
                    bucket,
                    error.key().unwrap_or(first),
                    code,
                    message,
                ));
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
            .encoding_type(EncodingType::Url)
            .into_paginator()
            .send();
        let mut objects = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| StorageError::of_request("list", bucket, prefix, error))?;
            let encoding = page.encoding_type();
            for object in page.contents() {
                objects.push(listed(bucket, prefix, object, encoding)?);
            }
        }
        Ok(objects)
    }

    /// The first objects below a prefix, sorted by key, from at most `pages` answers of up to a thousand entries each. With a
    /// `delimiter`, keys that hold it after the prefix are not listed: what they have up to it is one folder.
    ///
    /// # Errors
    /// The service refuses or cannot answer.
    pub async fn list_some(
        &self,
        bucket: &str,
        prefix: &str,
        delimiter: Option<&str>,
        pages: usize,
    ) -> Result<Listing, StorageError> {
        let request = self.client.list_objects_v2().bucket(bucket).prefix(prefix);
        let mut answers = request
            .encoding_type(EncodingType::Url)
            .set_delimiter(delimiter.map(str::to_owned))
            .into_paginator()
            .send();
        let mut listing = Listing::default();
        for _ in 0..pages {
            let Some(page) = answers.next().await else { break };
            let page = page.map_err(|error| StorageError::of_request("list", bucket, prefix, error))?;
            let encoding = page.encoding_type();
            for object in page.contents() {
                listing.objects.push(listed(bucket, prefix, object, encoding)?);
            }
            for folder in page.common_prefixes().iter().filter_map(|folder| folder.prefix()) {
                let folder = decoded(folder, encoding);
                let folder =
                    folder.ok_or_else(|| StorageError::incomplete("list", bucket, prefix, "folder in UTF-8"))?;
                listing.folders.push(folder);
            }
            listing.is_cut = page.is_truncated() == Some(true);
        }
        Ok(listing)
    }

    /// A JSON document; `None` if it does not exist.
    ///
    /// # Errors
    /// The object cannot be read, or is not such a document.
    pub async fn get_json<T: DeserializeOwned>(&self, bucket: &str, key: &str) -> Result<Option<T>, StorageError> {
        let Some(bytes) = self.get(bucket, key).await? else {
            return Ok(None);
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| StorageError::corrupt("parse", bucket, key, error))
    }

    /// Writes a JSON document, indented for people.
    ///
    /// # Errors
    /// The service refuses or cannot answer.
    pub async fn put_json<T: Serialize + Sync>(&self, bucket: &str, key: &str, value: &T) -> Result<(), StorageError> {
        self.put(bucket, key, json_text(bucket, key, value)?).await
    }

    /// Replaces the object with this ETag by a JSON document, or creates it if `etag` is `None`. Returns false, and writes
    /// nothing, if the object changed concurrently.
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
                let error = StorageError::of_request("replace", bucket, key, error);
                match error.kind {
                    StorageErrorKind::PreconditionFailed => Ok(false),
                    // It was deleted concurrently.
                    StorageErrorKind::NotFound if etag.is_some() => Ok(false),
                    _ => Err(error),
                }
            }
        }
    }
}

fn json_text<T: Serialize>(bucket: &str, key: &str, value: &T) -> Result<Vec<u8>, StorageError> {
    let mut text =
        serde_json::to_vec_pretty(value).map_err(|error| StorageError::corrupt("write", bucket, key, error))?;
    text.push(b'\n');
    Ok(text)
}

async fn collect(output: GetObjectOutput, bucket: &str, key: &str) -> Result<Bytes, StorageError> {
    let body = output.body.collect().await;
    let body = body.map_err(|error| StorageError::interrupted(bucket, key, error))?;
    Ok(body.into_bytes())
}

/// An entry of a listing.
fn listed(
    bucket: &str,
    prefix: &str,
    object: &Object,
    encoding: Option<&EncodingType>,
) -> Result<ObjectMeta, StorageError> {
    let key = object.key().unwrap_or(prefix);
    let incomplete = |what| StorageError::incomplete("list", bucket, key, what);
    let decoded = object.key().and_then(|key| decoded(key, encoding));
    Ok(ObjectMeta {
        key: decoded.ok_or_else(|| incomplete("key"))?,
        size: size(object.size()).ok_or_else(|| incomplete("size"))?,
        etag: etag(object.e_tag()),
        last_modified: time(object.last_modified()).ok_or_else(|| incomplete("time of the last write"))?,
    })
}

/// A name in a listing. Names may hold what XML cannot, so they are asked for in percent signs, a blank as `+`; not every store does
/// so. `None` if it is not UTF-8.
fn decoded(name: &str, encoding: Option<&EncodingType>) -> Option<String> {
    if encoding != Some(&EncodingType::Url) {
        return Some(name.to_owned());
    }
    let name = name.replace('+', " ");
    let name = percent_decode_str(&name).decode_utf8();
    name.ok().map(Cow::into_owned)
}

fn size(length: Option<i64>) -> Option<u64> {
    length.and_then(|length| u64::try_from(length).ok())
}

/// Without quotes; empty when the store has none, as some leave it out of their listings.
fn etag(value: Option<&str>) -> String {
    value.unwrap_or_default().trim_matches('"').to_owned()
}

fn time(time: Option<&SmithyDateTime>) -> Option<DateTime<Utc>> {
    time.and_then(|time| DateTime::from_timestamp(time.secs(), time.subsec_nanos()))
}
