//! A database session: a connection with its transaction.
//!
//! Guarantee: a command of several steps is atomic. After an error inside a transaction only the end of the transaction is
//! accepted, as in Redshift.

use std::collections::BTreeMap;
use std::sync::Arc;

use cardlake_redshift_sql::{
    Column, Command, Expression, Insert, MAX_VARCHAR_BYTES, MULTIPLE_MATCHES, MergePlan, RedshiftType, SqlError,
    Statement, literal, quoted, shown, translate,
};

use crate::cursors::Cursors;
use crate::engine::{self, Engine};
use crate::engine_error;
use crate::executor::Executor;
use crate::results::{self, RowSink};
use crate::{catalog, copy, definitions, unload};

/// What a statement did.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Rows of the result, or rows changed; -1 where neither applies.
    pub(crate) rows: i64,
    /// Whether the sink has taken a result set.
    pub(crate) has_result: bool,
}

impl Outcome {
    fn none() -> Self {
        Self {
            rows: -1,
            has_result: false,
        }
    }

    fn changed(rows: usize) -> Self {
        Self {
            rows: i64::try_from(rows).unwrap_or(i64::MAX),
            has_result: false,
        }
    }
}

/// The state of a session's transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transaction {
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
    /// The version of the schemas that DuckDB's search path was made for.
    path_version: Option<u64>,
    /// Whether the open transaction may change nothing.
    is_read_only: bool,
    /// Whether the open transaction may have changed the schemas.
    defines: bool,
    /// What PREPARE has kept.
    prepared: BTreeMap<String, Statement>,
    cursors: Cursors,
}

impl Session {
    /// Opens a session.
    pub(crate) fn open(engine: &Arc<Engine>) -> Result<Self, SqlError> {
        Ok(Self {
            executor: Executor::open(engine)?,
            transaction: Transaction::None,
            search_path: Vec::new(),
            path_version: None,
            is_read_only: false,
            defines: false,
            prepared: BTreeMap::new(),
            cursors: Cursors::default(),
        })
    }

    /// The state of the transaction.
    pub(crate) fn transaction(&self) -> Transaction {
        self.transaction
    }

    /// Runs one statement; the rows of a query go to the sink.
    pub(crate) fn execute(&mut self, statement: &Statement, sink: &mut dyn RowSink) -> Result<Outcome, SqlError> {
        let outcome = translate(statement, &self.executor.engine.database)
            .and_then(|command| self.run_in_transaction(&command, sink));
        if outcome.is_err() {
            self.fail();
        }
        outcome
    }

    /// After an error: an open transaction is rolled back, and accepts nothing but its end.
    pub(crate) fn fail(&mut self) {
        if self.transaction == Transaction::Open {
            // DuckDB may have kept the transaction open; Redshift does not.
            let _ = self.executor.connection.execute_batch("ROLLBACK");
            self.cursors.forget();
            self.note_end();
            self.transaction = Transaction::Failed;
        }
    }

    fn run_in_transaction(&mut self, command: &Command, sink: &mut dyn RowSink) -> Result<Outcome, SqlError> {
        match command {
            Command::Begin { read_only } => {
                if self.transaction == Transaction::None {
                    self.begin()?;
                    self.is_read_only = *read_only;
                }
                return Ok(Outcome::none());
            }
            Command::Commit => return self.commit().map(|()| Outcome::none()),
            Command::Rollback => return self.roll_back().map(|()| Outcome::none()),
            _ if self.transaction == Transaction::Failed => {
                return Err(SqlError::classed(
                    "25P02",
                    "current transaction is aborted, commands ignored until end of transaction block",
                ));
            }
            _ => {}
        }
        self.set_search_path()?;
        let defines = matches!(command, Command::Definition(_) | Command::Definitions(_));
        self.defines |= defines;
        let outcome = self.run(command, sink);
        if defines {
            self.executor.engine.schemas_change();
        }
        outcome
    }

    /// The columns of a statement's result, which is not executed; `None` if it has none.
    pub(crate) fn describe(&mut self, statement: &Statement) -> Result<Option<Vec<(String, RedshiftType)>>, SqlError> {
        let sql = match translate(statement, &self.executor.engine.database)? {
            Command::Query(sql) => sql,
            Command::Show(name) => self.shown(&name)?,
            Command::Execute { name, values } => return self.describe(&self.executed(&name, &values)?),
            Command::Fetch { name, .. } => return self.cursors.columns(&name).map(Some),
            Command::Explain(_) => {
                let names = ["explain_key", "explain_value"];
                let columns = names.map(|name| (name.to_owned(), RedshiftType::Varchar(MAX_VARCHAR_BYTES)));
                return Ok(Some(columns.into()));
            }
            _ => return Ok(None),
        };
        self.set_search_path()?;
        self.executor.columns(&self.executor.resolve(&sql)).map(Some)
    }

    /// Brings DuckDB's search path up to date, if a schema may have come or gone.
    fn set_search_path(&mut self) -> Result<(), SqlError> {
        let engine = &self.executor.engine;
        let version = engine.schemas_version();
        if self.path_version != Some(version) {
            engine::set_search_path(&self.executor.connection, &engine.database, &self.search_path)?;
            self.path_version = Some(version);
        }
        Ok(())
    }

    /// What others see of the schemas changes with the end of a transaction that has changed them.
    fn note_end(&mut self) {
        if std::mem::take(&mut self.defines) {
            self.executor.engine.schemas_change();
        }
    }

