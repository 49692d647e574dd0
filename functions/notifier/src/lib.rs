//! The last stage of a run: leaves the run record and tells people.
//!
//! In: how the run ended. Out: one JSON document under `_runs/` in the silver bucket, and one message to the SNS topic
//! if one is configured (e-mail and chat subscribe to it), else a log line. The record is written first and under a key
//! made of the day and the execution, so a repeated invocation writes the same document again. Messages hold counts and
//! names of stages, never a row.

mod error;
mod handler;
mod message;
mod record;

pub use error::Error;
pub use handler::{Context, handle};
pub use record::RunRecord;
