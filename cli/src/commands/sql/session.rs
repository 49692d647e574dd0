//! A connection to a warehouse, and how to print what it says.

use super::show::{self, Answer, Formulas};
use crate::arguments::SqlFormat;
use crate::error::{CliError, printed};
use cardlake_aws::data_api::{
    DataApi as _, ResultSet, StatementErrorKind, StatementState, Submission, Warehouse, client_token,
};
use cardlake_redshift_sql::Command;
use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::io::{BufWriter, IsTerminal, Write};
use std::time::Duration;

/// How often a running statement is looked at.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Rows that a terminal shows unless more are asked for.
const ROWS_ON_A_TERMINAL: usize = 200;

/// A connection to a warehouse, and how to print what it says.
pub(super) struct Session {
    pub(super) warehouse: Warehouse,
    /// The other process that has the lake open: only queries may run beside it.
    pub(super) holder: Option<u32>,
    pub(super) format: SqlFormat,
    /// Rows to print of each result.
    pub(super) limit: Option<usize>,
    pub(super) formulas: Formulas,
}

impl Session {
    /// Runs one statement, until it ends or `stop` does.
    ///
    /// # Errors
    /// It fails or is stopped, or is no query beside another process.
    pub(super) async fn answer(&self, statement: &str, stop: impl Future) -> Result<Answer, CliError> {
        if let Some(pid) = self.holder
            && !is_query(statement)
        {
            return Err(CliError::failed(format!(
                "process {pid} has the lake open: beside it, only queries are run"
            ))
            .hint("wait for it to end, or send the statement to the Data API that `cardlake up` serves"));
        }
        answer(&self.warehouse, statement, stop).await
    }

    /// Prints the answer as asked.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub(super) fn print(&self, answer: &Answer) -> Result<(), CliError> {
        let is_terminal = std::io::stdout().is_terminal();
        let limit = self.limit.or_else(|| is_terminal.then_some(ROWS_ON_A_TERMINAL));
        let mut out = BufWriter::new(std::io::stdout().lock());
        let mut write = || -> std::io::Result<()> {
            let note = show::write(&mut out, answer, self.format, limit, self.formulas)?;
            if let Some(note) = note {
                if self.format == SqlFormat::Table {
                    writeln!(out, "{note}")?;
                } else {
                    // Standard output is for the rows; standard error may be closed.
                    let _ = writeln!(std::io::stderr(), "{note}");
                }
            }
            out.flush()
        };
        printed(write())
    }
}

/// Whether a statement only reads. One that cannot be parsed is left to the warehouse to refuse.
pub(super) fn is_query(statement: &str) -> bool {
    let Ok(statements) = cardlake_redshift_sql::statements(statement, &BTreeMap::new(), &mut BTreeSet::new()) else {
        return true;
    };
    statements.iter().all(|statement| {
        let command = cardlake_redshift_sql::translate(statement, crate::environment::DATABASE);
        matches!(command, Ok(Command::Query(_) | Command::Explain(_)) | Err(_))
    })
}

/// The rows of a statement; none when it has no result.
///
/// # Errors
/// The statement fails, or the service refuses.
pub(crate) async fn ask(warehouse: &Warehouse, statement: &str) -> Result<ResultSet, CliError> {
    Ok(match answer(warehouse, statement, pending::<()>()).await? {
        Answer::Rows(rows) => rows,
        Answer::Changed(_) => ResultSet::default(),
    })
}

async fn answer(warehouse: &Warehouse, statement: &str, stop: impl Future) -> Result<Answer, CliError> {
    let failed = |error: &(dyn std::error::Error + 'static)| CliError::caused("ask the warehouse", error);
    let submission = Submission {
        name: "cardlake sql".to_owned(),
        token: client_token(&[&uuid::Uuid::new_v4().to_string()]),
        statements: vec![statement.to_owned()],
    };
    let id = warehouse.submit(&submission).await.map_err(|error| failed(&error))?;
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = &mut stop => {
                warehouse.cancel(&id).await.map_err(|error| failed(&error))?;
                return Err(CliError::interrupted("the statement was stopped"));
            }
        }
        match warehouse.poll(&id).await.map_err(|error| failed(&error))? {
            StatementState::Running => {}
            StatementState::Finished { statements } => {
                if statements.iter().any(|statement| statement.has_result) {
                    let rows = warehouse.results(&id).await.map_err(|error| failed(&error))?;
                    return Ok(Answer::Rows(rows));
                }
                return Ok(Answer::Changed(statements.first().and_then(|statement| statement.rows)));
            }
            StatementState::Failed { error, .. } => {
                let is_missing = error.kind == StatementErrorKind::DoesNotExist;
                let failed = CliError::failed(error.message);
                return Err(if is_missing {
                    failed.hint("tables are listed by: select table_schema, table_name from information_schema.tables")
                } else {
                    failed
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_something_is_no_query() {
        for statement in [
            "select 1",
            "-- one\nwith a as (select 1) select * from a",
            "explain delete from a",
        ] {
            assert!(is_query(statement), "{statement}");
        }
        for statement in [
            "delete from a",
            "select 1; drop table a",
            "create table b as select 1",
            "select 1 as n into b",
            "unload ('select 1') to 's3://b/k' iam_role default",
        ] {
            assert!(!is_query(statement), "{statement}");
        }
    }
}
