//! CSV (RFC 4180, or the contract's dialect): line ends LF or CRLF, a header row, columns in any order.
//!
//! A block without quotes is split in one pass over delimiters and line ends; only blocks with quotes take the slower path. Blank
//! lines are skipped.

use crate::batch::{BATCH_ROWS, Field, FieldBatch, FieldKind};
use crate::csv_record::{CsvRecords, CsvSyntax, RecordEnd, without_line_end};
use crate::json_text::write_text;
use crate::mask::MaskPolicy;
use crate::plan::TransformPlan;
use crate::rule::Rule;
use cardlake_core::pii::MASK;
use memchr::{memchr, memchr2, memchr2_iter};

/// Target of a column of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    /// A source column, by index.
    Source(usize),
    /// `extra`, by index of the unknown column.
    Unknown(usize),
}

/// The columns of a file.
#[derive(Debug, Clone)]
pub(crate) struct CsvLayout {
    slots: Vec<Slot>,
    /// How records are told apart, with one entry for each column of the file.
    pub(crate) records: CsvRecords,
    /// Unknown columns with their index in the header, sorted by name.
    pub(crate) unknown: Vec<(String, usize)>,
    /// Which of them are masked whatever they hold.
    masked: Vec<bool>,
    /// Header indices of columns with the name of a protected column.
    pub(crate) protected: Vec<usize>,
    mask: MaskPolicy,
}

impl CsvLayout {
    /// The layout of a file with these columns: a name, and the index of the source column if the contract knows it.
    pub(crate) fn new(syntax: CsvSyntax, columns: Vec<(String, Option<usize>)>, plan: &TransformPlan) -> Self {
        let mut layout = Self {
            slots: Vec::new(),
            records: CsvRecords {
                syntax,
                multiline: Vec::new(),
            },
            unknown: Vec::new(),
            masked: Vec::new(),
            protected: Vec::new(),
            mask: MaskPolicy::new(plan),
        };
        for (position, (name, source)) in columns.into_iter().enumerate() {
            if layout.mask.masks_name(&name) || (source.is_none() && layout.mask.masks_unknown(&name)) {
                layout.protected.push(position);
            }
            let longest = match source {
                Some(index) => plan.sources[index].longest_multiline(),
                None => plan.extra.unwrap_or(u32::MAX),
            };
            layout.records.multiline.push(longest);
            if let Some(index) = source {
                layout.slots.push(Slot::Source(index));
            } else {
                layout.slots.push(Slot::Unknown(0));
                layout.unknown.push((name, position));
            }
        }
        layout.unknown.sort();
        let names = layout.unknown.iter();
        layout.masked = names.map(|(name, _)| layout.mask.masks_unknown(name)).collect();
        for (index, (_, position)) in layout.unknown.iter().enumerate() {
            layout.slots[*position] = Slot::Unknown(index);
        }
        layout
    }

    /// A layout that only tells records apart.
    #[cfg(test)]
    pub(crate) fn of_records(records: CsvRecords) -> Self {
        Self {
            slots: Vec::new(),
            records,
            unknown: Vec::new(),
            masked: Vec::new(),
            protected: Vec::new(),
            mask: MaskPolicy::default(),
        }
    }

    /// The fields of the first line of a text that is no row.
    pub(crate) fn texts(&self, text: &[u8]) -> Vec<String> {
        let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        self.records.syntax.texts(line)
    }

    /// Properties of a block's text.
    pub(crate) fn traits_of(&self, text: &[u8]) -> BlockTraits {
        let syntax = &self.records.syntax;
        BlockTraits {
            plain: syntax.escape.is_none() && syntax.comment.is_none() && memchr(syntax.quote, text).is_none(),
            utf8: std::str::from_utf8(text).is_ok(),
        }
    }

    /// Whether text between rows is blank or a comment.
    pub(crate) fn separates(&self, gap: &[u8]) -> bool {
        let mut lines = gap.split(|byte| *byte == b'\n');
        lines.all(|line| is_blank(line) || self.records.syntax.is_comment(line))
    }

    /// Splits the next rows of a block, from `position` on, until the batch is full. Returns the position after them.
    ///
    /// `drift` counts the rows with a value, by unknown column.
    pub(crate) fn fill(
        &self,
        text: &[u8],
        position: usize,
        traits: BlockTraits,
        batch: &mut FieldBatch,
        drift: &mut [u64],
    ) -> usize {
        if traits.plain && traits.utf8 && self.unknown.is_empty() {
            self.fill_plain(text, position, batch)
        } else {
            self.fill_slowly(text, position, traits, batch, drift)
        }
    }

    /// Fast path: no quotes, escapes or comments, valid UTF-8, all columns known.
    fn fill_plain(&self, text: &[u8], position: usize, batch: &mut FieldBatch) -> usize {
        let (mut row_start, mut field_start) = (position, position);
        let mut column = 0;
        let mut base = batch.start_row();
        for at in memchr2_iter(self.records.syntax.delimiter, b'\n', &text[position..]) {
            let at = position + at;
            let ends_row = text[at] == b'\n';
            let end = at - usize::from(ends_row && at > field_start && text[at - 1] == b'\r');
            // A row with too many fields has no slot for the last ones.
            if let Some(Slot::Source(index)) = self.slots.get(column) {
                batch.fields[base + index] = Field::new(FieldKind::Text, field_start, end);
            }
            field_start = at + 1;
            column += 1;
            if ends_row {
                if column == 1 && is_blank(&text[row_start..end]) {
                    batch.drop_row(base);
                } else if column == self.slots.len() {
                    batch.end_row(row_start, end);
                } else {
                    batch.drop_row(base);
                    self.read_uneven(&text[row_start..end], row_start, true, batch, &mut []);
                }
                (row_start, column) = (field_start, 0);
                if batch.rows() == BATCH_ROWS {
                    return row_start;
                }
                base = batch.start_row();
            }
        }
        // The text ends with a line end, so the last row started has no field.
        batch.drop_row(base);
        text.len()
    }

