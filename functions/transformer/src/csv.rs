//! CSV as RFC 4180 has it: commas, quotes doubled inside quotes, line ends LF or CRLF, a header row, columns in any order.
//!
//! A block without a quote is cut with one search for commas and line ends; only blocks with quotes take the longer way.
//! A line of nothing but blanks is no row.

use crate::batch::{BATCH_ROWS, Batch, Field, FieldKind};
use crate::blocks::{RecordEnd, quoted_end, record_end};
use crate::plan::Plan;
use crate::quarantine::Guard;
use crate::rule::Rule;
use cardlake_core::pii::MASK;
use memchr::{memchr, memchr_iter, memchr2_iter};

/// Where the field of a header goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    /// To a source column.
    Source(usize),
    /// To `extra`, under the unknown column's index.
    Unknown(usize),
}

/// The columns of a file.
#[derive(Debug, Clone)]
pub struct Layout {
    slots: Vec<Slot>,
    /// Columns that the contract does not know, with their place in the header, sorted by name.
    pub unknown: Vec<(String, usize)>,
    /// Places in the header of columns that are protected or called like one that is.
    pub protected: Vec<usize>,
    guard: Guard,
}

/// The byte order mark of UTF-8.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Layout {
    /// Understands a header record (without byte order mark, with or without its line end).
    ///
    /// # Errors
    /// Why the file cannot be read with this header.
    pub fn new(header: &[u8], plan: &Plan) -> Result<Self, String> {
        let text = std::str::from_utf8(header).map_err(|_| "the file is not UTF-8 text".to_owned())?;
        let mut names: Vec<String> = Vec::new();
        for field in raw_fields(text.as_bytes()) {
            let mut name = Vec::new();
            unquote(text.as_bytes().get(field.0..field.1).unwrap_or_default(), &mut name);
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
            guard: Guard::new(plan),
        };
        for (place, name) in names.into_iter().enumerate() {
            if layout.guard.hides_name(&name) {
                layout.protected.push(place);
            }
            match plan.sources.iter().position(|source| source.name == name) {
                Some(index) => {
                    layout.slots.push(Slot::Source(index));
                }
                None => {
                    layout.slots.push(Slot::Unknown(0));
                    layout.unknown.push((name, place));
                }
            }
        }
        layout.unknown.sort();
        for (index, (_, place)) in layout.unknown.iter().enumerate() {
            if let Some(slot) = layout.slots.get_mut(*place) {
                *slot = Slot::Unknown(index);
            }
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

    /// Cuts the next rows of a block, from `position` on, until the batch is full. Gives the position behind them.
    ///
    /// `drift` counts rows with a value, by unknown column.
    pub fn fill(
        &self,
        text: &[u8],
        position: usize,
        traits: BlockTraits,
        batch: &mut Batch,
        drift: &mut [u64],
    ) -> usize {
        if traits.quotes || !traits.utf8 || !self.unknown.is_empty() {
            self.fill_slowly(text, position, traits, batch, drift)
        } else {
            self.fill_plain(text, position, batch)
        }
    }

    /// Rows without quotes, all of it UTF-8, all columns known.
    fn fill_plain(&self, text: &[u8], position: usize, batch: &mut Batch) -> usize {
        let rest = text.get(position..).unwrap_or_default();
        let (mut row_start, mut field_start) = (position, position);
        let mut place = 0;
        let mut base = batch.start_row();
        for at in memchr2_iter(b',', b'\n', rest) {
            let at = position + at;
            let ends_row = text.get(at) == Some(&b'\n');
            let end = at - usize::from(ends_row && at > field_start && text.get(at - 1) == Some(&b'\r'));
            if let Some(Slot::Source(index)) = self.slots.get(place)
                && let Some(field) = batch.fields.get_mut(base + index)
            {
                *field = Field::new(FieldKind::Text, field_start, end);
            }
            field_start = at + 1;
            place += 1;
            if ends_row {
                let blank = || is_blank(text.get(row_start..end).unwrap_or_default());
                if place == 1 && blank() {
                    batch.drop_row(base);
                } else if place == self.slots.len() {
                    batch.end_row(row_start, end);
                } else {
                    batch.end_unreadable_row(base, row_start, end, Rule::FieldCount);
                }
                (row_start, place) = (field_start, 0);
                if batch.rows() == BATCH_ROWS {
                    return row_start;
                }
                base = batch.start_row();
            }
        }
        // The text ends with a line end, so the row that was started last has no field.
        batch.drop_row(base);
        text.len()
    }

    fn fill_slowly(
        &self,
        text: &[u8],
        mut position: usize,
        traits: BlockTraits,
        batch: &mut Batch,
        drift: &mut [u64],
    ) -> usize {
        while position < text.len() && batch.rows() < BATCH_ROWS {
            let (end, fault) = match record_end(text, position) {
                RecordEnd::At(end) => (end, None),
                RecordEnd::Malformed(end) => (end, Some(Rule::TextAfterQuote)),
                RecordEnd::Beyond => (text.len(), Some(Rule::UnclosedQuote)),
            };
            let record = without_line_end(text.get(position..end).unwrap_or_default());
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
                self.cut(record, start, base, batch, drift);
                batch.end_row(start, stop);
            }
        }
        position
    }

    /// Cuts a record with the right number of fields.
    fn cut(&self, record: &[u8], offset: usize, base: usize, batch: &mut Batch, drift: &mut [u64]) {
        let mut unknown = vec![Field::ABSENT; self.unknown.len()];
        for (slot, (start, end)) in self.slots.iter().zip(raw_fields(record)) {
            let raw = record.get(start..end).unwrap_or_default();
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
            let place = match slot {
                Slot::Source(index) => batch.fields.get_mut(base + index),
                Slot::Unknown(index) => unknown.get_mut(*index),
            };
            if let Some(place) = place {
                *place = field;
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
            crate::json::write_text(name, &mut object);
            object.push(b':');
            let hidden = self.guard.hides(name, &value);
            crate::json::write_text(if hidden { MASK } else { value.trim() }, &mut object);
        }
        if !object.is_empty() {
            object.push(b'}');
            let side = batch.side.len();
            batch.side.extend_from_slice(&object);
            let extra = base + batch.extra();
            if let Some(place) = batch.fields.get_mut(extra) {
                *place = Field::in_side_buffer(FieldKind::Text, side, side + object.len());
            }
        }
    }
}

/// What is known about the text of a block before it is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockTraits {
    /// There is a double quote somewhere.
    pub quotes: bool,
    /// All of it is UTF-8.
    pub utf8: bool,
}

