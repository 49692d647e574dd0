//! Stage: synthetic bronze files.
//!
//! Input: a day, a number of rows, a seed and rates. Output: the bronze objects of the four datasets for that day, and
//! what the pipeline has to make of them (broken, repeated and late rows), counted exactly.
//!
//! Guarantee: rows are functions of (options, day, row number). The same event gives the same rows on any machine, in
//! any number of parts; no other day is read. People, cards and merchants exist before they are used, and repeat their
//! habits. Memory stays constant, whatever the number of rows.
//!
//! Failure: options that cannot be are refused before anything is written; a failed upload fails the call, and calling
//! again writes the same objects over.
//!
//! The core, [`write_day`], knows no S3: it hands bytes to a [`Sink`].

mod calendar;
mod corrupt;
mod day;
mod dimensions;
mod error;
mod habits;
mod handler;
mod options;
mod plan;
mod population;
mod random;
mod record;
mod sink;
mod text;
mod transaction;
mod upload;

pub use day::{all_parts, write_day};
pub use error::Error;
pub use handler::{Context, handle};
pub use options::{DEFAULT_ROWS_PER_OBJECT, DayOptions, OptionError};
pub use sink::{FolderSink, Sink};
pub use upload::{Destination, upload_day};
