//! Handles the end of a run: writes the run record and lineage events to silver, then sends messages.

use crate::context::Context;
use crate::error::NotifierError;
use crate::lineage;
use crate::message::{Message, failure};
use cardlake_aws::lease::Lease;
use cardlake_aws::metrics::{self, Metric, Subject};
use cardlake_core::events::{NotifierEvent, NotifierOutput};
use cardlake_core::paths;
use cardlake_core::run_record::{RunOutcome, RunRecord};

/// Writes the record of a run, then notifies every receiver that was not notified of it yet. Without receivers, the message
/// is logged. A failed run releases the warehouse lease, since a function that timed out could not.
///
/// # Errors
/// The record cannot be written, or a message cannot be sent; the remaining messages are sent regardless.
pub async fn handle(event: NotifierEvent, context: &Context) -> Result<NotifierOutput, NotifierError> {
    let datasets = datasets(&event);
    let (record, message) = describe(event, context);
    let silver_bucket = &context.locations.silver_bucket;
    let key = paths::run_record(record.batch_date, &record.run_id);
    context.storage.put_json(silver_bucket, &key, &record).await?;
    let events = lineage::events(&record, &datasets, &context.locations);
    if !events.is_empty() {
        let lines: String = events.iter().map(|event| format!("{event}\n")).collect();
        let key = paths::lineage(record.batch_date, &record.run_id);
        context.storage.put(silver_bucket, &key, lines.into_bytes()).await?;
    }
    record_durations(&record);
    if matches!(record.outcome, RunOutcome::Failed(_)) {
        release_lease(&record.run_id, context).await;
    }
    if context.receivers.is_empty() {
        tracing::info!(batch_date = %record.batch_date, run_id = record.run_id, text = message.text, "{}", message.subject);
    }
    let messages = notify(&record, &message, context).await?;
    Ok(NotifierOutput {
        run_record: key,
        messages,
    })
}

/// Datasets of the run.
fn datasets(event: &NotifierEvent) -> Vec<String> {
    match event {
        NotifierEvent::Succeeded { books, .. } => books.datasets.keys().cloned().collect(),
        NotifierEvent::Failed { plan, .. } => {
            let planned = plan.output.iter().flat_map(|output| &output.datasets);
            planned.map(|planned| planned.dataset.clone()).collect()
        }
    }
}

/// Records the durations of the run and its stages as metrics.
fn record_durations(record: &RunRecord) {
    for stage in &record.stages {
        let subject = Subject::Stage(stage.name.clone());
        metrics::record_numbers(&subject, &[(Metric::StageDuration, stage.seconds)]);
    }
    if let (Some(began), Some(ended)) = (record.execution.started_at, record.execution.ended_at) {
        let seconds = (ended - began).as_seconds_f64();
        metrics::record_numbers(&Subject::All, &[(Metric::RunDuration, seconds)]);
    }
}

/// Releases the lease if the run holds it. A failure is only logged: the lease expires, and the messages matter more.
async fn release_lease(run_id: &str, context: &Context) {
    let lease = Lease::new(
        context.storage.clone(),
        &context.locations.silver_bucket,
        paths::WAREHOUSE_LEASE,
    );
    if let Err(error) = lease.release(run_id).await {
        tracing::warn!(run_id, %error, "the lease of a failed run stays until it expires");
    }
}

/// The record and the message of an event.
fn describe(event: NotifierEvent, context: &Context) -> (RunRecord, Message) {
    let address = |batch_date, run_id: &str| {
        let key = paths::run_record(batch_date, run_id);
        format!("s3://{}/{key}", context.locations.silver_bucket)
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
            let address = address(batch_date, &run_id);
            let message = Message::succeeded(&context.stack, batch_date, &run_id, &books, &audits, &marts, &address);
            let outcome = RunOutcome::Succeeded { books, audits, marts };
            (RunRecord::new(batch_date, run_id, execution, outcome), message)
        }
        NotifierEvent::Failed {
            batch_date,
            run_id,
            stage,
            error,
            cause,
            plan,
            execution,
        } => {
            let failure = failure(&stage, &error, &cause);
            let message = Message::failed(
                &context.stack,
                batch_date,
                &run_id,
                &failure,
                plan.output.as_ref(),
                &address(batch_date, &run_id),
            );
            let outcome = RunOutcome::Failed(failure);
            (RunRecord::new(batch_date, run_id, execution, outcome), message)
        }
    }
}

/// Sends the message to every receiver that has not received it yet; returns the number of messages sent.
async fn notify(record: &RunRecord, message: &Message, context: &Context) -> Result<u64, NotifierError> {
    let silver_bucket = &context.locations.silver_bucket;
    let key = paths::notified(record.batch_date, &record.run_id);
    // No list yet: nothing was sent.
    let mut notified: Vec<String> = context.storage.get_json(silver_bucket, &key).await?.unwrap_or_default();
    let (mut sent, mut first_error) = (0, None);
    for receiver in &context.receivers {
        // A run that fails in its last step may send both messages.
        let entry = format!("{} {}", receiver.name(), record.outcome.name());
        if notified.contains(&entry) {
            continue;
        }
        match receiver.send(record, message).await {
            Ok(()) => {
                sent += 1;
                notified.push(entry);
                context.storage.put_json(silver_bucket, &key, &notified).await?;
            }
            Err(error) => {
                tracing::error!(%error, "message not sent");
                first_error.get_or_insert(error);
            }
        }
    }
    first_error.map_or(Ok(sent), Err)
}
