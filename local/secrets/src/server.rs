//! The HTTP server: AWS JSON requests to operations, and those of the Query protocol to the identity.

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use cardlake_loopback::{AccessLog, ListenError, PATIENCE, ServerCredentials, SignedRequest, listen, serve, signature};
use chrono::Utc;
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use thiserror::Error;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::identity;
use crate::operations::{self, ServiceError};
use crate::vault::Vault;

/// The name that requests are signed for.
const SIGNING_NAME: &str = "secretsmanager";
/// The largest request, in bytes: a secret has at most 64 KiB.
const MAX_REQUEST_BYTES: usize = 1 << 20;

/// Why the server cannot start.
#[derive(Debug, Error)]
pub enum SecretsServerError {
    /// The address is not loopback, or is in use.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The file of the secrets cannot be used.
    #[error("the file of the secrets cannot be used: {0}")]
    Vault(#[source] Box<dyn Error + Send + Sync>),
}

/// How to run the server.
#[derive(Debug, Clone)]
pub struct SecretsServerOptions {
    /// A loopback address; port 0 takes any free port.
    pub listen: SocketAddr,
    /// The folder of the file `secrets.json`; created if missing.
    pub folder: PathBuf,
    /// The keys that requests must be signed with.
    pub credentials: ServerCredentials,
    /// Records every request.
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

    /// A live view of which secrets exist.
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

/// Which secrets exist, without their values.
#[derive(Clone)]
pub struct SecretNames(Arc<Vault>);

impl SecretNames {
    /// Whether a secret has this name or ARN.
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

/// The state shared by all requests.
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
    let (listener, address) = listen(options.listen).await?;
    let folder = options.folder;
    let vault = spawn_blocking(move || Vault::open(&folder))
        .await
        .map_err(|error| SecretsServerError::Vault(error.into()))?
        .map_err(|error| SecretsServerError::Vault(error.into()))?;
    let vault = Arc::new(vault);
    let names = SecretNames(Arc::clone(&vault));
    let server = Server {
        vault,
        credentials: options.credentials,
        access_log: options.access_log,
    };
    let router = Router::new().fallback(handle).with_state(server);
    let task = tokio::spawn(serve(
        listener,
        TowerToHyperService::new(router),
        PATIENCE,
        std::future::pending(),
    ));
    tracing::info!(%address, "the secrets server listens");
    Ok(SecretsServer { address, names, task })
}

async fn handle(State(server): State<Server>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_REQUEST_BYTES).await else {
        return refuse(&ServiceError::Validation(format!(
            "the request has more than {MAX_REQUEST_BYTES} bytes"
        )));
    };
    let signed = SignedRequest {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        body: &body,
    };
    if identity::is_query(&parts.headers) {
        return identity::answer(&signed, &server.credentials, Utc::now());
    }
    if let Err(error) = signature::verify(&signed, &server.credentials, SIGNING_NAME, Utc::now()) {
        return refuse(&error.into());
    }
    match answer(server, &parts.headers, body).await {
        Ok(body) => respond(StatusCode::OK, &body),
        Err(error) => refuse(&error),
    }
}

async fn answer(server: Server, headers: &HeaderMap, body: Bytes) -> Result<serde_json::Value, ServiceError> {
    if let Some(log) = &server.access_log {
        log.record_json(SIGNING_NAME, headers, &server.credentials);
    }
    let target = headers
        .get("x-amz-target")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let operation = target.strip_prefix("secretsmanager.").unwrap_or(target).to_owned();
    spawn_blocking(move || operations::call(&server.vault, &operation, &body))
        .await
        .map_err(|_| ServiceError::Internal)?
}

fn refuse(error: &ServiceError) -> Response {
    respond(
        error.status(),
        &json!({ "__type": error.code(), "Message": error.to_string() }),
    )
}

fn respond(status: StatusCode, body: &serde_json::Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let content_type = header::HeaderValue::from_static("application/x-amz-json-1.1");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
