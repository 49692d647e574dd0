//! Invokes stages as Lambda would: JSON in, JSON or an error reply out.

use crate::environment::{BRONZE, Environment};
use crate::error::CliError;
use cardlake_aws::runtime::diagnostic;
use cardlake_aws::storage::Storage;
use cardlake_core::error::{ErrorKind, StageError};
use cardlake_core::events::PlanOutput;
use cardlake_loopback::{NoSpace, NoSpaceLog};
use cardlake_states::{ObjectItem, TaskFailure, TaskInvoker};
use futures::future::BoxFuture;
use lambda_runtime::Diagnostic;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What stands for the daily state machine's ARN.
pub const DAILY_STATE_MACHINE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:cardlake-daily";

/// The longest answer of a function, in bytes: 6 MiB and the 100 bytes that Lambda adds.
/// Source: quotas of AWS Lambda, "Invocation payload".
const MAX_RESPONSE_BYTES: usize = 6 * 1024 * 1024 + 100;

/// The functions by name, and how many seconds each may take where it is deployed: `infra/functions.tf`.
const FUNCTIONS: [(&str, u64); 7] = [
    ("generator", 900),
    ("transformer", 900),
    ("reconciler", 900),
    ("validator", 900),
    ("loader", 120),
    ("mart_builder", 120),
    ("notifier", 60),
];

/// The stages, each with its own context as a function of its own has it.
pub struct StageInvoker {
    generator: Arc<cardlake_generator::Context>,
    transformer: Arc<cardlake_transformer::Context>,
    reconciler: Arc<cardlake_reconciler::Context>,
    validator: Arc<cardlake_validator::Context>,
    loader: Arc<cardlake_loader::Context>,
    mart_builder: Arc<cardlake_mart_builder::Context>,
    notifier: Arc<cardlake_notifier::Context>,
    storage: Storage,
    transformed: Arc<AtomicU64>,
    planned: Mutex<Option<PlanOutput>>,
    timeouts: BTreeMap<&'static str, Duration>,
    temporary: NoSpaceLog,
}

impl StageInvoker {
    /// Wires all stages to an environment.
    ///
    /// # Errors
    /// A setting or a packaged file is wrong.
    pub async fn new(environment: &Environment) -> Result<Self, CliError> {
        macro_rules! context {
            ($stage:ident, $name:literal) => {
                Arc::new(
                    $stage::Context::new(environment.resources_of($name))
                        .await
                        .map_err(|error| CliError::caused("set up a stage", &error))?,
                )
            };
        }
        Ok(Self {
            generator: context!(cardlake_generator, "generator"),
            transformer: context!(cardlake_transformer, "transformer"),
            reconciler: context!(cardlake_reconciler, "reconciler"),
            validator: context!(cardlake_validator, "validator"),
            loader: context!(cardlake_loader, "loader"),
            mart_builder: context!(cardlake_mart_builder, "mart_builder"),
            notifier: context!(cardlake_notifier, "notifier"),
            storage: environment.storage().clone(),
            transformed: Arc::default(),
            planned: Mutex::default(),
            timeouts: FUNCTIONS
                .map(|(name, seconds)| (name, Duration::from_secs(seconds)))
                .into(),
            temporary: environment.temporary_space().clone(),
        })
    }

    /// Lets a function take another time than it may where it is deployed.
    #[cfg(test)]
    pub(crate) fn with_timeout(mut self, function: &'static str, timeout: Duration) -> Self {
        self.timeouts.insert(function, timeout);
        self
    }

    /// Rows that the transformer has read so far.
    #[must_use]
    pub fn transformed(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.transformed)
    }

    /// The plan of the day, once there is one. The output of a run that fails does not have it.
    pub(crate) fn planned(&self) -> Option<PlanOutput> {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What stands for the placeholders of the state machine files.
    #[must_use]
    pub fn substitutions() -> BTreeMap<String, String> {
        let functions = FUNCTIONS.map(|(stage, _)| (format!("{stage}_function"), stage.to_owned()));
        functions
            .into_iter()
            .chain([
                ("bronze_bucket".to_owned(), BRONZE.to_owned()),
                ("daily_state_machine".to_owned(), DAILY_STATE_MACHINE.to_owned()),
            ])
            .collect()
    }

    /// One invocation of a stage by its name.
    ///
    /// # Errors
    /// The error reply of the stage, as Step Functions shows it.
    pub async fn invoke_function(&self, function: &str, payload: Value) -> Result<Value, TaskFailure> {
        let timeout = self.timeouts.get(function).copied().unwrap_or(Duration::MAX);
        macro_rules! call {
            ($stage:ident, $context:expr) => {{
                let context = Arc::clone(&$context);
                call(
                    payload,
                    timeout,
                    self.temporary.clone(),
                    move |event| async move { $stage::handle(event, &context).await },
                )
                .await
            }};
        }
        match function {
            "generator" => call!(cardlake_generator, self.generator),
            "transformer" => call!(cardlake_transformer, self.transformer),
            "reconciler" => call!(cardlake_reconciler, self.reconciler),
            "validator" => call!(cardlake_validator, self.validator),
            "loader" => call!(cardlake_loader, self.loader),
            "mart_builder" => call!(cardlake_mart_builder, self.mart_builder),
            "notifier" => call!(cardlake_notifier, self.notifier),
            other => Err(TaskFailure {
                error: "Lambda.ResourceNotFoundException".to_owned(),
                cause: format!("Function not found: {other}"),
            }),
        }
    }
}

