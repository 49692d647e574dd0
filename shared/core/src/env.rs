//! Registry of all environment variables read by the functions.
//!
//! Tests compare `docs/configuration.md` and the infrastructure's environment maps with this list.

/// Bucket of the raw files. Required by all stages that touch bronze.
pub const BRONZE_BUCKET: &str = "CARDLAKE_BRONZE_BUCKET";
/// Bucket of the Delta tables, the object records, the candidates, the quarantine and the run records.
pub const SILVER_BUCKET: &str = "CARDLAKE_SILVER_BUCKET";
/// Bucket of the published marts and the report.
pub const GOLD_BUCKET: &str = "CARDLAKE_GOLD_BUCKET";
/// Folder with `contracts/`, `expectations/`, `warehouse/`, `statemachine/`; default: the files embedded at build time.
pub const ASSETS_DIR: &str = "CARDLAKE_ASSETS_DIR";
/// Name or ARN of the secret with the token keys: `{"current":"1","keys":{"1":"<base64, 32 bytes or more>"}}`.
pub const TOKEN_KEY_SECRET: &str = "CARDLAKE_TOKEN_KEY_SECRET";
/// Share of a batch, 0 to 1, that may be quarantined before the run fails; default 0.05.
pub const QUARANTINE_THRESHOLD: &str = "CARDLAKE_QUARANTINE_THRESHOLD";
/// Redshift Serverless workgroup (name or ARN). Exactly one of this and [`REDSHIFT_CLUSTER`].
pub const REDSHIFT_WORKGROUP: &str = "CARDLAKE_REDSHIFT_WORKGROUP";
/// Identifier of a provisioned Redshift cluster.
pub const REDSHIFT_CLUSTER: &str = "CARDLAKE_REDSHIFT_CLUSTER";
/// Database; default `cardlake`.
pub const REDSHIFT_DATABASE: &str = "CARDLAKE_REDSHIFT_DATABASE";
/// Secret with the database user's name and password; default: IAM credentials of the function's role.
pub const REDSHIFT_SECRET_ARN: &str = "CARDLAKE_REDSHIFT_SECRET_ARN";
/// Database user for temporary credentials on a provisioned cluster; default: the IAM identity.
pub const REDSHIFT_DB_USER: &str = "CARDLAKE_REDSHIFT_DB_USER";
/// Role that Redshift assumes for COPY and UNLOAD; default: the namespace's default role.
pub const REDSHIFT_COPY_ROLE_ARN: &str = "CARDLAKE_REDSHIFT_COPY_ROLE_ARN";
/// Name of the stack in messages; default `cardlake`.
pub const STACK: &str = "CARDLAKE_STACK";
/// SNS topic for success and failure messages; default: none, messages go to the log only.
pub const NOTIFICATION_TOPIC_ARN: &str = "CARDLAKE_NOTIFICATION_TOPIC_ARN";
/// Name or ARN of the secret with the URL of a Slack incoming webhook, as it is or as `{"url": "https://…"}`; default: none.
pub const SLACK_WEBHOOK_SECRET: &str = "CARDLAKE_SLACK_WEBHOOK_SECRET";
/// Name or ARN of the secret with the URL of a workflow of Microsoft Teams, in the same forms; default: none.
pub const TEAMS_WEBHOOK_SECRET: &str = "CARDLAKE_TEAMS_WEBHOOK_SECRET";
/// Name or ARN of the secret with the URL of any other receiver of JSON documents, in the same forms; default: none.
pub const WEBHOOK_SECRET: &str = "CARDLAKE_WEBHOOK_SECRET";
/// Name or ARN of the secret with the integration key of a PagerDuty service, as it is or as `{"key": "…", "url": "https://…"}`;
/// default: none.
pub const PAGERDUTY_SECRET: &str = "CARDLAKE_PAGERDUTY_SECRET";

/// ARN of the state machine of a day, for `cardlake --aws`.
pub const DAILY_STATE_MACHINE_ARN: &str = "CARDLAKE_DAILY_STATE_MACHINE_ARN";
/// ARN of the state machine of a backfill, for `cardlake --aws`.
pub const BACKFILL_STATE_MACHINE_ARN: &str = "CARDLAKE_BACKFILL_STATE_MACHINE_ARN";

/// Endpoint for every service, as the AWS SDKs define it.
pub const AWS_ENDPOINT_URL: &str = "AWS_ENDPOINT_URL";
/// Endpoint for S3, as the AWS SDKs define it; wins over [`AWS_ENDPOINT_URL`].
pub const AWS_ENDPOINT_URL_S3: &str = "AWS_ENDPOINT_URL_S3";
/// Endpoint for SNS, as the AWS SDKs define it.
pub const AWS_ENDPOINT_URL_SNS: &str = "AWS_ENDPOINT_URL_SNS";
