//! DuckDB's errors in Redshift's words.

use std::sync::LazyLock;

use regex::Regex;

use super::sql::SqlError;
use cardlake_loopback::NoSpace;

/// Two transactions wrote the same rows; the client should run its transaction again.
const SERIALIZABLE: &str = "1023 DETAIL: Serializable isolation violation on table in Redshift";

/// Patterns over the first line of DuckDB's message; `$1` is the first group.
const TRANSLATIONS: &[(&str, &str)] = &[
    (
        r"^Constraint Error: NOT NULL constraint failed: (?:.*\.)?(.+)$",
        "Cannot insert a NULL value into column $1",
    ),
    (
        r"^Constraint Error: CHECK constraint failed.*strlen\(.*\) <= (\d+)",
        "Value too long for character type DETAIL: value too long for type character varying($1)",
    ),
    (
        r#"^Catalog Error: (?:Table|View) with name "?([^" ]+)"? does not exist"#,
        "relation \"$1\" does not exist",
    ),
    (
        r#"^Catalog Error: (?:Table|View) with name "?([^" ]+)"? already exists"#,
        "Relation \"$1\" already exists",
    ),
    (
        r#"^Catalog Error: Schema with name "?([^" ]+)"? does not exist"#,
        "schema \"$1\" does not exist",
    ),
    (
        r#"^Catalog Error: Schema with name "?([^" ]+)"? already exists"#,
        "Schema \"$1\" already exists",
    ),
    (
        r#"^Catalog Error: (?:Scalar|Aggregate|Table)? ?Function with name "?([^" ]+)"? does not exist"#,
        "function $1 does not exist",
    ),
    (
        r#"^Binder Error: Referenced column "([^"]+)" not found"#,
        "column \"$1\" does not exist",
    ),
    (
        r#"^Binder Error: Referenced table "([^"]+)" not found"#,
        "relation \"$1\" does not exist",
    ),
    (
        r#"^Binder Error: Table "[^"]+" does not have a column (?:named|with name) "([^"]+)""#,
        "column \"$1\" does not exist",
    ),
    (
        r"^Conversion Error: (?:Could not cast value|Casting value) .* to (?:type )?DECIMAL.*$",
        "Numeric data overflow (result precision)",
    ),
    (r"^Invalid Input Error: (.*)$", "$1"),
    (
        r#"^Parser Error: syntax error at or near "(.*)"$"#,
        "syntax error at or near \"$1\"",
    ),
];

static PATTERNS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    TRANSLATIONS
        .iter()
        .filter_map(|(pattern, text)| Regex::new(pattern).ok().map(|regex| (regex, *text)))
        .collect()
});

/// What Redshift would say.
pub(crate) fn translate(error: &duckdb::Error) -> SqlError {
    match error {
        duckdb::Error::DuckDBFailure(_, Some(message)) => from_message(message),
        other => from_message(&other.to_string()),
    }
}

fn from_message(message: &str) -> SqlError {
    if message.starts_with("INTERRUPT Error") {
        return SqlError::Cancelled;
    }
    // Before conflicts: what cannot be written shows at the commit, too.
    if NoSpace::of_duckdb(message).is_some() {
        return SqlError::redshift(format!("Disk Full DETAIL: {}", first_line(message)));
    }
    let conflict = message.starts_with("TransactionContext Error")
        && (message.contains("onflict") || message.contains("Failed to commit"));
    if conflict || message.contains("write-write conflict") || message.contains("by a different transaction") {
        return SqlError::redshift(SERIALIZABLE);
    }
    let line = first_line(message);
    if let Some(invalid) = invalid_digit(line) {
        return invalid;
    }
    for (pattern, text) in PATTERNS.iter() {
        if let Some(captures) = pattern.captures(line) {
            let mut translated = String::new();
            captures.expand(text, &mut translated);
            return SqlError::redshift(translated);
        }
    }
    SqlError::redshift(line)
}

fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or_default()
}

/// A text that is no whole number: Redshift names the first character that does not belong there.
fn invalid_digit(line: &str) -> Option<SqlError> {
    let (value, target) = line
        .strip_prefix("Conversion Error: Could not convert string '")?
        .rsplit_once("' to ")?;
    let data_type = match target {
        "INT16" => "Short",
        "INT32" => "Integer",
        "INT64" => "Long",
        _ => return None,
    };
    let digits = value.trim_start().trim_start_matches(['+', '-']);
    let offset = value.chars().count() - digits.chars().count();
    let (position, symbol) = digits
        .chars()
        .enumerate()
        .find(|(_, symbol)| !symbol.is_ascii_digit())?;
    Some(SqlError::redshift(format!(
        "Invalid digit, Value '{symbol}', Pos {}, Type: {data_type}",
        offset + position
    )))
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
    fn speaks_redshift() {
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
            text("TransactionContext Error: Conflict on update!"),
            "ERROR: 1023 DETAIL: Serializable isolation violation on table in Redshift"
        );
        let full =
            "TransactionContext Error: Failed to commit: Could not write file \"w.wal\": No space left on device";
        assert_eq!(text(full), format!("ERROR: Disk Full DETAIL: {full}"));
        assert_eq!(from_message("INTERRUPT Error: Interrupted!"), SqlError::Cancelled);
    }
}
