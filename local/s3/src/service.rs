//! The S3 operations on top of the store.

use std::collections::BTreeSet;
use std::io::{Seek, SeekFrom};

use async_trait::async_trait;
use s3s::dto::*;
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result};

use crate::acl;
use crate::attributes::{Attributes, DEFAULT_CONTENT_TYPE};
use crate::checksums::{self, Algorithm, Claims};
use crate::conditions::{ReadConditions, write_condition};
use crate::pages::{self, Encoding};
use crate::store::{Condition, Store};
use crate::tags::{self, Tags};
use crate::transfer::{Span, receive, signed, stream};
use crate::work::{Service, checked_span, parts_count};

/// The attributes in an input, whichever type it has.
macro_rules! attributes {
    ($input:ident) => {
        Attributes {
            content_type: $input.content_type,
            content_encoding: $input.content_encoding,
            content_disposition: $input.content_disposition,
            content_language: $input.content_language,
            cache_control: $input.cache_control,
            metadata: $input.metadata.unwrap_or_default().into_iter().collect(),
            tags: tags::of_header($input.tagging.as_deref())?,
            md5: None,
            parts: Vec::new(),
        }
        .normalised()
    };
}

/// Sets the checksums of an output, whichever type it has.
macro_rules! set_checksums {
    ($output:ident, $checksum:expr) => {
        let checksum: Checksum = $checksum;
        $output.checksum_crc32 = checksum.checksum_crc32;
        $output.checksum_crc32c = checksum.checksum_crc32c;
        $output.checksum_crc64nvme = checksum.checksum_crc64nvme;
        $output.checksum_sha1 = checksum.checksum_sha1;
        $output.checksum_sha256 = checksum.checksum_sha256;
    };
}

fn strong(tag: String) -> Option<ETag> {
    Some(ETag::Strong(tag))
}

#[async_trait]
impl S3 for Service {
    async fn list_buckets(&self, _request: S3Request<ListBucketsInput>) -> S3Result<S3Response<ListBucketsOutput>> {
        let buckets = self.blocking(Store::buckets).await?;
        let bucket = |(name, changed): (String, _)| Bucket {
            name: Some(name),
            creation_date: Some(Timestamp::from(changed)),
            ..Bucket::default()
        };
        let buckets = Some(buckets.into_iter().map(bucket).collect());
        Ok(S3Response::new(ListBucketsOutput {
            buckets,
            owner: Some(acl::owner()),
            ..ListBucketsOutput::default()
        }))
    }

    async fn head_bucket(&self, request: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        self.blocking(move |store| store.bucket(&request.input.bucket)).await?;
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn get_bucket_location(
        &self,
        request: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        self.blocking(move |store| store.bucket(&request.input.bucket)).await?;
        Ok(S3Response::new(GetBucketLocationOutput::default()))
    }

    async fn get_bucket_acl(&self, request: S3Request<GetBucketAclInput>) -> S3Result<S3Response<GetBucketAclOutput>> {
        self.blocking(move |store| store.bucket(&request.input.bucket)).await?;
        Ok(S3Response::new(GetBucketAclOutput {
            grants: Some(acl::grants()),
            owner: Some(acl::owner()),
        }))
    }

    /// There are no versions.
    async fn get_bucket_versioning(
        &self,
        request: S3Request<GetBucketVersioningInput>,
    ) -> S3Result<S3Response<GetBucketVersioningOutput>> {
        self.blocking(move |store| store.bucket(&request.input.bucket)).await?;
        Ok(S3Response::new(GetBucketVersioningOutput::default()))
    }

    async fn create_bucket(&self, request: S3Request<CreateBucketInput>) -> S3Result<S3Response<CreateBucketOutput>> {
        self.blocking(move |store| store.create_bucket(&request.input.bucket))
            .await?;
        Ok(S3Response::new(CreateBucketOutput::default()))
    }

    async fn delete_bucket(&self, request: S3Request<DeleteBucketInput>) -> S3Result<S3Response<DeleteBucketOutput>> {
        self.blocking(move |store| store.delete_bucket(&request.input.bucket))
            .await?;
        Ok(S3Response::new(DeleteBucketOutput::default()))
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = request.input;
        let (_, info, attributes) = self.open(input.bucket, input.key).await?;
        ReadConditions {
            tag_matches: input.if_match,
            tag_differs: input.if_none_match,
            modified_since: input.if_modified_since,
            unmodified_since: input.if_unmodified_since,
        }
        .check(&info)?;
        let asked = (input.range, input.part_number, input.checksum_mode.as_ref());
        let (span, checksum) = checked_span(asked, &info, &attributes.parts)?;
        let mut output = HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            cache_control: attributes.cache_control,
            content_disposition: attributes.content_disposition,
            content_encoding: attributes.content_encoding,
            content_language: attributes.content_language,
            content_length: Some(signed(span.length)),
            content_range: span.header,
            content_type: attributes
                .content_type
                .or_else(|| Some(DEFAULT_CONTENT_TYPE.to_owned())),
            e_tag: strong(info.etag().to_owned()),
            last_modified: Some(Timestamp::from(info.modified)),
            metadata: metadata_output(attributes.metadata),
            parts_count: parts_count(input.part_number, &attributes.parts),
            checksum_type: checksum.checksum_type.clone(),
            ..HeadObjectOutput::default()
        };
        set_checksums!(output, checksum);
        Ok(S3Response::new(output))
    }

