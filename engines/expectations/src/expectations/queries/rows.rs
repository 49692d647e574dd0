//! The rows that a database returned.

use crate::normalise::{normalised, show};
use crate::table::Problem;
use crate::value::Column;
use arrow::array::{ArrayRef, RecordBatch};
use serde_json::{Map, Value};

/// A value, with what it is compared by.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cell {
    pub(super) shown: Value,
    pub(super) key: Key,
}

/// By what Python compares values: numbers of all types by what they are worth, others within their type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Null,
    /// Unscaled, without trailing zeros, and the power of ten that divides it.
    Exact(i128, i32),
    /// Bits of a number that no decimal equals.
    Inexact(u64),
    /// Type and text.
    Other(&'static str, String),
}

/// The rows of an answer.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// Names of the columns, each once.
    pub(super) names: Vec<String>,
    pub(super) rows: Vec<Vec<Cell>>,
}

impl Answer {
    /// The first rows of some batches. Of columns with the same name the last one counts, as in a Python dictionary.
    pub(super) fn new(batches: &[RecordBatch], limit: usize) -> Result<Self, Problem> {
        let mut answer = Self::default();
        for batch in batches {
            let batch = normalised(batch, None).map_err(|error| format!("the query's answer: {error}"))?;
            let mut columns: Vec<(String, &ArrayRef)> = Vec::new();
            for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
                match columns.iter_mut().find(|(name, _)| name == field.name()) {
                    Some(known) => known.1 = array,
                    None => columns.push((field.name().clone(), array)),
                }
            }
            for row in 0..batch.num_rows().min(limit - answer.rows.len()) {
                answer
                    .rows
                    .push(columns.iter().map(|(_, array)| cell(array, row)).collect());
            }
            answer.names = columns.into_iter().map(|(name, _)| name).collect();
        }
        Ok(answer)
    }

    /// Each row as an object.
    pub(super) fn objects(&self) -> Vec<Value> {
        self.rows.iter().map(|row| object(&self.names, row)).collect()
    }
}

/// A row as an object.
pub(super) fn object(names: &[String], row: &[Cell]) -> Value {
    let cells = names.iter().zip(row);
    Value::Object(
        cells
            .map(|(name, cell)| (name.clone(), cell.shown.clone()))
            .collect::<Map<_, _>>(),
    )
}

/// The one number of an answer.
pub(super) fn count(batches: &[RecordBatch]) -> Result<u64, Problem> {
    let answer = Answer::new(batches, 1)?;
    let cell = answer.rows.first().and_then(|row| row.first());
    let number = cell.and_then(|cell| cell.shown.as_u64());
    number.ok_or_else(|| "the database returned no count".to_owned())
}

fn cell(array: &ArrayRef, row: usize) -> Cell {
    let shown = show(array, row);
    let key = match Column::of(array) {
        Some(column) if !column.is_null(row) => key(&column, row),
        _ => Key::Null,
    };
    Cell { shown, key }
}

fn key(column: &Column<'_>, row: usize) -> Key {
    let exact = |unscaled: i128, scale: i32| {
        let (mut unscaled, mut scale) = (unscaled, scale);
        while unscaled != 0 && unscaled % 10 == 0 {
            unscaled /= 10;
            scale -= 1;
        }
        Key::Exact(unscaled, if unscaled == 0 { 0 } else { scale })
    };
    match column {
        Column::Integer(_) | Column::Decimal(_) | Column::Boolean(_) => {
            exact(column.exact(row).unwrap_or_default(), column.scale())
        }
        Column::Float(array) => {
            let value = array.value(row);
            decimal(value).map_or(Key::Inexact(value.to_bits()), |(unscaled, scale)| {
                exact(unscaled, scale)
            })
        }
        Column::Text(array) => Key::Other("text", array.value(row).to_owned()),
        Column::Date(_) => Key::Other("date", column.text(row)),
        Column::Timestamp(_) | Column::Nanoseconds(_) => {
            let moment = column.json(row);
            Key::Other("moment", moment.as_str().unwrap_or_default().to_owned())
        }
        Column::Other(_) => Key::Other("other", column.text(row)),
    }
}

/// The decimal that a binary number is worth, if one has no more digits than a column can hold.
fn decimal(value: f64) -> Option<(i128, i32)> {
    if value.fract() == 0.0 {
        return (value.abs() < 1e38).then_some((value as i128, 0));
    }
    let mut scaled = value;
    // Halves are doubled until none is left: exact in binary.
    let mut halvings = 0;
    while scaled.fract() != 0.0 {
        scaled *= 2.0;
        halvings += 1;
        if halvings > 60 || !scaled.is_finite() {
            return None;
        }
    }
    let fives = 5_i128.checked_pow(u32::try_from(halvings).ok()?)?;
    Some(((scaled as i128).checked_mul(fives)?, halvings))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{BooleanArray, Decimal128Array, Float64Array, Int64Array};
    use std::sync::Arc;

    #[test]
    fn numbers_are_equal_whatever_their_type_and_only_if_they_are() {
        let decimals = |unscaled: Vec<i128>, scale: i8| {
            let array = Decimal128Array::from(unscaled).with_precision_and_scale(38, scale);
            Arc::new(array.unwrap()) as ArrayRef
        };
        let key = |array: &ArrayRef| cell(array, 0).key;
        let one: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let float = |value: f64| Arc::new(Float64Array::from(vec![value])) as ArrayRef;
        assert_eq!(key(&one), key(&float(1.0)));
        assert_eq!(key(&one), key(&decimals(vec![100], 2)));
        assert_eq!(key(&one), key(&(Arc::new(BooleanArray::from(vec![true])) as ArrayRef)));
        assert_eq!(key(&float(-0.375)), key(&decimals(vec![-375_000], 6)));
        assert_eq!(key(&float(-0.0)), key(&decimals(vec![0], 4)));
        // 0.1 in binary is no tenth.
        assert_ne!(key(&float(0.1)), key(&decimals(vec![1], 1)));
        assert_ne!(
            key(&decimals(vec![9_007_199_254_740_993], 0)),
            key(&decimals(vec![9_007_199_254_740_992], 0))
        );
        assert_eq!(key(&float(f64::INFINITY)), Key::Inexact(f64::INFINITY.to_bits()));
    }
}
