//! Expectations on several columns of a row.

use super::check::{Check, CheckError, Rows};
use super::rows::Ignore;
use super::sets::ValueIds;
use crate::arguments::Arguments;
use crate::detail::Detail;
use crate::operand::{Operand, scaled};
use crate::result::Outcome;
use crate::table::{BuildError, Table};
use crate::tally::Tally;
use crate::value::{Column, Kind};
use serde_json::{Map, Value};
use std::cmp::Ordering;
use std::collections::HashSet;

/// An expectation on the values of some columns of each row. `unexpected` judges one row.
struct ColumnsCheck<J> {
    names: Vec<String>,
    /// Whether values are shown as a list; else as an object of columns.
    as_list: bool,
    unexpected: J,
    ignore: Ignore,
    mostly: f64,
    tally: Tally,
}

impl<J: Fn(&[Column<'_>], usize) -> bool + Send> Check for ColumnsCheck<J> {
    fn columns(&self) -> Vec<String> {
        self.names.clone()
    }

    fn update(&mut self, rows: &Rows<'_>) -> Result<(), CheckError> {
        let columns = rows.columns(&self.names)?;
        let count = rows.batch.num_rows();
        let mut ignored = 0;
        for row in 0..count {
            if self.ignore.ignores(&columns, row) {
                ignored += 1;
            } else if (self.unexpected)(&columns, row) {
                let values = || columns.iter().map(|column| column.json(row));
                let value = || match self.as_list {
                    true => Value::from_iter(values()),
                    false => Value::Object(Map::from_iter(self.names.iter().cloned().zip(values()))),
                };
                self.tally.add_unexpected(rows.positions.of(row), value);
            }
        }
        self.tally.add_rows(count as u64, ignored);
        Ok(())
    }

    fn finish(&mut self, detail: &Detail) -> Outcome {
        self.tally.outcome(self.mostly, true, detail)
    }
}

/// On the arguments `column_A` and `column_B`.
fn pair<J: Fn(&[Column<'_>], usize) -> bool + Send + 'static>(
    arguments: &Arguments<'_>,
    unexpected: J,
) -> Result<Box<dyn Check>, BuildError> {
    Ok(Box::new(ColumnsCheck {
        names: vec![
            arguments.text("column_A")?.to_owned(),
            arguments.text("column_B")?.to_owned(),
        ],
        as_list: true,
        unexpected,
        ignore: Ignore::of(arguments)?,
        mostly: arguments.mostly()?,
        tally: Tally::default(),
    }))
}

/// On the argument `column_list`.
fn list<J: Fn(&[Column<'_>], usize) -> bool + Send + 'static>(
    arguments: &Arguments<'_>,
    names: Vec<String>,
    unexpected: J,
) -> Result<Box<dyn Check>, BuildError> {
    Ok(Box::new(ColumnsCheck {
        names,
        as_list: false,
        unexpected,
        ignore: Ignore::of(arguments)?,
        mostly: arguments.mostly()?,
        tally: Tally::default(),
    }))
}

/// Rejects pairs of columns whose values are not comparable.
fn comparable(arguments: &Arguments<'_>, table: &Table) -> Result<(), BuildError> {
    let (a, b) = (
        table.kind(arguments.text("column_A")?)?,
        table.kind(arguments.text("column_B")?)?,
    );
    let alike = matches!(
        (a, b),
        (Kind::Text, Kind::Text)
            | (Kind::Boolean, Kind::Boolean)
            | (Kind::Date, Kind::Date)
            | (Kind::Timestamp { .. }, Kind::Timestamp { .. })
    );
    if alike || (a.is_number() && b.is_number()) {
        return Ok(());
    }
    Err(format!(
        "column_A holds {} and column_B {}, which cannot be compared",
        a.name(),
        b.name()
    )
    .into())
}

/// Compares two values of a row; `None` if one is null.
fn compare(a: &Column<'_>, b: &Column<'_>, row: usize) -> Option<Ordering> {
    if a.is_null(row) || b.is_null(row) {
        return None;
    }
    match (a, b) {
        (Column::Text(a), Column::Text(b)) => Some(a.value(row).cmp(b.value(row))),
        (Column::Float(_), _) | (_, Column::Float(_)) => a.number(row).partial_cmp(&b.number(row)),
        _ => {
            let (value, other) = (a.exact(row)?, b.exact(row)?);
            // The nearest of two numbers of different scales is not the same one.
            Some(match a.scale() - b.scale() {
                0 => value.cmp(&other),
                more @ 1.. => order_scaled(other, more, value).reverse(),
                less => order_scaled(value, -less, other),
            })
        }
    }
}

/// Compares a number times ten to the power of `places` with another one.
fn order_scaled(value: i128, places: i32, other: i128) -> Ordering {
    let power = u32::try_from(places)
        .ok()
        .and_then(|places| 10_i128.checked_pow(places));
    match power.and_then(|power| value.checked_mul(power)) {
        Some(value) => value.cmp(&other),
        // It is farther from zero than any number of 128 bits.
        None => value.cmp(&0),
    }
}

/// Whether two values of a row are the same: nulls are, and 1 and 1.0 are.
fn same(a: &Column<'_>, b: &Column<'_>, row: usize) -> bool {
    if a.is_null(row) || b.is_null(row) {
        return a.is_null(row) && b.is_null(row);
    }
    match (a, b) {
        (Column::Text(a), Column::Text(b)) => a.value(row) == b.value(row),
        (Column::Boolean(a), Column::Boolean(b)) => a.value(row) == b.value(row),
        (Column::Date(a), Column::Date(b)) => a.value(row) == b.value(row),
        (a, b) => {
            let numbers = a.is_number() && b.is_number();
            let is_time = |column: &Column<'_>| matches!(column, Column::Timestamp(_) | Column::Nanoseconds(_));
            let times = is_time(a) && is_time(b);
            (numbers || times) && compare(a, b, row) == Some(Ordering::Equal)
        }
    }
}

pub(super) fn equal(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    comparable(arguments, table)?;
    pair(arguments, |columns, row| match columns {
        [a, b] => compare(a, b, row) != Some(Ordering::Equal),
        _ => true,
    })
}

pub(super) fn greater(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    comparable(arguments, table)?;
    let or_equal = arguments.flag("or_equal")?;
    pair(arguments, move |columns, row| match columns {
        [a, b] => match compare(a, b, row) {
            Some(Ordering::Greater) => false,
            Some(Ordering::Equal) => !or_equal,
            _ => true,
        },
        _ => true,
    })
}

pub(super) fn in_set(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    let a = table.kind(arguments.text("column_A")?)?;
    let b = table.kind(arguments.text("column_B")?)?;
    let (mut of_a, mut of_b) = (ValueIds::default(), ValueIds::default());
    let mut pairs: HashSet<[u32; 2]> = HashSet::new();
    for value in arguments.list("value_pairs_set")? {
        match value.as_array().map(Vec::as_slice) {
            // Pairs that no values can equal are left out.
            Some([first, second]) => pairs.extend(of_a.add(a, first).zip(of_b.add(b, second)).map(<[u32; 2]>::from)),
            _ => return Err(format!("argument 'value_pairs_set' holds {value}: give pairs, e.g. [\"a\", 1]").into()),
        }
    }
    pair(arguments, move |columns, row| match columns {
        [first, second] => {
            let pair = of_a.of(first, row).zip(of_b.of(second, row));
            !pair.is_some_and(|(first, second)| pairs.contains(&[first, second]))
        }
        _ => true,
    })
}

pub(super) fn sum_to_equal(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    let names = arguments.texts("column_list")?;
    for name in &names {
        table.number(name)?;
    }
    let Some(total) = arguments.number("sum_total")? else {
        return Err("argument 'sum_total' is missing: give a number".to_owned().into());
    };
    let Some(exact) = exact_sum(arguments, table, &names)? else {
        return list(arguments, names, move |columns, row| {
            let incomplete = columns.iter().any(|column| column.is_null(row));
            incomplete || columns.iter().map(|column| column.number(row)).sum::<f64>() != total
        });
    };
    list(arguments, names, move |columns, row| {
        exact.sum(columns, row) != Some(exact.total)
    })
}

/// The sum of whole numbers and decimals, as a whole number of the largest scale.
struct ExactSum {
    total: i128,
    /// What the values of each column are multiplied with.
    powers: Vec<i128>,
}

impl ExactSum {
    /// The sum of a row; `None` with a null.
    fn sum(&self, columns: &[Column<'_>], row: usize) -> Option<i128> {
        let mut values = columns.iter().zip(&self.powers);
        values.try_fold(0_i128, |sum, (column, power)| {
            let value = (!column.is_null(row)).then(|| column.exact(row))??;
            sum.checked_add(value.checked_mul(*power)?)
        })
    }
}

/// `None` unless all columns hold whole numbers or decimals, and the total is such a number.
fn exact_sum(arguments: &Arguments<'_>, table: &Table, names: &[String]) -> Result<Option<ExactSum>, BuildError> {
    let mut scales = Vec::with_capacity(names.len());
    for name in names {
        match table.kind(name)? {
            Kind::Integer | Kind::Boolean => scales.push(0),
            Kind::Decimal { scale, .. } => scales.push(i32::from(scale)),
            _ => return Ok(None),
        }
    }
    let scale = scales.iter().copied().max().unwrap_or(0).max(0);
    let total = match arguments.optional("sum_total") {
        Some(Value::Number(total)) => scaled(total, scale),
        _ => None,
    };
    let power = |of: i32| 10_i128.checked_pow(u32::try_from(scale - of).ok()?);
    let powers: Option<Vec<i128>> = scales.into_iter().map(power).collect();
    Ok(match (total, powers) {
        (Some(Operand::Exact(total)), Some(powers)) => Some(ExactSum { total, powers }),
        _ => None,
    })
}

pub(super) fn unique_within_record(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    let names = arguments.texts("column_list")?;
    for name in &names {
        table.kind(name)?;
    }
    list(arguments, names, |columns, row| {
        let mut rest = columns;
        while let [first, others @ ..] = rest {
            if others.iter().any(|other| same(first, other, row)) {
                return true;
            }
            rest = others;
        }
        false
    })
}

pub(super) fn all_equal(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    let names = arguments.texts("column_list")?;
    for name in &names {
        table.kind(name)?;
    }
    list(arguments, names, |columns, row| match columns {
        [first, others @ ..] => others.iter().any(|other| !same(first, other, row)),
        [] => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::ResultFormat;
    use crate::tally::Positions;
    use arrow::array::{ArrayRef, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray};
    use proptest::prelude::*;
    use serde_json::json;
    use std::sync::Arc;

    /// Whether a value equals a literal, compared one by one: the model of the lookup.
    fn equals(column: &Column<'_>, kind: Kind, row: usize, literal: &Value) -> bool {
        if literal.is_null() || column.is_null(row) {
            return literal.is_null() && column.is_null(row);
        }
        let operand = Operand::new(kind, literal);
        operand.is_some_and(|operand| operand.order(column, row) == Some(Ordering::Equal))
    }

    fn literal() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            (0..4_i64).prop_map(|number| json!(number)),
            (0..8_i64).prop_map(|number| json!(number as f64 / 2.0)),
            Just(json!(0.125)),
            Just(json!(-0.0)),
            (0..4_i64).prop_map(|number| json!(format!("t{number}"))),
            Just(json!(true)),
        ]
    }

    fn column() -> impl Strategy<Value = ArrayRef> {
        let numbers = || prop::collection::vec(prop::option::of(-1..8_i64), 12);
        let decimals = |values: Vec<Option<i64>>| {
            let scaled = values
                .into_iter()
                .map(|value| value.map(|value| i128::from(value) * 50));
            Decimal128Array::from_iter(scaled)
                .with_precision_and_scale(18, 2)
                .unwrap()
        };
        prop_oneof![
            numbers().prop_map(|values| Arc::new(Int64Array::from(values)) as ArrayRef),
            numbers().prop_map(|values| {
                let halves = values.into_iter().map(|value| value.map(|value| value as f64 / 2.0));
                Arc::new(Float64Array::from_iter(halves)) as ArrayRef
            }),
            numbers().prop_map(move |values| Arc::new(decimals(values)) as ArrayRef),
            numbers().prop_map(|values| {
                let texts = values.into_iter().map(|value| value.map(|value| format!("t{value}")));
                Arc::new(StringArray::from_iter(texts)) as ArrayRef
            }),
        ]
    }

    proptest! {
        #[test]
        fn a_pair_is_in_the_set_if_it_equals_one_of_it(
            a in column(),
            b in column(),
            pairs in prop::collection::vec((literal(), literal()), 0..12),
        ) {
            let batch = RecordBatch::try_from_iter_with_nullable([("a", a, true), ("b", b, true)]).unwrap();
            let listed: Vec<Value> = pairs.iter().map(|(first, second)| json!([first, second])).collect();
            let expectation = serde_json::from_value(json!({
                "type": "expect_column_pair_values_to_be_in_set",
                "kwargs": {"column_A": "a", "column_B": "b", "value_pairs_set": listed, "ignore_row_if": "never"},
            }));
            let expectation = expectation.unwrap();
            let now = chrono::NaiveDateTime::default();
            let table = Table { schema: batch.schema(), rows: 12, reference_rows: 0, now, hashing: 0 };
            let mut check = in_set(&Arguments::new(&expectation), &table).ok().unwrap();
            check.update(&Rows { batch: &batch, positions: Positions { first_row: 0, kept: None } }).unwrap();
            let outcome = check.finish(&ResultFormat::Complete.into());

            let (kind_a, kind_b) = (table.kind("a").unwrap(), table.kind("b").unwrap());
            let columns = ["a", "b"].map(|name| Column::in_batch(&batch, name).unwrap());
            let unexpected = (0..12_usize).filter(|row| {
                !pairs.iter().any(|(first, second)| {
                    equals(&columns[0], kind_a, *row, first) && equals(&columns[1], kind_b, *row, second)
                })
            });
            let unexpected: Vec<u64> = unexpected.map(|row| row as u64).collect();
            prop_assert_eq!(outcome.rows, unexpected);
        }

        #[test]
        fn a_set_is_contained_if_each_of_its_values_occurs(a in column(), set in prop::collection::vec(literal(), 0..12)) {
            let batch = RecordBatch::try_from_iter_with_nullable([("a", a, true)]).unwrap();
            let expectation = serde_json::from_value(json!({
                "type": "expect_column_distinct_values_to_contain_set",
                "kwargs": {"column": "a", "value_set": set},
            }));
            let expectation = expectation.unwrap();
            let now = chrono::NaiveDateTime::default();
            let table = Table { schema: batch.schema(), rows: 12, reference_rows: 0, now, hashing: 0 };
            let contains = crate::expectations::distinct::to_contain_set;
            let mut check = contains(&Arguments::new(&expectation), &table).ok().unwrap();
            // In two batches: a value may occur in either.
            for part in [batch.slice(0, 5), batch.slice(5, 7)] {
                check.update(&Rows { batch: &part, positions: Positions { first_row: 0, kept: None } }).unwrap();
            }
            let outcome = check.finish(&ResultFormat::Complete.into());

            let (kind, column) = (table.kind("a").unwrap(), Column::in_batch(&batch, "a").unwrap());
            let mut missing: Vec<&Value> = Vec::new();
            for value in &set {
                // A null in the list is never met: nulls are no values.
                let occurs = !value.is_null() && (0..12).any(|row| equals(&column, kind, row, value));
                if !occurs && !missing.contains(&value) {
                    missing.push(value);
                }
            }
            prop_assert_eq!(outcome.success, missing.is_empty());
            prop_assert_eq!(outcome.result["missing_count"].as_u64(), Some(missing.len() as u64));
        }
    }
}
