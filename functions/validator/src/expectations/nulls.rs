//! Whether values are there.

use super::rows::{ColumnCheck, column};
use super::{BuildError, Check, Table};
use crate::arguments::Arguments;
use arrow::array::BooleanArray;
use arrow::buffer::BooleanBuffer;

pub(super) fn not_null(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    column(arguments, table)?;
    ColumnCheck::about_nulls(arguments, |column| {
        let array = column.array();
        let nulls = match array.nulls() {
            Some(nulls) => !nulls.inner(),
            None => BooleanBuffer::new_unset(array.len()),
        };
        BooleanArray::new(nulls, None)
    })
}

pub(super) fn null(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    column(arguments, table)?;
    ColumnCheck::about_nulls(arguments, |column| {
        let array = column.array();
        let present = match array.nulls() {
            Some(nulls) => nulls.inner().clone(),
            None => BooleanBuffer::new_set(array.len()),
        };
        BooleanArray::new(present, None)
    })
}
