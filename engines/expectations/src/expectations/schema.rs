//! Expectations on the columns and the number of rows.

use super::check::{Check, CheckError, Rows};
use super::ranges::Bounds;
use crate::arguments::Arguments;
use crate::detail::Detail;
use crate::result::Outcome;
use crate::table::{BuildError, Table};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// An expectation decided without reading rows.
pub(super) struct Decided(pub(super) Outcome);

impl Check for Decided {
    fn columns(&self) -> Vec<String> {
        Vec::new()
    }

    fn update(&mut self, _: &Rows<'_>) -> Result<(), CheckError> {
        Ok(())
    }

    fn finish(&mut self, _: &Detail) -> Outcome {
        self.0.clone()
    }
}

fn decided(outcome: Outcome) -> Result<Box<dyn Check>, BuildError> {
    Ok(Box::new(Decided(outcome)))
}

fn names(table: &Table) -> Vec<&str> {
    table
        .schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect()
}

pub(super) fn column_to_exist(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    let column = arguments.text("column")?;
    let names = names(table);
    // Great Expectations treats index 0 as no index.
    let success = match arguments.count("column_index")? {
        None | Some(0) => names.contains(&column),
        Some(index) => usize::try_from(index).is_ok_and(|index| names.get(index) == Some(&column)),
    };
    decided(Outcome::plain(success))
}

pub(super) fn columns_in_set(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    let expected: BTreeSet<String> = arguments.texts("column_set")?.into_iter().collect();
    let exact = arguments.flag_or_true("exact_match")?;
    let actual: BTreeSet<String> = names(table).into_iter().map(str::to_owned).collect();
    let observed: Vec<&String> = actual.iter().collect();
    let unexpected: Vec<&String> = actual.difference(&expected).collect();
    let missing: Vec<&String> = expected.difference(&actual).collect();
    let success = missing.is_empty() && (unexpected.is_empty() || !exact);
    let mut mismatched = Map::new();
    if !unexpected.is_empty() {
        mismatched.insert("unexpected".to_owned(), json!(unexpected));
    }
    if !missing.is_empty() {
        mismatched.insert("missing".to_owned(), json!(missing));
    }
    let outcome = Outcome::observed(success, json!(observed));
    decided(if mismatched.is_empty() {
        outcome
    } else {
        outcome.with("details", json!({"mismatched": mismatched}))
    })
}

pub(super) fn columns_in_order(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    let expected = arguments.texts("column_list")?;
    let actual = names(table);
    let mismatched: Vec<Value> = (0..expected.len().max(actual.len()))
        .filter_map(|place| {
            let (wanted, found) = (expected.get(place).map(String::as_str), actual.get(place).copied());
            (wanted != found).then(|| json!({"Expected Column Position": place, "Expected": wanted, "Found": found}))
        })
        .collect();
    let outcome = Outcome::observed(mismatched.is_empty(), json!(actual));
    decided(if mismatched.is_empty() {
        outcome
    } else {
        outcome.with("details", json!({"mismatched": mismatched}))
    })
}

/// Whether there is as many of something as wanted.
#[derive(Debug, Clone)]
enum Wanted {
    Exactly(u64),
    Between(Bounds<u64>),
}

impl Wanted {
    /// The argument `value`.
    fn exactly(arguments: &Arguments<'_>) -> Result<Self, BuildError> {
        Ok(Self::Exactly(arguments.required_count("value")?))
    }

    /// The arguments `min_value`, `max_value`, `strict_min`, `strict_max`.
    fn between(arguments: &Arguments<'_>) -> Result<Self, BuildError> {
        Ok(Self::Between(Bounds {
            minimum: arguments.count("min_value")?,
            maximum: arguments.count("max_value")?,
            strict_minimum: arguments.flag("strict_min")?,
            strict_maximum: arguments.flag("strict_max")?,
        }))
    }

    fn outcome(&self, count: u64) -> Outcome {
        let met = match self {
            Self::Exactly(wanted) => *wanted == count,
            Self::Between(bounds) => bounds.hold(count),
        };
        Outcome::observed(met, count)
    }
}

/// The number of rows that meet a row condition.
struct MatchingRows {
    wanted: Wanted,
    count: u64,
}

impl Check for MatchingRows {
    fn columns(&self) -> Vec<String> {
        Vec::new()
    }

    fn needs_rows(&self) -> bool {
        true
    }

    fn update(&mut self, rows: &Rows<'_>) -> Result<(), CheckError> {
        self.count += rows.batch.num_rows() as u64;
        Ok(())
    }

    fn finish(&mut self, _: &Detail) -> Outcome {
        self.wanted.outcome(self.count)
    }
}

/// Without a condition the table knows the number of its rows.
fn row_count(arguments: &Arguments<'_>, table: &Table, wanted: Wanted) -> Result<Box<dyn Check>, BuildError> {
    if arguments.optional("row_condition").is_some() {
        return Ok(Box::new(MatchingRows { wanted, count: 0 }));
    }
    decided(wanted.outcome(table.rows))
}

pub(super) fn column_count_between(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    decided(Wanted::between(arguments)?.outcome(table.schema.fields().len() as u64))
}

pub(super) fn column_count_equal(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    decided(Wanted::exactly(arguments)?.outcome(table.schema.fields().len() as u64))
}

pub(super) fn row_count_between(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    row_count(arguments, table, Wanted::between(arguments)?)
}

pub(super) fn row_count_equal(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    row_count(arguments, table, Wanted::exactly(arguments)?)
}
