//! Splits the blocks of a file into fields, by format.

use crate::batch::FieldBatch;
use crate::blocks::Block;
use crate::csv::{BYTE_ORDER_MARK, BlockTraits, CsvLayout};
use crate::csv_record::{RecordEnd, record_end};
use crate::json::JsonLines;
use crate::pipeline_error::PipelineError;
use crate::plan::TransformPlan;
use cardlake_core::events::FileFormat;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Splits records into fields; one per worker.
#[derive(Debug, Clone)]
pub(crate) enum RecordSplitter {
    /// CSV, with the number of rows by unknown column.
    Csv { layout: Arc<CsvLayout>, drift: Vec<u64> },
    /// JSON lines.
    JsonLines(JsonLines),
}

impl RecordSplitter {
    /// Detects the BOM and parses the header; `first.start` is moved to the first record.
    ///
    /// # Errors
    /// The file is rejected.
    pub(crate) fn open(format: FileFormat, plan: &TransformPlan, first: &mut Block) -> Result<Self, PipelineError> {
        let text = first.text.as_slice();
        let mark = if text.starts_with(BYTE_ORDER_MARK) {
            BYTE_ORDER_MARK.len()
        } else {
            0
        };
        first.start = mark;
        match format {
            FileFormat::Csv => {
                let (None, RecordEnd::At(end)) = (first.fault, record_end(text, mark)) else {
                    return Err(PipelineError::Rejected("the first line is no header".to_owned()));
                };
                let layout = CsvLayout::new(&text[mark..end], plan).map_err(PipelineError::Rejected)?;
                first.start = end;
                Ok(Self::Csv {
                    drift: vec![0; layout.unknown.len()],
                    layout: Arc::new(layout),
                })
            }
            FileFormat::Jsonl => {
                let starts_object = |line: &[u8]| line.trim_ascii_start().first() == Some(&b'{');
                let is_text = std::str::from_utf8(text).is_ok();
                if !is_text && !text[mark..].split(|byte| *byte == b'\n').any(starts_object) {
                    return Err(PipelineError::Rejected("the file is not UTF-8 text".to_owned()));
                }
                Ok(Self::JsonLines(JsonLines::new(plan)))
            }
        }
    }

    /// Splits the next rows of a block, from `position` on, until the batch is full. Returns the position after them.
    pub(crate) fn fill(&mut self, text: &[u8], position: usize, traits: BlockTraits, batch: &mut FieldBatch) -> usize {
        match self {
            Self::Csv { layout, drift } => layout.fill(text, position, traits, batch, drift),
            Self::JsonLines(lines) => lines.fill(text, position, batch),
        }
    }

    /// The header of a CSV file.
    pub(crate) fn layout(&self) -> Option<&CsvLayout> {
        match self {
            Self::Csv { layout, .. } => Some(layout),
            Self::JsonLines(_) => None,
        }
    }

    /// Adds the number of rows with an unknown field to `drift`, by field; returns the number of repeated fields.
    pub(crate) fn count_drift(self, drift: &mut BTreeMap<String, u64>) -> u64 {
        match self {
            Self::Csv { layout, drift: rows } => {
                for ((name, _), rows) in layout.unknown.iter().zip(rows) {
                    *drift.entry(name.clone()).or_default() += rows;
                }
                0
            }
            Self::JsonLines(lines) => {
                for (name, rows) in lines.drift {
                    *drift.entry(name).or_default() += rows;
                }
                lines.repeated
            }
        }
    }
}
