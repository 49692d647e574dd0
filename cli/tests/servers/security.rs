//! What every server refuses.

use std::path::Path;
use std::sync::Arc;

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use cardlake::loopback::ListenError;
use cardlake::redshift::{self, KnownSecrets, RedshiftError, RedshiftOptions};
use cardlake::s3_server::{self, S3ServerError, S3ServerOptions};
use cardlake::secrets_server::{self, SecretsServerError, SecretsServerOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{BUCKET, Fixture, client, client_credentials, credentials, error};
use crate::{secrets, support};

const EVERYWHERE: &str = "0.0.0.0:0";

#[tokio::test]
async fn servers_listen_on_loopback_only() {
    let folder = tempfile::tempdir().unwrap();
    let (listen, root) = (EVERYWHERE.parse().unwrap(), folder.path().to_owned());
    let options = S3ServerOptions {
        listen,
        root,
        buckets: vec![],
        credentials: credentials(),
        hook: None,
    };
    let refused = s3_server::start(options).await;
    assert!(matches!(
        refused,
        Err(S3ServerError::Listen(ListenError::NotLoopback(_)))
    ));
    let folder = folder.path().to_owned();
    let options = SecretsServerOptions {
        listen,
        folder,
        credentials: credentials(),
        access_log: None,
    };
    let refused = secrets_server::start(options).await;
    assert!(matches!(
        refused,
        Err(SecretsServerError::Listen(ListenError::NotLoopback(_)))
    ));
}

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
        credentials: credentials(),
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
        .credentials_provider(client_credentials(secret))
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
    let fixture = Fixture::new().await;
    let folder = tempfile::tempdir().unwrap();
    let refused = redshift::start(redshift_options(EVERYWHERE, folder.path(), fixture.client())).await;
    assert!(matches!(
        refused,
        Err(RedshiftError::Listen(ListenError::NotLoopback(_)))
    ));

    let server = redshift::start(redshift_options("127.0.0.1:0", folder.path(), fixture.client()))
        .await
        .unwrap();
    let url = server.endpoint_url();
    assert_eq!(
        redshift_error(&url, "wrong").await.as_deref(),
        Some("InvalidSignatureException")
    );
    assert_eq!(redshift_error(&url, support::SECRET_ACCESS_KEY).await, None);
    let address = url.strip_prefix("http://").unwrap().parse().unwrap();
    assert!(anonymous(address, "POST /").await.starts_with("HTTP/1.1 4"));
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_wrong_secret_key_is_refused() {
    let fixture = Fixture::new().await;
    let wrong = client(&fixture.server, "wrong");
    let refused = wrong
        .put_object()
        .bucket(BUCKET)
        .key("k")
        .body(b"x".to_vec().into())
        .send()
        .await
        .unwrap_err();
    assert_eq!(error(&refused), (403, "SignatureDoesNotMatch".to_owned()));
    assert!(!fixture.file("k").exists());

    let folder = tempfile::tempdir().unwrap();
    let server = secrets::serve(folder.path()).await;
    let refused = secrets::client(&server, "wrong")
        .create_secret()
        .name("s")
        .secret_string("x")
        .send()
        .await;
    assert_eq!(refused.unwrap_err().code(), Some("InvalidSignatureException"));
    let right = secrets::client(&server, support::SECRET_ACCESS_KEY)
        .describe_secret()
        .secret_id("s")
        .send()
        .await;
    assert!(
        right
            .unwrap_err()
            .as_service_error()
            .unwrap()
            .is_resource_not_found_exception()
    );
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

#[tokio::test]
async fn requests_without_a_signature_are_refused() {
    let fixture = Fixture::new().await;
    for request in ["PUT /lake/k", "GET /lake/k", "GET /lake?list-type=2", "GET /"] {
        assert_eq!(
            anonymous(fixture.server.address(), request).await,
            "HTTP/1.1 403 Forbidden",
            "{request}"
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let server = secrets::serve(folder.path()).await;
    assert_eq!(anonymous(server.address(), "POST /").await, "HTTP/1.1 403 Forbidden");
}
