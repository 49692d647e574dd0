//! Merges data files of a partition into one, sorted by key.
//!
//! The rows of sorted files are merged as streams: a batch of each file is in memory, and at most [`FAN_IN`] files are open. Of
//! more files, or of files whose buffers would take more than [`HELD_BYTES`], some are merged to temporary files first. A file of
//! another writer is sorted in runs. Name and bytes follow from the files and their dropped rows, so that a repetition writes
//! the same object again.

use crate::content::Content;
use crate::error::ReconcilerError;
use crate::keys::{KeyColumns, is_sorted, prefix_of};
use crate::merge::{Cursor, Member, merge};
use crate::remote::RemoteFile;
use crate::rewrite::{Rewritten, conform, further_columns};
use crate::rows::RowSet;
use arrow::array::{ArrayRef, BooleanArray, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, filter_record_batch, interleave_record_batch, take_record_batch};
use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use arrow::row::{RowConverter, Rows, SortField};
use cardlake_core::contract::Contract;
use cardlake_core::records::DataFile;
use cardlake_lake::parquet::{column_statistics, writer_properties};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::{ArrowWriter, parquet_to_arrow_schema};
use parquet::file::metadata::ParquetMetaData;
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::fmt::Display;
use std::fs::File;
use std::io::{Seek, Write};
use std::rc::Rc;
use std::sync::Arc;

/// Files that are merged at a time.
const FAN_IN: usize = 64;
/// Bytes of the buffers of all files that are merged at a time.
const HELD_BYTES: u64 = 48 * 1024 * 1024;
/// Bytes of a column fetched at a time; two buffers of each are held.
const BUFFER_BYTES: u64 = 64 * 1024;
/// Bytes that a temporary file holds in memory.
const RUN_BYTES: u64 = 1024 * 1024;
/// Rows of a file in memory.
const BATCH_ROWS: usize = 1024;
/// Rows written at a time.
const OUTPUT_ROWS: usize = 8192;
/// Rows of a file of another writer that are sorted at a time.
const RUN_ROWS: usize = 1 << 17;

/// A file to merge.
pub(crate) struct MergeInput {
    pub(crate) file: DataFile,
    pub(crate) remote: RemoteFile,
    /// Rows to leave out.
    pub(crate) dropped: RowSet,
}

/// Creates the file that replaces `inputs`, which are files of one partition without a common key. Blocks; to be called in a
/// tokio runtime.
///
/// # Errors
/// A file cannot be read or does not fit the contract, or a temporary file cannot be written.
pub(crate) fn merge_files(contract: &Contract, inputs: &[MergeInput]) -> Result<Rewritten, ReconcilerError> {
    let Some(first) = inputs.first() else {
        return Err(ReconcilerError::Interrupted("there is no file to merge".to_owned()));
    };
    let merger = Merger {
        contract,
        keys: KeyColumns::of(contract),
        schema: schema_of(contract, inputs)?,
        object: first.remote.key(),
    };
    let bytes = inputs.iter().map(|input| input.file.size).sum();
    let mut content = Content::for_size(bytes)?;
    let sources = inputs.iter().map(Source::File).collect();
    let metadata = merger.merge_to(sources, &mut content)?;
    let rows = inputs.iter().map(|input| input.file.rows - input.dropped.count()).sum();
    let written = metadata.file_metadata().num_rows().unsigned_abs();
    if written != rows {
        return Err(merger.failed(&format!("{rows} rows of {} files became {written}", inputs.len())));
    }
    let columns = column_statistics(contract, &metadata).map_err(|error| merger.failed(&error))?;
    let times = inputs.iter().map(|input| input.file.modification_time);
    Ok(Rewritten {
        file: DataFile {
            path: merged_path(
                contract,
                inputs.iter().map(|input| (input.file.path.as_str(), &input.dropped)),
            ),
            size: content.size()?,
            rows,
            partition_values: first.file.partition_values.clone(),
            modification_time: times.max().unwrap_or(first.file.modification_time),
            columns,
            bundle: None,
        },
        content,
    })
}

/// The columns of the contract, then those that only files have: nothing is dropped.
fn schema_of(contract: &Contract, inputs: &[MergeInput]) -> Result<SchemaRef, ReconcilerError> {
    let mut fields: Vec<FieldRef> = contract.file_schema().fields().iter().map(Arc::clone).collect();
    for input in inputs {
        for field in further_columns(contract, &present(&input.remote)?) {
            if !fields.iter().any(|known| known.name() == field.name()) {
                fields.push(field);
            }
        }
    }
    Ok(Arc::new(Schema::new(fields)))
}

