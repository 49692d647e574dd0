//! JSON: objects with fields by name in any order; one per line, one after the other, or in an array.
//!
//! A flat object whose strings need no unescaping is split in place by a scanner, which accepts only valid JSON. Every other
//! one goes to `serde_json`. Numbers are passed on as written and never converted to binary floating point. The last of
//! repeated fields wins. Blank lines are skipped.

use crate::batch::{BATCH_ROWS, Field, FieldBatch, FieldKind};
use crate::json_record::{NextRecord, next_record};
use crate::json_text::{Entries, write_compact, write_text};
use crate::mask::MaskPolicy;
use crate::plan::TransformPlan;
use crate::rule::Rule;
use cardlake_core::pii::MASK;
use memchr::{memchr, memchr2};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// Splits objects into fields; one per worker.
#[derive(Debug, Clone)]
pub(crate) struct JsonRows {
    /// Whether the file has one object in each line.
    lines: bool,
    names: Vec<String>,
    mask: MaskPolicy,
    /// Column of each field of the previous row: most files have their fields in one order.
    order: Vec<Option<usize>>,
    /// Number of rows with an unknown field, by field.
    pub(crate) drift: BTreeMap<String, u64>,
    /// Number of repeated fields.
    pub(crate) repeated: u64,
    /// Whether an unknown field is masked whatever it holds, of the first fields that were seen.
    masked: HashMap<String, bool>,
}

/// Names of unknown fields that are remembered.
const REMEMBERED_NAMES: usize = 1_000;

/// An unknown field: name, and value as JSON.
type Unknown<'t> = (Cow<'t, str>, &'t str);

impl JsonRows {
    /// Creates a splitter for the columns of a plan.
    pub(crate) fn new(plan: &TransformPlan, lines: bool) -> Self {
        Self {
            lines,
            names: plan.sources.iter().map(|source| source.name.clone()).collect(),
            mask: MaskPolicy::new(plan),
            order: Vec::new(),
            drift: BTreeMap::new(),
            repeated: 0,
            masked: HashMap::new(),
        }
    }

    /// Splits the next rows of a block, from `position` on, until the batch is full. Returns the position after them.
    pub(crate) fn fill(&mut self, text: &[u8], mut position: usize, batch: &mut FieldBatch) -> usize {
        if !self.lines {
            return self.fill_objects(text, position, BATCH_ROWS, batch);
        }
        while position < text.len() && batch.rows() < BATCH_ROWS {
            let start = position;
            let unread = &text[start..];
            let line = &unread[..memchr(b'\n', unread).unwrap_or(unread.len())];
            position += line.len() + 1;
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let base = batch.start_row();
            match self.object(line, start, base, batch) {
                Ok(()) => batch.end_row(start, start + line.len()),
                Err(rule) if is_one_record(line) => {
                    batch.end_unreadable_row(base, start, start + line.len(), rule);
                }
                Err(_) => {
                    batch.drop_row(base);
                    self.fill_objects(&text[..start + line.len()], start, usize::MAX, batch);
                }
            }
        }
        position
    }

    /// Splits the next objects, wherever they begin and end, until the batch has `rows`.
    fn fill_objects(&mut self, text: &[u8], mut position: usize, rows: usize, batch: &mut FieldBatch) -> usize {
        while batch.rows() < rows {
            let NextRecord::Found { start, end, .. } = next_record(text, position, true) else {
                return text.len();
            };
            position = end;
            let base = batch.start_row();
            match self.object(&text[start..end], start, base, batch) {
                Ok(()) => batch.end_row(start, end),
                Err(rule) => batch.end_unreadable_row(base, start, end, rule),
            }
        }
        position
    }

    fn object(&mut self, line: &[u8], offset: usize, base: usize, batch: &mut FieldBatch) -> Result<(), Rule> {
        let (side, repeated) = (batch.side.len(), self.repeated);
        if self.flat(line, offset, base, batch).is_some() {
            return Ok(());
        }
        batch.side.truncate(side);
        self.repeated = repeated;
        let width = batch.width;
        batch.fields[base..base + width].fill(Field::ABSENT);
        let text = std::str::from_utf8(line).map_err(|_| Rule::NotUtf8)?;
        let Entries(entries) = serde_json::from_str(text).map_err(|_| Rule::NotJson)?;
        let mut unknown = Vec::new();
        for (name, value) in entries {
            match self.names.iter().position(|known| *known == name) {
                Some(index) => {
                    let field = value_field(value.get(), batch)?;
                    self.set(batch, base, index, field);
                }
                None => unknown.push((name, value.get())),
            }
        }
        self.extra(unknown, base, batch);
        Ok(())
    }

