//! Stage: transforms one bronze object into silver data files.
//!
//! Input: the key of a raw file (CSV, JSON or Parquet, plain, gzip or Zstandard), from S3 or from the state machine. Output:
//! Parquet files in the folder of the dataset's Delta table, sorted by key and not committed yet; a quarantine file with the
//! rows that violate the contract; and an object record with the files and row counts.
//!
//! Guarantees: every row is accounted for (`bronze = silver + duplicates + quarantined`, checked before the record is
//! written), and so is every byte of text, which is counted apart from the rows. The same object under the same rules yields the same names and bytes, and costs one HEAD and one GET of the
//! record once it is done. Memory is bounded, regardless of the object's size. Personal data leaves as tokens only.
//!
//! Failure: problems of rows and objects are data (quarantine, rejection). Errors come from S3, Secrets Manager, settings and
//! contracts; a broken invariant is an internal error, never a default value.
//!
//! ```text
//! handler, object               S3 and Secrets Manager: all I/O
//! event, record                 events, object record
//! pipeline                      one file, on a few threads: blocks -> workers -> sort -> files
//!   decompress, text_source     bytes to text (format, encoding, parquet_text)
//!   blocks, framing             text to blocks of complete records (csv_record, json_record)
//!   worker                      a block to rows
//!   splitter: csv, json         records to fields (batch); csv_header
//!   validate -> columns         fields to typed columns (plan, values, zone, pattern, rule)
//!   quarantine                  rows that violate the contract
//!   spill                       rows of objects that do not fit in memory
//!   sort, partition, encode     columns to Parquet
//! ```
//!
//! Besides the handler, the crate exposes the pipeline for benchmarks, fuzz targets and tests, and the decompression for
//! `cardlake validate`.
#![expect(
    clippy::cast_possible_truncation,
    reason = "blocks, batches and runs are bounded far below 2^31"
)]

mod batch;
mod blocks;
mod column_sum;
mod columns;
mod context;
mod control;
mod csv;
mod csv_header;
mod csv_record;
mod decompress;
mod encode;
mod encoding;
mod error;
mod event;
mod framing;
mod handler;
mod invariant;
mod json;
mod json_record;
mod json_text;
mod limited;
mod mask;
mod object;
mod parquet_text;
mod partition;
mod pattern;
mod pipeline;
mod pipeline_error;
mod plan;
mod quarantine;
mod record;
mod rule;
mod sort;
mod spill;
mod splitter;
mod text_pool;
mod text_source;
mod validate;
mod values;
mod worker;
mod zone;

pub use context::Context;
pub use decompress::decompressed;
pub use error::TransformerError;
pub use event::{Event, Output};
pub use handler::handle;
pub use invariant::BrokenInvariant;
pub use limited::LimitExceeded;
pub use object::transform;
pub use partition::FileNames;
pub use pipeline::{Emit, EncodedFile, Pipeline, PipelineLimits, Summary};
pub use pipeline_error::PipelineError;
pub use plan::{ObjectFacts, TransformPlan};
pub use quarantine::QuarantineSummary;
