//! The lake on loopback, and a transformer over it.

use cardlake_aws::clients::Aws;
use cardlake_aws::runtime::Resources;
use cardlake_aws::storage::Storage;
use cardlake_core::env;
use cardlake_core::paths::BronzeKey;
use cardlake_core::records::ObjectRecord;
use cardlake_test_support::LoopbackLake;
use cardlake_transformer::Context;

pub use cardlake_test_support::{BRONZE, SILVER};

pub struct Lake {
    server: LoopbackLake,
    pub storage: Storage,
    pub aws: Aws,
}

impl Lake {
    pub async fn new() -> Self {
        let server = LoopbackLake::start().await;
        Self {
            storage: server.storage(),
            aws: server.aws(),
            server,
        }
    }

    pub async fn context(&self) -> Context {
        self.context_with(&[]).await
    }

    pub async fn context_with(&self, more: &[(&str, &str)]) -> Context {
        let more = [&[(env::TOKEN_KEY_SECRET, "token-keys")], more].concat();
        let resources = Resources {
            aws: self.aws.clone(),
            ..self.server.resources(&more)
        };
        Context::new(resources).await.unwrap()
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
