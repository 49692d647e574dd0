//! The sorted keys of a data file, as a cursor for the merge, read ahead on other threads.
//!
//! No allocation for a row: keys become 16-byte prefixes a batch at a time, and only keys that a prefix may not tell apart
//! keep their bytes. A UUID fits its prefix. Files of other writers that are not sorted by key are sorted on reading ([`sort`]).

mod hash;
mod sort;

pub(crate) use hash::{HASH_BITS, hashes};
pub(crate) use sort::{is_sorted, sorted_runs};

use crate::error::ReconcilerError;
use crate::merge::{Cursor, Member};
use crate::remote::{Failures, READ_BATCH_ROWS, RemoteFile};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::row::{RowConverter, Rows, SortField};
use cardlake_core::contract::{ColumnType, Contract, TextFormat};
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Scope;

/// The columns of the key and how their values are compared.
#[derive(Debug, Clone)]
pub(crate) struct KeyColumns {
    names: Vec<String>,
    encoding: KeyEncoding,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyEncoding {
    /// One column of canonical UUIDs.
    Uuid,
    /// One column of text.
    Text,
    /// Anything else: in Arrow's row format, which compares like the values.
    Rows,
}

impl KeyColumns {
    /// The key of a contract.
    pub(crate) fn of(contract: &Contract) -> Self {
        let encoding = match contract.primary_key.as_slice() {
            [name] => match contract.column(name) {
                Some(column) if column.rules.format == Some(TextFormat::Uuid) => KeyEncoding::Uuid,
                Some(column) if column.column_type == ColumnType::String => KeyEncoding::Text,
                _ => KeyEncoding::Rows,
            },
            _ => KeyEncoding::Rows,
        };
        Self {
            names: contract.primary_key.clone(),
            encoding,
        }
    }

    /// Their names, in the order of comparison.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.names.iter().map(String::as_str).collect()
    }
}

/// The keys of a block beyond their prefixes.
enum Suffixes {
    Nothing,
    Texts(StringArray),
    Rows(Rows),
}

/// Some consecutive keys of a file.
struct KeyBlock {
    prefixes: Vec<u128>,
    suffixes: Suffixes,
    /// Number of the first row.
    first_row: u64,
}

impl KeyBlock {
    const fn empty() -> Self {
        Self {
            prefixes: Vec::new(),
            suffixes: Suffixes::Nothing,
            first_row: 0,
        }
    }

    fn suffix_at(&self, index: usize) -> &[u8] {
        match &self.suffixes {
            Suffixes::Nothing => &[],
            Suffixes::Texts(texts) => texts.value(index).as_bytes(),
            Suffixes::Rows(rows) => rows.row(index).data(),
        }
    }
}

/// Reads the keys of a file, batch by batch.
struct KeyReader {
    file: RemoteFile,
    columns: KeyColumns,
    reader: ParquetRecordBatchReader,
    failures: Failures,
    converter: Option<RowConverter>,
    next_row: u64,
    /// Whether the keys have to ascend.
    sorted: bool,
    /// The last key of the batch before, to check the order.
    last: Option<(u128, Vec<u8>)>,
}

impl KeyReader {
    /// The first bytes are under way when this returns.
    fn open(file: &RemoteFile, columns: &KeyColumns, buffer_bytes: u64, sorted: bool) -> Result<Self, ReconcilerError> {
        let (reader, failures) = file.reader(&columns.names(), buffer_bytes, READ_BATCH_ROWS)?;
        Ok(Self {
            file: file.clone(),
            columns: columns.clone(),
            reader,
            failures,
            converter: None,
            next_row: 0,
            sorted,
            last: None,
        })
    }

    /// The next keys, in the memory of a batch that is done with; none at the end of the file.
    fn read(&mut self, mut batch: KeyBlock) -> Result<KeyBlock, ReconcilerError> {
        batch.prefixes.clear();
        batch.suffixes = Suffixes::Nothing;
        batch.first_row = self.next_row;
        let Some(arrays) = self.next_arrays()? else {
            return Ok(batch);
        };
        match self.columns.encoding {
            KeyEncoding::Uuid => self.take_uuids(&arrays[0], &mut batch)?,
            KeyEncoding::Text => self.take_texts(&arrays[0], &mut batch)?,
            KeyEncoding::Rows => self.take_rows(&arrays, &mut batch)?,
        }
        self.next_row += batch.prefixes.len() as u64;
        if !self.sorted {
            return Ok(batch);
        }
        self.check_order(&batch)?;
        if let Some((last, prefix)) = (0..).zip(&batch.prefixes).last() {
            self.last = Some((*prefix, batch.suffix_at(last).to_vec()));
        }
        Ok(batch)
    }

    /// The key columns of the next rows; `None` at the end of the file.
    fn next_arrays(&mut self) -> Result<Option<Vec<ArrayRef>>, ReconcilerError> {
        let Some(read) = self.reader.next() else {
            return Ok(None);
        };
        let read = read.map_err(|error| self.failures.explain(&error))?;
        self.key_arrays(&read).map(Some)
    }

