//! Whether values are unique, and how many distinct ones there are.
//!
//! A pass collects a 64-bit hash of every value, at most [`HASHES_IN_MEMORY`] of them at a time for all expectations of a
//! suite together: a table with more rows gets more passes, each over the hashes of one residue class. Sorting
//! brings equal hashes together. Without any, the values are certainly unique. Otherwise one more pass, over the suspects
//! only, counts 128-bit hashes, which separates distinct values with equal 64-bit hashes. Files need not be sorted, and
//! memory is bounded except for values that do occur more than once.

use super::check::{Check, Rows};
use super::ranges::Bounds;
use super::rows::Ignore;
use crate::arguments::Arguments;
use crate::result::{COMPLETE_LIMIT, Outcome, ResultFormat};
use crate::table::{BuildError, Table};
use crate::tally::Tally;
use crate::value::Column;
use arrow::error::ArrowError;
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// 64 MiB of hashes.
const HASHES_IN_MEMORY: u64 = 8 << 20;

/// Suspects whose rows are kept: as many as a result can list, and some spare for false ones.
const FIRST_ROWS: usize = COMPLETE_LIMIT + 100;

/// Hashes of a residue class, collected in passes.
struct Hashes {
    collected: Vec<u64>,
    class: u64,
    classes: u64,
}

impl Hashes {
    fn new(rows: u64, in_memory: u64) -> Self {
        let classes = rows.div_ceil(in_memory.max(1)).max(1);
        Self {
            // Growing would take twice the memory.
            collected: Vec::with_capacity((rows / classes) as usize),
            class: 0,
            classes,
        }
    }

    /// For a table, with a fair share of the memory; with `reference` for its reference rows as well.
    fn of(table: &Table, reference: bool) -> Self {
        let rows = table.rows + if reference { table.reference_rows } else { 0 };
        Self::new(rows, HASHES_IN_MEMORY / table.hashing.max(1))
    }

    fn add(&mut self, hash: u64) {
        if self.classes == 1 || hash % self.classes == self.class {
            self.collected.push(hash);
        }
    }

    /// Ends a pass: hands the sorted hashes over, and says whether another class is to be collected.
    fn end_pass(&mut self, use_sorted: impl FnOnce(&[u64])) -> bool {
        self.collected.sort_unstable();
        use_sorted(&self.collected);
        self.collected.clear();
        self.class += 1;
        self.class < self.classes
    }
}

/// The hash of some columns of a row.
fn hash(columns: &[Column<'_>], row: usize) -> u64 {
    columns.iter().fold(0, |seed, column| column.hash(row, seed))
}

fn wide_hash(columns: &[Column<'_>], row: usize) -> u128 {
    columns
        .iter()
        .fold(0, |seed, column| column.wide_hash(row, (seed ^ (seed >> 64)) as u64))
}

/// Passes keys that are hashes through.
#[derive(Debug, Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 << 8) | u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write_u128(&mut self, hash: u128) {
        self.0 = hash as u64;
    }
}

type Suspects = HashSet<u64, BuildHasherDefault<Identity>>;

/// Suspects by their wide hash.
#[derive(Debug, Default)]
struct Counts {
    counts: HashMap<u128, u32, BuildHasherDefault<Identity>>,
    /// Those that occur among the reference rows.
    reference: HashSet<u128, BuildHasherDefault<Identity>>,
    /// The first rows of the table among them: hash, number, value.
    first: Vec<(u128, u64, Value)>,
}

enum Pass {
    /// Collects hashes; those that occurred twice in previous classes are kept.
    Collect,
    /// Counts the suspects.
    Count(Counts),
    Done,
}

struct Unique {
    columns: Vec<String>,
    /// Whether values are shown as objects of columns.
    compound: bool,
    ignore: Ignore,
    mostly: f64,
    hashes: Hashes,
    suspects: Suspects,
    pass: Pass,
    tally: Tally,
}

impl Check for Unique {
    fn columns(&self) -> Vec<String> {
        self.columns.clone()
    }

