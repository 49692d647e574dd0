//! The few lines that every `main.rs` needs: logs, settings, clients, then the Lambda loop, with the metrics of each
//! invocation.
//!
//! Handlers are plain functions of (event, context); the runtime's own types stay here, so that the `cardlake` command
//! and the tests call the very same handlers.

use crate::aws::Aws;
use crate::config::Variables;
use crate::error::{StageError, diagnostic, with_causes};
use crate::metrics;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::{Serialize, de::DeserializeOwned};
use std::sync::Arc;

/// Serves a stage until Lambda ends the process.
///
/// `context` makes the stage's settings and clients, once; `handler` answers one event.
///
/// # Errors
/// A mistake in the settings (all of them in one message), or the loss of the runtime interface.
pub async fn serve<Event, Output, Context, Error, MakeContext, Handler>(
    context: MakeContext,
    handler: Handler,
) -> Result<(), lambda_runtime::Error>
where
    Event: DeserializeOwned,
    Output: Serialize,
    Error: StageError,
    MakeContext: AsyncFnOnce(Variables, Aws) -> Result<Context, Error>,
    Handler: AsyncFn(Event, &Context) -> Result<Output, Error>,
{
    crate::telemetry::initialize();
    let variables = Variables::from_process();
    let aws = Aws::from_environment(&variables).await;
    let context = context(variables, aws).await.map_err(|error| with_causes(&error))?;
    let (context, handler) = (Arc::new(context), Arc::new(handler));
    lambda_runtime::run(service_fn(|event: LambdaEvent<Event>| {
        let (context, handler) = (Arc::clone(&context), Arc::clone(&handler));
        async move {
            // On the heap: the futures of a handler within those of the runtime are more than the compiler lays out.
            let (outcome, figures) = metrics::collect(Box::pin(handler(event.payload, &context))).await;
            figures.print(&event.context.env_config.function_name);
            outcome.map_err(|error| -> Diagnostic { diagnostic(&error) })
        }
    }))
    .await
}
