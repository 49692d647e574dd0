//! The local S3 over a folder, with the lake's buckets and clients for it: handler tests send the real SDK's requests.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use cardlake_aws::clients::{Aws, Endpoints};
use cardlake_aws::runtime::Resources;
use cardlake_aws::storage::Storage;
use cardlake_core::config::Variables;
use cardlake_core::env;
use cardlake_local_s3::{S3Server, S3ServerOptions, start};
use cardlake_loopback::{RequestHook, ServerCredentials};
use tempfile::TempDir;

/// Bucket of the raw files.
pub const BRONZE: &str = "bronze";
/// Bucket of the Delta tables.
pub const SILVER: &str = "silver";
/// Bucket of the published marts.
pub const GOLD: &str = "gold";

/// Region of the clients.
pub(crate) const REGION: &str = "us-east-1";
const ACCESS_KEY_ID: &str = "test";
const SECRET_ACCESS_KEY: &str = "test";

/// A running S3 server with the buckets [`BRONZE`], [`SILVER`] and [`GOLD`]; it stops when it is dropped.
#[derive(Debug)]
pub struct LoopbackLake {
    server: S3Server,
    root: PathBuf,
    /// Removed after the server has stopped.
    _temporary: Option<TempDir>,
}

impl LoopbackLake {
    /// Starts a server over a temporary folder.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lake = Self::open(folder.path(), None).await;
        Self {
            _temporary: Some(folder),
            ..lake
        }
    }

    /// Starts a server over an existing folder, with a hook that sees every request and can make it fail.
    pub async fn open(root: &Path, hook: Option<Arc<dyn RequestHook>>) -> Self {
        let server = start(S3ServerOptions {
            listen: "127.0.0.1:0".parse().unwrap(),
            root: root.to_owned(),
            buckets: [BRONZE, SILVER, GOLD].map(str::to_owned).to_vec(),
            credentials: Self::credentials(),
            hook,
            created: None,
        })
        .await
        .unwrap();
        Self {
            server,
            root: root.to_owned(),
            _temporary: None,
        }
    }

    /// The keys that the server accepts, for further servers beside it.
    #[must_use]
    pub fn credentials() -> ServerCredentials {
        ServerCredentials {
            access_key_id: ACCESS_KEY_ID.to_owned(),
            secret_access_key: SECRET_ACCESS_KEY.to_owned(),
        }
    }

    /// Clients with the SDK's default retries.
    pub fn aws(&self) -> Aws {
        self.aws_with_secret(SECRET_ACCESS_KEY)
    }

    /// Clients that sign with this secret key; the server refuses any but its own.
    pub fn aws_with_secret(&self, secret: &str) -> Aws {
        self.clients(secret, RetryConfig::standard())
    }

    /// Clients that never retry, so that each failed request fails the caller.
    pub fn aws_without_retries(&self) -> Aws {
        self.clients(SECRET_ACCESS_KEY, RetryConfig::disabled())
    }

    fn clients(&self, secret: &str, retries: RetryConfig) -> Aws {
        let credentials = Credentials::from_keys(ACCESS_KEY_ID, secret, None);
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(REGION))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .retry_config(retries)
            .build();
        let endpoints = Endpoints {
            s3: Some(self.endpoint_url()),
            ..Endpoints::default()
        };
        Aws::new(sdk, endpoints)
    }

    /// The server's URL.
    #[must_use]
    pub fn endpoint_url(&self) -> String {
        self.server.endpoint_url()
    }

    /// The objects, through the real client.
    pub fn storage(&self) -> Storage {
        Storage::new(self.aws().s3())
    }

    /// The folder whose subfolders are the buckets; an object is the file `<folder>/<bucket>/<key>`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.root
    }

    /// What a stage's context is made from: clients, and settings that name the buckets, and `more`.
    pub fn resources(&self, more: &[(&str, &str)]) -> Resources {
        Resources::new(self.variables(more), self.aws(), cardlake_assets::embedded())
    }

    /// Settings that name the buckets, and `more`.
    #[must_use]
    pub fn variables(&self, more: &[(&str, &str)]) -> Variables {
        Variables::new(Self::settings(more))
    }

    /// The same settings, by name.
    #[must_use]
    pub fn settings(more: &[(&str, &str)]) -> HashMap<String, String> {
        let buckets = [
            (env::BRONZE_BUCKET, BRONZE),
            (env::SILVER_BUCKET, SILVER),
            (env::GOLD_BUCKET, GOLD),
        ];
        let all = buckets.iter().chain(more);
        all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    /// Closes all connections: requests under way no longer reach the folder.
    pub async fn close(self) {
        self.server.shutdown().await;
    }
}