    fn set(&mut self, batch: &mut FieldBatch, base: usize, index: usize, field: Field) {
        let slot = &mut batch.fields[base + index];
        self.repeated += u64::from(*slot != Field::ABSENT);
        *slot = field;
    }

    /// Fast path: a valid flat object without escapes. `None` leaves the line to the slow path.
    fn flat(&mut self, line: &[u8], offset: usize, base: usize, batch: &mut FieldBatch) -> Option<()> {
        let mut position = skip_blanks(line, 0);
        if line.get(position) != Some(&b'{') {
            return None;
        }
        position = skip_blanks(line, position + 1);
        let mut unknown: Vec<Unknown<'_>> = Vec::new();
        let mut nth = 0;
        if line.get(position) == Some(&b'}') {
            return (skip_blanks(line, position + 1) == line.len()).then_some(());
        }
        loop {
            let (name_start, name_end) = plain_string(line, position)?;
            let name = line.get(name_start..name_end)?;
            position = skip_blanks(line, name_end + 1);
            if line.get(position) != Some(&b':') {
                return None;
            }
            position = skip_blanks(line, position + 1);
            let (kind, start, end, next) = plain_value(line, position)?;
            match self.column(name, nth) {
                Some(index) => {
                    let field = match kind {
                        FieldKind::Absent => Field::ABSENT,
                        _ => Field::new(kind, offset + start, offset + end),
                    };
                    self.set(batch, base, index, field);
                }
                None => {
                    let name = std::str::from_utf8(name).ok()?;
                    unknown.push((
                        Cow::Borrowed(name),
                        std::str::from_utf8(line.get(position..next)?).ok()?,
                    ));
                }
            }
            nth += 1;
            position = skip_blanks(line, next);
            match line.get(position)? {
                b',' => position = skip_blanks(line, position + 1),
                b'}' => break,
                _ => return None,
            }
        }
        if skip_blanks(line, position + 1) != line.len() {
            return None;
        }
        self.extra(unknown, base, batch);
        Some(())
    }

    /// Column of the `nth` field of a row, by its name.
    #[inline]
    fn column(&mut self, name: &[u8], nth: usize) -> Option<usize> {
        if let Some(Some(guess)) = self.order.get(nth)
            && self.names[*guess].as_bytes() == name
        {
            return Some(*guess);
        }
        let found = self.names.iter().position(|known| known.as_bytes() == name);
        if nth >= self.order.len() {
            self.order.resize(nth + 1, None);
        }
        self.order[nth] = found;
        found
    }

    /// Collects the unknown fields of a row: sorted by name, the last of each name, without nulls.
    fn extra(&mut self, unknown: Vec<Unknown<'_>>, base: usize, batch: &mut FieldBatch) {
        if unknown.is_empty() {
            return;
        }
        let mut fields: BTreeMap<Cow<'_, str>, &str> = BTreeMap::new();
        for (name, value) in unknown {
            let name = if self.mask.hides_name(&name) {
                Cow::Borrowed(MASK)
            } else {
                name
            };
            self.repeated += u64::from(fields.insert(name, value).is_some());
        }
        let side = batch.side.len();
        for (name, value) in fields.into_iter().filter(|(_, value)| *value != "null") {
            batch.side.push(if batch.side.len() == side { b'{' } else { b',' });
            write_text(&name, &mut batch.side);
            batch.side.push(b':');
            let is_masked = match self.masked.get(name.as_ref()) {
                Some(is_masked) => *is_masked,
                None => {
                    let is_masked = self.mask.masks_unknown(&name);
                    if self.masked.len() < REMEMBERED_NAMES {
                        self.masked.insert(name.clone().into_owned(), is_masked);
                    }
                    is_masked
                }
            };
            if is_masked || self.mask.masks_json(value) {
                write_text(MASK, &mut batch.side);
            } else {
                write_compact(value, &mut batch.side);
            }
            match self.drift.get_mut(name.as_ref()) {
                Some(count) => *count += 1,
                None => {
                    self.drift.insert(name.into_owned(), 1);
                }
            }
        }
        if batch.side.len() > side {
            batch.side.push(b'}');
            let extra = base + batch.extra();
            batch.fields[extra] = Field::in_side_buffer(FieldKind::Text, side, batch.side.len());
        }
    }
}

