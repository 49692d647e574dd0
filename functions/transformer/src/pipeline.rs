//! One file from text to encoded data files, on a few threads and in bounded memory. No I/O but the given reader.
//!
//! ```text
//! reader -> blocks of whole records -> workers: cut, read, check -> rows in columns
//!        -> sort by key, settle duplicates -> partitions -> workers: encode -> files
//! ```
//!
//! A file of up to one run ([`Limits::run_rows`] rows, [`Limits::run_bytes`] bytes of text) is held in memory, about 100 bytes
//! for each row. A larger one goes run by run to a temporary file, spread over buckets by key ([`crate::spill`]), and bucket
//! by bucket from there; so memory stays bounded by one run, and no two files of an object share a key.

use crate::batch::Batch;
use crate::blocks::{Block, Blocks, KEPT_BYTES};
use crate::builder::{Rows, row_number};
use crate::csv::{BYTE_ORDER_MARK, BlockTraits, Layout};
use crate::encode::FileFormat as ParquetFormat;
use crate::json::Lines;
use crate::partition::{FileNames, Partition, partitions};
use crate::plan::{Fill, Plan};
use crate::quarantine::{Quarantine, Quarantined, raw_text};
use crate::rule::{Rule, Subject};
use crate::sort::{Sorted, sort};
use crate::spill::{Spill, buckets};
use crate::validate::read_batch;
use crate::values::MICROS_PER_DAY;
use crate::{blocks, builder::Values};
use bytes::Bytes;
use cardlake_core::events::FileFormat;
use cardlake_core::records::{DataFile, RowCounts};
use cardlake_lake::parquet::column_statistics;
use cardlake_lake::parquet::pages::ChunkEncoder;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

/// How much is held at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a block.
    pub block_bytes: usize,
    /// Rows after which a run ends (with its block).
    pub run_rows: u64,
    /// Bytes of text after which a run ends (with its block).
    pub run_bytes: u64,
    /// Threads that read and encode.
    pub workers: usize,
    /// Bytes of text that the file is expected to have: sizes the buckets of one that is larger than a run.
    pub expected_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            block_bytes: blocks::BLOCK_BYTES,
            run_rows: 3 << 19,
            run_bytes: 384 << 20,
            workers: std::thread::available_parallelism()
                .map_or(2, std::num::NonZero::get)
                .min(8),
            expected_bytes: 0,
        }
    }
}

/// A data file, ready to be stored.
#[derive(Debug, Clone)]
pub struct EncodedFile {
    /// What the record says of it.
    pub file: DataFile,
    /// Its bytes.
    pub bytes: Bytes,
}

/// What became of a file's rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    /// Rows by what became of them.
    pub counts: RowCounts,
    /// Data files that were handed out, by path.
    pub files: Vec<DataFile>,
    /// Rows in which a field occurs that the contract does not know, by field.
    pub drift: BTreeMap<String, u64>,
    /// What the quarantine file holds.
    pub quarantine: Quarantine,
    /// Fields that occurred more than once in their JSON row.
    pub repeated_fields: u64,
}

/// Why there is no summary.
#[derive(Debug)]
pub enum Failure {
    /// The reader failed.
    Read(std::io::Error),
    /// The file cannot be read at all; says why.
    Rejected(String),
    /// A file could not be encoded.
    Encode(String),
    /// A temporary file could not be written or read.
    Disk(std::io::Error),
    /// Whoever takes the files wants no more.
    Stopped,
}

/// Takes encoded files; false: no more.
pub type Emit<'e> = dyn Fn(EncodedFile) -> bool + Sync + 'e;

