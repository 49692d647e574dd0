//! Transforms one file into encoded data files, on a few threads and in bounded memory. Performs no I/O except through the given
//! reader.
//!
//! ```text
//! reader -> blocks of complete records -> workers: split, parse, validate -> columnar rows
//!        -> sort by key, remove duplicates -> partitions -> workers: encode -> files
//! ```
//!
//! A file of at most one run ([`PipelineLimits::run_rows`] rows, [`PipelineLimits::run_bytes`] bytes of text) is held in memory,
//! at about 100 bytes per row. A larger one is spilled run by run into buckets by key ([`crate::spill`]) and then written bucket
//! by bucket: memory is bounded by one run, and no two files of an object share a key.

use crate::batch::{FieldBatch, FieldKind};
use crate::blocks::{BLOCK_BYTES, Block, Blocks, KEPT_BYTES};
use crate::column_sum::ColumnSum;
use crate::columns::{ColumnValues, ColumnarRows, row_number};
use crate::csv::BlockTraits;
use crate::encode::FileEncoder;
use crate::invariant::BrokenInvariant;
use crate::partition::{FileNames, Partition, partitions};
use crate::pipeline_error::PipelineError;
use crate::plan::{Fill, TransformPlan};
use crate::quarantine::{QuarantineSummary, QuarantinedRows, raw_text};
use crate::rule::{Rule, Subject};
use crate::sort::{Sorted, sort};
use crate::spill::{Spill, buckets};
use crate::splitter::RecordSplitter;
use crate::validate::read_batch;
use crate::values::MICROS_PER_DAY;
use bytes::Bytes;
use cardlake_core::events::FileFormat;
use cardlake_core::records::{DataFile, RowCounts};
use cardlake_lake::parquet::column_statistics;
use cardlake_lake::parquet::pages::ChunkEncoder;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::ScopedJoinHandle;

/// Limits on memory and threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PipelineLimits {
    /// Bytes per block.
    pub block_bytes: usize,
    /// Rows after which a run ends, at the end of a block.
    pub run_rows: u64,
    /// Bytes of text after which a run ends, at the end of a block.
    pub run_bytes: u64,
    /// Worker threads.
    pub workers: usize,
    /// Estimated bytes of text of the file, from which the number of buckets is derived.
    pub expected_bytes: u64,
}

impl Default for PipelineLimits {
    fn default() -> Self {
        Self {
            block_bytes: BLOCK_BYTES,
            run_rows: 3 << 19,
            run_bytes: 384 << 20,
            // Unknown parallelism: two threads, as the function has.
            workers: std::thread::available_parallelism()
                .map_or(2, std::num::NonZero::get)
                .min(8),
            expected_bytes: 0,
        }
    }
}

/// An encoded data file.
#[derive(Debug, Clone)]
pub struct EncodedFile {
    /// Entry of the object record.
    pub file: DataFile,
    /// Contents.
    pub bytes: Bytes,
}

/// Result of a file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    /// Row counts.
    pub counts: RowCounts,
    /// Emitted data files, by path.
    pub files: Vec<DataFile>,
    /// Number of rows with an unknown field, by field.
    pub drift: BTreeMap<String, u64>,
    /// Contents of the quarantine file.
    pub quarantine: QuarantineSummary,
    /// Number of repeated fields in JSON rows.
    pub repeated_fields: u64,
    /// Sum of the column that the plan adds up.
    pub sum: ColumnSum,
}

/// Consumer of encoded files; returns `false` to stop.
pub type Emit<'e> = dyn Fn(EncodedFile) -> bool + Sync + 'e;

