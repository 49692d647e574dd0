//! Stage: one bronze object to silver data files.
//!
//! Input: the key of a raw file (CSV or JSON lines, plain, gzip or Zstandard), from S3 or from the state machine. Output:
//! Parquet files in the folder of the dataset's Delta table, sorted by key and not yet in its log; the rows that break the
//! contract as a quarantine file; and an object record that names and counts all of it.
//!
//! Guarantees: every row is accounted for (`bronze = silver + duplicates + quarantined`, checked before the record is
//! written); the same object under the same rules gives the same names and bytes, and costs one HEAD and one GET of the record
//! when it is done; memory is bounded, however large the object; personal data leaves in the form of tokens only.
//!
//! Failure: what is wrong with a row or an object is data (quarantine, rejection). Errors are what the surroundings do:
//! S3, Secrets Manager, settings, contracts.
//!
//! ```text
//! handler   S3 and Secrets Manager: all I/O is here
//! event     what invokes the stage
//! record    the object record
//! pipeline  one file, on a few threads: blocks -> workers -> sort -> files
//!   decompress, blocks            bytes to blocks of whole records
//!   csv, json -> batch            records to fields
//!   validate (plan, values, pattern, rule) -> builder   fields to typed columns
//!   quarantine                    rows that break the contract
//!   spill                         rows of objects that are too large for memory
//!   sort, partition, encode          columns to Parquet
//! ```
#![expect(
    clippy::cast_possible_truncation,
    reason = "blocks, batches and runs are bounded far below 2^31"
)]

pub mod batch;
pub mod blocks;
pub mod builder;
pub mod csv;
pub mod decompress;
pub mod encode;
pub mod error;
pub mod event;
pub mod handler;
pub mod json;
pub mod partition;
pub mod pattern;
pub mod pipeline;
pub mod plan;
pub mod quarantine;
pub mod record;
pub mod rule;
pub mod sort;
pub mod spill;
pub mod validate;
pub mod values;

pub use error::Error;
pub use event::{Event, Output};
pub use handler::{Context, handle, transform};
