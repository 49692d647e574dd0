//! Columns by the kind of their values, and literals of a suite converted to such a kind.
//!
//! Normalised batches have one array type per [`Kind`], so that expectations are written once per kind. As in pandas, NaN counts as null.

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray,
};
use arrow::compute::kernels::cast_utils::parse_decimal;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType,
};
use arrow::error::ArrowError;
use chrono::{DateTime, NaiveDate, NaiveDateTime};
use serde_json::Value;
use std::cmp::Ordering;
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128_with_seed};

/// The kind of a column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Integer,
    Float,
    Decimal { precision: u8, scale: i8 },
    Boolean,
    Date,
    Timestamp { zoned: bool },
}

impl Kind {
    /// The kind of an Arrow type; `None` for types that expectations on values do not support.
    pub(crate) fn of(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text,
            DataType::Dictionary(_, values) => Self::of(values)?,
            DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::UInt8
            | DataType::UInt16
            | DataType::UInt32 => Self::Integer,
            DataType::Float16 | DataType::Float32 | DataType::Float64 => Self::Float,
            DataType::Decimal128(precision, scale) => Self::Decimal {
                precision: *precision,
                scale: *scale,
            },
            DataType::Boolean => Self::Boolean,
            DataType::Date32 => Self::Date,
            DataType::Timestamp(_, zone) => Self::Timestamp { zoned: zone.is_some() },
            _ => return None,
        })
    }

    /// The one Arrow type of this kind.
    pub(crate) fn data_type(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Integer => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Decimal { precision, scale } => DataType::Decimal128(precision, scale),
            Self::Boolean => DataType::Boolean,
            Self::Date => DataType::Date32,
            Self::Timestamp { zoned } => DataType::Timestamp(TimeUnit::Microsecond, zoned.then(|| "UTC".into())),
        }
    }

    /// Its name in messages.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "whole numbers",
            Self::Float | Self::Decimal { .. } => "numbers",
            Self::Boolean => "truth values",
            Self::Date => "dates",
            Self::Timestamp { .. } => "timestamps",
        }
    }

    /// Whether values can be added up.
    pub(crate) const fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Float | Self::Decimal { .. })
    }
}

/// A column of a batch as an array.
///
/// # Errors
/// The batch lacks a column that its source was asked for.
pub(crate) fn array<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef, ArrowError> {
    let missing = || ArrowError::SchemaError(format!("the source returned a batch without column '{name}'"));
    batch.column_by_name(name).ok_or_else(missing)
}

