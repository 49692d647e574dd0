//! The distinct values of a column.

use super::check::{Check, CheckError, Rows};
use super::rows::column;
use super::sets::{ValueSet, bits, not};
use crate::arguments::Arguments;
use crate::result::{DEFAULT_PARTIAL_UNEXPECTED_COUNT, Outcome, ResultFormat};
use crate::table::{BuildError, Table};
use crate::tally::order;
use crate::value::{Kind, Operand};
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
    /// Values that are not listed, by hash.
    unexpected: HashMap<u64, Value>,
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
            unexpected: HashMap::new(),
        }))
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
                if self.unexpected.len() < COUNTED_VALUES {
                    self.unexpected
                        .entry(column.hash(row, 0))
                        .or_insert_with(|| column.json(row));
                }
            }
        }
        if self.wanted != Wanted::BeIn {
            self.awaited.remove(column);
        }
        Ok(())
    }

    fn finish(&mut self, _: ResultFormat) -> Outcome {
        let mut unexpected: Vec<Value> = std::mem::take(&mut self.unexpected).into_values().collect();
        unexpected.sort_by(order);
        let mut missing: Vec<Value> = if self.wanted == Wanted::BeIn {
            Vec::new()
        } else {
            let occurred = |value: &Value| {
                let operand = Operand::new(self.kind, value);
                operand.is_some_and(|operand| !self.awaited.has(&operand))
            };
            let missing = self.listed.iter().filter(|value| !occurred(value));
            missing.cloned().collect()
        };
        missing.sort_by(order);
        let mut outcome = Outcome::observed(unexpected.is_empty() && missing.is_empty(), Value::Null);
        if self.wanted != Wanted::Contain {
            outcome = outcome.with("unexpected_count", unexpected.len());
        }
        if self.wanted != Wanted::BeIn {
            outcome = outcome.with("missing_count", missing.len());
        }
        unexpected.truncate(DEFAULT_PARTIAL_UNEXPECTED_COUNT);
        missing.truncate(DEFAULT_PARTIAL_UNEXPECTED_COUNT);
        if self.wanted != Wanted::Contain {
            outcome = outcome.with("partial_unexpected_list", unexpected);
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
    kind: Kind,
    expected: Vec<Value>,
    ties_okay: bool,
    counts: HashMap<u64, (u64, Value)>,
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
            if let Some((count, _)) = self.counts.get_mut(&hash) {
                *count += 1;
            } else if self.counts.len() < COUNTED_VALUES {
                self.counts.insert(hash, (1, column.json(row)));
            } else {
                self.too_many = true;
            }
        }
        Ok(())
    }

    fn finish(&mut self, _: ResultFormat) -> Outcome {
        if self.too_many {
            return Outcome::exception(format!(
                "column '{}' has more than {COUNTED_VALUES} different values: its most common one is not looked for",
                self.column
            ));
        }
        let highest = self.counts.values().map(|(count, _)| *count).max();
        let mut values: Vec<Value> = self
            .counts
            .values()
            .filter(|(count, _)| Some(*count) == highest)
            .map(|(_, value)| value.clone())
            .collect();
        values.sort_by(order);
        // Numbers are the same whether whole or not.
        let number = |value: &Value| value.as_f64().filter(|_| self.kind.is_number());
        let numbers: HashSet<u64> = self.expected.iter().filter_map(number).map(bits).collect();
        let others: HashSet<&Value> = self.expected.iter().collect();
        let is_expected = |value: &&Value| {
            others.contains(*value) || number(value).is_some_and(|number| numbers.contains(&bits(number)))
        };
        let expected = values.iter().filter(is_expected).count();
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
        kind,
        expected: arguments.list("value_set")?.clone(),
        ties_okay: arguments.flag("ties_okay")?,
        counts: HashMap::new(),
        too_many: false,
    }))
}
