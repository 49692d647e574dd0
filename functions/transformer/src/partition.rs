//! Partitions of the rows and names of the data files.
//!
//! A file name depends only on the object, the rules and the partition, so that transforming an object again overwrites the
//! same files. Folder names hold the partition values percent-encoded, as other Delta writers encode them; the authoritative
//! partition values are those in the object record.

use crate::columns::{ColumnValues, ColumnarRows, TypedColumn};
use crate::invariant::BrokenInvariant;
use crate::plan::{ColumnKind, Fill, TransformPlan};
use crate::values::uuid_text;
use crate::zone::day;
use cardlake_core::paths::partition_folder;
use chrono::{DateTime, NaiveDate, SecondsFormat};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};

/// Rows of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Partition {
    /// Value of each partition column, in order; `None` is null.
    pub(crate) values: Vec<Option<String>>,
    /// Indices of its rows, in key order.
    pub(crate) order: Vec<u32>,
}

/// Splits rows into partitions, ordered by partition values. Rows keep their order.
///
/// # Errors
/// The rows do not belong to the plan.
pub(crate) fn partitions(
    plan: &TransformPlan,
    rows: &ColumnarRows,
    order: Vec<u32>,
) -> Result<Vec<Partition>, BrokenInvariant> {
    let mut parts = vec![Partition {
        values: Vec::new(),
        order,
    }];
    for (_, fill) in &plan.partitions {
        let groups = Groups::of(plan, rows, *fill)?;
        parts = parts.iter().flat_map(|part| groups.split(part)).collect();
    }
    parts.retain(|part| !part.order.is_empty());
    parts.sort_by(|a, b| a.values.cmp(&b.values));
    Ok(parts)
}

/// Rows grouped by the text of one column, in object order: neighbouring rows tend to be in one group.
#[derive(Default)]
struct Groups {
    by_text: BTreeMap<Option<String>, u32>,
    /// Group of every row.
    of_rows: Vec<u32>,
}

impl Groups {
    fn of(plan: &TransformPlan, rows: &ColumnarRows, fill: Fill) -> Result<Self, BrokenInvariant> {
        let mut groups = Self::default();
        groups.of_rows = match coded(plan, rows, fill)? {
            Some((code, texts)) => {
                let by_code: Vec<u32> = texts.into_iter().map(|text| groups.group(text)).collect();
                let null = groups.group(None);
                let group = |row| code(row).map_or(null, |code| by_code[code]);
                (0..rows.len()).map(group).collect()
            }
            None => {
                let mut last: Option<(Option<i64>, u32)> = None;
                let mut by_value: HashMap<Option<i64>, u32> = HashMap::new();
                let mut group = |row| {
                    let Some(value) = long(plan, rows, fill, row) else {
                        return Ok(groups.group(text(plan, rows, fill, row)?));
                    };
                    if let Some((_, group)) = last.filter(|(same, _)| *same == value) {
                        return Ok(group);
                    }
                    let group = match by_value.get(&value) {
                        Some(group) => *group,
                        None => groups.group(text(plan, rows, fill, row)?),
                    };
                    by_value.insert(value, group);
                    last = Some((value, group));
                    Ok(group)
                };
                (0..rows.len()).map(&mut group).collect::<Result<_, _>>()?
            }
        };
        Ok(groups)
    }

    fn group(&mut self, text: Option<String>) -> u32 {
        let next = self.by_text.len() as u32;
        *self.by_text.entry(text).or_insert(next)
    }

    /// Splits a partition by this column.
    fn split(&self, part: &Partition) -> Vec<Partition> {
        let mut orders = vec![Vec::new(); self.by_text.len()];
        for row in &part.order {
            orders[self.of_rows[*row as usize] as usize].push(*row);
        }
        let groups = self.by_text.iter().map(|(text, group)| Partition {
            values: part.values.iter().chain([text]).cloned().collect(),
            order: std::mem::take(&mut orders[*group as usize]),
        });
        groups.collect()
    }
}

/// Code of a row; `None` is null.
type CodeOf<'a> = Box<dyn Fn(usize) -> Option<usize> + 'a>;
/// The codes of a column, and the text of every code.
type Coded<'a> = (CodeOf<'a>, Vec<Option<String>>);

/// For columns stored as codes: the code of a row, and the text of every code.
fn coded<'a>(
    plan: &'a TransformPlan,
    rows: &'a ColumnarRows,
    fill: Fill,
) -> Result<Option<Coded<'a>>, BrokenInvariant> {
    let (index, lookup) = match fill {
        Fill::Source(index) => (index, None),
        Fill::Lookup(lookup) => {
            let lookup = &plan.lookups[lookup];
            (lookup.from, Some(lookup))
        }
        _ => return Ok(None),
    };
    let column = &rows.columns[index];
    let result = |text: &str| match lookup {
        Some(lookup) => lookup.values.get(text).cloned(),
        None => Some(text.to_owned()),
    };
    match &column.values {
        ColumnValues::Code(codes, allowed) => {
            let texts = allowed.iter().map(|text| result(&text.text)).collect();
            let code = move |row: usize| (!column.is_null(row)).then(|| usize::from(codes[row]));
            Ok(Some((Box::new(code), texts)))
        }
        ColumnValues::Text(codes, pool) => {
            let texts = (0..pool.len() as u32).map(|code| Ok(result(utf8(pool.text(code))?)));
            let code = move |row: usize| (!column.is_null(row)).then(|| codes[row] as usize);
            Ok(Some((Box::new(code), texts.collect::<Result<_, _>>()?)))
        }
        _ if lookup.is_some() => Err(BrokenInvariant("a lookup is by text")),
        _ => Ok(None),
    }
}

