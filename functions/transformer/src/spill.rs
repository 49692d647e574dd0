//! Rows of an object that is too large for memory, in a temporary file, spread over buckets by a hash of their key.
//!
//! All rows with one key are in one bucket, so each bucket can be sorted and settled alone: files of one object never share a
//! key. The file is private to the process and has no name; it goes with the process, whatever happens.

use crate::builder::{Column, Pool, Rows, Values};
use crate::plan::{Kind, Plan};
use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom, Write};
use xxhash_rust::xxh3::xxh3_64;

/// Fewest buckets: an object that is spilled does not fit into one.
const MINIMUM_BUCKETS: u64 = 4;
/// Most buckets, which bounds the size of objects at that many runs.
const MAXIMUM_BUCKETS: u64 = 256;

/// Number of buckets for a file of about `bytes` bytes, so that a bucket is about half a run.
#[must_use]
pub fn buckets(bytes: u64, run_bytes: u64) -> usize {
    let wanted = bytes.div_ceil((run_bytes / 2).max(1));
    wanted.clamp(MINIMUM_BUCKETS, MAXIMUM_BUCKETS) as usize
}

/// Spilled rows.
#[derive(Debug)]
pub struct Spill {
    file: File,
    end: u64,
    /// Offset and length of the pieces of each bucket.
    pieces: Vec<Vec<(u64, usize)>>,
}

impl Spill {
    /// Opens a temporary file.
    ///
    /// # Errors
    /// There can be none.
    pub fn new(buckets: usize) -> Result<Self> {
        Ok(Self {
            file: tempfile::tempfile()?,
            end: 0,
            pieces: vec![Vec::new(); buckets],
        })
    }

    /// Number of buckets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Whether there is no bucket.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Adds rows.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn add(&mut self, plan: &Plan, rows: &Rows) -> Result<()> {
        let mut orders: Vec<Vec<usize>> = vec![Vec::new(); self.pieces.len()];
        for row in 0..rows.len() {
            let bucket = key_hash(plan, rows, row) % orders.len().max(1) as u64;
            if let Some(order) = orders.get_mut(bucket as usize) {
                order.push(row);
            }
        }
        let mut piece = Vec::new();
        for (order, pieces) in orders.iter().zip(&mut self.pieces) {
            piece.clear();
            write_rows(rows, order, &mut piece);
            self.file.write_all(&piece)?;
            pieces.push((self.end, piece.len()));
            self.end += piece.len() as u64;
        }
        Ok(())
    }

    /// The rows of a bucket.
    ///
    /// # Errors
    /// The disk fails.
    pub fn load(&mut self, plan: &Plan, bucket: usize) -> Result<Rows> {
        let mut rows = Rows::new(plan);
        let mut piece = Vec::new();
        for (offset, length) in self.pieces.get(bucket).into_iter().flatten() {
            self.file.seek(SeekFrom::Start(*offset))?;
            piece.resize(*length, 0);
            self.file.read_exact(&mut piece)?;
            read_rows(&mut rows, &mut piece.as_slice())
                .ok_or_else(|| Error::new(ErrorKind::InvalidData, "the temporary file is damaged"))?;
        }
        Ok(rows)
    }
}

/// A hash of the key of a row.
fn key_hash(plan: &Plan, rows: &Rows, row: usize) -> u64 {
    let columns = plan
        .key
        .iter()
        .filter_map(|key| Some((plan.sources.get(*key)?, rows.columns.get(*key)?)));
    columns.fold(0, |hash: u64, (source, column)| {
        let share = match (&column.values, &source.kind) {
            (Values::Uuid(values), _) => values.get(row).map(|value| xxh3_64(&value.to_be_bytes())),
            (Values::Text(codes, pool), _) => codes.get(row).map(|code| pool.hash(*code)),
            (Values::Code(codes), Kind::Code(words)) => codes
                .get(row)
                .and_then(|code| words.get(usize::from(*code)))
                .map(|word| word.hash),
            (Values::Long(values), _) => values.get(row).map(|value| xxh3_64(&value.to_le_bytes())),
            (Values::Wide(values), _) => values.get(row).map(|value| xxh3_64(&value.to_le_bytes())),
            (Values::Double(values), _) => values.get(row).map(|value| xxh3_64(&value.to_le_bytes())),
            (Values::Boolean(values), _) => values.get(row).map(|value| u64::from(*value)),
            (Values::Code(_), _) => None,
        };
        hash.rotate_left(7).wrapping_add(share.unwrap_or(0))
    })
}

/// A value of a fixed number of bytes.
trait Fixed: Copy {
    fn write(self, piece: &mut Vec<u8>);
    fn read(piece: &mut &[u8]) -> Option<Self>;
}

macro_rules! fixed {
    ($($type:ty),*) => {$(
        impl Fixed for $type {
            fn write(self, piece: &mut Vec<u8>) {
                piece.extend_from_slice(&self.to_le_bytes());
            }

            fn read(piece: &mut &[u8]) -> Option<Self> {
                let (bytes, rest) = piece.split_first_chunk()?;
                *piece = rest;
                Some(Self::from_le_bytes(*bytes))
            }
        }
    )*};
}

