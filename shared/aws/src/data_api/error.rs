//! Kinds of failed requests and of failed statements.

use crate::service_error::ServiceError;
use aws_sdk_redshiftdata::error::{ProvideErrorMetadata, SdkError};
use cardlake_core::error::{ErrorKind, StageError};
use std::fmt;

/// Kind of a failed request (failed statements: [`StatementErrorKind`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataApiErrorKind {
    /// The service is unavailable for now: throttled, too many active statements, 5xx, connection lost.
    Transient,
    /// The service does not know the statement: results are kept for 24 hours.
    NotFound,
    /// The service refuses for good: access denied, no such workgroup, malformed request.
    Refused,
    /// A statement is too long, or there are too many of them.
    Limit,
    /// A result has another shape than the statement asked for.
    Result,
}

/// A failed request.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {subject}: {source}")]
pub struct DataApiError {
    /// Kind of the failure.
    pub kind: DataApiErrorKind,
    /// The attempted operation, as a verb.
    pub operation: &'static str,
    /// Name of the submission, or id of the statement.
    pub subject: String,
    /// The answer of the service ([`ServiceError`]), or what is wrong with the request or the result.
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl DataApiError {
    /// Sorts an error of the SDK by what helps against it.
    pub(crate) fn of_request<E>(operation: &'static str, subject: &str, error: SdkError<E>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let status = error.raw_response().map(|response| response.status().as_u16());
        Self {
            kind: kind_of(error.code().unwrap_or_default(), status),
            operation,
            subject: subject.to_owned(),
            source: Box::new(ServiceError::new(error)),
        }
    }
}

impl StageError for DataApiError {
    fn kind(&self) -> ErrorKind {
        match self.kind {
            DataApiErrorKind::Transient => ErrorKind::Transient,
            DataApiErrorKind::NotFound => ErrorKind::NotFound,
            DataApiErrorKind::Refused => ErrorKind::Service,
            DataApiErrorKind::Limit => ErrorKind::Configuration,
            DataApiErrorKind::Result => ErrorKind::Internal,
        }
    }
}

/// `status` is `None` when no answer came at all.
fn kind_of(code: &str, status: Option<u16>) -> DataApiErrorKind {
    match (code, status) {
        ("ResourceNotFoundException", _) => DataApiErrorKind::NotFound,
        (
            "ActiveStatementsExceededException"
            | "ActiveSessionsExceededException"
            | "ActiveWaitingRequestsExceededException"
            | "ExecuteStatementException"
            | "BatchExecuteStatementException"
            | "DatabaseConnectionException"
            | "InternalServerException"
            | "QueryTimeoutException"
            | "ThrottlingException"
            | "TooManyRequestsException",
            _,
        )
        | (_, Some(429 | 500..=599) | None) => DataApiErrorKind::Transient,
        _ => DataApiErrorKind::Refused,
    }
}

/// Kind of a failed statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementErrorKind {
    /// Rolled back because of a concurrent transaction (error 1023: serializable isolation violation; 1018: a table was
    /// replaced). Inspect the tables again and resubmit.
    SerializationConflict,
    /// The schema, table or column to create exists.
    AlreadyExists,
    /// A schema, table or column does not exist.
    DoesNotExist,
    /// Any other error: a mistake in the statement or in the data.
    Other,
}

impl StatementErrorKind {
    /// Whether the same statements may succeed after another look at the tables: a concurrent transaction either
    /// conflicted with them or created what they create.
    #[must_use]
    pub const fn is_concurrency(self) -> bool {
        matches!(self, Self::SerializationConflict | Self::AlreadyExists)
    }

    /// The only place that reads the text of a Redshift error: the Data API has no codes for failed statements.
    fn of_message(message: &str) -> Self {
        let message = message.to_ascii_lowercase();
        let joined: String = message.split_whitespace().collect();
        let conflicts = [
            "error:1023",
            "error:1018",
            "serializableisolationviolation",
            "conflictwithconcurrenttransaction",
        ];
        if conflicts.iter().any(|sign| joined.contains(sign)) {
            Self::SerializationConflict
        } else if message.contains("already exists") {
            Self::AlreadyExists
        } else if message.contains("does not exist") {
            Self::DoesNotExist
        } else {
            Self::Other
        }
    }
}

/// The error of a failed statement, as Redshift words it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementError {
    /// Kind of the failure.
    pub kind: StatementErrorKind,
    /// Redshift's message.
    pub message: String,
}

impl From<String> for StatementError {
    fn from(message: String) -> Self {
        Self {
            kind: StatementErrorKind::of_message(&message),
            message,
        }
    }
}

impl From<&str> for StatementError {
    fn from(message: &str) -> Self {
        message.to_owned().into()
    }
}

impl fmt::Display for StatementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for StatementError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_sorted_by_what_helps() {
        for (code, status, kind) in [
            ("ThrottlingException", Some(400), DataApiErrorKind::Transient),
            (
                "ActiveStatementsExceededException",
                Some(400),
                DataApiErrorKind::Transient,
            ),
            ("", Some(503), DataApiErrorKind::Transient),
            ("", None, DataApiErrorKind::Transient),
            ("ResourceNotFoundException", Some(400), DataApiErrorKind::NotFound),
            ("ValidationException", Some(400), DataApiErrorKind::Refused),
            ("AccessDeniedException", Some(400), DataApiErrorKind::Refused),
        ] {
            assert_eq!(kind_of(code, status), kind, "{code} {status:?}");
        }
    }

    #[test]
    fn failed_statements_have_kinds() {
        for (message, kind) in [
            (
                "ERROR: 1023 DETAIL: Serializable isolation violation on table in Redshift",
                StatementErrorKind::SerializationConflict,
            ),
            (
                "ERROR:1018 DETAIL: Relation does not exist.",
                StatementErrorKind::SerializationConflict,
            ),
            ("ERROR: value 1023 is out of range", StatementErrorKind::Other),
            ("ERROR: column \"x\" does not exist", StatementErrorKind::DoesNotExist),
            (
                "ERROR: Relation \"loads\" already exists",
                StatementErrorKind::AlreadyExists,
            ),
        ] {
            let error = StatementError::from(message);
            assert_eq!((error.kind, error.to_string().as_str()), (kind, message));
        }
    }
}
