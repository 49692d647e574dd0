//! Whether values are in a list.

use super::check::Check;
use super::rows::{ColumnCheck, column};
use crate::arguments::Arguments;
use crate::table::{BuildError, Table};
use crate::value::{Column, Kind, Operand, decimal_to_f64};
use arrow::array::BooleanArray;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

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

    /// Whether a literal, converted to the kind of the set, is in it.
    pub(super) fn has(&self, operand: &Operand) -> bool {
        match operand {
            Operand::Text(text) => self.texts.contains(text),
            Operand::Integer(value) => self.exact.contains(&i128::from(*value)),
            Operand::Decimal(value) => self.exact.contains(value),
            Operand::Boolean(value) => self.exact.contains(&i128::from(*value)),
            Operand::Float(value) => self.floats.contains(&bits(*value)),
        }
    }

    /// Takes the values of a column out of the set.
    pub(super) fn remove(&mut self, column: Column<'_>) {
        if self.texts.is_empty() && self.exact.is_empty() && self.floats.is_empty() {
            return;
        }
        let found = self.contains(column);
        for row in found.values().set_indices().filter(|row| !column.is_null(*row)) {
            match column {
                Column::Text(array) => drop(self.texts.remove(array.value(row))),
                Column::Integer(array) => drop(self.exact.remove(&i128::from(array.value(row)))),
                Column::Date(array) => drop(self.exact.remove(&i128::from(array.value(row)))),
                Column::Timestamp(array) => drop(self.exact.remove(&i128::from(array.value(row)))),
                Column::Boolean(array) => drop(self.exact.remove(&i128::from(array.value(row)))),
                Column::Float(array) => drop(self.floats.remove(&bits(array.value(row)))),
                Column::Decimal(array) => {
                    self.exact.remove(&array.value(row));
                    self.floats
                        .remove(&bits(decimal_to_f64(array.value(row), array.scale())));
                }
            }
        }
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

/// Numbers for the listed values of one column of a pair, so that pairs are looked up, not searched for.
#[derive(Debug, Default)]
pub(super) struct ValueIds {
    texts: HashMap<String, u32>,
    /// As in [`ValueSet`].
    exact: HashMap<i128, u32>,
    floats: HashMap<u64, u32>,
}

/// The number of null.
const NULL: u32 = u32::MAX;

impl ValueIds {
    /// The number of a literal; `None` if no value of the kind can equal it.
    pub(super) fn add(&mut self, kind: Kind, literal: &Value) -> Option<u32> {
        if literal.is_null() {
            return Some(NULL);
        }
        let next = (self.texts.len() + self.exact.len() + self.floats.len()) as u32;
        Some(match Operand::new(kind, literal)? {
            Operand::Text(text) => *self.texts.entry(text).or_insert(next),
            Operand::Integer(value) => *self.exact.entry(i128::from(value)).or_insert(next),
            Operand::Decimal(value) => *self.exact.entry(value).or_insert(next),
            Operand::Boolean(value) => *self.exact.entry(i128::from(value)).or_insert(next),
            Operand::Float(value) => *self.floats.entry(bits(value)).or_insert(next),
        })
    }

    /// The numbers of the literals that equal the value of a row: an exact one, and one that is equal as a
    /// floating-point number.
    pub(super) fn of(&self, column: &Column<'_>, row: usize) -> [Option<u32>; 2] {
        if column.is_null(row) {
            return [Some(NULL), None];
        }
        let exact = match column {
            Column::Text(array) => return [self.texts.get(array.value(row)).copied(), None],
            Column::Float(_) => None,
            Column::Integer(array) => Some(i128::from(array.value(row))),
            Column::Date(array) => Some(i128::from(array.value(row))),
            Column::Timestamp(array) => Some(i128::from(array.value(row))),
            Column::Boolean(array) => Some(i128::from(array.value(row))),
            Column::Decimal(array) => Some(array.value(row)),
        };
        let float = (!self.floats.is_empty()).then(|| bits(column.number(row)));
        [
            exact.and_then(|value| self.exact.get(&value)).copied(),
            float.and_then(|value| self.floats.get(&value)).copied(),
        ]
    }
}

/// The bits of a number, those of zero for minus zero.
pub(super) fn bits(value: f64) -> u64 {
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
