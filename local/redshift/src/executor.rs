//! Executes translated SQL on the connection of a session.

use std::sync::Arc;

use cardlake_redshift_sql::{MAX_VARCHAR_BYTES, RedshiftType, SqlError, resolve_arithmetic};
use duckdb::Connection;

use crate::engine::Engine;
use crate::engine_error::translate;
use crate::{history, operand_types};

/// The connection of a session, with the database around it.
pub(crate) struct Executor {
    pub(crate) connection: Connection,
    pub(crate) engine: Arc<Engine>,
    /// The number of the statement, by which load errors are recorded.
    pub(crate) query_id: i64,
}

impl Executor {
    /// Opens a connection.
    pub(crate) fn open(engine: &Arc<Engine>) -> Result<Self, SqlError> {
        Ok(Self {
            connection: engine.connect()?,
            engine: Arc::clone(engine),
            query_id: 0,
        })
    }

    /// Executes a statement that changes rows and returns their number.
    pub(crate) fn write(&self, sql: &str) -> Result<usize, SqlError> {
        self.connection
            .execute(&self.resolve(sql), [])
            .map_err(|error| translate(&error))
    }

    /// Executes statements without results and without pending arithmetic.
    pub(crate) fn batch(&self, sql: &str) -> Result<(), SqlError> {
        self.connection.execute_batch(sql).map_err(|error| translate(&error))
    }

    /// Makes a translated statement ready for DuckDB: its pending arithmetic is completed, and a history that it reads is written.
    pub(crate) fn resolve(&self, sql: &str) -> String {
        if sql.contains(history::VIEW) {
            self.engine.history.write_down();
        }
        resolve_arithmetic(sql, |probe| operand_types::bind(&self.connection, probe))
    }

    /// The names and DuckDB types of the columns of a query.
    pub(crate) fn describe(&self, query: &str) -> Result<Vec<(String, String)>, SqlError> {
        let mut statement = self
            .connection
            .prepare(&format!("DESCRIBE {query}"))
            .map_err(|error| translate(&error))?;
        statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .and_then(Iterator::collect)
            .map_err(|error| translate(&error))
    }

    /// The same with Redshift's types.
    pub(crate) fn columns(&self, query: &str) -> Result<Vec<(String, RedshiftType)>, SqlError> {
        let data_type = |name: &str| match name.trim_matches('"') {
            "NULL" => RedshiftType::Varchar(MAX_VARCHAR_BYTES),
            // Lists and structures are the only types without a counterpart.
            name => RedshiftType::from_duckdb(name).unwrap_or(RedshiftType::Super),
        };
        let described = self.describe(query)?.into_iter();
        Ok(described.map(|(name, duckdb)| (name, data_type(&duckdb))).collect())
    }
}
