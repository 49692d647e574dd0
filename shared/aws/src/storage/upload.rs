//! Multipart uploads.

use super::error::StorageError;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};

/// A multipart upload. Unless it is completed or aborted, its parts stay and cost money until a lifecycle rule of the
/// bucket deletes them.
#[derive(Debug)]
pub struct Upload {
    client: aws_sdk_s3::Client,
    bucket: String,
    key: String,
    id: String,
    parts: Vec<CompletedPart>,
}

impl Upload {
    pub(crate) fn new(client: aws_sdk_s3::Client, bucket: &str, key: &str, id: &str) -> Self {
        Self {
            client,
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            id: id.to_owned(),
            parts: Vec::new(),
        }
    }

    /// Smallest size of all parts but the last, in bytes: a rule of S3, which also takes no more than 10,000 parts.
    pub const MINIMUM_PART_BYTES: usize = 5 * 1024 * 1024;

    /// Writes the next part.
    ///
    /// # Errors
    /// The service refuses or cannot answer.
    pub async fn part(&mut self, body: impl Into<ByteStream>) -> Result<(), StorageError> {
        let number = i32::try_from(self.parts.len() + 1)
            .map_err(|error| StorageError::unsent("write", &self.bucket, &self.key, error))?;
        let request = self.client.upload_part().bucket(&self.bucket).key(&self.key);
        let request = request.upload_id(&self.id).part_number(number).body(body.into());
        let output = request
            .customize()
            .disable_payload_signing()
            .send()
            .await
            .map_err(|error| StorageError::of_request("write", &self.bucket, &self.key, error))?;
        let part = CompletedPart::builder().part_number(number);
        self.parts.push(part.set_e_tag(output.e_tag).build());
        Ok(())
    }

    /// Assembles the object from its parts.
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
            .map_err(|error| StorageError::of_request("write", &self.bucket, &self.key, error))?;
        Ok(())
    }

    /// Discards the parts.
    ///
    /// # Errors
    /// The service refuses or cannot answer.
    pub async fn abort(self) -> Result<(), StorageError> {
        let request = self.client.abort_multipart_upload().bucket(&self.bucket).key(&self.key);
        let request = request.upload_id(&self.id);
        request
            .send()
            .await
            .map_err(|error| StorageError::of_request("abort", &self.bucket, &self.key, error))?;
        Ok(())
    }
}
