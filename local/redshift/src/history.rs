//! SYS_QUERY_HISTORY: what has run in this process.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use duckdb::params;

use crate::engine::Engine;
use crate::engine_error::translate;

/// A statement that has ended.
pub(crate) struct Ended<'a> {
    /// The number of the statement.
    pub(crate) query_id: i64,
    /// Its text.
    pub(crate) text: &'a str,
    /// `success`, `failed` or `canceled`.
    pub(crate) status: &'static str,
    pub(crate) end: SystemTime,
    pub(crate) elapsed: Duration,
    /// Rows of the result, or rows changed; negative where neither applies.
    pub(crate) rows: i64,
    pub(crate) error: Option<&'a str>,
}

/// Writes statements into the history. One that cannot be written is a warning: the statement itself has run.
pub(crate) fn record<'a>(engine: &Engine, statements: impl Iterator<Item = Ended<'a>>) {
    for statement in statements {
        let end = DateTime::<Utc>::from(statement.end).naive_utc().to_string();
        let elapsed = i64::try_from(statement.elapsed.as_micros()).unwrap_or(i64::MAX);
        let written = engine.with_history(|connection| {
            let mut insert = connection.prepare_cached(
                "INSERT INTO memory.main.rs_queries SELECT ?, ?, ?, ?, CAST(? AS TIMESTAMP) - to_microseconds(?), \
                 CAST(? AS TIMESTAMP), ?, ?, ?",
            )?;
            insert.execute(params![
                statement.query_id,
                query_type(statement.text),
                statement.text,
                statement.status,
                end,
                elapsed,
                end,
                elapsed,
                statement.rows.max(0),
                statement.error,
            ])
        });
        if let Err(error) = written {
            let error = translate(&error);
            tracing::warn!(%error, "a statement could not be written into the history");
        }
    }
}

/// As SYS_QUERY_HISTORY names the sort of a statement.
fn query_type(text: &str) -> String {
    let word = text.split_whitespace().next().unwrap_or_default().to_uppercase();
    match word.as_str() {
        "SELECT" | "INSERT" | "UPDATE" | "DELETE" | "COPY" | "UNLOAD" | "MERGE" => word,
        "WITH" => "SELECT".to_owned(),
        "CREATE" | "ALTER" | "DROP" | "TRUNCATE" => "DDL".to_owned(),
        "BEGIN" | "COMMIT" | "ROLLBACK" | "SET" | "ANALYZE" | "VACUUM" | "GRANT" => "UTILITY".to_owned(),
        _ => "OTHER".to_owned(),
    }
}
