//! Any table that can be read as Arrow batches.

use crate::sql::Database;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use futures::stream::{BoxStream, StreamExt};
use parquet::errors::ParquetError;

/// Batches with the requested columns in the requested order.
pub type Batches<'a> = BoxStream<'a, Result<RecordBatch, SourceError>>;

/// A table that can be read more than once.
pub trait Source: Send + Sync {
    /// All columns, in order.
    fn schema(&self) -> &SchemaRef;

    /// Number of rows.
    fn rows(&self) -> u64;

    /// The rows with these columns, in the same order on every scan.
    fn scan(&self, columns: &[String]) -> Batches<'_>;

    /// A database for the queries of a suite; without one, expectations that are queries are not checked.
    fn database(&self) -> Option<&dyn Database> {
        None
    }

    /// Number of reference rows: rows that are not judged, but among which the rows of the table must be unique.
    fn reference_rows(&self) -> u64 {
        0
    }

    /// The reference rows with these columns; a column that they lack is null.
    fn scan_reference(&self, _columns: &[String]) -> Batches<'_> {
        futures::stream::empty().boxed()
    }
}

/// Why a source cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A source cannot be read; for sources outside of this crate.
    #[error("cannot read {name}: {source}")]
    Read {
        /// Name of the file or table.
        name: String,
        /// The reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file is not Parquet, is corrupt, or cannot be accessed. An error of the storage is in [`ParquetError::External`].
    #[error("cannot read {file} as Parquet: {source}")]
    Parquet {
        /// The file.
        file: String,
        /// The reason.
        source: ParquetError,
    },
    /// A column cannot be cast to the type of the table.
    #[error("cannot read column '{column}' of {file}: {source}")]
    Column {
        /// The file.
        file: String,
        /// The column.
        column: String,
        /// The reason.
        source: ArrowError,
    },
}
