//! The notifier's answer to an event: a run record in silver, and a message.

use crate::error::Error;
use crate::message::{Failure, Message};
use crate::record::{RunOutcome, RunRecord};
use aws_sdk_sns::error::SdkError;
use cardlake_shared::aws::Aws;
use cardlake_shared::config::Variables;
use cardlake_shared::env;
use cardlake_shared::error::with_causes;
use cardlake_shared::events::{NotifierEvent, NotifierOutput};
use cardlake_shared::paths;
use cardlake_shared::storage::Storage;

/// Settings and clients of the stage.
#[derive(Debug, Clone)]
pub struct Context {
    storage: Storage,
    silver_bucket: String,
    sns: aws_sdk_sns::Client,
    topic: Option<String>,
}

impl Context {
    /// Reads the settings and makes the clients.
    ///
    /// # Errors
    /// All mistakes in the settings.
    #[expect(clippy::unused_async, reason = "all stages are made alike")]
    pub async fn new(mut variables: Variables, aws: Aws) -> Result<Self, Error> {
        let silver_bucket = variables.required(env::SILVER_BUCKET, "the bucket of the Delta tables");
        let topic = variables.optional(env::NOTIFICATION_TOPIC_ARN);
        if let Some(topic) = topic.as_deref().filter(|topic| !topic.starts_with("arn:")) {
            variables.mistake(format!(
                "{} is '{topic}': give the ARN of an SNS topic",
                env::NOTIFICATION_TOPIC_ARN
            ));
        }
        Ok(variables.finish(Self {
            storage: Storage::new(aws.s3()),
            silver_bucket,
            sns: aws.sns(),
            topic,
        })?)
    }
}

/// Writes the record of a run, then sends one message if there is a topic; else the message goes to the log.
///
/// # Errors
/// The record cannot be written, or the message cannot be sent. The record is there in the latter case.
pub async fn handle(event: NotifierEvent, context: &Context) -> Result<NotifierOutput, Error> {
    let (record, message) = context.tell(event);
    let key = paths::run_record(record.batch_date, &record.run_id);
    context.storage.put_json(&context.silver_bucket, &key, &record).await?;
    let messages = match &context.topic {
        Some(topic) => {
            context.publish(topic, &message).await?;
            1
        }
        None => {
            tracing::info!(batch_date = %record.batch_date, run_id = record.run_id, text = message.text, "{}", message.subject);
            0
        }
    };
    Ok(NotifierOutput {
        run_record: key,
        messages,
    })
}

impl Context {
    /// The record and the message of an event.
    fn tell(&self, event: NotifierEvent) -> (RunRecord, Message) {
        let place =
            |batch_date, run_id: &str| format!("s3://{}/{}", self.silver_bucket, paths::run_record(batch_date, run_id));
        match event {
            NotifierEvent::Succeeded {
                batch_date,
                run_id,
                books,
                audits,
                marts,
                execution,
            } => {
                let place = place(batch_date, &run_id);
                let message = Message::succeeded(batch_date, &run_id, &books, &audits, &marts, &place);
                let outcome = RunOutcome::Succeeded { books, audits, marts };
                (RunRecord::new(batch_date, run_id, execution, outcome), message)
            }
            NotifierEvent::Failed {
                batch_date,
                run_id,
                stage,
                error,
                cause,
                execution,
            } => {
                let failure = Failure::new(&stage, &error, &cause);
                let message = Message::failed(batch_date, &run_id, &failure, &place(batch_date, &run_id));
                let outcome = RunOutcome::Failed(failure);
                (RunRecord::new(batch_date, run_id, execution, outcome), message)
            }
        }
    }

    async fn publish(&self, topic: &str, message: &Message) -> Result<(), Error> {
        let request = self
            .sns
            .publish()
            .topic_arn(topic)
            .subject(&message.subject)
            .message(&message.text);
        request.send().await.map(drop).map_err(|error| {
            let status = error.raw_response().map(|response| response.status().as_u16());
            Error::Publish {
                topic: topic.to_owned(),
                transient: match &error {
                    SdkError::ServiceError(_) => status.is_some_and(|status| status == 429 || status >= 500),
                    SdkError::ConstructionFailure(_) => false,
                    _ => true,
                },
                cause: with_causes(&error),
            }
        })
    }
}