/// One invocation, on a thread of its own as a function has a process of its own: a panic fails the invocation alone, and
/// what is not done in time is stopped where it waits.
async fn call<Event, Output, Error, Running>(
    payload: Value,
    timeout: Duration,
    temporary: NoSpaceLog,
    handler: impl FnOnce(Event) -> Running + Send + 'static,
) -> Result<Value, TaskFailure>
where
    Event: DeserializeOwned + Send + 'static,
    Output: Serialize + Send + 'static,
    Error: StageError + Send + 'static,
    Running: Future<Output = Result<Output, Error>>,
{
    let event = serde_json::from_value(payload).map_err(|error| {
        refused(Diagnostic {
            error_type: ErrorKind::InvalidEvent.error_type().to_owned(),
            error_message: format!("failed to deserialize the incoming data into the function's payload type: {error}"),
        })
    })?;
    let runtime = tokio::runtime::Handle::current();
    let running = tokio::task::spawn_blocking(move || {
        runtime.block_on(async { tokio::time::timeout(timeout, handler(event)).await })
    });
    let output = running.await.map_err(|error| {
        refused(Diagnostic {
            error_type: "Runtime.ExitError".to_owned(),
            error_message: error.to_string(),
        })
    })?;
    // What Lambda answers in its place.
    let output = output.map_err(|_| {
        refused(Diagnostic {
            error_type: "Sandbox.Timedout".to_owned(),
            error_message: format!(
                "RequestId: {} Error: Task timed out after {:.2} seconds",
                uuid::Uuid::new_v4(),
                timeout.as_secs_f64()
            ),
        })
    })?;
    let output = output.map_err(|error| {
        // Of a stage's own files only the temporary ones are written here; objects go to the servers.
        if let Some(reason) = NoSpace::of(&error) {
            temporary.record(reason);
        }
        refused(diagnostic(&error))
    })?;
    let unwritten = |error: serde_json::Error| {
        refused(Diagnostic {
            error_type: "Runtime.MarshalError".to_owned(),
            error_message: error.to_string(),
        })
    };
    let text = serde_json::to_string(&output).map_err(unwritten)?;
    if text.len() > MAX_RESPONSE_BYTES {
        return Err(refused(Diagnostic {
            error_type: "Function.ResponseSizeTooLarge".to_owned(),
            error_message: format!(
                "Response payload size ({} bytes) exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes).",
                text.len()
            ),
        }));
    }
    serde_json::from_str(&text).map_err(unwritten)
}

/// As Step Functions shows the error reply of a function: the name, and the reply itself as cause.
fn refused(reply: Diagnostic) -> TaskFailure {
    let cause = json!({ "errorType": reply.error_type, "errorMessage": reply.error_message }).to_string();
    TaskFailure {
        error: reply.error_type,
        cause,
    }
}

impl TaskInvoker for StageInvoker {
    fn supports(&self, resource: &str) -> bool {
        resource == "arn:aws:states:::lambda:invoke"
    }

    fn invoke<'a>(&'a self, _resource: &'a str, mut parameters: Value) -> BoxFuture<'a, Result<Value, TaskFailure>> {
        Box::pin(async move {
            let payload = parameters.get_mut("Payload").map(Value::take).unwrap_or_default();
            let function = parameters
                .get("FunctionName")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let is_plan = function == "reconciler" && payload.get("action").is_some_and(|action| action == "plan");
            let payload = self.invoke_function(function, payload).await?;
            if is_plan {
                let plan = PlanOutput::deserialize(&payload).map_err(|error| TaskFailure {
                    error: ErrorKind::Internal.error_type().to_owned(),
                    cause: format!("the answer to action 'plan' is no plan: {error}"),
                })?;
                *self.planned.lock().unwrap_or_else(PoisonError::into_inner) = Some(plan);
            }
            if function == "transformer" {
                let rows = payload.pointer("/counts/bronze_rows").and_then(Value::as_u64);
                self.transformed.fetch_add(rows.unwrap_or_default(), Ordering::Relaxed);
            }
            Ok(json!({ "StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": payload }))
        })
    }

    fn list_objects<'a>(
        &'a self,
        bucket: &'a str,
        prefix: &'a str,
        max_items: Option<usize>,
    ) -> BoxFuture<'a, Result<Vec<ObjectItem>, TaskFailure>> {
        Box::pin(async move {
            let listed = self.storage.list(bucket, prefix).await.map_err(|error| TaskFailure {
                error: "States.ItemReaderFailed".to_owned(),
                cause: error.to_string(),
            })?;
            Ok(listed
                .into_iter()
                .take(max_items.unwrap_or(usize::MAX))
                .map(|object| ObjectItem {
                    key: object.key,
                    size: object.size,
                })
                .collect())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_have_the_time_that_they_are_deployed_with() {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/functions.tf");
        let deployed = std::fs::read_to_string(file).unwrap();
        let line = regex::Regex::new(r"(?m)^ +([a-z-]+) += \{ description.* timeout = (\d+),").unwrap();
        let timeouts: BTreeMap<String, u64> = line
            .captures_iter(&deployed)
            .map(|found| (found[1].replace('-', "_"), found[2].parse().unwrap()))
            .collect();
        assert_eq!(
            timeouts,
            FUNCTIONS.map(|(name, seconds)| (name.to_owned(), seconds)).into()
        );
    }
}