/// Transforms a file; the lines of the quarantine file are written to `quarantine`.
///
/// # Errors
/// See [`PipelineError`].
pub fn run_pipeline(
    reader: impl Read,
    format: FileFormat,
    plan: &TransformPlan,
    names: &FileNames,
    limits: &PipelineLimits,
    emit: &Emit<'_>,
    quarantine: &mut dyn Write,
) -> Result<Summary, PipelineError> {
    let mut blocks = Blocks::new(reader, format == FileFormat::Csv, limits.block_bytes);
    let mut summary = Summary::default();
    let Some(mut first) = blocks.next_block().map_err(PipelineError::Read)? else {
        return Ok(summary);
    };
    let splitter = RecordSplitter::open(format, plan, &mut first)?;
    let parquet = FileEncoder::new(plan).map_err(PipelineError::Encode)?;
    let mut workers: Vec<Worker<'_>> = (0..limits.workers.max(1))
        .map(|_| Worker::new(plan, splitter.clone()))
        .collect();
    let mut next = Some(first);
    let mut spill: Option<Spill> = None;
    while let Some(block) = next.take() {
        next = read_run(&mut blocks, block, &mut workers, limits)?;
        let rows = merge_run(plan, &mut workers, &mut summary, quarantine)?;
        if next.is_none() && spill.is_none() {
            write_rows(plan, &parquet, names, limits, &rows, 0, &mut summary, emit)?;
            break;
        }
        let spill = match &mut spill {
            Some(spill) => spill,
            None => {
                spill.insert(Spill::new(buckets(limits.expected_bytes, limits.run_bytes)).map_err(PipelineError::Disk)?)
            }
        };
        spill.add(plan, &rows).map_err(PipelineError::Disk)?;
    }
    if let Some(mut spill) = spill {
        for bucket in 0..spill.len() {
            let rows = spill.load(plan, bucket).map_err(PipelineError::Disk)?;
            write_rows(plan, &parquet, names, limits, &rows, bucket as u32, &mut summary, emit)?;
        }
    }
    for worker in workers {
        summary.repeated_fields += worker.splitter.count_drift(&mut summary.drift);
        summary.sum = summary.sum.plus(worker.sum);
    }
    summary.files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(summary)
}

/// Distributes the blocks of a run, from `block` on, to the workers; returns the first block of the next run.
fn read_run<R: Read>(
    blocks: &mut Blocks<R>,
    block: Block,
    workers: &mut [Worker<'_>],
    limits: &PipelineLimits,
) -> Result<Option<Block>, PipelineError> {
    let expected = expected_rows(&block, limits);
    let share = expected / workers.len().max(1);
    for (index, worker) in workers.iter_mut().enumerate() {
        // The first one absorbs the rows of the others.
        worker
            .rows
            .reserve(if index == 0 { expected } else { share + share / 8 });
    }
    let (sender, receiver) = mpsc::sync_channel::<Block>(workers.len());
    // Owned by the workers, so that sending fails once all of them have failed.
    let receiver = Arc::new(Mutex::new(receiver));
    std::thread::scope(|scope| {
        let mut readers: Vec<ScopedJoinHandle<'_, Result<(), BrokenInvariant>>> = Vec::new();
        for worker in workers {
            let receiver = Arc::clone(&receiver);
            readers.push(scope.spawn(move || {
                loop {
                    let received = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(block) = received else { return Ok(()) };
                    worker.read(&block)?;
                }
            }));
        }
        drop(receiver);
        let (mut rows, mut bytes) = (0, 0);
        let mut next = Some(block);
        while let Some(block) = next.take() {
            rows += memchr::memchr_iter(b'\n', &block.text).count() as u64;
            bytes += block.text.len() as u64;
            if sender.send(block).is_err() {
                break;
            }
            next = blocks.next_block().map_err(PipelineError::Read)?;
            if rows >= limits.run_rows || bytes >= limits.run_bytes {
                break;
            }
        }
        drop(sender);
        for reader in readers {
            reader.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        }
        Ok(next)
    })
}

/// Estimated rows of a run that starts with the block. Overestimates are harmless: untouched memory is not committed.
fn expected_rows(block: &Block, limits: &PipelineLimits) -> usize {
    let lines = memchr::memchr_iter(b'\n', &block.text).count() as u64;
    let blocks = limits.expected_bytes.min(limits.run_bytes) / (block.text.len() as u64).max(1) + 1;
    (lines * blocks).min(limits.run_rows + lines) as usize
}

/// Merges the workers' output: numbers the rows, writes the quarantined ones and returns the valid ones.
fn merge_run(
    plan: &TransformPlan,
    workers: &mut [Worker<'_>],
    summary: &mut Summary,
    quarantine: &mut dyn Write,
) -> Result<ColumnarRows, PipelineError> {
    let mut counts: Vec<(u32, u32)> = workers
        .iter_mut()
        .flat_map(|worker| std::mem::take(&mut worker.block_rows))
        .collect();
    counts.sort_unstable();
    // Without a block there is no row to number.
    let first_block = counts.first().map_or(0, |(block, _)| *block);
    let mut before = summary.counts.bronze_rows;
    let mut first_rows = Vec::with_capacity(counts.len());
    for (_, rows) in counts {
        first_rows.push(before);
        before += u64::from(rows);
    }
    summary.counts.bronze_rows = before;
    let mut rows = ColumnarRows::new(plan);
    let mut quarantined: Vec<QuarantinedRows> = Vec::new();
    for worker in workers {
        rows.absorb(std::mem::replace(&mut worker.rows, ColumnarRows::new(plan)))?;
        quarantined.push(std::mem::take(&mut worker.quarantined));
    }
    rows.number_rows(first_block, &first_rows);
    summary.counts.quarantined += quarantined.iter().map(|rows| rows.len() as u64).sum::<u64>();
    let number = |position| row_number(position, first_block, &first_rows);
    let written = summary.quarantine.write(plan, quarantined, number, quarantine);
    written.map_err(PipelineError::Disk)?;
    Ok(rows)
}

/// Sorts and encodes rows; `part` is the bucket of a spilled object.
#[expect(clippy::too_many_arguments, reason = "a step of run_pipeline")]
fn write_rows(
    plan: &TransformPlan,
    parquet: &FileEncoder,
    names: &FileNames,
    limits: &PipelineLimits,
    rows: &ColumnarRows,
    part: u32,
    summary: &mut Summary,
    emit: &Emit<'_>,
) -> Result<(), PipelineError> {
    let Sorted { order, duplicates } = sort(plan, rows, limits.workers)?;
    summary.counts.duplicates += duplicates;
    summary.counts.silver_rows += order.len() as u64;
    summary.counts.late_rows += late_rows(plan, rows, &order)?;
    let mut parts = partitions(plan, rows, order)?;
    // Largest first, so that the threads finish together.
    parts.sort_by_key(|part| std::cmp::Reverse(part.order.len()));
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Ok(Vec::new()));
    let work = || -> Result<Vec<DataFile>, PipelineError> {
        let mut encoder = ChunkEncoder::new().map_err(PipelineError::Encode)?;
        let mut files = Vec::new();
        while let Some(partition) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
            let encoded = encode_part(plan, parquet, names, rows, partition, part, &mut encoder)?;
            files.push(encoded.file.clone());
            if !emit(encoded) {
                return Err(PipelineError::Stopped);
            }
        }
        Ok(files)
    };
    std::thread::scope(|scope| {
        for _ in 0..limits.workers.max(1).min(parts.len()) {
            scope.spawn(|| {
                let result = work();
                let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                match (&mut *done, result) {
                    (Ok(all), Ok(files)) => all.extend(files),
                    (Ok(_), Err(failure)) => *done = Err(failure),
                    (Err(_), _) => {}
                }
            });
        }
    });
    summary
        .files
        .extend(done.into_inner().unwrap_or_else(PoisonError::into_inner)?);
    Ok(())
}

