//! Errors of the store, and the S3 error codes they are answered with.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use cardlake_loopback::NoSpace;
use hyper::StatusCode;
use s3s::{S3Error, S3ErrorCode};
use thiserror::Error;

/// What can go wrong with an object.
#[derive(Debug, Error)]
pub(crate) enum StoreError {
    #[error("the bucket `{0}` does not exist")]
    NoSuchBucket(String),
    #[error("the bucket `{0}` exists")]
    BucketExists(String),
    #[error("the bucket `{0}` is not empty")]
    BucketNotEmpty(String),
    #[error("the key `{0}` does not exist")]
    NoSuchKey(String),
    #[error("the upload `{0}` does not exist; it may have been completed or aborted")]
    NoSuchUpload(String),
    #[error("part {0} was not uploaded, or has another ETag")]
    InvalidPart(i32),
    #[error("the parts are not in ascending order")]
    InvalidPartOrder,
    #[error("part {0} is smaller than 5 MiB and not the last one")]
    EntityTooSmall(i32),
    #[error("your key is too long: {0} bytes, where 1024 are allowed")]
    KeyTooLong(usize),
    #[error("a precondition of the request does not hold")]
    PreconditionFailed,
    #[error("cannot {action} {path}: {source}")]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
}

pub(crate) type Result<T> = std::result::Result<T, StoreError>;

/// Gives an I/O error its place.
pub(crate) fn at(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    move |source| StoreError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

impl StoreError {
    /// Why a write had no space, if that is the error.
    pub(crate) fn no_space(&self) -> Option<NoSpace> {
        match self {
            Self::Io { source, .. } => NoSpace::of_io(source),
            _ => None,
        }
    }
}

/// An error whose code the protocol's crate does not know.
pub(crate) fn custom(code: &'static str, status: StatusCode, message: impl Into<Cow<'static, str>>) -> S3Error {
    let mut error = S3Error::with_message(S3ErrorCode::Custom(code.into()), message);
    error.set_status_code(status);
    error
}

impl From<StoreError> for S3Error {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::NoSuchBucket(_) => S3ErrorCode::NoSuchBucket,
            StoreError::BucketExists(_) => S3ErrorCode::BucketAlreadyOwnedByYou,
            StoreError::BucketNotEmpty(_) => S3ErrorCode::BucketNotEmpty,
            StoreError::NoSuchKey(_) => S3ErrorCode::NoSuchKey,
            StoreError::NoSuchUpload(_) => S3ErrorCode::NoSuchUpload,
            StoreError::InvalidPart(_) => S3ErrorCode::InvalidPart,
            StoreError::InvalidPartOrder => S3ErrorCode::InvalidPartOrder,
            StoreError::EntityTooSmall(_) => S3ErrorCode::EntityTooSmall,
            StoreError::KeyTooLong(_) => S3ErrorCode::KeyTooLongError,
            StoreError::PreconditionFailed => S3ErrorCode::PreconditionFailed,
            StoreError::Io { .. } if error.no_space() == Some(NoSpace::FileTooLarge) => S3ErrorCode::EntityTooLarge,
            // Ceph's code: clients do not retry it, as they would retry a server error.
            StoreError::Io { .. } if error.no_space().is_some() => {
                return custom("QuotaExceeded", StatusCode::FORBIDDEN, error.to_string());
            }
            StoreError::Io { .. } => {
                tracing::error!(%error, "an object could not be read or written");
                S3ErrorCode::InternalError
            }
        };
        Self::with_message(code, error.to_string())
    }
}
