//! Whether values are in a list.

use super::check::Check;
use super::rows::{ColumnCheck, column};
use crate::arguments::Arguments;
use crate::operand::Operand;
use crate::table::{BuildError, Table};
use crate::value::{Column, Kind};
use arrow::array::{Array, BooleanArray};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// A set of values, converted to the kind of a column.
#[derive(Debug, Default)]
pub(super) struct ValueSet {
    texts: HashSet<String>,
    /// Whole numbers, days, microseconds, unscaled decimals, truth values.
    exact: HashSet<i128>,
    /// Bits of floating-point numbers.
    floats: HashSet<u64>,
}

impl ValueSet {
    /// Literals that no value of the kind can equal are left out.
    pub(super) fn new(kind: Kind, literals: &[Value]) -> Self {
        let mut set = Self::default();
        for operand in literals.iter().filter_map(|literal| Operand::new(kind, literal)) {
            match operand {
                Operand::Text(text) => drop(set.texts.insert(text)),
                Operand::Exact(value) => drop(set.exact.insert(value)),
                Operand::Between(_) => {}
                Operand::Float(value) => drop(set.floats.insert(bits(value))),
            }
        }
        set
    }

    /// Whether a literal, converted to the kind of the set, is in it.
    pub(super) fn has(&self, operand: &Operand) -> bool {
        match operand {
            Operand::Text(text) => self.texts.contains(text),
            Operand::Exact(value) => self.exact.contains(value),
            Operand::Between(_) => false,
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
                Column::Float(array) => drop(self.floats.remove(&bits(array.value(row)))),
                column => drop(column.exact(row).map(|value| self.exact.remove(&value))),
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
            Column::Nanoseconds(array) => BooleanArray::from_unary(array, |value| exact(i128::from(value))),
            Column::Decimal(array) => BooleanArray::from_unary(array, exact),
            Column::Other(array) => BooleanArray::new_null(array.len()),
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
            Operand::Exact(value) => *self.exact.entry(value).or_insert(next),
            Operand::Between(_) => return None,
            Operand::Float(value) => *self.floats.entry(bits(value)).or_insert(next),
        })
    }

    /// The number of the literal that equals the value of a row.
    pub(super) fn of(&self, column: &Column<'_>, row: usize) -> Option<u32> {
        if column.is_null(row) {
            return Some(NULL);
        }
        match column {
            Column::Text(array) => self.texts.get(array.value(row)).copied(),
            Column::Float(array) => self.floats.get(&bits(array.value(row))).copied(),
            column => self.exact.get(&column.exact(row)?).copied(),
        }
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
        Some(set) => Ok(not(&set.contains(column))),
        None => Ok(nothing(column)),
    })
}

pub(super) fn not_in_set(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    let kind = column(arguments, table)?;
    let set = ValueSet::new(kind, arguments.list("value_set")?);
    ColumnCheck::boxed(arguments, move |column| Ok(set.contains(column)))
}

/// Negates each verdict; nulls stay.
pub(super) fn not(verdicts: &BooleanArray) -> BooleanArray {
    BooleanArray::new(!verdicts.values(), verdicts.nulls().cloned())
}

/// Nothing is unexpected.
fn nothing(column: Column<'_>) -> BooleanArray {
    let array = column.array();
    BooleanArray::new(
        arrow::buffer::BooleanBuffer::new_unset(array.len()),
        array.nulls().cloned(),
    )
}
