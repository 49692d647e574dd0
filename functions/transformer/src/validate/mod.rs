//! From fields to typed columns: normalisation, every rule of the contract, and the row hash.
//!
//! A batch is read one column at a time. Each reader has a fast way that takes the usual form of a value straight to its
//! type, and a full way that normalises, checks every rule and names those that are broken. The fast way takes a
//! value only where the full way gives the same; it never refuses one. A row that breaks a rule is filled
//! in with anything, noted, and taken out of all columns at the end of the batch.

mod number;
mod text;

use crate::batch::{Batch, Field, FieldKind};
use crate::builder::{Rows, Values};
use crate::plan::{Kind, Plan, SourceColumn};
use crate::rule::{Problem, Rule, Subject};
use crate::values;
use number::{BooleanReader, DecimalReader, DoubleReader, LongReader, WideReader};
use text::{CodeReader, ExtraReader, TextReader, UuidReader};

/// Collects what is wrong with the values of one column.
struct Notes<'a> {
    problems: &'a mut Vec<Problem>,
    row: u32,
    subject: Subject,
}

impl Notes<'_> {
    fn add(&mut self, rule: Rule) {
        self.about(self.subject, rule);
    }

    fn about(&mut self, subject: Subject, rule: Rule) {
        self.problems.push(Problem {
            row: self.row,
            subject,
            rule,
        });
    }
}

/// Reads the values of one column.
trait Reader {
    /// How a value is held.
    type Held: Copy + Default;

    /// The usual form of a value, and its share of the row hash; none says nothing.
    fn fast(&mut self, text: &[u8]) -> Option<(Self::Held, u64)>;

