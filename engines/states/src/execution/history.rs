//! The events of an execution, in the vocabulary of Step Functions.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use crate::data::payload::json_bytes;
use crate::execution::clock::Clock;
use crate::failure::Failure;

/// The quota for events: an execution that needs more fails.
pub(crate) const MAX_HISTORY_EVENTS: usize = 25_000;
/// Longer payloads stand in the history by their size only, in bytes: the history must not outgrow memory.
const MAX_EVENT_PAYLOAD_BYTES: usize = 16_384;

/// One event of an execution.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEvent {
    /// Counts from 1.
    pub id: usize,
    /// On the clock of the execution.
    pub timestamp: DateTime<Utc>,
    /// `TaskStateEntered`, `TaskSucceeded`, `MapRunFailed`, ...
    #[serde(rename = "type")]
    pub event_type: String,
    /// The path of the state as [`StateEvent`](crate::StateEvent) has it; empty for the execution itself.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub state: String,
    /// `input`, `output`, `error` and `cause`, whichever the event has. A payload of more than 16 KiB is replaced by
    /// `{"bytes": n}`.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub details: Value,
}

/// Collects events, or only counts them: the children of a distributed map have histories of their own.
#[derive(Debug)]
pub(crate) struct Recorder {
    keep: bool,
    state: Mutex<(usize, Vec<HistoryEvent>)>,
}

impl Recorder {
    pub(crate) fn keeping() -> Self {
        Self {
            keep: true,
            state: Mutex::default(),
        }
    }

    pub(crate) fn counting() -> Self {
        Self {
            keep: false,
            state: Mutex::default(),
        }
    }

    /// Adds an event. Fails where Step Functions would end the execution for its number of events.
    pub(crate) fn record(
        &self,
        clock: &Clock,
        event_type: impl Into<String>,
        state: &str,
        details: impl FnOnce() -> Value,
    ) -> Result<(), Failure> {
        let mut guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, events) = &mut *guard;
        *count += 1;
        // The last place is for the event that ends the execution.
        if *count >= MAX_HISTORY_EVENTS {
            return Err(Failure::runtime(format!(
                "the execution reached the maximum number of {MAX_HISTORY_EVENTS} history events: wait longer between \
                 ticks, or split the work over more executions"
            )));
        }
        if self.keep {
            let (id, event_type, state) = (*count, event_type.into(), state.to_owned());
            events.push(HistoryEvent {
                id,
                timestamp: clock.now(),
                event_type,
                state,
                details: details(),
            });
        }
        Ok(())
    }

    /// Adds the event that ends the execution, and gives all of them.
    pub(crate) fn finish(self, clock: &Clock, event_type: &str, details: Value) -> Vec<HistoryEvent> {
        let (count, mut events) = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let id = count.min(MAX_HISTORY_EVENTS - 1) + 1;
        let event_type = event_type.to_owned();
        events.push(HistoryEvent {
            id,
            timestamp: clock.now(),
            event_type,
            state: String::new(),
            details,
        });
        events
    }
}

/// `{"<name>": value}`, or the size of a long value.
pub(crate) fn payload(name: &str, value: &Value) -> Value {
    let bytes = json_bytes(value);
    if bytes > MAX_EVENT_PAYLOAD_BYTES {
        json!({ name: { "bytes": bytes } })
    } else {
        json!({ name: value })
    }
}

/// The details of a failure.
pub(crate) fn failure(failure: &Failure) -> Value {
    json!({ "error": failure.error, "cause": failure.cause })
}
