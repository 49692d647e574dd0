//! Secrets through the AWS SDK.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail loudly, as tests do")]

use std::os::unix::fs::PermissionsExt as _;

use aws_credential_types::Credentials;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Region};
use aws_sdk_secretsmanager::error::ProvideErrorMetadata as _;
use aws_sdk_secretsmanager::primitives::Blob;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType};
use cardlake_local_secrets::{SecretsServer, SecretsServerError, SecretsServerOptions, start};
use cardlake_loopback::{ListenError, ServerCredentials};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const ACCESS_KEY_ID: &str = "AKIDEXAMPLE";
const SECRET_ACCESS_KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn credentials() -> ServerCredentials {
    ServerCredentials {
        access_key_id: ACCESS_KEY_ID.to_owned(),
        secret_access_key: SECRET_ACCESS_KEY.to_owned(),
    }
}

async fn serve(folder: &std::path::Path) -> SecretsServer {
    let (listen, folder) = ("127.0.0.1:0".parse().unwrap(), folder.to_owned());
    start(SecretsServerOptions {
        listen,
        folder,
        credentials: credentials(),
        access_log: None,
    })
    .await
    .unwrap()
}

fn client(server: &SecretsServer, secret: &str) -> aws_sdk_secretsmanager::Client {
    let config = aws_sdk_secretsmanager::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(server.endpoint_url())
        .credentials_provider(Credentials::from_keys(ACCESS_KEY_ID, secret, None))
        .retry_config(RetryConfig::disabled())
        .build();
    aws_sdk_secretsmanager::Client::from_conf(config)
}

#[tokio::test]
async fn a_secret_is_created_read_and_described() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path()).await;
    let client = client(&server, SECRET_ACCESS_KEY);
    let created = client
        .create_secret()
        .name("cardlake/token-key")
        .description("the key of the tokens")
        .secret_string("{\"key\":\"é\"}")
        .send()
        .await
        .unwrap();
    let arn = created.arn().unwrap();
    assert!(
        arn.starts_with("arn:aws:secretsmanager:us-east-1:000000000000:secret:cardlake/token-key-"),
        "{arn}"
    );
    for id in ["cardlake/token-key", arn, &arn[..arn.len() - 7]] {
        let read = client.get_secret_value().secret_id(id).send().await.unwrap();
        assert_eq!(read.secret_string(), Some("{\"key\":\"é\"}"), "{id}");
        assert_eq!((read.version_id(), read.arn()), (created.version_id(), Some(arn)));
        assert!(read.created_date().unwrap().secs() > 1_700_000_000);
    }
    let described = client.describe_secret().secret_id(arn).send().await.unwrap();
    assert_eq!(
        (described.name(), described.description()),
        (Some("cardlake/token-key"), Some("the key of the tokens"))
    );
    let stages = described.version_ids_to_stages().unwrap();
    assert_eq!(stages[created.version_id().unwrap()], ["AWSCURRENT"]);
}

#[tokio::test]
async fn a_new_value_becomes_current_and_the_old_one_previous() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path()).await;
    let client = client(&server, SECRET_ACCESS_KEY);
    client
        .create_secret()
        .name("s")
        .secret_string("1")
        .send()
        .await
        .unwrap();
    let mut versions = Vec::new();
    for value in ["2", "3"] {
        let put = client
            .put_secret_value()
            .secret_id("s")
            .secret_string(value)
            .send()
            .await
            .unwrap();
        assert_eq!(put.version_stages(), ["AWSCURRENT"]);
        versions.push(put.version_id.unwrap());
    }
    let get = || client.get_secret_value().secret_id("s");
    assert_eq!(get().send().await.unwrap().secret_string(), Some("3"));
    assert_eq!(
        get().version_stage("AWSPREVIOUS").send().await.unwrap().secret_string(),
        Some("2")
    );
    assert_eq!(
        get().version_id(&versions[0]).send().await.unwrap().secret_string(),
        Some("2")
    );
    let mixed = get()
        .version_id(&versions[0])
        .version_stage("AWSCURRENT")
        .send()
        .await
        .unwrap_err();
    assert_eq!(mixed.code(), Some("ResourceNotFoundException"));
    let described = client.describe_secret().secret_id("s").send().await.unwrap();
    assert_eq!(described.version_ids_to_stages().unwrap().len(), 2);
}

