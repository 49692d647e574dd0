//! A deployed stack, as an operator's machine reaches it: credentials and region as the AWS CLI finds them, names of buckets,
//! state machines and warehouse in the variables that Terraform prints.

use crate::error::CliError;
use crate::interrupt;
use crate::outcome::failure_message;
use crate::progress::Progress;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sdk_sfn::types::{ExecutionStatus, HistoryEvent};
use cardlake_aws::clients::Aws;
use cardlake_aws::data_api::Warehouse;
use cardlake_aws::storage::Storage;
use cardlake_core::config::{ConfigError, Variables, WarehouseConfig};
use cardlake_core::env;
use cardlake_core::paths;
use cardlake_core::run_record::RunRecord;
use chrono::NaiveDate;
use serde_json::Value;
use std::time::Duration;

/// How often a running execution is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How many of the newest events are looked at each time.
const NEWEST_EVENTS: i32 = 50;

/// A stack in AWS, or in an emulator that `AWS_ENDPOINT_URL` names.
#[derive(Debug, Clone)]
pub(crate) struct Stack {
    aws: Aws,
    step_functions: aws_sdk_sfn::Client,
}

impl Stack {
    /// Finds credentials.
    ///
    /// # Errors
    /// There are none, or the profile is not known.
    pub(crate) async fn connect() -> Result<Self, CliError> {
        let aws = Aws::from_environment(&Variables::from_process()).await;
        let no_credentials = |cause: &(dyn std::error::Error + 'static)| {
            CliError::caused("find credentials for AWS", cause)
                .hint("check AWS_PROFILE, or sign in with `aws sso login`")
        };
        if aws.sdk().region().is_none() {
            return Err(CliError::failed("no AWS region is set").hint("set AWS_REGION, or a profile with a region"));
        }
        match aws.sdk().credentials_provider() {
            Some(provider) => provider
                .provide_credentials()
                .await
                .map_err(|error| no_credentials(&error))?,
            None => return Err(CliError::failed("no credentials for AWS are set").hint("set AWS_PROFILE")),
        };
        let step_functions = aws_sdk_sfn::Client::new(aws.sdk());
        Ok(Self { aws, step_functions })
    }

    /// Clients of the stack.
    pub(crate) const fn aws(&self) -> &Aws {
        &self.aws
    }

    /// Objects of its buckets.
    pub(crate) fn storage(&self) -> Storage {
        Storage::new(self.aws.s3())
    }

    /// Its warehouse.
    ///
    /// # Errors
    /// The settings do not say where it is.
    pub(crate) fn warehouse(&self) -> Result<Warehouse, CliError> {
        let mut variables = Variables::from_process();
        let config = WarehouseConfig::read(&mut variables);
        let config = variables.finish(config).map_err(|error| setting(&error))?;
        Ok(Warehouse::new(self.aws.redshift_data(), config))
    }

    /// The state machine that a variable names; none: the variable is not set.
    ///
    /// # Errors
    /// It is not there, or may not be looked at.
    pub(crate) async fn state_machine(&self, variable: &str) -> Result<String, CliError> {
        let arn = required(variable, "the ARN of a state machine")?;
        let described = self.step_functions.describe_state_machine();
        let described = described.state_machine_arn(&arn).send().await;
        let described = described.map_err(|error| CliError::caused(&format!("look at {arn}"), &error))?;
        Ok(described.name().to_owned())
    }

    /// Starts an execution of the state machine that a variable names and waits for its end; gives its ARN, and why it
    /// failed if it did.
    ///
    /// # Errors
    /// The variable is not set, or the service refuses. Ctrl-C: the execution goes on.
    pub(crate) async fn run(
        &self,
        variable: &str,
        name: &str,
        input: &Value,
        progress: &Progress,
    ) -> Result<(String, Result<(), CliError>), CliError> {
        let execution = self.start(variable, name, input).await?;
        progress.note(&execution);
        // A call that does not come back must not keep anybody from leaving.
        let ended = tokio::select! {
            ended = self.follow(&execution, progress) => ended?,
            _ = interrupt::requested() => {
                return Err(CliError::interrupted(format!("{execution} goes on")).hint(format!(
                    "see how it ends with `cardlake status --aws`, stop it with \
                     `aws stepfunctions stop-execution --execution-arn {execution}`"
                )));
            }
        };
        Ok((execution, ended))
    }

