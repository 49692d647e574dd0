//! Errors of COPY, with the place they occurred at, and their record in SYS_LOAD_ERROR_DETAIL.

use cardlake_redshift_sql::{Column, SqlError};
use duckdb::params;

use crate::catalog::Table;
use crate::engine_error::translate;
use crate::executor::Executor;

/// An error of COPY, with the place it occurred at.
pub(crate) struct LoadError {
    pub(crate) file: Option<String>,
    /// The first row is 1.
    pub(crate) row: Option<i64>,
    pub(crate) column: Option<Box<Column>>,
    pub(crate) error: SqlError,
}

impl From<SqlError> for LoadError {
    fn from(error: SqlError) -> Self {
        Self {
            file: None,
            row: None,
            column: None,
            error,
        }
    }
}

/// Records the error for SYS_LOAD_ERROR_DETAIL, outside of the transaction that is about to be rolled back.
pub(crate) fn record(executor: &Executor, table: &Table, failure: &LoadError) {
    let column = failure.column.as_ref();
    let insert =
        executor.engine.connect().and_then(|connection| {
            connection
            .execute(
                "INSERT INTO main.rs_load_errors VALUES (?, ?, CAST(now() AS TIMESTAMP), ?, ?, ?, ?, ?, ?, 15001, ?)",
                params![
                    executor.query_id,
                    table.oid,
                    table.definition.relation.name,
                    failure.file,
                    failure.row,
                    column.map(|column| column.name.clone()),
                    column.map(|column| column.data_type.catalog_name()),
                    column.and_then(|column| column.data_type.byte_limit()).map(|length| length.to_string()),
                    failure.error.to_string().trim_start_matches("ERROR: "),
                ],
            )
            .map_err(|error| translate(&error))
        });
    if let Err(error) = insert {
        tracing::warn!(%error, "the load error could not be recorded");
    }
}
