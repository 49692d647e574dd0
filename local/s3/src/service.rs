//! The S3 operations on top of the store.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::sync::Arc;

use async_trait::async_trait;
use s3s::dto::*;
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result};
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::spawn_blocking;

use crate::attributes::{Attributes, DEFAULT_CONTENT_TYPE};
use crate::conditions::{ReadConditions, write_condition};
use crate::created::CreatedObject;
use crate::error::{StoreError, at};
use crate::listing::{self, After, Entry, MAX_KEYS, Query};
use crate::store::{Condition, ObjectInfo, Store};
use crate::transfer::{Span, receive, signed, stream};

/// S3 on a store.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    store: Arc<Store>,
    created: Option<UnboundedSender<CreatedObject>>,
}

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
        }
        .normalised()
    };
}

fn strong(tag: String) -> Option<ETag> {
    Some(ETag::Strong(tag))
}

impl Service {
    pub(crate) fn new(store: Arc<Store>, created: Option<UnboundedSender<CreatedObject>>) -> Self {
        Self { store, created }
    }

    /// Notifies the receiver, if any, of a written object.
    fn notify(&self, bucket: String, key: String, info: &ObjectInfo) {
        if let Some(created) = &self.created {
            // The receiver may have stopped.
            let _ = created.send(CreatedObject {
                bucket,
                key,
                etag: info.tag.clone(),
                size: info.length,
            });
        }
    }

    /// Runs `work` on the store, away from the threads that serve requests.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> S3Result<T> {
        let store = Arc::clone(&self.store);
        let result = spawn_blocking(move || work(&store).map_err(|error| store.recorded(error)))
            .await
            .map_err(S3Error::internal_error)?;
        Ok(result?)
    }

    async fn open(&self, bucket: String, key: String) -> S3Result<(File, ObjectInfo, Attributes)> {
        self.blocking(move |store| {
            let (file, info) = store.read(&bucket, &key)?;
            let attributes = Attributes::load(store.root(), &bucket, &key, &info.tag)?;
            Ok((file, info, attributes))
        })
        .await
    }

    async fn delete(&self, bucket: String, key: String, condition: Condition) -> S3Result<()> {
        self.blocking(move |store| {
            let changed = store.delete(&bucket, &key, &condition)?;
            store.sync(changed)
        })
        .await
    }
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
        let span = Span::of(input.range, info.length)?;
        let output = HeadObjectOutput {
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
            e_tag: strong(info.tag),
            last_modified: Some(Timestamp::from(info.modified)),
            metadata: metadata_output(attributes.metadata),
            ..HeadObjectOutput::default()
        };
        Ok(S3Response::new(output))
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
        let span = Span::of(input.range, info.length)?;
        if span.start > 0 {
            file.seek(SeekFrom::Start(span.start))
                .map_err(S3Error::internal_error)?;
        }
        let output = GetObjectOutput {
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
            e_tag: strong(info.tag),
            last_modified: Some(Timestamp::from(info.modified)),
            metadata: metadata_output(attributes.metadata),
            ..GetObjectOutput::default()
        };
        Ok(S3Response::new(output))
    }

    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let input = request.input;
        let condition = write_condition(input.if_match, input.if_none_match)?;
        let attributes = attributes!(input);
        let (bucket, key) = (input.bucket, input.key);
        self.store.bucket(&bucket)?;
        let finished = receive(&self.store, input.body).await?;
        let (to_bucket, to_key) = (bucket.clone(), key.clone());
        let info = self
            .blocking(move |store| store.commit(&to_bucket, &to_key, finished, &condition, &attributes))
            .await?;
        self.notify(bucket, key, &info);
        Ok(S3Response::new(PutObjectOutput {
            e_tag: strong(info.tag),
            ..PutObjectOutput::default()
        }))
    }

    async fn copy_object(&self, request: S3Request<CopyObjectInput>) -> S3Result<S3Response<CopyObjectOutput>> {
        let input = request.input;
        let CopySource::Bucket {
            bucket: from_bucket,
            key: from_key,
            ..
        } = input.copy_source
        else {
            return Err(S3Error::with_message(
                S3ErrorCode::NotImplemented,
                "a copy source must be a bucket and a key",
            ));
        };
        let (file, info, source_attributes) = self.open(from_bucket.into(), from_key.into()).await?;
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
        let attributes = if replace { attributes!(input) } else { source_attributes };
        let finished = receive(&self.store, Some(stream(file, info.length))).await?;
        let (bucket, key) = (input.bucket.clone(), input.key.clone());
        let info = self
            .blocking(move |store| store.commit(&bucket, &key, finished, &Condition::Always, &attributes))
            .await?;
        self.notify(input.bucket, input.key, &info);
        let copy_object_result = Some(CopyObjectResult {
            e_tag: strong(info.tag),
            last_modified: Some(Timestamp::from(info.modified)),
            ..CopyObjectResult::default()
        });
        Ok(S3Response::new(CopyObjectOutput {
            copy_object_result,
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
        let input = request.input;
        let after = match (&input.continuation_token, &input.start_after) {
            (Some(token), _) => After::from_token(token).ok_or_else(|| {
                S3Error::with_message(
                    S3ErrorCode::InvalidArgument,
                    "the continuation token is not one of this server",
                )
            })?,
            (None, start_after) => After::Key(start_after.clone().unwrap_or_default()),
        };
        let max_keys = match usize::try_from(input.max_keys.unwrap_or(i32::MAX)) {
            Ok(max_keys) => max_keys.min(MAX_KEYS),
            Err(_) => {
                return Err(S3Error::with_message(
                    S3ErrorCode::InvalidArgument,
                    "max-keys must not be negative",
                ));
            }
        };
        let (prefix, delimiter) = (
            input.prefix.clone().unwrap_or_default(),
            input.delimiter.clone().unwrap_or_default(),
        );
        let query = Query {
            prefix,
            delimiter,
            after,
            max_keys,
        };
        let bucket = input.bucket.clone();
        let ListedPage {
            contents,
            common_prefixes,
            next,
        } = self.blocking(move |store| list_page(store, &bucket, &query)).await?;
        let count = contents.len() + common_prefixes.len();
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: input.prefix,
            delimiter: input.delimiter,
            start_after: input.start_after,
            continuation_token: input.continuation_token,
            max_keys: i32::try_from(max_keys).ok(),
            key_count: i32::try_from(count).ok(),
            is_truncated: Some(next.is_some()),
            next_continuation_token: next.map(|next| next.to_token()),
            contents: Some(contents),
            common_prefixes: Some(common_prefixes),
            ..ListObjectsV2Output::default()
        }))
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
        let UploadPartInput {
            body,
            bucket,
            key,
            part_number,
            upload_id,
            ..
        } = request.input;
        if !(1..=10_000).contains(&part_number) {
            return Err(S3Error::with_message(
                S3ErrorCode::InvalidArgument,
                "part numbers go from 1 to 10000",
            ));
        }
        let part = receive(&self.store, body).await?;
        let tag = self
            .blocking(move |store| store.add_part(&bucket, &key, &upload_id, part_number, part))
            .await?;
        Ok(S3Response::new(UploadPartOutput {
            e_tag: strong(tag),
            ..UploadPartOutput::default()
        }))
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
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
        let info = self
            .blocking(move |store| store.complete_multipart(&bucket, &key, &id, &parts, &condition))
            .await?;
        self.notify(input.bucket.clone(), input.key.clone(), &info);
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: strong(info.tag),
            ..CompleteMultipartUploadOutput::default()
        }))
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

