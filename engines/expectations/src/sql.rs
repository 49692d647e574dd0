//! SQL over the table that is validated, run by a database that the caller brings along: this crate knows none.

use arrow::array::RecordBatch;
use futures::future::BoxFuture;

/// Name of the validated table in a [`Database`].
pub const SQL_TABLE: &str = "batch";

/// A query could not be run; the reason is part of the result of its expectation.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct QueryError(#[from] pub Box<dyn std::error::Error + Send + Sync>);

/// A database that has the validated table under the name [`SQL_TABLE`], and maybe others.
pub trait Database: Send + Sync {
    /// Runs a query that only reads; returns its first rows, `limit` of them or a few more.
    ///
    /// # Errors
    /// The query is wrong, or takes more than the database grants.
    fn query<'a>(&'a self, sql: &'a str, limit: usize) -> BoxFuture<'a, Result<Vec<RecordBatch>, QueryError>>;
}