    fn fill_slowly(
        &self,
        text: &[u8],
        mut position: usize,
        traits: BlockTraits,
        batch: &mut FieldBatch,
        drift: &mut [u64],
    ) -> usize {
        while position < text.len() && batch.rows() < BATCH_ROWS {
            let (end, fault) = match self.records.record_end(text, position, true) {
                RecordEnd::At(end) => (end, None),
                RecordEnd::Malformed(end, rule) => (end, Some(rule)),
                RecordEnd::Beyond => (text.len(), Some(Rule::UnclosedQuote)),
            };
            let record = without_line_end(&text[position..end]);
            let start = position;
            position = end;
            if is_blank(record) || self.records.syntax.is_comment(record) {
                continue;
            }
            if let Some(rule) = fault {
                let base = batch.start_row();
                batch.end_unreadable_row(base, start, start + record.len(), rule);
            } else if self.records.syntax.raw_fields(record).count() == self.slots.len() {
                self.read(record, start, traits.utf8, batch, drift);
            } else {
                self.read_uneven(record, start, traits.utf8, batch, drift);
            }
        }
        position
    }

    /// Reads a line with the wrong number of fields. It may be several rows with CR alone as line end.
    #[cold]
    fn read_uneven(&self, record: &[u8], start: usize, utf8: bool, batch: &mut FieldBatch, drift: &mut [u64]) {
        if memchr2(self.records.syntax.quote, b'\n', record).is_some() {
            return self.read(record, start, utf8, batch, drift);
        }
        let mut start = start;
        for line in record.split(|byte| *byte == b'\r') {
            if !is_blank(line) {
                self.read(line, start, utf8, batch, drift);
            }
            start += line.len() + 1;
        }
    }

    /// Reads one record as a row.
    fn read(&self, record: &[u8], start: usize, utf8: bool, batch: &mut FieldBatch, drift: &mut [u64]) {
        let base = batch.start_row();
        let end = start + record.len();
        if !utf8 && std::str::from_utf8(record).is_err() {
            batch.end_unreadable_row(base, start, end, Rule::NotUtf8);
        } else if !self.records.has_all_fields(record) {
            batch.end_unreadable_row(base, start, end, Rule::FieldCount);
        } else {
            self.split(record, start, base, batch, drift);
            batch.end_row(start, end);
        }
    }

    /// Splits a record with the right number of fields.
    fn split(&self, record: &[u8], offset: usize, base: usize, batch: &mut FieldBatch, drift: &mut [u64]) {
        let syntax = &self.records.syntax;
        let mut unknown = vec![Field::ABSENT; self.unknown.len()];
        for (slot, (start, end)) in self.slots.iter().zip(syntax.raw_fields(record)) {
            let raw = &record[start..end];
            let field = match raw {
                [first, inner @ .., last]
                    if *first == syntax.quote && *last == syntax.quote && syntax.is_verbatim(inner) =>
                {
                    Field::new(FieldKind::Text, offset + start + 1, offset + end - 1)
                }
                _ if raw.first() == Some(&syntax.quote) || (syntax.escape.is_some() && !syntax.is_verbatim(raw)) => {
                    let side = batch.side.len();
                    syntax.unquote(raw, &mut batch.side);
                    Field::in_side_buffer(FieldKind::Text, side, batch.side.len())
                }
                _ => Field::new(FieldKind::Text, offset + start, offset + end),
            };
            match slot {
                Slot::Source(index) => batch.fields[base + index] = field,
                Slot::Unknown(index) => unknown[*index] = field,
            }
        }
        if unknown.is_empty() {
            return;
        }
        let mut object = Vec::new();
        let columns = self.unknown.iter().zip(&self.masked).zip(&unknown).zip(drift);
        for ((((name, _), is_masked), field), drift) in columns {
            let value = if batch.is_in_side_buffer(*field) {
                batch.bytes(&[], *field)
            } else {
                batch.bytes_at(record, offset, *field)
            };
            let value = String::from_utf8_lossy(value);
            if value.trim().is_empty() {
                continue;
            }
            *drift += 1;
            object.push(if object.is_empty() { b'{' } else { b',' });
            write_text(name, &mut object);
            object.push(b':');
            let masked = *is_masked || self.mask.masks_text(&value);
            write_text(if masked { MASK } else { value.trim() }, &mut object);
        }
        if !object.is_empty() {
            object.push(b'}');
            let side = batch.side.len();
            batch.side.extend_from_slice(&object);
            let extra = base + batch.extra();
            batch.fields[extra] = Field::in_side_buffer(FieldKind::Text, side, side + object.len());
        }
    }
}

/// Properties of a block's text that select the path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct BlockTraits {
    /// A delimiter separates fields and a line end ends a row wherever it stands.
    plain: bool,
    /// Is valid UTF-8.
    utf8: bool,
}

/// Whether a line has no text.
pub(crate) fn is_blank(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_whitespace)
}
