//! DuckDB as the database for the queries of a suite.
//!
//! It reads the tables as the evaluation does: a view on each calls a table function that streams the batches of a
//! [`Source`], with just the columns that the query needs. Nothing is copied, and queries reach neither files nor the network.

mod stream;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use cardlake_expectations::{Batches, Database, QueryError, SQL_TABLE, Source};
use duckdb::{Config, Connection};
use futures::future::{BoxFuture, FutureExt};
use std::sync::{Arc, Mutex, PoisonError};
use stream::{FUNCTION, Registered, StreamTable};

/// Memory of DuckDB; beyond it, sorts and groups use a temporary folder.
const MEMORY: &str = "1GB";
/// `/` of whole numbers and the order of nulls as in Redshift, and times in UTC.
const SETTINGS: &str = "SET integer_division = true; SET default_null_order = 'nulls_last_on_asc_first_on_desc'; \
     SET TimeZone = 'UTC'; SET enable_external_access = false; SET lock_configuration = true;";

/// Why a query cannot be run.
#[derive(Debug, thiserror::Error)]
enum DatabaseError {
    /// What DuckDB says.
    #[error("the query failed: {0}")]
    Query(#[source] duckdb::Error),
    /// No temporary folder.
    #[error("cannot make a temporary folder for the query: {0}")]
    Folder(#[source] std::io::Error),
    /// The thread that ran the query is gone.
    #[error("the query was aborted: {0}")]
    Aborted(#[source] tokio::task::JoinError),
}

/// The validated table with a database that has it, and others, as views.
pub(super) struct Queryable {
    table: Arc<dyn Source>,
    others: Vec<(String, Arc<dyn Source>)>,
    /// Opened by the first query: most suites have none.
    opened: Arc<Mutex<Option<Opened>>>,
}

/// An open database.
struct Opened {
    connection: Connection,
    /// The table functions find the tables as long as these are there.
    _registered: Vec<Registered>,
    /// What does not fit into memory.
    _folder: tempfile::TempDir,
}

impl Queryable {
    /// `others` are tables beside the validated one, by name.
    pub(super) fn new(table: Arc<dyn Source>, others: Vec<(String, Arc<dyn Source>)>) -> Self {
        Self {
            table,
            others,
            opened: Arc::default(),
        }
    }
}

impl Source for Queryable {
    fn schema(&self) -> &SchemaRef {
        self.table.schema()
    }

    fn rows(&self) -> u64 {
        self.table.rows()
    }

    fn scan(&self, columns: &[String]) -> Batches<'_> {
        self.table.scan(columns)
    }

    fn database(&self) -> Option<&dyn Database> {
        Some(self)
    }
}

impl Database for Queryable {
    fn query<'a>(&'a self, sql: &'a str, limit: usize) -> BoxFuture<'a, Result<Vec<RecordBatch>, QueryError>> {
        let (opened, sql) = (Arc::clone(&self.opened), sql.to_owned());
        let mut tables = vec![(SQL_TABLE.to_owned(), Arc::clone(&self.table))];
        tables.extend(self.others.iter().cloned());
        async move {
            let runtime = tokio::runtime::Handle::current();
            let running = tokio::task::spawn_blocking(move || {
                let mut opened = opened.lock().unwrap_or_else(PoisonError::into_inner);
                let database = match &mut *opened {
                    Some(database) => database,
                    none => none.insert(Opened::new(tables, &runtime)?),
                };
                database.first_rows(&sql, limit).map_err(DatabaseError::Query)
            });
            let rows = running.await.map_err(DatabaseError::Aborted).flatten();
            rows.map_err(|error| QueryError(Box::new(error)))
        }
        .boxed()
    }
}

impl Opened {
    fn new(tables: Vec<(String, Arc<dyn Source>)>, runtime: &tokio::runtime::Handle) -> Result<Self, DatabaseError> {
        let folder = tempfile::tempdir().map_err(DatabaseError::Folder)?;
        let (connection, registered) = open(folder.path(), tables, runtime).map_err(DatabaseError::Query)?;
        Ok(Self {
            connection,
            _registered: registered,
            _folder: folder,
        })
    }

    /// The first rows of a query, in a transaction that cannot write.
    fn first_rows(&self, sql: &str, limit: usize) -> duckdb::Result<Vec<RecordBatch>> {
        self.connection.execute_batch("BEGIN TRANSACTION READ ONLY")?;
        let rows = self.read(sql, limit);
        // A query that failed, or that ended the transaction itself, has none to end.
        let _ = self.connection.execute_batch("ROLLBACK");
        rows
    }

    fn read(&self, sql: &str, limit: usize) -> duckdb::Result<Vec<RecordBatch>> {
        let mut statement = self.connection.prepare(sql)?;
        let mut batches = Vec::new();
        let mut rows = 0;
        for batch in statement.stream_arrow([])? {
            let batch = batch?;
            rows += batch.num_rows();
            batches.push(batch);
            if rows >= limit {
                break;
            }
        }
        Ok(batches)
    }
}

fn open(
    folder: &std::path::Path,
    tables: Vec<(String, Arc<dyn Source>)>,
    runtime: &tokio::runtime::Handle,
) -> duckdb::Result<(Connection, Vec<Registered>)> {
    let config = Config::default()
        .enable_autoload_extension(false)?
        .max_memory(MEMORY)?
        .with("temp_directory", folder.to_string_lossy())?;
    let connection = Connection::open_in_memory_with_flags(config)?;
    connection.register_table_function::<StreamTable>(FUNCTION)?;
    let mut registered = Vec::with_capacity(tables.len());
    for (name, source) in tables {
        let table = Registered::new(source, runtime.clone());
        let name = name.replace('"', "\"\"");
        connection.execute_batch(&format!(
            "CREATE VIEW \"{name}\" AS SELECT * FROM {FUNCTION}({})",
            table.id()
        ))?;
        registered.push(table);
    }
    connection.execute_batch(SETTINGS)?;
    Ok((connection, registered))
}

#[cfg(test)]
mod tests;
