//! Conditional writes, copies and multipart uploads through the AWS SDK.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, MetadataDirective};
use futures::future::join_all;

use crate::support::{BUCKET, Fixture, error, get, keys, put};

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
    for (number, byte, length) in [
        (2, b'b', 5 << 20),
        (7, b'c', 3),
        (1, b'x', 9),
        (1, b'a', 5 << 20),
        (9, b'd', 1),
    ] {
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
    let (second, last, replaced, first) = (parts[0].clone(), parts[1].clone(), parts[2].clone(), parts[3].clone());
    let order = complete(vec![second.clone(), first.clone()]).await.unwrap_err();
    assert_eq!(error(&order), (400, "InvalidPartOrder".to_owned()));
    let replaced = complete(vec![replaced, second.clone()]).await.unwrap_err();
    assert_eq!(error(&replaced), (400, "InvalidPart".to_owned()));
    let too_small = complete(vec![last.clone(), parts[4].clone()]).await.unwrap_err();
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

#[tokio::test(flavor = "multi_thread")]
async fn of_parts_of_one_number_at_the_same_time_one_stays() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    let created = client
        .create_multipart_upload()
        .bucket(BUCKET)
        .key("big")
        .send()
        .await
        .unwrap();
    let id = created.upload_id.unwrap();
    for round in 0..16 {
        let writers = (0..8).map(|writer| {
            let part = client
                .upload_part()
                .bucket(BUCKET)
                .key("big")
                .upload_id(&id)
                .part_number(1);
            part.body(format!("{round} {writer}").into_bytes().into()).send()
        });
        let tags: Vec<_> = join_all(writers)
            .await
            .into_iter()
            .map(|part| part.unwrap().e_tag)
            .collect();
        let parts = client
            .list_parts()
            .bucket(BUCKET)
            .key("big")
            .upload_id(&id)
            .send()
            .await
            .unwrap();
        assert_eq!(parts.parts().len(), 1);
        assert!(tags.contains(&parts.parts()[0].e_tag));
    }
}
