//! CSV (RFC 4180): commas, doubled quotes inside quotes, line ends LF or CRLF, a header row, columns in any order.
//!
//! A block without quotes is split in one pass over commas and line ends; only blocks with quotes take the slower path. Blank
//! lines are skipped.

use crate::batch::{BATCH_ROWS, Field, FieldBatch, FieldKind};
use crate::csv_record::{RecordEnd, raw_fields, record_end, unquote, without_line_end};
use crate::json_text::write_text;
use crate::mask::MaskPolicy;
use crate::plan::TransformPlan;
use crate::rule::Rule;
use cardlake_core::pii::MASK;
use memchr::{memchr, memchr2_iter};

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
    /// Unknown columns with their index in the header, sorted by name.
    pub(crate) unknown: Vec<(String, usize)>,
    /// Header indices of columns with the name of a protected column.
    pub(crate) protected: Vec<usize>,
    mask: MaskPolicy,
}

/// The byte order mark of UTF-8.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl CsvLayout {
    /// Parses a header record (without byte order mark, with or without its line end).
    ///
    /// # Errors
    /// The reason why the file is rejected.
    pub(crate) fn new(header: &[u8], plan: &TransformPlan) -> Result<Self, String> {
        let text = std::str::from_utf8(header).map_err(|_| "the file is not UTF-8 text".to_owned())?;
        let mut names: Vec<String> = Vec::new();
        for field in raw_fields(text.as_bytes()) {
            let mut name = Vec::new();
            unquote(&text.as_bytes()[field.0..field.1], &mut name);
            let name = String::from_utf8_lossy(&name).trim().to_owned();
            if names.contains(&name) {
                return Err(format!("the header names the column '{}' twice", name.escape_debug()));
            }
            names.push(name);
        }
        let mut layout = Self {
            slots: Vec::new(),
            unknown: Vec::new(),
            protected: Vec::new(),
            mask: MaskPolicy::new(plan),
        };
        for (position, name) in names.into_iter().enumerate() {
            if layout.mask.masks_name(&name) {
                layout.protected.push(position);
            }
            match plan.sources.iter().position(|source| source.name == name) {
                Some(index) => {
                    layout.slots.push(Slot::Source(index));
                }
                None => {
                    layout.slots.push(Slot::Unknown(0));
                    layout.unknown.push((name, position));
                }
            }
        }
        layout.unknown.sort();
        for (index, (_, position)) in layout.unknown.iter().enumerate() {
            layout.slots[*position] = Slot::Unknown(index);
        }
        let mut required = plan
            .sources
            .iter()
            .enumerate()
            .filter(|(_, source)| source.required)
            .peekable();
        if required.peek().is_some() && !required.any(|(index, _)| layout.slots.contains(&Slot::Source(index))) {
            return Err("the first line is no header: it names none of the required columns".to_owned());
        }
        Ok(layout)
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
        if traits.quotes || !traits.utf8 || !self.unknown.is_empty() {
            self.fill_slowly(text, position, traits, batch, drift)
        } else {
            self.fill_plain(text, position, batch)
        }
    }

    /// Fast path: no quotes, valid UTF-8, all columns known.
    fn fill_plain(&self, text: &[u8], position: usize, batch: &mut FieldBatch) -> usize {
        let (mut row_start, mut field_start) = (position, position);
        let mut column = 0;
        let mut base = batch.start_row();
        for at in memchr2_iter(b',', b'\n', &text[position..]) {
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
                    batch.end_unreadable_row(base, row_start, end, Rule::FieldCount);
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
            let (end, fault) = match record_end(text, position) {
                RecordEnd::At(end) => (end, None),
                RecordEnd::Malformed(end) => (end, Some(Rule::TextAfterQuote)),
                RecordEnd::Beyond => (text.len(), Some(Rule::UnclosedQuote)),
            };
            let record = without_line_end(&text[position..end]);
            let (start, stop) = (position, position + record.len());
            position = end;
            if is_blank(record) {
                continue;
            }
            let base = batch.start_row();
            if let Some(rule) = fault {
                batch.end_unreadable_row(base, start, stop, rule);
            } else if !traits.utf8 && std::str::from_utf8(record).is_err() {
                batch.end_unreadable_row(base, start, stop, Rule::NotUtf8);
            } else if raw_fields(record).count() != self.slots.len() {
                batch.end_unreadable_row(base, start, stop, Rule::FieldCount);
            } else {
                self.split(record, start, base, batch, drift);
                batch.end_row(start, stop);
            }
        }
        position
    }

    /// Splits a record with the right number of fields.
    fn split(&self, record: &[u8], offset: usize, base: usize, batch: &mut FieldBatch, drift: &mut [u64]) {
        let mut unknown = vec![Field::ABSENT; self.unknown.len()];
        for (slot, (start, end)) in self.slots.iter().zip(raw_fields(record)) {
            let raw = &record[start..end];
            let field = match raw {
                [b'"', inner @ .., b'"'] if memchr(b'"', inner).is_none() => {
                    Field::new(FieldKind::Text, offset + start + 1, offset + end - 1)
                }
                [b'"', ..] => {
                    let side = batch.side.len();
                    unquote(raw, &mut batch.side);
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
        for (((name, _), field), drift) in self.unknown.iter().zip(&unknown).zip(drift) {
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
            let masked = self.mask.masks(name, &value);
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockTraits {
    /// Contains a double quote.
    pub(crate) quotes: bool,
    /// Is valid UTF-8.
    pub(crate) utf8: bool,
}

impl BlockTraits {
    /// Scans a text.
    pub(crate) fn of(text: &[u8]) -> Self {
        Self {
            quotes: memchr(b'"', text).is_some(),
            utf8: std::str::from_utf8(text).is_ok(),
        }
    }
}

fn is_blank(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_whitespace)
}
