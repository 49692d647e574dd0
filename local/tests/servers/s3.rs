//! Objects through the AWS SDK.

use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, Delete, MetadataDirective, ObjectIdentifier};
use futures::future::join_all;

use crate::support::{BUCKET, Fixture, SECRET_ACCESS_KEY, client, error, get, keys, put, serve};

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
                folders.push(path)
            } else {
                files.push(path)
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
async fn tags_follow_from_the_content_and_survive_a_restart() {
    let fixture = Fixture::new().await;
    let sdk = fixture.client();
    let first = put(&sdk, "a", "same").await;
    assert_eq!(first, put(&sdk, "b", "same").await);
    assert_ne!(first, put(&sdk, "c", "different").await);
    let Fixture { folder, server } = fixture;
    server.shutdown().await;
    let server = serve(folder.path(), None).await;
    let sdk = client(&server, SECRET_ACCESS_KEY);
    let head = sdk.head_object().bucket(BUCKET).key("a").send().await.unwrap();
    assert_eq!(head.e_tag.unwrap(), first);
    let listed = sdk.list_objects_v2().bucket(BUCKET).prefix("b").send().await.unwrap();
    assert_eq!(listed.contents()[0].e_tag(), Some(first.as_str()));
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
async fn one_of_sixteen_creators_wins() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    for round in 0..8 {
        let key = format!("log/{round:020}.json");
        let writers = (0..16).map(|writer| {
            client
                .put_object()
                .bucket(BUCKET)
                .key(&key)
                .if_none_match("*")
                .body(writer.to_string().into_bytes().into())
                .send()
        });
        let results = join_all(writers).await;
        let winners: Vec<usize> = (0..16).filter(|writer| results[*writer].is_ok()).collect();
        assert_eq!(winners.len(), 1, "{winners:?}");
        for loser in results.iter().filter_map(|result| result.as_ref().err()) {
            assert_eq!(error(loser), (412, "PreconditionFailed".to_owned()));
        }
        assert_eq!(get(&client, &key).await, winners[0].to_string().as_bytes());
    }
    assert_eq!(
        std::fs::read_dir(fixture.folder.path().join(".uploads"))
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test]
async fn one_of_sixteen_replacers_wins() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    let tag = put(&client, "state", "start").await;
    let writers = (0..16).map(|writer| {
        client
            .put_object()
            .bucket(BUCKET)
            .key("state")
            .if_match(&tag)
            .body(format!("writer {writer}").into_bytes().into())
            .send()
    });
    let results = join_all(writers).await;
    let winners: Vec<usize> = (0..16).filter(|writer| results[*writer].is_ok()).collect();
    assert_eq!(winners.len(), 1, "{winners:?}");
    assert_eq!(get(&client, "state").await, format!("writer {}", winners[0]).as_bytes());
}

#[tokio::test]
async fn conditions_that_do_not_hold_answer_412_304_or_404() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    let tag = put(&client, "a", "1").await;
    let put = || client.put_object().bucket(BUCKET).body(ByteStream::from_static(b"2"));
    let missing = put().key("missing").if_match(&tag).send().await.unwrap_err();
    assert_eq!(error(&missing), (404, "NoSuchKey".to_owned()));
    let other = put().key("a").if_match("\"other\"").send().await.unwrap_err();
    assert_eq!(error(&other), (412, "PreconditionFailed".to_owned()));
    let unsupported = put().key("a").if_none_match(&tag).send().await.unwrap_err();
    assert_eq!(error(&unsupported), (501, "NotImplemented".to_owned()));
    assert_eq!(get(&client, "a").await, b"1");

    let unchanged = client
        .get_object()
        .bucket(BUCKET)
        .key("a")
        .if_none_match(&tag)
        .send()
        .await
        .unwrap_err();
    assert_eq!(error(&unchanged).0, 304);
    let changed = client
        .get_object()
        .bucket(BUCKET)
        .key("a")
        .if_match("\"other\"")
        .send()
        .await
        .unwrap_err();
    assert_eq!(error(&changed), (412, "PreconditionFailed".to_owned()));
    let delete = client
        .delete_object()
        .bucket(BUCKET)
        .key("a")
        .if_match("\"other\"")
        .send()
        .await
        .unwrap_err();
    assert_eq!(error(&delete), (412, "PreconditionFailed".to_owned()));
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
async fn keys_that_cannot_be_files_are_refused_with_the_reason() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    put(&client, "a/b", "x").await;
    for key in [
        "a",
        "a/b/c",
        "x//y",
        "x/",
        "x/../y",
        &"n".repeat(256),
        &"d/".repeat(600),
    ] {
        let refused = client.put_object().bucket(BUCKET).key(key).send().await.unwrap_err();
        assert_eq!(error(&refused).0, 400, "{key}");
    }
    assert_eq!(keys(&client, "").await, ["a/b"]);
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
async fn a_copy_takes_content_and_headers_or_replaces_the_headers() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    client
        .put_object()
        .bucket(BUCKET)
        .key("a b=1")
        .content_type("text/csv")
        .metadata("k", "v")
        .body(ByteStream::from_static(b"content"))
        .send()
        .await
        .unwrap();
    let copy = |to: &str| {
        client
            .copy_object()
            .bucket(BUCKET)
            .key(to)
            .copy_source(format!("{BUCKET}/a%20b%3D1"))
    };
    copy("c/d").send().await.unwrap();
    let head = client.head_object().bucket(BUCKET).key("c/d").send().await.unwrap();
    assert_eq!(
        (head.content_type(), head.metadata().unwrap()["k"].as_str()),
        (Some("text/csv"), "v")
    );
    assert_eq!(get(&client, "c/d").await, b"content");
    copy("a b=1")
        .metadata_directive(MetadataDirective::Replace)
        .content_type("text/plain")
        .send()
        .await
        .unwrap();
    let head = client.head_object().bucket(BUCKET).key("a b=1").send().await.unwrap();
    assert_eq!(head.content_type(), Some("text/plain"));
    assert_eq!(get(&client, "a b=1").await, b"content");
    let failed = copy("x").copy_source_if_match("\"other\"").send().await.unwrap_err();
    assert_eq!(error(&failed), (412, "PreconditionFailed".to_owned()));
}

