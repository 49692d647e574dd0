//! A database session: one connection, its transaction and the statements run on it.
//!
//! Guarantee: a command of several steps happens whole or not at all. After an error inside a transaction the
//! transaction is over, and only its end is accepted, as in Redshift.

use std::sync::Arc;

use duckdb::Connection;

use super::arithmetic;
use super::copy;
use super::definitions;
use super::engine::{self, Engine};
use super::engine_error::translate;
use super::results::{self, ResultFormat, ResultSet};
use super::sql::merge::MULTIPLE_MATCHES;
use super::sql::{Command, Insert, SqlError};
use super::unload;
use super::{catalog, sql::names::quoted};

/// What a statement did.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Rows of the result, or rows changed; -1 where neither applies.
    pub(crate) rows: i64,
    pub(crate) result: Option<ResultSet>,
}

impl Outcome {
    fn none() -> Self {
        Self { rows: -1, result: None }
    }

    fn changed(rows: usize) -> Self {
        Self {
            rows: i64::try_from(rows).unwrap_or(i64::MAX),
            result: None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transaction {
    /// Every statement commits.
    None,
    Open,
    /// A statement failed: everything is refused until the transaction is ended.
    Failed,
}

/// A database session.
pub(crate) struct Session {
    pub(crate) connection: Connection,
    pub(crate) engine: Arc<Engine>,
    transaction: Transaction,
    /// The schemas of SET search_path; every schema when empty.
    search_path: Vec<String>,
    /// The number that load errors are filed under.
    pub(crate) query_id: i64,
}

impl Session {
    /// Opens a session.
    pub(crate) fn open(engine: &Arc<Engine>) -> Result<Self, SqlError> {
        Ok(Self {
            connection: engine.connect()?,
            engine: Arc::clone(engine),
            transaction: Transaction::None,
            search_path: Vec::new(),
            query_id: 0,
        })
    }

    /// Runs one command.
    pub(crate) fn execute(&mut self, command: &Command, format: ResultFormat) -> Result<Outcome, SqlError> {
        match command {
            Command::Begin => {
                if self.transaction == Transaction::None {
                    self.begin()?;
                }
                return Ok(Outcome::none());
            }
            Command::Commit => return self.commit().map(|()| Outcome::none()),
            Command::Rollback => return self.roll_back().map(|()| Outcome::none()),
            _ if self.transaction == Transaction::Failed => {
                return Err(SqlError::redshift(
                    "current transaction is aborted, commands ignored until end of transaction block",
                ));
            }
            _ => {}
        }
        let outcome = engine::set_search_path(&self.connection, &self.engine.database, &self.search_path)
            .and_then(|()| self.run(command, format));
        if outcome.is_err() && self.transaction == Transaction::Open {
            // DuckDB may have kept the transaction open; Redshift does not.
            let _ = self.connection.execute_batch("ROLLBACK");
            self.transaction = Transaction::Failed;
        }
        outcome
    }

    fn run(&mut self, command: &Command, format: ResultFormat) -> Result<Outcome, SqlError> {
        match command {
            Command::Query(sql) => {
                let sql = self.resolve(sql);
                let mut statement = self.connection.prepare(&sql).map_err(|error| translate(&error))?;
                let result = results::collect(&mut statement, format, self.engine.max_result_bytes)?;
                Ok(Outcome {
                    rows: result.rows,
                    result: Some(result),
                })
            }
            Command::Write(sql) => self.write(sql).map(Outcome::changed),
            Command::Insert(insert) => self.insert(insert).map(Outcome::changed),
            Command::Definition(sql) => self.batch(sql).map(|()| Outcome::none()),
            Command::SetSearchPath(schemas) => {
                self.search_path.clone_from(schemas);
                Ok(Outcome::none())
            }
            Command::Accepted => Ok(Outcome::none()),
            Command::AcceptedAndCommits => {
                self.commit_and_go_on()?;
                Ok(Outcome::none())
            }
            Command::Truncate(relation) => {
                self.batch(&format!("TRUNCATE {}", relation.sql()))?;
                self.commit_and_go_on()?;
                Ok(Outcome::none())
            }
            Command::Copy(copy) => {
                // Load errors are kept although the transaction is rolled back, so they have a connection of their own.
                self.atomically(|session| copy::run(session, copy))
                    .map(Outcome::changed)
            }
            Command::Unload(unload) => unload::run(self, unload).map(Outcome::changed),
            Command::Merge(plan) => self
                .atomically(|session| {
                    if let Some(check) = &plan.check {
                        let mut statement = session
                            .connection
                            .prepare(&session.resolve(check))
                            .map_err(|error| translate(&error))?;
                        if statement.exists([]).map_err(|error| translate(&error))? {
                            return Err(SqlError::redshift(MULTIPLE_MATCHES));
                        }
                    }
                    let mut rows = 0;
                    for sql in &plan.statements {
                        rows += session.write(sql)?;
                    }
                    Ok(rows)
                })
                .map(Outcome::changed),
            Command::Definitions(_)
            | Command::CreateTable(_)
            | Command::CreateTableAs(_)
            | Command::CreateTableLike(_)
            | Command::Rename { .. }
            | Command::AddColumn { .. }
            | Command::ResizeColumn { .. } => self
                .atomically(|session| definitions::run(session, command))
                .map(|()| Outcome::none()),
            Command::Begin | Command::Commit | Command::Rollback => Ok(Outcome::none()),
        }
    }

    fn insert(&self, insert: &Insert) -> Result<usize, SqlError> {
        let table = catalog::find_table(&self.connection, &insert.relation)?;
        let always = table
            .as_ref()
            .map(|table| table.identity_always.as_slice())
            .unwrap_or_default();
        if let Some(column) = always.iter().find(|column| insert.columns.contains(column)) {
            return Err(SqlError::redshift(format!(
                "cannot set an identity column to a value: column \"{column}\""
            )));
        }
        let columns: Vec<String> = if insert.columns.is_empty() && !always.is_empty() {
            let all = table.iter().flat_map(|table| &table.definition.columns);
            all.filter(|column| !always.contains(&column.name))
                .map(|column| quoted(&column.name))
                .collect()
        } else {
            insert.columns.iter().map(|column| quoted(column)).collect()
        };
        let columns = if columns.is_empty() {
            String::new()
        } else {
            format!(" ({})", columns.join(", "))
        };
        let source = insert.source.as_deref().unwrap_or("DEFAULT VALUES");
        self.write(&format!("INSERT INTO {}{columns} {source}", insert.relation.sql()))
    }

    /// Runs a statement that changes rows and gives their number.
    pub(crate) fn write(&self, sql: &str) -> Result<usize, SqlError> {
        self.connection
            .execute(&self.resolve(sql), [])
            .map_err(|error| translate(&error))
    }

    /// Runs statements without results.
    pub(crate) fn batch(&self, sql: &str) -> Result<(), SqlError> {
        self.connection
            .execute_batch(&self.resolve(sql))
            .map_err(|error| translate(&error))
    }

    /// Completes the arithmetic of a statement, now that the types of its operands can be known.
    pub(crate) fn resolve(&self, sql: &str) -> String {
        arithmetic::resolve(&self.connection, sql)
    }

    /// Runs several steps in a transaction: the open one, or one of their own.
    pub(crate) fn atomically<T>(
        &mut self,
        steps: impl FnOnce(&mut Self) -> Result<T, SqlError>,
    ) -> Result<T, SqlError> {
        if self.transaction == Transaction::Open {
            return steps(self);
        }
        self.begin()?;
        match steps(self) {
            Ok(done) => {
                self.commit()?;
                Ok(done)
            }
            Err(error) => {
                let _ = self.roll_back();
                Err(error)
            }
        }
    }

    /// Begins a transaction.
    pub(crate) fn begin(&mut self) -> Result<(), SqlError> {
        self.batch("BEGIN TRANSACTION")?;
        self.transaction = Transaction::Open;
        Ok(())
    }

    /// Commits the open transaction, if any; one that has failed is rolled back.
    pub(crate) fn commit(&mut self) -> Result<(), SqlError> {
        let before = std::mem::replace(&mut self.transaction, Transaction::None);
        if before == Transaction::Open {
            self.batch("COMMIT")
        } else {
            Ok(())
        }
    }

    /// Rolls the open transaction back, if any.
    pub(crate) fn roll_back(&mut self) -> Result<(), SqlError> {
        let before = std::mem::replace(&mut self.transaction, Transaction::None);
        if before == Transaction::Open {
            self.batch("ROLLBACK")
        } else {
            Ok(())
        }
    }

    /// Some statements commit what came before them; what follows is a new transaction.
    fn commit_and_go_on(&mut self) -> Result<(), SqlError> {
        if self.transaction == Transaction::Open {
            self.commit()?;
            self.begin()?;
        }
        Ok(())
    }
}