/// Transforms a file; the lines of the quarantine file go to `quarantine`.
///
/// # Errors
/// See [`Failure`].
pub fn run(
    reader: impl Read,
    format: FileFormat,
    plan: &Plan,
    names: &FileNames,
    limits: &Limits,
    emit: &Emit<'_>,
    quarantine: &mut dyn Write,
) -> Result<Summary, Failure> {
    let mut blocks = Blocks::new(reader, format == FileFormat::Csv, limits.block_bytes);
    let mut summary = Summary::default();
    let Some(mut first) = blocks.next_block().map_err(Failure::Read)? else {
        return Ok(summary);
    };
    let cutter = open(format, plan, &mut first)?;
    let parquet = ParquetFormat::new(plan).map_err(|error| Failure::Encode(error.to_string()))?;
    let mut workers: Vec<Worker<'_>> = (0..limits.workers.max(1))
        .map(|_| Worker::new(plan, cutter.clone()))
        .collect();
    let mut next = Some(first);
    let mut spill: Option<Spill> = None;
    while let Some(block) = next.take() {
        next = read_run(&mut blocks, block, &mut workers, limits)?;
        let rows = settle(plan, &mut workers, &mut summary, quarantine)?;
        if next.is_none() && spill.is_none() {
            write_rows(plan, &parquet, names, limits, &rows, 0, &mut summary, emit)?;
            break;
        }
        let spill = match &mut spill {
            Some(spill) => spill,
            None => spill.insert(Spill::new(buckets(limits.expected_bytes, limits.run_bytes)).map_err(Failure::Disk)?),
        };
        spill.add(plan, &rows).map_err(Failure::Disk)?;
    }
    if let Some(mut spill) = spill {
        for bucket in 0..spill.len() {
            let rows = spill.load(plan, bucket).map_err(Failure::Disk)?;
            write_rows(plan, &parquet, names, limits, &rows, bucket as u32, &mut summary, emit)?;
        }
    }
    for worker in workers {
        worker.cutter.count_drift(&mut summary);
    }
    summary.files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(summary)
}

/// Understands the beginning of a file.
fn open(format: FileFormat, plan: &Plan, first: &mut Block) -> Result<Cutter, Failure> {
    let text = first.text.as_slice();
    let mark = if text.starts_with(BYTE_ORDER_MARK) {
        BYTE_ORDER_MARK.len()
    } else {
        0
    };
    first.start = mark;
    match format {
        FileFormat::Csv => {
            let (None, blocks::RecordEnd::At(end)) = (first.fault, blocks::record_end(text, mark)) else {
                return Err(Failure::Rejected("the first line is no header".to_owned()));
            };
            let header = text.get(mark..end).unwrap_or_default();
            let layout = Layout::new(header, plan).map_err(Failure::Rejected)?;
            first.start = end;
            Ok(Cutter::Csv {
                drift: vec![0; layout.unknown.len()],
                layout: Arc::new(layout),
            })
        }
        FileFormat::Jsonl => {
            let starts_object = |line: &[u8]| line.trim_ascii_start().first() == Some(&b'{');
            let is_text = std::str::from_utf8(text).is_ok();
            if !is_text
                && !text
                    .get(mark..)
                    .unwrap_or_default()
                    .split(|byte| *byte == b'\n')
                    .any(starts_object)
            {
                return Err(Failure::Rejected("the file is not UTF-8 text".to_owned()));
            }
            Ok(Cutter::Lines(Lines::new(plan)))
        }
    }
}

