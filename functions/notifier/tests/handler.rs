//! The notifier's handler against an S3 server and an endpoint that takes SNS requests.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

use axum::Router;
use axum::http::StatusCode;
use cardlake_aws::clients::{Aws, Endpoints};
use cardlake_aws::lease::Lease;
use cardlake_aws::runtime::Resources;
use cardlake_core::error::{ErrorKind, StageError};
use cardlake_core::events::{NotifierEvent, NotifierOutput};
use cardlake_core::paths;
use cardlake_core::run_record::{RunOutcome, RunRecord};
use cardlake_notifier::{Context, NotifierError, handle};
use cardlake_test_support::LoopbackLake;
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:cardlake";

/// Takes publications and keeps their parameters.
struct Topic {
    endpoint: String,
    published: Arc<Mutex<Vec<HashMap<String, String>>>>,
}

impl Topic {
    async fn start(status: StatusCode) -> Self {
        let published = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&published);
        let answer = move |body: String| {
            let form = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
            kept.lock().unwrap().push(form);
            let text = "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult>\
                        <MessageId>1</MessageId></PublishResult></PublishResponse>";
            async move { (status, text) }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let server = axum::serve(listener, Router::new().fallback(answer));
        tokio::spawn(async move { server.await.unwrap() });
        Self { endpoint, published }
    }
}

/// A webhook, and the secret with its URL.
struct Webhook {
    endpoint: String,
    /// The setting that names the secret.
    setting: &'static str,
    /// What the webhook answers, one after the other; then all is well.
    answers: Arc<Mutex<Vec<StatusCode>>>,
    posted: Arc<Mutex<Vec<serde_json::Value>>>,
}

impl Webhook {
    async fn slack(answers: &[StatusCode]) -> Self {
        Self::start("CARDLAKE_SLACK_WEBHOOK_SECRET", answers).await
    }

    async fn start(setting: &'static str, answers: &[StatusCode]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let webhook = Self {
            endpoint,
            setting,
            answers: Arc::new(Mutex::new(answers.to_vec())),
            posted: Arc::default(),
        };
        let secret =
            json!({"url": format!("{}/services/T0/B0/hidden", webhook.endpoint), "key": "0123abcd"}).to_string();
        let secrets = move |body: String| async move {
            assert!(body.contains("the-secret"), "{body}");
            json!({"ARN": "arn", "Name": "the-secret", "SecretString": secret}).to_string()
        };
        let (answers, posted) = (Arc::clone(&webhook.answers), Arc::clone(&webhook.posted));
        let post = move |body: String| async move {
            let mut answers = answers.lock().unwrap();
            if !answers.is_empty() {
                return (answers.remove(0), "no_service");
            }
            posted.lock().unwrap().push(serde_json::from_str(&body).unwrap());
            (StatusCode::OK, "ok")
        };
        let routes = Router::new()
            .route("/services/T0/B0/hidden", axum::routing::post(post))
            .fallback(secrets);
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        webhook
    }
}

async fn notify(
    server: &LoopbackLake,
    topic: Option<&Topic>,
    event: serde_json::Value,
) -> Result<NotifierOutput, NotifierError> {
    notify_all(server, topic, None, event).await
}

async fn notify_all(
    server: &LoopbackLake,
    topic: Option<&Topic>,
    webhook: Option<&Webhook>,
    event: serde_json::Value,
) -> Result<NotifierOutput, NotifierError> {
    let topic_setting = topic.map(|_| ("CARDLAKE_NOTIFICATION_TOPIC_ARN", TOPIC));
    let webhook_setting = webhook.map(|webhook| (webhook.setting, "the-secret"));
    let warehouse = ("CARDLAKE_REDSHIFT_WORKGROUP", "cards");
    let more: Vec<_> = [warehouse]
        .into_iter()
        .chain(topic_setting)
        .chain(webhook_setting)
        .collect();
    let aws = server.aws();
    let endpoints = Endpoints {
        s3: aws.s3_endpoint().map(str::to_owned),
        sns: topic.map(|topic| topic.endpoint.clone()),
        secrets_manager: webhook.map(|webhook| webhook.endpoint.clone()),
        ..Endpoints::default()
    };
    let context = Context::new(Resources {
        aws: Aws::new(aws.sdk().clone(), endpoints),
        ..server.resources(&more)
    })
    .await
    .unwrap();
    let event: NotifierEvent = serde_json::from_value(event).unwrap();
    handle(event, &context).await
}

