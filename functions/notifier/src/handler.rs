//! The notifier's answer to an event: a run record and lineage events in silver, and a message.

use crate::error::Error;
use crate::lineage::{self, Places};
use crate::message::{Message, failure};
use crate::slack::Webhook;
use aws_sdk_sns::error::SdkError;
use cardlake_aws::lease::Lease;
use cardlake_aws::metrics::{self, Metric, Subject};
use cardlake_aws::runtime::Resources;
use cardlake_aws::storage::Storage;
use cardlake_core::config::{LakeConfig, WarehouseName, WarehouseTarget};
use cardlake_core::env;
use cardlake_core::error::with_causes;
use cardlake_core::events::{NotifierEvent, NotifierOutput};
use cardlake_core::paths;
use cardlake_core::run_record::{RunOutcome, RunRecord};

/// Settings and clients of the stage.
#[derive(Debug, Clone)]
pub struct Context {
    storage: Storage,
    places: Places,
    receivers: Vec<Receiver>,
}

/// Who is told.
#[derive(Debug, Clone)]
enum Receiver {
    /// A topic, and whoever subscribes to it.
    Topic(aws_sdk_sns::Client, String),
    /// A channel in Slack.
    Slack(Webhook),
}

impl Receiver {
    const fn name(&self) -> &'static str {
        match self {
            Self::Topic(..) => "sns",
            Self::Slack(_) => "slack",
        }
    }

    async fn send(&self, message: &Message) -> Result<(), Error> {
        match self {
            Self::Topic(client, topic) => publish(client, topic, message).await,
            Self::Slack(webhook) => webhook.send(message).await,
        }
    }
}

impl Context {
    /// Reads the settings and makes the clients.
    ///
    /// # Errors
    /// All mistakes in the settings.
    #[expect(clippy::unused_async, reason = "all stages are made alike")]
    pub async fn new(resources: Resources) -> Result<Self, Error> {
        let Resources { mut variables, aws, .. } = resources;
        let lake = LakeConfig::read(&mut variables);
        let WarehouseName { target, database } = WarehouseName::read(&mut variables);
        let topic = variables.optional(env::NOTIFICATION_TOPIC_ARN);
        if let Some(topic) = topic.as_deref().filter(|topic| !topic.starts_with("arn:")) {
            variables.mistake(format!(
                "{} is '{topic}': give the ARN of an SNS topic",
                env::NOTIFICATION_TOPIC_ARN
            ));
        }
        let topic = topic.map(|topic| Receiver::Topic(aws.sns(), topic));
        let slack = variables.optional(env::SLACK_WEBHOOK_SECRET);
        let slack = slack.map(|secret| Receiver::Slack(Webhook::new(aws.secrets_manager(), secret)));
        Ok(variables.finish(Self {
            storage: Storage::new(aws.s3()),
            places: Places {
                bronze_bucket: lake.bronze_bucket,
                silver_bucket: lake.silver_bucket,
                gold_bucket: lake.gold_bucket,
                warehouse: match target {
                    WarehouseTarget::Workgroup(name) | WarehouseTarget::Cluster(name) => name,
                },
                region: aws.sdk().region().map_or_else(String::new, ToString::to_string),
                database,
            },
            receivers: topic.into_iter().chain(slack).collect(),
        })?)
    }
}

/// Writes the record of a run, then tells every receiver that was not told of it yet; without receivers the message goes to
/// the log. A run that failed gives back the lease on the warehouse: a function that was killed could not do so.
///
/// # Errors
/// The record cannot be written, or a message cannot be sent; the others are sent all the same.
pub async fn handle(event: NotifierEvent, context: &Context) -> Result<NotifierOutput, Error> {
    let datasets = datasets(&event);
    let (record, message) = context.tell(event);
    let silver_bucket = &context.places.silver_bucket;
    let key = paths::run_record(record.batch_date, &record.run_id);
    context.storage.put_json(silver_bucket, &key, &record).await?;
    let events = lineage::events(&record, &datasets, &context.places);
    if !events.is_empty() {
        let lines: String = events.iter().map(|event| format!("{event}\n")).collect();
        let key = paths::lineage(record.batch_date, &record.run_id);
        context.storage.put(silver_bucket, &key, lines.into_bytes()).await?;
    }
    measure(&record);
    if matches!(record.outcome, RunOutcome::Failed(_)) {
        context.release_lease(&record.run_id).await;
    }
    if context.receivers.is_empty() {
        tracing::info!(batch_date = %record.batch_date, run_id = record.run_id, text = message.text, "{}", message.subject);
    }
    let messages = context.send(&record, &message).await?;
    Ok(NotifierOutput {
        run_record: key,
        messages,
    })
}

