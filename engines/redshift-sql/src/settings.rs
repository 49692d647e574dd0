//! SET and RESET: the session settings that a client may send.

use crate::command::Command;
use crate::cursor::Cursor;
use crate::error::SqlError;
use crate::lex::Statement;
use sqlparser::tokenizer::Token;

/// Settings that do not change the result of a query.
const WITHOUT_EFFECT: &[&str] = &[
    "analyze_threshold_percent",
    "application_name",
    "client_encoding",
    "enable_result_cache_for_session",
    "mv_enable_aqmv_for_session",
    "query_group",
    "statement_timeout",
    "wlm_query_slot_count",
];

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
    let name = cursor.any_word("a setting")?;
    if !reset && !cursor.take(&Token::Eq) {
        cursor.expect_word("to")?;
    }
    if WITHOUT_EFFECT.contains(&name) {
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
    let default = match name {
        "timezone" => value == "utc",
        "enable_case_sensitive_identifier" | "downcase_delimited_identifier" => {
            matches!(value.as_str(), "false" | "off") == (name == "enable_case_sensitive_identifier")
        }
        "datestyle" => value.starts_with("iso"),
        _ => false,
    };
    if reset || default {
        Ok(Command::Accepted)
    } else {
        Err(SqlError::unsupported(format!("SET {name} to {value}")))
    }
}