    fn key_arrays(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>, ReconcilerError> {
        let arrays = self.columns.names.iter().map(|name| {
            let array = batch
                .column_by_name(name)
                .ok_or_else(|| self.file.corrupt(format!("key column {name} is missing")))?;
            if array.null_count() > 0 {
                return Err(self.file.corrupt(format!("key column {name} has nulls")));
            }
            Ok(ArrayRef::clone(array))
        });
        arrays.collect()
    }

    fn texts<'a>(&self, array: &'a ArrayRef) -> Result<&'a StringArray, ReconcilerError> {
        array
            .as_string_opt()
            .ok_or_else(|| self.file.corrupt("the key column is not text".to_owned()))
    }

    fn take_uuids(&self, array: &ArrayRef, batch: &mut KeyBlock) -> Result<(), ReconcilerError> {
        let texts = self.texts(array)?;
        batch.prefixes.reserve(texts.len());
        for (row, text) in (self.next_row..).zip(texts) {
            let prefix = text.and_then(|text| parse_uuid(text.as_bytes())).ok_or_else(|| {
                self.file
                    .corrupt(format!("the key of row {row} is not a UUID in lower case"))
            })?;
            batch.prefixes.push(prefix);
        }
        Ok(())
    }

    fn take_texts(&self, array: &ArrayRef, batch: &mut KeyBlock) -> Result<(), ReconcilerError> {
        let texts = self.texts(array)?.clone();
        // Keys have no nulls: `key_arrays` refuses them.
        let keys = (0..texts.len()).map(|row| texts.value(row).as_bytes());
        batch.prefixes.extend(keys.map(prefix_of));
        batch.suffixes = Suffixes::Texts(texts);
        Ok(())
    }

    fn take_rows(&mut self, arrays: &[ArrayRef], batch: &mut KeyBlock) -> Result<(), ReconcilerError> {
        let failed =
            |error: arrow::error::ArrowError| self.file.corrupt(format!("the key cannot be compared: {error}"));
        let converter = match &mut self.converter {
            Some(converter) => converter,
            none => {
                let fields = arrays.iter().map(|array| SortField::new(array.data_type().clone()));
                none.insert(RowConverter::new(fields.collect()).map_err(failed)?)
            }
        };
        let rows = converter.convert_columns(arrays).map_err(failed)?;
        batch.prefixes.extend(rows.iter().map(|row| prefix_of(row.data())));
        batch.suffixes = Suffixes::Rows(rows);
        Ok(())
    }

    /// The merge relies on the order, and a key that comes twice would be a row too many.
    fn check_order(&self, batch: &KeyBlock) -> Result<(), ReconcilerError> {
        let unsorted = |row: u64| {
            self.file
                .corrupt(format!("row {row} does not have a greater key than the row before it"))
        };
        if let (Some((prefix, suffix)), Some(&first)) = (&self.last, batch.prefixes.first())
            && (*prefix, suffix.as_slice()) >= (first, batch.suffix_at(0))
        {
            return Err(unsorted(batch.first_row));
        }
        for (index, pair) in batch.prefixes.windows(2).enumerate() {
            if pair[0] > pair[1] || (pair[0] == pair[1] && batch.suffix_at(index) >= batch.suffix_at(index + 1)) {
                return Err(unsorted(batch.first_row + index as u64 + 1));
            }
        }
        Ok(())
    }
}

/// A block to read, with the channel for the result. Its owner is the only sender, so that nothing waits for a lost job.
struct Job {
    reader: KeyReader,
    batch: KeyBlock,
    reply: Sender<Result<Job, ReconcilerError>>,
}

/// Threads that read keys ahead of the merge.
pub(crate) struct Readers {
    jobs: Sender<Job>,
}

impl Readers {
    /// Starts so many threads; they end with this value and its cursors.
    pub(crate) fn start<'scope>(scope: &'scope Scope<'scope, '_>, threads: usize) -> Self {
        let (jobs, waiting) = channel::<Job>();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..threads {
            let waiting = Arc::clone(&waiting);
            scope.spawn(move || {
                loop {
                    let job = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(mut job) = job else { break };
                    let reply = job.reply.clone();
                    let read = job.reader.read(job.batch);
                    // The receiver is gone if the merge has failed.
                    let _ = reply.send(read.map(|batch| Job { batch, ..job }));
                }
            });
        }
        Self { jobs }
    }

    /// Cursors at the first keys of sorted files, each with its number. Blocks; to be called in a tokio runtime.
    ///
    /// # Errors
    /// A file cannot be read, or its keys are not what the contract says.
    pub(crate) fn cursors(
        &self,
        files: &[(u32, &RemoteFile)],
        columns: &KeyColumns,
        buffer_bytes: u64,
    ) -> Result<Vec<KeyCursor>, ReconcilerError> {
        let cursors = files.iter().map(|&(number, file)| {
            let reader = KeyReader::open(file, columns, buffer_bytes, true)?;
            let batch = KeyBlock::empty();
            let (reply, read) = channel();
            self.jobs.send(Job { reader, batch, reply }).map_err(|_| no_reader())?;
            Ok(KeyCursor {
                number,
                batch: KeyBlock::empty(),
                position: 0,
                jobs: self.jobs.clone(),
                read,
            })
        });
        // All are under way before one is waited for.
        let mut cursors = cursors.collect::<Result<Vec<_>, ReconcilerError>>()?;
        cursors.iter_mut().try_for_each(KeyCursor::next_batch)?;
        Ok(cursors)
    }
}

