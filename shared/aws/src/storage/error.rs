//! Kinds of failed requests for objects.

use crate::service_error::ServiceError;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use cardlake_core::error::{ErrorKind, StageError};

/// Kind of a failed request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageErrorKind {
    /// There is no such object or bucket.
    NotFound,
    /// The condition of the request does not hold: the object was written concurrently.
    PreconditionFailed,
    /// The service is unavailable for now.
    Transient,
    /// The disk behind an S3 endpoint is full, or its quota is used up. Trying again does not help before someone makes
    /// room.
    NoSpace,
    /// The service refuses for good.
    Refused,
    /// The object is not what its format says, or the answer of the service lacks something that every answer has.
    Corrupt,
}

/// A failed request.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} s3://{bucket}/{key}: {source}")]
pub struct StorageError {
    /// Kind of the failure.
    pub kind: StorageErrorKind,
    /// The attempted operation, as a verb.
    pub operation: &'static str,
    /// The bucket.
    pub bucket: String,
    /// The key or prefix.
    pub key: String,
    /// The answer of the service ([`ServiceError`]), or what is wrong with the object.
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl StorageError {
    /// Sorts an error of the SDK by what helps against it.
    pub(crate) fn of_request<E>(operation: &'static str, bucket: &str, key: &str, error: SdkError<E>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let kind = match (error.code(), status) {
            (None, None) => StorageErrorKind::Transient,
            (code, status) => kind_of(code.unwrap_or_default(), status),
        };
        Self {
            kind,
            operation,
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            source: Box::new(ServiceError::new(error)),
        }
    }

    /// The error of one object in a request for many.
    pub(crate) fn of_item(operation: &'static str, bucket: &str, key: &str, code: &str, message: &str) -> Self {
        Self {
            kind: kind_of(code, None),
            operation,
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            source: Box::new(ServiceError::of_item(code, message)),
        }
    }

    /// A request that could not be made: its body cannot be read, or it contradicts itself.
    pub(crate) fn unsent(
        operation: &'static str,
        bucket: &str,
        key: &str,
        error: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self {
            kind: StorageErrorKind::Refused,
            operation,
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            source: Box::new(ServiceError::without_answer(error)),
        }
    }

    /// A body that ended early: the connection was lost.
    pub fn interrupted(bucket: &str, key: &str, error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self {
            kind: StorageErrorKind::Transient,
            operation: "read",
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            source: Box::new(ServiceError::without_answer(error)),
        }
    }

    /// An object that is not what its format says.
    pub(crate) fn corrupt(
        operation: &'static str,
        bucket: &str,
        key: &str,
        error: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self {
            kind: StorageErrorKind::Corrupt,
            operation,
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            source: Box::new(error),
        }
    }

    /// An object that an earlier step listed, and that does not exist.
    pub fn not_found(bucket: &str, key: &str) -> Self {
        Self {
            kind: StorageErrorKind::NotFound,
            operation: "read",
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            source: "there is no such object".into(),
        }
    }

    /// An answer that lacks `what`.
    pub(crate) fn incomplete(operation: &'static str, bucket: &str, key: &str, what: &str) -> Self {
        Self {
            kind: StorageErrorKind::Corrupt,
            operation,
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            source: format!("the answer of the S3 endpoint has no {what}").into(),
        }
    }
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

/// Kind of an error code of S3 and an HTTP status. MinIO answers a full disk with 507 (`XMinioStorageFull`), Ceph a full
/// quota with `QuotaExceeded`.
fn kind_of(code: &str, status: Option<u16>) -> StorageErrorKind {
    match (code, status) {
        ("InsufficientStorage" | "QuotaExceeded" | "XMinioStorageFull", _) | (_, Some(507)) => {
            StorageErrorKind::NoSpace
        }
        ("NoSuchKey" | "NoSuchBucket" | "NotFound", _) | (_, Some(404)) => StorageErrorKind::NotFound,
        (_, Some(412)) => StorageErrorKind::PreconditionFailed,
        ("SlowDown" | "RequestTimeout" | "ConditionalRequestConflict" | "InternalError", _)
        | (_, Some(429 | 500..=599)) => StorageErrorKind::Transient,
        _ => StorageErrorKind::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_sorted_by_what_helps() {
        for (code, status, kind) in [
            ("NoSuchKey", Some(404), StorageErrorKind::NotFound),
            ("", Some(404), StorageErrorKind::NotFound),
            ("PreconditionFailed", Some(412), StorageErrorKind::PreconditionFailed),
            ("InsufficientStorage", Some(507), StorageErrorKind::NoSpace),
            ("QuotaExceeded", Some(403), StorageErrorKind::NoSpace),
            ("", Some(507), StorageErrorKind::NoSpace),
            ("InternalError", None, StorageErrorKind::Transient),
            ("SlowDown", Some(503), StorageErrorKind::Transient),
            ("AccessDenied", Some(403), StorageErrorKind::Refused),
            ("AccessDenied", None, StorageErrorKind::Refused),
        ] {
            assert_eq!(kind_of(code, status), kind, "{code} {status:?}");
        }
    }
}