    fn run(&mut self, command: &Command, sink: &mut dyn RowSink) -> Result<Outcome, SqlError> {
        if self.transaction == Transaction::Open && self.is_read_only && command.changes() {
            return Err(SqlError::classed("25006", "transaction is read-only"));
        }
        match command {
            Command::Query(sql) => self.query(&self.executor.resolve(sql), sink),
            Command::Explain(explained) => {
                let sql = match explained.as_ref() {
                    Command::Query(sql) | Command::Write(sql) => self.executor.resolve(sql),
                    Command::Insert(insert) => self.executor.resolve(&self.insert_statement(insert)?),
                    _ => return Err(SqlError::unsupported("EXPLAIN of this statement")),
                };
                self.query(&format!("EXPLAIN {sql}"), sink)
            }
            Command::Write(sql) => self.executor.write(sql).map(Outcome::changed),
            Command::Insert(insert) => {
                let sql = self.insert_statement(insert)?;
                self.executor.write(&sql).map(Outcome::changed)
            }
            Command::Definition(sql) => self.executor.batch(sql).map(|()| Outcome::none()),
            Command::SetSearchPath(schemas) => {
                self.search_path.clone_from(schemas);
                self.path_version = None;
                Ok(Outcome::none())
            }
            Command::Show(name) => self.query(&self.shown(name)?, sink),
            Command::Prepare { name, statement } => {
                if self.prepared.contains_key(name) {
                    let message = format!("prepared statement \"{name}\" already exists");
                    return Err(SqlError::classed("42P05", message));
                }
                self.prepared.insert(name.clone(), statement.clone());
                Ok(Outcome::none())
            }
            Command::Execute { name, values } => {
                let statement = self.executed(name, values)?;
                let command = translate(&statement, &self.executor.engine.database)?;
                self.run(&command, sink)
            }
            // One that the client has prepared by the protocol is no concern of the session.
            Command::Deallocate(name) => {
                self.prepared
                    .retain(|known, _| name.as_ref().is_some_and(|name| name != known));
                Ok(Outcome::none())
            }
            Command::Discard if self.transaction == Transaction::None => {
                *self = Self::open(&self.executor.engine)?;
                Ok(Outcome::none())
            }
            Command::Discard => Err(SqlError::classed(
                "25001",
                "DISCARD ALL cannot run inside a transaction block",
            )),
            Command::Declare { .. } if self.transaction == Transaction::None => Err(SqlError::classed(
                "25P01",
                "DECLARE CURSOR may only be used in transaction blocks",
            )),
            Command::Declare { name, query } => {
                let Command::Query(sql) = translate(query, &self.executor.engine.database)? else {
                    return Err(SqlError::Syntax("a cursor is declared for a query".to_owned()));
                };
                self.cursors
                    .declare(&self.executor, name, &sql)
                    .map(|()| Outcome::none())
            }
            Command::Fetch { name, count } => {
                let sql = self.cursors.fetch(name, *count)?;
                let outcome = self.query(&sql, sink)?;
                self.cursors.advance(name, outcome.rows);
                Ok(outcome)
            }
            Command::Close(name) => self
                .cursors
                .close(&self.executor, name.as_deref())
                .map(|()| Outcome::none()),
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
            Command::Begin { .. } | Command::Commit | Command::Rollback => Ok(Outcome::none()),
        }
    }

    /// The query that tells a setting.
    fn shown(&self, name: &str) -> Result<String, SqlError> {
        let value = match name {
            "search_path" if self.search_path.is_empty() => "$user, public".to_owned(),
            "search_path" => self.search_path.join(", "),
            _ => shown(name)?.to_owned(),
        };
        Ok(format!("SELECT {} AS {}", literal(&value), quoted(name)))
    }

    /// A prepared statement with its values.
    fn executed(&self, name: &str, values: &[Expression]) -> Result<Statement, SqlError> {
        let statement = self
            .prepared
            .get(name)
            .ok_or_else(|| SqlError::classed("26000", format!("prepared statement \"{name}\" does not exist")))?;
        let (wanted, given) = (statement.placeholders(), values.len());
        if wanted != given {
            return Err(SqlError::classed(
                "42601",
                format!(
                    "wrong number of parameters for prepared statement \"{name}\": {wanted} are expected, {given} given"
                ),
            ));
        }
        statement.bind_expressions(values)
    }

    /// Executes a statement with a result set.
    fn query(&self, sql: &str, sink: &mut dyn RowSink) -> Result<Outcome, SqlError> {
        let connection = &self.executor.connection;
        let mut statement = connection
            .prepare(sql)
            .map_err(|error| engine_error::translate(&error))?;
        Ok(Outcome {
            rows: results::read(&mut statement, sink)?,
            has_result: true,
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
        self.is_read_only = false;
        self.transaction = Transaction::Open;
        Ok(())
    }

    /// Commits the open transaction, if any; one that has failed is rolled back.
    pub(crate) fn commit(&mut self) -> Result<(), SqlError> {
        let before = std::mem::replace(&mut self.transaction, Transaction::None);
        if before == Transaction::Open {
            // Cursors end with their transaction.
            self.cursors.close(&self.executor, None)?;
            let committed = self.executor.batch("COMMIT");
            self.note_end();
            committed
        } else {
            Ok(())
        }
    }

    /// Rolls the open transaction back, if any.
    pub(crate) fn roll_back(&mut self) -> Result<(), SqlError> {
        let before = std::mem::replace(&mut self.transaction, Transaction::None);
        self.cursors.forget();
        if before == Transaction::Open {
            let rolled_back = self.executor.batch("ROLLBACK");
            self.note_end();
            rolled_back
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
        let mut statement = executor
            .connection
            .prepare(&query)
            .map_err(|error| engine_error::translate(&error))?;
        statement.exists([]).map_err(|error| engine_error::translate(&error))
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
