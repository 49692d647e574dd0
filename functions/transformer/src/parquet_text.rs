//! Parquet files as JSON lines, so that their values take the path of all others: the same rules, the same quarantine.
//!
//! A Parquet file is read from its end, so it goes to a temporary file first. Memory is bounded by a batch of rows and the
//! pages that it comes from.

use crate::json_text::write_text;
use crate::limited::LimitExceeded;
use crate::pipeline_error::PipelineError;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StructArray};
use arrow::datatypes::{
    DataType, Float32Type, Float64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use arrow::error::ArrowError;
use arrow::util::display::array_value_to_string;
use chrono::{DateTime, Utc};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::basic::Compression;
use parquet::file::metadata::ColumnChunkMetaData;
use std::io::{Error, Read, Result};

/// Rows of a batch.
const BATCH_ROWS: usize = 1024;

/// The rows of a Parquet file as JSON lines.
pub(crate) struct ParquetText {
    batches: ParquetRecordBatchReader,
    /// Lines of the current batch.
    lines: Vec<u8>,
    /// Bytes of the lines that are read.
    consumed: usize,
}

impl ParquetText {
    /// Opens a file of at most `max_columns` columns; returns the number of its rows, too.
    ///
    /// # Errors
    /// The file is no Parquet file, has more columns, or cannot be read or stored.
    pub(crate) fn open(mut reader: impl Read, max_columns: u32) -> std::result::Result<(Self, u64), PipelineError> {
        let mut file = tempfile::tempfile().map_err(PipelineError::Disk)?;
        let mut piece = vec![0; 64 << 10];
        loop {
            let length = reader.read(&mut piece).map_err(PipelineError::read)?;
            if length == 0 {
                break;
            }
            std::io::Write::write_all(&mut file, &piece[..length]).map_err(PipelineError::Disk)?;
        }
        let unreadable = |error| PipelineError::Read(Error::other(error));
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(unreadable)?;
        LimitExceeded::columns(
            builder.metadata().file_metadata().schema_descr().num_columns(),
            max_columns,
        )?;
        let rows = u64::try_from(builder.metadata().file_metadata().num_rows());
        let rows = rows.map_err(|_| PipelineError::Rejected("the Parquet file has less than no rows".to_owned()))?;
        let row_groups = builder.metadata().row_groups().iter();
        let mut codecs = row_groups.flat_map(|group| group.columns().iter().map(ColumnChunkMetaData::compression));
        if let Some(codec) = codecs.find(|codec| matches!(codec, Compression::LZO)) {
            return Err(PipelineError::Rejected(format!(
                "the Parquet file is compressed with {codec}, which cannot be read: write it with Zstandard, Snappy, GZIP, \
                 Brotli or LZ4_RAW, or uncompressed"
            )));
        }
        let text = Self {
            batches: builder.with_batch_size(BATCH_ROWS).build().map_err(unreadable)?,
            lines: Vec::new(),
            consumed: 0,
        };
        Ok((text, rows))
    }
}

impl Read for ParquetText {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        while self.consumed == self.lines.len() {
            let Some(batch) = self.batches.next() else {
                return Ok(0);
            };
            self.lines.clear();
            self.consumed = 0;
            write_lines(&batch.map_err(Error::other)?, &mut self.lines).map_err(Error::other)?;
        }
        let lines = &self.lines[self.consumed..];
        let length = lines.len().min(buffer.len());
        buffer[..length].copy_from_slice(&lines[..length]);
        self.consumed += length;
        Ok(length)
    }
}

fn write_lines(batch: &RecordBatch, lines: &mut Vec<u8>) -> std::result::Result<(), ArrowError> {
    let rows = StructArray::from(batch.clone());
    for row in 0..batch.num_rows() {
        write_object(&rows, row, lines)?;
        lines.push(b'\n');
    }
    Ok(())
}

fn write_object(array: &StructArray, row: usize, json: &mut Vec<u8>) -> std::result::Result<(), ArrowError> {
    json.push(b'{');
    for (index, (field, column)) in array.fields().iter().zip(array.columns()).enumerate() {
        if index > 0 {
            json.push(b',');
        }
        write_text(field.name(), json);
        json.push(b':');
        write_value(column, row, json)?;
    }
    json.push(b'}');
    Ok(())
}

