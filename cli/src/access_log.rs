//! What the local servers were asked for, and by whom: so that a test can hold IAM policies against what the stages do.
//!
//! Every stage signs with an access key of its own ([`crate::sigv4::ServerCredentials::of`]), which names it.

use crate::s3_server::{HookDecision, RequestHook};
use crate::sigv4::{self, ServerCredentials};
use hyper::http::HeaderMap;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// A request that was asked for, once or more often.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access {
    /// Who asked: the name of the access key, empty for the servers' own key.
    pub principal: String,
    /// The service as IAM names it: `s3`, `redshift-data`.
    pub service: &'static str,
    /// The service's name of the operation: `PutObject`.
    pub operation: String,
    /// `bucket/key` or `bucket` for S3; empty elsewhere.
    pub resource: String,
    /// Whether the object was there; true elsewhere.
    pub found: bool,
}

/// The requests so far. Clones are the same log.
#[derive(Debug, Clone, Default)]
pub struct AccessLog(Arc<Mutex<BTreeSet<Access>>>);

impl AccessLog {
    /// What was asked for so far, each request once.
    #[must_use]
    pub fn accesses(&self) -> BTreeSet<Access> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes a request.
    pub fn note(&self, access: Access) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(access);
    }

    /// Notes a request in AWS JSON, whose signature is right.
    pub(crate) fn note_json(&self, service: &'static str, headers: &HeaderMap, credentials: &ServerCredentials) {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let operation = header("x-amz-target").unwrap_or_default();
        self.note(Access {
            principal: sigv4::principal(headers, credentials).to_owned(),
            service,
            operation: operation.rsplit('.').next().unwrap_or_default().to_owned(),
            resource: String::new(),
            found: true,
        });
    }

    /// Notes the requests of an S3 server over the folder `root`.
    pub(crate) fn of_s3(&self, root: PathBuf, credentials: ServerCredentials) -> Arc<dyn RequestHook> {
        Arc::new(S3Requests {
            log: self.clone(),
            root,
            credentials,
        })
    }
}

#[derive(Debug)]
struct S3Requests {
    log: AccessLog,
    root: PathBuf,
    credentials: ServerCredentials,
}

impl RequestHook for S3Requests {
    fn before(&self, _operation: &str, _bucket: &str, _key: &str) -> HookDecision {
        HookDecision::Proceed
    }

    fn before_from(&self, access_key_id: &str, operation: &str, bucket: &str, key: &str) -> HookDecision {
        let resource = if key.is_empty() {
            bucket.to_owned()
        } else {
            format!("{bucket}/{key}")
        };
        self.log.note(Access {
            principal: self.credentials.name_in(access_key_id).unwrap_or_default().to_owned(),
            service: "s3",
            operation: operation.to_owned(),
            found: self.root.join(&resource).exists(),
            resource,
        });
        HookDecision::Proceed
    }
}
