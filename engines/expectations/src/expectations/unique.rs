//! Whether values are unique. Exact, in linear time and bounded memory, for files in any order.
//!
//! The first pass collects a short hash of every value ([`Spill`]); without two equal ones, the values are unique.
//! Otherwise a second pass, over the suspects only, compares wide hashes, which separates distinct values with equal short
//! hashes; and if the first rows to report are not known by then, a third one fetches their values.
//!
//! Values that ascend need no hashes: a table sorted by the column is read once and leaves nothing on disk.

use super::check::{Check, CheckError, Rows};
use super::hashing::{HASH_MEMORY, hash, wide_hash};
use super::order::Before;
use super::rows::Ignore;
use crate::arguments::Arguments;
use crate::detail::Detail;
use crate::result::{COMPLETE_LIMIT, Outcome};
use crate::spill::Spill;
use crate::table::{BuildError, Table};
use crate::tally::Tally;
use crate::value::{Column, Kind};
use repeated::{RepeatedRows, SUSPECT_BYTES, Suspect, Suspects, short};
use serde_json::{Map, Value};
use std::cmp::Ordering;
use std::io;

mod repeated;

/// Suspects whose values are kept: as many as a result can list, and some spare for false ones.
const FIRST_ROWS: usize = COMPLETE_LIMIT + 100;

enum Pass {
    /// Collects short hashes, and follows the order as long as the values ascend.
    Collect {
        hashes: Spill<8>,
        order: Option<Before>,
    },
    /// Follows the order only, until it is broken.
    Ordered(Option<Before>),
    /// Collects the rows with suspected values, and shows the first of them.
    Convict {
        suspects: Suspects,
        rows: Spill<SUSPECT_BYTES>,
        first: Vec<(u64, Value)>,
    },
    /// Shows the rows to report.
    Show {
        repeated: RepeatedRows,
        shown: Vec<(u64, Value)>,
    },
    Done,
}

struct Unique {
    columns: Vec<String>,
    /// Whether values are shown as objects of columns.
    compound: bool,
    ignore: Ignore,
    mostly: f64,
    /// Of table and reference together.
    rows: u64,
    /// Bytes for hashes.
    memory: usize,
    /// Whether all rows have been counted.
    counted: bool,
    pass: Pass,
    tally: Tally,
}

impl Unique {
    fn new(columns: Vec<String>, ignore: Ignore, mostly: f64, table: &Table) -> Self {
        let rows = table.rows + table.reference_rows;
        let memory = HASH_MEMORY / table.hashing.max(1) as usize;
        // Reference rows have an order of their own, zero is two floating-point numbers, and some values have no order.
        let ordered = match columns.as_slice() {
            [column] => table.reference_rows == 0 && !matches!(table.any(column), Ok(Kind::Float | Kind::Other)),
            _ => false,
        };
        Self {
            compound: columns.len() > 1,
            columns,
            ignore,
            mostly,
            rows,
            memory,
            counted: false,
            pass: Pass::Collect {
                hashes: Spill::new(rows, memory),
                order: ordered.then(Before::default),
            },
            tally: Tally::default(),
        }
    }

    /// The pass that follows.
    fn next(&mut self, ended: Pass) -> io::Result<Pass> {
        Ok(match ended {
            // Ascending to the end.
            Pass::Collect { order: Some(_), .. } | Pass::Ordered(Some(_)) | Pass::Done => Pass::Done,
            Pass::Ordered(None) => Pass::Collect {
                hashes: Spill::new(self.rows, self.memory),
                order: None,
            },
            Pass::Collect { hashes, order: None } => {
                let suspects = Suspects::among(&hashes)?;
                if suspects.is_empty() {
                    return Ok(Pass::Done);
                }
                Pass::Convict {
                    suspects,
                    rows: Spill::new(self.rows, self.memory),
                    first: Vec::new(),
                }
            }
            Pass::Convict { rows, first, .. } => {
                let repeated = RepeatedRows::among(&rows, COMPLETE_LIMIT)?;
                let is_repeated = |(row, _): &(u64, Value)| repeated.first.binary_search(row).is_ok();
                let shown: Vec<_> = first.into_iter().filter(is_repeated).collect();
                if shown.len() < repeated.first.len() {
                    return Ok(Pass::Show { repeated, shown });
                }
                self.report(&repeated, shown);
                Pass::Done
            }
            Pass::Show { repeated, shown } => {
                self.report(&repeated, shown);
                Pass::Done
            }
        })
    }

    fn report(&mut self, repeated: &RepeatedRows, shown: Vec<(u64, Value)>) {
        self.tally.add_unlisted(repeated.count - shown.len() as u64);
        for (row, value) in shown {
            self.tally.add_unexpected(row, || value);
        }
    }
}

impl Check for Unique {
    fn columns(&self) -> Vec<String> {
        self.columns.clone()
    }

