//! Aggregates of a column: minimum, maximum, sum, mean, standard deviation.

use super::check::{Check, CheckError, Rows};
use super::ranges::{Bounds, KindBounds};
use crate::arguments::Arguments;
use crate::detail::Detail;
use crate::result::Outcome;
use crate::table::{BuildError, Table};
use crate::value::{Column, Kind, array, decimal_to_f64, float};
use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::compute::{concat, max_boolean, min_boolean, take};
use arrow::error::ArrowError;
use serde_json::Value;
use std::cmp::Ordering;

/// Which end of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Minimum,
    Maximum,
}

/// The smallest or largest value.
struct Extreme {
    column: String,
    end: End,
    bounds: KindBounds,
    /// The value so far, as a column of one row.
    best: Option<ArrayRef>,
}

impl Extreme {
    /// The row of the best value of a column; none when all are null.
    fn best_row(&self, column: Column<'_>) -> Option<usize> {
        let rows = (0..column.array().len()).filter(|row| !column.is_null(*row));
        macro_rules! best {
            ($array:expr, $compare:expr) => {
                match self.end {
                    End::Minimum => rows.min_by(|a, b| $compare($array.value(*a), $array.value(*b))),
                    End::Maximum => rows.max_by(|a, b| $compare($array.value(*a), $array.value(*b))),
                }
            };
        }
        match column {
            Column::Text(array) => best!(array, |a: &str, b: &str| a.cmp(b)),
            Column::Integer(array) => best!(array, |a: i64, b: i64| a.cmp(&b)),
            Column::Float(array) => best!(array, |a: f64, b: f64| a.partial_cmp(&b).unwrap_or(Ordering::Equal)),
            Column::Decimal(array) => best!(array, |a: i128, b: i128| a.cmp(&b)),
            Column::Date(array) => best!(array, |a: i32, b: i32| a.cmp(&b)),
            Column::Timestamp(array) => best!(array, |a: i64, b: i64| a.cmp(&b)),
            Column::Nanoseconds(array) => best!(array, |a: i64, b: i64| a.cmp(&b)),
            Column::Other(_) => None,
            Column::Boolean(array) => {
                let wanted = match self.end {
                    End::Minimum => min_boolean(array)?,
                    End::Maximum => max_boolean(array)?,
                };
                rows.into_iter().find(|row| array.value(*row) == wanted)
            }
        }
    }
}

impl Check for Extreme {
    fn columns(&self) -> Vec<String> {
        vec![self.column.clone()]
    }

    fn update(&mut self, rows: &Rows<'_>) -> Result<(), CheckError> {
        let array = array(rows.batch, &self.column)?;
        let Some(row) = self.best_row(rows.column(&self.column)?) else {
            return Ok(());
        };
        let found = array.slice(row, 1);
        let together = match &self.best {
            None => found,
            Some(best) => concat(&[best.as_ref(), found.as_ref()])?,
        };
        let best = Column::of(&together).and_then(|column| self.best_row(column));
        let row = best.ok_or_else(|| ArrowError::ComputeError("two values without a smallest one".to_owned()))?;
        // A copy, to release the batch.
        let indices = UInt32Array::from(vec![row as u32]);
        self.best = Some(take(&together, &indices, None)?);
        Ok(())
    }

    fn finish(&mut self, _: &Detail) -> Outcome {
        match self.best.as_ref().and_then(Column::of) {
            None => Outcome::observed(false, Value::Null),
            Some(column) => {
                let outside = self.bounds.outside(column);
                Outcome::observed(!outside.value(0), column.json(0))
            }
        }
    }
}

fn extreme(arguments: &Arguments<'_>, table: &Table, end: End) -> Result<Box<dyn Check>, BuildError> {
    let column = arguments.text("column")?.to_owned();
    let bounds = KindBounds::of(arguments, table.kind(&column)?)?;
    Ok(Box::new(Extreme {
        column,
        end,
        bounds,
        best: None,
    }))
}

pub(super) fn minimum(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    extreme(arguments, table, End::Minimum)
}

pub(super) fn maximum(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    extreme(arguments, table, End::Maximum)
}

/// Which aggregate of a column of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Sum,
    Mean,
    StandardDeviation,
}

