//! Expectations on several columns of a row.

use super::check::{Check, CheckError, Rows};
use super::rows::Ignore;
use super::sets::ValueIds;
use crate::arguments::Arguments;
use crate::result::{Outcome, ResultFormat};
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

    fn finish(&mut self, format: ResultFormat) -> Outcome {
        self.tally.outcome(self.mostly, true, format)
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
        (Column::Integer(a), Column::Integer(b)) => Some(a.value(row).cmp(&b.value(row))),
        (Column::Timestamp(a), Column::Timestamp(b)) => Some(a.value(row).cmp(&b.value(row))),
        (Column::Decimal(a), Column::Decimal(b)) if a.scale() == b.scale() => Some(a.value(row).cmp(&b.value(row))),
        _ => a.number(row).partial_cmp(&b.number(row)),
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
            let times = matches!((a, b), (Column::Timestamp(_), Column::Timestamp(_)));
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
            let seconds = of_b.of(second, row);
            let second = || seconds.into_iter().flatten();
            let mut first = of_a.of(first, row).into_iter().flatten();
            !first.any(|first| second().any(|second| pairs.contains(&[first, second])))
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
    list(arguments, names, move |columns, row| {
        let whole = columns.iter().any(|column| column.is_null(row));
        whole || columns.iter().map(|column| column.number(row)).sum::<f64>() != total
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