/// The columns of a file.
fn present(file: &RemoteFile) -> Result<Schema, ReconcilerError> {
    let parquet = file.parquet().file_metadata();
    parquet_to_arrow_schema(parquet.schema_descr(), None).map_err(|error| file.corrupt(error.to_string()))
}

/// Path of the merged file: in the folder of the first file, under a name derived from all of them and their dropped rows.
pub(crate) fn merged_path<'f>(contract: &Contract, files: impl IntoIterator<Item = (&'f str, &'f RowSet)>) -> String {
    let mut hash = Sha256::new();
    hash.update(contract.fingerprint.as_bytes());
    let mut folder = None;
    for (path, dropped) in files {
        folder.get_or_insert(path.rsplit_once('/').map_or("", |(folder, _)| folder));
        hash.update([0]);
        hash.update(path.as_bytes());
        hash.update([0]);
        hash.update(dropped.bytes().collect::<Vec<_>>());
    }
    let digest = hex::encode(hash.finalize());
    let folder = folder.unwrap_or_default();
    let separator = if folder.is_empty() { "" } else { "/" };
    format!("{folder}{separator}part-{}.parquet", &digest[..32])
}

type Batches<'s> = Box<dyn Iterator<Item = Result<RecordBatch, ReconcilerError>> + 's>;

/// Rows to merge, sorted by key.
enum Source<'i> {
    File(&'i MergeInput),
    /// A temporary file.
    Run(File),
}

impl Source<'_> {
    /// Bytes of its buffers.
    fn weight(&self) -> u64 {
        match self {
            Self::File(input) => {
                let columns = input.remote.parquet().file_metadata().schema_descr().num_columns() as u64;
                input.file.size.min(2 * columns * BUFFER_BYTES)
            }
            Self::Run(_) => RUN_BYTES,
        }
    }
}

struct Merger<'c> {
    contract: &'c Contract,
    keys: KeyColumns,
    schema: SchemaRef,
    /// Names the merge in errors.
    object: &'c str,
}

