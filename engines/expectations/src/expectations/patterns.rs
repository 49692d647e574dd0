//! Whether texts match regular expressions. A match anywhere in the text counts, as in Python's `re.search`.

use super::check::Check;
use super::rows::{ColumnCheck, column};
use crate::arguments::Arguments;
use crate::pattern::Pattern;
use crate::table::{BuildError, Table};
use crate::value::{Column, Kind};
use arrow::array::BooleanArray;
use std::fmt::Write;

/// Rejects columns whose values have no canonical text.
fn text_column(arguments: &Arguments<'_>, table: &Table) -> Result<(), BuildError> {
    match column(arguments, table)? {
        Kind::Text | Kind::Integer => Ok(()),
        other => Err(format!("its column holds {}, it needs text", other.name()).into()),
    }
}

/// Judges the text of each value.
fn judge(column: Column<'_>, unexpected: impl Fn(&str) -> bool) -> BooleanArray {
    match column {
        Column::Text(array) => BooleanArray::from_unary(array, unexpected),
        Column::Integer(array) => {
            let mut text = String::new();
            BooleanArray::from_unary(array, |value| {
                text.clear();
                // Writing to a string cannot fail.
                let _ = write!(text, "{value}");
                unexpected(&text)
            })
        }
        other => BooleanArray::new_null(other.array().len()),
    }
}

pub(super) fn matches(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    text_column(arguments, table)?;
    let regex = arguments.regex("regex")?;
    ColumnCheck::boxed(arguments, move |column| judge(column, |text| !regex.is_match(text)))
}

pub(super) fn matches_not(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    text_column(arguments, table)?;
    let regex = arguments.regex("regex")?;
    ColumnCheck::boxed(arguments, move |column| judge(column, |text| regex.is_match(text)))
}

pub(super) fn matches_list(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    text_column(arguments, table)?;
    let regexes = arguments.regexes("regex_list")?;
    let all = match arguments.optional_text("match_on")? {
        None | Some("any") => false,
        Some("all") => true,
        Some(other) => return Err(format!("argument 'match_on' is '{other}': give any or all").into()),
    };
    let matches = move |text: &str| {
        let is_match = |regex: &Pattern| regex.is_match(text);
        if all {
            regexes.iter().all(is_match)
        } else {
            regexes.iter().any(is_match)
        }
    };
    ColumnCheck::boxed(arguments, move |column| judge(column, |text| !matches(text)))
}

pub(super) fn matches_none_of(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    text_column(arguments, table)?;
    let regexes = arguments.regexes("regex_list")?;
    ColumnCheck::boxed(arguments, move |column| {
        judge(column, |text| regexes.iter().any(|regex| regex.is_match(text)))
    })
}
