//! What an invocation needs: settings and clients, created once per container.

use crate::error::NotifierError;
use crate::locations::Locations;
use crate::receiver::Receiver;
use crate::webhook::{Kind, Webhook};
use cardlake_aws::runtime::Resources;
use cardlake_aws::storage::Storage;
use cardlake_core::config::{LakeConfig, WarehouseName, WarehouseTarget};
use cardlake_core::env;

/// Settings and clients of the stage.
#[derive(Debug, Clone)]
pub struct Context {
    pub(crate) storage: Storage,
    pub(crate) locations: Locations,
    /// What the subjects of messages begin with.
    pub(crate) stack: String,
    pub(crate) receivers: Vec<Receiver>,
}

impl Context {
    /// Reads the settings and creates the clients.
    ///
    /// # Errors
    /// All invalid settings at once.
    #[expect(clippy::unused_async, reason = "the same signature in every stage")]
    pub async fn new(resources: Resources) -> Result<Self, NotifierError> {
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
        let stack = variables.optional(env::STACK).unwrap_or_else(|| "cardlake".to_owned());
        let webhooks = [
            (Kind::Slack, env::SLACK_WEBHOOK_SECRET),
            (Kind::Teams, env::TEAMS_WEBHOOK_SECRET),
            (Kind::PagerDuty, env::PAGERDUTY_SECRET),
            (Kind::Other, env::WEBHOOK_SECRET),
        ];
        let webhooks = webhooks.into_iter().filter_map(|(kind, setting)| {
            let secret = variables.optional(setting)?;
            let webhook = Webhook::new(kind, aws.secrets_manager(), secret, stack.clone());
            Some(Receiver::Webhook(webhook))
        });
        let receivers = topic.into_iter().chain(webhooks).collect();
        Ok(variables.finish(Self {
            storage: Storage::new(aws.s3()),
            locations: Locations {
                bronze_bucket: lake.bronze_bucket,
                silver_bucket: lake.silver_bucket,
                gold_bucket: lake.gold_bucket,
                warehouse: match target {
                    WarehouseTarget::Workgroup(name) | WarehouseTarget::Cluster(name) => name,
                },
                region: aws.sdk().region().map_or_else(String::new, ToString::to_string),
                database,
            },
            stack,
            receivers,
        })?)
    }
}