impl Merger<'_> {
    fn failed(&self, error: &dyn Display) -> ReconcilerError {
        ReconcilerError::Corrupt {
            object: self.object.to_owned(),
            problem: format!("cannot be merged with its neighbours: {error}"),
        }
    }

    /// Writes the rows of all sources as one file.
    fn merge_to<W: Write + Send>(&self, sources: Vec<Source<'_>>, to: W) -> Result<ParquetMetaData, ReconcilerError> {
        let sources = self.condense(self.sort(sources)?)?;
        let pool = Rc::new(RefCell::new(Pool::default()));
        let cursors = sources.into_iter().map(|source| {
            let batches = self.read(source)?;
            RowCursor::open(batches, &self.keys, &pool)
        });
        let cursors = cursors.collect::<Result<Vec<_>, _>>()?;
        let properties = writer_properties(self.contract);
        let writer = ArrowWriter::try_new(to, Arc::clone(&self.schema), Some(properties));
        let mut writer = writer.map_err(|error| self.failed(&error))?;
        let mut rows: Vec<Member> = Vec::with_capacity(OUTPUT_ROWS);
        let mut last: Vec<u8> = Vec::new();
        let mut flush = |rows: &mut Vec<Member>| {
            let batch = pool
                .borrow_mut()
                .interleave(rows)
                .map_err(|error| self.failed(&error))?;
            rows.clear();
            writer.write(&batch).map_err(|error| self.failed(&error))
        };
        merge(cursors, |_, key, member| {
            if key < last.as_slice() {
                return Err(self.failed(&"a file is not sorted by its key"));
            }
            last.clear();
            last.extend_from_slice(key);
            rows.push(member);
            if rows.len() == OUTPUT_ROWS {
                flush(&mut rows)?;
            }
            Ok::<_, ReconcilerError>(())
        })?;
        if !rows.is_empty() {
            flush(&mut rows)?;
        }
        writer.close().map_err(|error| self.failed(&error))
    }

    /// Merges some of the sources to temporary files, one after the other, until the rest can be merged at once.
    fn condense<'i>(&self, sources: Vec<Source<'i>>) -> Result<Vec<Source<'i>>, ReconcilerError> {
        let weight: u64 = sources.iter().map(Source::weight).sum();
        if sources.len() <= 2 || (sources.len() <= FAN_IN && weight <= HELD_BYTES) {
            return Ok(sources);
        }
        let together = sources.len().div_ceil(FAN_IN).max(2);
        let mut condensed = Vec::new();
        let mut sources = sources.into_iter().peekable();
        while sources.peek().is_some() {
            let some: Vec<Source<'_>> = sources.by_ref().take(together).collect();
            let mut run = tempfile::tempfile()?;
            self.merge_to(some, &mut run)?;
            run.rewind()?;
            condensed.push(Source::Run(run));
        }
        self.condense(condensed)
    }

    /// Replaces files of other writers by sorted runs of theirs.
    fn sort<'i>(&self, sources: Vec<Source<'i>>) -> Result<Vec<Source<'i>>, ReconcilerError> {
        let mut sorted = Vec::with_capacity(sources.len());
        for source in sources {
            match source {
                Source::File(input) if !is_sorted(&input.remote, &self.keys) => {
                    let mut waiting = Vec::new();
                    let mut rows = 0;
                    for batch in self.read(Source::File(input))? {
                        let batch = batch?;
                        rows += batch.num_rows();
                        waiting.push(batch);
                        if rows >= RUN_ROWS {
                            sorted.push(self.run(&std::mem::take(&mut waiting))?);
                            rows = 0;
                        }
                    }
                    if !waiting.is_empty() {
                        sorted.push(self.run(&waiting)?);
                    }
                }
                source => sorted.push(source),
            }
        }
        Ok(sorted)
    }

    fn run<'i>(&self, batches: &[RecordBatch]) -> Result<Source<'i>, ReconcilerError> {
        let batch = concat_batches(&self.schema, batches).map_err(|error| self.failed(&error))?;
        let (_, rows) = keys_of(&batch, &self.keys, None)?;
        let mut order: Vec<u32> = (0..batch.num_rows() as u32).collect();
        order.sort_by(|a, b| rows.row(*a as usize).cmp(&rows.row(*b as usize)));
        let batch = take_record_batch(&batch, &UInt32Array::from(order)).map_err(|error| self.failed(&error))?;
        let mut file = tempfile::tempfile()?;
        let properties = writer_properties(self.contract);
        let writer = ArrowWriter::try_new(&mut file, Arc::clone(&self.schema), Some(properties));
        let mut writer = writer.map_err(|error| self.failed(&error))?;
        writer.write(&batch).map_err(|error| self.failed(&error))?;
        writer.close().map_err(|error| self.failed(&error))?;
        file.rewind()?;
        Ok(Source::Run(file))
    }

    /// The rows of a source that stay, with the columns of the new file.
    fn read<'i>(&'i self, source: Source<'i>) -> Result<Batches<'i>, ReconcilerError> {
        let input = match source {
            Source::File(input) => input,
            Source::Run(file) => {
                let reader = ParquetRecordBatchReaderBuilder::try_new(file)
                    .and_then(|builder| builder.with_batch_size(BATCH_ROWS).build())
                    .map_err(|error| self.failed(&error))?;
                return Ok(Box::new(reader.map(|batch| batch.map_err(|error| self.failed(&error)))));
            }
        };
        let present = present(&input.remote)?;
        let names: Vec<&str> = present.fields().iter().map(|field| field.name().as_str()).collect();
        let (reader, failures) = input.remote.reader(&names, BUFFER_BYTES, BATCH_ROWS)?;
        let mut first_row = 0;
        Ok(Box::new(reader.map(move |batch| {
            let batch = batch.map_err(|error| failures.explain(&error))?;
            let failed = |error| input.remote.corrupt(format!("cannot be merged: {error}"));
            let rows = first_row..first_row + batch.num_rows() as u64;
            first_row = rows.end;
            let batch = if input.dropped.count() == 0 {
                batch
            } else {
                let stays: BooleanArray = rows.map(|row| Some(!input.dropped.contains(row))).collect();
                filter_record_batch(&batch, &stays).map_err(failed)?
            };
            conform(&batch, &self.schema).map_err(failed)
        })))
    }
}

