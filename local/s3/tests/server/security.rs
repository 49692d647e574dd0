//! What the server refuses.

use cardlake_local_s3::{S3ServerError, S3ServerOptions, start};
use cardlake_loopback::ListenError;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{BUCKET, Fixture, client, credentials, error};

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