fn succeeded() -> serde_json::Value {
    json!({
        "outcome": "succeeded", "batch_date": "2026-01-15", "run_id": "run-7",
        "books": {"batch_date": "2026-01-15", "datasets": {"transactions": {
            "bronze_rows": 100, "silver_rows_added": 90, "duplicates": 7, "quarantined": 3, "late_rows": 5, "replaced": 1,
            "rejected_objects": 0, "silver_rows": 290, "warehouse_rows": 290, "balanced": true,
        }}},
        "audits": [{"dataset": "transactions", "evaluated": 76, "successful": 75,
            "warnings": ["expect_x of days_late: 1 of 90 values, e.g. 5"], "result": "_validations/x.json"}],
        "marts": {"status": "succeeded", "cursor": null, "marts": {"mart_sales_daily": 12, "mart_rfm_customer": 40},
            "tests_passed": 9, "warnings": [], "report": "report/index.html"},
    })
}

fn failed(cause: &str) -> serde_json::Value {
    json!({
        "outcome": "failed", "batch_date": "2026-01-15", "run_id": "run-8", "stage": "Validate",
        "error": "Cardlake.ExpectationFailed", "cause": cause,
        "execution": {"started_at": "2026-01-16T02:00:00Z", "ended_at": "2026-01-16T02:01:30.5Z",
            "input": {"batch_date": "2026-01-15"}},
    })
}

