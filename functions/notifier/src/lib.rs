//! Stage: run record, success and failure messages.
//!
//! Input: the end of a run, successful or failed. Output: the run record in silver (`_runs/batch_date=D/<run>.json`), its
//! OpenLineage events (`_lineage/batch_date=D/<run>.ndjson`), and one message each to an SNS topic, Slack, Microsoft Teams,
//! PagerDuty and any other webhook, as far as they are configured. Without any of them the message is logged.
//!
//! Guarantee: the record and events are written before a message is sent, and the same event writes the same bytes. A message
//! contains the row counts, or what failed, where, and what to do; no personal data.
//!
//! Failure: a record that cannot be written, or a message that cannot be sent, fails the invocation after the remaining
//! receivers were notified. A retry notifies only receivers that were not notified before.

mod context;
mod error;
mod handler;
mod lineage;
mod locations;
mod message;
mod pagerduty;
mod receiver;
mod slack;
mod teams;
mod webhook;

pub use context::Context;
pub use error::NotifierError;
pub use handler::handle;