fn encode_part(
    plan: &TransformPlan,
    parquet: &FileEncoder,
    names: &FileNames,
    rows: &ColumnarRows,
    partition: &Partition,
    part: u32,
    encoder: &mut ChunkEncoder,
) -> Result<EncodedFile, PipelineError> {
    let encoded = parquet.encode(plan, rows, &partition.order, encoder);
    let described = encoded.and_then(|(bytes, metadata)| Ok((bytes, column_statistics(&plan.contract, &metadata)?)));
    let (bytes, columns) = described.map_err(PipelineError::Encode)?;
    let partition_names = plan.partitions.iter().map(|(name, _)| name.clone());
    Ok(EncodedFile {
        file: DataFile {
            path: names.path(plan, partition, part),
            size: bytes.len() as u64,
            rows: partition.order.len() as u64,
            partition_values: partition_names.zip(partition.values.iter().cloned()).collect(),
            modification_time: plan.object.ingest_micros.div_euclid(1000),
            columns,
        },
        bytes: bytes.into(),
    })
}

/// Number of rows with an event day before the ingest date; 0 if the dataset has no such column.
fn late_rows(plan: &TransformPlan, rows: &ColumnarRows, order: &[u32]) -> Result<u64, BrokenInvariant> {
    let days_late = plan.files.iter().find_map(|(_, fill)| match fill {
        Fill::DaysLate(index) => Some(&rows.columns[*index]),
        _ => None,
    });
    let Some(column) = days_late else { return Ok(0) };
    let ColumnValues::Long(values) = &column.values else {
        return Err(BrokenInvariant("days late follow from a timestamp"));
    };
    let start = i64::from(plan.object.ingest_date.to_epoch_days()) * MICROS_PER_DAY;
    let is_late = |row: usize| values[row] < start && !column.is_null(row);
    Ok(order.iter().filter(|row| is_late(**row as usize)).count() as u64)
}

/// Splits, parses and validates blocks.
struct Worker<'p> {
    plan: &'p TransformPlan,
    splitter: RecordSplitter,
    batch: FieldBatch,
    rows: ColumnarRows,
    quarantined: QuarantinedRows,
    /// Index and number of rows of each block of this run.
    block_rows: Vec<(u32, u32)>,
    /// Sum of the column that the plan adds up.
    sum: ColumnSum,
}

