//! The answer of an AWS service to a failed request, for people to read.
//!
//! The SDK's own text of a failure is `service error`; code and message of the answer are elsewhere in it, and what kept
//! an answer from coming is further down its chain of sources. [`ServiceError`] shows both and keeps the SDK's error.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use cardlake_core::error::with_causes;
use std::error::Error;
use std::fmt;

/// The source of a [`StorageError`](crate::storage::StorageError) or [`DataApiError`](crate::data_api::DataApiError):
/// displays as `<code>: <message>` of the answer, or, without an answer, as the SDK's error with all its causes.
#[derive(Debug)]
pub struct ServiceError {
    answer: Option<String>,
    sdk: Option<Box<dyn Error + Send + Sync>>,
}

impl ServiceError {
    /// Of a failed request.
    pub(crate) fn new<E>(error: SdkError<E>) -> Self
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let code = error.code().unwrap_or("error");
        Self {
            answer: error.message().map(|message| format!("{code}: {message}")),
            sdk: Some(Box::new(error)),
        }
    }

    /// Of a request or a body that was cut off.
    pub(crate) fn without_answer(error: impl Error + Send + Sync + 'static) -> Self {
        Self {
            answer: None,
            sdk: Some(Box::new(error)),
        }
    }

    /// Of one item of a request that succeeded for others.
    pub(crate) fn of_item(code: &str, message: &str) -> Self {
        Self {
            answer: Some(format!("{code}: {message}")),
            sdk: None,
        }
    }

    /// The SDK's error; `None` for an item of a bulk request.
    #[must_use]
    pub fn sdk_error(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.sdk.as_deref()
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.answer, &self.sdk) {
            (Some(answer), _) => f.write_str(answer),
            (None, Some(sdk)) => f.write_str(&with_causes(sdk.as_ref())),
            (None, None) => f.write_str("no reason given"),
        }
    }
}

impl Error for ServiceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match (&self.answer, &self.sdk) {
            // Nothing in the chain says more than the answer.
            (Some(_), _) => None,
            (None, sdk) => sdk.as_ref().and_then(|sdk| sdk.source()),
        }
    }
}