/// Appends a value. Numbers are exact; times without a zone have no offset, others are in UTC.
fn write_value(array: &ArrayRef, row: usize, json: &mut Vec<u8>) -> std::result::Result<(), ArrowError> {
    if array.is_null(row) {
        json.extend_from_slice(b"null");
        return Ok(());
    }
    match array.data_type() {
        DataType::Utf8 => write_text(array.as_string::<i32>().value(row), json),
        DataType::LargeUtf8 => write_text(array.as_string::<i64>().value(row), json),
        DataType::Utf8View => write_text(array.as_string_view().value(row), json),
        DataType::Binary => write_bytes(array.as_binary::<i32>().value(row), json),
        DataType::LargeBinary => write_bytes(array.as_binary::<i64>().value(row), json),
        DataType::BinaryView => write_bytes(array.as_binary_view().value(row), json),
        DataType::FixedSizeBinary(16) => {
            let bytes = array.as_fixed_size_binary().value(row);
            let digits = hex::encode(bytes);
            let parts = [
                &digits[..8],
                &digits[8..12],
                &digits[12..16],
                &digits[16..20],
                &digits[20..],
            ];
            write_text(&parts.join("-"), json);
        }
        DataType::Float32 => write_number(&array.as_primitive::<Float32Type>().value(row).to_string(), json),
        DataType::Float64 => write_number(&array.as_primitive::<Float64Type>().value(row).to_string(), json),
        DataType::Timestamp(unit, zone) => {
            let instant = instant(array, *unit, row)
                .ok_or_else(|| ArrowError::ParseError("a timestamp is outside of the calendar".to_owned()))?;
            let suffix = if zone.is_some() { "Z" } else { "" };
            write_text(&format!("{}{suffix}", instant.format("%Y-%m-%dT%H:%M:%S%.f")), json);
        }
        DataType::Struct(_) => write_object(array.as_struct(), row, json)?,
        DataType::List(_) => write_list(&array.as_list::<i32>().value(row), json)?,
        DataType::LargeList(_) => write_list(&array.as_list::<i64>().value(row), json)?,
        DataType::FixedSizeList(..) => write_list(&array.as_fixed_size_list().value(row), json)?,
        DataType::Map(..) => {
            let entries: ArrayRef = std::sync::Arc::new(array.as_map().value(row));
            write_list(&entries, json)?;
        }
        DataType::Boolean => json.extend_from_slice(array_value_to_string(array, row)?.as_bytes()),
        other if other.is_numeric() => write_number(&array_value_to_string(array, row)?, json),
        _ => write_text(&array_value_to_string(array, row)?, json),
    }
    Ok(())
}

fn instant(array: &ArrayRef, unit: TimeUnit, row: usize) -> Option<DateTime<Utc>> {
    match unit {
        TimeUnit::Second => DateTime::from_timestamp(array.as_primitive::<TimestampSecondType>().value(row), 0),
        TimeUnit::Millisecond => {
            DateTime::from_timestamp_millis(array.as_primitive::<TimestampMillisecondType>().value(row))
        }
        TimeUnit::Microsecond => {
            DateTime::from_timestamp_micros(array.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        TimeUnit::Nanosecond => Some(DateTime::from_timestamp_nanos(
            array.as_primitive::<TimestampNanosecondType>().value(row),
        )),
    }
}

/// Bytes are text, if they are UTF-8. The row of others is quarantined as such.
fn write_bytes(bytes: &[u8], json: &mut Vec<u8>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => write_text(text, json),
        Err(_) => json.extend_from_slice(b"\"\xff\""),
    }
}

/// `NaN` and infinities are no JSON numbers.
fn write_number(text: &str, json: &mut Vec<u8>) {
    if text.ends_with(|last: char| last.is_ascii_digit()) {
        json.extend_from_slice(text.as_bytes());
    } else {
        write_text(text, json);
    }
}

fn write_list(items: &ArrayRef, json: &mut Vec<u8>) -> std::result::Result<(), ArrowError> {
    json.push(b'[');
    for item in 0..items.len() {
        if item > 0 {
            json.push(b',');
        }
        write_value(items, item, json)?;
    }
    json.push(b']');
    Ok(())
}
