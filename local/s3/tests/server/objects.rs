//! Objects through the AWS SDK.

use aws_sdk_s3::config::AppName;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use futures::future::join_all;

use crate::support::{BUCKET, Fixture, error, get, keys, put};

#[tokio::test]
async fn an_object_is_a_plain_file_and_comes_back() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    let key = "transactions/ingest_date=2026-01-13/part 1+2%20ü&=.jsonl";
    let tag = put(&client, key, "line\n").await;
    assert_eq!(std::fs::read(fixture.file(key)).unwrap(), b"line\n");
    let head = client.head_object().bucket(BUCKET).key(key).send().await.unwrap();
    assert_eq!(
        (head.content_length, head.e_tag.as_deref()),
        (Some(5), Some(tag.as_str()))
    );
    let modified = std::fs::metadata(fixture.file(key)).unwrap().modified().unwrap();
    assert_eq!(head.last_modified.unwrap().secs(), DateTime::from(modified).secs());
    let object = client.get_object().bucket(BUCKET).key(key).send().await.unwrap();
    assert_eq!(
        (object.content_length, object.e_tag.as_deref()),
        (Some(5), Some(tag.as_str()))
    );
    assert_eq!(object.body.collect().await.unwrap().to_vec(), b"line\n");
    assert_eq!(keys(&client, "transactions/ingest_date=2026-01-13/part ").await, [key]);
}

#[tokio::test]
async fn nothing_but_objects_is_in_the_folder_of_a_bucket() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    put(&client, "table/_delta_log/00000000000000000000.json", "{}").await;
    client
        .put_object()
        .bucket(BUCKET)
        .key("table/a.parquet")
        .metadata("batch", "1")
        .body(ByteStream::from_static(b"x"))
        .send()
        .await
        .unwrap();
    client
        .create_multipart_upload()
        .bucket(BUCKET)
        .key("table/b.parquet")
        .send()
        .await
        .unwrap();
    let mut files = Vec::new();
    let mut folders = vec![fixture.file("")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    assert_eq!(
        files,
        [
            fixture.file("table/_delta_log/00000000000000000000.json"),
            fixture.file("table/a.parquet")
        ]
    );
}

#[tokio::test]
async fn a_large_object_streams_through_unchanged() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    // Not a multiple of any buffer.
    let body: Vec<u8> = (0..10_000_019_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    put(&client, "large", body.clone()).await;
    assert!(get(&client, "large").await == body);
    assert_eq!(
        std::fs::read_dir(fixture.folder.path().join(".uploads"))
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test]
async fn an_empty_object_is_an_object() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    put(&client, "empty", "").await;
    assert_eq!(get(&client, "empty").await, b"");
    assert_eq!(keys(&client, "").await, ["empty"]);
}

#[tokio::test]
async fn ranges_give_their_part() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    put(&client, "digits", "0123456789").await;
    for (range, expected, header) in [
        ("bytes=0-0", "0", "bytes 0-0/10"),
        ("bytes=3-5", "345", "bytes 3-5/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=8-99", "89", "bytes 8-9/10"),
        ("bytes=-4", "6789", "bytes 6-9/10"),
        ("bytes=-99", "0123456789", "bytes 0-9/10"),
    ] {
        let part = client
            .get_object()
            .bucket(BUCKET)
            .key("digits")
            .range(range)
            .send()
            .await
            .unwrap();
        assert_eq!(part.content_range.as_deref(), Some(header), "{range}");
        assert_eq!(part.content_length, Some(expected.len() as i64), "{range}");
        assert_eq!(
            part.body.collect().await.unwrap().to_vec(),
            expected.as_bytes(),
            "{range}"
        );
    }
    let beyond = client
        .get_object()
        .bucket(BUCKET)
        .key("digits")
        .range("bytes=10-")
        .send()
        .await
        .unwrap_err();
    assert_eq!(error(&beyond), (416, "InvalidRange".to_owned()));
}

