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

use crate::blocks::{BLOCK_BYTES, Block, Blocks};
use crate::column_sum::ColumnSum;
use crate::columns::{ColumnValues, ColumnarRows, row_number};
use crate::encode::FileEncoder;
use crate::invariant::BrokenInvariant;
use crate::limited::Limited;
use crate::parquet_text::ParquetText;
use crate::partition::{FileNames, Partition, partitions};
use crate::pipeline_error::PipelineError;
use crate::plan::{Fill, TransformPlan};
use crate::quarantine::{QuarantineSummary, QuarantinedRows};
use crate::sort::{Sorted, sort};
use crate::spill::{Spill, buckets};
use crate::splitter::{RecordSplitter, begins_with_json_text};
use crate::text_source::TextSource;
use crate::worker::Worker;
use crate::zone::start_of_day;
use bytes::Bytes;
use cardlake_core::bronze::{AVRO_MAGIC, InputFormat, PARQUET_MAGIC};
use cardlake_core::contract::TextEncoding;
use cardlake_core::records::{DataFile, RowCounts, TextBytes};
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
    /// Bytes of text, decompressed or made of a Parquet file, from which on the file is rejected.
    pub text_bytes: u64,
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
            text_bytes: u64::MAX,
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
    /// Bytes of text, counted apart from the rows.
    pub text: TextBytes,
    /// Emitted data files, by path.
    pub files: Vec<DataFile>,
    /// Number of rows with an unknown field, by field; of a known column, with personal data in it that was masked.
    pub drift: BTreeMap<String, u64>,
    /// Contents of the quarantine file.
    pub quarantine: QuarantineSummary,
    /// Number of repeated fields in JSON rows.
    pub repeated_fields: u64,
    /// Sum of the column that the plan adds up.
    pub sum: ColumnSum,
    /// Fields of the last line, if it is the trailer that the contract describes.
    pub trailer: Option<Vec<String>>,
}

/// Consumer of encoded files; returns `false` to stop.
pub type Emit<'e> = dyn Fn(EncodedFile) -> bool + Sync + 'e;

/// What files are transformed with.
#[derive(Clone, Copy)]
pub struct Pipeline<'t> {
    /// Columns and rules.
    pub plan: &'t TransformPlan,
    /// Names of the data files.
    pub names: &'t FileNames,
    /// Sizes and parallelism.
    pub limits: &'t PipelineLimits,
    /// Takes the data files.
    pub emit: &'t Emit<'t>,
}

