//! Answers as tables, CSV and JSON.

use crate::arguments::SqlFormat;
use crate::table::{faint, fit, new_table};
use cardlake_aws::data_api::{ResultSet, Value};
use cardlake_core::text::{printable, thousands};
use comfy_table::{Cell, CellAlignment};
use serde_json::{Map, json};
use std::io::Write;

/// How null looks in a table.
const NULL: &str = "NULL";

/// What came of a statement.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    /// It has a result.
    Rows(ResultSet),
    /// It has none; how many rows it changed, if the warehouse says.
    Changed(Option<u64>),
}

/// Writes the answer to `out`, at most `limit` rows of it; gives what to say about it to a person.
pub(super) fn write(
    out: &mut impl Write,
    answer: &Answer,
    format: SqlFormat,
    limit: Option<usize>,
    formulas: Formulas,
) -> std::io::Result<Option<String>> {
    let rows = match answer {
        Answer::Rows(rows) => rows,
        Answer::Changed(None) => return Ok(Some("done".to_owned())),
        Answer::Changed(Some(count)) => return Ok(Some(format!("{} affected", rows_of(*count)))),
    };
    let all = rows.rows.len();
    let shown = &rows.rows[..limit.unwrap_or(all).min(all)];
    match format {
        SqlFormat::Table => table(out, &rows.columns, shown)?,
        SqlFormat::Csv => csv(out, &rows.columns, shown, formulas)?,
        SqlFormat::Json => {
            let object = |record: &Vec<Value>| -> Map<String, serde_json::Value> {
                let values = record.iter().map(json_value);
                rows.columns.iter().cloned().zip(values).collect()
            };
            let objects: Vec<_> = shown.iter().map(object).collect();
            serde_json::to_writer_pretty(&mut *out, &objects)?;
            writeln!(out)?;
        }
    }
    if shown.len() < all {
        let (shown, all) = (thousands(shown.len() as u64), thousands(all as u64));
        return Ok(Some(format!(
            "{shown} of {all} rows (--limit shows more, --format csv is for files)"
        )));
    }
    Ok(matches!(format, SqlFormat::Table).then(|| rows_of(all as u64)))
}

fn rows_of(count: u64) -> String {
    format!("{} row{}", thousands(count), if count == 1 { "" } else { "s" })
}

fn json_value(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Integer(number) => json!(number),
        Value::Double(number) => json!(number),
        Value::Boolean(truth) => json!(truth),
        Value::Text(text) => json!(text),
    }
}

