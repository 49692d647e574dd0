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
    let all = matches_all(arguments)?;
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

/// The argument `match_on`: whether all patterns have to match, not one of them.
fn matches_all(arguments: &Arguments<'_>) -> Result<bool, BuildError> {
    match arguments.optional_text("match_on")? {
        None | Some("any") => Ok(false),
        Some("all") => Ok(true),
        Some(other) => Err(format!("argument 'match_on' is '{other}': give any or all").into()),
    }
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

/// A pattern of SQL's `like`: `%` is any text, `_` any character, and what follows the escape (a backslash, as in Redshift) itself.
fn like(arguments: &Arguments<'_>, pattern: &str) -> Result<Pattern, BuildError> {
    let escape = arguments.optional_text("escape")?.unwrap_or("\\");
    let mut characters = pattern.chars();
    let mut regex = String::from(r"(?s)\A");
    while let Some(next) = characters.next() {
        let literal = match next {
            next if escape.starts_with(next) => match characters.next() {
                Some(escaped) => escaped,
                None => return Err(format!("the pattern '{pattern}' ends with its escape").into()),
            },
            '%' => {
                regex.push_str(".*");
                continue;
            }
            '_' => {
                regex.push('.');
                continue;
            }
            other => other,
        };
        regex.push_str(&regex_syntax::escape(literal.encode_utf8(&mut [0; 4])));
    }
    Ok(Pattern::new(&(regex + r"\Z"))?)
}

/// The argument `like_pattern`, or those of `like_pattern_list`.
fn likes(arguments: &Arguments<'_>, table: &Table, list: bool) -> Result<Vec<Pattern>, BuildError> {
    column(arguments, table)?;
    let patterns = if list {
        arguments.texts("like_pattern_list")?
    } else {
        vec![arguments.text("like_pattern")?.to_owned()]
    };
    if patterns.is_empty() {
        return Err("argument 'like_pattern_list' is []: give at least one pattern"
            .to_owned()
            .into());
    }
    patterns.iter().map(|pattern| like(arguments, pattern)).collect()
}

pub(super) fn is_like(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    let patterns = likes(arguments, table, false)?;
    ColumnCheck::boxed(arguments, move |column| {
        judge_text(column, |text| any(&patterns, text, true).map(|found| !found))
    })
}

pub(super) fn is_not_like(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    let patterns = likes(arguments, table, false)?;
    ColumnCheck::boxed(arguments, move |column| {
        judge_text(column, |text| any(&patterns, text, true))
    })
}

pub(super) fn is_like_list(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    let patterns = likes(arguments, table, true)?;
    let all = matches_all(arguments)?;
    ColumnCheck::boxed(arguments, move |column| {
        // All match unless one does not.
        judge_text(column, |text| any(&patterns, text, !all).map(|found| found == all))
    })
}

pub(super) fn is_like_none(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    let patterns = likes(arguments, table, true)?;
    ColumnCheck::boxed(arguments, move |column| {
        judge_text(column, |text| any(&patterns, text, true))
    })
}
