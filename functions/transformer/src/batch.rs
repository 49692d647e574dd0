//! A few hundred rows split into fields: the output of both parsers and the input of the column readers.
//!
//! Fields are ranges of the block's text, or of a side buffer where a text had to be unescaped; nothing else is copied. A
//! batch is small enough to stay in the processor's cache.

use crate::rule::{Problem, Rule, Subject};

/// Maximum rows of a batch.
pub(crate) const BATCH_ROWS: usize = 512;

/// Kind of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum FieldKind {
    /// The row is unreadable, and so are its fields.
    Unreadable,
    /// Missing or null.
    Absent,
    /// Text (the only kind in CSV).
    Text,
    /// A JSON number, as written.
    Number,
    /// A JSON boolean, as written.
    Boolean,
    /// A JSON object or array.
    Nested,
}

impl FieldKind {
    const ALL: [Self; 6] = [
        Self::Unreadable,
        Self::Absent,
        Self::Text,
        Self::Number,
        Self::Boolean,
        Self::Nested,
    ];
}

/// Location and kind of a field: 28 bits of length, 3 of kind, 1 for the side buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field {
    start: u32,
    length_and_kind: u32,
}

const LENGTH_BITS: u32 = 28;
const SIDE: u32 = 1 << 31;

impl Field {
    /// A missing field.
    pub(crate) const ABSENT: Self = Self {
        start: 0,
        length_and_kind: (FieldKind::Absent as u32) << LENGTH_BITS,
    };
    /// A field of an unreadable row.
    pub(crate) const UNREADABLE: Self = Self {
        start: 0,
        length_and_kind: (FieldKind::Unreadable as u32) << LENGTH_BITS,
    };

    /// A field of the block's text.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a block holds fewer than 2^28 bytes")]
    pub(crate) const fn new(kind: FieldKind, start: usize, end: usize) -> Self {
        Self {
            start: start as u32,
            length_and_kind: (end - start) as u32 | (kind as u32) << LENGTH_BITS,
        }
    }

    /// A field of the side buffer.
    pub(crate) const fn in_side_buffer(kind: FieldKind, start: usize, end: usize) -> Self {
        let mut field = Self::new(kind, start, end);
        field.length_and_kind |= SIDE;
        field
    }

    /// Kind of the field.
    #[inline]
    pub(crate) const fn kind(self) -> FieldKind {
        FieldKind::ALL[((self.length_and_kind >> LENGTH_BITS) & 7) as usize % FieldKind::ALL.len()]
    }
}

/// Rows split into fields.
#[derive(Debug, Default)]
pub(crate) struct FieldBatch {
    /// Fields, `width` per row.
    pub(crate) fields: Vec<Field>,
    /// Fields per row: one per source column, then one for the unknown fields.
    pub(crate) width: usize,
    /// Unescaped texts.
    pub(crate) side: Vec<u8>,
    /// Start and end of each row in the block's text.
    pub(crate) spans: Vec<(u32, u32)>,
    /// Violations found so far.
    pub(crate) problems: Vec<Problem>,
}

impl FieldBatch {
    /// Creates a batch for rows with `sources` source columns.
    pub(crate) fn new(sources: usize) -> Self {
        Self {
            width: sources + 1,
            ..Self::default()
        }
    }

    /// Removes all rows.
    pub(crate) fn clear(&mut self) {
        self.fields.clear();
        self.side.clear();
        self.spans.clear();
        self.problems.clear();
    }

    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.spans.len()
    }

    /// Index within a row of the field that collects its unknown fields.
    pub(crate) const fn extra(&self) -> usize {
        self.width - 1
    }

    /// Starts a row of absent fields; returns the index of its first field.
    #[inline]
    pub(crate) fn start_row(&mut self) -> usize {
        let base = self.fields.len();
        self.fields.resize(base + self.width, Field::ABSENT);
        base
    }

    /// Ends the row that was started last.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a block holds fewer than 2^28 bytes")]
    pub(crate) fn end_row(&mut self, start: usize, end: usize) {
        self.spans.push((start as u32, end as u32));
    }

    /// Discards a row that was started and not ended.
    pub(crate) fn drop_row(&mut self, base: usize) {
        self.fields.truncate(base);
    }

    /// Ends the row that was started last as unreadable.
    #[expect(clippy::cast_possible_truncation, reason = "a batch has few rows")]
    pub(crate) fn end_unreadable_row(&mut self, base: usize, start: usize, end: usize, rule: Rule) {
        self.fields.truncate(base);
        self.fields.resize(base + self.width, Field::UNREADABLE);
        self.problems.push(Problem {
            row: self.spans.len() as u32,
            subject: Subject::Row,
            rule,
        });
        self.end_row(start, end);
    }

    /// Whether a field is in the side buffer.
    pub(crate) const fn is_in_side_buffer(&self, field: Field) -> bool {
        field.length_and_kind & SIDE != 0
    }

    /// The bytes of a field of the block's text, of which `text` is the part from `offset` on.
    pub(crate) fn bytes_at<'b>(&self, text: &'b [u8], offset: usize, field: Field) -> &'b [u8] {
        let start = field.start as usize - offset;
        let length = field.length_and_kind & ((1 << LENGTH_BITS) - 1);
        &text[start..start + length as usize]
    }

    /// The bytes of a field.
    #[inline]
    pub(crate) fn bytes<'b>(&'b self, text: &'b [u8], field: Field) -> &'b [u8] {
        let source = if field.length_and_kind & SIDE == 0 {
            text
        } else {
            &self.side
        };
        let (start, length) = (field.start as usize, field.length_and_kind & ((1 << LENGTH_BITS) - 1));
        &source[start..start + length as usize]
    }
}
