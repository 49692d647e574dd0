//! What the server refuses.

use aws_sdk_s3::types::Permission;
use cardlake_local_s3::{S3ServerError, S3ServerOptions, start};
use cardlake_loopback::ListenError;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{BUCKET, Fixture, client, credentials, error, put};

#[tokio::test]
async fn the_server_listens_on_loopback_only() {
    let folder = tempfile::tempdir().unwrap();
    let options = S3ServerOptions {
        listen: "0.0.0.0:0".parse().unwrap(),
        root: folder.path().to_owned(),
        buckets: vec![],
        credentials: credentials(),
        hook: None,
        created: None,
    };
    let refused = start(options).await;
    assert!(matches!(
        refused,
        Err(S3ServerError::Listen(ListenError::NotLoopback(_)))
    ));
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
}

/// Sends a request without a signature and gives the first line of the answer.
async fn anonymous(address: std::net::SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
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
}

/// A root that cannot be used keeps the I/O error as a source.
#[tokio::test]
async fn a_root_that_is_a_file_is_an_error_with_its_cause() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let options = S3ServerOptions {
        listen: "127.0.0.1:0".parse().unwrap(),
        root: file.path().to_owned(),
        buckets: vec![BUCKET.to_owned()],
        credentials: credentials(),
        hook: None,
        created: None,
    };
    let error = start(options).await.unwrap_err();
    let chain = std::iter::successors(Some(&error as &dyn std::error::Error), |&error| error.source());
    let kinds: Vec<_> = chain
        .filter_map(|error| Some(error.downcast_ref::<std::io::Error>()?.kind()))
        .collect();
    assert_eq!(kinds, [std::io::ErrorKind::NotADirectory], "{error}");
}

#[tokio::test]
async fn a_signature_for_no_region_is_answered_with_the_region() {
    let fixture = Fixture::new().await;
    let address = fixture.server.address();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let credential = "Credential=key/20260101/US<x>/s3/aws4_request, SignedHeaders=host, Signature=0";
    let request = format!(
        "GET / HTTP/1.1\r\nhost: {address}\r\nauthorization: AWS4-HMAC-SHA256 {credential}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("<Code>AuthorizationHeaderMalformed</Code>"), "{answer}");
    assert!(answer.contains("<Region>us-east-1</Region>"), "{answer}");
    assert!(answer.contains("'US?x?'"), "{answer}");
}

#[tokio::test]
async fn the_owner_has_full_control_and_there_are_no_versions() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    put(&client, "a", "a").await;
    let bucket = client.get_bucket_acl().bucket(BUCKET).send().await.unwrap();
    let object = client.get_object_acl().bucket(BUCKET).key("a").send().await.unwrap();
    assert_eq!(bucket.grants(), object.grants());
    assert_eq!(bucket.grants()[0].permission(), Some(&Permission::FullControl));
    let missing = client
        .get_object_acl()
        .bucket(BUCKET)
        .key("b")
        .send()
        .await
        .unwrap_err();
    assert_eq!(error(&missing), (404, "NoSuchKey".to_owned()));
    let versioning = client.get_bucket_versioning().bucket(BUCKET).send().await.unwrap();
    assert_eq!(versioning.status(), None);
}