/// Has the workers read blocks from `block` on until the run is full; gives the first block of the next run.
fn read_run<R: Read>(
    blocks: &mut Blocks<R>,
    block: Block,
    workers: &mut [Worker<'_>],
    limits: &Limits,
) -> Result<Option<Block>, Failure> {
    let expected = expected_rows(&block, limits);
    let share = expected / workers.len().max(1);
    for (index, worker) in workers.iter_mut().enumerate() {
        // The first one takes over the rows of all.
        worker
            .rows
            .reserve(if index == 0 { expected } else { share + share / 8 });
    }
    let (sender, receiver) = mpsc::sync_channel::<Block>(workers.len());
    let receiver = Mutex::new(receiver);
    std::thread::scope(|scope| {
        for worker in workers {
            let receiver = &receiver;
            scope.spawn(move || {
                loop {
                    let received = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(block) = received else { break };
                    worker.block(&block);
                }
            });
        }
        let (mut rows, mut bytes) = (0, 0);
        let mut next = Some(block);
        while let Some(block) = next.take() {
            rows += memchr::memchr_iter(b'\n', &block.text).count() as u64;
            bytes += block.text.len() as u64;
            if sender.send(block).is_err() {
                break;
            }
            next = blocks.next_block().map_err(Failure::Read)?;
            if rows >= limits.run_rows || bytes >= limits.run_bytes {
                break;
            }
        }
        drop(sender);
        Ok(next)
    })
}

/// About how many rows a run has that starts with the block. More than there are costs no memory: it is not touched.
fn expected_rows(block: &Block, limits: &Limits) -> usize {
    let lines = memchr::memchr_iter(b'\n', &block.text).count() as u64;
    let blocks = limits.expected_bytes.min(limits.run_bytes) / (block.text.len() as u64).max(1) + 1;
    (lines * blocks).min(limits.run_rows + lines) as usize
}

/// Puts together what the workers have read.
fn settle(
    plan: &Plan,
    workers: &mut [Worker<'_>],
    summary: &mut Summary,
    quarantine: &mut dyn Write,
) -> Result<Rows, Failure> {
    let mut counts: Vec<(u32, u32)> = workers
        .iter_mut()
        .flat_map(|worker| std::mem::take(&mut worker.block_rows))
        .collect();
    counts.sort_unstable();
    let first_block = counts.first().map_or(0, |(block, _)| *block);
    let mut before = summary.counts.bronze_rows;
    let mut first_rows = Vec::with_capacity(counts.len());
    for (_, rows) in counts {
        first_rows.push(before);
        before += u64::from(rows);
    }
    summary.counts.bronze_rows = before;
    let mut rows = Rows::new(plan);
    let mut quarantined: Vec<Quarantined> = Vec::new();
    for worker in workers {
        rows.absorb(std::mem::replace(&mut worker.rows, Rows::new(plan)));
        quarantined.push(std::mem::take(&mut worker.quarantined));
    }
    rows.number_rows(first_block, &first_rows);
    summary.counts.quarantined += quarantined.iter().map(|rows| rows.len() as u64).sum::<u64>();
    let number = |place| row_number(place, first_block, &first_rows);
    let written = summary.quarantine.write(plan, quarantined, number, quarantine);
    written.map_err(Failure::Disk)?;
    Ok(rows)
}

/// Sorts and encodes rows; `part` numbers the buckets of a large object.
#[expect(clippy::too_many_arguments, reason = "one step of one function")]
fn write_rows(
    plan: &Plan,
    parquet: &ParquetFormat,
    names: &FileNames,
    limits: &Limits,
    rows: &Rows,
    part: u32,
    summary: &mut Summary,
    emit: &Emit<'_>,
) -> Result<(), Failure> {
    let Sorted { order, duplicates } = sort(plan, rows, limits.workers);
    summary.counts.duplicates += duplicates;
    summary.counts.silver_rows += order.len() as u64;
    summary.counts.late_rows += late_rows(plan, rows, &order);
    let mut parts = partitions(plan, rows, order);
    // The largest first, so that the threads end together.
    parts.sort_by_key(|part| std::cmp::Reverse(part.order.len()));
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Ok(Vec::new()));
    let work = || -> Result<Vec<DataFile>, Failure> {
        let mut encoder = ChunkEncoder::new().map_err(|error| Failure::Encode(error.to_string()))?;
        let mut files = Vec::new();
        while let Some(partition) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
            let encoded = encode_part(plan, parquet, names, rows, partition, part, &mut encoder)?;
            files.push(encoded.file.clone());
            if !emit(encoded) {
                return Err(Failure::Stopped);
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
    plan: &Plan,
    parquet: &ParquetFormat,
    names: &FileNames,
    rows: &Rows,
    partition: &Partition,
    part: u32,
    encoder: &mut ChunkEncoder,
) -> Result<EncodedFile, Failure> {
    let encoded = parquet.encode(plan, rows, &partition.order, encoder);
    let described = encoded.and_then(|(bytes, metadata)| Ok((bytes, column_statistics(&plan.contract, &metadata)?)));
    let (bytes, columns) = described.map_err(|error| Failure::Encode(error.to_string()))?;
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

/// Rows whose event day lies before the ingest date.
fn late_rows(plan: &Plan, rows: &Rows, order: &[u32]) -> u64 {
    let days_late = plan.files.iter().find_map(|(_, fill)| match fill {
        Fill::DaysLate(index) => rows.columns.get(*index),
        _ => None,
    });
    let Some(column) = days_late else { return 0 };
    let Values::Long(values) = &column.values else { return 0 };
    let start = i64::from(plan.object.ingest_date.to_epoch_days()) * MICROS_PER_DAY;
    let is_late = |row: usize| values.get(row).is_some_and(|micros| *micros < start) && !column.is_null(row);
    order.iter().filter(|row| is_late(**row as usize)).count() as u64
}

/// Cuts the blocks of a file into fields.
#[derive(Debug, Clone)]
enum Cutter {
    Csv { layout: Arc<Layout>, drift: Vec<u64> },
    Lines(Lines),
}

impl Cutter {
    fn layout(&self) -> Option<&Layout> {
        match self {
            Self::Csv { layout, .. } => Some(layout),
            Self::Lines(_) => None,
        }
    }

    fn count_drift(self, summary: &mut Summary) {
        match self {
            Self::Csv { layout, drift } => {
                for ((name, _), rows) in layout.unknown.iter().zip(drift) {
                    *summary.drift.entry(name.clone()).or_default() += rows;
                }
            }
            Self::Lines(lines) => {
                for (name, rows) in lines.drift {
                    *summary.drift.entry(name).or_default() += rows;
                }
                summary.repeated_fields += lines.repeated;
            }
        }
    }
}

/// Reads blocks.
struct Worker<'p> {
    plan: &'p Plan,
    cutter: Cutter,
    batch: Batch,
    rows: Rows,
    quarantined: Quarantined,
    /// Number of rows of the blocks of this run.
    block_rows: Vec<(u32, u32)>,
}

impl<'p> Worker<'p> {
    fn new(plan: &'p Plan, cutter: Cutter) -> Self {
        Self {
            plan,
            cutter,
            batch: Batch::new(plan.sources.len()),
            rows: Rows::new(plan),
            quarantined: Quarantined::default(),
            block_rows: Vec::new(),
        }
    }

    fn block(&mut self, block: &Block) {
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
                position = match &mut self.cutter {
                    Cutter::Csv { layout, drift } => layout.fill(text, position, traits, &mut self.batch, drift),
                    Cutter::Lines(lines) => lines.fill(text, position, &mut self.batch),
                };
                read_batch(self.plan, text, &mut self.batch, block.index, first_row, &mut self.rows);
                self.quarantine(block, first_row);
                first_row += self.batch.rows();
            }
        }
        self.block_rows.push((block.index, first_row as u32));
    }

    fn fault(&mut self, block: &Block, rule: Rule) {
        let raw = block.text.strip_suffix(b"\n").unwrap_or(&block.text);
        let raw = raw_text(
            self.plan,
            self.cutter.layout(),
            raw.get(..KEPT_BYTES).unwrap_or(raw),
            false,
        );
        let problem = std::iter::once((Subject::Row, rule));
        self.quarantined
            .add(self.plan, u64::from(block.index) << 32, problem, &raw);
    }

    /// Collects the rows of the batch that have problems.
    fn quarantine(&mut self, block: &Block, first_row: usize) {
        for problems in self.batch.problems.chunk_by(|a, b| a.row == b.row) {
            let Some(first) = problems.first() else { continue };
            let span = self.batch.spans.get(first.row as usize).copied().unwrap_or_default();
            let raw = block.text.get(span.0 as usize..span.1 as usize).unwrap_or_default();
            let readable = problems.iter().all(|problem| problem.subject != Subject::Row);
            let raw = raw_text(self.plan, self.cutter.layout(), raw, readable);
            let place = u64::from(block.index) << 32 | (first_row + first.row as usize) as u64;
            let problems = problems.iter().map(|problem| (problem.subject, problem.rule));
            self.quarantined.add(self.plan, place, problems, &raw);
        }
    }
}
