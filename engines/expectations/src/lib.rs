//! Great Expectations suites, evaluated on any table of Arrow batches.
//!
//! [`evaluate`] takes a [`Suite`] (the JSON of Great Expectations 1.x) and a [`Source`], and returns a [`ValidationResult`]
//! in the JSON of Great Expectations. [`DocsPage`] renders a result as one self-contained HTML page (Data Docs).
//! [`ParquetTable`] is a source of Parquet files that are read by byte range. [`profile`] makes a suite from data. Queries of a
//! suite are answered by a [`Database`] that a source brings along.
//!
//! [`evaluate_and_describe`] also takes [`Figures`] of the table, which [`deviations`] compares with those of the days before.
//!
//! Guarantee: results are those of Great Expectations on pandas, field by field, apart from a short list of intended
//! differences (`tests/great_expectations.rs` compares the two); they depend on suite and rows only. Rows are streamed with
//! just the columns needed, time is linear in their number, and memory is bounded: what uniqueness keeps of each value
//! beyond 64 MiB goes to a temporary file, 8 bytes a row.
//!
//! Failure: a source that cannot be read is an error. An expectation that is not met is part of the result; so is one that is
//! not checked, because its type or an argument is unknown or does not fit its column ([`ExpectationResult::refused`]).

mod arguments;
mod condition;
mod dateutil;
mod detail;
mod digits;
mod docs;
mod evaluate;
mod evaluation;
mod expectations;
mod figures;
mod json;
mod json_schema;
mod normalise;
mod operand;
mod parameters;
mod parquet_table;
mod pattern;
mod phrase;
mod profile;
mod result;
mod source;
mod spelling;
mod spill;
mod sql;
mod strptime;
mod suite;
mod table;
mod tally;
mod text;
mod value;

pub use docs::{DocsError, DocsPage, IndexPage, IndexRow, TrendPoint};
pub use evaluate::{EvaluationError, evaluate, evaluate_and_describe};
pub use evaluation::needs_reference_rows;
pub use figures::{ColumnFigures, Figures, LISTED_VALUES, MIN_PAST_DAYS, deviations};
pub use parquet_table::{LocalFile, ParquetFile, ParquetTable, PickedRow, TableFile};
pub use profile::profile;
pub use result::{
    COMPLETE_LIMIT, DEFAULT_PARTIAL_UNEXPECTED_COUNT, ExpectationResult, ResultFormat, Statistics, ValidationResult,
};
pub use source::{Batches, Source, SourceError};
pub use sql::{Database, QueryError, SQL_TABLE};
pub use suite::{ExpectationConfiguration, Severity, Suite, SuiteError};
