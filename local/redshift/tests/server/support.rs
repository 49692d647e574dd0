//! A running server, with an S3 server on loopback for COPY and UNLOAD, and clients of both.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_redshiftdata::Client;
use aws_sdk_redshiftdata::operation::describe_statement::DescribeStatementOutput;
use aws_sdk_redshiftdata::types::{Field, StatusString};
use cardlake_local_redshift::{KnownSecrets, RedshiftOptions, RedshiftServer, start};
use cardlake_local_s3::{S3Server, S3ServerOptions};
use cardlake_loopback::ServerCredentials;
use tempfile::TempDir;

pub(crate) const REGION: &str = "eu-central-1";
pub(crate) const KEY: &str = "AKLOCAL";
pub(crate) const SECRET: &str = "local-secret";
pub(crate) const SECRET_NAME: &str = "cardlake/redshift";

/// A server with an empty database, and its clients.
pub(crate) struct Fixture {
    pub(crate) client: Client,
    pub(crate) s3: aws_sdk_s3::Client,
    pub(crate) server: RedshiftServer,
    pub(crate) folder: TempDir,
    /// Serves for as long as it is kept.
    _s3_server: S3Server,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut RedshiftOptions)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let s3_server = cardlake_local_s3::start(S3ServerOptions {
            listen: "127.0.0.1:0".parse().unwrap(),
            root: folder.path().join("s3"),
            buckets: vec!["lake".to_owned()],
            credentials: credentials(),
            hook: None,
            created: None,
        })
        .await
        .unwrap();
        let s3 = s3_client(&s3_server);
        let mut options = options(&folder, &s3);
        change(&mut options);
        let server = start(options).await.unwrap();
        Self {
            client: data_api(&server, SECRET),
            s3,
            server,
            folder,
            _s3_server: s3_server,
        }
    }

    /// Runs a statement and waits for its end.
    pub(crate) async fn describe(&self, sql: &str) -> DescribeStatementOutput {
        let submitted = self
            .client
            .execute_statement()
            .workgroup_name("local")
            .database("cardlake")
            .sql(sql)
            .wait_time_seconds(30)
            .send()
            .await
            .unwrap();
        self.client
            .describe_statement()
            .id(submitted.id().unwrap())
            .send()
            .await
            .unwrap()
    }

    /// Runs a statement that must succeed.
    pub(crate) async fn run(&self, sql: &str) -> DescribeStatementOutput {
        let description = self.describe(sql).await;
        assert_eq!(
            description.status(),
            Some(&StatusString::Finished),
            "{sql}: {:?}",
            description.error()
        );
        description
    }

    /// Runs a statement that must fail, and gives its error.
    pub(crate) async fn error(&self, sql: &str) -> String {
        let description = self.describe(sql).await;
        assert_eq!(description.status(), Some(&StatusString::Failed), "{sql} must fail");
        description.error().unwrap().to_owned()
    }

    /// The rows of a query as text: columns separated by `|`, rows by line ends, NULL as `∅`.
    pub(crate) async fn query(&self, sql: &str) -> String {
        let description = self.run(sql).await;
        self.rows(description.id()).await
    }

    pub(crate) async fn rows(&self, id: &str) -> String {
        let mut pages = self.client.get_statement_result().id(id).into_paginator().send();
        let mut rows = Vec::new();
        while let Some(page) = pages.next().await {
            for record in page.unwrap().records() {
                rows.push(record.iter().map(text).collect::<Vec<_>>().join("|"));
            }
        }
        rows.join("\n")
    }

    /// Runs a batch and waits for its end.
    pub(crate) async fn batch(&self, sqls: &[&str]) -> DescribeStatementOutput {
        let submitted = self
            .client
            .batch_execute_statement()
            .workgroup_name("local")
            .database("cardlake")
            .set_sqls(Some(sqls.iter().map(|sql| (*sql).to_owned()).collect()))
            .wait_time_seconds(30)
            .send()
            .await
            .unwrap();
        self.client
            .describe_statement()
            .id(submitted.id().unwrap())
            .send()
            .await
            .unwrap()
    }

    pub(crate) async fn put(&self, key: &str, body: Vec<u8>) {
        self.s3
            .put_object()
            .bucket("lake")
            .key(key)
            .body(body.into())
            .send()
            .await
            .unwrap();
    }

    pub(crate) async fn get(&self, key: &str) -> Vec<u8> {
        let object = self.s3.get_object().bucket("lake").key(key).send().await.unwrap();
        object.body.collect().await.unwrap().to_vec()
    }

    pub(crate) async fn keys(&self) -> Vec<String> {
        let listed = self.s3.list_objects_v2().bucket("lake").send().await.unwrap();
        let mut keys: Vec<String> = listed
            .contents()
            .iter()
            .map(|object| object.key().unwrap().to_owned())
            .collect();
        keys.sort();
        keys
    }
}