#[tokio::test]
async fn secrets_survive_a_restart_in_a_file_for_the_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("secrets");
    let server = serve(&inner).await;
    let sdk = client(&server, SECRET_ACCESS_KEY);
    sdk.create_secret()
        .name("b")
        .secret_binary(Blob::new([0, 255]))
        .send()
        .await
        .unwrap();
    sdk.put_secret_value()
        .secret_id("b")
        .secret_binary(Blob::new([1, 254]))
        .send()
        .await
        .unwrap();
    server.shutdown().await;
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&inner.join("secrets.json")), mode(&inner)), (0o600, 0o700));
    let server = serve(&inner).await;
    let read = client(&server, SECRET_ACCESS_KEY)
        .get_secret_value()
        .secret_id("b")
        .send()
        .await
        .unwrap();
    assert_eq!(read.secret_binary().unwrap().as_ref(), [1, 254]);
}

#[tokio::test]
async fn errors_are_the_typed_ones_of_the_service() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path()).await;
    let client = client(&server, SECRET_ACCESS_KEY);
    client
        .create_secret()
        .name("s")
        .secret_string("1")
        .send()
        .await
        .unwrap();

    let missing = client.get_secret_value().secret_id("missing").send().await.unwrap_err();
    assert!(missing.as_service_error().unwrap().is_resource_not_found_exception());
    let put = client
        .put_secret_value()
        .secret_id("missing")
        .secret_string("1")
        .send()
        .await
        .unwrap_err();
    assert!(put.as_service_error().unwrap().is_resource_not_found_exception());
    let stage = client
        .get_secret_value()
        .secret_id("s")
        .version_stage("AWSPREVIOUS")
        .send()
        .await
        .unwrap_err();
    assert_eq!(
        stage.message(),
        Some("Secrets Manager can't find the specified secret value for staging label: AWSPREVIOUS")
    );
    let exists = client
        .create_secret()
        .name("s")
        .secret_string("2")
        .send()
        .await
        .unwrap_err();
    assert!(exists.as_service_error().unwrap().is_resource_exists_exception());
    let both = client
        .create_secret()
        .name("t")
        .secret_string("2")
        .secret_binary(Blob::new([1]))
        .send()
        .await;
    assert_eq!(both.unwrap_err().code(), Some("ValidationException"));
    let large = client
        .create_secret()
        .name("t")
        .secret_string("x".repeat(65_537))
        .send()
        .await;
    assert_eq!(large.unwrap_err().code(), Some("ValidationException"));
    let name = client.create_secret().name("a b").secret_string("x").send().await;
    assert_eq!(name.unwrap_err().code(), Some("ValidationException"));
    let parameter = client
        .create_secret()
        .name("t")
        .secret_string("x")
        .kms_key_id("k")
        .send()
        .await;
    assert_eq!(parameter.unwrap_err().code(), Some("ValidationException"));
    let operation = client.rotate_secret().secret_id("s").send().await.unwrap_err();
    assert_eq!(operation.code(), Some("UnknownOperationException"));
}

#[tokio::test]
async fn a_repeated_request_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path()).await;
    let client = client(&server, SECRET_ACCESS_KEY);
    let token = "11111111-2222-3333-4444-555555555555";
    let create = || {
        client
            .create_secret()
            .name("s")
            .client_request_token(token)
            .secret_string("1")
            .send()
    };
    let first = create().await.unwrap();
    assert_eq!(create().await.unwrap().version_id(), first.version_id());
    let put = |value: &str| {
        client
            .put_secret_value()
            .secret_id("s")
            .client_request_token(token)
            .secret_string(value)
            .send()
    };
    assert_eq!(put("1").await.unwrap().version_stages(), ["AWSCURRENT"]);
    assert!(
        put("2")
            .await
            .unwrap_err()
            .as_service_error()
            .unwrap()
            .is_resource_exists_exception()
    );
}

