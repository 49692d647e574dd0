//! Stage: run record, success and failure messages.
//!
//! Input: the end of a run, good or bad. Output: the run record in silver (`_runs/batch_date=D/<run>.json`) and one
//! message to an SNS topic; without a topic the message goes to the log.
//!
//! Guarantee: the record is written before anything is sent, and the same event writes the same record. A message holds
//! the books, or what failed, where, and what to do; no personal data.
//!
//! Failure: a record that cannot be written or a message that cannot be sent fails the call, after everybody else was told;
//! calling again tells those who were not told yet.

mod error;
mod handler;
mod message;
mod slack;

pub use error::Error;
pub use handler::{Context, handle};