    fn update(&mut self, rows: &Rows<'_>) -> Result<(), ArrowError> {
        let columns = rows.columns(&self.columns)?;
        let count = rows.batch.num_rows();
        let first = matches!(self.pass, Pass::Collect) && self.hashes.class == 0;
        if first {
            let ignored = (0..count).filter(|row| self.ignore.ignores(&columns, *row)).count();
            self.tally.add_rows(count as u64, ignored as u64);
        }
        let considered = (0..count).filter(|row| !self.ignore.ignores(&columns, *row));
        match &mut self.pass {
            Pass::Collect => considered.for_each(|row| self.hashes.add(hash(&columns, row))),
            Pass::Count(counts) => {
                for (row, wide) in suspects(considered, &columns, &self.suspects) {
                    *counts.counts.entry(wide).or_insert(0) += 1;
                    if counts.first.len() < FIRST_ROWS {
                        let value = show(&self.columns, self.compound, &columns, row);
                        counts.first.push((wide, rows.positions.of(row), value));
                    }
                }
            }
            Pass::Done => {}
        }
        Ok(())
    }

    fn needs_reference(&self) -> bool {
        matches!(self.pass, Pass::Collect | Pass::Count(_))
    }

    fn update_reference(&mut self, rows: &Rows<'_>) -> Result<(), ArrowError> {
        let columns = rows.columns(&self.columns)?;
        let considered = (0..rows.batch.num_rows()).filter(|row| !self.ignore.ignores(&columns, *row));
        match &mut self.pass {
            Pass::Collect => considered.for_each(|row| self.hashes.add(hash(&columns, row))),
            Pass::Count(counts) => {
                for (_, wide) in suspects(considered, &columns, &self.suspects) {
                    counts.reference.insert(wide);
                }
            }
            Pass::Done => {}
        }
        Ok(())
    }

    fn next_pass(&mut self) -> bool {
        self.pass = match std::mem::replace(&mut self.pass, Pass::Done) {
            Pass::Collect => {
                let suspects = &mut self.suspects;
                let more = self.hashes.end_pass(|sorted| {
                    let twice = sorted.windows(2).filter(|pair| pair[0] == pair[1]);
                    suspects.extend(twice.map(|pair| pair[0]));
                });
                if more {
                    Pass::Collect
                } else if self.suspects.is_empty() {
                    Pass::Done
                } else {
                    Pass::Count(Counts::default())
                }
            }
            Pass::Count(counts) => {
                counts.report(&mut self.tally);
                Pass::Done
            }
            Pass::Done => Pass::Done,
        };
        !matches!(self.pass, Pass::Done)
    }

    fn finish(&mut self, format: ResultFormat) -> Outcome {
        self.tally.outcome(self.mostly, true, format)
    }
}

/// The suspects among some rows, with their wide hash.
fn suspects<'a>(
    rows: impl Iterator<Item = usize> + 'a,
    columns: &'a [Column<'_>],
    suspects: &'a Suspects,
) -> impl Iterator<Item = (usize, u128)> + 'a {
    rows.filter(|row| suspects.contains(&hash(columns, *row)))
        .map(|row| (row, wide_hash(columns, row)))
}

impl Counts {
    /// Reports every row whose value occurs more than once, reference rows included.
    fn report(self, tally: &mut Tally) {
        let repeated = |hash: &u128, count: u32| count > 1 || self.reference.contains(hash);
        let listed = self.first.into_iter();
        let listed = listed.filter(|(hash, _, _)| self.counts.get(hash).is_some_and(|count| repeated(hash, *count)));
        let mut reported = 0;
        for (_, row, value) in listed {
            tally.add_unexpected(row, || value);
            reported += 1;
        }
        let all = self.counts.iter().filter(|(hash, count)| repeated(hash, **count));
        tally.add_unlisted(all.map(|(_, count)| u64::from(*count)).sum::<u64>() - reported);
    }
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
    table.kind(&column)?;
    Ok(Box::new(Unique {
        columns: vec![column],
        compound: false,
        ignore: Ignore::AllMissing,
        mostly: arguments.mostly()?,
        hashes: Hashes::of(table, true),
        suspects: Suspects::default(),
        pass: Pass::Collect,
        tally: Tally::default(),
    }))
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
        table.kind(column)?;
    }
    Ok(Box::new(Unique {
        columns,
        compound: true,
        ignore: Ignore::of(arguments)?,
        mostly: arguments.mostly()?,
        hashes: Hashes::of(table, true),
        suspects: Suspects::default(),
        pass: Pass::Collect,
        tally: Tally::default(),
    }))
}

