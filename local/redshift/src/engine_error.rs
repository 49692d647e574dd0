//! Classification of DuckDB's errors.
//!
//! DuckDB's C interface reports an error as text only, so its messages are parsed here, and nowhere else: everything above
//! gets a [`SqlError`] in Redshift's wording, or a typed answer. The tests at the end hold the messages in use; an upgrade of
//! DuckDB that changes one fails there or in the tests of the server.

use std::sync::LazyLock;

use cardlake_loopback::NoSpace;
use cardlake_redshift_sql::{RedshiftType, SqlError};
use regex::Regex;

/// Two transactions wrote the same rows; the client should run its transaction again.
const SERIALIZABLE: &str = "1023 DETAIL: Serializable isolation violation on table in Redshift";

/// Patterns over the first line of DuckDB's message, Redshift's words, and the SQLSTATE; `$1` is the first group.
const TRANSLATIONS: &[(&str, &str, &str)] = &[
    (
        r"^Constraint Error: CHECK constraint failed.*strlen\(.*\) <= (\d+)",
        "Value too long for character type DETAIL: value too long for type character varying($1)",
        "22001",
    ),
    (
        r#"^Catalog Error: (?:Table|View) with name "?([^" ]+)"? does not exist"#,
        "relation \"$1\" does not exist",
        "42P01",
    ),
    (
        r#"^Catalog Error: (?:Table|View) with name "?([^" ]+)"? already exists"#,
        "Relation \"$1\" already exists",
        "42P07",
    ),
    (
        r#"^Catalog Error: Schema with name "?([^" ]+)"? does not exist"#,
        "schema \"$1\" does not exist",
        "3F000",
    ),
    (
        r#"^Catalog Error: Schema with name "?([^" ]+)"? already exists"#,
        "Schema \"$1\" already exists",
        "42P06",
    ),
    (
        r#"^Catalog Error: (?:Scalar|Aggregate|Table)? ?Function with name "?([^" ]+)"? does not exist"#,
        "function $1 does not exist",
        "42883",
    ),
    // A name that DuckDB takes for that of a file.
    (
        r#"^Permission Error: Cannot access (?:file|directory) "([^"]+)""#,
        "relation \"$1\" does not exist",
        "42P01",
    ),
    (
        r#"^Binder Error: Referenced column "([^"]+)" not found"#,
        "column \"$1\" does not exist",
        "42703",
    ),
    (
        r#"^Binder Error: Referenced table "([^"]+)" not found"#,
        "relation \"$1\" does not exist",
        "42P01",
    ),
    (
        r#"^Binder Error: Table "[^"]+" does not have a column (?:named|with name) "([^"]+)""#,
        "column \"$1\" does not exist",
        "42703",
    ),
    (
        r"^Conversion Error: (?:Could not cast value|Casting value) .* to (?:type )?DECIMAL.*$",
        "Numeric data overflow (result precision)",
        "22003",
    ),
    (r"^Invalid Input Error: (.*)$", "$1", "XX000"),
    (
        r#"^Parser Error: syntax error at or near "(.*)"$"#,
        "syntax error at or near \"$1\"",
        "42601",
    ),
];

static PATTERNS: LazyLock<Vec<(Regex, &str, &str)>> = LazyLock::new(|| {
    TRANSLATIONS
        .iter()
        .filter_map(|(pattern, text, state)| Regex::new(pattern).ok().map(|regex| (regex, *text, *state)))
        .collect()
});

/// The error in Redshift's wording.
pub(crate) fn translate(error: &duckdb::Error) -> SqlError {
    from_message(&message(error))
}

/// Why a statement had no space, if that is the error.
pub(crate) fn no_space(error: &SqlError) -> Option<NoSpace> {
    match error {
        SqlError::DiskFull(message) => NoSpace::of_duckdb(message),
        _ => None,
    }
}

/// Whether another process has the database file open.
pub(crate) fn is_locked(error: &duckdb::Error) -> bool {
    message(error).contains("Could not set lock")
}

/// The first line of an error, without hints and the position in the statement.
pub(crate) fn summary(error: &duckdb::Error) -> String {
    first_line(&message(error)).to_owned()
}

/// An error of DuckDB's CSV reader.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CsvError {
    /// The first line is 1.
    pub(crate) line: Option<i64>,
    /// What is wrong with the line; `None` for anything but the number of fields.
    pub(crate) fields: Option<FieldCount>,
}

/// A wrong number of fields.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FieldCount {
    TooFew,
    TooMany,
}

impl CsvError {
    pub(crate) fn new(error: &duckdb::Error) -> Self {
        Self::from_message(&message(error))
    }

    fn from_message(message: &str) -> Self {
        let number = |after: &str| -> Option<i64> {
            let (_, rest) = message.split_once(after)?;
            let digits: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        };
        let fields = match (number("Expected Number of Columns:"), number("Found:")) {
            (Some(expected), Some(found)) if found < expected => Some(FieldCount::TooFew),
            (Some(_), Some(_)) => Some(FieldCount::TooMany),
            _ => None,
        };
        Self {
            line: number("CSV Error on Line:"),
            fields,
        }
    }
}

fn message(error: &duckdb::Error) -> String {
    match error {
        duckdb::Error::DuckDBFailure(_, Some(message)) => message.clone(),
        other => other.to_string(),
    }
}

