//! What S3 and Lambda do between an object and the transformer: an event for every object that is created, delivered
//! asynchronously, tried three times, and kept if nobody could handle it.

use crate::environment::BRONZE;
use crate::s3_server::{HookDecision, RequestHook};
use cardlake_states::TaskFailure;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

/// Lambda tries an asynchronous invocation again after a minute, and once more after two.
/// Source: AWS Lambda developer guide, "Asynchronous invocation, error handling".
pub const RETRY_AFTER: Duration = Duration::from_secs(60);
/// How often it tries in all.
const ATTEMPTS: u32 = 3;

/// An object that was created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// The bucket.
    pub bucket: String,
    /// The key, not encoded.
    pub key: String,
    /// ETag without quotes.
    pub etag: String,
    /// Size in bytes.
    pub size: u64,
}

impl Created {
    /// The event as S3 sends it. Its keys are encoded as forms are, but for their slashes.
    #[must_use]
    pub fn event(&self, created_at: DateTime<Utc>) -> Value {
        let encoded = |part: &str| url::form_urlencoded::byte_serialize(part.as_bytes()).collect::<String>();
        let key: Vec<String> = self.key.split('/').map(encoded).collect();
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
                "bucket": { "name": self.bucket, "arn": format!("arn:aws:s3:::{}", self.bucket) },
                "object": { "key": key.join("/"), "size": self.size, "eTag": self.etag },
            },
        }] })
    }
}

/// A hook that tells of every object that is created in bronze.
pub struct Notifications(UnboundedSender<Created>);

impl fmt::Debug for Notifications {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notifications")
    }
}

impl RequestHook for Notifications {
    fn before(&self, _operation: &str, _bucket: &str, _key: &str) -> HookDecision {
        HookDecision::Proceed
    }

    fn created(&self, object: Created) {
        if object.bucket == BRONZE {
            // Whoever listened may have ended; so will the server.
            let _ = self.0.send(object);
        }
    }
}

/// A hook, and what it tells of.
#[must_use]
pub fn notifications() -> (Arc<Notifications>, UnboundedReceiver<Created>) {
    let (sender, receiver) = unbounded_channel();
    (Arc::new(Notifications(sender)), receiver)
}

/// Delivers events until there are no more senders. One that failed [`ATTEMPTS`] times is written to `dead_letters` in the
/// form of Lambda's failure destination.
pub async fn deliver<Invoked>(
    mut created: UnboundedReceiver<Created>,
    dead_letters: PathBuf,
    retry_after: Duration,
    invoke: impl Fn(Value) -> Invoked + Clone + Send + 'static,
) where
    Invoked: Future<Output = Result<Value, TaskFailure>> + Send,
{
    let mut deliveries = JoinSet::new();
    while let Some(object) = created.recv().await {
        while deliveries.try_join_next().is_some() {}
        let (invoke, dead_letters) = (invoke.clone(), dead_letters.clone());
        deliveries.spawn(async move {
            let event = object.event(Utc::now());
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
    use std::sync::atomic::{AtomicU32, Ordering};
    use tempfile::TempDir;

    fn object(key: &str) -> Created {
        Created {
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
        let (hook, created) = notifications();
        hook.created(object("transactions/ingest_date=2026-01-15/a b.csv"));
        drop(hook);
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
        let (hook, created) = notifications();
        let servers = Servers {
            s3_hook: Some(hook),
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
