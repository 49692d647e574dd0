//! Data files of Delta tables, as a load sees them.

use arrow::datatypes::DataType;
use std::collections::BTreeMap;

/// The value of each partition column as text; `None`: null.
pub(crate) type Partition = BTreeMap<String, Option<String>>;

/// A data file of a Delta table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SilverFile {
    /// Path relative to the table's folder, not encoded.
    pub(crate) path: String,
    /// Size in bytes.
    pub(crate) size: u64,
    /// Number of rows by the Delta log.
    pub(crate) rows: u64,
    /// Its partition.
    pub(crate) partition: Partition,
}

/// What changed in a table between two versions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SilverChanges {
    /// Files that are in the table now and were not before.
    pub(crate) added: Vec<SilverFile>,
    /// Paths of files that were in the table before; `None`: unknown, or there was no table before.
    pub(crate) removed: Option<Vec<String>>,
}

/// The contents of a data file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FileContents {
    /// Its columns, in order.
    pub(crate) columns: Vec<(String, DataType)>,
    /// Sums of columns in units of the last digit, by name; a column that the file lacks is not here.
    pub(crate) sums: BTreeMap<String, i128>,
}