/// The keys of rows in a format that compares like the values.
fn keys_of(
    batch: &RecordBatch,
    keys: &KeyColumns,
    converter: Option<RowConverter>,
) -> Result<(RowConverter, Rows), ReconcilerError> {
    let damaged = |problem: String| ReconcilerError::Corrupt {
        object: "a file to merge".to_owned(),
        problem,
    };
    let arrays = keys.names().into_iter().map(|name| {
        let array = batch.column_by_name(name).map(ArrayRef::clone);
        array.ok_or_else(|| damaged(format!("key column {name} is missing")))
    });
    let arrays = arrays.collect::<Result<Vec<_>, _>>()?;
    let converter = match converter {
        Some(converter) => converter,
        None => {
            let fields = arrays.iter().map(|array| SortField::new(array.data_type().clone()));
            RowConverter::new(fields.collect()).map_err(|error| damaged(error.to_string()))?
        }
    };
    let rows = converter.convert_columns(&arrays);
    let rows = rows.map_err(|error| damaged(format!("the key cannot be compared: {error}")))?;
    Ok((converter, rows))
}

/// The batches that rows to write are in.
#[derive(Default)]
struct Pool {
    batches: Vec<Option<RecordBatch>>,
    free: Vec<u32>,
    /// Batches that no cursor is in any more.
    passed: Vec<u32>,
}

impl Pool {
    fn add(&mut self, batch: RecordBatch) -> u32 {
        match self.free.pop() {
            Some(slot) => {
                self.batches[slot as usize] = Some(batch);
                slot
            }
            None => {
                self.batches.push(Some(batch));
                (self.batches.len() - 1) as u32
            }
        }
    }

    /// The given rows in their order; batches that were passed are released.
    fn interleave(&mut self, rows: &[Member]) -> Result<RecordBatch, arrow::error::ArrowError> {
        let mut indices = vec![0; self.batches.len()];
        let mut batches = Vec::new();
        for (index, batch) in indices.iter_mut().zip(&self.batches) {
            if let Some(batch) = batch {
                *index = batches.len();
                batches.push(batch);
            }
        }
        let rows: Vec<(usize, usize)> = rows
            .iter()
            .map(|row| (indices[row.file as usize], row.row as usize))
            .collect();
        let batch = interleave_record_batch(&batches, &rows)?;
        for slot in self.passed.drain(..) {
            self.batches[slot as usize] = None;
            self.free.push(slot);
        }
        Ok(batch)
    }
}

/// A position in the rows of a source; its batch is in the pool.
struct RowCursor<'s> {
    batches: Batches<'s>,
    keys: &'s KeyColumns,
    pool: Rc<RefCell<Pool>>,
    converter: Option<RowConverter>,
    rows: Option<Rows>,
    slot: u32,
    position: usize,
}

impl<'s> RowCursor<'s> {
    fn open(batches: Batches<'s>, keys: &'s KeyColumns, pool: &Rc<RefCell<Pool>>) -> Result<Self, ReconcilerError> {
        let mut cursor = Self {
            batches,
            keys,
            pool: Rc::clone(pool),
            converter: None,
            rows: None,
            slot: 0,
            position: 0,
        };
        cursor.next_batch()?;
        Ok(cursor)
    }

    fn next_batch(&mut self) -> Result<(), ReconcilerError> {
        if self.rows.take().is_some() {
            self.pool.borrow_mut().passed.push(self.slot);
        }
        self.position = 0;
        for batch in self.batches.by_ref() {
            let batch = batch?;
            if batch.num_rows() > 0 {
                let (converter, rows) = keys_of(&batch, self.keys, self.converter.take())?;
                self.converter = Some(converter);
                self.rows = Some(rows);
                self.slot = self.pool.borrow_mut().add(batch);
                return Ok(());
            }
        }
        Ok(())
    }
}

impl Cursor for RowCursor<'_> {
    type Error = ReconcilerError;

    fn prefix(&self) -> Option<u128> {
        self.rows.as_ref().map(|rows| prefix_of(rows.row(self.position).data()))
    }

    fn suffix(&self) -> &[u8] {
        self.rows.as_ref().map_or(&[], |rows| rows.row(self.position).data())
    }

    fn member(&self) -> Member {
        Member {
            file: self.slot,
            row: self.position as u64,
        }
    }

    fn advance(&mut self) -> Result<(), ReconcilerError> {
        self.position += 1;
        if self.rows.as_ref().is_some_and(|rows| self.position == rows.num_rows()) {
            self.next_batch()?;
        }
        Ok(())
    }
}
