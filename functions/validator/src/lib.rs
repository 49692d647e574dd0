//! Stage: the expectation suite over what is about to be committed.
//!
//! Input: a candidate of the reconciler. Output: a validation result in the JSON of Great Expectations 1.x, in silver,
//! and a summary.
//!
//! Guarantee: a batch passes only if every critical expectation of `expectations/<dataset>.json` is met by the files that
//! it adds, every bronze row is accounted for, and every file holds the rows that the candidate says. The result depends
//! on the candidate and the suite alone. Rows are streamed, with just the columns needed; memory is bounded.
//!
//! Failure: a critical expectation that is not met is an error that names expectation, column, counts and examples, so
//! that nothing is committed; less severe ones are warnings. A suite with an unknown type or a wrong argument is refused.
//!
//! [`evaluate`] knows neither candidates nor S3: it holds any [`Suite`] against any [`ParquetTable`].

mod arguments;
mod condition;
mod error;
mod evaluate;
mod expectations;
mod handler;
mod result;
mod source;
mod suite;
mod tally;
mod value;

pub use error::Error;
pub use evaluate::{EvaluationError, evaluate};
pub use handler::{Context, handle};
pub use result::{
    COMPLETE_LIMIT, DEFAULT_PARTIAL_UNEXPECTED_COUNT, ExpectationResult, ResultFormat, Statistics, ValidationResult,
};
pub use source::{Location, ParquetTable, SourceError, TableFile};
pub use suite::{ExpectationConfiguration, Severity, Suite, SuiteError};
