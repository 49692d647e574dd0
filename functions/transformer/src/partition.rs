//! Which file a row goes to, and how files are named.
//!
//! A file's name follows from the object, the rules and the partition alone, so that transforming an object again writes
//! the same files. Folder names keep to letters that no reader escapes in a way of its own; the values that count are those
//! in the record.

use crate::builder::{Column, Rows, Values};
use crate::plan::{Fill, Kind, Plan};
use crate::values::{MICROS_PER_DAY, uuid_text};
use cardlake_core::contract::ColumnType;
use chrono::{DateTime, NaiveDate, SecondsFormat};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};

/// Rows of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Value of each partition column, in order; none: null.
    pub values: Vec<Option<String>>,
    /// Indices of its rows, by key.
    pub order: Vec<u32>,
}

/// Spreads rows over partitions, in the order of the partitions' values. Rows keep their order.
#[must_use]
pub fn partitions(plan: &Plan, rows: &Rows, order: Vec<u32>) -> Vec<Partition> {
    let mut parts = vec![Partition {
        values: Vec::new(),
        order,
    }];
    for (_, fill) in &plan.partitions {
        let groups = Groups::of(plan, rows, *fill);
        parts = parts.iter().flat_map(|part| groups.split(part)).collect();
    }
    parts.retain(|part| !part.order.is_empty());
    parts.sort_by(|a, b| a.values.cmp(&b.values));
    parts
}

/// Rows by the text of one column. Found in the order of the object, where neighbours are alike and lie side by side.
#[derive(Default)]
struct Groups {
    by_text: BTreeMap<Option<String>, u32>,
    /// The group of every row.
    of_rows: Vec<u32>,
}

impl Groups {
    fn of(plan: &Plan, rows: &Rows, fill: Fill) -> Self {
        let mut groups = Self::default();
        groups.of_rows = match short(plan, rows, fill) {
            Some((codes, texts)) => {
                let by_code: Vec<u32> = texts.into_iter().map(|text| groups.group(text)).collect();
                let null = groups.group(None);
                let group = |row| codes(row).and_then(|code| by_code.get(code).copied()).unwrap_or(null);
                (0..rows.len()).map(group).collect()
            }
            None => {
                let mut last = (None, None);
                let mut by_value: HashMap<Option<i64>, u32> = HashMap::new();
                let mut group = |row| match long(plan, rows, fill, row) {
                    Some(value) => match last {
                        (same, Some(group)) if same == value => group,
                        _ => {
                            let group = *by_value
                                .entry(value)
                                .or_insert_with(|| groups.group(text(plan, rows, fill, row)));
                            last = (value, Some(group));
                            group
                        }
                    },
                    None => groups.group(text(plan, rows, fill, row)),
                };
                (0..rows.len()).map(&mut group).collect()
            }
        };
        groups
    }

    fn group(&mut self, text: Option<String>) -> u32 {
        let next = self.by_text.len() as u32;
        *self.by_text.entry(text).or_insert(next)
    }

    /// Splits rows by this column too.
    fn split(&self, part: &Partition) -> Vec<Partition> {
        let mut orders = vec![Vec::new(); self.by_text.len()];
        for row in &part.order {
            let group = self.of_rows.get(*row as usize).copied().unwrap_or_default();
            if let Some(order) = orders.get_mut(group as usize) {
                order.push(*row);
            }
        }
        let groups = self.by_text.iter().filter_map(|(text, group)| {
            let order = std::mem::take(orders.get_mut(*group as usize)?);
            let values = part.values.iter().chain([text]).cloned().collect();
            Some(Partition { values, order })
        });
        groups.collect()
    }
}

/// Code of a row.
type CodeOf<'a> = Box<dyn Fn(usize) -> Option<usize> + 'a>;

/// For columns whose values have codes: the code of a row, and the text of every code.
fn short<'a>(plan: &'a Plan, rows: &'a Rows, fill: Fill) -> Option<(CodeOf<'a>, Vec<Option<String>>)> {
    let (index, lookup) = match fill {
        Fill::Source(index) => (index, None),
        Fill::Lookup(lookup) => {
            let lookup = plan.lookups.get(lookup)?;
            (lookup.from, Some(lookup))
        }
        _ => return None,
    };
    let column = rows.columns.get(index)?;
    let result = |text: &str| match lookup {
        Some(lookup) => lookup.values.get(text).cloned(),
        None => Some(text.to_owned()),
    };
    let present = |row: usize, code: Option<usize>| code.filter(|_| !column.is_null(row));
    match (&column.values, &plan.sources.get(index)?.kind) {
        (Values::Code(codes), Kind::Code(words)) => {
            let texts = words.iter().map(|word| result(&word.text)).collect();
            Some((
                Box::new(move |row| present(row, codes.get(row).map(|code| usize::from(*code)))),
                texts,
            ))
        }
        (Values::Text(codes, pool), _) => {
            let texts = (0..pool.len() as u32).map(|code| result(&String::from_utf8_lossy(pool.text(code))));
            let texts = texts.collect();
            Some((
                Box::new(move |row| present(row, codes.get(row).map(|code| *code as usize))),
                texts,
            ))
        }
        _ => None,
    }
}

