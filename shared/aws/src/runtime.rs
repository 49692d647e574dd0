//! The entry point of every `main.rs`: logs, settings, clients, then the Lambda loop, with metrics per invocation.
//!
//! Handlers are plain functions of (event, context); the runtime's own types stay here, so that the `cardlake` command
//! and the tests call the very same handlers.

use crate::clients::Aws;
use crate::metrics;
use cardlake_core::assets::Assets;
use cardlake_core::config::Variables;
use cardlake_core::env;
use cardlake_core::error::{ErrorKind, StageError, with_causes};
use futures::future::LocalBoxFuture;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::rc::Rc;

/// The inputs of a stage's context.
#[derive(Debug, Clone)]
pub struct Resources {
    /// Settings.
    pub variables: Variables,
    /// Credentials, region and endpoints of the clients.
    pub aws: Aws,
    /// Project files.
    pub assets: Assets,
}

impl Resources {
    /// Settings, clients, and the project files of the folder that [`env::ASSETS_DIR`] names, else the given ones.
    #[must_use]
    pub fn new(variables: Variables, aws: Aws, embedded: Assets) -> Self {
        Self {
            assets: embedded.or_folder(variables.optional(env::ASSETS_DIR)),
            variables,
            aws,
        }
    }
}

/// Error response of a failed invocation: the fixed error type, and the message followed by its causes.
pub fn diagnostic(error: &dyn StageError) -> Diagnostic {
    response(error.kind(), with_causes(&error))
}

fn response(kind: ErrorKind, error_message: String) -> Diagnostic {
    Diagnostic {
        error_type: kind.error_type().to_owned(),
        error_message,
    }
}

/// Serves a stage until Lambda ends the process.
///
/// `embedded` are the project files of the binary; `context` makes the stage's settings and clients, once; `handler`
/// answers one event.
///
/// # Errors
/// A mistake in the settings (all of them in one message), or the loss of the runtime interface.
pub async fn serve<Event, Output, Context, Error, MakeContext, Handler>(
    embedded: Assets,
    context: MakeContext,
    handler: Handler,
) -> Result<(), lambda_runtime::Error>
where
    Event: DeserializeOwned + 'static,
    Output: Serialize + 'static,
    Context: 'static,
    Error: StageError,
    MakeContext: AsyncFnOnce(Resources) -> Result<Context, Error>,
    Handler: AsyncFn(Event, &Context) -> Result<Output, Error> + 'static,
{
    crate::telemetry::initialize();
    let variables = Variables::from_process();
    let aws = Aws::from_environment(&variables).await;
    let resources = Resources::new(variables, aws, embedded);
    let context = context(resources).await.map_err(|error| with_causes(&error))?;
    let (context, handler) = (Rc::new(context), Rc::new(handler));
    serve_json(Box::new(move |payload| {
        let (context, handler) = (Rc::clone(&context), Rc::clone(&handler));
        Box::pin(async move {
            let event = serde_json::from_value(payload)
                .map_err(|error| response(ErrorKind::InvalidEvent, format!("cannot read the event: {error}")))?;
            let output = handler(event, &context).await.map_err(|error| diagnostic(&error))?;
            serde_json::to_value(output)
                .map_err(|error| response(ErrorKind::Internal, format!("cannot write the output: {error}")))
        })
    }))
    .await
}

/// A stage with its types behind it: JSON in, JSON out.
type JsonHandler = dyn FnMut(Value) -> LocalBoxFuture<'static, Result<Value, Diagnostic>>;

/// The Lambda loop, compiled once here rather than again in every function's binary.
async fn serve_json(mut handler: Box<JsonHandler>) -> Result<(), lambda_runtime::Error> {
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
        let outcome = handler(event.payload);
        async move {
            let (outcome, figures) = metrics::collect(outcome).await;
            figures.print(&event.context.env_config.function_name);
            outcome
        }
    }))
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use cardlake_core::error::ErrorKind;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read s3://b/k")]
    struct Outer(#[source] std::io::Error);
    impl StageError for Outer {
        fn kind(&self) -> ErrorKind {
            ErrorKind::Transient
        }
    }

    #[test]
    fn a_diagnostic_carries_the_fixed_name_and_all_causes() {
        let reply = diagnostic(&Outer(std::io::Error::other("connection reset")));
        assert_eq!(reply.error_type, "Cardlake.Transient");
        assert_eq!(reply.error_message, "cannot read s3://b/k: connection reset");
    }
}
