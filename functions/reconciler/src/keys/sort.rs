//! Files of other writers, such as those that an OPTIMIZE leaves: their keys are sorted on reading, in runs that spill to
//! temporary files.

use super::{KeyBlock, KeyColumns, KeyReader};
use crate::error::ReconcilerError;
use crate::merge::Member;
use crate::remote::RemoteFile;
use crate::spool::{RunCursor, RunWriter};
use cardlake_lake::parquet::CREATED_BY;
use parquet::file::metadata::RowGroupMetaData;

/// Rows that are sorted in memory at a time.
const RUN_ROWS: usize = 1 << 18;

/// Whether this project wrote the file, sorted by the key: then an order that is broken is damage.
pub(crate) fn is_sorted(file: &RemoteFile, columns: &KeyColumns) -> bool {
    let metadata = file.parquet();
    let schema = metadata.file_metadata().schema_descr();
    let by_key = |group: &RowGroupMetaData| {
        let sorting = group.sorting_columns().map_or(&[][..], Vec::as_slice);
        sorting.len() == columns.names.len()
            && sorting.iter().zip(&columns.names).all(|(sorted, key)| {
                let index = usize::try_from(sorted.column_idx).ok();
                let name = index
                    .and_then(|index| schema.columns().get(index))
                    .map(|column| column.name());
                !sorted.descending && name == Some(key)
            })
    };
    metadata.file_metadata().created_by() == Some(CREATED_BY) && metadata.row_groups().iter().all(by_key)
}

/// A key among those that are sorted; the bytes behind its prefix are in a buffer.
struct Entry {
    prefix: u128,
    start: usize,
    end: usize,
    row: u64,
}

/// The keys of a file with the number `number`, in sorted runs. Blocks; to be called in a tokio runtime.
///
/// # Errors
/// The file cannot be read, its keys are not what the contract says, or a temporary file cannot be written.
pub(crate) fn sorted_runs(
    file: &RemoteFile,
    number: u32,
    columns: &KeyColumns,
    buffer_bytes: u64,
) -> Result<Vec<RunCursor>, ReconcilerError> {
    let mut reader = KeyReader::open(file, columns, buffer_bytes, false)?;
    let (mut runs, mut entries, mut suffixes) = (Vec::new(), Vec::new(), Vec::new());
    let mut block = KeyBlock::empty();
    loop {
        block = reader.read(block)?;
        for (index, (prefix, row)) in block.prefixes.iter().zip(block.first_row..).enumerate() {
            let start = suffixes.len();
            suffixes.extend_from_slice(block.suffix_at(index));
            entries.push(Entry {
                prefix: *prefix,
                start,
                end: suffixes.len(),
                row,
            });
        }
        let is_end = block.prefixes.is_empty();
        if entries.len() >= RUN_ROWS || (is_end && !entries.is_empty()) {
            runs.push(run(&mut entries, &suffixes, number)?);
            entries.clear();
            suffixes.clear();
        }
        if is_end {
            return Ok(runs);
        }
    }
}

fn run(entries: &mut [Entry], suffixes: &[u8], file: u32) -> std::io::Result<RunCursor> {
    entries.sort_unstable_by(|a, b| {
        (a.prefix, &suffixes[a.start..a.end], a.row).cmp(&(b.prefix, &suffixes[b.start..b.end], b.row))
    });
    let mut run = RunWriter::new();
    for entry in entries {
        let member = Member { file, row: entry.row };
        run.add(entry.prefix, &suffixes[entry.start..entry.end], member)?;
    }
    run.into_cursor()
}
