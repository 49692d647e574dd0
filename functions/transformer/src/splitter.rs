//! Splits the blocks of a file into fields, by format.

use crate::batch::FieldBatch;
use crate::csv::{BlockTraits, CsvLayout};
use crate::csv_header::{HeaderSearch, find_header};
use crate::framing::{Framing, OpenArrays};
use crate::json::JsonRows;
use crate::json_record::{ObjectEnd, is_separator, object_end};
use crate::pipeline_error::PipelineError;
use crate::plan::TransformPlan;
use crate::text_source::{BYTE_ORDER_MARK, TextSource};
use cardlake_core::bronze::InputFormat;
use memchr::memchr;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Splits records into fields; one per worker.
#[derive(Debug, Clone)]
pub(crate) enum RecordSplitter {
    /// CSV, with the number of rows by unknown column.
    Csv { layout: Arc<CsvLayout>, drift: Vec<u64> },
    /// JSON.
    Json(JsonRows),
}

impl RecordSplitter {
    /// Consumes the head of a file up to its first record; `None` if it has no text.
    ///
    /// # Errors
    /// The file is rejected or cannot be read.
    pub(crate) fn open(
        format: InputFormat,
        plan: &TransformPlan,
        source: &mut TextSource<'_>,
    ) -> Result<Option<(Self, Framing)>, PipelineError> {
        match format {
            InputFormat::Csv => Self::open_csv(plan, source),
            InputFormat::Json => Ok(Some(Self::open_json(plan, source))),
            // A Parquet file that gets here is empty.
            InputFormat::Parquet | InputFormat::Detected => {
                let (head, _) = source.head();
                let text = &head[mark_length(head)..];
                match text.trim_ascii_start().first() {
                    Some(b'{' | b'[') => Ok(Some(Self::open_json(plan, source))),
                    _ => Self::open_csv(plan, source),
                }
            }
        }
    }

    fn open_json(plan: &TransformPlan, source: &mut TextSource<'_>) -> (Self, Framing) {
        let (head, _) = source.head();
        let mark = mark_length(head);
        let framing = if has_line_for_each_object(&head[mark..]) {
            Framing::Lines
        } else {
            Framing::JsonObjects(OpenArrays::default())
        };
        let rows = JsonRows::new(plan, matches!(framing, Framing::Lines));
        source.consume(mark);
        (Self::Json(rows), framing)
    }

    fn open_csv(plan: &TransformPlan, source: &mut TextSource<'_>) -> Result<Option<(Self, Framing)>, PipelineError> {
        source.detect_carriage_returns();
        loop {
            let (head, is_complete) = source.head();
            let mut head = head.to_vec();
            if is_complete && head.last().is_some_and(|last| *last != b'\n') {
                head.push(b'\n');
            }
            match find_header(&head, is_complete, plan) {
                HeaderSearch::Found(layout, end) => {
                    source.consume(end);
                    let layout = Arc::new(layout);
                    let splitter = Self::Csv {
                        drift: vec![0; layout.unknown.len()],
                        layout: Arc::clone(&layout),
                    };
                    return Ok(Some((splitter, Framing::Csv(layout))));
                }
                HeaderSearch::Empty => {
                    source.consume(head.len());
                    return Ok(None);
                }
                HeaderSearch::Incomplete if head.len() < plan.contract.limits.max_record_bytes as usize => {
                    source.read_more().map_err(PipelineError::read)?;
                }
                HeaderSearch::Incomplete => {
                    let reason =
                        "the first line is no header: it does not end within limits.maxRecordBytes of the contract";
                    return Err(PipelineError::Rejected(reason.to_owned()));
                }
                HeaderSearch::Rejected(reason) => return Err(PipelineError::Rejected(reason)),
            }
        }
    }

    /// Properties of a block's text that select the path.
    pub(crate) fn traits_of(&self, text: &[u8]) -> BlockTraits {
        match self {
            Self::Csv { layout, .. } => layout.traits_of(text),
            Self::Json(_) => BlockTraits::default(),
        }
    }

    /// Splits the next rows of a block, from `position` on, until the batch is full. Returns the position after them.
    pub(crate) fn fill(&mut self, text: &[u8], position: usize, traits: BlockTraits, batch: &mut FieldBatch) -> usize {
        match self {
            Self::Csv { layout, drift } => layout.fill(text, position, traits, batch, drift),
            Self::Json(rows) => rows.fill(text, position, batch),
        }
    }

    /// Whether text between two rows is none of either: a line end, blanks, a comment, a comma.
    #[inline]
    pub(crate) fn separates(&self, gap: &[u8]) -> bool {
        matches!(gap, b"" | b"\n" | b"\r\n")
            || match self {
                Self::Csv { layout, .. } => layout.separates(gap),
                Self::Json(_) => gap.iter().all(|byte| is_separator(*byte)),
            }
    }

    /// The header of a CSV file.
    pub(crate) fn layout(&self) -> Option<&CsvLayout> {
        match self {
            Self::Csv { layout, .. } => Some(layout),
            Self::Json(_) => None,
        }
    }

    /// Adds the number of rows with an unknown field to `drift`, by field; returns the number of repeated fields.
    pub(crate) fn count_drift(self, drift: &mut BTreeMap<String, u64>) -> u64 {
        match self {
            Self::Csv { layout, drift: rows } => {
                let unknown = layout.unknown.iter().zip(rows);
                for ((name, _), rows) in unknown.filter(|(_, rows)| *rows > 0) {
                    *drift.entry(name.clone()).or_default() += rows;
                }
                0
            }
            Self::Json(json) => {
                for (name, rows) in json.drift {
                    *drift.entry(name).or_default() += rows;
                }
                json.repeated
            }
        }
    }
}

/// Length of the byte order mark.
fn mark_length(head: &[u8]) -> usize {
    if head.starts_with(BYTE_ORDER_MARK) {
        BYTE_ORDER_MARK.len()
    } else {
        0
    }
}

/// Whether the head of a JSON file is UTF-8, apart from a character at its end that is cut, or has a line that begins as a record.
pub(crate) fn begins_with_json_text(head: &[u8]) -> bool {
    let is_text = std::str::from_utf8(head).map_or_else(|error| error.error_len().is_none(), |_| true);
    let starts_record = |line: &[u8]| matches!(line.trim_ascii_start().first(), Some(b'{' | b'['));
    is_text || head.split(|byte| *byte == b'\n').any(starts_record)
}

/// Whether a JSON file has one object in each line, by its head.
fn has_line_for_each_object(head: &[u8]) -> bool {
    let mut position = 0;
    loop {
        let unread = &head[position..];
        let start = position + unread.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let Some(first) = head.get(start) else { return true };
        let line_end = memchr(b'\n', &head[start..]).map_or(head.len(), |at| start + at);
        let line = &head[start..line_end];
        let is_line = match first {
            b'{' => match object_end(head, start) {
                ObjectEnd::At(end) => end <= line_end && head[end..line_end].iter().all(u8::is_ascii_whitespace),
                // A long first line and the last one of the head end behind it.
                ObjectEnd::Beyond => line_end == head.len() && position > 0,
                ObjectEnd::Malformed => true,
            },
            b'[' => position > 0 && line.trim_ascii_end().last() == Some(&b']'),
            _ => true,
        };
        if !is_line {
            return false;
        }
        position = line_end;
    }
}
