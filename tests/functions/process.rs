//! The built function as a process of its own, with the part of Lambda that it talks to.

use aws_credential_types::provider::ProvideCredentials;
use cardlake_aws::clients::Aws;
use cardlake_core::env;
use cardlake_core::events::ReconcilerEvent;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use s3s::Body;
use serde_json::Value;
use std::process::Stdio;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc};

/// A running function; it is killed when this is dropped.
pub struct Function {
    process: Child,
    events: mpsc::Sender<Value>,
    replies: mpsc::Receiver<Result<Value, Value>>,
}

impl Function {
    /// Starts a process with the settings of the tests.
    pub async fn start(aws: &Aws) -> Self {
        let (events, waiting) = mpsc::channel(1);
        let (sender, replies) = mpsc::channel(1);
        let address = serve(waiting, sender).await;
        let keys = aws.sdk().credentials_provider().unwrap();
        let keys = keys.provide_credentials().await.unwrap();
        let settings = crate::common::server::settings();
        let process = Command::new(env!("CARGO_BIN_EXE_reconciler"))
            .env_clear()
            .envs(settings)
            .env(env::AWS_ENDPOINT_URL_S3, aws.s3_endpoint().unwrap())
            .env("AWS_ACCESS_KEY_ID", keys.access_key_id())
            .env("AWS_SECRET_ACCESS_KEY", keys.secret_access_key())
            .env("AWS_REGION", aws.sdk().region().unwrap().as_ref())
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "reconciler")
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

    /// The most memory that the process has held, in bytes, as Linux counts it.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id().unwrap())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let kibibytes: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        kibibytes * 1024
    }

    /// One invocation: the output, or the error reply.
    pub async fn invoke(&mut self, event: &ReconcilerEvent) -> Result<Value, Value> {
        self.events.send(serde_json::to_value(event).unwrap()).await.unwrap();
        self.replies.recv().await.unwrap()
    }
}

/// Lambda's runtime interface for one function: hands out events, takes replies. Gives its address.
async fn serve(events: mpsc::Receiver<Value>, replies: mpsc::Sender<Result<Value, Value>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let events = Arc::new(Mutex::new(events));
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (events, replies) = (Arc::clone(&events), replies.clone());
            let service = service_fn(move |request| answer(request, Arc::clone(&events), replies.clone()));
            let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            tokio::spawn(async move {
                let _ = server.serve_connection(TokioIo::new(socket), service).await;
            });
        }
    });
    address
}

async fn answer(
    request: Request<Incoming>,
    events: Arc<Mutex<mpsc::Receiver<Value>>>,
    replies: mpsc::Sender<Result<Value, Value>>,
) -> Result<Response<Body>, std::convert::Infallible> {
    let path = request.uri().path().to_owned();
    if path.ends_with("/invocation/next") {
        // Without an event the function waits, as it does in Lambda; it is killed when the test ends.
        let event = events.lock().await.recv().await;
        let Some(event) = event else {
            return std::future::pending().await;
        };
        let response = Response::builder()
            .header("lambda-runtime-aws-request-id", "1")
            .header("lambda-runtime-deadline-ms", "4102444800000")
            .header(
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:eu-central-1:1:function:reconciler",
            );
        return Ok(response.body(Body::from(event.to_string())).unwrap());
    }
    let mut body = Body::from(request.into_body());
    let reply: Value = serde_json::from_slice(&body.store_all_limited(10_000_000).await.unwrap()).unwrap();
    let reply = if path.ends_with("/response") {
        Ok(reply)
    } else {
        Err(reply)
    };
    replies.send(reply).await.unwrap();
    Ok(Response::builder().status(202).body(Body::empty()).unwrap())
}
