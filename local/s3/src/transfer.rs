//! Moves the bytes of objects between connections and files, in chunks, with the disk on threads of its own.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use hyper::StatusCode;
use s3s::dto::{Range, StreamingBlob};
use s3s::{S3Error, S3ErrorCode, S3Result};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::checksums::Claims;
use crate::error::{StoreError, custom};
use crate::store::{Finished, Store};

/// How much of an object is read and sent at a time, in bytes.
const CHUNK_BYTES: usize = 1 << 18;
/// How many chunks wait between disk and network, in each direction.
const CHUNKS_IN_FLIGHT: usize = 4;

/// Streams a request's body into a file that is no object yet, and compares it with what the request says of it. Whatever goes
/// wrong, that file is removed.
pub(crate) async fn receive(store: &Arc<Store>, body: Option<StreamingBlob>, claims: Claims) -> S3Result<Finished> {
    let (sender, mut receiver) = mpsc::channel::<Bytes>(CHUNKS_IN_FLIGHT);
    let store = Arc::clone(store);
    let digests = claims.digests();
    let writer = spawn_blocking(move || {
        let written = || {
            let mut upload = store.start_upload(digests)?;
            while let Some(bytes) = receiver.blocking_recv() {
                upload.write(&bytes)?;
            }
            Ok(upload.finish())
        };
        written().map_err(|error: StoreError| store.recorded(error))
    });
    if let Some(mut body) = body {
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| {
                let message = format!("the body could not be read: {error}");
                S3Error::with_message(S3ErrorCode::IncompleteBody, message)
            })?;
            if sender.send(chunk).await.is_err() {
                // The writer has failed, and says why below.
                break;
            }
        }
    }
    drop(sender);
    let finished = writer.await.map_err(S3Error::internal_error)??;
    claims.check(finished.md5, &finished.all_checksums())?;
    Ok(finished)
}

/// The next `length` bytes of a file. A file that ends early breaks the connection, so that no client takes a part for
/// the whole.
pub(crate) fn stream(mut file: File, length: u64) -> StreamingBlob {
    let (sender, mut receiver) = mpsc::channel::<io::Result<Bytes>>(CHUNKS_IN_FLIGHT);
    spawn_blocking(move || {
        let mut remaining = length;
        while remaining > 0 {
            let size = usize::try_from(remaining).unwrap_or(usize::MAX).min(CHUNK_BYTES);
            let mut buffer = BytesMut::zeroed(size);
            let chunk = file.read_exact(&mut buffer).map(|()| buffer.freeze());
            remaining = if chunk.is_ok() { remaining - size as u64 } else { 0 };
            // Nobody listens any more: the client has gone.
            if sender.blocking_send(chunk).is_err() {
                return;
            }
        }
    });
    StreamingBlob::wrap(futures::stream::poll_fn(move |context| receiver.poll_recv(context)))
}

/// The stretch of an object that a request asks for.
pub(crate) struct Span {
    pub(crate) start: u64,
    pub(crate) length: u64,
    /// `Content-Range`, if it is not the whole.
    pub(crate) header: Option<String>,
}

/// The bytes of a part of a multipart upload, by its number; the only part of another object is the whole.
///
/// # Errors
/// There is no such part, or the request names a range, too.
pub(crate) fn part_range(
    number: Option<i32>,
    range: Option<Range>,
    parts: &[u64],
    length: u64,
) -> S3Result<Option<Range>> {
    let Some(number) = number else {
        return Ok(range);
    };
    if range.is_some() {
        return Err(S3Error::with_message(
            S3ErrorCode::InvalidRequest,
            "Cannot specify both Range header and partNumber query parameter",
        ));
    }
    let whole = [length];
    let parts = if parts.is_empty() { &whole } else { parts };
    let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    let Some((index, length)) = index.and_then(|index| Some((index, parts.get(index)?))) else {
        return Err(custom(
            "InvalidPartNumber",
            StatusCode::RANGE_NOT_SATISFIABLE,
            "The requested partnumber is not satisfiable",
        ));
    };
    let first: u64 = parts[..index].iter().sum();
    // An empty object has no range.
    Ok(length.checked_sub(1).map(|last| Range::Int {
        first,
        last: Some(first + last),
    }))
}

impl Span {
    pub(crate) fn of(range: Option<Range>, length: u64) -> S3Result<Self> {
        let Some(range) = range else {
            return Ok(Self {
                start: 0,
                length,
                header: None,
            });
        };
        let span = range.check(length)?;
        if span.is_empty() {
            return Err(S3ErrorCode::InvalidRange.into());
        }
        let header = format!("bytes {}-{}/{length}", span.start, span.end - 1);
        Ok(Self {
            start: span.start,
            length: span.end - span.start,
            header: Some(header),
        })
    }
}

/// A length as the protocol's types have it.
pub(crate) fn signed(length: u64) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
