//! A Secrets Manager server on the loopback interface.
//!
//! Input: the SDKs' requests in AWS JSON 1.1, signed with the server's credentials: `CreateSecret`, `PutSecretValue`,
//! `GetSecretValue`, `DescribeSecret`. Output: Secrets Manager's answers and typed errors.
//!
//! Guarantee: secrets are kept in one file that only its owner may read (mode 0600), replaced as a whole by each write;
//! a name always has the same ARN; values never reach a log. Versions carry the stages `AWSCURRENT` and `AWSPREVIOUS` as
//! in Secrets Manager; a version without a stage is forgotten.
//!
//! Failure: an error of Secrets Manager. A parameter or operation that is not known here is refused, not ignored.
//!
//! Not here: rotation, deletion, tags, replication, KMS keys. The values are not encrypted: the server is for secrets of
//! a local run.

mod operations;
mod vault;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use chrono::Utc;
use serde_json::json;
use thiserror::Error;
use tokio::task::{JoinHandle, spawn_blocking};

use self::operations::ServiceError;
use self::vault::Vault;
use crate::access_log::AccessLog;
use crate::loopback::{self, ListenError};
use crate::sigv4::{self, ServerCredentials, SignedRequest};

/// The name that requests are signed for.
const SIGNING_NAME: &str = "secretsmanager";
/// The largest request, in bytes: a secret has at most 64 KiB.
const MAX_REQUEST_BYTES: usize = 1 << 20;

/// Why the server cannot start.
#[derive(Debug, Error)]
pub enum SecretsServerError {
    /// The address is not loopback, or is taken.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The file of the secrets cannot be used.
    #[error("the file of the secrets cannot be used: {0}")]
    Vault(String),
}

/// How to run the server.
#[derive(Debug, Clone)]
pub struct SecretsServerOptions {
    /// A loopback address; port 0 takes any free port.
    pub listen: SocketAddr,
    /// The folder of the file `secrets.json`; it is made if it does not exist.
    pub folder: PathBuf,
    /// What requests must be signed with.
    pub credentials: ServerCredentials,
    /// Where requests are noted.
    pub access_log: Option<AccessLog>,
}

/// A running server; it stops when it is dropped.
#[derive(Debug)]
pub struct SecretsServer {
    address: SocketAddr,
    names: SecretNames,
    task: JoinHandle<()>,
}

impl SecretsServer {
    /// The URL for an SDK, such as `http://127.0.0.1:4566`.
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address with the real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Says which secrets there are, now and later.
    pub fn names(&self) -> SecretNames {
        self.names.clone()
    }

    /// Stops the server. What was answered is in the file.
    pub async fn shutdown(mut self) {
        self.task.abort();
        // The error says only that it was stopped.
        let _ = (&mut self.task).await;
    }
}

impl Drop for SecretsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The secrets that there are, without their values.
#[derive(Clone)]
pub struct SecretNames(Arc<Vault>);

impl SecretNames {
    /// Whether there is a secret with this name or ARN.
    #[must_use]
    pub fn contains(&self, name_or_arn: &str) -> bool {
        self.0.read(|secrets| operations::find(secrets, name_or_arn).is_ok())
    }
}

impl fmt::Debug for SecretNames {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretNames")
    }
}

/// What every request needs.
#[derive(Clone)]
struct Server {
    vault: Arc<Vault>,
    credentials: ServerCredentials,
    access_log: Option<AccessLog>,
}

/// Starts a server on the current tokio runtime.
///
/// # Errors
/// The address is not loopback or is taken, or the file of the secrets cannot be read.
pub async fn start(options: SecretsServerOptions) -> Result<SecretsServer, SecretsServerError> {
    let (listener, address) = loopback::listen(options.listen).await?;
    let folder = options.folder;
    let vault = spawn_blocking(move || Vault::open(&folder))
        .await
        .map_err(|error| SecretsServerError::Vault(error.to_string()))?
        .map_err(|error| SecretsServerError::Vault(error.to_string()))?;
    let vault = Arc::new(vault);
    let names = SecretNames(Arc::clone(&vault));
    let server = Server {
        vault,
        credentials: options.credentials,
        access_log: options.access_log,
    };
    let router = Router::new().fallback(handle).with_state(server);
    let task = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the secrets server stopped");
        }
    });
    tracing::info!(%address, "the secrets server listens");
    Ok(SecretsServer { address, names, task })
}

async fn handle(State(server): State<Server>, request: Request) -> Response {
    match answer(server, request).await {
        Ok(body) => respond(StatusCode::OK, &body),
        Err(error) => respond(
            error.status(),
            &json!({ "__type": error.code(), "Message": error.to_string() }),
        ),
    }
}

async fn answer(server: Server, request: Request) -> Result<serde_json::Value, ServiceError> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_REQUEST_BYTES)
        .await
        .map_err(|_| ServiceError::Validation(format!("the request has more than {MAX_REQUEST_BYTES} bytes")))?;
    let signed = SignedRequest {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        body: &body,
    };
    sigv4::verify(&signed, &server.credentials, SIGNING_NAME, Utc::now())?;
    if let Some(log) = &server.access_log {
        log.note_json(SIGNING_NAME, &parts.headers, &server.credentials);
    }
    let target = parts
        .headers
        .get("x-amz-target")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let operation = target.strip_prefix("secretsmanager.").unwrap_or(target).to_owned();
    spawn_blocking(move || operations::call(&server.vault, &operation, &body))
        .await
        .map_err(|_| ServiceError::Internal)?
}

fn respond(status: StatusCode, body: &serde_json::Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let content_type = header::HeaderValue::from_static("application/x-amz-json-1.1");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
