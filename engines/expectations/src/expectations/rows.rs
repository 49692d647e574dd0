//! Expectations that judge each row by itself.

use super::check::{Check, CheckError, Rows};
use crate::arguments::Arguments;
use crate::detail::Detail;
use crate::normalise::show;
use crate::result::Outcome;
use crate::table::{BuildError, Table};
use crate::tally::Tally;
use crate::value::{Column, Kind, array};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, DictionaryArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::Int32Type;
use arrow::error::ArrowError;
use std::sync::Arc;

/// An expectation on the values of one column. `judge` says for each row whether the value is unexpected (null: missing).
pub(super) struct ColumnCheck<J> {
    column: String,
    judge: J,
    /// Whether a verdict depends on the value only, not on previous rows.
    by_value: bool,
    /// The verdicts on a dictionary, cached because batches share dictionaries.
    judged: Option<(ArrayRef, BooleanArray)>,
    mostly: f64,
    tally: Tally,
}

impl<J: FnMut(Column<'_>) -> Result<BooleanArray, CheckError> + Send + 'static> ColumnCheck<J> {
    /// Reads the arguments `column` and `mostly`; a verdict depends on the value only.
    pub(super) fn boxed(arguments: &Arguments<'_>, judge: J) -> Result<Box<dyn Check>, BuildError> {
        Self::of(arguments, judge, true)
    }

    /// As [`Self::boxed`], for verdicts that depend on previous rows.
    pub(super) fn in_order(arguments: &Arguments<'_>, judge: J) -> Result<Box<dyn Check>, BuildError> {
        Self::of(arguments, judge, false)
    }

    fn of(arguments: &Arguments<'_>, judge: J, by_value: bool) -> Result<Box<dyn Check>, BuildError> {
        Ok(Box::new(Self {
            column: arguments.text("column")?.to_owned(),
            judge,
            by_value,
            judged: None,
            mostly: arguments.mostly()?,
            tally: Tally::default(),
        }))
    }
}

impl<J: FnMut(Column<'_>) -> Result<BooleanArray, CheckError> + Send> ColumnCheck<J> {
    /// The verdicts on the rows of a dictionary array; each distinct value is judged once.
    fn judge_dictionary(&mut self, array: &DictionaryArray<Int32Type>) -> Result<BooleanArray, CheckError> {
        let values = array.values();
        let verdicts = match &self.judged {
            Some((known, verdicts)) if Arc::ptr_eq(known, values) => verdicts.clone(),
            _ => {
                let unsupported = || ArrowError::SchemaError(format!("a dictionary of {}", values.data_type()));
                let verdicts = (self.judge)(Column::of(values).ok_or_else(unsupported)?)?;
                self.judged = Some((Arc::clone(values), verdicts.clone()));
                verdicts
            }
        };
        if verdicts.null_count() > 0 {
            // A null among the values themselves.
            return Ok(array.keys().iter().map(|key| verdict(&verdicts, key?)).collect());
        }
        let keys = array.keys();
        let unexpected = BooleanBuffer::collect_bool(keys.len(), |row| {
            // The slot of a null row need not hold a valid key.
            let key = usize::try_from(keys.value(row)).unwrap_or(usize::MAX);
            key < verdicts.len() && verdicts.value(key)
        });
        Ok(BooleanArray::new(unexpected, keys.nulls().cloned()))
    }
}

fn verdict(verdicts: &BooleanArray, key: i32) -> Option<bool> {
    let key = usize::try_from(key).ok()?;
    verdicts.is_valid(key).then(|| verdicts.value(key))
}

impl<J: FnMut(Column<'_>) -> Result<BooleanArray, CheckError> + Send> Check for ColumnCheck<J> {
    fn columns(&self) -> Vec<String> {
        vec![self.column.clone()]
    }

    fn reads_dictionaries(&self) -> bool {
        self.by_value
    }

    fn update(&mut self, rows: &Rows<'_>) -> Result<(), CheckError> {
        let array = array(rows.batch, &self.column)?;
        let verdicts = match array.as_dictionary_opt::<Int32Type>() {
            Some(dictionary) => self.judge_dictionary(dictionary)?,
            None => (self.judge)(rows.column(&self.column)?)?,
        };
        self.tally
            .add_verdicts(&verdicts, &rows.positions, |row| show(array, row));
        Ok(())
    }

    fn finish(&mut self, detail: &Detail) -> Outcome {
        self.tally.outcome(self.mostly, true, detail)
    }
}

/// The kind of the column named by the argument `column`.
pub(super) fn column(arguments: &Arguments<'_>, table: &Table) -> Result<Kind, BuildError> {
    table.kind(arguments.text("column")?)
}

/// Which rows an expectation on several columns ignores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ignore {
    AllMissing,
    AnyMissing,
    Nothing,
}

impl Ignore {
    /// The argument `ignore_row_if`.
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

    /// Whether a row is ignored.
    pub(super) fn ignores(self, columns: &[Column<'_>], row: usize) -> bool {
        match self {
            Self::AllMissing => columns.iter().all(|column| column.is_null(row)),
            Self::AnyMissing => columns.iter().any(|column| column.is_null(row)),
            Self::Nothing => false,
        }
    }
}
