//! S3 event notifications to the transformer, as S3 and Lambda deliver them: asynchronously, with three attempts, and to
//! a dead-letter folder after the last.

use crate::environment::BRONZE;
use cardlake_local_s3::CreatedObject;
use cardlake_states::TaskFailure;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

/// Lambda tries an asynchronous invocation again after a minute, and once more after two.
/// Source: AWS Lambda developer guide, "Asynchronous invocation, error handling".
pub const RETRY_AFTER: Duration = Duration::from_secs(60);
/// How often it tries in all.
const ATTEMPTS: u32 = 3;

/// The event of a created object as S3 sends it: keys are form-encoded, except for their slashes.
#[must_use]
pub fn event(object: &CreatedObject, created_at: DateTime<Utc>) -> Value {
    let encoded = |part: &str| url::form_urlencoded::byte_serialize(part.as_bytes()).collect::<String>();
    let key: Vec<String> = object.key.split('/').map(encoded).collect();
    json!({ "Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": created_at,
        "eventName": "ObjectCreated:Put",
        "userIdentity": {},
        "requestParameters": {},
        "responseElements": {},
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": { "name": object.bucket, "arn": format!("arn:aws:s3:::{}", object.bucket) },
            "object": { "key": key.join("/"), "size": object.size, "eTag": object.etag },
        },
    }] })
}

/// Delivers an event for every object created in bronze, until there are no more senders. After [`ATTEMPTS`] failures an
/// event is written to `dead_letters` in the format of Lambda's failure destination.
pub async fn deliver<Invoked>(
    mut created: UnboundedReceiver<CreatedObject>,
    dead_letters: PathBuf,
    retry_after: Duration,
    invoke: impl Fn(Value) -> Invoked + Clone + Send + 'static,
) where
    Invoked: Future<Output = Result<Value, TaskFailure>> + Send,
{
    let mut deliveries = JoinSet::new();
    while let Some(object) = created.recv().await {
        if object.bucket != BRONZE {
            continue;
        }
        while deliveries.try_join_next().is_some() {}
        let (invoke, dead_letters) = (invoke.clone(), dead_letters.clone());
        deliveries.spawn(async move {
            let event = event(&object, Utc::now());
            let mut attempt = 1;
            let failure = loop {
                match invoke(event.clone()).await {
                    Ok(_) => {
                        tracing::info!(key = object.key, attempt, "event handled");
                        return;
                    }
                    Err(failure) if attempt == ATTEMPTS => break failure,
                    Err(failure) => {
                        tracing::warn!(key = object.key, attempt, error = failure.error, "event not handled");
                        tokio::time::sleep(retry_after * attempt).await;
                        attempt += 1;
                    }
                }
            };
            tracing::error!(
                key = object.key,
                error = failure.error,
                cause = failure.cause,
                "event given up"
            );
            if let Err(error) = bury(&dead_letters, &event, &failure).await {
                tracing::error!(key = object.key, %error, "the dead letter cannot be written");
            }
        });
    }
    while deliveries.join_next().await.is_some() {}
}

