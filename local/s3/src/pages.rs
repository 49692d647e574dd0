//! Pages of listings as the protocol has them: both versions of `ListObjects`, parts, and multipart uploads.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Result};

use crate::error::{StoreError, at};
use crate::keys;
use crate::listing::{self, After, Entry, MAX_KEYS, Query};
use crate::multipart::{StartedUpload, UploadedPart};
use crate::store::Store;
use crate::transfer::signed;

/// What stays as it is in an encoded key.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');

/// How keys are written: XML has no characters for some of them, so clients ask for percent signs.
#[derive(Debug, Clone)]
pub(crate) struct Encoding(Option<EncodingType>);

impl Encoding {
    pub(crate) fn of(asked: Option<EncodingType>) -> S3Result<Self> {
        match asked {
            Some(other) if other.as_str() != EncodingType::URL => Err(S3Error::with_message(
                S3ErrorCode::InvalidArgument,
                "Invalid Encoding Method specified in Request",
            )),
            asked => Ok(Self(asked)),
        }
    }

    fn text(&self, text: String) -> String {
        match self.0 {
            Some(_) => utf8_percent_encode(&text, ENCODED).to_string(),
            None => text,
        }
    }
}

/// The entries of a page, at most [`MAX_KEYS`].
pub(crate) fn limit(asked: Option<i32>, name: &str) -> S3Result<usize> {
    match usize::try_from(asked.unwrap_or(i32::MAX)) {
        Ok(limit) => Ok(limit.min(MAX_KEYS)),
        Err(_) => Err(S3Error::with_message(
            S3ErrorCode::InvalidArgument,
            format!("{name} must not be negative"),
        )),
    }
}

/// The query of `ListObjectsV2`.
pub(crate) fn query_v2(input: &ListObjectsV2Input) -> S3Result<Query> {
    let after = match (&input.continuation_token, &input.start_after) {
        (Some(token), _) => After::from_token(token).ok_or_else(|| {
            S3Error::with_message(
                S3ErrorCode::InvalidArgument,
                "the continuation token is not one of this server",
            )
        })?,
        (None, start_after) => After::Key(start_after.clone().unwrap_or_default()),
    };
    Ok(Query {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.clone().unwrap_or_default(),
        after,
        max_keys: limit(input.max_keys, "max-keys")?,
    })
}

/// The query of `ListObjects`. Its marker is a key, or the common prefix that was listed last.
pub(crate) fn query_v1(input: &ListObjectsInput) -> S3Result<Query> {
    let (prefix, delimiter) = (
        input.prefix.clone().unwrap_or_default(),
        input.delimiter.clone().unwrap_or_default(),
    );
    let marker = input.marker.clone().unwrap_or_default();
    let behind = marker.strip_prefix(&prefix).unwrap_or_default();
    let first = behind.find(&delimiter).filter(|_| !delimiter.is_empty());
    let is_common = first.is_some_and(|at| at + delimiter.len() == behind.len());
    Ok(Query {
        prefix,
        delimiter,
        after: if is_common {
            After::Prefix(marker)
        } else {
            After::Key(marker)
        },
        max_keys: limit(input.max_keys, "max-keys")?,
    })
}

/// One page of a listing, with what is known of each object.
pub(crate) struct ListedPage {
    contents: Vec<Object>,
    common_prefixes: Vec<CommonPrefix>,
    next: Option<After>,
}

