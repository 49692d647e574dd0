//! Keys that S3 takes and a folder cannot hold.

use crate::support::{BUCKET, Fixture, error, get, keys, put};

/// In the order of their bytes.
fn odd_keys() -> Vec<String> {
    let mut keys = [
        "/leading",
        "a",
        "a/",
        "a/b",
        "a/b/c",
        "a/b/c/",
        "x//y",
        "x/../y",
        "x/.",
        "ü//%2F+ ",
    ]
    .map(str::to_owned)
    .to_vec();
    keys.extend(["n".repeat(256), "d/".repeat(512), format!("d/{}", "é".repeat(500))]);
    keys.sort();
    keys
}

#[tokio::test]
async fn every_key_is_written_read_listed_and_deleted() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    let all = odd_keys();
    // Either of two keys in each other's way may come first.
    for (round, order) in [all.clone(), all.iter().rev().cloned().collect()]
        .into_iter()
        .enumerate()
    {
        for key in &order {
            put(&client, key, "first").await;
            put(&client, key, key.as_bytes()).await;
        }
        assert_eq!(keys(&client, "").await, all, "{round}");
        assert_eq!(keys(&client, "a/").await, ["a/", "a/b", "a/b/c", "a/b/c/"]);
        for key in &all {
            assert_eq!(get(&client, key).await, key.as_bytes(), "{key}");
        }
        for (deleted, key) in order.iter().enumerate() {
            client.delete_object().bucket(BUCKET).key(key).send().await.unwrap();
            assert_eq!(keys(&client, "").await.len(), all.len() - deleted - 1, "{key}");
        }
    }
    client.delete_bucket().bucket(BUCKET).send().await.unwrap();
}

#[tokio::test]
async fn a_key_behind_another_stays_one_object_when_the_other_goes() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    put(&client, "a", "a").await;
    put(&client, "a/b", "old").await;
    client.delete_object().bucket(BUCKET).key("a").send().await.unwrap();
    let again = client
        .put_object()
        .bucket(BUCKET)
        .key("a/b")
        .if_none_match("*")
        .send()
        .await;
    assert_eq!(error(&again.unwrap_err()).0, 412);
    put(&client, "a/b", "new").await;
    let fixture = fixture.restarted().await;
    let client = fixture.client();
    assert_eq!(keys(&client, "").await, ["a/b"]);
    assert_eq!(get(&client, "a/b").await, b"new");
    let refused = client.delete_bucket().bucket(BUCKET).send().await.unwrap_err();
    assert_eq!(error(&refused), (409, "BucketNotEmpty".to_owned()));
    client.delete_object().bucket(BUCKET).key("a/b").send().await.unwrap();
    let left = std::fs::read_dir(fixture.folder.path().join(".keys")).unwrap();
    assert_eq!(left.count(), 0);
}

#[tokio::test]
async fn a_key_that_is_too_long_is_refused() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    let refused = client.put_object().bucket(BUCKET).key("k".repeat(1_025)).send().await;
    assert_eq!(error(&refused.unwrap_err()), (400, "KeyTooLongError".to_owned()));
}