fixed!(u8, u32, u64, i64, u128, i128, f64);

impl Fixed for bool {
    fn write(self, piece: &mut Vec<u8>) {
        piece.push(u8::from(self));
    }

    fn read(piece: &mut &[u8]) -> Option<Self> {
        u8::read(piece).map(|byte| byte != 0)
    }
}

fn write_rows(rows: &Rows, order: &[usize], piece: &mut Vec<u8>) {
    (order.len() as u64).write(piece);
    for column in rows.columns.iter().chain(&rows.extra) {
        write_column(column, order, piece);
    }
    write_values(&rows.hashes, order, piece);
    write_values(&rows.places, order, piece);
}

fn read_rows(rows: &mut Rows, piece: &mut &[u8]) -> Option<()> {
    let count = usize::try_from(u64::read(piece)?).ok()?;
    for column in rows.columns.iter_mut().chain(&mut rows.extra) {
        read_column(column, count, piece)?;
    }
    read_values(&mut rows.hashes, count, piece)?;
    read_values(&mut rows.places, count, piece)
}

fn write_values<T: Fixed>(values: &[T], order: &[usize], piece: &mut Vec<u8>) {
    order
        .iter()
        .filter_map(|row| values.get(*row))
        .for_each(|value| value.write(piece));
}

fn read_values<T: Fixed>(values: &mut Vec<T>, count: usize, piece: &mut &[u8]) -> Option<()> {
    values.reserve(count);
    for _ in 0..count {
        values.push(T::read(piece)?);
    }
    Some(())
}

fn write_column(column: &Column, order: &[usize], piece: &mut Vec<u8>) {
    let has_nulls = !column.nulls.is_empty();
    has_nulls.write(piece);
    if has_nulls {
        write_values(&column.nulls, order, piece);
    }
    match &column.values {
        Values::Uuid(values) => write_values(values, order, piece),
        Values::Code(values) => write_values(values, order, piece),
        Values::Long(values) => write_values(values, order, piece),
        Values::Wide(values) => write_values(values, order, piece),
        Values::Double(values) => write_values(values, order, piece),
        Values::Boolean(values) => write_values(values, order, piece),
        Values::Text(codes, pool) => write_texts(codes, pool, order, piece),
    }
}

fn read_column(column: &mut Column, count: usize, piece: &mut &[u8]) -> Option<()> {
    let before = column.len();
    let has_nulls = bool::read(piece)?;
    if has_nulls {
        column.nulls.resize(before, false);
        read_values(&mut column.nulls, count, piece)?;
    } else if !column.nulls.is_empty() {
        column.nulls.resize(before + count, false);
    }
    match &mut column.values {
        Values::Uuid(values) => read_values(values, count, piece),
        Values::Code(values) => read_values(values, count, piece),
        Values::Long(values) => read_values(values, count, piece),
        Values::Wide(values) => read_values(values, count, piece),
        Values::Double(values) => read_values(values, count, piece),
        Values::Boolean(values) => read_values(values, count, piece),
        Values::Text(codes, pool) => read_texts(codes, pool, count, piece),
    }
}

/// The texts of these rows, each once, then for each row the place of its text among them.
fn write_texts(codes: &[u32], pool: &Pool, order: &[usize], piece: &mut Vec<u8>) {
    let mut places = vec![u32::MAX; pool.len()];
    let mut texts: Vec<u32> = Vec::new();
    let mut rows: Vec<u32> = Vec::with_capacity(order.len());
    for row in order {
        let code = codes.get(*row).copied().unwrap_or(0);
        // The code of a null may belong to no text.
        let place = places.get_mut(code as usize).map_or(0, |place| {
            if *place == u32::MAX {
                *place = texts.len() as u32;
                texts.push(code);
            }
            *place
        });
        rows.push(place);
    }
    (texts.len() as u32).write(piece);
    for code in texts {
        let (text, last_four) = (pool.text(code), pool.last_four(code));
        (text.len() as u32).write(piece);
        piece.extend_from_slice(text);
        last_four.is_some().write(piece);
        piece.extend(last_four.into_iter().flatten());
    }
    rows.into_iter().for_each(|place| place.write(piece));
}

fn read_texts(codes: &mut Vec<u32>, pool: &mut Pool, count: usize, piece: &mut &[u8]) -> Option<()> {
    let mut here = Vec::new();
    for _ in 0..u32::read(piece)? {
        let length = u32::read(piece)? as usize;
        let (text, rest) = piece.split_at_checked(length)?;
        *piece = rest;
        let (code, _) = if bool::read(piece)? {
            let (digits, rest) = piece.split_first_chunk::<4>()?;
            *piece = rest;
            pool.intern_card(text, *digits)
        } else {
            pool.intern(text)
        };
        here.push(code);
    }
    codes.reserve(count);
    for _ in 0..count {
        let place = u32::read(piece)?;
        codes.push(here.get(place as usize).copied().unwrap_or(0));
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_grow_with_the_file() {
        assert_eq!(buckets(0, 1000), 4);
        assert_eq!(buckets(5000, 1000), 10);
        assert_eq!(buckets(u64::MAX, 1000), 256);
        assert_eq!(buckets(10, 0), 10);
    }
}
