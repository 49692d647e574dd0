//! Receivers of messages: an SNS topic, a Slack channel.

use crate::error::NotifierError;
use crate::message::Message;
use crate::slack::Webhook;
use aws_sdk_sns::error::SdkError;

/// A receiver of messages.
#[derive(Debug, Clone)]
pub(crate) enum Receiver {
    /// An SNS topic, by ARN.
    Topic(aws_sdk_sns::Client, String),
    /// A Slack channel.
    Slack(Webhook),
}

impl Receiver {
    /// Identifies the receiver in the list of sent messages.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Topic(..) => "sns",
            Self::Slack(_) => "slack",
        }
    }

    /// Sends a message.
    ///
    /// # Errors
    /// The service rejects the message or is unreachable.
    pub(crate) async fn send(&self, message: &Message) -> Result<(), NotifierError> {
        match self {
            Self::Topic(client, topic) => publish(client, topic, message).await,
            Self::Slack(webhook) => webhook.send(message).await,
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
