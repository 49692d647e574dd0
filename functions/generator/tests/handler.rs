//! The generator's handler against an S3 server.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

use cardlake_aws::runtime::Resources;
use cardlake_core::error::{ErrorKind, StageError};
use cardlake_core::events::GeneratorEvent;
use cardlake_generator::{Context, all_parts, handle};
use cardlake_test_support::LoopbackLake;
use serde_json::json;

fn event(changes: &serde_json::Value) -> GeneratorEvent {
    let mut event = json!({"batch_date": "2026-01-15", "rows": 3000, "late_rate": 0.05, "rows_per_object": 2000});
    for (name, value) in changes.as_object().unwrap() {
        event[name] = value.clone();
    }
    serde_json::from_value(event).unwrap()
}

#[tokio::test]
async fn a_day_lands_in_bronze_and_again_with_the_same_bytes() {
    let server = LoopbackLake::start().await;
    let context = Context::new(server.resources(&[])).await.unwrap();
    let output = handle(event(&json!({})), &context).await.unwrap();
    assert_eq!(output.rows["transactions"], 3000);
    assert_eq!(
        output.objects[3..],
        [
            "transactions/ingest_date=2026-01-15/transactions-00000.jsonl",
            "transactions/ingest_date=2026-01-15/transactions-00001.jsonl",
        ]
    );
    let mut before = Vec::new();
    let mut lines = 0;
    for key in &output.objects {
        let object = server.storage().get("bronze", key).await.unwrap().unwrap();
        if key.starts_with("transactions/") {
            lines += object.iter().filter(|byte| **byte == b'\n').count();
        }
        before.push(object);
    }
    assert_eq!(lines, 3000);

    assert_eq!(handle(event(&json!({})), &context).await.unwrap(), output);
    for (key, before) in output.objects.iter().zip(before) {
        assert_eq!(server.storage().get("bronze", key).await.unwrap().unwrap(), before);
    }
}

#[tokio::test]
async fn two_parts_side_by_side_leave_what_one_call_leaves() {
    let (one, two) = (LoopbackLake::start().await, LoopbackLake::start().await);
    let context = Context::new(one.resources(&[])).await.unwrap();
    let whole = handle(event(&json!({"rows_per_object": 500, "parts": 2})), &context)
        .await
        .unwrap();
    let context = Context::new(two.resources(&[])).await.unwrap();
    let part = |index: u32| json!({"rows_per_object": 500, "parts": 2, "part": {"index": index, "of": 2}});
    let (first, second) = futures::join!(handle(event(&part(0)), &context), handle(event(&part(1)), &context));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!((first.objects.len(), second.objects.len()), (6, 3));
    assert_eq!(all_parts([first, second]).unwrap(), whole);
    for key in &whole.objects {
        let expected = one.storage().get("bronze", key).await.unwrap().unwrap();
        let made = two.storage().get("bronze", key).await.unwrap().unwrap();
        assert!(made == expected, "{key} has other bytes");
    }
}

#[tokio::test]
async fn a_large_object_arrives_whole_in_parts() {
    let server = LoopbackLake::start().await;
    let context = Context::new(server.resources(&[])).await.unwrap();
    let large = json!({"rows": 70_000, "rows_per_object": 70_000, "format": "csv"});
    let output = handle(event(&large), &context).await.unwrap();
    let object = server
        .storage()
        .get("bronze", &output.objects[3])
        .await
        .unwrap()
        .unwrap();
    assert!(object.len() > 9 << 20, "two parts at least");
    assert_eq!(object.iter().filter(|byte| **byte == b'\n').count(), 70_001);
    let small = json!({"rows": 70_000, "rows_per_object": 35_000, "format": "csv"});
    let output = handle(event(&small), &context).await.unwrap();
    let first = server
        .storage()
        .get("bronze", &output.objects[3])
        .await
        .unwrap()
        .unwrap();
    assert!(
        object.starts_with(&first),
        "the same rows, whatever the size of objects"
    );
}

#[tokio::test]
async fn a_rate_that_cannot_be_is_refused_before_anything_is_written() {
    let server = LoopbackLake::start().await;
    let context = Context::new(server.resources(&[])).await.unwrap();
    let error = handle(event(&json!({"late_rate": 2.0})), &context).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidEvent);
    assert_eq!(
        error.to_string(),
        "invalid event: late_rate is 2: give a share from 0 to 1, e.g. 0.05"
    );
    assert!(server.storage().list("bronze", "").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_refused_upload_ends_the_call_and_names_the_object() {
    let server = LoopbackLake::start().await;
    let context = Context::new(Resources {
        aws: server.aws_with_secret("wrong"),
        ..server.resources(&[])
    })
    .await
    .unwrap();
    let error = handle(event(&json!({})), &context).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Service, "{error}");
    assert!(
        error.to_string().starts_with("cannot write s3://bronze/transactions/"),
        "{error}"
    );
}

#[tokio::test]
async fn a_missing_setting_is_named() {
    let server = LoopbackLake::start().await;
    let error = Context::new(server.resources(&[("CARDLAKE_BRONZE_BUCKET", "")]))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(
        error.to_string().contains("CARDLAKE_BRONZE_BUCKET is not set"),
        "{error}"
    );
}
