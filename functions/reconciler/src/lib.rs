//! Stage: deduplicate across objects and days, commit to the Delta log.
//!
//! | action | in | out | guarantee |
//! |---|---|---|---|
//! | `plan` | a day | the datasets that have bronze objects then | |
//! | `reconcile` | a day, a dataset | a candidate: data files to add and to remove, counts | nothing becomes visible |
//! | `publish` | a candidate | a version of the Delta table | all or nothing, once |
//! | `balance` | what was published and loaded | the books | no row appeared or got lost |
//! | `vacuum` | a retention in days | what was removed | no version within the retention loses a file |
//!
//! One row of each key is in the table, the latest version of it: latest ingest date, then event time, then source order.
//! A version that says the same as the one before it changes nothing. Any action can be repeated: the same input against
//! the same version of the table gives the same candidate, byte for byte, and a candidate is committed at most once. If
//! another batch was committed in between, `publish` fails with `CommitConflict` and the way out is to reconcile again.

mod balance;
mod batch;
mod books;
mod compare;
mod error;
mod handler;
mod keys;
mod lineage;
mod merge;
mod plan;
mod publish;
mod reconcile;
mod remote;
mod rewrite;
mod rows;
mod scope;
mod settle;
mod spool;
mod vacuum;
mod windows;
mod winner;

pub use error::ReconcilerError;
pub use handler::{Context, DEFAULT_QUARANTINE_THRESHOLD, Output, handle};
