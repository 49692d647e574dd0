//! The facts about a table that expectations are built from, and why one cannot be built.

use crate::value::Kind;
use arrow::datatypes::SchemaRef;
use chrono::NaiveDateTime;

/// What is wrong with an expectation, as a sentence.
pub(crate) type Problem = String;

/// The table that a suite is evaluated on.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// All columns, in order.
    pub(crate) schema: SchemaRef,
    /// Number of rows.
    pub(crate) rows: u64,
    /// Number of reference rows: see [`crate::Source::reference_rows`].
    pub(crate) reference_rows: u64,
    /// When the suite is evaluated, in UTC: the same moment for all of it.
    pub(crate) now: NaiveDateTime,
    /// Number of expectations in the suite that hash every value; they share the memory for hashes.
    pub(crate) hashing: u64,
}

/// Why an expectation cannot be evaluated.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BuildError {
    /// The expectation itself is wrong: it is not checked.
    Problem(Problem),
    /// The table lacks the column: a failed expectation, as in Great Expectations.
    MissingColumn(String),
}

impl From<Problem> for BuildError {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl Table {
    /// The kind of a column's values, whatever they are.
    pub(crate) fn any(&self, column: &str) -> Result<Kind, BuildError> {
        let field = self.schema.field_with_name(column);
        let field = field.map_err(|_| BuildError::MissingColumn(column.to_owned()))?;
        Ok(Kind::of(field.data_type()))
    }

    /// The kind of a column's values, which must have an order.
    pub(crate) fn kind(&self, column: &str) -> Result<Kind, BuildError> {
        match self.any(column)? {
            Kind::Other => {
                let data_type = self
                    .schema
                    .field_with_name(column)
                    .map(|field| field.data_type().to_string());
                let data_type = data_type.unwrap_or_default();
                Err(format!("column '{column}' holds {data_type}, whose values it cannot judge").into())
            }
            kind => Ok(kind),
        }
    }

    /// As [`Self::kind`], numbers only.
    pub(crate) fn number(&self, column: &str) -> Result<Kind, BuildError> {
        let kind = self.kind(column)?;
        if kind.is_number() {
            Ok(kind)
        } else {
            Err(format!("column '{column}' holds {}, it needs numbers", kind.name()).into())
        }
    }
}