async fn bury(folder: &Path, event: &Value, failure: &TaskFailure) -> std::io::Result<()> {
    let id = uuid::Uuid::new_v4();
    let response = serde_json::from_str(&failure.cause).unwrap_or_else(|_| json!({ "errorMessage": failure.cause }));
    let letter = json!({
        "version": "1.0",
        "requestContext": { "requestId": id, "condition": "RetriesExhausted", "approximateInvokeCount": ATTEMPTS },
        "requestPayload": event,
        "responseContext": { "statusCode": 200, "functionError": "Unhandled" },
        "responsePayload": response,
    });
    tokio::fs::create_dir_all(folder).await?;
    tokio::fs::write(folder.join(format!("{id}.json")), format!("{letter:#}\n")).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::{Environment, SILVER, Servers};
    use crate::invoker::StageInvoker;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tempfile::TempDir;
    use tokio::sync::mpsc::unbounded_channel;

    fn object(key: &str) -> CreatedObject {
        CreatedObject {
            bucket: BRONZE.to_owned(),
            key: key.to_owned(),
            etag: "e".to_owned(),
            size: 7,
        }
    }

    fn refused() -> TaskFailure {
        TaskFailure {
            error: "Cardlake.Storage".to_owned(),
            cause: json!({ "errorType": "Cardlake.Storage", "errorMessage": "gone" }).to_string(),
        }
    }

    /// Delivers one event to a function that fails so many times first; gives the attempts and the dead letters.
    async fn deliver_one(failures: u32) -> (u32, Vec<Value>) {
        let folder = TempDir::new().unwrap();
        let attempts = Arc::new(AtomicU32::new(0));
        let (announce, created) = unbounded_channel();
        announce
            .send(object("transactions/ingest_date=2026-01-15/a b.csv"))
            .unwrap();
        drop(announce);
        let counted = Arc::clone(&attempts);
        let invoke = move |_| {
            let attempt = counted.fetch_add(1, Ordering::Relaxed);
            async move {
                if attempt < failures {
                    Err(refused())
                } else {
                    Ok(Value::Null)
                }
            }
        };
        let dead_letters = folder.path().join("dead-letters");
        deliver(created, dead_letters.clone(), Duration::from_millis(1), invoke).await;
        let files = std::fs::read_dir(dead_letters).map(|files| {
            let read = |file: std::io::Result<std::fs::DirEntry>| std::fs::read(file.unwrap().path()).unwrap();
            files.map(|file| serde_json::from_slice(&read(file)).unwrap()).collect()
        });
        (attempts.load(Ordering::Relaxed), files.unwrap_or_default())
    }

    #[tokio::test]
    async fn an_event_is_tried_three_times_and_then_kept() {
        assert_eq!(deliver_one(0).await, (1, Vec::new()));
        assert_eq!(deliver_one(2).await, (3, Vec::new()));
        let (attempts, letters) = deliver_one(9).await;
        assert_eq!((attempts, letters.len()), (3, 1));
        assert_eq!(letters[0]["responsePayload"]["errorMessage"], "gone");
        assert_eq!(letters[0]["requestContext"]["approximateInvokeCount"], 3);
        let key = &letters[0]["requestPayload"]["Records"][0]["s3"]["object"]["key"];
        assert_eq!(key, "transactions/ingest_date%3D2026-01-15/a+b.csv");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_file_that_is_put_into_bronze_is_transformed() {
        let folder = TempDir::new().unwrap();
        let (announce, created) = unbounded_channel();
        let servers = Servers {
            s3_created: Some(announce),
            ..Servers::default()
        };
        let environment = Environment::open_with(folder.path(), servers).await.unwrap();
        let invoker = Arc::new(StageInvoker::new(&environment).await.unwrap());
        let invoke = move |event| {
            let invoker = Arc::clone(&invoker);
            async move { invoker.invoke_function("transformer", event).await }
        };
        let delivering = tokio::spawn(deliver(
            created,
            folder.path().join("dead-letters"),
            Duration::from_millis(1),
            invoke,
        ));
        let storage = environment.storage();
        let rows = "merchant_id,name,mcc,city,country,opened_at\nMER0001,A,5411,Seoul,KR,2020-01-01\n";
        let key = "merchants/ingest_date=2026-01-15/a b.csv";
        storage.put(BRONZE, key, rows.as_bytes().to_vec()).await.unwrap();
        storage.put(SILVER, "merchants/other", Vec::new()).await.unwrap();
        let prefix = "_objects/merchants/ingest_date=2026-01-15/";
        let transformed = async {
            while storage.list(SILVER, prefix).await.unwrap().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(60), transformed).await;
        assert!(
            in_time.is_ok(),
            "{:?}",
            std::fs::read_dir(folder.path().join("dead-letters"))
        );
        assert_eq!(storage.list(SILVER, "_objects/").await.unwrap().len(), 1);
        delivering.abort();
        environment.close().await.unwrap();
        assert!(!folder.path().join("dead-letters").exists());
    }
}
