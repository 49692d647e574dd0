//! HTTP: one route that takes every operation, and the life of the server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use cardlake_loopback::{NoSpace, PATIENCE, SignedRequest, listen, signature};
use chrono::Utc;
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::engine::Engine;
use crate::error::{ApiError, RedshiftError};
use crate::objects::Objects;
use crate::operations;
use crate::options::RedshiftOptions;
use crate::results::MAX_RESULT_BYTES;
use crate::service::Service;
use crate::statements::Statements;
use crate::wire::{self, WireServer};

/// The name that requests are signed for.
const SIGNING_NAME: &str = "redshift-data";
/// A request may be this large: 40 statements of 100 KB, with room for JSON's escapes.
const MAX_REQUEST_BYTES: usize = 16 * 1024 * 1024;
/// Statements that are cancelled at shutdown have this many seconds to stop.
const SHUTDOWN_SECONDS: u64 = 30;

/// A running server. Dropping it stops listening; [`RedshiftServer::shutdown`] also closes the database.
#[derive(Debug)]
pub struct RedshiftServer {
    addr: SocketAddr,
    stop: oneshot::Sender<()>,
    listener: JoinHandle<()>,
    statements: StatementsHandle,
    wire: Option<WireServer>,
}

struct StatementsHandle(Arc<Statements>);

impl std::fmt::Debug for StatementsHandle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Statements")
    }
}

/// Opens the database and starts to serve.
///
/// Fails if the database file is open in another process, if it cannot be opened, if the address is not on the loopback
/// interface or is taken.
pub async fn start(options: RedshiftOptions) -> Result<RedshiftServer, RedshiftError> {
    // The ports first: opening the database is the part that others would notice.
    let (listener, addr) = listen(options.listen).await?;
    let wire = match options.wire {
        Some(options) => Some((wire::bind(&options).await?, options)),
        None => None,
    };
    let objects = Objects {
        client: options.s3.clone(),
        region: options.region.clone(),
    };
    let memory_limit = options.memory_limit.as_deref();
    let max_result_bytes = options.max_result_bytes.unwrap_or(MAX_RESULT_BYTES);
    let engine = Engine::open(
        &options.database_file,
        &options.database,
        memory_limit,
        max_result_bytes,
        objects,
    )?;
    let engine = Arc::new(engine);
    let wire = wire
        .map(|(bound, options)| wire::start(options, bound, &engine))
        .transpose()?;
    let statements = Arc::new(Statements::new(engine));
    let service = Arc::new(Service {
        statements: Arc::clone(&statements),
        credentials: options.credentials,
        known_secrets: options.known_secrets,
        workgroup: options.workgroup,
        access_log: options.access_log,
    });
    let router = Router::new()
        .route("/", post(serve))
        .layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES))
        .with_state(service);
    let (stop, stopped) = oneshot::channel();
    let listener = tokio::spawn(async move {
        let shutdown = async move {
            let _ = stopped.await;
        };
        cardlake_loopback::serve(listener, TowerToHyperService::new(router), PATIENCE, shutdown).await;
    });
    tracing::debug!(%addr, "redshift data api is listening");
    Ok(RedshiftServer {
        addr,
        stop,
        listener,
        statements: StatementsHandle(statements),
        wire,
    })
}

impl RedshiftServer {
    /// The address that the server listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The address for clients of PostgreSQL and Redshift, if they may connect.
    pub fn wire_addr(&self) -> Option<SocketAddr> {
        self.wire.as_ref().map(WireServer::addr)
    }

    /// The endpoint URL for SDKs.
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Why the last statement that had no space failed, if one did.
    #[must_use]
    pub fn no_space(&self) -> Option<NoSpace> {
        self.statements.0.no_space().last()
    }

    /// Stops listening, cancels what runs, and closes the database, which another process can then open.
    ///
    /// Fails if a statement does not stop.
    pub async fn shutdown(self) -> Result<(), RedshiftError> {
        let Self {
            stop,
            mut listener,
            statements: StatementsHandle(statements),
            wire,
            ..
        } = self;
        let _ = stop.send(());
        let timeout = Duration::from_secs(SHUTDOWN_SECONDS);
        let wire_stopped = match wire {
            Some(wire) => wire.shut_down(timeout).await,
            None => true,
        };
        let stopped = statements.shut_down(timeout).await && wire_stopped;
        // Connections that clients keep open would hold the listener, and with it the database.
        if tokio::time::timeout(Duration::from_millis(200), &mut listener)
            .await
            .is_err()
        {
            listener.abort();
            let _ = listener.await;
        }
        let engine = Arc::clone(statements.engine());
        drop(statements);
        // Requests that are still being answered hold the database a moment longer.
        for _ in 0..200 {
            if Arc::strong_count(&engine) == 1 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Closing writes the log back into the file, which may take a moment.
        let _ = tokio::task::spawn_blocking(move || drop(engine)).await;
        if stopped {
            Ok(())
        } else {
            Err(RedshiftError::StillRunning(SHUTDOWN_SECONDS))
        }
    }
}

async fn serve(State(service): State<Arc<Service>>, headers: HeaderMap, body: Bytes) -> Response {
    let outcome = match check(&service, &headers, &body) {
        Ok(operation) => operations::dispatch(&service, operation, &body).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(body) => respond(StatusCode::OK, body),
        Err(error) => {
            tracing::debug!(kind = error.kind, message = %error.message, "request refused");
            let mut members = json!({ "__type": error.kind, "Message": error.message });
            if let Some(id) = &error.resource_id {
                members["ResourceId"] = json!(id);
            }
            let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
            respond(status, members.to_string())
        }
    }
}

/// Checks the signature and gives the operation.
fn check<'a>(service: &Service, headers: &'a HeaderMap, body: &[u8]) -> Result<&'a str, ApiError> {
    let request = SignedRequest {
        method: "POST",
        path: "/",
        query: "",
        headers,
        body,
    };
    signature::verify(&request, &service.credentials, SIGNING_NAME, Utc::now())?;
    if let Some(log) = &service.access_log {
        log.record_json(SIGNING_NAME, headers, &service.credentials);
    }
    headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
        .and_then(|target| target.strip_prefix("RedshiftData."))
        .ok_or_else(|| {
            ApiError::new(
                "UnknownOperationException",
                "the header X-Amz-Target is missing or unknown",
            )
        })
}

fn respond(status: StatusCode, body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE.as_str(), "application/x-amz-json-1.1".to_owned()),
        ("x-amzn-requestid", Uuid::new_v4().to_string()),
    ];
    (status, headers, body).into_response()
}