#[tokio::test]
async fn an_etag_is_the_md5_unless_the_lake_itself_writes_and_survives_a_restart() {
    let fixture = Fixture::new().await;
    let sdk = fixture.client();
    let own = sdk.config().to_builder().app_name(AppName::new("cardlake").unwrap());
    let own = aws_sdk_s3::Client::from_conf(own.build());
    // The digests of `123456789`.
    let (md5, tag) = ("\"25f9e794323b453885f5181f1b624d0b\"", "\"ae8b14860a799888-9\"");
    assert_eq!(put(&sdk, "a", "123456789").await, md5);
    assert_eq!(put(&own, "b", "123456789").await, tag);
    let copy = sdk
        .copy_object()
        .bucket(BUCKET)
        .key("c")
        .copy_source(format!("{BUCKET}/b"));
    let copied = copy.send().await.unwrap().copy_object_result.unwrap();
    assert_eq!(copied.e_tag.as_deref(), Some(md5));
    std::fs::write(fixture.file("d"), "123456789").unwrap();
    let expected = [("a", md5), ("b", tag), ("c", md5), ("d", tag)];
    let check = async |sdk: aws_sdk_s3::Client| {
        for (key, tag) in expected {
            let get = sdk.get_object().bucket(BUCKET).key(key).if_match(tag).send().await;
            assert_eq!(get.unwrap().e_tag.as_deref(), Some(tag), "{key}");
        }
        let listed = sdk.list_objects_v2().bucket(BUCKET).send().await.unwrap();
        let listed: Vec<_> = listed
            .contents()
            .iter()
            .map(|object| (object.key(), object.e_tag()))
            .collect();
        assert_eq!(listed, expected.map(|(key, tag)| (Some(key), Some(tag))));
        let replaced = sdk.put_object().bucket(BUCKET).key("a").if_match(tag).send().await;
        assert_eq!(error(&replaced.unwrap_err()), (412, "PreconditionFailed".to_owned()));
    };
    check(sdk).await;
    let fixture = fixture.restarted().await;
    check(fixture.client()).await;
    // What is remembered may be lost.
    std::fs::remove_file(fixture.folder.path().join(".attributes/tags")).unwrap();
    check(fixture.restarted().await.client()).await;
}

#[tokio::test]
async fn what_another_program_writes_is_an_object_at_once() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    let before = put(&client, "table/file", "ours").await;
    std::fs::write(fixture.file("table/file"), "theirs").unwrap();
    std::fs::write(fixture.file("table/new"), "new").unwrap();
    let head = client
        .head_object()
        .bucket(BUCKET)
        .key("table/file")
        .send()
        .await
        .unwrap();
    assert_ne!(head.e_tag.unwrap(), before);
    assert_eq!(keys(&client, "table/").await, ["table/file", "table/new"]);
    assert_eq!(get(&client, "table/new").await, b"new");
}

#[tokio::test]
async fn headers_and_metadata_come_back_until_the_object_is_replaced() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    let key = format!("{}/report.html", "long-name-".repeat(20));
    client
        .put_object()
        .bucket(BUCKET)
        .key(&key)
        .content_type("text/html; charset=utf-8")
        .cache_control("no-cache")
        .content_encoding("gzip")
        .metadata("batch-date", "2026-01-15")
        .body(ByteStream::from_static(b"<html>"))
        .send()
        .await
        .unwrap();
    let head = client.head_object().bucket(BUCKET).key(&key).send().await.unwrap();
    assert_eq!(head.content_type(), Some("text/html; charset=utf-8"));
    assert_eq!(
        (head.cache_control(), head.content_encoding()),
        (Some("no-cache"), Some("gzip"))
    );
    assert_eq!(head.metadata().unwrap()["batch-date"], "2026-01-15");
    put(&client, &key, "<html>").await;
    let head = client.head_object().bucket(BUCKET).key(&key).send().await.unwrap();
    assert_eq!(
        (head.content_type(), head.cache_control()),
        (Some("application/octet-stream"), None)
    );
    assert!(head.metadata().is_none_or(std::collections::HashMap::is_empty));
    assert_eq!(
        head.content_encoding(),
        None,
        "the encoding of the request is not one of the object"
    );
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    put(&client, "folder/object", "x").await;
    for key in [
        "missing",
        "folder",
        "folder/",
        "folder/object/below",
        "a//b",
        "../lake/folder/object",
    ] {
        let missing = client.get_object().bucket(BUCKET).key(key).send().await.unwrap_err();
        assert_eq!(error(&missing), (404, "NoSuchKey".to_owned()), "{key}");
    }
    let head = client
        .head_object()
        .bucket(BUCKET)
        .key("missing")
        .send()
        .await
        .unwrap_err();
    assert_eq!(error(&head).0, 404);
    for bucket in ["missing", ".uploads"] {
        let missing = client.get_object().bucket(bucket).key("k").send().await;
        assert!(missing.is_err(), "{bucket}");
        let missing = client.list_objects_v2().bucket(bucket).send().await;
        assert!(missing.is_err(), "{bucket}");
    }
    let bucket = client.put_object().bucket("missing").key("k").send().await.unwrap_err();
    assert_eq!(error(&bucket), (404, "NoSuchBucket".to_owned()));
}