/// Counts distinct values by their 64-bit hashes.
struct Distinct {
    column: String,
    bounds: Bounds<f64>,
    proportion: bool,
    hashes: Hashes,
    present: u64,
    distinct: u64,
}

impl Check for Distinct {
    fn columns(&self) -> Vec<String> {
        vec![self.column.clone()]
    }

    fn update(&mut self, rows: &Rows<'_>) -> Result<(), ArrowError> {
        let column = rows.column(&self.column)?;
        for row in (0..rows.batch.num_rows()).filter(|row| !column.is_null(*row)) {
            self.present += u64::from(self.hashes.class == 0);
            self.hashes.add(column.hash(row, 0));
        }
        Ok(())
    }

    fn next_pass(&mut self) -> bool {
        let distinct = &mut self.distinct;
        self.hashes.end_pass(|sorted| {
            let repeated = sorted.windows(2).filter(|pair| pair[0] == pair[1]).count();
            *distinct += (sorted.len() - repeated) as u64;
        })
    }

    fn finish(&mut self, _: ResultFormat) -> Outcome {
        if !self.proportion {
            return Outcome::observed(self.bounds.hold(self.distinct as f64), self.distinct);
        }
        let (observed, shown) = match self.present {
            0 => (0.0, Value::from(0)),
            present => {
                let share = self.distinct as f64 / present as f64;
                (share, Value::from(share))
            }
        };
        Outcome::observed(self.bounds.hold(observed), shown)
    }
}

fn distinct(arguments: &Arguments<'_>, table: &Table, proportion: bool) -> Result<Box<dyn Check>, BuildError> {
    let column = arguments.text("column")?.to_owned();
    table.kind(&column)?;
    Ok(Box::new(Distinct {
        column,
        bounds: Bounds::of_numbers(arguments)?,
        proportion,
        hashes: Hashes::of(table, false),
        present: 0,
        distinct: 0,
    }))
}

pub(super) fn value_count(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    distinct(arguments, table, false)
}

pub(super) fn proportion(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    distinct(arguments, table, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::Positions;
    use arrow::array::{ArrayRef, RecordBatch, StringArray};
    use serde_json::json;
    use std::sync::Arc;

    #[test]
    fn duplicates_are_found_whatever_fits_into_memory() {
        let batches: Vec<RecordBatch> = [["a", "b", "c"], ["d", "b", "e"], ["f", "a", "b"]]
            .into_iter()
            .map(|values| {
                let values: ArrayRef = Arc::new(StringArray::from_iter_values(values));
                RecordBatch::try_from_iter([("id", values)]).unwrap()
            })
            .collect();
        for in_memory in [1, 2, 4, 100] {
            let mut check = Unique {
                columns: vec!["id".to_owned()],
                compound: false,
                ignore: Ignore::AllMissing,
                mostly: 1.0,
                hashes: Hashes::new(9, in_memory),
                suspects: Suspects::default(),
                pass: Pass::Collect,
                tally: Tally::default(),
            };
            loop {
                for (batch, first_row) in batches.iter().zip([0, 3, 6]) {
                    let positions = Positions { first_row, kept: None };
                    check.update(&Rows { batch, positions }).unwrap();
                }
                if !check.next_pass() {
                    break;
                }
            }
            let outcome = check.finish(ResultFormat::Summary);
            assert_eq!(outcome.result["unexpected_count"], json!(5), "{in_memory} in memory");
            assert_eq!(outcome.result["element_count"], json!(9));
            assert_eq!(
                outcome.result["partial_unexpected_list"],
                json!(["a", "b", "b", "a", "b"])
            );
            assert_eq!(outcome.result["partial_unexpected_index_list"], json!([0, 1, 4, 7, 8]));
        }
    }
}
