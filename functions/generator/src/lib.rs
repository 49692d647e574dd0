//! Stage: generates synthetic bronze files.
//!
//! Input: a day, a number of rows, a seed and rates. Output: the bronze objects of the four datasets for that day, and
//! the exact counts the pipeline must report for them (corrupt, duplicate and late rows).
//!
//! Guarantee: every row is a function of (options, day, row number). The same event yields the same rows on any machine,
//! in any number of parts, without reading another day. Customers, cards and merchants exist before they are referenced
//! and keep their habits. Memory use does not depend on the number of rows.
//!
//! Failure: invalid options are rejected before anything is written. A failed upload fails the invocation; a retry
//! overwrites the same objects.
//!
//! The core, [`write_day`], performs no I/O: it writes bytes to a [`Sink`].

mod calendar;
mod context;
mod corrupt;
mod day;
mod dimensions;
mod error;
mod habits;
mod handler;
mod labels;
mod options;
mod plan;
mod population;
mod random;
mod record;
mod sink;
mod text;
mod transaction;
mod upload;

pub use context::Context;
pub use day::{all_parts, write_day};
pub use error::GeneratorError;
pub use handler::handle;
pub use labels::write_burst_labels;
pub use options::{DEFAULT_ROWS_PER_OBJECT, DayOptions, OptionError};
pub use sink::{FolderSink, Sink};
pub use upload::{Destination, upload_day};