pub(crate) fn text(field: &Field) -> String {
    match field {
        Field::IsNull(_) => "∅".to_owned(),
        Field::BooleanValue(value) => value.to_string(),
        Field::LongValue(value) => value.to_string(),
        Field::DoubleValue(value) => format!("{value:?}"),
        Field::StringValue(value) => value.clone(),
        other => format!("{other:?}"),
    }
}

pub(crate) fn credentials() -> ServerCredentials {
    ServerCredentials {
        access_key_id: KEY.to_owned(),
        secret_access_key: SECRET.to_owned(),
    }
}

/// There is one secret, known by its name alone.
#[derive(Debug)]
pub(crate) struct OneSecret;

impl KnownSecrets for OneSecret {
    fn contains(&self, name_or_arn: &str) -> bool {
        name_or_arn == SECRET_NAME
    }
}

pub(crate) fn options(folder: &TempDir, s3: &aws_sdk_s3::Client) -> RedshiftOptions {
    RedshiftOptions {
        listen: "127.0.0.1:0".parse().unwrap(),
        database_file: folder.path().join("warehouse.duckdb"),
        database: "cardlake".to_owned(),
        workgroup: None,
        s3: s3.clone(),
        credentials: credentials(),
        region: REGION.to_owned(),
        known_secrets: Arc::new(OneSecret),
        memory_limit: None,
        max_result_bytes: None,
        access_log: None,
        wire: None,
    }
}

pub(crate) fn data_api(server: &RedshiftServer, secret: &str) -> Client {
    let config = aws_sdk_redshiftdata::Config::builder()
        .behavior_version_latest()
        .region(aws_sdk_redshiftdata::config::Region::new(REGION))
        .endpoint_url(server.endpoint_url())
        .credentials_provider(aws_sdk_redshiftdata::config::Credentials::new(
            KEY, secret, None, None, "test",
        ))
        .retry_config(aws_sdk_redshiftdata::config::retry::RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

/// A client of an S3 server.
pub(crate) fn s3_client(server: &S3Server) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version_latest()
        .region(aws_sdk_s3::config::Region::new(REGION))
        .endpoint_url(server.endpoint_url())
        .force_path_style(true)
        .credentials_provider(aws_sdk_s3::config::Credentials::new(KEY, SECRET, None, None, "test"))
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

/// Waits until a statement has a status, without a fixed pause that a slow machine would break.
pub(crate) async fn wait_until(client: &Client, id: &str, wanted: &StatusString) -> DescribeStatementOutput {
    loop {
        let description = client.describe_statement().id(id).send().await.unwrap();
        if description.status() == Some(wanted) {
            return description;
        }
        assert!(
            !matches!(
                description.status(),
                Some(StatusString::Finished | StatusString::Failed | StatusString::Aborted)
            ),
            "{:?} instead of {wanted:?}: {:?}",
            description.status(),
            description.error()
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