impl BlockTraits {
    /// Looks at a text.
    #[must_use]
    pub fn of(text: &[u8]) -> Self {
        Self {
            quotes: memchr(b'"', text).is_some(),
            utf8: std::str::from_utf8(text).is_ok(),
        }
    }
}

fn is_blank(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_whitespace)
}

fn without_line_end(record: &[u8]) -> &[u8] {
    let record = record.strip_suffix(b"\n").unwrap_or(record);
    record.strip_suffix(b"\r").unwrap_or(record)
}

/// Start and end of the fields of a record, quotes included.
pub fn raw_fields(record: &[u8]) -> impl Iterator<Item = (usize, usize)> + '_ {
    let record = without_line_end(record);
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let start = next?;
        let quoted = record.get(start) == Some(&b'"');
        let from = if quoted {
            quoted_end(record, start).unwrap_or(record.len())
        } else {
            start
        };
        let end = memchr(b',', record.get(from..).unwrap_or_default()).map(|at| from + at);
        next = end.map(|end| end + 1);
        Some((start, end.unwrap_or(record.len())))
    })
}

/// Appends the text of a raw field: without its quotes, doubled ones single.
fn unquote(raw: &[u8], text: &mut Vec<u8>) {
    let Some(inner) = raw.strip_prefix(b"\"") else {
        text.extend_from_slice(raw);
        return;
    };
    let inner = inner.strip_suffix(b"\"").unwrap_or(inner);
    let mut from = 0;
    let mut quotes = memchr_iter(b'"', inner);
    while let Some(at) = quotes.next() {
        text.extend_from_slice(inner.get(from..=at).unwrap_or_default());
        from = at + 1;
        if inner.get(from) == Some(&b'"') {
            from += 1;
            quotes.next();
        }
    }
    text.extend_from_slice(inner.get(from..).unwrap_or_default());
}
