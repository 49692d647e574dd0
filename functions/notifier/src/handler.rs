//! The handler: record first, then the message.

use crate::error::Error;
use crate::message::Message;
use crate::record::RunRecord;
use cardlake_shared::aws::Aws;
use cardlake_shared::config::{LakeConfig, Variables};
use cardlake_shared::env;
use cardlake_shared::error::with_causes;
use cardlake_shared::events::{NotifierEvent, NotifierOutput};
use cardlake_shared::paths;
use cardlake_shared::storage::Storage;

/// Settings and clients, made once for each process.
pub struct Context {
    lake: LakeConfig,
    storage: Storage,
    topic: Option<Topic>,
}

struct Topic {
    arn: String,
    client: aws_sdk_sns::Client,
}

impl Context {
    /// From the settings.
    ///
    /// # Errors
    /// A setting is missing.
    pub async fn new(mut variables: Variables, aws: Aws) -> Result<Self, Error> {
        let lake = LakeConfig::read(&mut variables);
        let topic = variables
            .optional(env::NOTIFICATION_TOPIC_ARN)
            .map(|arn| Topic { arn, client: aws.sns() });
        Ok(variables.finish(Self {
            lake,
            storage: Storage::new(aws.s3()),
            topic,
        })?)
    }
}

/// Records how a run ended and tells people.
///
/// # Errors
/// The record cannot be written, or the topic does not take the message.
pub async fn handle(event: NotifierEvent, context: &Context) -> Result<NotifierOutput, Error> {
    let record = RunRecord::new(event);
    let key = paths::run_record(record.batch_date, &record.run_id);
    let bucket = &context.lake.silver_bucket;
    context.storage.put_json(bucket, &key, &record).await?;
    let message = Message::about(&record, &format!("s3://{bucket}/{key}"));
    tracing::info!(batch_date = %record.batch_date, run_id = %record.run_id, subject = %message.subject, "run ended");
    let Some(topic) = &context.topic else {
        return Ok(NotifierOutput {
            run_record: key,
            messages: 0,
        });
    };
    let request = topic
        .client
        .publish()
        .topic_arn(&topic.arn)
        .subject(message.subject)
        .message(message.body);
    request.send().await.map_err(|error| {
        let (topic, cause) = (topic.arn.clone(), with_causes(&error));
        let status = error.raw_response().map(|response| response.status().as_u16());
        if status.is_none_or(|status| status == 429 || status >= 500) {
            Error::TopicBusy { topic, cause }
        } else {
            Error::TopicRefuses { topic, cause }
        }
    })?;
    Ok(NotifierOutput {
        run_record: key,
        messages: 1,
    })
}
