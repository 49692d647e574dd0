//! A database session: a connection with its transaction.
//!
//! Guarantee: a command of several steps is atomic. After an error inside a transaction only the end of the transaction is
//! accepted, as in Redshift.

use std::sync::Arc;

use cardlake_redshift_sql::{Column, Command, Insert, MULTIPLE_MATCHES, MergePlan, SqlError, quoted};

use crate::engine::{self, Engine};
use crate::engine_error::translate;
use crate::executor::Executor;
use crate::results::{self, ResultFormat, ResultSet};
use crate::{catalog, copy, definitions, unload};

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
    pub(crate) executor: Executor,
    transaction: Transaction,
    /// The schemas of SET search_path; empty for every schema.
    search_path: Vec<String>,
}

impl Session {
    /// Opens a session.
    pub(crate) fn open(engine: &Arc<Engine>) -> Result<Self, SqlError> {
        Ok(Self {
            executor: Executor::open(engine)?,
            transaction: Transaction::None,
            search_path: Vec::new(),
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
        let outcome = {
            let (connection, database) = (&self.executor.connection, &self.executor.engine.database);
            engine::set_search_path(connection, database, &self.search_path)
        }
        .and_then(|()| self.run(command, format));
        if outcome.is_err() && self.transaction == Transaction::Open {
            // DuckDB may have kept the transaction open; Redshift does not.
            let _ = self.executor.connection.execute_batch("ROLLBACK");
            self.transaction = Transaction::Failed;
        }
        outcome
    }

    fn run(&mut self, command: &Command, format: ResultFormat) -> Result<Outcome, SqlError> {
        match command {
            Command::Query(sql) => self.query(&self.executor.resolve(sql), format),
            Command::Explain(explained) => {
                let sql = match explained.as_ref() {
                    Command::Query(sql) | Command::Write(sql) => self.executor.resolve(sql),
                    Command::Insert(insert) => self.executor.resolve(&self.insert_statement(insert)?),
                    _ => return Err(SqlError::unsupported("EXPLAIN of this statement")),
                };
                self.query(&format!("EXPLAIN {sql}"), format)
            }
            Command::Write(sql) => self.executor.write(sql).map(Outcome::changed),
            Command::Insert(insert) => {
                let sql = self.insert_statement(insert)?;
                self.executor.write(&sql).map(Outcome::changed)
            }
            Command::Definition(sql) => self.executor.batch(sql).map(|()| Outcome::none()),
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
                self.executor.batch(&format!("TRUNCATE {}", relation.sql()))?;
                self.commit_and_go_on()?;
                Ok(Outcome::none())
            }
            Command::Copy(copy) => {
                // Load errors survive the rollback: they are written on a connection of their own.
                self.atomically(|executor| copy::run(executor, copy))
                    .map(Outcome::changed)
            }
            Command::Unload(unload) => unload::run(&self.executor, unload).map(Outcome::changed),
            Command::Merge(plan) => self.atomically(|executor| merge(executor, plan)).map(Outcome::changed),
            Command::Definitions(_)
            | Command::CreateTable(_)
            | Command::CreateTableAs(_)
            | Command::CreateTableLike(_)
            | Command::CreateView(_)
            | Command::Rename { .. }
            | Command::AddColumn { .. }
            | Command::ResizeColumn { .. } => self
                .atomically(|executor| definitions::run(executor, command))
                .map(|()| Outcome::none()),
            Command::Begin | Command::Commit | Command::Rollback => Ok(Outcome::none()),
        }
    }

    /// Executes a statement with a result set.
    fn query(&self, sql: &str, format: ResultFormat) -> Result<Outcome, SqlError> {
        let connection = &self.executor.connection;
        let mut statement = connection.prepare(sql).map_err(|error| translate(&error))?;
        let result = results::collect(&mut statement, format, self.executor.engine.max_result_bytes)?;
        Ok(Outcome {
            rows: result.rows,
            result: Some(result),
        })
    }

    /// The INSERT for DuckDB, without the IDENTITY columns that take no values.
    fn insert_statement(&self, insert: &Insert) -> Result<String, SqlError> {
        let table = catalog::find_table(&self.executor.connection, &insert.relation)?;
        let always = table
            .as_ref()
            .map(|table| table.identity_always.as_slice())
            .unwrap_or_default();
        if let Some(column) = always.iter().find(|column| insert.columns.contains(column)) {
            return Err(SqlError::redshift(format!(
                "cannot set an identity column to a value: column \"{column}\""
            )));
        }
        let Some(source) = &insert.source else {
            return Ok(format!("INSERT INTO {} DEFAULT VALUES", insert.relation.sql()));
        };
        // The columns that take the values, in their order.
        let all = table.iter().flat_map(|table| &table.definition.columns);
        let targets: Vec<Option<&Column>> = if insert.columns.is_empty() {
            all.filter(|column| !always.contains(&column.name)).map(Some).collect()
        } else {
            let named = |name: &String| all.clone().find(|column| column.name == *name);
            insert.columns.iter().map(named).collect()
        };
        for (index, text) in &insert.texts {
            if let Some(Some(column)) = targets.get(*index) {
                column.data_type.check_text(text)?;
            }
        }
        let columns: Vec<String> = if insert.columns.is_empty() && !always.is_empty() {
            targets.iter().flatten().map(|column| quoted(&column.name)).collect()
        } else {
            insert.columns.iter().map(|column| quoted(column)).collect()
        };
        let columns = if columns.is_empty() {
            String::new()
        } else {
            format!(" ({})", columns.join(", "))
        };
        Ok(format!("INSERT INTO {}{columns} {source}", insert.relation.sql()))
    }

    /// Runs several steps in a transaction: the open one, or one of their own.
    fn atomically<T>(&mut self, steps: impl FnOnce(&Executor) -> Result<T, SqlError>) -> Result<T, SqlError> {
        if self.transaction == Transaction::Open {
            return steps(&self.executor);
        }
        self.begin()?;
        match steps(&self.executor) {
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
        self.executor.batch("BEGIN TRANSACTION")?;
        self.transaction = Transaction::Open;
        Ok(())
    }

    /// Commits the open transaction, if any; one that has failed is rolled back.
    pub(crate) fn commit(&mut self) -> Result<(), SqlError> {
        let before = std::mem::replace(&mut self.transaction, Transaction::None);
        if before == Transaction::Open {
            self.executor.batch("COMMIT")
        } else {
            Ok(())
        }
    }

    /// Rolls the open transaction back, if any.
    pub(crate) fn roll_back(&mut self) -> Result<(), SqlError> {
        let before = std::mem::replace(&mut self.transaction, Transaction::None);
        if before == Transaction::Open {
            self.executor.batch("ROLLBACK")
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

/// Executes the statements of a MERGE. The caller has opened a transaction.
fn merge(executor: &Executor, plan: &MergePlan) -> Result<usize, SqlError> {
    let returns_a_row = |query: &String| {
        let query = executor.resolve(query);
        let mut statement = executor.connection.prepare(&query).map_err(|error| translate(&error))?;
        statement.exists([]).map_err(|error| translate(&error))
    };
    if let Some(unmatched) = &plan.unmatched
        && !returns_a_row(&unmatched.matches)?
    {
        return executor.write(&unmatched.insert);
    }
    // The first question reads the source alone, the second one joins it with the target.
    if let Some(check) = &plan.check
        && plan.repeats.as_ref().map_or(Ok(true), &returns_a_row)?
        && returns_a_row(check)?
    {
        return Err(SqlError::redshift(MULTIPLE_MATCHES));
    }
    let mut rows = 0;
    for sql in &plan.statements {
        rows += executor.write(sql)?;
    }
    Ok(rows)
}
