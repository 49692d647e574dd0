//! Objects through the `object_store` crate, in the way the Delta kernel uses it.

use futures::TryStreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut};
use object_store::path::Path;
use object_store::{
    Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, UpdateVersion,
};

use crate::support::{ACCESS_KEY_ID, BUCKET, Fixture, SECRET_ACCESS_KEY};

fn store(fixture: &Fixture) -> AmazonS3 {
    AmazonS3Builder::new()
        .with_bucket_name(BUCKET)
        .with_endpoint(fixture.server.endpoint_url())
        .with_allow_http(true)
        .with_region("us-east-1")
        .with_access_key_id(ACCESS_KEY_ID)
        .with_secret_access_key(SECRET_ACCESS_KEY)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_commit_is_put_if_absent() {
    let fixture = Fixture::new().await;
    let store = store(&fixture);
    let commit = Path::from("transactions/_delta_log/00000000000000000000.json");
    let create = || PutOptions::from(PutMode::Create);
    store.put_opts(&commit, "first".into(), create()).await.unwrap();
    let second = store.put_opts(&commit, "second".into(), create()).await.unwrap_err();
    assert!(matches!(second, Error::AlreadyExists { .. }), "{second:?}");
    assert_eq!(store.get(&commit).await.unwrap().bytes().await.unwrap(), "first");
}

#[tokio::test]
async fn an_update_needs_the_version_that_was_read() {
    let fixture = Fixture::new().await;
    let store = store(&fixture);
    let path = Path::from("state");
    let first = store.put(&path, "1".into()).await.unwrap();
    let update = |version: UpdateVersion| PutOptions::from(PutMode::Update(version));
    let version = UpdateVersion::from(first);
    store
        .put_opts(&path, "2".into(), update(version.clone()))
        .await
        .unwrap();
    let stale = store.put_opts(&path, "3".into(), update(version)).await.unwrap_err();
    assert!(matches!(stale, Error::Precondition { .. }), "{stale:?}");
    assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), "2");
}

#[tokio::test]
async fn ranges_heads_and_conditional_reads_agree() {
    let fixture = Fixture::new().await;
    let store = store(&fixture);
    let path = Path::from("data/txn_date=2026-01-13/a%20b c.parquet");
    store.put(&path, PutPayload::from_static(b"0123456789")).await.unwrap();
    let meta = store.head(&path).await.unwrap();
    assert_eq!((meta.size, &meta.location), (10, &path));
    assert_eq!(store.get_range(&path, 2..5).await.unwrap(), "234");
    let ranges = store.get_ranges(&path, &[0..1, 9..10]).await.unwrap();
    assert_eq!(ranges, ["0", "9"]);
    let suffix = GetOptions {
        range: Some(GetRange::Suffix(3)),
        ..GetOptions::default()
    };
    let suffix = store.get_opts(&path, suffix).await.unwrap();
    assert_eq!(
        (suffix.range.clone(), suffix.bytes().await.unwrap().as_ref()),
        (7..10, b"789".as_slice())
    );
    let matching = GetOptions {
        if_match: meta.e_tag.clone(),
        ..GetOptions::default()
    };
    assert_eq!(store.get_opts(&path, matching).await.unwrap().meta.e_tag, meta.e_tag);
    let unchanged = GetOptions {
        if_none_match: meta.e_tag.clone(),
        ..GetOptions::default()
    };
    assert!(matches!(
        store.get_opts(&path, unchanged).await,
        Err(Error::NotModified { .. })
    ));
    let listed: Vec<_> = store.list(Some(&Path::from("data"))).try_collect().await.unwrap();
    assert_eq!(listed[0].location, path);
    assert_eq!((listed[0].size, &listed[0].e_tag), (10, &meta.e_tag));
    // The listing has fractions of a second, the header has not.
    assert_eq!(listed[0].last_modified.timestamp(), meta.last_modified.timestamp());
}

#[tokio::test]
async fn listings_have_offsets_and_folders() {
    let fixture = Fixture::new().await;
    let store = store(&fixture);
    for version in 0..12 {
        let path = Path::from(format!("t/_delta_log/{version:020}.json"));
        store.put(&path, "x".into()).await.unwrap();
    }
    let log = Path::from("t/_delta_log");
    let offset = Path::from(format!("t/_delta_log/{:020}.json", 9));
    let later: Vec<_> = store.list_with_offset(Some(&log), &offset).try_collect().await.unwrap();
    let names: Vec<_> = later.iter().filter_map(|object| object.location.filename()).collect();
    assert_eq!(names, ["00000000000000000010.json", "00000000000000000011.json"]);
    let folders = store.list_with_delimiter(Some(&Path::from("t"))).await.unwrap();
    assert_eq!((folders.common_prefixes, folders.objects.len()), (vec![log], 0));
}

#[tokio::test]
async fn large_files_go_up_in_parts() {
    let fixture = Fixture::new().await;
    let store = store(&fixture);
    let path = Path::from("large.parquet");
    let mut upload = store.put_multipart(&path).await.unwrap();
    upload.put_part(vec![1; 6 << 20].into()).await.unwrap();
    upload.put_part(vec![2; 100].into()).await.unwrap();
    upload.complete().await.unwrap();
    assert_eq!(store.head(&path).await.unwrap().size, (6 << 20) + 100);
    store.delete(&path).await.unwrap();
    assert!(matches!(store.head(&path).await, Err(Error::NotFound { .. })));
}