/// For columns stored as 64 bits: the value of a row.
fn long(plan: &TransformPlan, rows: &ColumnarRows, fill: Fill, row: usize) -> Option<Option<i64>> {
    let value = |index: usize| match &rows.columns[index] {
        TypedColumn {
            values: ColumnValues::Long(values),
            ..
        } if !rows.columns[index].is_null(row) => Some(Some(values[row])),
        column if column.is_null(row) => Some(None),
        _ => None,
    };
    let ingest_day = i64::from(plan.object.ingest_date.to_epoch_days());
    let zone = plan.contract.source.time_zone;
    match fill {
        Fill::Source(index) => value(index),
        Fill::DateOf(index) => Some(value(index)?.map(|micros| day(zone, micros))),
        Fill::DaysLate(index) => Some(value(index)?.map(|micros| ingest_day - day(zone, micros))),
        Fill::IngestDate => Some(Some(ingest_day)),
        Fill::IngestTimestamp => Some(Some(plan.object.ingest_micros)),
        _ => None,
    }
}

/// A partition value as written to the Delta log; `None` is null.
fn text(plan: &TransformPlan, rows: &ColumnarRows, fill: Fill, row: usize) -> Result<Option<String>, BrokenInvariant> {
    if let Some(value) = long(plan, rows, fill, row) {
        return value.map(|value| long_text(value, plan, fill)).transpose();
    }
    let unsupported = BrokenInvariant("the plan rejects unsupported partition columns");
    let text = match fill {
        Fill::SourceObject => plan.object.key.clone(),
        Fill::SourceRow => rows.positions[row].to_string(),
        Fill::RowHash => rows.hashes[row].cast_signed().to_string(),
        Fill::Source(index) => match &rows.columns[index].values {
            ColumnValues::Uuid(values) => utf8(&uuid_text(values[row]))?.to_owned(),
            ColumnValues::Boolean(values) => values[row].to_string(),
            ColumnValues::Double(values) => Value::from(values[row]).to_string(),
            _ => return Err(unsupported),
        },
        _ => return Err(unsupported),
    };
    Ok(Some(text))
}

/// A value stored as 64 bits; timestamps keep their microseconds.
fn long_text(value: i64, plan: &TransformPlan, fill: Fill) -> Result<String, BrokenInvariant> {
    let out_of_range = BrokenInvariant("a parsed date or timestamp is in the calendar's range");
    let is_date = match fill {
        Fill::DateOf(_) | Fill::IngestDate => true,
        Fill::Source(index) => matches!(plan.sources[index].kind, ColumnKind::Date(_)),
        _ => false,
    };
    let is_timestamp = match fill {
        Fill::IngestTimestamp => true,
        Fill::Source(index) => matches!(plan.sources[index].kind, ColumnKind::Timestamp(_)),
        _ => false,
    };
    if is_date {
        let day = i32::try_from(value).ok().and_then(NaiveDate::from_epoch_days);
        Ok(day.ok_or(out_of_range)?.format("%Y-%m-%d").to_string())
    } else if is_timestamp {
        let instant = DateTime::from_timestamp_micros(value).ok_or(out_of_range)?;
        Ok(instant.to_rfc3339_opts(SecondsFormat::Micros, true))
    } else {
        Ok(value.to_string())
    }
}

fn utf8(text: &[u8]) -> Result<&str, BrokenInvariant> {
    std::str::from_utf8(text).map_err(|_| BrokenInvariant("stored texts are UTF-8"))
}

/// Generates the paths of an object's data files.
#[derive(Debug, Clone)]
pub struct FileNames {
    digest: Sha256,
}

impl FileNames {
    /// Creates the names for an object; `parts` are all inputs that determine the bytes of its files.
    #[must_use]
    pub fn new(parts: &[&str]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part.as_bytes());
        }
        Self { digest }
    }

    /// Identifies the bundle of the files.
    pub(crate) fn bundle_id(&self) -> String {
        let digest = hex::encode(self.digest.clone().chain_update(b"bundle").finalize());
        digest[..32].to_owned()
    }

    /// Path of a file in the table's folder. `part` is the bucket of a spilled object.
    pub(crate) fn path(&self, plan: &TransformPlan, partition: &Partition, part: u32) -> String {
        let mut digest = self.digest.clone();
        let mut path = String::new();
        for ((name, _), value) in plan.partitions.iter().zip(&partition.values) {
            let value = value.as_deref();
            digest.update([u8::from(value.is_some())]);
            // The byte above distinguishes null from empty text.
            digest.update(value.unwrap_or_default().as_bytes());
            digest.update([0xff]);
            path.push_str(&partition_folder(name, value));
            path.push('/');
        }
        let digest = hex::encode(digest.finalize());
        path.push_str(&format!("part-{part:05}-{}.parquet", &digest[..32]));
        path
    }
}
