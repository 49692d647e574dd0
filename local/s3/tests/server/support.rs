//! A server, its folder and clients for it.

use std::sync::Arc;

use aws_credential_types::Credentials;
use aws_sdk_s3::config::{BehaviorVersion, Region, retry::RetryConfig};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use cardlake_local_s3::{S3Server, S3ServerOptions, start};
use cardlake_loopback::{RequestHook, ServerCredentials};

pub const BUCKET: &str = "lake";
pub const ACCESS_KEY_ID: &str = "AKIDEXAMPLE";
pub const SECRET_ACCESS_KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

pub fn credentials() -> ServerCredentials {
    ServerCredentials {
        access_key_id: ACCESS_KEY_ID.to_owned(),
        secret_access_key: SECRET_ACCESS_KEY.to_owned(),
    }
}

pub fn client_credentials(secret: &str) -> Credentials {
    Credentials::from_keys(ACCESS_KEY_ID, secret, None)
}

pub struct Fixture {
    pub folder: tempfile::TempDir,
    pub server: S3Server,
}

impl Fixture {
    pub async fn new() -> Self {
        Self::with_hook(None).await
    }

    pub async fn with_hook(hook: Option<Arc<dyn RequestHook>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = serve(folder.path(), hook).await;
        Self { folder, server }
    }

    /// A client that does not retry, so that a test sees every answer.
    pub fn client(&self) -> aws_sdk_s3::Client {
        client(&self.server, SECRET_ACCESS_KEY)
    }

    /// The client of the stages.
    pub fn storage(&self) -> cardlake_aws::storage::Storage {
        cardlake_aws::storage::Storage::new(self.client())
    }

    /// The same folder behind another server.
    pub async fn restarted(self) -> Self {
        let Self { folder, server } = self;
        server.shutdown().await;
        let server = serve(folder.path(), None).await;
        Self { folder, server }
    }

    pub fn file(&self, key: &str) -> std::path::PathBuf {
        self.folder.path().join(BUCKET).join(key)
    }
}

pub fn options(root: &std::path::Path, hook: Option<Arc<dyn RequestHook>>) -> S3ServerOptions {
    S3ServerOptions {
        listen: "127.0.0.1:0".parse().unwrap(),
        root: root.to_owned(),
        buckets: vec![BUCKET.to_owned()],
        credentials: credentials(),
        hook,
        created: None,
    }
}

pub async fn serve(root: &std::path::Path, hook: Option<Arc<dyn RequestHook>>) -> S3Server {
    start(options(root, hook)).await.unwrap()
}

pub fn client(server: &S3Server, secret: &str) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(server.endpoint_url())
        .credentials_provider(client_credentials(secret))
        .force_path_style(true)
        .retry_config(RetryConfig::disabled())
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

/// The HTTP status and the code of a service error.
pub fn error<E: ProvideErrorMetadata>(error: &SdkError<E>) -> (u16, String) {
    let status = error.raw_response().map_or(0, |response| response.status().as_u16());
    (status, error.code().unwrap_or_default().to_owned())
}

pub async fn put(client: &aws_sdk_s3::Client, key: &str, body: impl Into<Vec<u8>>) -> String {
    let output = client
        .put_object()
        .bucket(BUCKET)
        .key(key)
        .body(body.into().into())
        .send()
        .await
        .unwrap();
    output.e_tag.unwrap()
}

pub async fn get(client: &aws_sdk_s3::Client, key: &str) -> Vec<u8> {
    let output = client.get_object().bucket(BUCKET).key(key).send().await.unwrap();
    output.body.collect().await.unwrap().to_vec()
}

/// All keys with a prefix, page by page.
pub async fn keys(client: &aws_sdk_s3::Client, prefix: &str) -> Vec<String> {
    let mut pages = client
        .list_objects_v2()
        .bucket(BUCKET)
        .prefix(prefix)
        .into_paginator()
        .send();
    let mut keys = Vec::new();
    while let Some(page) = pages.next().await {
        keys.extend(
            page.unwrap()
                .contents
                .unwrap_or_default()
                .into_iter()
                .filter_map(|object| object.key),
        );
    }
    keys
}
