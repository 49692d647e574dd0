//! What the local Redshift refuses.

use std::path::Path;
use std::sync::Arc;

use aws_credential_types::Credentials;
use aws_sdk_redshiftdata::error::ProvideErrorMetadata as _;
use cardlake::redshift::{self, KnownSecrets, RedshiftError, RedshiftOptions};
use cardlake_loopback::ListenError;
use cardlake_test_support::LoopbackLake;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const EVERYWHERE: &str = "0.0.0.0:0";

#[derive(Debug)]
struct NoSecrets;

impl KnownSecrets for NoSecrets {
    fn contains(&self, _: &str) -> bool {
        false
    }
}

fn redshift_options(listen: &str, folder: &Path, s3: aws_sdk_s3::Client) -> RedshiftOptions {
    RedshiftOptions {
        listen: listen.parse().unwrap(),
        database_file: folder.join("warehouse.duckdb"),
        database: "dev".to_owned(),
        s3,
        credentials: LoopbackLake::credentials(),
        region: "us-east-1".to_owned(),
        known_secrets: Arc::new(NoSecrets),
        memory_limit: None,
        max_result_bytes: None,
        access_log: None,
    }
}

/// The code of the error that a statement gets from a client with this secret key.
async fn redshift_error(endpoint_url: &str, secret: &str) -> Option<String> {
    let config = aws_sdk_redshiftdata::Config::builder()
        .behavior_version(aws_sdk_redshiftdata::config::BehaviorVersion::latest())
        .region(aws_sdk_redshiftdata::config::Region::new("us-east-1"))
        .endpoint_url(endpoint_url)
        .credentials_provider(Credentials::from_keys(
            LoopbackLake::credentials().access_key_id,
            secret,
            None,
        ))
        .retry_config(aws_sdk_redshiftdata::config::retry::RetryConfig::disabled())
        .build();
    let client = aws_sdk_redshiftdata::Client::from_conf(config);
    let statement = client
        .execute_statement()
        .database("dev")
        .workgroup_name("local")
        .sql("select 1")
        .send()
        .await;
    statement.err().map(|error| error.code().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn redshift_listens_on_loopback_only_and_wants_a_right_signature() {
    let lake = LoopbackLake::start().await;
    let folder = tempfile::tempdir().unwrap();
    let refused = redshift::start(redshift_options(EVERYWHERE, folder.path(), lake.aws().s3())).await;
    assert!(matches!(
        refused,
        Err(RedshiftError::Listen(ListenError::NotLoopback(_)))
    ));

    let server = redshift::start(redshift_options("127.0.0.1:0", folder.path(), lake.aws().s3()))
        .await
        .unwrap();
    let url = server.endpoint_url();
    assert_eq!(
        redshift_error(&url, "wrong").await.as_deref(),
        Some("InvalidSignatureException")
    );
    assert_eq!(
        redshift_error(&url, &LoopbackLake::credentials().secret_access_key).await,
        None
    );
    let address = url.strip_prefix("http://").unwrap().parse().unwrap();
    assert!(anonymous(address, "POST /").await.starts_with("HTTP/1.1 4"));
    server.shutdown().await.unwrap();
}

/// Sends a request without a signature and gives the first line of the answer.
async fn anonymous(address: std::net::SocketAddr, request: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request =
        format!("{request} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{{}}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.lines().next().unwrap().to_owned()
}
