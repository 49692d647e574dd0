//! The distinct values of a column.

use super::cardinality::Distinct;
use super::check::{Check, CheckError, Rows};
use super::rows::column;
use super::sets::{ValueSet, not};
use crate::arguments::Arguments;
use crate::detail::Detail;
use crate::operand::Operand;
use crate::result::{DEFAULT_PARTIAL_UNEXPECTED_COUNT, Outcome};
use crate::table::{BuildError, Table};
use crate::tally::order;
use crate::value::Kind;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// Most distinct values that are counted; these expectations are not meant for columns with more.
const COUNTED_VALUES: usize = 1 << 20;

/// The expected relation of the values to a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    BeIn,
    Contain,
    Equal,
}

/// The distinct values of a column compared with a list.
struct DistinctValues {
    column: String,
    wanted: Wanted,
    kind: Kind,
    expected: ValueSet,
    /// The listed values that have not occurred yet.
    awaited: ValueSet,
    /// The list.
    listed: Vec<Value>,
    /// Values that are not listed.
    unexpected: Distinct,
    unexpected_count: u64,
    /// The smallest of them.
    examples: Vec<Value>,
}

impl DistinctValues {
    fn boxed(arguments: &Arguments<'_>, table: &Table, wanted: Wanted) -> Result<Box<dyn Check>, BuildError> {
        let kind = column(arguments, table)?;
        let values = arguments.list("value_set")?;
        let mut known = HashSet::new();
        let listed = values.iter().filter(|value| known.insert(*value)).cloned().collect();
        Ok(Box::new(Self {
            column: arguments.text("column")?.to_owned(),
            wanted,
            kind,
            expected: ValueSet::new(kind, values),
            awaited: ValueSet::new(kind, values),
            listed,
            unexpected: Distinct::new(table),
            unexpected_count: 0,
            examples: Vec::new(),
        }))
    }
}

impl DistinctValues {
    /// Keeps the value if it is one of the smallest.
    fn show(&mut self, value: Value) {
        if let Err(place) = self.examples.binary_search_by(|known| order(known, &value))
            && place < DEFAULT_PARTIAL_UNEXPECTED_COUNT
        {
            self.examples.truncate(DEFAULT_PARTIAL_UNEXPECTED_COUNT - 1);
            self.examples.insert(place, value);
        }
    }
}

impl Check for DistinctValues {
    fn columns(&self) -> Vec<String> {
        vec![self.column.clone()]
    }

    fn update(&mut self, rows: &Rows<'_>) -> Result<(), CheckError> {
        let column = rows.column(&self.column)?;
        if self.wanted != Wanted::Contain {
            let outside = not(&self.expected.contains(column));
            for row in outside.values().set_indices().filter(|row| !column.is_null(*row)) {
                if self.unexpected.add(column.wide_hash(row, 0))? {
                    self.show(column.json(row));
                }
            }
        }
        if self.wanted != Wanted::BeIn {
            self.awaited.remove(column);
        }
        Ok(())
    }

    fn next_pass(&mut self) -> Result<bool, CheckError> {
        self.unexpected_count = self.unexpected.count()?;
        Ok(false)
    }

    fn finish(&mut self, _: &Detail) -> Outcome {
        let mut missing: Vec<Value> = if self.wanted == Wanted::BeIn {
            Vec::new()
        } else {
            let occurred = |value: &Value| {
                let operand = Operand::new(self.kind, value);
                operand.is_some_and(|operand| self.expected.has(&operand) && !self.awaited.has(&operand))
            };
            let missing = self.listed.iter().filter(|value| !occurred(value));
            missing.cloned().collect()
        };
        missing.sort_by(order);
        let mut outcome = Outcome::observed(self.unexpected_count == 0 && missing.is_empty(), Value::Null);
        if self.wanted != Wanted::Contain {
            outcome = outcome.with("unexpected_count", self.unexpected_count);
        }
        if self.wanted != Wanted::BeIn {
            outcome = outcome.with("missing_count", missing.len());
        }
        missing.truncate(DEFAULT_PARTIAL_UNEXPECTED_COUNT);
        if self.wanted != Wanted::Contain {
            outcome = outcome.with("partial_unexpected_list", std::mem::take(&mut self.examples));
        }
        if self.wanted != Wanted::BeIn {
            outcome = outcome.with("partial_missing_list", missing);
        }
        outcome
    }
}

pub(super) fn to_be_in_set(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    DistinctValues::boxed(arguments, table, Wanted::BeIn)
}

pub(super) fn to_contain_set(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    DistinctValues::boxed(arguments, table, Wanted::Contain)
}

pub(super) fn to_equal_set(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    DistinctValues::boxed(arguments, table, Wanted::Equal)
}

/// The most frequent value.
struct MostCommon {
    column: String,
    expected: ValueSet,
    ties_okay: bool,
    /// By hash: how often a value occurred, whether it is expected, and the value.
    counts: HashMap<u64, (u64, bool, Value)>,
    too_many: bool,
}

impl Check for MostCommon {
    fn columns(&self) -> Vec<String> {
        vec![self.column.clone()]
    }

    fn update(&mut self, rows: &Rows<'_>) -> Result<(), CheckError> {
        let column = rows.column(&self.column)?;
        for row in (0..rows.batch.num_rows()).filter(|row| !column.is_null(*row)) {
            let hash = column.hash(row, 0);
            if let Some((count, ..)) = self.counts.get_mut(&hash) {
                *count += 1;
            } else if self.counts.len() < COUNTED_VALUES {
                let expected = self.expected.has(&Operand::of(&column, row));
                self.counts.insert(hash, (1, expected, column.json(row)));
            } else {
                self.too_many = true;
            }
        }
        Ok(())
    }

    fn finish(&mut self, _: &Detail) -> Outcome {
        if self.too_many {
            return Outcome::refused(format!(
                "column '{}' has more than {COUNTED_VALUES} different values: its most common one is not looked for",
                self.column
            ));
        }
        let highest = self.counts.values().map(|(count, ..)| *count).max();
        let most = || self.counts.values().filter(|(count, ..)| Some(*count) == highest);
        let expected = most().filter(|(_, expected, _)| *expected).count();
        let mut values: Vec<Value> = most().map(|(_, _, value)| value.clone()).collect();
        values.sort_by(order);
        let success = if self.ties_okay {
            expected > 0
        } else {
            values.len() == 1 && expected == 1
        };
        Outcome::observed(success, values)
    }
}

pub(super) fn most_common_value(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    let kind = column(arguments, table)?;
    Ok(Box::new(MostCommon {
        column: arguments.text("column")?.to_owned(),
        expected: ValueSet::new(kind, arguments.list("value_set")?),
        ties_okay: arguments.flag("ties_okay")?,
        counts: HashMap::new(),
        too_many: false,
    }))
}
