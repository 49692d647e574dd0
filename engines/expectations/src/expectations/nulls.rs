//! Whether values are null.

use super::check::{Check, CheckError, Rows};
use super::ranges::Bounds;
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

/// The share of values that are there.
struct Proportion {
    column: String,
    bounds: Bounds<f64>,
    rows: u64,
    present: u64,
}

impl Check for Proportion {
    fn columns(&self) -> Vec<String> {
        vec![self.column.clone()]
    }

    fn reads_dictionaries(&self) -> bool {
        true
    }

    fn update(&mut self, rows: &Rows<'_>) -> Result<(), CheckError> {
        let array = array(rows.batch, &self.column)?;
        let missing = array.logical_nulls().map_or(0, |nulls| nulls.null_count());
        self.rows += array.len() as u64;
        self.present += (array.len() - missing) as u64;
        Ok(())
    }

    fn finish(&mut self, _: &Detail) -> Outcome {
        match self.rows {
            0 => Outcome::observed(self.bounds.hold(0.0), 0),
            rows => {
                let share = self.present as f64 / rows as f64;
                Outcome::observed(self.bounds.hold(share), share)
            }
        }
    }
}

pub(super) fn proportion(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    let column = arguments.text("column")?.to_owned();
    table.any(&column)?;
    Ok(Box::new(Proportion {
        column,
        bounds: Bounds::of_numbers(arguments)?,
        rows: 0,
        present: 0,
    }))
}
