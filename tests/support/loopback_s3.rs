//! An S3 server on loopback with its files in a temporary folder, for handler tests: real requests of the real SDK.
//!
//! Included with `#[path]` by the stage crates' tests.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use cardlake_aws::clients::{Aws, Endpoints};
use cardlake_aws::runtime::Resources;
use cardlake_aws::storage::Storage;
use cardlake_core::config::Variables;
use cardlake_core::env;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use std::collections::HashMap;
use tempfile::TempDir;
use tokio::net::TcpListener;

/// A server that ends with the test, with the buckets `bronze`, `silver` and `gold`.
pub struct LoopbackS3 {
    folder: TempDir,
    endpoint: String,
}

impl LoopbackS3 {
    /// Starts a server on a free port.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for bucket in ["bronze", "silver", "gold"] {
            std::fs::create_dir(folder.path().join(bucket)).unwrap();
        }
        let mut service = S3ServiceBuilder::new(FileSystem::new(folder.path()).unwrap());
        service.set_auth(SimpleAuth::from_single("test", "test"));
        let service = service.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    // A connection that breaks off shows in the client.
                    let _ = Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(socket), service)
                        .await;
                });
            }
        });
        Self { folder, endpoint }
    }

    /// Clients that talk to the server.
    pub fn aws(&self) -> Aws {
        self.aws_with_secret("test")
    }

    /// Clients that sign with the given secret; all but `test` are refused.
    pub fn aws_with_secret(&self, secret: &str) -> Aws {
        let credentials = Credentials::new("test", secret, None, None, "test");
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        let endpoints = Endpoints {
            s3: Some(self.endpoint.clone()),
            ..Endpoints::default()
        };
        Aws::new(sdk, endpoints)
    }

    /// Objects of the server.
    pub fn storage(&self) -> Storage {
        Storage::new(self.aws().s3())
    }

    /// The folder whose subfolders are the buckets.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// What a stage's context is made from: clients, and settings that name the buckets and whatever else is given.
    pub fn resources(&self, more: &[(&str, &str)]) -> Resources {
        Resources::new(self.variables(more), self.aws(), cardlake_assets::embedded())
    }

    /// Settings that name the buckets, and whatever else is given.
    pub fn variables(&self, more: &[(&str, &str)]) -> Variables {
        let buckets = [
            (env::BRONZE_BUCKET, "bronze"),
            (env::SILVER_BUCKET, "silver"),
            (env::GOLD_BUCKET, "gold"),
        ];
        let all = buckets.iter().chain(more);
        Variables::new(
            all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect::<HashMap<_, _>>(),
        )
    }
}
