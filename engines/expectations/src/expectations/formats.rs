//! Whether texts are something: dates of a format or of any, JSON, JSON of a schema.

use super::check::Check;
use super::rows::{ColumnCheck, column};
use crate::arguments::Arguments;
use crate::dateutil::is_parseable;
use crate::json::is_document;
use crate::json_schema::Schema;
use crate::pattern::GaveUp;
use crate::spelling::judge_text;
use crate::strptime::Format;
use crate::table::{BuildError, Table};
use crate::value::Kind;

/// Rejects columns of anything but text.
fn text_column(arguments: &Arguments<'_>, table: &Table) -> Result<(), BuildError> {
    match column(arguments, table)? {
        Kind::Text | Kind::Nothing => Ok(()),
        other => Err(format!("its column holds {}, it needs text", other.name()).into()),
    }
}

pub(super) fn strftime(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    text_column(arguments, table)?;
    let given = arguments.text("strftime_format")?;
    let format = Format::new(given).map_err(|problem| format!("argument 'strftime_format' is '{given}': {problem}"))?;
    ColumnCheck::boxed(arguments, move |column| {
        judge_text(column, |text| Ok::<_, GaveUp>(!format.is_match(text)))
    })
}

pub(super) fn dateutil(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    text_column(arguments, table)?;
    let today = table.now.date();
    ColumnCheck::boxed(arguments, move |column| {
        judge_text(column, |text| Ok::<_, GaveUp>(!is_parseable(text, today)))
    })
}

pub(super) fn json(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    text_column(arguments, table)?;
    ColumnCheck::boxed(arguments, move |column| {
        judge_text(column, |text| Ok::<_, GaveUp>(!is_document(text)))
    })
}

pub(super) fn json_schema(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    text_column(arguments, table)?;
    let schema = Schema::new(arguments.object("json_schema")?);
    let schema = schema.map_err(|problem| format!("argument 'json_schema' cannot be used: {problem}"))?;
    ColumnCheck::boxed(arguments, move |column| {
        judge_text(column, |text| schema.allows(text).map(|allowed| !allowed))
    })
}