/// For columns held as 64 bits: the value of a row.
fn long(plan: &Plan, rows: &Rows, fill: Fill, row: usize) -> Option<Option<i64>> {
    let value = |index: usize| match rows.columns.get(index)? {
        column if column.is_null(row) => Some(None),
        Column {
            values: Values::Long(values),
            ..
        } => values.get(row).copied().map(Some),
        _ => None,
    };
    let ingest_day = i64::from(plan.object.ingest_date.to_epoch_days());
    match fill {
        Fill::Source(index) => value(index),
        Fill::DateOf(index) => Some(value(index)?.map(|micros| micros.div_euclid(MICROS_PER_DAY))),
        Fill::DaysLate(index) => Some(value(index)?.map(|micros| ingest_day - micros.div_euclid(MICROS_PER_DAY))),
        Fill::IngestDate => Some(Some(ingest_day)),
        Fill::IngestTimestamp => Some(Some(plan.object.ingest_micros)),
        _ => None,
    }
}

/// The text of a value, as the Delta log writes partition values.
fn text(plan: &Plan, rows: &Rows, fill: Fill, row: usize) -> Option<String> {
    json(plan, rows, fill, row).map(|value| match value {
        Value::String(text) => text,
        value => value.to_string(),
    })
}

/// A value in JSON; timestamps keep their microseconds.
fn json(plan: &Plan, rows: &Rows, fill: Fill, row: usize) -> Option<Value> {
    if let Some(value) = long(plan, rows, fill, row) {
        let column_type = match fill {
            Fill::Source(index) => plan.contract.source_columns().nth(index)?.column_type,
            Fill::DateOf(_) | Fill::IngestDate => ColumnType::Date,
            Fill::IngestTimestamp => ColumnType::Timestamp,
            _ => ColumnType::Integer { bits: 64 },
        };
        return value.and_then(|value| long_json(value, column_type));
    }
    match fill {
        Fill::SourceObject => return Some(Value::from(plan.object.key.as_str())),
        Fill::SourceRow => return rows.places.get(row).map(|row| Value::from(*row)),
        Fill::RowHash => return rows.hashes.get(row).map(|hash| Value::from(hash.cast_signed())),
        _ => {}
    }
    let Fill::Source(index) = fill else { return None };
    let column = rows.columns.get(index).filter(|column| !column.is_null(row))?;
    let of_text = |text: &[u8]| Value::from(String::from_utf8_lossy(text));
    match (&column.values, &plan.sources.get(index)?.kind) {
        (Values::Uuid(values), _) => values.get(row).map(|value| of_text(&uuid_text(*value))),
        (Values::Text(codes, pool), _) => codes.get(row).map(|code| of_text(pool.text(*code))),
        (Values::Code(codes), Kind::Code(words)) => words
            .get(usize::from(*codes.get(row)?))
            .map(|word| Value::from(word.text.as_str())),
        (Values::Boolean(values), _) => values.get(row).map(|value| Value::from(*value)),
        (Values::Double(values), _) => values.get(row).map(|value| Value::from(*value)),
        // Decimals as partition values: no contract has them, and JSON numbers are no decimals.
        _ => None,
    }
}

fn long_json(value: i64, column_type: ColumnType) -> Option<Value> {
    match column_type {
        ColumnType::Date => {
            let day = NaiveDate::from_epoch_days(i32::try_from(value).ok()?)?;
            Some(Value::from(day.format("%Y-%m-%d").to_string()))
        }
        ColumnType::Timestamp => {
            let instant = DateTime::from_timestamp_micros(value)?;
            Some(Value::from(instant.to_rfc3339_opts(SecondsFormat::Micros, true)))
        }
        ColumnType::Integer { .. } => Some(Value::from(value)),
        _ => None,
    }
}

/// Makes the paths of an object's files.
#[derive(Debug, Clone)]
pub struct FileNames {
    digest: Sha256,
}

impl FileNames {
    /// For an object: `parts` are all that decides the bytes of its files.
    #[must_use]
    pub fn new(parts: &[&str]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part.as_bytes());
        }
        Self { digest }
    }

    /// The path of a file in the table's folder. `part` numbers the parts in which a large object is written.
    #[must_use]
    pub fn path(&self, plan: &Plan, partition: &Partition, part: u32) -> String {
        let mut digest = self.digest.clone();
        let mut path = String::new();
        for ((name, _), value) in plan.partitions.iter().zip(&partition.values) {
            let value = value.as_deref();
            digest.update([u8::from(value.is_some())]);
            digest.update(value.unwrap_or_default().as_bytes());
            digest.update([0xff]);
            let plain = |c: char| {
                if c.is_ascii_alphanumeric() || matches!(c, '-' | '.') {
                    c
                } else {
                    '_'
                }
            };
            let folder = match value {
                Some(value) if !value.is_empty() => value.chars().take(100).map(plain).collect(),
                _ => "__HIVE_DEFAULT_PARTITION__".to_owned(),
            };
            path.push_str(&format!("{name}={folder}/"));
        }
        let digest = hex::encode(digest.finalize());
        path.push_str(&format!(
            "part-{part:05}-{}.parquet",
            digest.get(..32).unwrap_or(&digest)
        ));
        path
    }
}
