//! A worker: reads blocks of records into columns and quarantined rows, and counts their bytes.

use crate::batch::{FieldBatch, FieldKind};
use crate::blocks::{Block, KEPT_BYTES};
use crate::column_sum::ColumnSum;
use crate::columns::ColumnarRows;
use crate::invariant::BrokenInvariant;
use crate::plan::TransformPlan;
use crate::quarantine::{QuarantinedRows, raw_text};
use crate::rule::{Rule, Subject};
use crate::splitter::RecordSplitter;
use crate::validate::read_batch;
use cardlake_core::records::TextBytes;

/// Splits, parses and validates blocks.
pub(crate) struct Worker<'p> {
    plan: &'p TransformPlan,
    /// Splits records into fields.
    pub(crate) splitter: RecordSplitter,
    batch: FieldBatch,
    /// Rows that satisfy the contract.
    pub(crate) rows: ColumnarRows,
    /// Rows that do not.
    pub(crate) quarantined: QuarantinedRows,
    /// Index and number of rows of each block of this run.
    pub(crate) block_rows: Vec<(u32, u32)>,
    /// Bytes of the blocks of this run.
    pub(crate) text: TextBytes,
    /// Sum of the column that the plan adds up.
    pub(crate) sum: ColumnSum,
    /// Values with masked personal data, by source column.
    pub(crate) masked: Vec<u64>,
}

impl<'p> Worker<'p> {
    /// A worker without rows.
    pub(crate) fn new(plan: &'p TransformPlan, splitter: RecordSplitter) -> Self {
        Self {
            plan,
            splitter,
            batch: FieldBatch::new(plan.sources.len()),
            rows: ColumnarRows::new(plan),
            quarantined: QuarantinedRows::default(),
            block_rows: Vec::new(),
            text: TextBytes::default(),
            sum: ColumnSum::default(),
            masked: vec![0; plan.sources.len()],
        }
    }

    /// Reads the rows of a block.
    ///
    /// # Errors
    /// An internal bug.
    pub(crate) fn read(&mut self, block: &Block) -> Result<(), BrokenInvariant> {
        let text = block.text.as_slice();
        let mut first_row = 0;
        if let Some(rule) = block.fault {
            self.fault(block, rule);
            first_row = 1;
        } else {
            let mut position = 0;
            let traits = self.splitter.traits_of(text);
            while position < text.len() {
                self.batch.clear();
                let start = position;
                position = self.splitter.fill(text, start, traits, &mut self.batch);
                self.count_bytes(text.get(..position).unwrap_or(text), start)?;
                self.add_up(text);
                let (rows, masked) = (&mut self.rows, &mut self.masked);
                read_batch(self.plan, text, &mut self.batch, block.index, first_row, rows, masked)?;
                self.quarantine(block, first_row);
                first_row += self.batch.rows();
            }
        }
        self.block_rows.push((block.index, first_row as u32));
        Ok(())
    }

    /// Counts the bytes of the batch's rows, and those between them, from `start` to the end of the text.
    fn count_bytes(&mut self, text: &[u8], start: usize) -> Result<(), BrokenInvariant> {
        let mut end = start;
        for span in &self.batch.spans {
            let (first, last) = (span.0 as usize, span.1 as usize);
            let gap = text.get(end..first);
            if first > last || !gap.is_some_and(|gap| self.splitter.separates(gap)) {
                return Err(BrokenInvariant("text between two rows is a separator"));
            }
            self.text.skipped += (first - end) as u64;
            self.text.kept += (last - first) as u64;
            end = last;
        }
        if !text.get(end..).is_some_and(|gap| self.splitter.separates(gap)) {
            return Err(BrokenInvariant("text behind the last row is a separator"));
        }
        self.text.skipped += (text.len() - end) as u64;
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
        self.text.unreadable += block.text.len() as u64 - 1 + block.dropped;
        self.text.skipped += 1;
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
            let bytes = raw.len() as u64;
            self.text.kept -= bytes;
            if readable {
                self.text.quarantined += bytes;
            } else {
                self.text.unreadable += bytes;
            }
            let raw = raw_text(self.plan, self.splitter.layout(), raw, readable);
            let position = u64::from(block.index) << 32 | (first_row + row) as u64;
            let problems = problems.iter().map(|problem| (problem.subject, problem.rule));
            self.quarantined.add(self.plan, position, problems, &raw);
        }
    }
}