    fn update(&mut self, rows: &Rows<'_>) -> Result<(), CheckError> {
        let columns = rows.columns(&self.columns)?;
        let count = rows.batch.num_rows();
        let considered = (0..count).filter(|row| !self.ignore.ignores(&columns, *row));
        if !self.counted {
            let considered = considered.clone().count();
            self.tally.add_rows(count as u64, (count - considered) as u64);
        }
        match &mut self.pass {
            Pass::Collect { hashes, order } => {
                follow(order, &columns);
                if order.is_some() && hashes.is_full() {
                    self.pass = Pass::Ordered(order.take());
                } else {
                    collect(hashes, considered, &columns)?;
                }
            }
            Pass::Ordered(order) => follow(order, &columns),
            Pass::Convict {
                suspects,
                rows: spill,
                first,
            } => {
                for row in considered.filter(|row| suspects.contains(short(hash(&columns, *row)))) {
                    let hash = wide_hash(&columns, row);
                    let number = rows.positions.of(row);
                    let suspect = Suspect {
                        hash,
                        row: Some(number),
                    };
                    spill.push(hash as u64, &suspect.to_bytes())?;
                    if first.len() < FIRST_ROWS {
                        first.push((number, show(&self.columns, self.compound, &columns, row)));
                    }
                }
            }
            Pass::Show { repeated, shown } => {
                // The rows shown so far are the first ones of those to show.
                let next = repeated.first.get(shown.len()..).unwrap_or_default();
                let found = next
                    .iter()
                    .map_while(|number| Some((*number, rows.positions.find(*number, count)?)));
                shown.extend(found.map(|(number, row)| (number, show(&self.columns, self.compound, &columns, row))));
            }
            Pass::Done => {}
        }
        Ok(())
    }

    fn needs_reference(&self) -> bool {
        matches!(self.pass, Pass::Collect { .. } | Pass::Convict { .. })
    }

    fn update_reference(&mut self, rows: &Rows<'_>) -> Result<(), CheckError> {
        let columns = rows.columns(&self.columns)?;
        let considered = (0..rows.batch.num_rows()).filter(|row| !self.ignore.ignores(&columns, *row));
        match &mut self.pass {
            Pass::Collect { hashes, .. } => collect(hashes, considered, &columns)?,
            Pass::Convict { suspects, rows, .. } => {
                for row in considered.filter(|row| suspects.contains(short(hash(&columns, *row)))) {
                    let hash = wide_hash(&columns, row);
                    rows.push(hash as u64, &Suspect { hash, row: None }.to_bytes())?;
                }
            }
            Pass::Ordered(_) | Pass::Show { .. } | Pass::Done => {}
        }
        Ok(())
    }

    fn next_pass(&mut self) -> Result<bool, CheckError> {
        self.counted = true;
        let ended = std::mem::replace(&mut self.pass, Pass::Done);
        self.pass = self.next(ended)?;
        Ok(!matches!(self.pass, Pass::Done))
    }

    fn finish(&mut self, detail: &Detail) -> Outcome {
        self.tally.outcome(self.mostly, true, detail)
    }
}

/// Follows the order of a column until a value does not exceed the one before it.
fn follow(order: &mut Option<Before>, columns: &[Column<'_>]) {
    if let (Some(before), [column]) = (order.as_mut(), columns)
        && before.judge(*column, |order| order != Ordering::Greater).true_count() > 0
    {
        *order = None;
    }
}

fn collect(hashes: &mut Spill<8>, rows: impl Iterator<Item = usize>, columns: &[Column<'_>]) -> io::Result<()> {
    for row in rows {
        let hash = short(hash(columns, row));
        hashes.push(hash, &hash.to_le_bytes())?;
    }
    Ok(())
}

/// The value of a row: plain for one column, an object for several.
fn show(names: &[String], compound: bool, columns: &[Column<'_>], row: usize) -> Value {
    if !compound {
        return columns.first().map_or(Value::Null, |column| column.json(row));
    }
    let fields = names
        .iter()
        .zip(columns)
        .map(|(name, column)| (name.clone(), column.json(row)));
    Value::Object(Map::from_iter(fields))
}

pub(super) fn values(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    let column = arguments.text("column")?.to_owned();
    table.any(&column)?;
    let check = Unique::new(vec![column], Ignore::AllMissing, arguments.mostly()?, table);
    Ok(Box::new(check))
}

pub(super) fn compound(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    let columns = arguments.texts("column_list")?;
    if columns.len() < 2 {
        return Err(format!(
            "argument 'column_list' names {} column: give at least two",
            columns.len()
        )
        .into());
    }
    for column in &columns {
        table.any(column)?;
    }
    let check = Unique::new(columns, Ignore::of(arguments)?, arguments.mostly()?, table);
    Ok(Box::new(check))
}

#[cfg(test)]
mod tests;
