//! Stage: run record, success and failure messages.
//!
//! Input: the end of a run, good or bad. Output: the run record in silver (`_runs/batch_date=D/<run>.json`), its OpenLineage
//! events beside it (`_lineage/batch_date=D/<run>.ndjson`), and one message to an SNS topic and to Slack; without either the
//! message goes to the log.
//!
//! Guarantee: record and events are written before anything is sent, and the same event writes the same ones. A message holds
//! the books, or what failed, where, and what to do; no personal data.
//!
//! Failure: a record that cannot be written or a message that cannot be sent fails the call, after everybody else was told;
//! calling again tells those who were not told yet.

mod error;
mod handler;
mod lineage;
mod message;
mod slack;

pub use error::Error;
pub use handler::{Context, handle};
