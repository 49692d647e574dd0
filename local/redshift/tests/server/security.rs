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

#[tokio::test]
async fn no_statement_reaches_a_file_of_the_machine() {
    let fixture = Fixture::start().await;
    // In lower case, as names are folded even in quotes: an attempt has to name a file that exists.
    let name = format!("cardlake-{}-", std::process::id());
    let folder = tempfile::Builder::new().prefix(&name).rand_bytes(0).tempdir().unwrap();
    let secret = folder.path().join("secret.csv");
    assert_eq!(secret.to_str().unwrap(), secret.to_str().unwrap().to_lowercase());
    std::fs::write(&secret, "key\n5105105105105100\n").unwrap();
    let json = folder.path().join("secret.json");
    std::fs::write(&json, "{\"key\":\"5105105105105100\"}").unwrap();
    fixture.run("create table taken (key varchar(64))").await;
    let (csv, json) = (secret.display(), json.display());
    for statement in [
        format!("select * from '{csv}'"),
        format!("select * from \"{csv}\""),
        format!("select * from \"{json}\""),
        format!("select * from \"{}/*.csv\"", folder.path().display()),
        format!("create table copied as select * from \"{csv}\""),
        format!("create view seen as select * from \"{csv}\""),
        format!("insert into taken select * from \"{csv}\""),
        format!("update taken set key = s.key from \"{csv}\" s"),
        format!("delete from taken using \"{csv}\" s where taken.key = s.key"),
        format!("select (select max(key) from \"{csv}\")"),
        format!("select * from read_csv('{csv}')"),
        format!("select * from read_csv_auto('{csv}')"),
        format!("select * from read_text('{csv}')"),
        format!("select * from read_json('{json}')"),
        format!("select * from glob('{}/*')", folder.path().display()),
        format!("select read_text('{csv}')"),
        format!("copy taken from '{csv}' iam_role default csv"),
        format!("unload ('select 1') to '{csv}' iam_role default"),
        format!("attach '{csv}'"),
        "select * from duckdb_secrets()".to_owned(),
        "set enable_external_access = true; select 1".to_owned(),
        "install httpfs".to_owned(),
        "load httpfs".to_owned(),
        "pragma database_list".to_owned(),
        "export database '/tmp/out'".to_owned(),
    ] {
        let error = fixture.error(&statement).await;
        assert!(!error.contains("5105105105105100"), "{statement}: {error}");
    }
    let error = fixture.error(&format!("select * from \"{csv}\"")).await;
    assert_eq!(error, format!("ERROR: relation \"{csv}\" does not exist"));
    assert_eq!(std::fs::read_to_string(&secret).unwrap(), "key\n5105105105105100\n");
    fixture.server.shutdown().await.unwrap();
}

#[tokio::test]
async fn one_value_has_a_size() {
    let fixture = Fixture::start().await;
    for call in [
        "repeat('x', 1500000000)",
        "replicate('xyz', 5592406)",
        "repeat('x', 9223372036854775807)",
        "lpad('x', 1500000000, 'ab')",
        "rpad('x', 1500000000)",
    ] {
        let error = fixture.error(&format!("select len({call})")).await;
        assert!(error.contains("Value too long for character type"), "{call}: {error}");
    }
    let id = fixture
        .run("select len(repeat('x', 16777216)), repeat('x', -1), repeat(null, 3)")
        .await;
    assert_eq!(fixture.rows(id.id()).await, "16777216||∅");
    fixture.server.shutdown().await.unwrap();
}