/// One page of a listing, with what is known of each object.
struct ListedPage {
    contents: Vec<Object>,
    common_prefixes: Vec<CommonPrefix>,
    next: Option<After>,
}

fn list_page(store: &Store, bucket: &str, query: &Query) -> Result<ListedPage, StoreError> {
    let folder = store.bucket(bucket)?;
    let page = listing::list(&folder, query).map_err(at("list the folder", &folder))?;
    let (mut contents, mut common_prefixes) = (Vec::new(), Vec::new());
    for entry in page.entries {
        match entry {
            Entry::CommonPrefix(prefix) => common_prefixes.push(CommonPrefix { prefix: Some(prefix) }),
            Entry::Object { key, path } => match store.read_path(&path, &key) {
                Ok((_, info)) => contents.push(Object {
                    key: Some(key),
                    size: Some(signed(info.length)),
                    last_modified: Some(Timestamp::from(info.modified)),
                    e_tag: strong(info.tag),
                    ..Object::default()
                }),
                // Deleted since the folder was read.
                Err(StoreError::NoSuchKey(_)) => {}
                Err(error) => return Err(error),
            },
        }
    }
    Ok(ListedPage {
        contents,
        common_prefixes,
        next: page.next,
    })
}

fn metadata_output(metadata: std::collections::BTreeMap<String, String>) -> Option<Metadata> {
    (!metadata.is_empty()).then(|| metadata.into_iter().collect())
}