    async fn get_object_acl(&self, request: S3Request<GetObjectAclInput>) -> S3Result<S3Response<GetObjectAclOutput>> {
        self.open(request.input.bucket, request.input.key).await?;
        Ok(S3Response::new(GetObjectAclOutput {
            grants: Some(acl::grants()),
            owner: Some(acl::owner()),
            ..GetObjectAclOutput::default()
        }))
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let input = request.input;
        let (mut file, info, attributes) = self.open(input.bucket, input.key).await?;
        ReadConditions {
            tag_matches: input.if_match,
            tag_differs: input.if_none_match,
            modified_since: input.if_modified_since,
            unmodified_since: input.if_unmodified_since,
        }
        .check(&info)?;
        let asked = (input.range, input.part_number, input.checksum_mode.as_ref());
        let (span, checksum) = checked_span(asked, &info, &attributes.parts)?;
        if span.start > 0 {
            file.seek(SeekFrom::Start(span.start))
                .map_err(S3Error::internal_error)?;
        }
        let tag_count = i32::try_from(attributes.tags.len()).ok();
        let mut output = GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            body: Some(stream(file, span.length)),
            cache_control: attributes.cache_control,
            content_disposition: attributes.content_disposition,
            content_encoding: attributes.content_encoding,
            content_language: attributes.content_language,
            content_length: Some(signed(span.length)),
            content_range: span.header,
            content_type: attributes
                .content_type
                .or_else(|| Some(DEFAULT_CONTENT_TYPE.to_owned())),
            e_tag: strong(info.etag().to_owned()),
            last_modified: Some(Timestamp::from(info.modified)),
            metadata: metadata_output(attributes.metadata),
            parts_count: parts_count(input.part_number, &attributes.parts),
            tag_count: tag_count.filter(|count| *count > 0),
            checksum_type: checksum.checksum_type.clone(),
            ..GetObjectOutput::default()
        };
        set_checksums!(output, checksum);
        Ok(S3Response::new(output))
    }

    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let claims = Claims::of(&request)?.with_etag(&request.headers);
        let input = request.input;
        let condition = write_condition(input.if_match, input.if_none_match)?;
        let mut attributes = attributes!(input);
        let (bucket, key) = (input.bucket, input.key);
        self.store.bucket(&bucket)?;
        let finished = receive(&self.store, input.body, claims).await?;
        attributes.md5 = finished.md5.map(hex::encode);
        let (to_bucket, to_key) = (bucket.clone(), key.clone());
        let info = self
            .blocking(move |store| store.commit(&to_bucket, &to_key, finished, &condition, &attributes))
            .await?;
        self.notify(bucket, key, &info);
        let checksum = checksums::output(&info.checksums);
        let mut output = PutObjectOutput {
            e_tag: strong(info.etag().to_owned()),
            checksum_type: checksum.checksum_type.clone(),
            ..PutObjectOutput::default()
        };
        set_checksums!(output, checksum);
        Ok(S3Response::new(output))
    }

    async fn copy_object(&self, request: S3Request<CopyObjectInput>) -> S3Result<S3Response<CopyObjectOutput>> {
        let input = request.input;
        let (file, info, source_attributes) = self.open_source(input.copy_source).await?;
        ReadConditions {
            tag_matches: input.copy_source_if_match,
            tag_differs: input.copy_source_if_none_match,
            modified_since: input.copy_source_if_modified_since,
            unmodified_since: input.copy_source_if_unmodified_since,
        }
        .check_copy(&info)?;
        let replace = input
            .metadata_directive
            .is_some_and(|d| d.as_str() == MetadataDirective::REPLACE);
        let replace_tags = input
            .tagging_directive
            .as_ref()
            .is_some_and(|directive| directive.as_str() == TaggingDirective::REPLACE);
        let tags = if replace_tags {
            tags::of_header(input.tagging.as_deref())?
        } else {
            source_attributes.tags.clone()
        };
        let algorithm = match &input.checksum_algorithm {
            Some(asked) => Algorithm::of_name(asked.as_str()),
            None => info.checksums.keys().next().copied(),
        };
        let mut attributes = if replace { attributes!(input) } else { source_attributes };
        attributes.tags = tags;
        // A copy is one part.
        attributes.parts = Vec::new();
        let body = Some(stream(file, info.length));
        let finished = receive(&self.store, body, Claims::none(algorithm).with_etag(&request.headers)).await?;
        attributes.md5 = finished.md5.map(hex::encode);
        let (bucket, key) = (input.bucket.clone(), input.key.clone());
        let info = self
            .blocking(move |store| store.commit(&bucket, &key, finished, &Condition::Always, &attributes))
            .await?;
        self.notify(input.bucket, input.key, &info);
        let checksum = checksums::output(&info.checksums);
        let mut result = CopyObjectResult {
            e_tag: strong(info.etag().to_owned()),
            last_modified: Some(Timestamp::from(info.modified)),
            checksum_type: checksum.checksum_type.clone(),
            ..CopyObjectResult::default()
        };
        set_checksums!(result, checksum);
        Ok(S3Response::new(CopyObjectOutput {
            copy_object_result: Some(result),
            ..CopyObjectOutput::default()
        }))
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        let input = request.input;
        let condition = write_condition(input.if_match, None)?;
        self.delete(input.bucket, input.key, condition).await?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let DeleteObjectsInput { bucket, delete, .. } = request.input;
        self.store.bucket(&bucket)?;
        let objects = delete.objects;
        let (deleted, errors) = self
            .blocking(move |store| {
                let (mut deleted, mut errors, mut folders) = (Vec::new(), Vec::new(), BTreeSet::new());
                for object in objects {
                    let condition = object
                        .e_tag
                        .map_or(Condition::Always, |tag| Condition::Tag(tag.value().to_owned()));
                    match store.delete(&bucket, &object.key, &condition) {
                        Ok(changed) => {
                            folders.extend(changed);
                            deleted.push(DeletedObject {
                                key: Some(object.key),
                                ..DeletedObject::default()
                            });
                        }
                        Err(error) => {
                            let error = S3Error::from(store.recorded(error));
                            errors.push(Error {
                                code: Some(error.code().as_str().to_owned()),
                                key: Some(object.key),
                                message: error.message().map(ToOwned::to_owned),
                                ..Error::default()
                            });
                        }
                    }
                }
                store.sync(folders)?;
                Ok((deleted, errors))
            })
            .await?;
        let deleted = (!delete.quiet.unwrap_or(false)).then_some(deleted);
        let errors = (!errors.is_empty()).then_some(errors);
        Ok(S3Response::new(DeleteObjectsOutput {
            deleted,
            errors,
            ..DeleteObjectsOutput::default()
        }))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let mut input = request.input;
        let encoding = Encoding::of(input.encoding_type.take())?;
        let query = pages::query_v2(&input)?;
        let (page, query) = self.list(input.bucket.clone(), query).await?;
        Ok(S3Response::new(page.into_v2(input, &query, encoding)))
    }

    async fn list_objects(&self, request: S3Request<ListObjectsInput>) -> S3Result<S3Response<ListObjectsOutput>> {
        let mut input = request.input;
        let encoding = Encoding::of(input.encoding_type.take())?;
        let query = pages::query_v1(&input)?;
        let (page, query) = self.list(input.bucket.clone(), query).await?;
        Ok(S3Response::new(page.into_v1(input, &query, encoding)))
    }

    async fn get_object_attributes(
        &self,
        request: S3Request<GetObjectAttributesInput>,
    ) -> S3Result<S3Response<GetObjectAttributesOutput>> {
        let input = request.input;
        let (_, info, attributes) = self.open(input.bucket, input.key).await?;
        let asks = |name| input.object_attributes.iter().any(|asked| asked.as_str() == name);
        let parts_count = i32::try_from(attributes.parts.len()).ok();
        let parts = (1..).zip(&attributes.parts).map(|(number, length)| ObjectPart {
            part_number: Some(number),
            size: Some(signed(*length)),
            ..ObjectPart::default()
        });
        let object_parts = || GetObjectAttributesParts {
            is_truncated: Some(false),
            total_parts_count: parts_count,
            parts: Some(parts.collect()),
            ..GetObjectAttributesParts::default()
        };
        let is_multipart = !attributes.parts.is_empty();
        Ok(S3Response::new(GetObjectAttributesOutput {
            checksum: asks(ObjectAttributes::CHECKSUM).then(|| checksums::output(&info.checksums)),
            object_size: asks(ObjectAttributes::OBJECT_SIZE).then(|| signed(info.length)),
            object_parts: (is_multipart && asks(ObjectAttributes::OBJECT_PARTS)).then(object_parts),
            storage_class: asks(ObjectAttributes::STORAGE_CLASS)
                .then(|| StorageClass::from_static(StorageClass::STANDARD)),
            last_modified: Some(Timestamp::from(info.modified)),
            e_tag: if asks(ObjectAttributes::ETAG) {
                strong(info.etag().to_owned())
            } else {
                None
            },
            ..GetObjectAttributesOutput::default()
        }))
    }

    async fn get_object_tagging(
        &self,
        request: S3Request<GetObjectTaggingInput>,
    ) -> S3Result<S3Response<GetObjectTaggingOutput>> {
        let (_, _, attributes) = self.open(request.input.bucket, request.input.key).await?;
        Ok(S3Response::new(GetObjectTaggingOutput {
            tag_set: tags::output(attributes.tags),
            version_id: None,
        }))
    }

    async fn put_object_tagging(
        &self,
        request: S3Request<PutObjectTaggingInput>,
    ) -> S3Result<S3Response<PutObjectTaggingOutput>> {
        let PutObjectTaggingInput {
            bucket, key, tagging, ..
        } = request.input;
        let tags = tags::of_body(tagging)?;
        self.blocking(move |store| store.tag(&bucket, &key, tags)).await?;
        Ok(S3Response::new(PutObjectTaggingOutput::default()))
    }

    async fn delete_object_tagging(
        &self,
        request: S3Request<DeleteObjectTaggingInput>,
    ) -> S3Result<S3Response<DeleteObjectTaggingOutput>> {
        let DeleteObjectTaggingInput { bucket, key, .. } = request.input;
        self.blocking(move |store| store.tag(&bucket, &key, Tags::new()))
            .await?;
        Ok(S3Response::new(DeleteObjectTaggingOutput::default()))
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let bucket = request.input.bucket.clone();
        let started = self.blocking(move |store| store.started_uploads(&bucket)).await?;
        Ok(S3Response::new(pages::uploads(request.input, started)?))
    }

    async fn list_parts(&self, request: S3Request<ListPartsInput>) -> S3Result<S3Response<ListPartsOutput>> {
        let input = request.input;
        let (bucket, key, id) = (input.bucket.clone(), input.key.clone(), input.upload_id.clone());
        let parts = self.blocking(move |store| store.parts(&bucket, &key, &id)).await?;
        Ok(S3Response::new(pages::parts(input, parts)?))
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let input = request.input;
        let attributes = attributes!(input);
        let (bucket, key) = (input.bucket.clone(), input.key.clone());
        let id = self
            .blocking(move |store| store.start_multipart(&bucket, &key, attributes))
            .await?;
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id),
            ..CreateMultipartUploadOutput::default()
        }))
    }

    async fn upload_part(&self, request: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        let claims = Claims::of(&request)?;
        let UploadPartInput {
            body,
            bucket,
            key,
            part_number,
            upload_id,
            ..
        } = request.input;
        let (tag, checksum) = self
            .add_part((bucket, key), upload_id, part_number, body, claims)
            .await?;
        let mut output = UploadPartOutput {
            e_tag: strong(tag),
            ..UploadPartOutput::default()
        };
        set_checksums!(output, checksum);
        Ok(S3Response::new(output))
    }

    async fn upload_part_copy(
        &self,
        request: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        let input = request.input;
        let (mut file, info, _) = self.open_source(input.copy_source).await?;
        ReadConditions {
            tag_matches: input.copy_source_if_match,
            tag_differs: input.copy_source_if_none_match,
            modified_since: input.copy_source_if_modified_since,
            unmodified_since: input.copy_source_if_unmodified_since,
        }
        .check_copy(&info)?;
        let range = input.copy_source_range.as_deref().map(|range| {
            Range::parse(range).map_err(|_| {
                S3Error::with_message(
                    S3ErrorCode::InvalidArgument,
                    "The x-amz-copy-source-range value must be of the form bytes=first-last",
                )
            })
        });
        let span = Span::of(range.transpose()?, info.length)?;
        file.seek(SeekFrom::Start(span.start))
            .map_err(S3Error::internal_error)?;
        let body = Some(stream(file, span.length));
        let part = (input.bucket, input.key);
        let (tag, _) = self
            .add_part(part, input.upload_id, input.part_number, body, Claims::default())
            .await?;
        let result = CopyPartResult {
            e_tag: strong(tag),
            last_modified: Some(Timestamp::from(std::time::SystemTime::now())),
            ..CopyPartResult::default()
        };
        Ok(S3Response::new(UploadPartCopyOutput {
            copy_part_result: Some(result),
            ..UploadPartCopyOutput::default()
        }))
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let claims = Claims::of(&request)?.with_etag(&request.headers);
        let input = request.input;
        let condition = write_condition(input.if_match, input.if_none_match)?;
        let parts = input
            .multipart_upload
            .and_then(|upload| upload.parts)
            .unwrap_or_default();
        let parts = parts
            .into_iter()
            .map(|part| Some((part.part_number?, part.e_tag?.value().to_owned())))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| S3Error::with_message(S3ErrorCode::InvalidPart, "every part needs its number and ETag"))?;
        let (bucket, key, id) = (input.bucket.clone(), input.key.clone(), input.upload_id);
        let digests = claims.digests();
        let joined = self
            .blocking(move |store| store.join_multipart((&bucket, &key), &id, &parts, digests))
            .await?;
        claims.check(joined.finished.md5, &joined.finished.all_checksums())?;
        let (bucket, key) = (input.bucket.clone(), input.key.clone());
        let info = self
            .blocking(move |store| store.commit_joined(&bucket, &key, joined, &condition))
            .await?;
        self.notify(input.bucket.clone(), input.key.clone(), &info);
        let checksum = checksums::output(&info.checksums);
        let mut output = CompleteMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: strong(info.etag().to_owned()),
            checksum_type: checksum.checksum_type.clone(),
            ..CompleteMultipartUploadOutput::default()
        };
        set_checksums!(output, checksum);
        Ok(S3Response::new(output))
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let AbortMultipartUploadInput {
            bucket, key, upload_id, ..
        } = request.input;
        self.blocking(move |store| store.abort_multipart(&bucket, &key, &upload_id))
            .await?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }
}

fn metadata_output(metadata: std::collections::BTreeMap<String, String>) -> Option<Metadata> {
    (!metadata.is_empty()).then(|| metadata.into_iter().collect())
}
