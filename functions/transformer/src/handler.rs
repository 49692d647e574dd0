//! Handles an event: one object for a task of the state machine, several for a notification of S3.

use crate::context::Context;
use crate::error::TransformerError;
use crate::event::{Event, Output, decode_key};
use crate::object::{ignored, transform};
use aws_lambda_events::event::s3::{S3Event, S3EventRecord};
use cardlake_core::error::{ErrorKind, StageError, with_causes};
use cardlake_core::events::{TransformerEvent, TransformerOutput};

/// Handles one invocation.
///
/// # Errors
/// Task: the object cannot be transformed. Notification: the objects that failed or were rejected, after all others were
/// transformed.
pub async fn handle(event: Event, context: &Context) -> Result<Output, TransformerError> {
    match event {
        Event::Task(task) => transform(&task, context).await.map(Output::One),
        Event::Test => {
            tracing::info!("test event of s3 received");
            Ok(Output::Many(Vec::new()))
        }
        Event::Notification(event) => notification(event, context).await.map(Output::Many),
    }
}

async fn notification(event: S3Event, context: &Context) -> Result<Vec<TransformerOutput>, TransformerError> {
    let total = event.records.len();
    let (mut outputs, mut failures) = (Vec::new(), Vec::new());
    let mut first_kind: Option<ErrorKind> = None;
    for record in event.records {
        let key = record.s3.object.key.clone();
        match notified(record, context).await {
            Ok(output) => outputs.push(output),
            Err(error) => {
                let message = with_causes(&error);
                tracing::error!(key = key.as_deref(), error = message, "object failed");
                failures.push(message);
                // A retry helps if any failure is transient.
                let kind = error.kind();
                first_kind = Some(first_kind.filter(|_| !kind.is_transient()).unwrap_or(kind));
            }
        }
    }
    match first_kind {
        None => Ok(outputs),
        Some(kind) => Err(TransformerError::Partial { failures, total, kind }),
    }
}

async fn notified(record: S3EventRecord, context: &Context) -> Result<TransformerOutput, TransformerError> {
    let encoded = record.s3.object.key.ok_or(TransformerError::MissingKey)?;
    let Some(key) = decode_key(&encoded) else {
        return Err(TransformerError::EventKey { key: encoded });
    };
    let created = record
        .event_name
        .as_deref()
        .is_none_or(|name| name.trim_start_matches("s3:").starts_with("ObjectCreated"));
    let in_bronze = record
        .s3
        .bucket
        .name
        .as_deref()
        .is_none_or(|bucket| bucket == context.bronze_bucket);
    if !created || !in_bronze {
        return Ok(ignored(
            &key,
            "the event is not about a new object of the bronze bucket",
        ));
    }
    let output = transform(&TransformerEvent::of(key), context).await?;
    match output.rejection {
        None => Ok(output),
        // The response to S3 is discarded. As an error, the event reaches the dead-letter queue.
        Some(reason) => Err(TransformerError::Rejected {
            key: output.key,
            reason,
        }),
    }
}