impl Pipeline<'_> {
    /// Transforms a file; the lines of the quarantine file are written to `quarantine`.
    ///
    /// # Errors
    /// See [`PipelineError`].
    pub fn run(
        &self,
        mut reader: impl Read,
        format: impl Into<InputFormat>,
        quarantine: &mut dyn Write,
    ) -> Result<Summary, PipelineError> {
        let format = format.into();
        let quarantine = &mut Limited::quarantine(quarantine, self.plan.contract.limits.max_quarantine_bytes);
        let mut start = Vec::new();
        if matches!(format, InputFormat::Parquet | InputFormat::Detected) {
            let length = PARQUET_MAGIC.len() as u64;
            let read = reader.by_ref().take(length).read_to_end(&mut start);
            read.map_err(PipelineError::read)?;
        }
        if start == PARQUET_MAGIC {
            let max_columns = self.plan.contract.limits.max_columns;
            let (text, rows) = ParquetText::open(start.as_slice().chain(reader), max_columns)?;
            let text = Limited::text(text, self.limits.text_bytes);
            let source = TextSource::open(text, TextEncoding::Utf8).map_err(PipelineError::read)?;
            let summary = self.run_text(source, InputFormat::Json, quarantine)?;
            if summary.counts.bronze_rows != rows {
                return Err(BrokenInvariant("every row of a Parquet file is one line").into());
            }
            return Ok(summary);
        }
        if start == AVRO_MAGIC {
            let reason = "the file is an Avro file, which is not read: deliver Parquet, JSON lines or CSV";
            return Err(PipelineError::Rejected(reason.to_owned()));
        }
        if format == InputFormat::Parquet && !start.is_empty() {
            let reason = "the file is not a Parquet file: it does not begin with PAR1";
            return Err(PipelineError::Rejected(reason.to_owned()));
        }
        let reader = start.as_slice().chain(reader);
        let source = TextSource::open(reader, self.plan.contract.source.encoding).map_err(PipelineError::read)?;
        self.run_text(source, format, quarantine)
    }

    /// Transforms the text of a file.
    fn run_text(
        &self,
        mut source: TextSource<'_>,
        format: InputFormat,
        quarantine: &mut dyn Write,
    ) -> Result<Summary, PipelineError> {
        let Self { plan, limits, .. } = *self;
        let mut summary = Summary::default();
        let may_be_binary = !begins_with_json_text(source.head().0);
        let Some((splitter, framing)) = RecordSplitter::open(format, plan, &mut source)? else {
            summary.text.read = source.bytes_read();
            summary.text.skipped = summary.text.read;
            return Ok(summary);
        };
        let header_bytes = source.bytes_consumed();
        let record_bytes = plan.contract.limits.max_record_bytes as usize;
        let mut blocks = Blocks::new(source, framing, limits.block_bytes).with_record_bytes(record_bytes);
        if let (Some(trailer), Some(_)) = (plan.contract.trailer(), splitter.layout()) {
            blocks = blocks.with_trailer(&trailer.marker);
        }
        let parquet = FileEncoder::new(plan).map_err(PipelineError::Encode)?;
        let layout = splitter.layout().cloned();
        let mut workers: Vec<Worker<'_>> = (0..limits.workers.max(1))
            .map(|_| Worker::new(plan, splitter.clone()))
            .collect();
        let mut next = blocks.next_block().map_err(PipelineError::read)?;
        let mut spill: Option<Spill> = None;
        while let Some(block) = next.take() {
            next = read_run(&mut blocks, block, &mut workers, limits)?;
            let rows = merge_run(plan, &mut workers, &mut summary, quarantine)?;
            if next.is_none() && spill.is_none() {
                self.write_rows(&parquet, &rows, 0, &mut summary)?;
                break;
            }
            let spill = match &mut spill {
                Some(spill) => spill,
                None => spill
                    .insert(Spill::new(buckets(limits.expected_bytes, limits.run_bytes)).map_err(PipelineError::Disk)?),
            };
            spill.add(plan, &rows).map_err(PipelineError::Disk)?;
        }
        if let Some(mut spill) = spill {
            for bucket in 0..spill.len() {
                let rows = spill.load(plan, bucket).map_err(PipelineError::Disk)?;
                self.write_rows(&parquet, &rows, bucket as u32, &mut summary)?;
            }
        }
        for worker in workers {
            for (source, masked) in plan.sources.iter().zip(worker.masked).filter(|(_, masked)| *masked > 0) {
                *summary.drift.entry(source.name.clone()).or_default() += masked;
            }
            summary.repeated_fields += worker.splitter.count_drift(&mut summary.drift);
            summary.sum = summary.sum.plus(worker.sum);
        }
        // Whether a file that begins so is of another kind is known at its end: rows behind some lines in another encoding are rows.
        if may_be_binary && summary.counts.silver_rows == 0 && matches!(splitter, RecordSplitter::Json(_)) {
            return Err(PipelineError::Rejected("the file is not UTF-8 text".to_owned()));
        }
        if blocks.framing().ends_in_array() {
            let reason = "the JSON array is not closed: the file is incomplete";
            return Err(PipelineError::Rejected(reason.to_owned()));
        }
        if let (Some(line), Some(layout)) = (blocks.trailer(), &layout) {
            summary.trailer = Some(layout.texts(line));
            summary.text.skipped += line.len() as u64;
        }
        let (source, added) = blocks.source();
        summary.text.read = source.bytes_read();
        summary.text.skipped = (summary.text.skipped + header_bytes)
            .checked_sub(added)
            .ok_or(BrokenInvariant("an added line end is among the bytes between rows"))?;
        if !summary.text.balanced() {
            return Err(PipelineError::Unbalanced(summary.text));
        }
        summary.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(summary)
    }

    /// Sorts and encodes rows; `part` is the bucket of a spilled object.
    fn write_rows(
        &self,
        parquet: &FileEncoder,
        rows: &ColumnarRows,
        part: u32,
        summary: &mut Summary,
    ) -> Result<(), PipelineError> {
        let Self {
            plan,
            names,
            limits,
            emit,
        } = *self;
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
            next = blocks.next_block().map_err(PipelineError::read)?;
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
        let text = std::mem::take(&mut worker.text);
        summary.text.kept += text.kept;
        summary.text.quarantined += text.quarantined;
        summary.text.unreadable += text.unreadable;
        summary.text.skipped += text.skipped;
    }
    rows.number_rows(first_block, &first_rows);
    summary.counts.quarantined += quarantined.iter().map(|rows| rows.len() as u64).sum::<u64>();
    let number = |position| row_number(position, first_block, &first_rows);
    let written = summary.quarantine.write(plan, quarantined, number, quarantine);
    written.map_err(PipelineError::write)?;
    Ok(rows)
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
            bundle: None,
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
    let start = start_of_day(plan.contract.source.time_zone, plan.object.ingest_date)
        .ok_or(BrokenInvariant("the plan has a window around the ingest date"))?;
    let is_late = |row: usize| values[row] < start && !column.is_null(row);
    Ok(order.iter().filter(|row| is_late(**row as usize)).count() as u64)
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
        let file = &b"id\n1\n2\n3\n4\n5\n6\n7\n8\n9\n"[..];
        let mut source = TextSource::open(file, TextEncoding::Utf8).unwrap();
        let opened = RecordSplitter::open(InputFormat::Csv, &text, &mut source).unwrap();
        let (splitter, framing) = opened.unwrap();
        let mut blocks = Blocks::new(source, framing, 3);
        let first = blocks.next_block().unwrap().unwrap();
        let mut workers = [Worker::new(&text, splitter)];
        workers[0].rows = ColumnarRows::new(&number);
        let error = read_run(&mut blocks, first, &mut workers, &PipelineLimits::default()).unwrap_err();
        assert_eq!(error.to_string(), "invariant broken: a column has the type of its plan");
    }
}
