//! What the server refuses.

use aws_sdk_redshiftdata::error::ProvideErrorMetadata as _;
use cardlake_local_redshift::{RedshiftError, start};
use cardlake_loopback::ListenError;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::*;

/// The code of the error that a statement gets from a client with this secret key.
async fn redshift_error(fixture: &Fixture, secret: &str) -> Option<String> {
    let statement = data_api(&fixture.server, secret)
        .execute_statement()
        .database("cardlake")
        .workgroup_name("local")
        .sql("select 1")
        .send()
        .await;
    statement.err().map(|error| error.code().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn the_server_listens_on_loopback_only_and_wants_a_right_signature() {
    let fixture = Fixture::start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut everywhere = options(&folder, &fixture.s3);
    everywhere.listen = "0.0.0.0:0".parse().unwrap();
    let refused = start(everywhere).await;
    assert!(matches!(
        refused,
        Err(RedshiftError::Listen(ListenError::NotLoopback(_)))
    ));

    assert_eq!(
        redshift_error(&fixture, "wrong").await.as_deref(),
        Some("InvalidSignatureException")
    );
    assert_eq!(redshift_error(&fixture, SECRET).await, None);
    let url = fixture.server.endpoint_url();
    let address = url.strip_prefix("http://").unwrap().parse().unwrap();
    assert!(anonymous(address, "POST /").await.starts_with("HTTP/1.1 4"));
    fixture.server.shutdown().await.unwrap();
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
