//! SET and RESET: the session settings that a client may send.

use crate::command::Command;
use crate::cursor::Cursor;
use crate::error::SqlError;
use crate::lex::{Statement, word};
use sqlparser::tokenizer::{Token, TokenWithSpan};

/// Settings that do not change the result of a query, with what SHOW tells of them.
const WITHOUT_EFFECT: &[(&str, &str)] = &[
    ("analyze_threshold_percent", "10"),
    ("application_name", ""),
    ("client_encoding", "UTF8"),
    ("client_min_messages", "notice"),
    ("default_transaction_isolation", "serializable"),
    ("enable_result_cache_for_session", "on"),
    ("extra_float_digits", "0"),
    ("intervalstyle", "postgres"),
    ("mv_enable_aqmv_for_session", "on"),
    ("query_group", "default"),
    ("statement_timeout", "0"),
    ("wlm_query_slot_count", "1"),
];

/// Settings that have one value here.
const FIXED: &[(&str, &str)] = &[
    ("datestyle", "ISO, MDY"),
    ("default_transaction_read_only", "off"),
    ("downcase_delimited_identifier", "on"),
    ("enable_case_sensitive_identifier", "off"),
    ("integer_datetimes", "on"),
    ("is_superuser", "on"),
    ("server_encoding", "UTF8"),
    ("server_version", "8.0.2"),
    ("server_version_num", "80002"),
    // A backslash in a string escapes, so clients that write values into statements have to double it.
    ("standard_conforming_strings", "off"),
    ("timezone", "UTC"),
    ("transaction_isolation", "serializable"),
    ("transaction_read_only", "off"),
];

/// What SHOW tells of a setting, whatever a client has set that has no effect.
///
/// # Errors
/// There is no such setting.
pub fn shown(name: &str) -> Result<&'static str, SqlError> {
    let mut all = FIXED.iter().chain(WITHOUT_EFFECT);
    let found = all.find(|(known, _)| *known == name).map(|(_, value)| *value);
    found.ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> SqlError {
    SqlError::classed("42704", format!("unrecognized configuration parameter \"{name}\""))
}

/// Whether a transaction or a session is to change nothing.
pub(crate) fn is_read_only(statement: &Statement) -> bool {
    let is_pair = |pair: &[TokenWithSpan]| (word(&pair[0]), word(&pair[1])) == (Some("read"), Some("only"));
    statement.tokens.windows(2).any(is_pair)
}

/// Reads a SET or RESET statement.
pub(crate) fn parse(statement: &Statement) -> Result<Command, SqlError> {
    let mut cursor = Cursor::new(&statement.tokens);
    let reset = cursor.take_word("reset");
    if !reset {
        cursor.expect_word("set")?;
        if !cursor.take_word("session") {
            cursor.take_word("local");
        }
    }
    let mut name = cursor.any_word("a setting")?;
    let is_zone = name == "time" && cursor.take_word("zone");
    if is_zone {
        name = "timezone";
    }
    if reset && name == "all" {
        return Ok(Command::SetSearchPath(Vec::new()));
    }
    // SET TIME ZONE, SET TRANSACTION, SET SESSION CHARACTERISTICS and SET NAMES have no `=`.
    let is_without_effect = matches!(name, "characteristics" | "names" | "transaction");
    if !reset && !is_zone && !is_without_effect && !cursor.take(&Token::Eq) {
        cursor.expect_word("to")?;
    }
    if is_without_effect && is_read_only(statement) {
        return Err(SqlError::unsupported("SET … READ ONLY (BEGIN READ ONLY is supported)"));
    }
    if is_without_effect || WITHOUT_EFFECT.iter().any(|(known, _)| *known == name) {
        return Ok(Command::Accepted);
    }
    if name == "search_path" {
        let mut schemas = Vec::new();
        while !reset && !cursor.is_done() {
            let schema = match cursor.take_string() {
                Some(schema) => schema.to_owned(),
                None => cursor.name("a schema")?,
            };
            if schema != "$user" {
                schemas.push(schema);
            }
            cursor.take(&Token::Comma);
        }
        return Ok(Command::SetSearchPath(schemas));
    }
    let value = cursor
        .take_string()
        .or_else(|| cursor.peek_word())
        .unwrap_or_default()
        .to_lowercase();
    let fixed = FIXED
        .iter()
        .find(|(known, _)| *known == name)
        .ok_or_else(|| unknown(name))?;
    let default = match name {
        "enable_case_sensitive_identifier" | "downcase_delimited_identifier" => {
            matches!(value.as_str(), "false" | "off") == (name == "enable_case_sensitive_identifier")
        }
        "datestyle" => value.starts_with("iso"),
        _ => value == fixed.1.to_lowercase(),
    };
    if reset || default {
        Ok(Command::Accepted)
    } else {
        Err(SqlError::unsupported(format!("SET {name} to {value}")))
    }
}
