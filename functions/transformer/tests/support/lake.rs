//! A lake on loopback: an S3 server over a temporary folder, and a transformer that talks to it.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use cardlake_aws::clients::{Aws, Endpoints};
use cardlake_aws::runtime::Resources;
use cardlake_aws::storage::Storage;
use cardlake_core::config::Variables;
use cardlake_core::env;
use cardlake_core::paths::BronzeKey;
use cardlake_core::records::ObjectRecord;
use cardlake_transformer::Context;
use hyper_util::rt::{TokioExecutor, TokioIo};
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use std::collections::HashMap;

pub struct Lake {
    /// Goes with the lake.
    _folder: tempfile::TempDir,
    pub storage: Storage,
    pub aws: Aws,
}

pub const BRONZE: &str = "bronze";
pub const SILVER: &str = "silver";

impl Lake {
    /// Starts the server; it ends with the runtime.
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for bucket in [BRONZE, SILVER] {
            std::fs::create_dir(folder.path().join(bucket)).unwrap();
        }
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single("key", "secret"));
        let service = builder.build();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let connection = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    let _ = connection.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::from_keys(
                "key", "secret", None,
            )))
            .build();
        let endpoints = Endpoints {
            s3: Some(endpoint),
            ..Endpoints::default()
        };
        let aws = Aws::new(sdk, endpoints);
        Self {
            _folder: folder,
            storage: Storage::new(aws.s3()),
            aws,
        }
    }

    pub async fn context(&self) -> Context {
        self.context_with(&[]).await
    }

    pub async fn context_with(&self, more: &[(&str, &str)]) -> Context {
        let mut variables = HashMap::from([
            (env::BRONZE_BUCKET.to_owned(), BRONZE.to_owned()),
            (env::SILVER_BUCKET.to_owned(), SILVER.to_owned()),
            (env::TOKEN_KEY_SECRET.to_owned(), "token-keys".to_owned()),
        ]);
        variables.extend(
            more.iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        let variables = Variables::new(variables);
        Context::new(Resources::new(variables, self.aws.clone(), cardlake_assets::embedded()))
            .await
            .unwrap()
    }

    pub async fn put(&self, key: &str, body: impl Into<Vec<u8>>) {
        self.storage.put(BRONZE, key, body.into()).await.unwrap();
    }

    pub async fn record(&self, key: &str) -> ObjectRecord {
        let path = BronzeKey::parse(key).unwrap().object_record();
        self.storage.get_json(SILVER, &path).await.unwrap().unwrap()
    }

    /// All objects of the silver bucket with their bytes, by key.
    pub async fn silver(&self) -> Vec<(String, Vec<u8>)> {
        let mut objects = Vec::new();
        for object in self.storage.list(SILVER, "").await.unwrap() {
            let bytes = self.storage.get(SILVER, &object.key).await.unwrap().unwrap();
            objects.push((object.key, bytes.to_vec()));
        }
        objects
    }
}
