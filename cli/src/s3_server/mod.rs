//! An S3 server on the loopback interface, with its buckets as plain folders.
//!
//! Input: the AWS SDKs' S3 requests, path style, signed with the server's credentials (SigV4; `s3s` parses requests and
//! checks signatures). Output: S3's answers. The objects are the files `<root>/<bucket>/<key>`, byte for byte, so that
//! any program that reads folders (a Delta reader, a CSV viewer) reads the lake without the server; what such a program
//! adds or changes is an object at once.
//!
//! Guarantee: objects are whole or absent; of any number of writers with `If-None-Match: *` exactly one succeeds, also
//! across processes, and of those with the same `If-Match` exactly one; listings are complete, in S3's order, and never
//! show a file that is being written. ETags follow from the content and survive a restart.
//!
//! Failure: errors carry S3's codes. A connection breaks rather than deliver a part of an object as the whole.
//!
//! The file store is our own instead of the `s3s-fs` crate, because that crate keeps a side file for every object beside
//! the buckets, named by the Base64 of the key (which fails for keys over about 160 bytes), never removes them (a file
//! that another program wrote has the ETag of its predecessor), checks conditions and writes in two steps (two writers
//! can both win), lists by reading the whole bucket, ignores continuation tokens, reads in steps of 4 KiB and computes
//! an MD5 of all that is written.
//!
//! Not here: versions, access control lists, encryption, checksums that a client sends (they are not compared; on
//! loopback TCP does that), keys that differ in case only on a file system that does not tell them apart, and keys that
//! cannot be a path (empty parts, `.` and `..`, or a key that continues another key behind a slash).

mod attributes;
mod conditions;
mod etag;
mod listing;
mod multipart;
mod service;
mod store;
mod transfer;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::path::S3Path;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpError, HttpResponse, S3Error, S3ErrorCode, S3Result};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::loopback::{self, ListenError};
use crate::s3_events::Created;
use crate::sigv4::ServerCredentials;

/// Why the server cannot start.
#[derive(Debug, Error)]
pub enum S3ServerError {
    /// The address is not loopback, or is taken.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The root folder cannot be used.
    #[error("the folder of the S3 buckets cannot be used: {0}")]
    Store(String),
}

/// How to run the server.
#[derive(Debug, Clone)]
pub struct S3ServerOptions {
    /// A loopback address; port 0 takes any free port.
    pub listen: SocketAddr,
    /// The folder that holds the buckets; it is made if it does not exist.
    pub root: PathBuf,
    /// Buckets to make if they do not exist.
    pub buckets: Vec<String>,
    /// What requests must be signed with.
    pub credentials: ServerCredentials,
    /// Sees every request, and can make it fail.
    pub hook: Option<Arc<dyn RequestHook>>,
}

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookDecision {
    /// It is carried out.
    Proceed,
    /// It is not carried out; the answer has this HTTP status (500 if it is not a status of an error).
    Fail(u16),
    /// It is not carried out, and the connection is cut.
    Drop,
    /// It is carried out, but the answer has this HTTP status.
    FailAfter(u16),
    /// It is carried out, and the connection is cut instead of an answer.
    DropAfter,
}

/// Sees every request whose signature is right before it is carried out: for tests of permissions and of failures.
pub trait RequestHook: fmt::Debug + Send + Sync {
    /// `operation` is S3's name (`PutObject`); `bucket` and `key` are empty where the operation has none. It must not
    /// block.
    fn before(&self, operation: &str, bucket: &str, key: &str) -> HookDecision;

    /// An object was written, whatever the answer will be. It must not block.
    fn created(&self, _object: Created) {}

    /// The same, with the access key that signed the request; the server calls this one.
    fn before_from(&self, _access_key_id: &str, operation: &str, bucket: &str, key: &str) -> HookDecision {
        self.before(operation, bucket, key)
    }
}

/// A request that was recorded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordedRequest {
    /// S3's name of the operation.
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
    /// The requests so far, in order; the log is empty afterwards.
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