/// What the run was about.
fn datasets(event: &NotifierEvent) -> Vec<String> {
    match event {
        NotifierEvent::Succeeded { books, .. } => books.datasets.keys().cloned().collect(),
        NotifierEvent::Failed { plan, .. } => {
            let planned = plan.output.iter().flat_map(|output| &output.datasets);
            planned.map(|planned| planned.dataset.clone()).collect()
        }
    }
}

/// How long the run and its stages took.
fn measure(record: &RunRecord) {
    for stage in &record.stages {
        let subject = Subject::Stage(stage.name.clone());
        metrics::record_numbers(&subject, &[(Metric::StageDuration, stage.seconds)]);
    }
    if let (Some(began), Some(ended)) = (record.execution.started_at, record.execution.ended_at) {
        let seconds = (ended - began).as_seconds_f64();
        metrics::record_numbers(&Subject::All, &[(Metric::RunDuration, seconds)]);
    }
}

impl Context {
    /// Gives the lease back, if the run has it. If that cannot be done it expires, so that is no reason to tell nobody.
    async fn release_lease(&self, run_id: &str) {
        let lease = Lease::new(self.storage.clone(), &self.places.silver_bucket, paths::WAREHOUSE_LEASE);
        if let Err(error) = lease.release(run_id).await {
            tracing::warn!(run_id, %error, "the lease of a failed run stays until it expires");
        }
    }

    /// The record and the message of an event.
    fn tell(&self, event: NotifierEvent) -> (RunRecord, Message) {
        let place = |batch_date, run_id: &str| {
            format!(
                "s3://{}/{}",
                self.places.silver_bucket,
                paths::run_record(batch_date, run_id)
            )
        };
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
                plan: _,
                execution,
            } => {
                let failure = failure(&stage, &error, &cause);
                let message = Message::failed(batch_date, &run_id, &failure, &place(batch_date, &run_id));
                let outcome = RunOutcome::Failed(failure);
                (RunRecord::new(batch_date, run_id, execution, outcome), message)
            }
        }
    }

    /// Sends the message to whom it was not sent yet; returns how many that were.
    async fn send(&self, record: &RunRecord, message: &Message) -> Result<u64, Error> {
        let key = paths::told(record.batch_date, &record.run_id);
        let mut told: Vec<String> = self
            .storage
            .get_json(&self.places.silver_bucket, &key)
            .await?
            .unwrap_or_default();
        let (mut sent, mut failure) = (0, None);
        for receiver in &self.receivers {
            // A run that fails in its last step ends twice, once each way.
            let what = format!("{} {}", receiver.name(), record.outcome.name());
            if told.contains(&what) {
                continue;
            }
            match receiver.send(message).await {
                Ok(()) => {
                    sent += 1;
                    told.push(what);
                    self.storage.put_json(&self.places.silver_bucket, &key, &told).await?;
                }
                Err(error) => {
                    tracing::error!(%error, "message not sent");
                    failure.get_or_insert(error);
                }
            }
        }
        failure.map_or(Ok(sent), Err)
    }
}

async fn publish(client: &aws_sdk_sns::Client, topic: &str, message: &Message) -> Result<(), Error> {
    let request = client
        .publish()
        .topic_arn(topic)
        .subject(&message.subject)
        .message(&message.text);
    request.send().await.map(drop).map_err(|error| {
        let status = error.raw_response().map(|response| response.status().as_u16());
        Error::Send {
            receiver: topic.to_owned(),
            transient: match &error {
                SdkError::ServiceError(_) => status.is_some_and(|status| status == 429 || status >= 500),
                SdkError::ConstructionFailure(_) => false,
                _ => true,
            },
            cause: with_causes(&error),
        }
    })
}
