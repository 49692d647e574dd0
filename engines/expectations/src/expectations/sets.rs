//! Whether values are in a list.

use super::check::Check;
use super::rows::{ColumnCheck, column};
use crate::arguments::Arguments;
use crate::table::{BuildError, Table};
use crate::value::{Column, Kind, Operand, decimal_to_f64};
use arrow::array::BooleanArray;
use serde_json::Value;
use std::collections::HashSet;

/// A set of values, converted to the kind of a column.
#[derive(Debug, Default)]
pub(super) struct ValueSet {
    texts: HashSet<String>,
    /// Whole numbers, days, microseconds, unscaled decimals, truth values.
    exact: HashSet<i128>,
    /// Bits of numbers that are not whole (or not exact for decimals).
    floats: HashSet<u64>,
}

impl ValueSet {
    /// Literals that no value of the kind can equal are left out.
    pub(super) fn new(kind: Kind, literals: &[Value]) -> Self {
        let mut set = Self::default();
        for operand in literals.iter().filter_map(|literal| Operand::new(kind, literal)) {
            match operand {
                Operand::Text(text) => drop(set.texts.insert(text)),
                Operand::Integer(value) => drop(set.exact.insert(i128::from(value))),
                Operand::Decimal(value) => drop(set.exact.insert(value)),
                Operand::Boolean(value) => drop(set.exact.insert(i128::from(value))),
                Operand::Float(value) => drop(set.floats.insert(bits(value))),
            }
        }
        set
    }

    /// Whether each value is in the set; null for nulls.
    pub(super) fn contains(&self, column: Column<'_>) -> BooleanArray {
        let exact = |value: i128| self.exact.contains(&value);
        match column {
            Column::Text(array) => BooleanArray::from_unary(array, |value| self.texts.contains(value)),
            Column::Integer(array) => BooleanArray::from_unary(array, |value| exact(i128::from(value))),
            Column::Date(array) => BooleanArray::from_unary(array, |value| exact(i128::from(value))),
            Column::Timestamp(array) => BooleanArray::from_unary(array, |value| exact(i128::from(value))),
            Column::Boolean(array) => BooleanArray::from_unary(array, |value| exact(i128::from(value))),
            Column::Float(array) => BooleanArray::from_unary(array, |value| self.floats.contains(&bits(value))),
            Column::Decimal(array) => {
                let scale = array.scale();
                let inexact =
                    |value| !self.floats.is_empty() && self.floats.contains(&bits(decimal_to_f64(value, scale)));
                BooleanArray::from_unary(array, |value| exact(value) || inexact(value))
            }
        }
    }
}

/// Minus zero is zero.
fn bits(value: f64) -> u64 {
    (value + 0.0).to_bits()
}

pub(super) fn in_set(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    let kind = column(arguments, table)?;
    // Without a set every value is expected, as in Great Expectations.
    let set = arguments
        .optional_list("value_set")?
        .map(|values| ValueSet::new(kind, values));
    ColumnCheck::boxed(arguments, move |column| match &set {
        Some(set) => not(&set.contains(column)),
        None => nothing(column),
    })
}

pub(super) fn not_in_set(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    let kind = column(arguments, table)?;
    let set = ValueSet::new(kind, arguments.list("value_set")?);
    ColumnCheck::boxed(arguments, move |column| set.contains(column))
}

/// Negates each verdict; nulls stay.
pub(super) fn not(verdicts: &BooleanArray) -> BooleanArray {
    BooleanArray::new(!verdicts.values(), arrow::array::Array::nulls(verdicts).cloned())
}

/// Nothing is unexpected.
fn nothing(column: Column<'_>) -> BooleanArray {
    let array = column.array();
    BooleanArray::new(
        arrow::buffer::BooleanBuffer::new_unset(array.len()),
        array.nulls().cloned(),
    )
}
