//! The macros and catalog views that translated statements refer to.

/// DuckDB macros for the functions that DuckDB lacks or that differ in meaning.
///
/// `CREATE OR REPLACE` statements, to be executed in the schema `main` each time a database is opened.
pub const MACROS: &str = include_str!("prelude.sql");

const CATALOG: &str = include_str!("catalog.sql");
const PG_CATALOG: &str = include_str!("pg_catalog.sql");

/// Redshift's and PostgreSQL's catalog views over DuckDB's catalog and the comments of [`crate::Column::comment`].
///
/// `database` is the name that the views report. `CREATE … IF NOT EXISTS` and `CREATE OR REPLACE` statements; the query
/// history needs a table `memory.main.rs_queries` ([`QUERY_HISTORY`]).
pub fn catalog(database: &str) -> String {
    let database = database.replace('\'', "''");
    [CATALOG, PG_CATALOG]
        .map(|views| views.replace("{database}", &database))
        .concat()
}

/// The in-memory table behind SYS_QUERY_HISTORY; the executor inserts a row per statement.
pub const QUERY_HISTORY: &str = "CREATE TABLE memory.main.rs_queries (query_id BIGINT, query_type VARCHAR, \
    query_text VARCHAR, status VARCHAR, start_time TIMESTAMP, end_time TIMESTAMP, elapsed_time BIGINT, \
    returned_rows BIGINT, error_message VARCHAR)";