/// Whether an unreadable line is one record, not several.
#[cold]
fn is_one_record(line: &[u8]) -> bool {
    match next_record(line, 0, true) {
        NextRecord::Found { start, end, .. } => {
            let (before, behind) = (&line[..start], &line[end..]);
            before.iter().chain(behind).all(u8::is_ascii_whitespace)
        }
        // Brackets without an object hold no row.
        NextRecord::None | NextRecord::Beyond => false,
    }
}

#[inline]
fn skip_blanks(line: &[u8], mut position: usize) -> usize {
    while matches!(line.get(position), Some(b' ' | b'\t' | b'\r' | b'\n')) {
        position += 1;
    }
    position
}

/// Start and end of the text of the string at `position`, if it is valid and has no escapes.
#[inline]
fn plain_string(line: &[u8], position: usize) -> Option<(usize, usize)> {
    if line.get(position) != Some(&b'"') {
        return None;
    }
    let start = position + 1;
    let end = start + memchr2(b'"', b'\\', line.get(start..)?)?;
    let text = line.get(start..end)?;
    let plain = line.get(end) == Some(&b'"') && text.iter().all(|byte| (0x20..0x80).contains(byte));
    // Non-ASCII text must be valid UTF-8.
    let valid = plain
        || (line.get(end) == Some(&b'"') && text.iter().all(|byte| *byte >= 0x20) && std::str::from_utf8(text).is_ok());
    valid.then_some((start, end))
}

/// Kind, start and end of the value at `position`, and the position after it, if it is a plain string, number or literal.
#[inline]
fn plain_value(line: &[u8], position: usize) -> Option<(FieldKind, usize, usize, usize)> {
    let value = line.get(position..)?;
    let literal = |kind, length| Some((kind, position, position + length, position + length));
    match value.first()? {
        b'"' => {
            let (start, end) = plain_string(line, position)?;
            Some((FieldKind::Text, start, end, end + 1))
        }
        b'-' | b'0'..=b'9' => literal(FieldKind::Number, number_length(value)?),
        b't' if value.starts_with(b"true") => literal(FieldKind::Boolean, 4),
        b'f' if value.starts_with(b"false") => literal(FieldKind::Boolean, 5),
        b'n' if value.starts_with(b"null") => literal(FieldKind::Absent, 4),
        _ => None,
    }
}

/// Length of the JSON number (RFC 8259) at the start of `text`.
fn number_length(text: &[u8]) -> Option<usize> {
    let digits = |from: usize| text.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
    let mut length = usize::from(text.first() == Some(&b'-'));
    length += match text.get(length)? {
        b'0' => 1,
        b'1'..=b'9' => digits(length),
        _ => return None,
    };
    if text.get(length) == Some(&b'.') {
        let fraction = digits(length + 1);
        length += (fraction > 0).then_some(fraction + 1)?;
    }
    if matches!(text.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(length + 1), Some(b'+' | b'-')));
        let exponent = digits(length + 1 + sign);
        length += (exponent > 0).then_some(exponent + 1 + sign)?;
    }
    Some(length)
}

/// The field of a valid JSON value; its text goes to the side buffer.
fn value_field(value: &str, batch: &mut FieldBatch) -> Result<Field, Rule> {
    let (kind, text) = match value.as_bytes().first() {
        Some(b'"') => {
            let text: String = serde_json::from_str(value).map_err(|_| Rule::NotJson)?;
            (FieldKind::Text, Cow::Owned(text))
        }
        Some(b'{' | b'[') => (FieldKind::Nested, Cow::Borrowed("")),
        Some(b't' | b'f') => (FieldKind::Boolean, Cow::Borrowed(value)),
        Some(b'n') | None => return Ok(Field::ABSENT),
        Some(_) => (FieldKind::Number, Cow::Borrowed(value)),
    };
    let start = batch.side.len();
    batch.side.extend_from_slice(text.as_bytes());
    Ok(Field::in_side_buffer(kind, start, batch.side.len()))
}
