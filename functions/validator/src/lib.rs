//! Stage: validates a candidate before it is committed.
//!
//! Input: a candidate of the reconciler. Output: a validation result in the JSON of Great Expectations 1.x and as an HTML
//! page, in silver, and a summary.
//!
//! Guarantee: a batch passes only if every bronze row is accounted for, every file holds the rows that the candidate says,
//! and the files that it adds meet every critical expectation of `expectations/<dataset>.json` (uniqueness also among the
//! rows that stay in the partitions that it touches). The result depends on candidate and suite only. Rows are streamed,
//! with just the columns needed; memory is bounded.
//!
//! Figures of the batch (volume, missing and different values, means, shares) that are unlike those of the last 30 days are
//! warnings; they are kept for the days to come.
//!
//! Failure: a critical expectation that is not met is an error that names expectation, column, counts and examples; nothing
//! is committed, and result and failing rows are kept in the quarantine. Lower severities are warnings. A suite with an
//! unknown type or a wrong argument is a configuration error.
//!
//! The evaluation itself is [`cardlake_expectations`].

mod accounting;
mod candidate;
mod context;
mod error;
mod figures;
mod handler;
mod object;
mod quarantine;
mod results;
mod trend;

pub use context::Context;
pub use error::ValidatorError;
pub use handler::handle;
