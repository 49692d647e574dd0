//! Stage: deduplicate across objects and days, commit to the Delta log.
//!
//! | action | in | out | guarantee |
//! |---|---|---|---|
//! | `plan` | a day | the datasets that have bronze objects then, and objects that are not read | |
//! | `reconcile` | a day, a dataset | a candidate: data files to add and to remove, counts | nothing becomes visible |
//! | `publish` | a candidate | a version of the Delta table | all or nothing, once |
//! | `balance` | what was published and loaded | row accounting | no row appeared or got lost |
//! | `optimize` | a dataset, event days | what was merged | no row changes, readers of changes see none |
//! | `vacuum` | a retention in days | what was removed | no version within the retention loses a file |
//!
//! The table holds one row per key, its latest version: the one that was delivered last, by ingest date, the bronze object's
//! own time, its key, and the row's position in it. A re-delivery with the same values changes nothing. Any action can be repeated: the same input against
//! the same version of the table gives the same candidate, byte for byte, and a candidate is committed at most once. If
//! another batch was committed in between, `publish` fails with `CommitConflict` and the way out is to reconcile again.

mod accounting;
mod applied;
mod balance;
mod changes;
mod committed;
mod compaction;
mod compare;
mod content;
mod context;
mod day_objects;
mod delivery;
mod delivery_order;
mod error;
mod filters;
mod handler;
mod keys;
mod merge;
mod merge_files;
mod not_read;
mod optimize;
mod plan;
mod prefetch;
mod provenance;
mod publish;
mod ranges;
mod reconcile;
mod remote;
mod resolution;
mod rewrite;
mod rows;
mod scope;
mod spool;
mod stray;
mod vacuum;
mod withdrawn;

pub use context::Context;
pub use error::ReconcilerError;
pub use handler::{Output, handle};
