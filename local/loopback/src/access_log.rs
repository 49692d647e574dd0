//! Log of the requests that each principal sent, so that tests can compare IAM policies with what the stages use.
//!
//! Every stage signs with its own access key ([`ServerCredentials::of`]), which names it.

use crate::credentials::ServerCredentials;
use crate::hook::{HookDecision, RequestHook};
use crate::signature;
use hyper::http::HeaderMap;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// A distinct request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access {
    /// The principal, by its access key; empty for the servers' own key.
    pub principal: String,
    /// The service as IAM names it: `s3`, `redshift-data`.
    pub service: &'static str,
    /// The service's name of the operation: `PutObject`.
    pub operation: String,
    /// `bucket/key` or `bucket` for S3; empty elsewhere.
    pub resource: String,
    /// Whether the object existed; true for other services.
    pub found: bool,
}

/// The distinct requests so far. Clones share one log.
#[derive(Debug, Clone, Default)]
pub struct AccessLog(Arc<Mutex<BTreeSet<Access>>>);

impl AccessLog {
    /// The distinct requests so far.
    #[must_use]
    pub fn accesses(&self) -> BTreeSet<Access> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Records a request.
    pub fn record(&self, access: Access) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(access);
    }

    /// Records an AWS JSON request whose signature was verified.
    pub fn record_json(&self, service: &'static str, headers: &HeaderMap, credentials: &ServerCredentials) {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let operation = header("x-amz-target").unwrap_or_default();
        self.record(Access {
            principal: signature::principal(headers, credentials).to_owned(),
            service,
            operation: operation.rsplit('.').next().unwrap_or_default().to_owned(),
            resource: String::new(),
            found: true,
        });
    }

    /// A hook that records the requests of an S3 server over the folder `root`.
    #[must_use]
    pub fn s3_hook(&self, root: PathBuf, credentials: ServerCredentials) -> Arc<dyn RequestHook> {
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
        self.log.record(Access {
            principal: self.credentials.name_in(access_key_id).unwrap_or_default().to_owned(),
            service: "s3",
            operation: operation.to_owned(),
            found: self.root.join(&resource).exists(),
            resource,
        });
        HookDecision::Proceed
    }
}