#[tokio::test]
async fn parts_become_one_object_in_their_order() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    let created = client
        .create_multipart_upload()
        .bucket(BUCKET)
        .key("big")
        .content_type("text/csv")
        .send()
        .await
        .unwrap();
    let id = created.upload_id.unwrap();
    let mut parts = Vec::new();
    for (number, byte, length) in [(2, b'b', 5 << 20), (7, b'c', 3), (1, b'x', 9), (1, b'a', 5 << 20)] {
        let body = ByteStream::from(vec![byte; length]);
        let part = client
            .upload_part()
            .bucket(BUCKET)
            .key("big")
            .upload_id(&id)
            .part_number(number)
            .body(body);
        let tag = part.send().await.unwrap().e_tag.unwrap();
        parts.push(CompletedPart::builder().part_number(number).e_tag(tag).build());
    }
    let complete = |parts: Vec<CompletedPart>| {
        let upload = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        client
            .complete_multipart_upload()
            .bucket(BUCKET)
            .key("big")
            .upload_id(&id)
            .multipart_upload(upload)
            .send()
    };
    let (second, last, small, first) = (parts[0].clone(), parts[1].clone(), parts[2].clone(), parts[3].clone());
    let order = complete(vec![second.clone(), first.clone()]).await.unwrap_err();
    assert_eq!(error(&order), (400, "InvalidPartOrder".to_owned()));
    let too_small = complete(vec![small, second.clone()]).await.unwrap_err();
    assert_eq!(error(&too_small), (400, "EntityTooSmall".to_owned()));
    let unknown = CompletedPart::builder().part_number(3).e_tag("\"../../x\"").build();
    let unknown = complete(vec![first.clone(), unknown]).await.unwrap_err();
    assert_eq!(error(&unknown), (400, "InvalidPart".to_owned()));
    assert_eq!(keys(&client, "").await, [] as [&str; 0]);

    complete(vec![first.clone(), second, last]).await.unwrap();
    let object = get(&client, "big").await;
    assert_eq!(object.len(), (10 << 20) + 3);
    assert_eq!(
        (object[0], object[5 << 20], object[object.len() - 1]),
        (b'a', b'b', b'c')
    );
    let head = client.head_object().bucket(BUCKET).key("big").send().await.unwrap();
    assert_eq!(head.content_type(), Some("text/csv"));
    let again = complete(vec![first]).await.unwrap_err();
    assert_eq!(error(&again), (404, "NoSuchUpload".to_owned()));
    assert_eq!(
        std::fs::read_dir(fixture.folder.path().join(".uploads"))
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test]
async fn an_aborted_upload_leaves_nothing() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    let created = client
        .create_multipart_upload()
        .bucket(BUCKET)
        .key("k")
        .send()
        .await
        .unwrap();
    let id = created.upload_id.unwrap();
    client
        .upload_part()
        .bucket(BUCKET)
        .key("k")
        .upload_id(&id)
        .part_number(1)
        .body(ByteStream::from_static(b"x"))
        .send()
        .await
        .unwrap();
    client
        .abort_multipart_upload()
        .bucket(BUCKET)
        .key("k")
        .upload_id(&id)
        .send()
        .await
        .unwrap();
    assert_eq!(
        std::fs::read_dir(fixture.folder.path().join(".uploads"))
            .unwrap()
            .count(),
        0
    );
    for wrong in [id.as_str(), "../lake"] {
        let gone = client
            .abort_multipart_upload()
            .bucket(BUCKET)
            .key("k")
            .upload_id(wrong)
            .send()
            .await
            .unwrap_err();
        assert_eq!(error(&gone), (404, "NoSuchUpload".to_owned()));
    }
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
