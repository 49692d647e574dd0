//! Validation: parses fields into typed columns, applies normalisation and every rule of the contract, and computes the row
//! hash.
//!
//! A batch is read column by column. Each reader has a fast path that parses common values directly, and a full path that
//! normalises, checks every rule and records the violated ones. The fast path never rejects a value, and accepts one only if
//! the full path yields the same result. A row that violates a rule gets default values and is removed from all columns at
//! the end of the batch.

mod number;
mod reader;
mod text;

use crate::batch::{Field, FieldBatch, FieldKind};
use crate::columns::{ColumnValues, ColumnarRows};
use crate::invariant::BrokenInvariant;
use crate::plan::{ColumnKind, SourceColumn, TransformPlan, ValueBounds};
use crate::rule::{Problem, Rule, Subject};
use crate::values;
use crate::zone::LocalTimes;
use cardlake_core::contract::TimestampFormat;
use number::{BooleanReader, DecimalReader, DoubleReader, LongReader, WideReader};
use reader::{NullableReader, ProblemRecorder, ReadResult, ValueReader};
use text::{CodeReader, ExtraReader, TextReader, UuidReader};

/// Appends the valid rows of a batch to the columns; the problems of the others stay in `batch.problems`, sorted by row. `masked`
/// counts, for each source column, the values in which personal data was masked.
///
/// # Errors
/// The columns or the batch do not belong to the plan.
pub(crate) fn read_batch(
    plan: &TransformPlan,
    text: &[u8],
    batch: &mut FieldBatch,
    block: u32,
    first_row: usize,
    rows: &mut ColumnarRows,
    masked: &mut [u64],
) -> Result<(), BrokenInvariant> {
    let start = rows.len();
    let count = batch.rows();
    let mut problems = std::mem::take(&mut batch.problems);
    rows.hashes.resize(start + count, 0);
    let first = u64::from(block) << 32 | first_row as u64;
    rows.positions.extend(first..first + count as u64);
    let ColumnarRows {
        columns, extra, hashes, ..
    } = rows;
    let hashes = &mut hashes[start..];
    for (index, ((source, column), masked)) in plan.sources.iter().zip(columns).zip(masked).enumerate() {
        let mut pass = Pass {
            text,
            batch,
            index,
            required: source.required,
            subject: Subject::Column(index as u16),
            nulls: &mut column.nulls,
            null_values: &source.nulls,
            hashes,
            problems: &mut problems,
        };
        read_column(plan, source, &mut column.values, masked, &mut pass)?;
    }
    if let (Some(column), Some(max_length)) = (extra, plan.extra) {
        let mut pass = Pass {
            text,
            batch,
            index: batch.extra(),
            required: false,
            subject: Subject::Extra,
            nulls: &mut column.nulls,
            null_values: &[],
            hashes,
            problems: &mut problems,
        };
        let ColumnValues::Text(values, pool) = &mut column.values else {
            return Err(BrokenInvariant("the extra column is text"));
        };
        pass.read(values, &mut ExtraReader { pool, max_length })?;
    }
    if !problems.is_empty() {
        problems.sort_by_key(|problem| problem.row);
        let mut keep = vec![true; count];
        for problem in &problems {
            keep[problem.row as usize] = false;
        }
        rows.retain(start, &keep);
    }
    batch.problems = problems;
    Ok(())
}

fn read_column(
    plan: &TransformPlan,
    source: &SourceColumn,
    values: &mut ColumnValues,
    masked: &mut u64,
    pass: &mut Pass<'_>,
) -> Result<(), BrokenInvariant> {
    let seed = source.seed;
    match (&source.kind, values) {
        (ColumnKind::Uuid, ColumnValues::Uuid(values)) => pass.read(values, &mut UuidReader { seed }),
        (ColumnKind::Code(texts), ColumnValues::Code(values, _)) => {
            pass.read(values, &mut CodeReader::new(source, texts))
        }
        (ColumnKind::Text, ColumnValues::Text(values, pool)) => {
            let tokenizer = plan.tokenizer.as_deref();
            let lookups = &plan.lookups;
            pass.read(
                values,
                &mut TextReader {
                    source,
                    pool,
                    tokenizer,
                    lookups,
                    masked,
                },
            )
        }
        (ColumnKind::Integer(bits, bounds), ColumnValues::Long(values)) => {
            let full = |text: &str| values::integer(text, *bits);
            let fast = |text: &[u8]| values::plain_decimal(text, 0).filter(|_| *bits == 64);
            pass.read(values, &mut LongReader::new(seed, bounds, None, fast, full))
        }
        (ColumnKind::Decimal(precision, scale, bounds), ColumnValues::Long(values)) => {
            // At most 10^18.
            let bound = 10_i64.pow(u32::from(*precision));
            pass.read(
                values,
                &mut DecimalReader {
                    seed,
                    bounds,
                    precision: *precision,
                    scale: *scale,
                    bound,
                },
            )
        }
        (ColumnKind::WideDecimal(precision, scale, bounds), ColumnValues::Wide(values)) => pass.read(
            values,
            &mut WideReader {
                seed,
                bounds,
                precision: *precision,
                scale: *scale,
            },
        ),
        (ColumnKind::Double(bounds), ColumnValues::Double(values)) => {
            pass.read(values, &mut DoubleReader { seed, bounds })
        }
        (ColumnKind::Boolean, ColumnValues::Boolean(values)) => pass.read(values, &mut BooleanReader::new(seed)),
        (ColumnKind::Date(bounds), ColumnValues::Long(values)) => {
            let full = |text: &str| values::date(text.as_bytes()).map(i64::from);
            let fast = |text: &[u8]| values::date(text).ok().map(i64::from);
            pass.read(values, &mut LongReader::new(seed, bounds, None, fast, full))
        }
        (ColumnKind::Timestamp(bounds), ColumnValues::Long(values)) => {
            read_timestamps(plan, source, bounds, values, pass)
        }
        _ => Err(BrokenInvariant("a column has the type of its plan")),
    }
}

