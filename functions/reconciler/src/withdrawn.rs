//! Rows that bronze does not deliver any more: their object is gone or has another content, or it is applied again under other
//! rules and what was a valid row is in quarantine now.
//!
//! Such a row has to leave the table, and must not compete with other versions of its key. It is told by its provenance: the
//! object, the object's own time (another content under the same key is another delivery), and the number of a row that is in
//! none of the object's files under the present rules.

use crate::error::ReconcilerError;
use crate::provenance::{Provenance, ProvenanceColumns, ProvenanceCursor};
use crate::remote::{READ_BATCH_ROWS, RemoteFile};
use crate::rows::RowSet;
use std::collections::{BTreeMap, BTreeSet};

/// A buffer of the provenance columns, in bytes.
const BUFFER_BYTES: u64 = 512 * 1024;

/// An object that was applied before: it is applied again, has another content, or is gone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reapplied {
    /// Key of the object in bronze.
    pub(crate) key: String,
    /// Its own time, in microseconds since 1970; `None` if it is gone.
    pub(crate) ingest_time: Option<i64>,
    /// Indices of the inputs that hold its rows under the present rules.
    pub(crate) present: Vec<usize>,
    /// Indices of the committed inputs that may hold rows of it.
    pub(crate) suspects: Vec<usize>,
}

/// Per file, the rows that objects of the batch do not deliver any more. Blocks.
///
/// Without a column of the object's own time a row of an earlier content is taken for the one with its number in the present one.
///
/// # Errors
/// A file cannot be read.
pub(crate) fn withdrawn(
    files: &[RemoteFile],
    columns: &ProvenanceColumns,
    objects: &[Reapplied],
    batch_day: i32,
) -> Result<Vec<RowSet>, ReconcilerError> {
    let mut withdrawn = vec![RowSet::default(); files.len()];
    let mut present: BTreeMap<&str, (Option<i64>, RowSet)> = BTreeMap::new();
    for object in objects {
        let (_, rows) = present
            .entry(&object.key)
            .or_insert_with(|| (object.ingest_time, RowSet::default()));
        for file in object.present.iter().filter_map(|index| files.get(*index)) {
            each_row(file, columns, |_, row| rows.add(row.source_row.unsigned_abs()))?;
        }
    }
    let suspects: BTreeSet<usize> = objects.iter().flat_map(|object| object.suspects.clone()).collect();
    for index in suspects {
        let (Some(file), Some(gone)) = (files.get(index), withdrawn.get_mut(index)) else {
            continue;
        };
        each_row(file, columns, |number, row| {
            let is_gone = |(time, rows): &(Option<i64>, RowSet)| {
                let is_earlier = columns.has_ingest_time() && *time != Some(row.ingest_time);
                is_earlier || !rows.contains(row.source_row.unsigned_abs())
            };
            if row.ingest_date == batch_day && present.get(&*row.source_object).is_some_and(is_gone) {
                gone.add(number);
            }
        })?;
    }
    Ok(withdrawn)
}

/// Calls `visit` with the number and provenance of every row of a file.
fn each_row(
    file: &RemoteFile,
    columns: &ProvenanceColumns,
    mut visit: impl FnMut(u64, &Provenance),
) -> Result<(), ReconcilerError> {
    let mut cursor = ProvenanceCursor::open(file, columns, BUFFER_BYTES)?;
    let rows = file.parquet().file_metadata().num_rows().unsigned_abs();
    let mut first = 0;
    while first < rows {
        let end = rows.min(first + READ_BATCH_ROWS as u64);
        let numbers: Vec<u64> = (first..end).collect();
        for (number, provenance) in numbers.iter().zip(cursor.take(&numbers)?) {
            visit(*number, &provenance);
        }
        first = end;
    }
    Ok(())
}
