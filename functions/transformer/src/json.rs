//! JSON lines: one object on each line, fields by name in any order.
//!
//! The usual line is a flat object whose strings need no unescaping: a scanner takes it apart in place. It takes
//! only lines that are valid JSON beyond doubt; any other line goes to `serde_json`, which decides. Numbers are handed on as
//! written and never pass through a binary float. Of a field that occurs twice the last one counts. A line of nothing but
//! blanks is no row.

use crate::batch::{BATCH_ROWS, Batch, Field, FieldKind};
use crate::plan::Plan;
use crate::quarantine::Guard;
use crate::rule::Rule;
use cardlake_core::pii::MASK;
use memchr::{memchr, memchr2};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// Takes lines apart; one for each worker.
#[derive(Debug, Clone)]
pub struct Lines {
    names: Vec<String>,
    guard: Guard,
    /// Column of the field at each place of the row before: rows of a file mostly have their fields in one order.
    order: Vec<usize>,
    /// Rows in which a field occurs that the contract does not know, by field.
    pub drift: BTreeMap<String, u64>,
    /// Fields that occurred more than once in their row.
    pub repeated: u64,
}

/// A field that the contract does not know: name, and value as JSON.
type Unknown<'t> = (Cow<'t, str>, &'t str);

impl Lines {
    /// For the columns of a plan.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        Self {
            names: plan.sources.iter().map(|source| source.name.clone()).collect(),
            guard: Guard::new(plan),
            order: Vec::new(),
            drift: BTreeMap::new(),
            repeated: 0,
        }
    }

    /// Cuts the next rows of a block, from `position` on, until the batch is full. Gives the position behind them.
    pub fn fill(&mut self, text: &[u8], mut position: usize, batch: &mut Batch) -> usize {
        while position < text.len() && batch.rows() < BATCH_ROWS {
            let rest = text.get(position..).unwrap_or_default();
            let end = memchr(b'\n', rest).unwrap_or(rest.len());
            let line = rest.get(..end).unwrap_or_default();
            let start = position;
            position += end + 1;
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let base = batch.start_row();
            match self.line(line, start, base, batch) {
                Ok(()) => batch.end_row(start, start + line.len()),
                Err(rule) => batch.end_unreadable_row(base, start, start + line.len(), rule),
            }
        }
        position
    }

    fn line(&mut self, line: &[u8], offset: usize, base: usize, batch: &mut Batch) -> Result<(), Rule> {
        let (side, repeated) = (batch.side.len(), self.repeated);
        if self.flat(line, offset, base, batch).is_some() {
            return Ok(());
        }
        batch.side.truncate(side);
        self.repeated = repeated;
        let width = batch.width;
        if let Some(fields) = batch.fields.get_mut(base..base + width) {
            fields.fill(Field::ABSENT);
        }
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

    fn set(&mut self, batch: &mut Batch, base: usize, index: usize, field: Field) {
        if let Some(place) = batch.fields.get_mut(base + index) {
            self.repeated += u64::from(*place != Field::ABSENT);
            *place = field;
        }
    }

    /// A flat object without escapes, all of it valid; none says nothing about the line.
    fn flat(&mut self, line: &[u8], offset: usize, base: usize, batch: &mut Batch) -> Option<()> {
        let mut position = skip_blanks(line, 0);
        if line.get(position) != Some(&b'{') {
            return None;
        }
        position = skip_blanks(line, position + 1);
        let mut unknown: Vec<Unknown<'_>> = Vec::new();
        let mut place = 0;
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
            match self.column(name, place) {
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
            place += 1;
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

    /// The column of a name; `place` is the number of the field in its row.
    #[inline]
    fn column(&mut self, name: &[u8], place: usize) -> Option<usize> {
        let guess = self.order.get(place).copied().unwrap_or(usize::MAX);
        if self.names.get(guess).is_some_and(|known| known.as_bytes() == name) {
            return Some(guess);
        }
        let found = self.names.iter().position(|known| known.as_bytes() == name);
        if place >= self.order.len() {
            self.order.resize(place + 1, usize::MAX);
        }
        if let Some(guess) = self.order.get_mut(place) {
            *guess = found.unwrap_or(usize::MAX);
        }
        found
    }

    /// Collects the unknown fields of a row, sorted by name, the last of each name, without nulls.
    fn extra(&mut self, unknown: Vec<Unknown<'_>>, base: usize, batch: &mut Batch) {
        if unknown.is_empty() {
            return;
        }
        let mut fields: BTreeMap<Cow<'_, str>, &str> = BTreeMap::new();
        for (name, value) in unknown {
            self.repeated += u64::from(fields.insert(name, value).is_some());
        }
        let side = batch.side.len();
        for (name, value) in fields.into_iter().filter(|(_, value)| *value != "null") {
            batch.side.push(if batch.side.len() == side { b'{' } else { b',' });
            write_text(&name, &mut batch.side);
            batch.side.push(b':');
            if self.guard.hides(&name, value) {
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
            if let Some(place) = batch.fields.get_mut(extra) {
                *place = Field::in_side_buffer(FieldKind::Text, side, batch.side.len());
            }
        }
    }
}

#[inline]
fn skip_blanks(line: &[u8], mut position: usize) -> usize {
    while matches!(line.get(position), Some(b' ' | b'\t' | b'\r' | b'\n')) {
        position += 1;
    }
    position
}

/// Start and end of the text of the string that starts at `position`, if it has no escape and is valid.
#[inline]
fn plain_string(line: &[u8], position: usize) -> Option<(usize, usize)> {
    if line.get(position) != Some(&b'"') {
        return None;
    }
    let start = position + 1;
    let end = start + memchr2(b'"', b'\\', line.get(start..)?)?;
    let text = line.get(start..end)?;
    let plain = line.get(end) == Some(&b'"') && text.iter().all(|byte| (0x20..0x80).contains(byte));
    // Text beyond ASCII is valid only if it is UTF-8.
    let valid = plain
        || (line.get(end) == Some(&b'"') && text.iter().all(|byte| *byte >= 0x20) && std::str::from_utf8(text).is_ok());
    valid.then_some((start, end))
}

/// Kind, text and the position behind the value that starts at `position`, if it is a plain string, number or literal.
#[inline]
fn plain_value(line: &[u8], position: usize) -> Option<(FieldKind, usize, usize, usize)> {
    let rest = line.get(position..)?;
    let literal = |kind, length| Some((kind, position, position + length, position + length));
    match rest.first()? {
        b'"' => {
            let (start, end) = plain_string(line, position)?;
            Some((FieldKind::Text, start, end, end + 1))
        }
        b'-' | b'0'..=b'9' => literal(FieldKind::Number, number_length(rest)?),
        b't' if rest.starts_with(b"true") => literal(FieldKind::Boolean, 4),
        b'f' if rest.starts_with(b"false") => literal(FieldKind::Boolean, 5),
        b'n' if rest.starts_with(b"null") => literal(FieldKind::Absent, 4),
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

/// The field for a value that `serde_json` found valid; its text goes to the side buffer.
fn value_field(value: &str, batch: &mut Batch) -> Result<Field, Rule> {
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

/// Appends a text as a JSON string.
pub fn write_text(text: &str, json: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = serde_json::to_writer(json, text);
}

/// Appends a valid JSON value without the blanks around its parts.
fn write_compact(value: &str, json: &mut Vec<u8>) {
    let (mut in_string, mut escaped) = (false, false);
    for byte in value.bytes() {
        if in_string || !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            json.push(byte);
        }
        if byte == b'"' && !escaped {
            in_string = !in_string;
        }
        escaped = in_string && byte == b'\\' && !escaped;
    }
}

/// The fields of an object in their order, repeated ones too.
pub struct Entries<'t>(pub Vec<(Cow<'t, str>, &'t RawValue)>);

impl<'t> Deserialize<'t> for Entries<'t> {
    fn deserialize<D: Deserializer<'t>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'t> Visitor<'t> for Object {
            type Value = Entries<'t>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Entries<'t>, A::Error> {
                let mut entries = Vec::new();
                while let Some((Name(name), value)) = map.next_entry()? {
                    entries.push((name, value));
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A field name, borrowed when it has no escape.
struct Name<'t>(Cow<'t, str>);

impl<'t> Deserialize<'t> for Name<'t> {
    fn deserialize<D: Deserializer<'t>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'t> Visitor<'t> for Text {
            type Value = Name<'t>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field name")
            }

            fn visit_borrowed_str<E>(self, text: &'t str) -> Result<Name<'t>, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Name<'t>, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}