pub(crate) fn list_page(store: &Store, bucket: &str, query: &Query) -> Result<ListedPage, StoreError> {
    let folder = store.bucket(bucket)?;
    let aside = keys::list(store.root(), bucket, &query.prefix).map_err(at("list the folder", &folder))?;
    let page = listing::list(&folder, aside, query).map_err(at("list the folder", &folder))?;
    let (mut contents, mut common_prefixes) = (Vec::new(), Vec::new());
    for entry in page.entries {
        match entry {
            Entry::CommonPrefix(prefix) => common_prefixes.push(CommonPrefix { prefix: Some(prefix) }),
            Entry::Object { key, path } => match store.read_path(&path, bucket, &key) {
                Ok((_, info)) => contents.push(Object {
                    key: Some(key),
                    size: Some(signed(info.length)),
                    last_modified: Some(Timestamp::from(info.modified)),
                    e_tag: Some(ETag::Strong(info.etag().to_owned())),
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

impl ListedPage {
    fn encoded(mut self, encoding: &Encoding) -> Self {
        for object in &mut self.contents {
            object.key = object.key.take().map(|key| encoding.text(key));
        }
        for common in &mut self.common_prefixes {
            common.prefix = common.prefix.take().map(|prefix| encoding.text(prefix));
        }
        self
    }

    /// The answer of `ListObjectsV2`.
    pub(crate) fn into_v2(self, input: ListObjectsV2Input, query: &Query, encoding: Encoding) -> ListObjectsV2Output {
        let Self {
            contents,
            common_prefixes,
            next,
        } = self.encoded(&encoding);
        let count = contents.len() + common_prefixes.len();
        ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: input.prefix.map(|prefix| encoding.text(prefix)),
            delimiter: input.delimiter.map(|delimiter| encoding.text(delimiter)),
            start_after: input.start_after.map(|key| encoding.text(key)),
            continuation_token: input.continuation_token,
            max_keys: i32::try_from(query.max_keys).ok(),
            key_count: i32::try_from(count).ok(),
            is_truncated: Some(next.is_some()),
            next_continuation_token: next.map(|next| next.to_token()),
            contents: Some(contents),
            common_prefixes: Some(common_prefixes),
            encoding_type: encoding.0,
            ..ListObjectsV2Output::default()
        }
    }

    /// The answer of `ListObjects`.
    pub(crate) fn into_v1(self, input: ListObjectsInput, query: &Query, encoding: Encoding) -> ListObjectsOutput {
        let Self {
            contents,
            common_prefixes,
            next,
        } = self.encoded(&encoding);
        let is_truncated = next.is_some();
        let next = next.map(|next| match next {
            After::Key(key) | After::Prefix(key) => encoding.text(key),
        });
        ListObjectsOutput {
            name: Some(input.bucket),
            prefix: input.prefix.map(|prefix| encoding.text(prefix)),
            marker: Some(encoding.text(input.marker.unwrap_or_default())),
            max_keys: i32::try_from(query.max_keys).ok(),
            is_truncated: Some(is_truncated),
            // Without a delimiter the last key is the next marker, and S3 does not repeat it.
            next_marker: next.filter(|_| input.delimiter.is_some()),
            delimiter: input.delimiter.map(|delimiter| encoding.text(delimiter)),
            contents: Some(contents),
            common_prefixes: Some(common_prefixes),
            encoding_type: encoding.0,
            ..ListObjectsOutput::default()
        }
    }
}

/// The answer of `ListParts`.
pub(crate) fn parts(input: ListPartsInput, parts: Vec<UploadedPart>) -> S3Result<ListPartsOutput> {
    let limit = limit(input.max_parts, "max-parts")?;
    let marker = input.part_number_marker.unwrap_or_default();
    let mut behind = parts.into_iter().filter(|part| part.number > marker);
    let listed: Vec<Part> = behind
        .by_ref()
        .take(limit)
        .map(|part| Part {
            part_number: Some(part.number),
            e_tag: Some(ETag::Strong(part.tag)),
            size: Some(signed(part.length)),
            last_modified: Some(Timestamp::from(part.modified)),
            ..Part::default()
        })
        .collect();
    let is_truncated = behind.next().is_some();
    let last = listed.last().and_then(|part| part.part_number);
    Ok(ListPartsOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        part_number_marker: Some(marker),
        next_part_number_marker: last.filter(|_| is_truncated),
        max_parts: i32::try_from(limit).ok(),
        is_truncated: Some(is_truncated),
        parts: Some(listed),
        ..ListPartsOutput::default()
    })
}

/// The answer of `ListMultipartUploads`, without common prefixes: a delimiter is refused.
pub(crate) fn uploads(
    input: ListMultipartUploadsInput,
    mut uploads: Vec<StartedUpload>,
) -> S3Result<ListMultipartUploadsOutput> {
    let encoding = Encoding::of(input.encoding_type)?;
    if input.delimiter.as_ref().is_some_and(|delimiter| !delimiter.is_empty()) {
        return Err(S3Error::with_message(
            S3ErrorCode::NotImplemented,
            "multipart uploads are listed without a delimiter here",
        ));
    }
    let limit = limit(input.max_uploads, "max-uploads")?;
    let prefix = input.prefix.clone().unwrap_or_default();
    let marker = input.key_marker.clone().unwrap_or_default();
    let id_marker = input.upload_id_marker.as_deref().unwrap_or_default();
    uploads.retain(|upload| {
        let behind = match id_marker {
            "" => upload.key > marker,
            id => (upload.key.as_str(), upload.id.as_str()) > (marker.as_str(), id),
        };
        upload.key.starts_with(&prefix) && behind
    });
    uploads.sort_unstable_by(|left, right| (&left.key, &left.id).cmp(&(&right.key, &right.id)));
    let is_truncated = uploads.len() > limit;
    uploads.truncate(limit);
    let last = uploads.last().filter(|_| is_truncated);
    Ok(ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        prefix: input.prefix.map(|prefix| encoding.text(prefix)),
        next_key_marker: last.map(|upload| encoding.text(upload.key.clone())),
        next_upload_id_marker: last.map(|upload| upload.id.clone()),
        key_marker: Some(encoding.text(marker)),
        upload_id_marker: input.upload_id_marker,
        max_uploads: i32::try_from(limit).ok(),
        is_truncated: Some(is_truncated),
        uploads: Some(
            uploads
                .into_iter()
                .map(|upload| MultipartUpload {
                    key: Some(encoding.text(upload.key)),
                    upload_id: Some(upload.id),
                    initiated: Some(Timestamp::from(upload.started)),
                    ..MultipartUpload::default()
                })
                .collect(),
        ),
        encoding_type: encoding.0,
        ..ListMultipartUploadsOutput::default()
    })
}