#[tokio::test]
async fn the_server_listens_on_loopback_only() {
    let folder = tempfile::tempdir().unwrap();
    let options = SecretsServerOptions {
        listen: "0.0.0.0:0".parse().unwrap(),
        folder: folder.path().to_owned(),
        credentials: credentials(),
        access_log: None,
    };
    let refused = start(options).await;
    assert!(matches!(
        refused,
        Err(SecretsServerError::Listen(ListenError::NotLoopback(_)))
    ));
}

#[tokio::test]
async fn a_wrong_secret_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path()).await;
    let refused = client(&server, "wrong")
        .create_secret()
        .name("s")
        .secret_string("x")
        .send()
        .await;
    assert_eq!(refused.unwrap_err().code(), Some("InvalidSignatureException"));
    let right = client(&server, SECRET_ACCESS_KEY)
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

#[tokio::test]
async fn a_request_without_a_signature_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path()).await;
    let address = server.address();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("POST / HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{{}}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer.lines().next(), Some("HTTP/1.1 403 Forbidden"));
}

#[tokio::test]
async fn secrets_are_listed_updated_deleted_and_restored() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path()).await;
    let client = client(&server, SECRET_ACCESS_KEY);
    for name in ["a/1", "a/2", "a/3", "b"] {
        client
            .create_secret()
            .name(name)
            .secret_string("old")
            .send()
            .await
            .unwrap();
    }
    let mut pages = client.list_secrets().max_results(2).into_paginator().send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        assert!(page.secret_list().len() <= 2);
        names.extend(
            page.secret_list()
                .iter()
                .map(|secret| secret.name().unwrap().to_owned()),
        );
    }
    assert_eq!(names, ["a/1", "a/2", "a/3", "b"]);
    let listed = async |deleted: bool| {
        let filter = Filter::builder().key(FilterNameStringType::Name).values("a/").build();
        let request = client.list_secrets().filters(filter).include_planned_deletion(deleted);
        let found = request.send().await.unwrap();
        let names = found
            .secret_list()
            .iter()
            .map(|secret| secret.name().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(listed(false).await, ["a/1", "a/2", "a/3"]);

    let update = client
        .update_secret()
        .secret_id("a/1")
        .description("new")
        .secret_string("new");
    assert!(update.send().await.unwrap().version_id().is_some());
    let read = client.get_secret_value().secret_id("a/1").send().await.unwrap();
    assert_eq!(read.secret_string(), Some("new"));
    let described = client.describe_secret().secret_id("a/1").send().await.unwrap();
    assert_eq!(described.description(), Some("new"));

    client
        .delete_secret()
        .secret_id("a/1")
        .recovery_window_in_days(7)
        .send()
        .await
        .unwrap();
    assert_eq!(listed(false).await, ["a/2", "a/3"]);
    assert_eq!(listed(true).await, ["a/1", "a/2", "a/3"]);
    let error = client.get_secret_value().secret_id("a/1").send().await.unwrap_err();
    assert!(error.into_service_error().is_invalid_request_exception());
    let again = client
        .create_secret()
        .name("a/1")
        .secret_string("x")
        .send()
        .await
        .unwrap_err();
    assert!(again.into_service_error().is_invalid_request_exception());
    client.restore_secret().secret_id("a/1").send().await.unwrap();
    let read = client.get_secret_value().secret_id("a/1").send().await.unwrap();
    assert_eq!(read.secret_string(), Some("new"));

    let delete = client
        .delete_secret()
        .secret_id("a/2")
        .force_delete_without_recovery(true);
    delete.send().await.unwrap();
    let error = client.describe_secret().secret_id("a/2").send().await.unwrap_err();
    assert!(error.into_service_error().is_resource_not_found_exception());
    client
        .create_secret()
        .name("a/2")
        .secret_string("anew")
        .send()
        .await
        .unwrap();
    server.shutdown().await;
}