#[tokio::test]
async fn a_good_end_is_recorded_and_told_with_its_books() {
    let (server, topic) = (LoopbackLake::start().await, Topic::start(StatusCode::OK).await);
    let output = notify(&server, Some(&topic), succeeded()).await.unwrap();
    assert_eq!(output.run_record, "_runs/batch_date=2026-01-15/run-7.json");
    assert_eq!(output.messages, 1);
    let record: RunRecord = server
        .storage()
        .get_json("silver", &output.run_record)
        .await
        .unwrap()
        .unwrap();
    let RunOutcome::Succeeded { books, audits, .. } = &record.outcome else {
        panic!("{record:?}");
    };
    assert!(books.datasets["transactions"].balanced && audits.len() == 1 && record.format_version == 1);

    let published = topic.published.lock().unwrap();
    assert_eq!(published.len(), 1);
    assert_eq!(published[0]["TopicArn"], TOPIC);
    assert_eq!(published[0]["Subject"], "cardlake 2026-01-15: succeeded, 1 warning");
    insta::assert_snapshot!(published[0]["Message"], @r"
    The run run-7 for 2026-01-15 succeeded.
    transactions: 100 rows received = 90 added + 7 duplicates + 3 quarantined; 5 late, 1 replaced; table 290, warehouse 290; balanced.
    Expectations met: 75 of 76.
    Marts (rows): mart_rfm_customer (40), mart_sales_daily (12).
    Data tests passed: 9.
    Warning: expect_x of days_late: 1 of 90 values, e.g. 5
    Report: report/index.html
    Run record: s3://silver/_runs/batch_date=2026-01-15/run-7.json
    ");
}

#[tokio::test]
async fn a_bad_end_says_what_where_and_what_to_do() {
    let (server, topic) = (LoopbackLake::start().await, Topic::start(StatusCode::OK).await);
    let cause = r#"{"errorType":"Cardlake.ExpectationFailed","errorMessage":"1 of 76 expectations failed: kim@example.com","stackTrace":[]}"#;
    let output = notify(&server, Some(&topic), failed(cause)).await.unwrap();
    let stored = server
        .storage()
        .get("silver", &output.run_record)
        .await
        .unwrap()
        .unwrap();
    insta::assert_snapshot!(std::str::from_utf8(&stored).unwrap(), @r#"
    {
      "format_version": 1,
      "batch_date": "2026-01-15",
      "run_id": "run-8",
      "version": "0.1.0",
      "execution": {
        "started_at": "2026-01-16T02:00:00Z",
        "ended_at": "2026-01-16T02:01:30.500Z",
        "input": {
          "batch_date": "2026-01-15"
        }
      },
      "outcome": "failed",
      "stage": "Validate",
      "error": "Cardlake.ExpectationFailed",
      "message": "1 of 76 expectations failed: ***",
      "advice": "nothing of the batch is visible; look at the validation result, correct the data or the suite, and run the day again"
    }
    "#);
    let _: RunRecord = serde_json::from_slice(&stored).unwrap();
    let published = topic.published.lock().unwrap();
    assert_eq!(
        published[0]["Subject"],
        "cardlake 2026-01-15: failed at Validate (Cardlake.ExpectationFailed)"
    );
    insta::assert_snapshot!(published[0]["Message"], @r"
    The run run-8 for 2026-01-15 failed at Validate.
    What: 1 of 76 expectations failed: *** (Cardlake.ExpectationFailed)
    What to do: nothing of the batch is visible; look at the validation result, correct the data or the suite, and run the day again.
    Run record: s3://silver/_runs/batch_date=2026-01-15/run-8.json
    ");
}

#[tokio::test]
async fn a_function_that_ran_out_of_time_is_told_in_lambdas_words_and_a_step_in_ours() {
    let (server, topic) = (LoopbackLake::start().await, Topic::start(StatusCode::OK).await);
    let function = r#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: 5d0c6b3e-1f5e-4b4f-8f5e-0a1b2c3d4e5f Error: Task timed out after 120.00 seconds"}"#;
    for (run, error, cause) in [("run-8", "Sandbox.Timedout", function), ("run-9", "States.Timeout", "")] {
        let mut event = failed(cause);
        event["run_id"] = run.into();
        event["stage"] = "Load".into();
        event["error"] = error.into();
        notify(&server, Some(&topic), event).await.unwrap();
    }
    let published = topic.published.lock().unwrap();
    let subjects =
        ["Sandbox.Timedout", "States.Timeout"].map(|error| format!("cardlake 2026-01-15: failed at Load ({error})"));
    assert_eq!([0, 1].map(|index| published[index]["Subject"].clone()), subjects);
    insta::assert_snapshot!([0, 1].map(|index| published[index]["Message"].clone()).join("\n"), @r"
    The run run-8 for 2026-01-15 failed at Load.
    What: RequestId: 5d0c6b3e-1f5e-4b4f-8f5e-0a1b2c3d4e5f Error: Task timed out after 120.00 seconds (Sandbox.Timedout)
    What to do: Load took longer than it may: look into its logs, then run the day again.
    Run record: s3://silver/_runs/batch_date=2026-01-15/run-8.json

    The run run-9 for 2026-01-15 failed at Load.
    What: it took longer than the state machine lets it (States.Timeout)
    What to do: Load took longer than it may: look into its logs, then run the day again.
    Run record: s3://silver/_runs/batch_date=2026-01-15/run-9.json
    ");
}

#[tokio::test]
async fn a_run_that_failed_gives_its_lease_back_and_leaves_that_of_another() {
    let server = LoopbackLake::start().await;
    let lease = Lease::new(server.storage(), "silver", paths::WAREHOUSE_LEASE);
    let now = chrono::Utc::now();
    assert!(lease.acquire("run-8", now).await.unwrap());
    notify(&server, None, succeeded()).await.unwrap();
    assert!(
        !lease.acquire("run-9", now).await.unwrap(),
        "a run that has ended well has none"
    );
    notify(&server, None, failed("")).await.unwrap();
    assert!(lease.acquire("run-9", now).await.unwrap());
    notify(&server, None, failed("")).await.unwrap();
    assert!(!lease.acquire("run-8", now).await.unwrap());
}

#[tokio::test]
async fn without_a_topic_the_record_is_written_and_nothing_sent() {
    let server = LoopbackLake::start().await;
    let output = notify(&server, None, failed("out of time")).await.unwrap();
    assert_eq!(output.messages, 0);
    assert!(
        server
            .storage()
            .head("silver", &output.run_record)
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn a_refused_message_is_an_error_and_the_record_stays() {
    let (server, topic) = (LoopbackLake::start().await, Topic::start(StatusCode::FORBIDDEN).await);
    let error = notify(&server, Some(&topic), failed("out of time")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Service);
    assert!(
        error
            .to_string()
            .starts_with("cannot send a message to arn:aws:sns:us-east-1:123456789012:cardlake"),
        "{error}"
    );
    let key = "_runs/batch_date=2026-01-15/run-8.json";
    assert!(server.storage().head("silver", key).await.unwrap().is_some());
}

#[tokio::test]
async fn a_channel_in_slack_gets_the_message_as_blocks() {
    let (server, slack) = (LoopbackLake::start().await, Webhook::slack(&[]).await);
    let output = notify_all(&server, None, Some(&slack), succeeded()).await.unwrap();
    assert_eq!(output.messages, 1);
    let posted = slack.posted.lock().unwrap();
    assert_eq!(posted.len(), 1);
    assert_eq!(posted[0]["text"], "cardlake 2026-01-15: succeeded, 1 warning");
    let blocks = posted[0]["blocks"].as_array().unwrap();
    assert_eq!(
        blocks[0]["text"]["text"],
        ":warning: cardlake 2026-01-15: succeeded, 1 warning"
    );
    let text = blocks[1]["text"]["text"].as_str().unwrap();
    assert!(text.contains("transactions: 100 rows received = 90 added"), "{text}");
}

#[tokio::test]
async fn who_was_told_is_not_told_again_when_another_receiver_is_tried_again() {
    let (server, topic) = (LoopbackLake::start().await, Topic::start(StatusCode::OK).await);
    let slack = Webhook::slack(&[StatusCode::SERVICE_UNAVAILABLE]).await;
    let error = notify_all(&server, Some(&topic), Some(&slack), succeeded())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transient, "{error}");
    assert!(error.to_string().contains("503"), "{error}");
    for messages in [1, 0] {
        let output = notify_all(&server, Some(&topic), Some(&slack), succeeded())
            .await
            .unwrap();
        assert_eq!(output.messages, messages);
    }
    assert_eq!(topic.published.lock().unwrap().len(), 1);
    assert_eq!(slack.posted.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_webhook_that_is_gone_is_refused_and_its_url_stays_secret() {
    let server = LoopbackLake::start().await;
    let slack = Webhook::slack(&[StatusCode::NOT_FOUND]).await;
    let error = notify_all(&server, None, Some(&slack), succeeded()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Service);
    assert_eq!(
        error.to_string(),
        "cannot send a message to the receiver slack of secret the-secret: 404 Not Found: no_service"
    );
}

#[tokio::test]
async fn each_receiver_gets_a_failure_in_its_form() {
    let server = LoopbackLake::start().await;
    let event =
        failed(r#"{"errorType":"Cardlake.ExpectationFailed","errorMessage":"1 of 76 failed: kim@example.com"}"#);
    let forms = [
        ("CARDLAKE_TEAMS_WEBHOOK_SECRET", "/attachments/0/content/body/0/text"),
        ("CARDLAKE_PAGERDUTY_SECRET", "/payload/summary"),
        ("CARDLAKE_WEBHOOK_SECRET", "/subject"),
    ];
    for (setting, subject) in forms {
        let webhook = Webhook::start(setting, &[]).await;
        // The second invocation is a retry of the first.
        for sent in [1, 0] {
            let output = notify_all(&server, None, Some(&webhook), event.clone()).await.unwrap();
            assert_eq!(output.messages, sent, "{setting}");
        }
        let posted = webhook.posted.lock().unwrap();
        let [body] = posted.as_slice() else {
            panic!("{setting}: {posted:?}")
        };
        let subject = body.pointer(subject).unwrap().as_str().unwrap();
        assert!(
            subject.starts_with("cardlake 2026-01-15: failed at"),
            "{setting}: {subject}"
        );
        assert!(!body.to_string().contains("kim@example.com"), "{setting}: {body}");
        match setting {
            "CARDLAKE_PAGERDUTY_SECRET" => {
                assert_eq!(body["routing_key"], "0123abcd");
                assert_eq!(body["dedup_key"], "cardlake/2026-01-15");
            }
            "CARDLAKE_WEBHOOK_SECRET" => {
                assert_eq!(
                    (&body["severity"], &body["outcome"]),
                    (&json!("error"), &json!("failed"))
                );
                assert_eq!(body["batch_date"], "2026-01-15");
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_topic_that_is_no_arn_is_refused_at_the_start() {
    let server = LoopbackLake::start().await;
    let resources = server.resources(&[("CARDLAKE_NOTIFICATION_TOPIC_ARN", "cardlake")]);
    let error = Context::new(resources).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(
        error
            .to_string()
            .contains("is 'cardlake': give the ARN of an SNS topic"),
        "{error}"
    );
}

/// The events that are stored of an end of a run, with the times of a state machine.
async fn lineage(event: serde_json::Value) -> Vec<serde_json::Value> {
    let server = LoopbackLake::start().await;
    let mut stored = Vec::new();
    for _ in 0..2 {
        let output = notify(&server, None, event.clone()).await.unwrap();
        let key = output
            .run_record
            .replace("_runs/", "_lineage/")
            .replace(".json", ".ndjson");
        stored.push(server.storage().get("silver", &key).await.unwrap().unwrap());
    }
    assert_eq!(stored[0], stored[1], "the same end gives the same bytes");
    let text = std::str::from_utf8(&stored[0]).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_good_end_leaves_lineage_from_the_raw_file_to_the_mart() {
    let mut event = succeeded();
    event["execution"] = json!({
        "started_at": "2026-01-16T02:00:00Z", "ended_at": "2026-01-16T02:01:30.5Z",
        "input": {"batch_date": "2026-01-15"},
        "entered": {"generate": null, "plan": "2026-01-16T02:00:00.1Z", "transform": "2026-01-16T02:00:01Z",
            "reconcile": "2026-01-16T02:00:10Z", "validate": "2026-01-16T02:00:20Z", "publish": "2026-01-16T02:00:30Z",
            "load": "2026-01-16T02:00:40Z", "balance": "2026-01-16T02:00:50Z", "build": "2026-01-16T02:01:00Z"},
    });
    let events = lineage(event).await;
    insta::assert_json_snapshot!(events);
}

#[tokio::test]
async fn a_bad_end_leaves_lineage_that_says_which_stage_failed_and_why() {
    let mut event =
        failed(r#"{"errorType":"Cardlake.ExpectationFailed","errorMessage":"1 of 76 failed: kim@example.com"}"#);
    event["execution"]["entered"] = json!({"plan": "2026-01-16T02:00:01Z", "transform": "2026-01-16T02:00:02Z"});
    event["plan"] = json!({"entered": "2026-01-16T02:00:01Z", "output": {"batch_date": "2026-01-15", "datasets": [
        {"dataset": "transactions", "prefix": "transactions/ingest_date=2026-01-15/", "objects": 1, "bytes": 9}]}});
    let events = lineage(event).await;
    let told: Vec<_> = events
        .iter()
        .map(|event| {
            let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            (
                text(&event["job"]["name"]),
                text(&event["eventType"]),
                text(&event["eventTime"]),
            )
        })
        .collect();
    let expected = [
        ("daily", "START", "2026-01-16T02:00:00.000Z"),
        ("daily.plan", "START", "2026-01-16T02:00:01.000Z"),
        ("daily.plan", "COMPLETE", "2026-01-16T02:00:02.000Z"),
        ("daily.transform", "START", "2026-01-16T02:00:02.000Z"),
        ("daily.transform", "COMPLETE", "2026-01-16T02:01:30.500Z"),
        ("daily.validate", "START", "2026-01-16T02:01:30.500Z"),
        ("daily.validate", "FAIL", "2026-01-16T02:01:30.500Z"),
        ("daily", "FAIL", "2026-01-16T02:01:30.500Z"),
    ];
    assert_eq!(
        told,
        expected.map(|(job, kind, time)| (job.to_owned(), kind.to_owned(), time.to_owned()))
    );
    let error = &events[6]["run"]["facets"]["errorMessage"]["message"];
    let error = error.as_str().unwrap();
    assert!(
        error.starts_with("Cardlake.ExpectationFailed: 1 of 76 failed: ***; nothing of the batch"),
        "{error}"
    );
    assert_eq!(events[6]["inputs"][0]["name"], "_candidates/transactions");
    assert_eq!(events[7]["run"]["facets"]["errorMessage"]["message"], error);
    assert!(events[5]["run"]["facets"].get("errorMessage").is_none());
}