fn from_message(message: &str) -> SqlError {
    if message.starts_with("INTERRUPT Error") {
        return SqlError::Cancelled;
    }
    // Before conflicts: a full disk may fail a commit, too.
    if NoSpace::of_duckdb(message).is_some() {
        return SqlError::DiskFull(first_line(message).to_owned());
    }
    let conflict = message.starts_with("TransactionContext Error")
        && (message.contains("onflict") || message.contains("Failed to commit"));
    if conflict || message.contains("write-write conflict") || message.contains("by a different transaction") {
        return SqlError::classed("40001", SERIALIZABLE);
    }
    let line = first_line(message);
    if let Some(column) = line.strip_prefix("Constraint Error: NOT NULL constraint failed: ") {
        return SqlError::NullValue(column.rsplit('.').next().unwrap_or(column).to_owned());
    }
    if let Some(own) = own_error(line) {
        return own;
    }
    if let Some(invalid) = invalid_digit(line) {
        return invalid;
    }
    for (pattern, text, state) in PATTERNS.iter() {
        if let Some(captures) = pattern.captures(line) {
            let mut translated = String::new();
            captures.expand(text, &mut translated);
            return SqlError::classed(state, translated);
        }
    }
    SqlError::redshift(line)
}

fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or_default()
}

/// The text that could not be converted, and the type it was to become.
fn conversion(line: &str) -> Option<(&str, &str)> {
    let rest = line.strip_prefix("Conversion Error: Could not convert string ")?;
    let quote = rest.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
    rest[1..].rsplit_once(&format!("{quote} to "))
}

/// What a macro of the prelude finds wrong: it casts the message.
fn own_error(line: &str) -> Option<SqlError> {
    let (value, _) = conversion(line)?;
    value.strip_prefix("rs: ").map(SqlError::redshift)
}

/// A text that is not a number: Redshift names the first character that is no part of one.
fn invalid_digit(line: &str) -> Option<SqlError> {
    let (value, target) = conversion(line)?;
    let value = value.strip_prefix("rs# ").unwrap_or(value);
    let data_type = match target {
        "INT16" => RedshiftType::SmallInt,
        "INT32" => RedshiftType::Integer,
        "INT64" => RedshiftType::BigInt,
        "FLOAT" => return Some(invalid_input("real", value)),
        "DOUBLE" => return Some(invalid_input("double precision", value)),
        _ if target.starts_with("DECIMAL") => RedshiftType::from_duckdb(target)?,
        _ => return None,
    };
    data_type.check_text(value).err()
}

fn invalid_input(data_type: &str, value: &str) -> SqlError {
    SqlError::redshift(format!("invalid input syntax for type {data_type}: \"{value}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(message: &str) -> String {
        from_message(message).to_string()
    }

    #[test]
    fn all_patterns_are_valid() {
        assert_eq!(PATTERNS.len(), TRANSLATIONS.len());
    }

    #[test]
    fn csv_errors_have_a_line_and_a_kind() {
        let few = "Invalid Input Error: CSV Error on Line: 7\nExpected Number of Columns: 3 Found: 2";
        let expected = CsvError {
            line: Some(7),
            fields: Some(FieldCount::TooFew),
        };
        assert_eq!(CsvError::from_message(few), expected);
        let other = CsvError {
            line: None,
            fields: None,
        };
        assert_eq!(CsvError::from_message("IO Error: No files found"), other);
    }

    #[test]
    fn messages_become_redshifts() {
        assert_eq!(
            text("Catalog Error: Table with name nowhere does not exist!\nDid you mean \"pg_am\"?"),
            "ERROR: relation \"nowhere\" does not exist"
        );
        assert_eq!(
            text("Constraint Error: NOT NULL constraint failed: t.customer_id"),
            "ERROR: Cannot insert a NULL value into column customer_id"
        );
        assert_eq!(
            text("Constraint Error: CHECK constraint failed on table t with expression CHECK((strlen(a) <= 3))"),
            "ERROR: Value too long for character type DETAIL: value too long for type character varying(3)"
        );
        assert_eq!(text("Invalid Input Error: Divide by zero"), "ERROR: Divide by zero");
        assert_eq!(
            text("Conversion Error: Could not convert string '-1x' to INT64"),
            "ERROR: Invalid digit, Value 'x', Pos 2, Type: Long"
        );
        assert_eq!(
            text("Conversion Error: Could not convert string 'rs: the input 'x' to y' to INT32"),
            "ERROR: the input 'x' to y"
        );
        assert_eq!(
            text("Conversion Error: Could not convert string \"rs# 1.2.3\" to DECIMAL(18,2)"),
            "ERROR: Invalid digit, Value '.', Pos 3, Type: Decimal"
        );
        assert_eq!(
            text("Conversion Error: Could not convert string 'rs# 1_0' to DOUBLE"),
            "ERROR: invalid input syntax for type double precision: \"1_0\""
        );
        assert_eq!(
            text("TransactionContext Error: Conflict on update!"),
            "ERROR: 1023 DETAIL: Serializable isolation violation on table in Redshift"
        );
        let full =
            "TransactionContext Error: Failed to commit: Could not write file \"w.wal\": No space left on device";
        assert_eq!(text(full), format!("ERROR: Disk Full DETAIL: {full}"));
        assert_eq!(from_message("INTERRUPT Error: Interrupted!"), SqlError::Cancelled);
    }
}