/// Reads timestamps in the format of the column and the zone of the source.
fn read_timestamps(
    plan: &TransformPlan,
    source: &SourceColumn,
    bounds: &ValueBounds<i64>,
    values: &mut Vec<i64>,
    pass: &mut Pass<'_>,
) -> Result<(), BrokenInvariant> {
    let (seed, window) = (source.seed, source.window);
    let exponent = match (source.timestamp_format, plan.contract.source.time_zone) {
        (TimestampFormat::Iso, None) => {
            let full = |text: &str| values::timestamp(text.as_bytes());
            let fast = |text: &[u8]| values::timestamp(text).ok();
            return pass.read(values, &mut LongReader::new(seed, bounds, window, fast, full));
        }
        (TimestampFormat::Iso, Some(zone)) => {
            let zone = LocalTimes::new(zone);
            let full = |text: &str| values::timestamp_in(text.as_bytes(), &zone);
            let fast = |text: &[u8]| values::timestamp_in(text, &zone).ok();
            return pass.read(values, &mut LongReader::new(seed, bounds, window, fast, full));
        }
        (TimestampFormat::EpochSeconds, _) => 0,
        (TimestampFormat::EpochMillis, _) => 3,
    };
    let full = |text: &str| values::epoch(text, exponent);
    let fast = |_: &[u8]| None;
    pass.read(values, &mut LongReader::new(seed, bounds, window, fast, full))
}

/// One column of one batch.
struct Pass<'a> {
    text: &'a [u8],
    batch: &'a FieldBatch,
    index: usize,
    required: bool,
    subject: Subject,
    nulls: &'a mut Vec<bool>,
    /// Texts that are read as null, besides the empty one.
    null_values: &'a [String],
    hashes: &'a mut [u64],
    problems: &'a mut Vec<Problem>,
}

impl Pass<'_> {
    fn read<R: ValueReader>(&mut self, values: &mut Vec<R::Stored>, reader: &mut R) -> Result<(), BrokenInvariant> {
        match self.null_values {
            [] => self.read_values(values, reader),
            nulls => self.read_values(values, &mut NullableReader { nulls, reader }),
        }
    }

    fn read_values<R: ValueReader>(
        &mut self,
        values: &mut Vec<R::Stored>,
        reader: &mut R,
    ) -> Result<(), BrokenInvariant> {
        let start = values.len();
        values.reserve(self.batch.rows());
        let fields = self.batch.fields.iter().skip(self.index).step_by(self.batch.width);
        for (row, (field, hash)) in (0..).zip(fields.zip(self.hashes.iter_mut())) {
            if matches!(field.kind(), FieldKind::Text | FieldKind::Number)
                && let Some((value, share)) = reader.fast(self.batch.bytes(self.text, *field))
            {
                values.push(value);
                *hash = hash.wrapping_add(share);
                continue;
            }
            let mut problems = ProblemRecorder {
                problems: self.problems,
                row,
                subject: self.subject,
            };
            let read = full(reader, self.batch, self.text, *field, self.required, &mut problems)?;
            if let Some((value, share)) = read {
                values.push(value);
                *hash = hash.wrapping_add(share);
            } else {
                self.nulls.resize(values.len(), false);
                self.nulls.push(true);
                values.push(R::Stored::default());
            }
        }
        if !self.nulls.is_empty() {
            self.nulls.resize(start + self.batch.rows(), false);
        }
        Ok(())
    }
}

/// Full path: `None` is null, or a rule is violated and recorded.
#[cold]
fn full<R: ValueReader>(
    reader: &mut R,
    batch: &FieldBatch,
    text: &[u8],
    field: Field,
    required: bool,
    problems: &mut ProblemRecorder<'_>,
) -> ReadResult<R::Stored> {
    match (field.kind(), R::BOOLEAN) {
        (FieldKind::Unreadable, _) => return Ok(None),
        (FieldKind::Nested, _) => {
            problems.record(Rule::Nested);
            return Ok(None);
        }
        (FieldKind::Boolean, Some(rule)) => {
            problems.record(rule);
            return Ok(None);
        }
        _ => {}
    }
    let text = std::str::from_utf8(batch.bytes(text, field))
        .map_err(|_| BrokenInvariant("a row that is not UTF-8 is unreadable"))?
        .trim();
    if text.is_empty() || reader.is_null(text) {
        if required {
            problems.record(Rule::Required);
        }
        return Ok(None);
    }
    reader.full(text, problems)
}
