//! A built function as a process of its own, with the part of the Lambda runtime API that it uses.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::Response;
use cardlake_core::env;
use cardlake_core::events::{PublishOutput, ReconcileOutput, ReconcilerEvent};
use chrono::NaiveDate;
use serde::Serialize;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc};

use crate::lake::{LoopbackLake, REGION};
use crate::usage::peak_kilobytes_of;

/// Maximum size of a reply, in bytes.
const MAX_REPLY_BYTES: usize = 10_000_000;

/// A running function; its process is killed on drop.
#[derive(Debug)]
pub struct Function {
    process: Child,
    events: mpsc::Sender<Value>,
    replies: mpsc::Receiver<Result<Value, Value>>,
}

impl Function {
    /// Reconciles the transactions of a day; the function is a reconciler.
    pub async fn reconcile(&mut self, batch_date: NaiveDate) -> ReconcileOutput {
        let event = ReconcilerEvent::Reconcile {
            batch_date,
            dataset: "transactions".into(),
            late_window_days: None,
        };
        serde_json::from_value(self.invoke(&event).await.unwrap()).unwrap()
    }

    /// Publishes a candidate of the transactions of a day; the function is a reconciler.
    pub async fn publish(&mut self, batch_date: NaiveDate, candidate: Option<String>) -> PublishOutput {
        let event = ReconcilerEvent::Publish {
            batch_date,
            dataset: "transactions".into(),
            candidate,
        };
        serde_json::from_value(self.invoke(&event).await.unwrap()).unwrap()
    }

    /// Starts `program` (`env!("CARGO_BIN_EXE_...")`) on a lake.
    pub async fn start(program: impl AsRef<Path>, lake: &LoopbackLake) -> Self {
        let program = program.as_ref();
        let name = program.file_stem().and_then(|name| name.to_str()).unwrap();
        let (events, waiting) = mpsc::channel(1);
        let (sender, replies) = mpsc::channel(1);
        let address = serve(name.to_owned(), waiting, sender).await;
        let keys = LoopbackLake::credentials();
        let process = Command::new(program)
            .env_clear()
            .envs(LoopbackLake::settings(&[]))
            .env(env::AWS_ENDPOINT_URL_S3, lake.endpoint_url())
            .env("AWS_ACCESS_KEY_ID", keys.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", keys.secret_access_key)
            .env("AWS_REGION", REGION)
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_LOG_LEVEL", "off")
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self {
            process,
            events,
            replies,
        }
    }

    /// Peak resident memory of the process, in bytes, as Linux reports it.
    #[must_use]
    pub fn peak_memory(&self) -> u64 {
        peak_kilobytes_of(&self.process.id().unwrap().to_string()).unwrap() * 1024
    }

    /// One invocation: the output, or the error reply.
    ///
    /// # Errors
    /// The function replied with an error.
    pub async fn invoke(&mut self, event: &(impl Serialize + Sync)) -> Result<Value, Value> {
        self.events.send(serde_json::to_value(event).unwrap()).await.unwrap();
        self.replies.recv().await.unwrap()
    }
}

#[derive(Clone)]
struct RuntimeApi {
    function: String,
    events: Arc<Mutex<mpsc::Receiver<Value>>>,
    replies: mpsc::Sender<Result<Value, Value>>,
}

/// Serves the runtime API of one function; gives its address.
async fn serve(function: String, events: mpsc::Receiver<Value>, replies: mpsc::Sender<Result<Value, Value>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let api = RuntimeApi {
        function,
        events: Arc::new(Mutex::new(events)),
        replies,
    };
    let router = Router::new().fallback(answer).with_state(api);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

async fn answer(State(api): State<RuntimeApi>, request: Request) -> Response<Body> {
    let path = request.uri().path().to_owned();
    if path.ends_with("/invocation/next") {
        // Without an event the function waits, as in Lambda, until it is killed.
        let Some(event) = api.events.lock().await.recv().await else {
            return std::future::pending().await;
        };
        let arn = format!("arn:aws:lambda:us-east-1:000000000000:function:{}", api.function);
        return Response::builder()
            .header("lambda-runtime-aws-request-id", "1")
            .header("lambda-runtime-deadline-ms", "4102444800000")
            .header("lambda-runtime-invoked-function-arn", arn)
            .body(Body::from(event.to_string()))
            .unwrap();
    }
    let body = to_bytes(request.into_body(), MAX_REPLY_BYTES).await.unwrap();
    let reply: Value = serde_json::from_slice(&body).unwrap();
    let reply = if path.ends_with("/response") {
        Ok(reply)
    } else {
        Err(reply)
    };
    api.replies.send(reply).await.unwrap();
    Response::builder().status(202).body(Body::empty()).unwrap()
}