    /// Any form: `text` is trimmed and not empty. None when a rule is broken, which is noted then.
    fn full(&mut self, text: &str, notes: &mut Notes<'_>) -> Option<(Self::Held, u64)>;

    /// What to say of a JSON true or false, if the type has no place for them.
    const BOOLEAN: Option<Rule> = Some(Rule::NotNumber);
}

/// Reads the rows of a batch into columns; rows that break a rule are left out and stay in `batch.problems`, sorted by
/// row.
pub fn read_batch(plan: &Plan, text: &[u8], batch: &mut Batch, block: u32, first_row: usize, rows: &mut Rows) {
    let start = rows.len();
    let count = batch.rows();
    let mut problems = std::mem::take(&mut batch.problems);
    rows.hashes.resize(start + count, 0);
    let first = u64::from(block) << 32 | first_row as u64;
    rows.places.extend(first..first + count as u64);
    let Rows {
        columns, extra, hashes, ..
    } = rows;
    let hashes = hashes.get_mut(start..).unwrap_or_default();
    for (index, (source, column)) in plan.sources.iter().zip(columns).enumerate() {
        let mut pass = Pass {
            text,
            batch,
            index,
            required: source.required,
            subject: Subject::Column(index as u16),
            nulls: &mut column.nulls,
            hashes,
            problems: &mut problems,
        };
        read_column(plan, source, &mut column.values, &mut pass);
    }
    if let (Some(column), Some(max_length)) = (extra, plan.extra) {
        let mut pass = Pass {
            text,
            batch,
            index: batch.extra(),
            required: false,
            subject: Subject::Extra,
            nulls: &mut column.nulls,
            hashes,
            problems: &mut problems,
        };
        if let Values::Text(values, pool) = &mut column.values {
            pass.read(values, &mut ExtraReader { pool, max_length });
        }
    }
    if !problems.is_empty() {
        problems.sort_by_key(|problem| problem.row);
        let mut keep = vec![true; count];
        for problem in &problems {
            if let Some(keep) = keep.get_mut(problem.row as usize) {
                *keep = false;
            }
        }
        rows.retain(start, &keep);
    }
    batch.problems = problems;
}

fn read_column(plan: &Plan, source: &SourceColumn, values: &mut Values, pass: &mut Pass<'_>) {
    let seed = source.seed;
    match (&source.kind, values) {
        (Kind::Uuid, Values::Uuid(values)) => pass.read(values, &mut UuidReader { seed }),
        (Kind::Code(words), Values::Code(values)) => pass.read(values, &mut CodeReader::new(source, words)),
        (Kind::Text, Values::Text(values, pool)) => {
            let tokenizer = plan.tokenizer.as_deref();
            let lookups = &plan.lookups;
            pass.read(
                values,
                &mut TextReader {
                    source,
                    pool,
                    tokenizer,
                    lookups,
                },
            );
        }
        (Kind::Integer(bits, limits), Values::Long(values)) => {
            let full = |text: &str| values::integer(text, *bits);
            let fast = |text: &[u8]| values::plain_decimal(text, 0).filter(|_| *bits == 64);
            pass.read(
                values,
                &mut LongReader {
                    seed,
                    limits,
                    window: None,
                    fast,
                    full,
                },
            );
        }
        (Kind::Decimal(precision, scale, limits), Values::Long(values)) => {
            let bound = 10_i64.checked_pow(u32::from(*precision)).unwrap_or(i64::MAX);
            pass.read(
                values,
                &mut DecimalReader {
                    seed,
                    limits,
                    precision: *precision,
                    scale: *scale,
                    bound,
                },
            );
        }
        (Kind::WideDecimal(precision, scale, limits), Values::Wide(values)) => {
            pass.read(
                values,
                &mut WideReader {
                    seed,
                    limits,
                    precision: *precision,
                    scale: *scale,
                },
            );
        }
        (Kind::Double(limits), Values::Double(values)) => pass.read(values, &mut DoubleReader { seed, limits }),
        (Kind::Boolean, Values::Boolean(values)) => pass.read(values, &mut BooleanReader::new(seed)),
        (Kind::Date(limits), Values::Long(values)) => {
            let full = |text: &str| values::date(text.as_bytes()).map(i64::from);
            let fast = |text: &[u8]| values::date(text).ok().map(i64::from);
            pass.read(
                values,
                &mut LongReader {
                    seed,
                    limits,
                    window: None,
                    fast,
                    full,
                },
            );
        }
        (Kind::Timestamp(limits), Values::Long(values)) => {
            let full = |text: &str| values::timestamp(text.as_bytes());
            let fast = |text: &[u8]| values::timestamp(text).ok();
            let window = source.window;
            pass.read(
                values,
                &mut LongReader {
                    seed,
                    limits,
                    window,
                    fast,
                    full,
                },
            );
        }
        // Columns are made from the same plan.
        _ => {}
    }
}

/// One column of one batch.
struct Pass<'a> {
    text: &'a [u8],
    batch: &'a Batch,
    index: usize,
    required: bool,
    subject: Subject,
    nulls: &'a mut Vec<bool>,
    hashes: &'a mut [u64],
    problems: &'a mut Vec<Problem>,
}

impl Pass<'_> {
    fn read<R: Reader>(&mut self, values: &mut Vec<R::Held>, reader: &mut R) {
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
            let mut notes = Notes {
                problems: self.problems,
                row,
                subject: self.subject,
            };
            let read = full(reader, self.batch, self.text, *field, self.required, &mut notes);
            if let Some((value, share)) = read {
                values.push(value);
                *hash = hash.wrapping_add(share);
            } else {
                self.nulls.resize(values.len(), false);
                self.nulls.push(true);
                values.push(R::Held::default());
            }
        }
        if !self.nulls.is_empty() {
            self.nulls.resize(start + self.batch.rows(), false);
        }
    }
}

/// The full way: none is null, or a rule is broken and noted.
#[cold]
fn full<R: Reader>(
    reader: &mut R,
    batch: &Batch,
    text: &[u8],
    field: Field,
    required: bool,
    notes: &mut Notes<'_>,
) -> Option<(R::Held, u64)> {
    match (field.kind(), R::BOOLEAN) {
        (FieldKind::Unreadable, _) => return None,
        (FieldKind::Nested, _) => {
            notes.add(Rule::Nested);
            return None;
        }
        (FieldKind::Boolean, Some(rule)) => {
            notes.add(rule);
            return None;
        }
        _ => {}
    }
    // Rows that are not UTF-8 are unreadable.
    let text = std::str::from_utf8(batch.bytes(text, field)).unwrap_or_default().trim();
    if text.is_empty() {
        if required {
            notes.add(Rule::Required);
        }
        return None;
    }
    reader.full(text, notes)
}
