//! How long texts are, in characters.

use super::check::Check;
use super::ranges::Bounds;
use super::rows::{ColumnCheck, column};
use crate::arguments::Arguments;
use crate::pattern::GaveUp;
use crate::spelling::judge_text;
use crate::table::{BuildError, Table};

fn check(arguments: &Arguments<'_>, table: &Table, bounds: Bounds<u64>) -> Result<Box<dyn Check>, BuildError> {
    column(arguments, table)?;
    ColumnCheck::boxed(arguments, move |column| {
        judge_text(column, |text| {
            let length = if text.is_ascii() {
                text.len()
            } else {
                text.chars().count()
            };
            Ok::<_, GaveUp>(!bounds.hold(length as u64))
        })
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