fn table(out: &mut impl Write, columns: &[String], rows: &[Vec<Value>]) -> std::io::Result<()> {
    let columns: Vec<_> = columns.iter().map(|name| printable(name)).collect();
    let mut table = new_table(&columns);
    for record in rows {
        table.add_row(record.iter().map(|value| match value {
            Value::Null => faint(Cell::new(NULL)),
            value => Cell::new(printable(&value.display())),
        }));
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        let is_number = |value: &Value| matches!(value, Value::Integer(_) | Value::Double(_) | Value::Null);
        if rows.iter().all(|record| record.get(index).is_some_and(is_number)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    fit(&mut table, &[]);
    writeln!(out, "{table}")
}

/// What becomes of a text in CSV that a spreadsheet would take for a formula.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Formulas {
    /// It stays as it is.
    Kept,
    /// An apostrophe goes before it (<https://owasp.org/www-community/attacks/CSV_Injection>).
    Escaped,
}

impl Formulas {
    fn text(self, text: String) -> String {
        match self {
            Self::Escaped if text.starts_with(['=', '+', '-', '@', '\t', '\r']) => format!("'{text}"),
            _ => text,
        }
    }
}

/// As PostgreSQL's COPY: null is nothing, an empty text is two quotes.
fn csv(out: &mut impl Write, columns: &[String], rows: &[Vec<Value>], formulas: Formulas) -> std::io::Result<()> {
    let header = columns.iter().map(|name| Some(formulas.text(name.clone())));
    record(out, header)?;
    for values in rows {
        // A line with nothing in it would be no row to most readers.
        let lone_null = matches!(values.as_slice(), [Value::Null]);
        record(
            out,
            values.iter().map(|value| match value {
                Value::Null => lone_null.then(String::new),
                Value::Text(text) => Some(formulas.text(text.clone())),
                value => Some(value.display()),
            }),
        )?;
    }
    Ok(())
}

fn record(out: &mut impl Write, fields: impl Iterator<Item = Option<String>>) -> std::io::Result<()> {
    for (index, field) in fields.enumerate() {
        if index > 0 {
            out.write_all(b",")?;
        }
        match field {
            None => {}
            Some(text) if text.is_empty() || text.contains([',', '"', '\n', '\r']) => {
                write!(out, "\"{}\"", text.replace('"', "\"\""))?;
            }
            Some(text) => out.write_all(text.as_bytes())?,
        }
    }
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Answer {
        let text = |text: &str| Value::Text(text.to_owned());
        Answer::Rows(ResultSet {
            columns: vec!["text".to_owned(), "number".to_owned()],
            rows: vec![
                vec![text("a,\"b\""), Value::Integer(1)],
                vec![text(""), Value::Null],
                vec![Value::Null, Value::Double(1.5)],
            ],
        })
    }

    fn written(answer: &Answer, format: SqlFormat, limit: Option<usize>) -> (String, Option<String>) {
        let mut out = Vec::new();
        let note = write(&mut out, answer, format, limit, Formulas::Kept).unwrap();
        (String::from_utf8(out).unwrap(), note)
    }

    #[test]
    fn null_is_not_an_empty_text() {
        let (csv, note) = written(&rows(), SqlFormat::Csv, None);
        assert_eq!(csv, "text,number\n\"a,\"\"b\"\"\",1\n\"\",\n,1.5\n");
        assert_eq!(note, None);
        let (table, note) = written(&rows(), SqlFormat::Table, None);
        assert_eq!(table.matches(NULL).count(), 2, "{table}");
        assert_eq!(note.as_deref(), Some("3 rows"));
        let (json, _) = written(&rows(), SqlFormat::Json, None);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json[1], json!({"text": "", "number": null}));
    }

    #[test]
    fn no_value_controls_the_terminal_or_a_spreadsheet() {
        let text = |text: &str| Value::Text(text.to_owned());
        let hostile = Answer::Rows(ResultSet {
            columns: vec!["a".to_owned(), "b".to_owned()],
            rows: vec![
                vec![text("\u{1b}[2J"), text("=1+1")],
                vec![Value::Integer(-1), text("-x")],
            ],
        });
        let (table, _) = written(&hostile, SqlFormat::Table, None);
        assert!(table.contains(r"\u{1b}[2J") && !table.contains('\u{1b}'), "{table}");
        let mut out = Vec::new();
        write(&mut out, &hostile, SqlFormat::Csv, None, Formulas::Escaped).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "a,b\n\u{1b}[2J,'=1+1\n-1,'-x\n");
    }

    #[test]
    fn a_row_of_one_null_is_not_a_blank_line() {
        let one = Answer::Rows(ResultSet {
            columns: vec!["n".to_owned()],
            rows: vec![vec![Value::Null]],
        });
        assert_eq!(written(&one, SqlFormat::Csv, None).0, "n\n\"\"\n");
    }

    #[test]
    fn rows_beyond_the_limit_are_told_of() {
        let (csv, note) = written(&rows(), SqlFormat::Csv, Some(1));
        assert_eq!(csv.lines().count(), 2);
        assert!(note.unwrap().starts_with("1 of 3 rows"));
    }

    #[test]
    fn a_statement_without_a_result_says_how_many_rows_it_changed() {
        for (answer, expected) in [
            (Answer::Changed(Some(1)), "1 row affected"),
            (Answer::Changed(Some(1234)), "1,234 rows affected"),
            (Answer::Changed(None), "done"),
        ] {
            let (out, note) = written(&answer, SqlFormat::Table, None);
            assert_eq!((out.as_str(), note.as_deref()), ("", Some(expected)));
        }
    }
}
