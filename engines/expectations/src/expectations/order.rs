//! Whether values increase or decrease from row to row. Nulls are skipped.

use super::check::Check;
use super::rows::{ColumnCheck, column};
use crate::arguments::Arguments;
use crate::table::{BuildError, Table};
use crate::value::Column;
use arrow::array::{Array, BooleanArray};
use std::cmp::Ordering;

/// The previous value, across batches.
#[derive(Debug, Default)]
pub(super) struct Before {
    text: Option<String>,
    exact: Option<i128>,
    float: Option<f64>,
}

impl Before {
    /// Judges each value by its order relative to the one before it.
    pub(super) fn judge(&mut self, column: Column<'_>, unexpected: impl Fn(Ordering) -> bool) -> BooleanArray {
        let mut exact = |value: i128| {
            self.exact
                .replace(value)
                .is_some_and(|before| unexpected(value.cmp(&before)))
        };
        match column {
            Column::Integer(array) => in_rows(array.iter(), |value| exact(i128::from(value))),
            Column::Date(array) => in_rows(array.iter(), |value| exact(i128::from(value))),
            Column::Timestamp(array) => in_rows(array.iter(), |value| exact(i128::from(value))),
            Column::Nanoseconds(array) => in_rows(array.iter(), |value| exact(i128::from(value))),
            Column::Boolean(array) => in_rows(array.iter(), |value| exact(i128::from(value))),
            Column::Decimal(array) => in_rows(array.iter(), exact),
            Column::Float(array) => in_rows(array.iter(), |value| {
                self.float
                    .replace(value)
                    .is_some_and(|before| value.partial_cmp(&before).is_some_and(&unexpected))
            }),
            Column::Text(array) => in_rows(array.iter(), |value| {
                let verdict = self.text.as_deref().is_some_and(|before| unexpected(value.cmp(before)));
                let before = self.text.get_or_insert_default();
                before.clear();
                before.push_str(value);
                verdict
            }),
            Column::Other(array) => BooleanArray::new_null(array.len()),
        }
    }
}

/// The verdicts in row order. (Not `from_unary`, which may also visit the slots of null rows.)
fn in_rows<T>(values: impl Iterator<Item = Option<T>>, mut judge: impl FnMut(T) -> bool) -> BooleanArray {
    values.map(|value| value.map(&mut judge)).collect()
}

fn check(arguments: &Arguments<'_>, table: &Table, wanted: Ordering) -> Result<Box<dyn Check>, BuildError> {
    column(arguments, table)?;
    let strictly = arguments.flag("strictly")?;
    let mut before = Before::default();
    ColumnCheck::in_order(arguments, move |column| {
        Ok(before.judge(column, |order| order != wanted && (strictly || order.is_ne())))
    })
}

pub(super) fn increasing(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    check(arguments, table, Ordering::Greater)
}

pub(super) fn decreasing(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    check(arguments, table, Ordering::Less)
}