/// A running server; it stops when it is dropped.
#[derive(Debug)]
pub struct S3Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl S3Server {
    /// The URL for an SDK, such as `http://127.0.0.1:4566`.
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address with the real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops the server and cuts its connections. What was answered is on the disk.
    pub async fn shutdown(mut self) {
        self.task.abort();
        // The error says only that it was stopped.
        let _ = (&mut self.task).await;
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts a server on the current tokio runtime.
///
/// # Errors
/// The address is not loopback or is taken, or the root folder cannot be written.
pub async fn start(options: S3ServerOptions) -> Result<S3Server, S3ServerError> {
    let (listener, address) = loopback::listen(options.listen).await?;
    let (root, buckets) = (options.root, options.buckets);
    let store = tokio::task::spawn_blocking(move || store::Store::open(&root, &buckets))
        .await
        .map_err(|error| S3ServerError::Store(error.to_string()))?
        .map_err(|error| S3ServerError::Store(error.to_string()))?;
    let mut builder = S3ServiceBuilder::new(service::Service::new(Arc::new(store), options.hook.clone()));
    builder.set_auth(Auth(options.credentials));
    builder.set_access(Access { hook: options.hook });
    let task = tokio::spawn(serve(listener, builder.build()));
    tracing::info!(%address, "the S3 server listens");
    Ok(S3Server { address, task })
}

async fn serve(listener: TcpListener, service: S3Service) {
    // Aborting this task drops the set, and with it every connection.
    let mut connections = JoinSet::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                // Most often the process is out of file descriptors, which others give back.
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            }
        };
        while connections.try_join_next().is_some() {}
        let service = service.clone();
        connections.spawn(async move {
            // Small answers must not wait for the next packet.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "a connection keeps its delay");
            }
            let service = service_fn(move |request| answer(service.clone(), request));
            let connection = auto::Builder::new(TokioExecutor::new());
            if let Err(error) = connection.serve_connection(TokioIo::new(stream), service).await {
                tracing::debug!(error, "a connection broke");
            }
        });
    }
}

/// What the hook decided, on its way from the access check to the answer.
#[derive(Clone, Default)]
struct Decision(Arc<Mutex<Option<HookDecision>>>);

async fn answer(service: S3Service, request: Request<Incoming>) -> Result<HttpResponse, HttpError> {
    let decision = Decision::default();
    let mut request = request.map(Body::from);
    request.extensions_mut().insert(decision.clone());
    let response = service.call(request).await?;
    let decided = *decision.0.lock().unwrap_or_else(PoisonError::into_inner);
    match decided {
        Some(HookDecision::Drop | HookDecision::DropAfter) => {
            Err(HttpError::new("the connection is cut, as the request hook asks".into()))
        }
        Some(HookDecision::FailAfter(status)) => injected(status)
            .to_http_response()
            .map_err(|error| HttpError::new(Box::new(error))),
        _ => Ok(response),
    }
}

/// The error that a hook asks for.
fn injected(status: u16) -> S3Error {
    let status = StatusCode::from_u16(status)
        .ok()
        .filter(|status| status.is_client_error() || status.is_server_error())
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let code = match status {
        StatusCode::SERVICE_UNAVAILABLE => S3ErrorCode::SlowDown,
        StatusCode::FORBIDDEN => S3ErrorCode::AccessDenied,
        StatusCode::PRECONDITION_FAILED => S3ErrorCode::PreconditionFailed,
        _ => S3ErrorCode::InternalError,
    };
    let mut error = S3Error::with_message(code, "the request hook asks for this error");
    error.set_status_code(status);
    error
}

/// Knows the one pair of keys, under all its names.
struct Auth(ServerCredentials);

#[async_trait]
impl S3Auth for Auth {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        match self.0.name_in(access_key) {
            Some(_) => Ok(SecretKey::from(self.0.secret_access_key.as_str())),
            None => Err(S3Error::with_message(
                S3ErrorCode::NotSignedUp,
                "Your account is not signed up",
            )),
        }
    }
}

/// Refuses anonymous requests, and asks the hook about the others.
struct Access {
    hook: Option<Arc<dyn RequestHook>>,
}

#[async_trait]
impl S3Access for Access {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let Some(access_key_id) = context.credentials().map(|keys| keys.access_key.clone()) else {
            return Err(S3Error::with_message(
                S3ErrorCode::AccessDenied,
                "the request must be signed",
            ));
        };
        let Some(hook) = &self.hook else { return Ok(()) };
        let (bucket, key) = match context.s3_path() {
            S3Path::Root => ("", ""),
            S3Path::Bucket { bucket } => (&**bucket, ""),
            S3Path::Object { bucket, key } => (&**bucket, &**key),
        };
        let decided = hook.before_from(&access_key_id, context.s3_op().name(), bucket, key);
        if let Some(decision) = context.extensions_mut().get::<Decision>() {
            *decision.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(decided);
        }
        match decided {
            HookDecision::Fail(status) => Err(injected(status)),
            HookDecision::Drop => Err(injected(500)),
            HookDecision::Proceed | HookDecision::FailAfter(_) | HookDecision::DropAfter => Ok(()),
        }
    }
}
