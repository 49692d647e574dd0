//! Stage: the expectation suite over what is about to be committed.
//!
//! Input: a candidate of the reconciler. Output: a validation result in the JSON of Great Expectations 1.x and as a page of
//! HTML, in silver, and a summary.
//!
//! Guarantee: a batch passes only if every critical expectation of `expectations/<dataset>.json` is met by the files that
//! it adds (and uniqueness also beside what stays in the partitions that it touches), every bronze row is accounted for,
//! and every file holds the rows that the candidate says. The result depends on the candidate and the suite alone. Rows are
//! streamed, with just the columns needed; memory is bounded.
//!
//! Failure: a critical expectation that is not met is an error that names expectation, column, counts and examples, so
//! that nothing is committed; result and failing rows are kept in the quarantine. Less severe ones are warnings. A suite
//! with an unknown type or a wrong argument is refused.
//!
//! [`evaluate`] knows neither candidates nor S3: it holds any [`Suite`] against any [`Source`] of rows.

mod arguments;
mod condition;
mod docs;
mod error;
mod evaluate;
mod expectations;
mod handler;
mod pattern;
mod quarantine;
mod result;
mod source;
mod suite;
mod tally;
mod trend;
mod value;

pub use docs::{DocsError, DocsPage, TrendPoint};
pub use error::Error;
pub use evaluate::{EvaluationError, evaluate};
pub use handler::{Context, handle};
pub use result::{
    COMPLETE_LIMIT, DEFAULT_PARTIAL_UNEXPECTED_COUNT, ExpectationResult, ResultFormat, Statistics, ValidationResult,
};
pub use source::{Batches, Location, ParquetTable, Source, SourceError, TableFile};
pub use suite::{ExpectationConfiguration, Severity, Suite, SuiteError};
