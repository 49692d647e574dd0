//! The S3 server of the tests, and the settings that go with it.

use super::{BRONZE, SILVER};
use cardlake_core::env;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use std::collections::HashMap;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::TcpListener;

/// What the stage is told by its environment.
pub fn settings() -> HashMap<String, String> {
    HashMap::from([
        (env::BRONZE_BUCKET.into(), BRONZE.into()),
        (env::SILVER_BUCKET.into(), SILVER.into()),
        (env::GOLD_BUCKET.into(), "gold".into()),
    ])
}

/// Serves the folder; gives the address. Writes happen one at a time: `s3s-fs` checks the condition of a write and writes
/// in two steps, and a store in which two writers can both be the first is not S3.
pub async fn serve(folder: &TempDir) -> String {
    let files = s3s_fs::FileSystem::new(folder.path()).unwrap();
    let mut builder = S3ServiceBuilder::new(files);
    builder.set_auth(SimpleAuth::from_single("AKLOCAL", "local-secret"));
    let service = builder.build();
    let writing = Arc::new(tokio::sync::Mutex::new(()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (service, writing) = (service.clone(), Arc::clone(&writing));
            tokio::spawn(async move {
                let service = service_fn(move |request: hyper::Request<Incoming>| {
                    let (service, writing) = (service.clone(), Arc::clone(&writing));
                    async move {
                        let _guard = match *request.method() {
                            hyper::Method::PUT => Some(writing.lock().await),
                            _ => None,
                        };
                        service.call(request.map(s3s::Body::from)).await
                    }
                });
                let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(socket), service).await;
            });
        }
    });
    format!("http://{address}")
}
