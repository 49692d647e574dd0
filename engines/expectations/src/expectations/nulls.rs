//! Whether values are null.

use super::check::{Check, CheckError, Rows};
use crate::arguments::Arguments;
use crate::detail::Detail;
use crate::normalise::show;
use crate::result::Outcome;
use crate::table::{BuildError, Table};
use crate::tally::Tally;
use crate::value::array;
use arrow::array::{Array, BooleanArray};
use arrow::buffer::BooleanBuffer;

/// An expectation on the nulls of a column; no value counts as missing.
struct Presence {
    column: String,
    /// Whether nulls are unexpected, or everything else.
    null_is_unexpected: bool,
    mostly: f64,
    tally: Tally,
}

impl Check for Presence {
    fn columns(&self) -> Vec<String> {
        vec![self.column.clone()]
    }

    fn reads_dictionaries(&self) -> bool {
        true
    }

    fn update(&mut self, rows: &Rows<'_>) -> Result<(), CheckError> {
        let array = array(rows.batch, &self.column)?;
        let unexpected = match (array.logical_nulls(), self.null_is_unexpected) {
            (Some(nulls), true) => !nulls.inner(),
            (Some(nulls), false) => nulls.inner().clone(),
            (None, true) => BooleanBuffer::new_unset(array.len()),
            (None, false) => BooleanBuffer::new_set(array.len()),
        };
        let verdicts = BooleanArray::new(unexpected, None);
        self.tally
            .add_verdicts(&verdicts, &rows.positions, |row| show(array, row));
        Ok(())
    }

    fn finish(&mut self, detail: &Detail) -> Outcome {
        self.tally.outcome(self.mostly, false, detail)
    }
}

fn presence(arguments: &Arguments<'_>, table: &Table, null_is_unexpected: bool) -> Result<Box<dyn Check>, BuildError> {
    table.any(arguments.text("column")?)?;
    Ok(Box::new(Presence {
        column: arguments.text("column")?.to_owned(),
        null_is_unexpected,
        mostly: arguments.mostly()?,
        tally: Tally::default(),
    }))
}

pub(super) fn not_null(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    presence(arguments, table, true)
}

pub(super) fn null(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    presence(arguments, table, false)
}
