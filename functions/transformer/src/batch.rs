//! A few hundred rows, cut into fields but not yet read: what both parsers hand to the column readers.
//!
//! Fields are positions in the block's text, or in a side buffer where a text had to be unescaped; nothing is copied
//! otherwise. Rows are small enough in number for all of it to stay in the processor's cache.

use crate::rule::{Problem, Rule, Subject};

/// Rows of one batch.
pub const BATCH_ROWS: usize = 512;

/// What stands in a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum FieldKind {
    /// The row cannot be read; nothing is to be said about its fields.
    Unreadable,
    /// The field is not there, or is null.
    Absent,
    /// Text (all there is in CSV).
    Text,
    /// A JSON number, as written.
    Number,
    /// A JSON true or false, as written.
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

/// Where a field's text is, and what it is: 28 bits of length, 3 of kind, 1 that says that it is in the side buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    start: u32,
    length_and_kind: u32,
}

const LENGTH_BITS: u32 = 28;
const SIDE: u32 = 1 << 31;

impl Field {
    /// A field that is not there.
    pub const ABSENT: Self = Self {
        start: 0,
        length_and_kind: (FieldKind::Absent as u32) << LENGTH_BITS,
    };
    /// A field of a row that cannot be read.
    pub const UNREADABLE: Self = Self {
        start: 0,
        length_and_kind: (FieldKind::Unreadable as u32) << LENGTH_BITS,
    };

    /// A field of the block's text. Blocks are far below 2^28 bytes.
    #[inline]
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "a block holds fewer than 2^28 bytes")]
    pub const fn new(kind: FieldKind, start: usize, end: usize) -> Self {
        Self {
            start: start as u32,
            length_and_kind: (end - start) as u32 | (kind as u32) << LENGTH_BITS,
        }
    }

    /// A field of the side buffer.
    #[must_use]
    pub const fn in_side_buffer(kind: FieldKind, start: usize, end: usize) -> Self {
        let mut field = Self::new(kind, start, end);
        field.length_and_kind |= SIDE;
        field
    }

    /// What stands in it.
    #[inline]
    #[must_use]
    pub const fn kind(self) -> FieldKind {
        FieldKind::ALL[((self.length_and_kind >> LENGTH_BITS) & 7) as usize % FieldKind::ALL.len()]
    }
}

/// Rows cut into fields.
#[derive(Debug, Default)]
pub struct Batch {
    /// Fields, row after row, `width` for each.
    pub fields: Vec<Field>,
    /// Fields of a row: one for each source column, then one for the fields that the contract does not know.
    pub width: usize,
    /// Texts that had to be unescaped.
    pub side: Vec<u8>,
    /// Start and end of each row in the block's text.
    pub spans: Vec<(u32, u32)>,
    /// What is wrong with rows so far.
    pub problems: Vec<Problem>,
}

impl Batch {
    /// For rows with `sources` known columns.
    #[must_use]
    pub fn new(sources: usize) -> Self {
        Self {
            width: sources + 1,
            ..Self::default()
        }
    }

    /// Forgets all rows.
    pub fn clear(&mut self) {
        self.fields.clear();
        self.side.clear();
        self.spans.clear();
        self.problems.clear();
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.spans.len()
    }

    /// Index of the field in which the unknown fields of a row are collected.
    #[must_use]
    pub const fn extra(&self) -> usize {
        self.width - 1
    }

    /// Starts a row: all its fields are absent. Gives the index of its first field.
    #[inline]
    pub fn start_row(&mut self) -> usize {
        let base = self.fields.len();
        self.fields.resize(base + self.width, Field::ABSENT);
        base
    }

    /// Ends the row that was started last.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a block holds fewer than 2^28 bytes")]
    pub fn end_row(&mut self, start: usize, end: usize) {
        self.spans.push((start as u32, end as u32));
    }

    /// Takes back a row that was started and not ended.
    pub fn drop_row(&mut self, base: usize) {
        self.fields.truncate(base);
    }

    /// Ends the row that was started last as one that cannot be read.
    #[expect(clippy::cast_possible_truncation, reason = "a batch has few rows")]
    pub fn end_unreadable_row(&mut self, base: usize, start: usize, end: usize, rule: Rule) {
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
    #[must_use]
    pub const fn is_in_side_buffer(&self, field: Field) -> bool {
        field.length_and_kind & SIDE != 0
    }

    /// The bytes of a field when only a part of the block's text is at hand, which starts at `offset` there.
    #[must_use]
    pub fn bytes_at<'b>(&self, text: &'b [u8], offset: usize, field: Field) -> &'b [u8] {
        let start = (field.start as usize).saturating_sub(offset);
        let length = field.length_and_kind & ((1 << LENGTH_BITS) - 1);
        text.get(start..start + length as usize).unwrap_or_default()
    }

    /// The bytes of a field.
    #[inline]
    #[must_use]
    pub fn bytes<'b>(&'b self, text: &'b [u8], field: Field) -> &'b [u8] {
        let source = if field.length_and_kind & SIDE == 0 {
            text
        } else {
            &self.side
        };
        let (start, length) = (field.start as usize, field.length_and_kind & ((1 << LENGTH_BITS) - 1));
        source.get(start..start + length as usize).unwrap_or_default()
    }
}