/// Sets the hash of null apart.
const NULL_SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// A column of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Column<'a> {
    Text(&'a StringArray),
    Integer(&'a Int64Array),
    Float(&'a Float64Array),
    Decimal(&'a Decimal128Array),
    Boolean(&'a BooleanArray),
    Date(&'a Date32Array),
    Timestamp(&'a TimestampMicrosecondArray),
}

impl<'a> Column<'a> {
    /// A normalised array; `None` if it has no kind.
    pub(crate) fn of(array: &'a ArrayRef) -> Option<Self> {
        Some(match Kind::of(array.data_type())? {
            Kind::Text => Self::Text(array.as_string_opt()?),
            Kind::Integer => Self::Integer(array.as_primitive_opt::<Int64Type>()?),
            Kind::Float => Self::Float(array.as_primitive_opt::<Float64Type>()?),
            Kind::Decimal { .. } => Self::Decimal(array.as_primitive_opt::<Decimal128Type>()?),
            Kind::Boolean => Self::Boolean(array.as_boolean_opt()?),
            Kind::Date => Self::Date(array.as_primitive_opt::<Date32Type>()?),
            Kind::Timestamp { .. } => Self::Timestamp(array.as_primitive_opt::<TimestampMicrosecondType>()?),
        })
    }

    /// A column of a normalised batch.
    ///
    /// # Errors
    /// The batch lacks the column, or has it with a type other than the schema of its source.
    pub(crate) fn in_batch(batch: &'a RecordBatch, name: &str) -> Result<Self, ArrowError> {
        let array = array(batch, name)?;
        Self::of(array).ok_or_else(|| {
            let data_type = array.data_type();
            ArrowError::SchemaError(format!("the source returned column '{name}' as {data_type}"))
        })
    }

    /// The array, whatever its kind.
    pub(crate) fn array(&self) -> &'a dyn Array {
        match self {
            Self::Text(array) => *array,
            Self::Integer(array) => *array,
            Self::Float(array) => *array,
            Self::Decimal(array) => *array,
            Self::Boolean(array) => *array,
            Self::Date(array) => *array,
            Self::Timestamp(array) => *array,
        }
    }

    /// Whether values are numbers.
    pub(crate) const fn is_number(&self) -> bool {
        matches!(self, Self::Integer(_) | Self::Float(_) | Self::Decimal(_))
    }

    /// Whether the value of a row is null.
    pub(crate) fn is_null(&self, row: usize) -> bool {
        self.array().is_null(row)
    }

    /// The value of a row as results show it: numbers as numbers, dates and timestamps in ISO form.
    pub(crate) fn json(&self, row: usize) -> Value {
        if self.is_null(row) {
            return Value::Null;
        }
        match self {
            Self::Text(array) => Value::from(array.value(row)),
            Self::Integer(array) => Value::from(array.value(row)),
            Self::Float(array) => Value::from(array.value(row)),
            Self::Decimal(array) => Value::from(decimal_to_f64(array.value(row), array.scale())),
            Self::Boolean(array) => Value::from(array.value(row)),
            Self::Date(array) => array
                .value_as_date(row)
                .map_or(Value::Null, |date| Value::from(date.to_string())),
            Self::Timestamp(array) => array.value_as_datetime(row).map_or(Value::Null, |time| {
                let zone = if array.timezone().is_some() { "+00:00" } else { "" };
                let fraction = if time.and_utc().timestamp_subsec_micros() == 0 {
                    ""
                } else {
                    "%.6f"
                };
                Value::from(format!(
                    "{}{zone}",
                    time.format(&format!("%Y-%m-%dT%H:%M:%S{fraction}"))
                ))
            }),
        }
    }

    /// The value of a row as a number; dates and timestamps as their count of days or microseconds. Zero for text.
    pub(crate) fn number(&self, row: usize) -> f64 {
        match self {
            Self::Text(_) => 0.0,
            Self::Integer(array) => array.value(row) as f64,
            Self::Float(array) => array.value(row),
            Self::Decimal(array) => decimal_to_f64(array.value(row), array.scale()),
            Self::Boolean(array) => f64::from(u8::from(array.value(row))),
            Self::Date(array) => f64::from(array.value(row)),
            Self::Timestamp(array) => array.value(row) as f64,
        }
    }

    /// A hash of the value of a row, chained to that of other columns by the seed. Equal values have equal hashes.
    #[inline]
    pub(crate) fn hash(&self, row: usize, seed: u64) -> u64 {
        self.with_bytes(row, seed, xxh3_64_with_seed)
    }

    /// As [`Self::hash`], wide enough to rule out collisions.
    pub(crate) fn wide_hash(&self, row: usize, seed: u64) -> u128 {
        self.with_bytes(row, seed, xxh3_128_with_seed)
    }

    #[inline]
    fn with_bytes<T>(&self, row: usize, seed: u64, hash: impl FnOnce(&[u8], u64) -> T) -> T {
        if self.is_null(row) {
            // No bytes can stand for null: a text may hold any.
            return hash(b"", seed ^ NULL_SEED);
        }
        let use_bytes = |bytes: &[u8]| hash(bytes, seed);
        match self {
            Self::Text(array) => use_bytes(array.value(row).as_bytes()),
            Self::Integer(array) => use_bytes(&array.value(row).to_le_bytes()),
            // Minus zero is zero.
            Self::Float(array) => use_bytes(&(array.value(row) + 0.0).to_le_bytes()),
            Self::Decimal(array) => use_bytes(&array.value(row).to_le_bytes()),
            Self::Boolean(array) => use_bytes(&[u8::from(array.value(row))]),
            Self::Date(array) => use_bytes(&array.value(row).to_le_bytes()),
            Self::Timestamp(array) => use_bytes(&array.value(row).to_le_bytes()),
        }
    }
}

/// The nearest floating-point number of an unscaled decimal.
pub(crate) fn decimal_to_f64(value: i128, scale: i8) -> f64 {
    value as f64 / 10_f64.powi(i32::from(scale))
}

/// A literal of a suite, converted to a kind.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    Text(String),
    /// A whole number, days since 1970 or microseconds since 1970.
    Integer(i64),
    Float(f64),
    /// Unscaled, with the scale of the column.
    Decimal(i128),
    Boolean(bool),
}

impl Operand {
    /// Converts the literal to the kind; `None` if no value of the kind can be compared with it.
    pub(crate) fn new(kind: Kind, literal: &Value) -> Option<Self> {
        match (kind, literal) {
            (Kind::Text, Value::String(text)) => Some(Self::Text(text.clone())),
            (Kind::Boolean, Value::Bool(truth)) => Some(Self::Boolean(*truth)),
            (Kind::Integer, Value::Number(number)) => match number.as_i64() {
                Some(whole) => Some(Self::Integer(whole)),
                None => number.as_f64().map(|number| match exact_integer(number) {
                    Some(whole) => Self::Integer(whole),
                    None => Self::Float(number),
                }),
            },
            (Kind::Float, Value::Number(number)) => number.as_f64().map(Self::Float),
            (Kind::Decimal { precision, scale }, Value::Number(number)) => {
                let text = number.to_string();
                let places = text
                    .split_once('.')
                    .map_or(0, |(_, places)| places.trim_end_matches('0').len());
                let exact = !text.contains(['e', 'E']) && i8::try_from(places).is_ok_and(|places| places <= scale);
                if exact && let Ok(unscaled) = parse_decimal::<Decimal128Type>(&text, precision, scale) {
                    return Some(Self::Decimal(unscaled));
                }
                number.as_f64().map(Self::Float)
            }
            (Kind::Date, Value::String(text)) => {
                parse_timestamp(text).map(|time| Self::Integer(i64::from(time.date().to_epoch_days())))
            }
            (Kind::Timestamp { .. }, Value::String(text)) => {
                parse_timestamp(text).map(|time| Self::Integer(time.and_utc().timestamp_micros()))
            }
            _ => None,
        }
    }

    /// Compares the value of a row, which must not be null, with this literal; `None` if they are not comparable.
    pub(crate) fn order(&self, column: &Column<'_>, kind: Kind, row: usize) -> Option<Ordering> {
        match (column, self) {
            (Column::Text(array), Self::Text(text)) => Some(array.value(row).cmp(text)),
            (Column::Integer(array), Self::Integer(value)) => Some(array.value(row).cmp(value)),
            (Column::Timestamp(array), Self::Integer(value)) => Some(array.value(row).cmp(value)),
            (Column::Decimal(array), Self::Decimal(value)) => Some(array.value(row).cmp(value)),
            (_, Self::Text(_)) | (Column::Text(_), _) => None,
            (column, operand) => column.number(row).partial_cmp(&operand.number(kind)),
        }
    }

    /// As a number, with the scale of the column for decimals.
    pub(crate) fn number(&self, kind: Kind) -> f64 {
        match (self, kind) {
            (Self::Integer(value), _) => *value as f64,
            (Self::Float(value), _) => *value,
            (Self::Decimal(value), Kind::Decimal { scale, .. }) => decimal_to_f64(*value, scale),
            (Self::Decimal(value), _) => *value as f64,
            (Self::Boolean(value), _) => f64::from(u8::from(*value)),
            (Self::Text(_), _) => 0.0,
        }
    }
}

fn exact_integer(number: f64) -> Option<i64> {
    let whole = number as i64;
    (number.fract() == 0.0 && number.abs() < 9.0e15).then_some(whole)
}

/// A date, or a date and time, with or without an offset; the result is in UTC.
fn parse_timestamp(text: &str) -> Option<NaiveDateTime> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.naive_utc());
    }
    if let Ok(date) = text.parse::<NaiveDate>() {
        return date.and_hms_opt(0, 0, 0);
    }
    let formats = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"];
    formats
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::sync::Arc;

    #[test]
    fn literals_take_the_form_of_the_column() {
        let amount = Kind::Decimal {
            precision: 18,
            scale: 2,
        };
        let check = |kind, literal, expected| assert_eq!(Operand::new(kind, &literal), expected);
        check(Kind::Integer, json!(5), Some(Operand::Integer(5)));
        check(Kind::Integer, json!(5.0), Some(Operand::Integer(5)));
        check(Kind::Integer, json!(5.5), Some(Operand::Float(5.5)));
        check(Kind::Integer, json!("5"), None);
        check(amount, json!(0.1), Some(Operand::Decimal(10)));
        check(amount, json!(100), Some(Operand::Decimal(10_000)));
        check(amount, json!(0.125), Some(Operand::Float(0.125)));
        check(Kind::Date, json!("1970-01-03"), Some(Operand::Integer(2)));
        check(
            Kind::Timestamp { zoned: true },
            json!("1970-01-01T09:00:01+09:00"),
            Some(Operand::Integer(1_000_000)),
        );
        check(
            Kind::Timestamp { zoned: false },
            json!("1970-01-01 00:00:01"),
            Some(Operand::Integer(1_000_000)),
        );
        check(Kind::Text, json!(1), None);
    }

    #[test]
    fn values_are_shown_in_iso_form() {
        let times = TimestampMicrosecondArray::from(vec![0, 1_500_000]);
        let naive: ArrayRef = Arc::new(times.clone());
        let zoned: ArrayRef = Arc::new(times.with_timezone("UTC"));
        assert_eq!(Column::of(&naive).unwrap().json(0), json!("1970-01-01T00:00:00"));
        assert_eq!(
            Column::of(&zoned).unwrap().json(1),
            json!("1970-01-01T00:00:01.500000+00:00")
        );
        let amounts = Decimal128Array::from(vec![-1234])
            .with_precision_and_scale(18, 2)
            .unwrap();
        let amounts: ArrayRef = Arc::new(amounts);
        assert_eq!(Column::of(&amounts).unwrap().json(0), json!(-12.34));
    }
}
