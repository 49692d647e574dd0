//! Hooks that see every request of a server before it is carried out, and can make it fail.

use std::fmt;
use std::sync::{Mutex, PoisonError};

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookDecision {
    /// Carried out.
    Proceed,
    /// Not carried out; the response has this HTTP status (500 if it is not an error status).
    Fail(u16),
    /// Not carried out, and the connection is closed.
    Drop,
    /// Carried out, but the response has this HTTP status.
    FailAfter(u16),
    /// Carried out, but the connection is closed without a response.
    DropAfter,
}

/// Sees every request with a valid signature before it is carried out: the access log, and fault injection in tests.
pub trait RequestHook: fmt::Debug + Send + Sync {
    /// `operation` is the service's name of it (`PutObject`); `bucket` and `key` are empty if the operation has none.
    /// Must not block.
    fn before(&self, operation: &str, bucket: &str, key: &str) -> HookDecision;

    /// The same, with the access key that signed the request; servers call this one.
    fn before_from(&self, _access_key_id: &str, operation: &str, bucket: &str, key: &str) -> HookDecision {
        self.before(operation, bucket, key)
    }
}

/// A recorded request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordedRequest {
    /// The service's name of the operation.
    pub operation: String,
    /// Empty if there is none.
    pub bucket: String,
    /// Empty if there is none.
    pub key: String,
}

/// A hook that records every request and lets it through.
#[derive(Debug, Default)]
pub struct RequestLog(Mutex<Vec<RecordedRequest>>);

impl RequestLog {
    /// The requests since the last call, in order.
    pub fn take(&self) -> Vec<RecordedRequest> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl RequestHook for RequestLog {
    fn before(&self, operation: &str, bucket: &str, key: &str) -> HookDecision {
        let request = RecordedRequest {
            operation: operation.to_owned(),
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        HookDecision::Proceed
    }
}
