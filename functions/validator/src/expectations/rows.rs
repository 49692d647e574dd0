//! Expectations that look at each row by itself.

use super::{BuildError, Check, Rows, Table};
use crate::arguments::Arguments;
use crate::result::{Outcome, ResultFormat};
use crate::tally::Tally;
use crate::value::{Column, Kind};
use arrow::array::BooleanArray;

/// An expectation on the values of one column. `judge` says for each row whether the value is unexpected (null: missing).
pub(super) struct ColumnCheck<J> {
    column: String,
    judge: J,
    mostly: f64,
    about_nulls: bool,
    tally: Tally,
}

impl<J: FnMut(Column<'_>) -> BooleanArray + Send + 'static> ColumnCheck<J> {
    /// On the arguments `column` and `mostly`.
    pub(super) fn boxed(arguments: &Arguments<'_>, judge: J) -> Result<Box<dyn Check>, BuildError> {
        Self::of(arguments, judge, false)
    }

    /// As [`Self::boxed`], for expectations about nulls, to which none is missing.
    pub(super) fn about_nulls(arguments: &Arguments<'_>, judge: J) -> Result<Box<dyn Check>, BuildError> {
        Self::of(arguments, judge, true)
    }

    fn of(arguments: &Arguments<'_>, judge: J, about_nulls: bool) -> Result<Box<dyn Check>, BuildError> {
        Ok(Box::new(Self {
            column: arguments.text("column")?.to_owned(),
            judge,
            mostly: arguments.mostly()?,
            about_nulls,
            tally: Tally::default(),
        }))
    }
}

impl<J: FnMut(Column<'_>) -> BooleanArray + Send> Check for ColumnCheck<J> {
    fn columns(&self) -> Vec<String> {
        vec![self.column.clone()]
    }

    fn update(&mut self, rows: &Rows<'_>) {
        let Some(column) = rows.column(&self.column) else {
            return;
        };
        let verdicts = (self.judge)(column);
        self.tally
            .add_verdicts(&verdicts, &rows.positions, |row| column.json(row));
    }

    fn finish(&mut self, format: ResultFormat) -> Outcome {
        self.tally.outcome(self.mostly, !self.about_nulls, format)
    }
}

/// The column that the expectation is about, and its kind.
pub(super) fn column(arguments: &Arguments<'_>, table: &Table) -> Result<Kind, BuildError> {
    table.kind(arguments.text("column")?)
}

/// Which rows an expectation on several columns leaves aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ignore {
    AllMissing,
    AnyMissing,
    Nothing,
}

impl Ignore {
    /// Of the argument `ignore_row_if`.
    pub(super) fn of(arguments: &Arguments<'_>) -> Result<Self, BuildError> {
        match arguments.optional_text("ignore_row_if")? {
            None | Some("all_values_are_missing" | "both_values_are_missing") => Ok(Self::AllMissing),
            Some("any_value_is_missing" | "either_value_is_missing") => Ok(Self::AnyMissing),
            Some("never" | "neither") => Ok(Self::Nothing),
            Some(other) => Err(format!(
                "argument 'ignore_row_if' is '{other}': give all_values_are_missing, any_value_is_missing or never (for \
                 pairs both_values_are_missing, either_value_is_missing or neither)"
            )
            .into()),
        }
    }

    /// Whether a row is left aside.
    pub(super) fn ignores(self, columns: &[Column<'_>], row: usize) -> bool {
        match self {
            Self::AllMissing => columns.iter().all(|column| column.is_null(row)),
            Self::AnyMissing => columns.iter().any(|column| column.is_null(row)),
            Self::Nothing => false,
        }
    }
}
