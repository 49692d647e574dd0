//! The HTTP server: connections, signatures, request hooks.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use cardlake_loopback::{
    HookDecision, ListenError, NoSpace, NoSpaceLog, PATIENCE, PatientBody, RequestHook, ServerCredentials, listen,
    serve,
};
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::path::S3Path;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpError, HttpResponse, S3Error, S3ErrorCode, S3Result};
use thiserror::Error;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;

use crate::created::CreatedObject;
use crate::store::Store;
use crate::work::Service;

/// The region that clients are told of. Signatures for any other are taken, too.
const REGION: &str = "us-east-1";

/// Why the server cannot start.
#[derive(Debug, Error)]
pub enum S3ServerError {
    /// The address is not loopback, or is in use.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The root folder cannot be used.
    #[error("the folder of the S3 buckets cannot be used: {0}")]
    Store(#[source] Box<dyn Error + Send + Sync>),
}

/// How to run the server.
#[derive(Debug, Clone)]
pub struct S3ServerOptions {
    /// A loopback address; port 0 takes any free port.
    pub listen: SocketAddr,
    /// The folder that holds the buckets; created if missing.
    pub root: PathBuf,
    /// Buckets to create if missing.
    pub buckets: Vec<String>,
    /// The keys that requests must be signed with.
    pub credentials: ServerCredentials,
    /// Sees every request, and can make it fail.
    pub hook: Option<Arc<dyn RequestHook>>,
    /// Receives every object that is written, whatever the response to its writer is.
    pub created: Option<UnboundedSender<CreatedObject>>,
}

/// A running server; it stops when it is dropped.
#[derive(Debug)]
pub struct S3Server {
    address: SocketAddr,
    no_space: NoSpaceLog,
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

    /// Why the last write that had no space failed, if one did.
    #[must_use]
    pub fn no_space(&self) -> Option<NoSpace> {
        self.no_space.last()
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
    let (listener, address) = listen(options.listen).await?;
    let (root, buckets) = (options.root, options.buckets);
    let store = tokio::task::spawn_blocking(move || Store::open(&root, &buckets))
        .await
        .map_err(|error| S3ServerError::Store(error.into()))?
        .map_err(|error| S3ServerError::Store(error.into()))?;
    let no_space = store.no_space().clone();
    let mut builder = S3ServiceBuilder::new(Service::new(Arc::new(store), options.created));
    builder.set_auth(Auth(options.credentials));
    builder.set_access(Access { hook: options.hook });
    let service = builder.build();
    let service = service_fn(move |request| answer(service.clone(), request));
    let task = tokio::spawn(serve(listener, service, PATIENCE, std::future::pending()));
    tracing::info!(%address, "the S3 server listens");
    Ok(S3Server {
        address,
        no_space,
        task,
    })
}

/// What the hook decided, on its way from the access check to the answer.
#[derive(Clone, Default)]
struct Decision(Arc<Mutex<Option<HookDecision>>>);

async fn answer(service: S3Service, request: Request<PatientBody>) -> Result<HttpResponse, HttpError> {
    if let Some(region) = unusable_region(&request) {
        return Ok(other_region(&region));
    }
    let decision = Decision::default();
    let mut request = request.map(Body::http_body);
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

/// The region that a request is signed for, if it is none: s3cmd begins with `US`, and learns the name from the answer.
fn unusable_region(request: &Request<PatientBody>) -> Option<String> {
    let authorization = request.headers().get(hyper::header::AUTHORIZATION)?.to_str().ok()?;
    let (_, credential) = authorization.split_once("Credential=")?;
    let region = credential.split('/').nth(2)?;
    let letters = |character: u8| character.is_ascii_lowercase() || character.is_ascii_digit() || character == b'-';
    (!region.bytes().all(letters)).then(|| region.to_owned())
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>: the answer names the region.
fn other_region(region: &str) -> HttpResponse {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AuthorizationHeaderMalformed</Code>\
         <Message>The authorization header is malformed; the region '{}' is wrong; expecting '{REGION}'</Message>\
         <Region>{REGION}</Region></Error>",
        region.escape_default().to_string().replace(['<', '>', '&'], "?"),
    );
    let mut response = HttpResponse::new(Body::from(body));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    let xml = hyper::header::HeaderValue::from_static("application/xml");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, xml);
    response
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