impl<'p> Worker<'p> {
    fn new(plan: &'p TransformPlan, splitter: RecordSplitter) -> Self {
        Self {
            plan,
            splitter,
            batch: FieldBatch::new(plan.sources.len()),
            rows: ColumnarRows::new(plan),
            quarantined: QuarantinedRows::default(),
            block_rows: Vec::new(),
            sum: ColumnSum::default(),
        }
    }

    fn read(&mut self, block: &Block) -> Result<(), BrokenInvariant> {
        let text = block.text.as_slice();
        let mut first_row = 0;
        if let Some(rule) = block.fault {
            self.fault(block, rule);
            first_row = 1;
        } else {
            let mut position = block.start;
            let traits = BlockTraits::of(text);
            while position < text.len() {
                self.batch.clear();
                position = self.splitter.fill(text, position, traits, &mut self.batch);
                self.add_up(text);
                read_batch(self.plan, text, &mut self.batch, block.index, first_row, &mut self.rows)?;
                self.quarantine(block, first_row);
                first_row += self.batch.rows();
            }
        }
        self.block_rows.push((block.index, first_row as u32));
        Ok(())
    }

    /// Adds up the column of the control totals, whether its rows are valid or not.
    fn add_up(&mut self, text: &[u8]) {
        let Some((index, scale)) = self.plan.summed else { return };
        for field in self.batch.fields.iter().skip(index).step_by(self.batch.width) {
            match field.kind() {
                FieldKind::Absent => {}
                FieldKind::Text | FieldKind::Number => self.sum.add(self.batch.bytes(text, *field), scale),
                FieldKind::Unreadable | FieldKind::Boolean | FieldKind::Nested => self.sum.unreadable += 1,
            }
        }
    }

    /// Quarantines a block that is one unreadable record.
    fn fault(&mut self, block: &Block, rule: Rule) {
        let raw = block.text.strip_suffix(b"\n").unwrap_or(&block.text);
        let raw = raw_text(
            self.plan,
            self.splitter.layout(),
            &raw[..raw.len().min(KEPT_BYTES)],
            false,
        );
        let problem = std::iter::once((Subject::Row, rule));
        self.quarantined
            .add(self.plan, u64::from(block.index) << 32, problem, &raw);
    }

    /// Quarantines the invalid rows of the batch.
    fn quarantine(&mut self, block: &Block, first_row: usize) {
        for problems in self.batch.problems.chunk_by(|a, b| a.row == b.row) {
            let row = problems[0].row as usize;
            let (start, end) = self.batch.spans[row];
            let raw = &block.text[start as usize..end as usize];
            let readable = problems.iter().all(|problem| problem.subject != Subject::Row);
            let raw = raw_text(self.plan, self.splitter.layout(), raw, readable);
            let position = u64::from(block.index) << 32 | (first_row + row) as u64;
            let problems = problems.iter().map(|problem| (problem.subject, problem.rule));
            self.quarantined.add(self.plan, position, problems, &raw);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::ObjectFacts;
    use cardlake_core::contract::Contract;
    use std::sync::Arc;

    fn plan(columns: &str) -> TransformPlan {
        let contract = format!(
            "apiVersion: v3.1.0\nkind: DataContract\nversion: 1.0.0\nschema:\n  - name: things\n    properties:\n\
             {columns}"
        );
        let facts = ObjectFacts {
            key: "things/ingest_date=2026-01-15/x.csv".to_owned(),
            ingest_date: "2026-01-15".parse().unwrap(),
            ingest_micros: 0,
        };
        let contract = Contract::from_yaml("things.yaml", &contract).unwrap();
        TransformPlan::new(&Arc::new(contract), facts, None, None).unwrap()
    }

    #[test]
    fn a_broken_invariant_of_every_worker_is_an_error_and_no_deadlock() {
        let text = plan("      - {name: id, logicalType: string, physicalType: VARCHAR(9), primaryKey: true}\n");
        let number = plan("      - {name: id, logicalType: integer, physicalType: BIGINT, primaryKey: true}\n");
        let mut blocks = Blocks::new(&b"id\n1\n2\n3\n4\n5\n6\n7\n8\n9\n"[..], true, 3);
        let mut first = blocks.next_block().unwrap().unwrap();
        let splitter = RecordSplitter::open(FileFormat::Csv, &text, &mut first).unwrap();
        let mut workers = [Worker::new(&text, splitter)];
        workers[0].rows = ColumnarRows::new(&number);
        let error = read_run(&mut blocks, first, &mut workers, &PipelineLimits::default()).unwrap_err();
        assert_eq!(error.to_string(), "invariant broken: a column has the type of its plan");
    }
}