/// A position in the keys of a file; the batch behind the present one is being read.
pub(crate) struct KeyCursor {
    number: u32,
    batch: KeyBlock,
    position: usize,
    jobs: Sender<Job>,
    read: Receiver<Result<Job, ReconcilerError>>,
}

impl KeyCursor {
    fn next_batch(&mut self) -> Result<(), ReconcilerError> {
        let mut job = self.read.recv().map_err(|_| no_reader())??;
        std::mem::swap(&mut self.batch, &mut job.batch);
        self.position = 0;
        if self.batch.prefixes.is_empty() {
            return Ok(());
        }
        self.jobs.send(job).map_err(|_| no_reader())
    }
}

fn no_reader() -> ReconcilerError {
    ReconcilerError::Interrupted("the threads that read keys have ended".to_owned())
}

impl Cursor for KeyCursor {
    type Error = ReconcilerError;

    fn prefix(&self) -> Option<u128> {
        self.batch.prefixes.get(self.position).copied()
    }

    fn suffix(&self) -> &[u8] {
        if self.position < self.batch.prefixes.len() {
            self.batch.suffix_at(self.position)
        } else {
            &[]
        }
    }

    fn member(&self) -> Member {
        Member {
            file: self.number,
            row: self.batch.first_row + self.position as u64,
        }
    }

    fn advance(&mut self) -> Result<(), ReconcilerError> {
        self.position += 1;
        if self.position == self.batch.prefixes.len() {
            self.next_batch()?;
        }
        Ok(())
    }
}

/// The first sixteen bytes, filled up with zeros.
pub(crate) fn prefix_of(key: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    let length = key.len().min(16);
    bytes[..length].copy_from_slice(&key[..length]);
    u128::from_be_bytes(bytes)
}

const NOT_HEXADECIMAL: u8 = 0xff;

/// Value of each lower-case hexadecimal digit.
const DIGITS: [u8; 256] = {
    let mut digits = [NOT_HEXADECIMAL; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value] as usize] = value as u8;
        value += 1;
    }
    digits
};

/// A UUID in its canonical form: 8-4-4-4-12 lower-case hexadecimal digits. Its number is ordered as its text.
fn parse_uuid(text: &[u8]) -> Option<u128> {
    let text: &[u8; 36] = text.try_into().ok()?;
    if text[8] != b'-' || text[13] != b'-' || text[18] != b'-' || text[23] != b'-' {
        return None;
    }
    let mut seen = 0;
    let mut half = |positions: [usize; 16]| {
        let mut value = 0_u64;
        for position in positions {
            let digit = DIGITS[text[position] as usize];
            seen |= digit;
            value = value << 4 | u64::from(digit & 0x0f);
        }
        value
    };
    let high = half([0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 16, 17]);
    let low = half([19, 20, 21, 22, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35]);
    (seen & 0xf0 == 0).then_some(u128::from(high) << 64 | u128::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_read_as_its_number() {
        assert_eq!(
            parse_uuid(b"2af9b1e0-f999-4c3e-9440-3b73e12502f7"),
            Some(0x2af9_b1e0_f999_4c3e_9440_3b73_e125_02f7)
        );
    }

    #[test]
    fn other_text_is_no_uuid() {
        for text in [
            "",
            "2af9b1e0-f999-4c3e-9440-3b73e12502f",
            "2AF9b1e0-f999-4c3e-9440-3b73e12502f7",
            "2af9b1e0-f999-4c3e-9440-3b73e12502g7",
            "2af9b1e0xf999-4c3e-9440-3b73e12502f7",
            "2af9b1e0f9994c3e94403b73e12502f7----",
        ] {
            assert_eq!(parse_uuid(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn prefixes_are_ordered_as_their_text() {
        let mut texts = [
            "CUS1000",
            "CUS10",
            "CUS2",
            "",
            "D",
            "CUS1000000000000000",
            "CUS10000000000000001",
        ];
        texts.sort_unstable();
        assert!(
            texts
                .windows(2)
                .all(|pair| prefix_of(pair[0].as_bytes()) <= prefix_of(pair[1].as_bytes()))
        );
    }
}
