//! Whether texts match regular expressions. A match anywhere in the text counts, as in Python's `re.search`.

use super::check::Check;
use super::rows::{ColumnCheck, column};
use crate::arguments::Arguments;
use crate::pattern::{GaveUp, Pattern};
use crate::spelling::judge_text;
use crate::table::{BuildError, Table};

pub(super) fn matches(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    column(arguments, table)?;
    let regex = arguments.regex("regex")?;
    ColumnCheck::boxed(arguments, move |column| {
        judge_text(column, |text| regex.is_match(text).map(|found| !found))
    })
}

pub(super) fn matches_not(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    column(arguments, table)?;
    let regex = arguments.regex("regex")?;
    ColumnCheck::boxed(arguments, move |column| judge_text(column, |text| regex.is_match(text)))
}

pub(super) fn matches_list(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    column(arguments, table)?;
    let regexes = arguments.regexes("regex_list")?;
    let all = match arguments.optional_text("match_on")? {
        None | Some("any") => false,
        Some("all") => true,
        Some(other) => return Err(format!("argument 'match_on' is '{other}': give any or all").into()),
    };
    ColumnCheck::boxed(arguments, move |column| {
        judge_text(column, |text| {
            let matches = if all {
                !any(&regexes, text, false)?
            } else {
                any(&regexes, text, true)?
            };
            Ok::<_, GaveUp>(!matches)
        })
    })
}

pub(super) fn matches_none_of(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    column(arguments, table)?;
    let regexes = arguments.regexes("regex_list")?;
    ColumnCheck::boxed(arguments, move |column| {
        judge_text(column, |text| any(&regexes, text, true))
    })
}

/// Whether one of the patterns matches; or, unless `wanted`, does not.
fn any(regexes: &[Pattern], text: &str, wanted: bool) -> Result<bool, GaveUp> {
    for regex in regexes {
        if regex.is_match(text)? == wanted {
            return Ok(true);
        }
    }
    Ok(false)
}