    /// The records of runs, by day and name; those that are not there are left out.
    ///
    /// # Errors
    /// The bucket is not named, or a record cannot be read.
    pub(crate) async fn run_records(&self, runs: &[(NaiveDate, String)]) -> Result<Vec<RunRecord>, CliError> {
        let (storage, silver) = (self.storage(), silver_bucket()?);
        let mut records = Vec::new();
        for (day, run) in runs {
            let record = storage
                .get_json::<RunRecord>(&silver, &paths::run_record(*day, run))
                .await;
            records.extend(record.map_err(|error| CliError::caused("read a run record", &error))?);
        }
        Ok(records)
    }

    async fn start(&self, variable: &str, name: &str, input: &Value) -> Result<String, CliError> {
        let arn = required(variable, "the ARN of a state machine")?;
        let started = self
            .step_functions
            .start_execution()
            .state_machine_arn(&arn)
            .name(name)
            .input(input.to_string())
            .send()
            .await
            .map_err(|error| CliError::caused(&format!("start an execution of {arn}"), &error))?;
        Ok(started.execution_arn().to_owned())
    }

    /// Waits for the end of an execution, and tells meanwhile which state it is in.
    async fn follow(&self, execution: &str, progress: &Progress) -> Result<Result<(), CliError>, CliError> {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        loop {
            ticks.tick().await;
            if let Some(ended) = self.look(execution).await? {
                return Ok(ended);
            }
            if let Some(state) = self.newest_state(execution).await? {
                progress.tell(&state);
            }
        }
    }

    /// How an execution ended; none: it has not.
    async fn look(&self, execution: &str) -> Result<Option<Result<(), CliError>>, CliError> {
        let described = self.step_functions.describe_execution().execution_arn(execution);
        let described = described.send().await;
        let described = described.map_err(|error| CliError::caused(&format!("look at {execution}"), &error))?;
        Ok(match described.status() {
            ExecutionStatus::Running | ExecutionStatus::PendingRedrive => None,
            ExecutionStatus::Succeeded => Some(Ok(())),
            status => {
                let error = described.error().unwrap_or_else(|| status.as_str());
                let cause = failure_message(error, described.cause().unwrap_or_default());
                let steps = format!("aws stepfunctions get-execution-history --execution-arn {execution}");
                let failed = CliError::failed(format!("the execution failed: {cause} ({error})"));
                Some(Err(failed.hint(format!("its steps: {steps}"))))
            }
        })
    }

    async fn newest_state(&self, execution: &str) -> Result<Option<String>, CliError> {
        let history = self
            .step_functions
            .get_execution_history()
            .execution_arn(execution)
            .reverse_order(true)
            .include_execution_data(false)
            .max_results(NEWEST_EVENTS)
            .send()
            .await
            .map_err(|error| CliError::caused(&format!("read the history of {execution}"), &error))?;
        let entered = history
            .events()
            .iter()
            .find_map(HistoryEvent::state_entered_event_details);
        Ok(entered.map(|state| state.name().to_owned()))
    }
}

/// The variable's value.
///
/// # Errors
/// It is not set.
pub(crate) fn required(variable: &str, what: &str) -> Result<String, CliError> {
    let mut variables = Variables::from_process();
    let value = variables.required(variable, what);
    variables.finish(value).map_err(|error| setting(&error))
}

/// The bucket of the Delta tables and run records.
///
/// # Errors
/// The variable is not set.
pub(crate) fn silver_bucket() -> Result<String, CliError> {
    required(env::SILVER_BUCKET, "the bucket of the Delta tables")
}

fn setting(error: &ConfigError) -> CliError {
    CliError::usage(error.to_string()).hint("`terraform -chdir=infra output -raw cli_environment` prints all of them")
}
