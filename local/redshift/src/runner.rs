//! Runs a submitted statement or batch on a database session.

use cardlake_redshift_sql::{SqlError, statements};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Instant, SystemTime};

use crate::engine::Engine;
use crate::history::Ended;
use crate::locks::lock;
use crate::results::{Pages, ResultSet};
use crate::session::Session;
use crate::statement::{Entry, SessionSlot, Status, Submission};

/// Runs a statement to its end, on a blocking thread. The error is that of the entry.
pub(crate) fn run(engine: &Arc<Engine>, entry: &Entry) -> Result<(), SqlError> {
    let begun = Instant::now();
    entry.update(|state| state.status = Status::Started);
    let result = match &entry.submission.session {
        Some(slot) => run_in_session(engine, slot, entry),
        None => Session::open(engine).and_then(|mut session| run_on(&mut session, entry)),
    };
    end(entry, begun, result.as_ref().err());
    record(engine, entry);
    result
}

/// Runs a statement on the connection of a client's session, which its first statement opens.
fn run_in_session(engine: &Arc<Engine>, slot: &SessionSlot, entry: &Entry) -> Result<(), SqlError> {
    let mut session = lock(&slot.session);
    let session = match session.as_mut() {
        Some(session) => session,
        None => session.insert(Session::open(engine)?),
    };
    run_on(session, entry)
}

/// Writes a statement's parts into SYS_QUERY_HISTORY.
fn record(engine: &Engine, entry: &Entry) {
    let state = entry.state();
    let parts = state.parts.iter().zip(&entry.submission.sqls);
    let ended = parts.map(|(part, text)| Ended {
        query_id: entry.number,
        text,
        status: match part.status {
            Status::Finished => "success",
            Status::Aborted => "canceled",
            _ => "failed",
        },
        end: part.updated,
        elapsed: part.duration,
        rows: part.rows,
        error: part.error.as_deref(),
    });
    engine.history.record(ended);
}

fn end(entry: &Entry, begun: Instant, error: Option<&SqlError>) {
    *lock(&entry.interrupt) = None;
    let cancelled = entry.cancelled.load(Ordering::Acquire);
    // Before the state is final: a client that sees it may send the next statement at once.
    if let Some(slot) = &entry.submission.session {
        slot.release();
    }
    entry.update(|state| {
        state.duration = begun.elapsed();
        match error {
            None => state.status = Status::Finished,
            Some(error) => {
                state.status = if cancelled { Status::Aborted } else { Status::Failed };
                state.error = Some(error.to_string());
            }
        }
        // What has not run will not run.
        for part in &mut state.parts {
            if !part.status.is_final() {
                part.status = Status::Aborted;
            }
        }
    });
    let state = entry.state();
    tracing::debug!(statement = %entry.id, status = state.status.name(), "statement ended");
}

fn run_on(session: &mut Session, entry: &Entry) -> Result<(), SqlError> {
    *lock(&entry.interrupt) = Some(session.executor.connection.interrupt_handle());
    session.executor.query_id = entry.number;
    let submission = &entry.submission;
    let in_transaction = submission.batch && !submission.auto_commit;
    if in_transaction {
        session.begin()?;
    }
    let mut first_error = None;
    for (index, sql) in submission.sqls.iter().enumerate() {
        let begun = Instant::now();
        entry.update(|state| state.parts[index].status = Status::Started);
        let outcome = if entry.cancelled.load(Ordering::Acquire) {
            Err(SqlError::Cancelled)
        } else {
            execute(session, sql, submission)
        };
        let outcome = match outcome {
            // A conflict with another transaction may only show at the commit.
            Ok(outcome) if in_transaction && index + 1 == submission.sqls.len() => session.commit().map(|()| outcome),
            other => other,
        };
        let failed = outcome.is_err();
        entry.update(|state| {
            let part = &mut state.parts[index];
            part.duration = begun.elapsed();
            part.updated = SystemTime::now();
            match outcome {
                Ok((rows, result)) => {
                    part.status = Status::Finished;
                    part.rows = rows;
                    part.result = result.map(Arc::new);
                }
                Err(error) => {
                    part.status = if error == SqlError::Cancelled {
                        Status::Aborted
                    } else {
                        Status::Failed
                    };
                    part.error = Some(error.to_string());
                    first_error.get_or_insert(error);
                }
            }
        });
        if failed && !submission.auto_commit {
            break;
        }
    }
    match first_error {
        Some(error) => {
            if in_transaction || submission.session.is_none() {
                session.roll_back()?;
            }
            Err(error)
        }
        None => Ok(()),
    }
}

/// Runs one statement: the rows of its result, or those it has changed, and the result.
fn execute(session: &mut Session, sql: &str, submission: &Submission) -> Result<(i64, Option<ResultSet>), SqlError> {
    let statements = statements(sql, &submission.parameters, &mut Default::default())?;
    let statement = match statements.as_slice() {
        [statement] => statement,
        [] => return Err(SqlError::Syntax("the statement is empty".to_owned())),
        _ => {
            return Err(SqlError::redshift(
                "cannot insert multiple commands into a prepared statement",
            ));
        }
    };
    let database = &session.executor.engine.database;
    if let Some(wanted) = &submission.connection.database
        && wanted != database
    {
        return Err(SqlError::redshift(format!("database \"{wanted}\" does not exist")));
    }
    let mut pages = Pages::new(submission.format, session.executor.engine.max_result_bytes);
    let outcome = session.execute(statement, &mut pages)?;
    let result = if outcome.has_result {
        Some(pages.finish(outcome.rows)?)
    } else {
        None
    };
    Ok((outcome.rows, result))
}
