//! Receivers of messages: an SNS topic, webhooks.

use crate::error::NotifierError;
use crate::message::Message;
use crate::webhook::Webhook;
use aws_sdk_sns::error::SdkError;
use cardlake_core::run_record::RunRecord;

/// A receiver of messages.
#[derive(Debug, Clone)]
pub(crate) enum Receiver {
    /// An SNS topic, by ARN.
    Topic(aws_sdk_sns::Client, String),
    /// A channel, a service or a program behind an address.
    Webhook(Webhook),
}

impl Receiver {
    /// Identifies the receiver in the list of sent messages.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Topic(..) => "sns",
            Self::Webhook(webhook) => webhook.name(),
        }
    }

    /// Sends a message about a run.
    ///
    /// # Errors
    /// The service rejects the message or is unreachable.
    pub(crate) async fn send(&self, record: &RunRecord, message: &Message) -> Result<(), NotifierError> {
        match self {
            Self::Topic(client, topic) => publish(client, topic, message).await,
            Self::Webhook(webhook) => webhook.send(record, message).await,
        }
    }
}

async fn publish(client: &aws_sdk_sns::Client, topic: &str, message: &Message) -> Result<(), NotifierError> {
    let request = client
        .publish()
        .topic_arn(topic)
        .subject(&message.subject)
        .message(&message.text);
    request.send().await.map(drop).map_err(|error| {
        let status = error.raw_response().map(|response| response.status().as_u16());
        NotifierError::Send {
            receiver: topic.to_owned(),
            transient: match &error {
                SdkError::ServiceError(_) => status.is_some_and(|status| status == 429 || status >= 500),
                SdkError::ConstructionFailure(_) => false,
                _ => true,
            },
            source: Box::new(error),
        }
    })
}
