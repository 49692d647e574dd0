//! The request hook: recording, and failures on demand.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_s3::primitives::ByteStream;
use cardlake_local_s3::{CreatedObject, S3ServerOptions, start};
use cardlake_loopback::{HookDecision, RecordedRequest, RequestHook, RequestLog};

use crate::support::{BUCKET, Fixture, SECRET_ACCESS_KEY, client, error, get, keys, options, put};

#[tokio::test]
async fn a_log_holds_operation_bucket_and_key_of_signed_requests() {
    let log = Arc::new(RequestLog::default());
    let fixture = Fixture::with_hook(Some(log.clone())).await;
    let good = fixture.client();
    put(&good, "a b/c=1", "x").await;
    keys(&good, "a").await;
    let refused = client(&fixture.server, "wrong")
        .head_object()
        .bucket(BUCKET)
        .key("a")
        .send()
        .await;
    assert!(refused.is_err());
    let request = |operation: &str, key: &str| RecordedRequest {
        operation: operation.to_owned(),
        bucket: BUCKET.to_owned(),
        key: key.to_owned(),
    };
    assert_eq!(
        log.take(),
        [request("PutObject", "a b/c=1"), request("ListObjectsV2", "")]
    );
    assert_eq!(log.take(), []);
}

/// Decides about the puts after the first `proceed` ones.
#[derive(Debug)]
struct After {
    proceed: usize,
    decision: HookDecision,
    seen: AtomicUsize,
}

impl RequestHook for After {
    fn before(&self, operation: &str, _bucket: &str, _key: &str) -> HookDecision {
        let counts = operation == "PutObject";
        let proceed = !counts || self.seen.fetch_add(1, Ordering::Relaxed) < self.proceed;
        if proceed { HookDecision::Proceed } else { self.decision }
    }
}

#[tokio::test]
async fn requests_fail_or_are_cut_before_or_after_they_are_carried_out() {
    for (decision, status, code, carried_out) in [
        (HookDecision::Fail(503), 503, "SlowDown", false),
        (HookDecision::Fail(403), 403, "AccessDenied", false),
        (HookDecision::Fail(200), 500, "InternalError", false),
        (HookDecision::Drop, 0, "", false),
        (HookDecision::FailAfter(500), 500, "InternalError", true),
        (HookDecision::DropAfter, 0, "", true),
    ] {
        let hook = After {
            proceed: 2,
            decision,
            seen: AtomicUsize::new(0),
        };
        let fixture = Fixture::with_hook(Some(Arc::new(hook))).await;
        let client = fixture.client();
        put(&client, "1", "x").await;
        put(&client, "2", "x").await;
        let body = ByteStream::from_static(b"third");
        let failed = client
            .put_object()
            .bucket(BUCKET)
            .key("3")
            .body(body)
            .send()
            .await
            .unwrap_err();
        assert_eq!(error(&failed), (status, code.to_owned()), "{decision:?}");
        if carried_out {
            assert_eq!(get(&client, "3").await, b"third");
        } else {
            assert_eq!(keys(&client, "").await, ["1", "2"], "{decision:?}");
        }
    }
}

#[tokio::test]
async fn written_objects_are_announced_with_their_etag_and_size() {
    let folder = tempfile::tempdir().unwrap();
    let (created, mut received) = tokio::sync::mpsc::unbounded_channel();
    let server = start(S3ServerOptions {
        created: Some(created),
        ..options(folder.path(), None)
    })
    .await
    .unwrap();
    let client = client(&server, SECRET_ACCESS_KEY);
    let tag = put(&client, "a b", "four").await;
    keys(&client, "").await;
    let expected = CreatedObject {
        bucket: BUCKET.to_owned(),
        key: "a b".to_owned(),
        etag: tag.trim_matches('"').to_owned(),
        size: 4,
    };
    assert_eq!(received.try_recv(), Ok(expected));
    assert!(received.try_recv().is_err());
}
