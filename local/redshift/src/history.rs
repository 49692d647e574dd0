//! SYS_QUERY_HISTORY: what has run in this process.
//!
//! Statements are noted when they end, and written down in groups: when somebody reads the view, and when there are many. A view
//! of the user's over it may lag behind, as in a cluster.

use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use cardlake_redshift_sql::SqlError;
use duckdb::types::{TimeUnit, Value};
use duckdb::{Connection, params};

use crate::engine_error::translate;
use crate::locks::lock;

/// The name by which statements read the history.
pub(crate) const VIEW: &str = "sys_query_history";
/// So many notes are written down without being asked for.
const MAX_NOTES: usize = 256;

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

/// The same, as a row.
struct Note {
    query_id: i64,
    text: String,
    status: &'static str,
    /// Microseconds since 1970.
    end: i64,
    /// Microseconds.
    elapsed: i64,
    rows: i64,
    error: Option<String>,
}

/// The history, with the connection that writes it and does nothing else.
pub(crate) struct History {
    notes: Mutex<Vec<Note>>,
    connection: Mutex<Connection>,
}

impl History {
    pub(crate) fn new(connection: Connection) -> Self {
        Self {
            notes: Mutex::default(),
            connection: Mutex::new(connection),
        }
    }

    /// Notes statements that have ended.
    pub(crate) fn record<'a>(&self, statements: impl Iterator<Item = Ended<'a>>) {
        let mut notes = lock(&self.notes);
        notes.extend(statements.map(|statement| {
            let since_epoch = statement.end.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            Note {
                query_id: statement.query_id,
                text: statement.text.to_owned(),
                status: statement.status,
                end: micros(since_epoch),
                elapsed: micros(statement.elapsed),
                rows: statement.rows.max(0),
                error: statement.error.map(str::to_owned),
            }
        }));
        let is_full = notes.len() >= MAX_NOTES;
        drop(notes);
        if is_full {
            self.write_down();
        }
    }

    /// Writes the notes into the table. Those that cannot be written are lost, with a warning: the statements themselves have run.
    pub(crate) fn write_down(&self) {
        let connection = lock(&self.connection);
        // Taken under the connection: whoever comes second finds everything written.
        let notes = std::mem::take(&mut *lock(&self.notes));
        if let Err(error) = append(&connection, &notes) {
            tracing::warn!(%error, statements = notes.len(), "the history could not be written");
        }
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn append(connection: &Connection, notes: &[Note]) -> Result<(), SqlError> {
    let failed = |error: duckdb::Error| translate(&error);
    let moment = |micros: i64| Value::Timestamp(TimeUnit::Microsecond, micros);
    let appender = connection.appender_to_catalog_and_db("rs_queries", "memory", "main");
    let mut appender = appender.map_err(failed)?;
    for note in notes {
        let row = params![
            note.query_id,
            query_type(&note.text),
            note.text,
            note.status,
            moment(note.end - note.elapsed),
            moment(note.end),
            note.elapsed,
            note.rows,
            note.error,
        ];
        appender.append_row(row).map_err(failed)?;
    }
    appender.flush().map_err(failed)
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
