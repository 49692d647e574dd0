//! Spills the rows of an object that does not fit in memory to a temporary file, partitioned into buckets by a hash of the key.
//!
//! All rows with one key are in one bucket, so each bucket is sorted and deduplicated on its own, and files of one object never
//! share a key. The file is unnamed and private to the process, which removes it in any case.

use crate::columns::{ColumnValues, ColumnarRows, TypedColumn};
use crate::plan::TransformPlan;
use crate::text_pool::TextPool;
use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom, Write};
use xxhash_rust::xxh3::xxh3_64;

/// Minimum number of buckets: a spilled object does not fit into one.
const MINIMUM_BUCKETS: u64 = 4;
/// Maximum number of buckets; an object may have about this many runs.
const MAXIMUM_BUCKETS: u64 = 256;

/// Number of buckets for a file of about `bytes` bytes, for buckets of about half a run.
pub(crate) fn buckets(bytes: u64, run_bytes: u64) -> usize {
    let wanted = bytes.div_ceil((run_bytes / 2).max(1));
    wanted.clamp(MINIMUM_BUCKETS, MAXIMUM_BUCKETS) as usize
}

/// Spilled rows.
#[derive(Debug)]
pub(crate) struct Spill {
    file: File,
    end: u64,
    /// Offset and length of the pieces of each bucket.
    pieces: Vec<Vec<(u64, usize)>>,
}

impl Spill {
    /// Creates the temporary file.
    ///
    /// # Errors
    /// The file cannot be created.
    pub(crate) fn new(buckets: usize) -> Result<Self> {
        Ok(Self {
            file: tempfile::tempfile()?,
            end: 0,
            pieces: vec![Vec::new(); buckets],
        })
    }

