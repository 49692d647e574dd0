//! The older listing, names that XML cannot hold, and tags, through the AWS SDK.

use aws_sdk_s3::types::{EncodingType, Tag, Tagging, TaggingDirective};

use crate::support::{BUCKET, Fixture, error, put};

#[tokio::test]
async fn the_older_listing_goes_on_behind_a_key_or_a_common_prefix() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    for key in ["a", "b/1", "b/2", "c", "d/1", "e"] {
        put(&client, key, "").await;
    }
    let (mut seen, mut marker) = (Vec::new(), None);
    loop {
        let request = client.list_objects().bucket(BUCKET).delimiter("/").max_keys(2);
        let page = request.set_marker(marker).send().await.unwrap();
        let mut names: Vec<String> = page
            .contents()
            .iter()
            .filter_map(|object| object.key().map(str::to_owned))
            .collect();
        names.extend(
            page.common_prefixes()
                .iter()
                .filter_map(|common| common.prefix().map(str::to_owned)),
        );
        names.sort();
        seen.extend(names);
        if page.is_truncated() != Some(true) {
            break;
        }
        marker = page.next_marker().map(str::to_owned);
        assert!(marker.is_some());
    }
    assert_eq!(seen, ["a", "b/", "c", "d/", "e"]);
    let flat = client
        .list_objects()
        .bucket(BUCKET)
        .prefix("b/")
        .marker("b/1")
        .send()
        .await
        .unwrap();
    assert_eq!(flat.contents().len(), 1);
    assert_eq!((flat.next_marker(), flat.marker()), (None, Some("b/1")));
}

#[tokio::test]
async fn a_name_that_xml_cannot_hold_is_listed_in_percent_signs() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    for key in ["x/a\u{1}b+c d.csv", "x/é/f"] {
        put(&client, key, "1").await;
    }
    let request = client.list_objects_v2().bucket(BUCKET).prefix("x/").delimiter("/");
    let page = request.encoding_type(EncodingType::Url).send().await.unwrap();
    assert_eq!(page.contents()[0].key(), Some("x/a%01b%2Bc%20d.csv"));
    assert_eq!(page.common_prefixes()[0].prefix(), Some("x/%C3%A9/"));
    assert_eq!(page.prefix(), Some("x/"));
    // The client of the stages gives the names as they are.
    let listed = fixture.storage().list(BUCKET, "x/").await.unwrap();
    let names: Vec<&str> = listed.iter().map(|object| object.key.as_str()).collect();
    assert_eq!(names, ["x/a\u{1}b+c d.csv", "x/é/f"]);
    let some = fixture.storage().list_some(BUCKET, "x/", Some("/"), 1).await.unwrap();
    assert_eq!(some.folders, ["x/é/"]);
}

#[tokio::test]
async fn tags_are_written_read_copied_and_removed() {
    let fixture = Fixture::new().await;
    let client = fixture.client();
    let tags = async |key: &str| {
        let output = client
            .get_object_tagging()
            .bucket(BUCKET)
            .key(key)
            .send()
            .await
            .unwrap();
        let pairs = output
            .tag_set()
            .iter()
            .map(|tag| format!("{}={}", tag.key(), tag.value()));
        pairs.collect::<Vec<_>>().join("&")
    };
    let write = client.put_object().bucket(BUCKET).key("a").body(b"1".to_vec().into());
    write.tagging("team=risk&note=a+b").send().await.unwrap();
    assert_eq!(tags("a").await, "note=a b&team=risk");
    let copy = |key: &str| {
        client
            .copy_object()
            .bucket(BUCKET)
            .key(key)
            .copy_source(format!("{BUCKET}/a"))
    };
    copy("b").send().await.unwrap();
    assert_eq!(tags("b").await, "note=a b&team=risk");
    let replaced = copy("c").tagging("x=y").tagging_directive(TaggingDirective::Replace);
    replaced.send().await.unwrap();
    assert_eq!(tags("c").await, "x=y");
    let tag = Tag::builder().key("only").value("one").build().unwrap();
    let tagging = Tagging::builder().tag_set(tag).build().unwrap();
    client
        .put_object_tagging()
        .bucket(BUCKET)
        .key("a")
        .tagging(tagging.clone())
        .send()
        .await
        .unwrap();
    assert_eq!(tags("a").await, "only=one");
    client
        .delete_object_tagging()
        .bucket(BUCKET)
        .key("a")
        .send()
        .await
        .unwrap();
    assert_eq!(tags("a").await, "");
    // A new object does not have the tags of the one before it.
    put(&client, "b", "2").await;
    assert_eq!(tags("b").await, "");
    let missing = client
        .put_object_tagging()
        .bucket(BUCKET)
        .key("no")
        .tagging(tagging)
        .send()
        .await
        .unwrap_err();
    assert_eq!(error(&missing), (404, "NoSuchKey".to_owned()));
}
