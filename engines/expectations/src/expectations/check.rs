//! What all expectations have in common: a [`Check`] sees the batches of a table one after the other and keeps what it
//! needs to decide, after the last one, whether the expectation is met.

use crate::arguments::Arguments;
use crate::detail::Detail;
use crate::json_schema::Unjudged;
use crate::pattern::GaveUp;
use crate::result::Outcome;
use crate::table::{BuildError, Problem, Table};
use crate::tally::Positions;
use crate::value::Column;
use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use std::io;

/// Rows of a batch that an expectation looks at.
pub(crate) struct Rows<'a> {
    pub(crate) batch: &'a RecordBatch,
    pub(crate) positions: Positions<'a>,
}

impl<'a> Rows<'a> {
    /// A column.
    ///
    /// # Errors
    /// As [`Column::in_batch`].
    pub(crate) fn column(&self, name: &str) -> Result<Column<'a>, ArrowError> {
        Column::in_batch(self.batch, name)
    }

    /// Several columns.
    ///
    /// # Errors
    /// As [`Column::in_batch`].
    pub(crate) fn columns(&self, names: &[String]) -> Result<Vec<Column<'a>>, ArrowError> {
        names.iter().map(|name| self.column(name)).collect()
    }
}

/// A query for the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) sql: String,
    /// Rows that are of use.
    pub(crate) limit: usize,
}

/// Why a check cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckError {
    /// A batch does not have the columns asked for.
    #[error(transparent)]
    Batch(#[from] ArrowError),
    /// The temporary file cannot be written or read.
    #[error(transparent)]
    Spill(#[from] io::Error),
    /// A value cannot be judged: this expectation stays undecided, the others do not.
    #[error(transparent)]
    Undecided(#[from] Unjudged),
}

impl From<GaveUp> for CheckError {
    fn from(error: GaveUp) -> Self {
        Self::Undecided(error.into())
    }
}

/// The evaluation of one expectation.
pub(crate) trait Check: Send {
    /// Columns whose values it needs; none: schema and number of rows decide it.
    fn columns(&self) -> Vec<String>;

    /// Whether it needs the rows, if only to count them.
    fn needs_rows(&self) -> bool {
        !self.columns().is_empty()
    }

    /// Whether it also reads dictionary-encoded text: see [`crate::normalise::normalise`].
    fn reads_dictionaries(&self) -> bool {
        false
    }

    /// Takes in some rows.
    ///
    /// # Errors
    /// A batch that does not have the columns asked for, or a temporary file that cannot be written.
    fn update(&mut self, rows: &Rows<'_>) -> Result<(), CheckError>;

    /// Whether it needs the reference rows in this pass: see [`Self::update_reference`].
    fn needs_reference(&self) -> bool {
        false
    }

    /// Takes in some reference rows: not judged, but compared with.
    ///
    /// # Errors
    /// As [`Self::update`].
    fn update_reference(&mut self, _rows: &Rows<'_>) -> Result<(), CheckError> {
        Ok(())
    }

    /// Ends a pass over all rows; true asks for another one.
    ///
    /// # Errors
    /// A temporary file that cannot be read.
    fn next_pass(&mut self) -> Result<bool, CheckError> {
        Ok(false)
    }

    /// The query whose answer it needs next; asked once the rows have been read.
    fn next_query(&self, _detail: &Detail) -> Option<Query> {
        None
    }

    /// Takes in the answer to [`Self::next_query`].
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    fn answer(&mut self, _batches: &[RecordBatch]) -> Result<(), Problem> {
        Ok(())
    }

    /// Decides whether the expectation is met.
    fn finish(&mut self, detail: &Detail) -> Outcome;
}

/// Builds the check of one type of expectation.
pub(crate) type Build = fn(&Arguments<'_>, &Table) -> Result<Box<dyn Check>, BuildError>;