/// Sums, exact for integers and decimals and compensated (Neumaier) for floating-point numbers, so that the result does
/// not depend on the order of batches; squared deviations by Welford's method.
struct Moments {
    column: String,
    moment: Moment,
    bounds: Bounds<f64>,
    /// The bounds of a sum that is exact.
    exact_bounds: Option<KindBounds>,
    kind: Kind,
    count: u64,
    /// `None`: more than 128 bits hold.
    exact: Option<i128>,
    sum: f64,
    compensation: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn add_float(&mut self, value: f64) {
        let sum = self.sum + value;
        self.compensation += if self.sum.abs() >= value.abs() {
            (self.sum - sum) + value
        } else {
            (value - sum) + self.sum
        };
        self.sum = sum;
    }

    fn add_exact(&mut self, sum: Option<i128>) {
        self.exact = self.exact.zip(sum).and_then(|(before, sum)| before.checked_add(sum));
    }

    fn total(&self) -> f64 {
        match self.kind {
            Kind::Decimal { scale, .. } => decimal_to_f64(self.exact.unwrap_or_default(), scale),
            Kind::Integer | Kind::Boolean => self.exact.unwrap_or_default() as f64,
            // An infinite sum leaves nothing to compensate.
            _ if self.sum.is_finite() => self.sum + self.compensation,
            _ => self.sum,
        }
    }
}

impl Check for Moments {
    fn columns(&self) -> Vec<String> {
        vec![self.column.clone()]
    }

    fn update(&mut self, rows: &Rows<'_>) -> Result<(), CheckError> {
        let column = rows.column(&self.column)?;
        if self.moment == Moment::StandardDeviation {
            for row in (0..rows.batch.num_rows()).filter(|row| !column.is_null(*row)) {
                let value = column.number(row);
                self.count += 1;
                let deviation = value - self.mean;
                self.mean += deviation / self.count as f64;
                self.squares += deviation * (value - self.mean);
            }
            return Ok(());
        }
        self.count += (column.array().len() - column.array().null_count()) as u64;
        match column {
            // A batch of whole numbers of 64 bits cannot exceed 128.
            Column::Integer(array) => self.add_exact(Some(array.iter().flatten().map(i128::from).sum::<i128>())),
            Column::Boolean(array) => self.add_exact(Some(array.true_count() as i128)),
            Column::Decimal(array) => self.add_exact(array.iter().flatten().try_fold(0, i128::checked_add)),
            Column::Float(array) => array.iter().flatten().for_each(|value| self.add_float(value)),
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self, _: &Detail) -> Outcome {
        let Some(exact) = self.exact else {
            return Outcome::refused(format!("the sum of column '{}' has more than 38 digits", self.column));
        };
        let observed = match (self.moment, self.count) {
            (Moment::Sum, _) => Some(self.total()),
            (Moment::Mean, 0) | (Moment::StandardDeviation, 0 | 1) => None,
            (Moment::Mean, count) => Some(self.total() / count as f64),
            (Moment::StandardDeviation, count) => Some((self.squares / (count - 1) as f64).sqrt()),
        };
        // The sum of two opposite infinities is no number.
        let Some(observed) = observed.filter(|observed| !observed.is_nan()) else {
            return Outcome::observed(false, Value::Null);
        };
        let whole = self.moment == Moment::Sum && matches!(self.kind, Kind::Integer | Kind::Boolean | Kind::Nothing);
        let shown = match i64::try_from(exact) {
            Ok(sum) if whole => Value::from(sum),
            _ => float(observed),
        };
        let holds = match &self.exact_bounds {
            Some(bounds) => bounds.hold_exact(exact),
            None => self.bounds.hold(observed),
        };
        Outcome::observed(holds, shown)
    }
}

fn moment(arguments: &Arguments<'_>, table: &Table, moment: Moment) -> Result<Box<dyn Check>, BuildError> {
    let column = arguments.text("column")?.to_owned();
    let kind = table.number(&column)?;
    let exact_bounds = match (moment, kind) {
        (Moment::Sum, Kind::Integer | Kind::Decimal { .. }) => Some(KindBounds::of(arguments, kind)?),
        (Moment::Sum, Kind::Boolean) => Some(KindBounds::of(arguments, Kind::Integer)?),
        _ => None,
    };
    Ok(Box::new(Moments {
        exact_bounds,
        column,
        moment,
        bounds: Bounds::of_numbers(arguments)?,
        kind,
        count: 0,
        exact: Some(0),
        sum: 0.0,
        compensation: 0.0,
        mean: 0.0,
        squares: 0.0,
    }))
}

pub(super) fn sum(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    moment(arguments, table, Moment::Sum)
}

pub(super) fn mean(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    moment(arguments, table, Moment::Mean)
}

pub(super) fn standard_deviation(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    moment(arguments, table, Moment::StandardDeviation)
}