#[tokio::test]
async fn a_listing_of_thousands_is_complete_and_sorted() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    let mut expected: Vec<String> = (0..2_500).map(|n| format!("in/{:03}/{n}", n % 7)).collect();
    for key in &expected {
        let path = fixture.file(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }
    expected.sort();
    assert_eq!(keys(&client, "in/").await, expected);

    let page = client
        .list_objects_v2()
        .bucket(BUCKET)
        .prefix("in/")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (page.key_count(), page.is_truncated(), page.max_keys()),
        (Some(1_000), Some(true), Some(1_000))
    );
    let page = client
        .list_objects_v2()
        .bucket(BUCKET)
        .prefix("in/")
        .delimiter("/")
        .send()
        .await
        .unwrap();
    let folders: Vec<&str> = page
        .common_prefixes()
        .iter()
        .filter_map(|common| common.prefix())
        .collect();
    assert_eq!(folders, (0..7).map(|n| format!("in/{n:03}/")).collect::<Vec<_>>());
    let page = client
        .list_objects_v2()
        .bucket(BUCKET)
        .start_after(&expected[2_498])
        .send()
        .await
        .unwrap();
    assert_eq!(page.contents()[0].key(), Some(expected[2_499].as_str()));
    let token = client
        .list_objects_v2()
        .bucket(BUCKET)
        .continuation_token("?")
        .send()
        .await
        .unwrap_err();
    assert_eq!(error(&token), (400, "InvalidArgument".to_owned()));
}

#[tokio::test]
async fn deleting_removes_files_and_the_folders_they_leave_empty() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    for key in ["p/q/1", "p/q/2", "p/r/3", "keep"] {
        put(&client, key, "x").await;
    }
    client.delete_object().bucket(BUCKET).key("p/q/1").send().await.unwrap();
    client
        .delete_object()
        .bucket(BUCKET)
        .key("missing")
        .send()
        .await
        .unwrap();
    assert_eq!(keys(&client, "").await, ["keep", "p/q/2", "p/r/3"]);
    let object = |key: &str| ObjectIdentifier::builder().key(key).build().unwrap();
    let delete = Delete::builder()
        .objects(object("p/q/2"))
        .objects(object("p/r/3"))
        .objects(object("gone"));
    let deleted = client
        .delete_objects()
        .bucket(BUCKET)
        .delete(delete.build().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!((deleted.deleted().len(), deleted.errors().len()), (3, 0));
    assert_eq!(keys(&client, "").await, ["keep"]);
    assert!(!fixture.file("p").exists());
    assert!(fixture.file("").exists());
}

#[tokio::test]
async fn writes_and_deletes_of_one_folder_do_not_disturb_each_other() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    let work = (0..16).map(|n| {
        let client = client.clone();
        async move {
            for round in 0..20 {
                let key = format!("shared/folder/{n}-{round}");
                put(&client, &key, "x").await;
                client.delete_object().bucket(BUCKET).key(&key).send().await.unwrap();
            }
        }
    });
    join_all(work).await;
    assert_eq!(keys(&client, "").await, [] as [&str; 0]);
}

#[tokio::test]
async fn buckets_can_be_made_listed_and_deleted() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    client.create_bucket().bucket("gold").send().await.unwrap();
    let exists = client.create_bucket().bucket("gold").send().await.unwrap_err();
    assert_eq!(error(&exists), (409, "BucketAlreadyOwnedByYou".to_owned()));
    client.head_bucket().bucket("gold").send().await.unwrap();
    let listed = client.list_buckets().send().await.unwrap();
    let names: Vec<&str> = listed.buckets().iter().filter_map(|bucket| bucket.name()).collect();
    assert_eq!(names, ["gold", "lake"]);
    put(&client, "k", "x").await;
    let full = client.delete_bucket().bucket(BUCKET).send().await.unwrap_err();
    assert_eq!(error(&full), (409, "BucketNotEmpty".to_owned()));
    client.delete_bucket().bucket("gold").send().await.unwrap();
    assert_eq!(
        error(&client.head_bucket().bucket("gold").send().await.unwrap_err()).0,
        404
    );
}
