//! How long texts are, in characters.

use super::check::Check;
use super::ranges::Bounds;
use super::rows::{ColumnCheck, column};
use crate::arguments::Arguments;
use crate::table::{BuildError, Table};
use crate::value::{Column, Kind};
use arrow::array::BooleanArray;

fn check(arguments: &Arguments<'_>, table: &Table, bounds: Bounds<u64>) -> Result<Box<dyn Check>, BuildError> {
    let kind = column(arguments, table)?;
    if kind != Kind::Text {
        return Err(format!("its column holds {}, it needs text", kind.name()).into());
    }
    ColumnCheck::boxed(arguments, move |column| match column {
        Column::Text(array) => BooleanArray::from_unary(array, |text| {
            let length = if text.is_ascii() {
                text.len()
            } else {
                text.chars().count()
            };
            !bounds.hold(length as u64)
        }),
        other => BooleanArray::new_null(other.array().len()),
    })
}

pub(super) fn between(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    let bounds = Bounds {
        minimum: arguments.count("min_value")?,
        maximum: arguments.count("max_value")?,
        strict_minimum: arguments.flag("strict_min")?,
        strict_maximum: arguments.flag("strict_max")?,
    };
    if bounds.minimum.is_none() && bounds.maximum.is_none() {
        return Err(
            "arguments 'min_value' and 'max_value' are both missing: give at least one"
                .to_owned()
                .into(),
        );
    }
    check(arguments, table, bounds)
}

pub(super) fn equal(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    let length = arguments.required_count("value")?;
    let bounds = Bounds {
        minimum: Some(length),
        maximum: Some(length),
        strict_minimum: false,
        strict_maximum: false,
    };
    check(arguments, table, bounds)
}