    /// Number of buckets.
    pub(crate) fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Adds rows.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub(crate) fn add(&mut self, plan: &TransformPlan, rows: &ColumnarRows) -> Result<()> {
        let keys: Vec<&TypedColumn> = plan.key.iter().map(|key| &rows.columns[*key]).collect();
        let mut orders: Vec<Vec<usize>> = vec![Vec::new(); self.pieces.len()];
        for row in 0..rows.len() {
            let bucket = key_hash(&keys, row) % orders.len() as u64;
            orders[bucket as usize].push(row);
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

    /// Loads the rows of a bucket.
    ///
    /// # Errors
    /// The disk fails.
    pub(crate) fn load(&mut self, plan: &TransformPlan, bucket: usize) -> Result<ColumnarRows> {
        let mut rows = ColumnarRows::new(plan);
        let mut piece = Vec::new();
        for (offset, length) in &self.pieces[bucket] {
            self.file.seek(SeekFrom::Start(*offset))?;
            piece.resize(*length, 0);
            self.file.read_exact(&mut piece)?;
            read_rows(&mut rows, &mut piece.as_slice())
                .ok_or_else(|| Error::new(ErrorKind::InvalidData, "the temporary file is damaged"))?;
        }
        Ok(rows)
    }
}

/// Hash of the key of a row.
fn key_hash(keys: &[&TypedColumn], row: usize) -> u64 {
    keys.iter().fold(0, |hash: u64, column| {
        let share = match &column.values {
            ColumnValues::Uuid(values) => xxh3_64(&values[row].to_be_bytes()),
            ColumnValues::Text(codes, pool) => pool.hash(codes[row]),
            ColumnValues::Code(codes, allowed) => allowed[usize::from(codes[row])].hash,
            ColumnValues::Long(values) => xxh3_64(&values[row].to_le_bytes()),
            ColumnValues::Wide(values) => xxh3_64(&values[row].to_le_bytes()),
            ColumnValues::Double(values) => xxh3_64(&values[row].to_le_bytes()),
            ColumnValues::Boolean(values) => u64::from(values[row]),
        };
        hash.rotate_left(7).wrapping_add(share)
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
                let (bytes, unread) = piece.split_first_chunk()?;
                *piece = unread;
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

fn write_rows(rows: &ColumnarRows, order: &[usize], piece: &mut Vec<u8>) {
    (order.len() as u64).write(piece);
    for column in rows.columns.iter().chain(&rows.extra) {
        write_column(column, order, piece);
    }
    write_values(&rows.hashes, order, piece);
    write_values(&rows.positions, order, piece);
}

fn read_rows(rows: &mut ColumnarRows, piece: &mut &[u8]) -> Option<()> {
    let count = usize::try_from(u64::read(piece)?).ok()?;
    for column in rows.columns.iter_mut().chain(&mut rows.extra) {
        read_column(column, count, piece)?;
    }
    read_values(&mut rows.hashes, count, piece)?;
    read_values(&mut rows.positions, count, piece)
}

fn write_values<T: Fixed>(values: &[T], order: &[usize], piece: &mut Vec<u8>) {
    order.iter().for_each(|row| values[*row].write(piece));
}

fn read_values<T: Fixed>(values: &mut Vec<T>, count: usize, piece: &mut &[u8]) -> Option<()> {
    values.reserve(count);
    for _ in 0..count {
        values.push(T::read(piece)?);
    }
    Some(())
}

fn write_column(column: &TypedColumn, order: &[usize], piece: &mut Vec<u8>) {
    let has_nulls = !column.nulls.is_empty();
    has_nulls.write(piece);
    if has_nulls {
        write_values(&column.nulls, order, piece);
    }
    match &column.values {
        ColumnValues::Uuid(values) => write_values(values, order, piece),
        ColumnValues::Code(values, _) => write_values(values, order, piece),
        ColumnValues::Long(values) => write_values(values, order, piece),
        ColumnValues::Wide(values) => write_values(values, order, piece),
        ColumnValues::Double(values) => write_values(values, order, piece),
        ColumnValues::Boolean(values) => write_values(values, order, piece),
        ColumnValues::Text(codes, pool) => write_texts(codes, pool, order, piece),
    }
}

fn read_column(column: &mut TypedColumn, count: usize, piece: &mut &[u8]) -> Option<()> {
    let before = column.len();
    let has_nulls = bool::read(piece)?;
    if has_nulls {
        column.nulls.resize(before, false);
        read_values(&mut column.nulls, count, piece)?;
    } else if !column.nulls.is_empty() {
        column.nulls.resize(before + count, false);
    }
    match &mut column.values {
        ColumnValues::Uuid(values) => read_values(values, count, piece),
        ColumnValues::Code(values, _) => read_values(values, count, piece),
        ColumnValues::Long(values) => read_values(values, count, piece),
        ColumnValues::Wide(values) => read_values(values, count, piece),
        ColumnValues::Double(values) => read_values(values, count, piece),
        ColumnValues::Boolean(values) => read_values(values, count, piece),
        ColumnValues::Text(codes, pool) => read_texts(codes, pool, count, piece),
    }
}

/// Writes the distinct texts of these rows, then for each row the index of its text.
fn write_texts(codes: &[u32], pool: &TextPool, order: &[usize], piece: &mut Vec<u8>) {
    let mut texts: Vec<u32> = Vec::new();
    let mut indices: Vec<u32> = Vec::with_capacity(order.len());
    if pool.is_empty() {
        // All rows are null.
        indices.resize(order.len(), 0);
    } else {
        let mut index_of = vec![u32::MAX; pool.len()];
        for row in order {
            let code = codes[*row];
            let index = &mut index_of[code as usize];
            if *index == u32::MAX {
                *index = texts.len() as u32;
                texts.push(code);
            }
            indices.push(*index);
        }
    }
    (texts.len() as u32).write(piece);
    for code in texts {
        let (text, last_four) = (pool.text(code), pool.last_four(code));
        (text.len() as u32).write(piece);
        piece.extend_from_slice(text);
        last_four.is_some().write(piece);
        piece.extend(last_four.into_iter().flatten());
    }
    indices.into_iter().for_each(|index| index.write(piece));
}

fn read_texts(codes: &mut Vec<u32>, pool: &mut TextPool, count: usize, piece: &mut &[u8]) -> Option<()> {
    let mut read = Vec::new();
    for _ in 0..u32::read(piece)? {
        let length = u32::read(piece)? as usize;
        let (text, unread) = piece.split_at_checked(length)?;
        *piece = unread;
        let (code, _) = if bool::read(piece)? {
            let (digits, unread) = piece.split_first_chunk::<4>()?;
            *piece = unread;
            pool.intern_card(text, *digits)
        } else {
            pool.intern(text)
        };
        read.push(code);
    }
    codes.reserve(count);
    for _ in 0..count {
        let index = u32::read(piece)?;
        // Without texts all rows are null. An index without a text means a damaged file.
        codes.push(if read.is_empty() { 0 } else { *read.get(index as usize)? });
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
