//! Columns by the kind of their values.
//!
//! Normalised batches have one array type per [`Kind`], so that expectations are written once per kind. As in pandas, NaN counts as null.

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray, TimestampNanosecondArray,
};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampNanosecondType,
};
use arrow::error::ArrowError;
use arrow::util::display::array_value_to_string;
use chrono::{NaiveDateTime, Timelike};
use serde_json::Value;
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128_with_seed};

/// The kind of a column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Integer,
    Float,
    /// Also whole numbers that only unsigned 64 bits hold.
    Decimal {
        precision: u8,
        scale: i8,
    },
    Boolean,
    Date,
    /// `fine`: in nanoseconds, else in microseconds.
    Timestamp {
        zoned: bool,
        fine: bool,
    },
    /// Nulls only, of no type: compares with everything.
    Nothing,
    /// Values that are there or not, and that are the same or not, but have no order: lists, times of day, bytes.
    Other,
}

impl Kind {
    /// The kind of an Arrow type.
    pub(crate) fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text,
            DataType::Dictionary(_, values) => Self::of(values),
            DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::UInt8
            | DataType::UInt16
            | DataType::UInt32 => Self::Integer,
            DataType::UInt64 => Self::Decimal {
                precision: 20,
                scale: 0,
            },
            DataType::Float16 | DataType::Float32 | DataType::Float64 => Self::Float,
            DataType::Decimal128(precision, scale) => Self::Decimal {
                precision: *precision,
                scale: *scale,
            },
            DataType::Boolean => Self::Boolean,
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Timestamp(unit, zone) => Self::Timestamp {
                zoned: zone.is_some(),
                fine: *unit == TimeUnit::Nanosecond,
            },
            DataType::Null => Self::Nothing,
            _ => Self::Other,
        }
    }

    /// The one Arrow type of this kind; none for [`Self::Other`], whose arrays stay as they are.
    pub(crate) fn data_type(self) -> Option<DataType> {
        Some(match self {
            Self::Text | Self::Nothing => DataType::Utf8,
            Self::Integer => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Decimal { precision, scale } => DataType::Decimal128(precision, scale),
            Self::Boolean => DataType::Boolean,
            Self::Date => DataType::Date32,
            Self::Timestamp { zoned, fine } => {
                let unit = if fine {
                    TimeUnit::Nanosecond
                } else {
                    TimeUnit::Microsecond
                };
                DataType::Timestamp(unit, zoned.then(|| "UTC".into()))
            }
            Self::Other => return None,
        })
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
            Self::Nothing => "nulls",
            Self::Other => "values without an order",
        }
    }

    /// Whether values can be added up.
    pub(crate) const fn is_number(self) -> bool {
        matches!(
            self,
            Self::Integer | Self::Float | Self::Decimal { .. } | Self::Boolean | Self::Nothing
        )
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
    Nanoseconds(&'a TimestampNanosecondArray),
    Other(&'a ArrayRef),
}

impl<'a> Column<'a> {
    /// A normalised array; `None` if it is not normalised.
    pub(crate) fn of(array: &'a ArrayRef) -> Option<Self> {
        Some(match Kind::of(array.data_type()) {
            Kind::Text | Kind::Nothing => Self::Text(array.as_string_opt()?),
            Kind::Integer => Self::Integer(array.as_primitive_opt::<Int64Type>()?),
            Kind::Float => Self::Float(array.as_primitive_opt::<Float64Type>()?),
            Kind::Decimal { .. } => Self::Decimal(array.as_primitive_opt::<Decimal128Type>()?),
            Kind::Boolean => Self::Boolean(array.as_boolean_opt()?),
            Kind::Date => Self::Date(array.as_primitive_opt::<Date32Type>()?),
            Kind::Timestamp { fine: false, .. } => {
                Self::Timestamp(array.as_primitive_opt::<TimestampMicrosecondType>()?)
            }
            Kind::Timestamp { fine: true, .. } => {
                Self::Nanoseconds(array.as_primitive_opt::<TimestampNanosecondType>()?)
            }
            Kind::Other => Self::Other(array),
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
            Self::Nanoseconds(array) => *array,
            Self::Other(array) => *array,
        }
    }

    /// Whether values are numbers.
    pub(crate) const fn is_number(&self) -> bool {
        matches!(self, Self::Integer(_) | Self::Float(_) | Self::Decimal(_))
    }

    /// The value of a row, which must not be null, as a whole number: of days, of micro- or nanoseconds, unscaled for
    /// decimals; `None` if values of its kind are none.
    #[inline]
    pub(crate) fn exact(&self, row: usize) -> Option<i128> {
        Some(match self {
            Self::Integer(array) => i128::from(array.value(row)),
            Self::Decimal(array) => array.value(row),
            Self::Boolean(array) => i128::from(array.value(row)),
            Self::Date(array) => i128::from(array.value(row)),
            Self::Timestamp(array) => i128::from(array.value(row)),
            Self::Nanoseconds(array) => i128::from(array.value(row)),
            Self::Text(_) | Self::Float(_) | Self::Other(_) => return None,
        })
    }

    /// By which power of ten [`Self::exact`] is divided to be compared with that of another column of numbers, or of another
    /// column of times.
    pub(crate) fn scale(&self) -> i32 {
        match self {
            Self::Decimal(array) => i32::from(array.scale()),
            // Nanoseconds are thousandths of microseconds.
            Self::Nanoseconds(_) => 3,
            _ => 0,
        }
    }

    /// Whatever the value of a row is, as text.
    pub(crate) fn text(&self, row: usize) -> String {
        // The formatter refuses no type that a row can be read from.
        array_value_to_string(self.array(), row).unwrap_or_default()
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
        let moment = |time: Option<NaiveDateTime>, zoned: bool| {
            time.map_or(Value::Null, |time| Value::from(iso_moment(time, zoned)))
        };
        match self {
            Self::Text(array) => Value::from(array.value(row)),
            Self::Integer(array) => Value::from(array.value(row)),
            Self::Float(array) => float(array.value(row)),
            Self::Decimal(array) => decimal(array.value(row), array.scale()),
            Self::Boolean(array) => Value::from(array.value(row)),
            Self::Date(array) => array
                .value_as_date(row)
                .map_or(Value::Null, |date| Value::from(date.to_string())),
            Self::Timestamp(array) => moment(array.value_as_datetime(row), array.timezone().is_some()),
            Self::Nanoseconds(array) => moment(array.value_as_datetime(row), array.timezone().is_some()),
            Self::Other(_) => Value::from(self.text(row)),
        }
    }

    /// The value of a row as a number; dates and timestamps as their count of days, micro- or
    /// nanoseconds. Zero for the rest.
    pub(crate) fn number(&self, row: usize) -> f64 {
        match self {
            Self::Text(_) | Self::Other(_) => 0.0,
            Self::Integer(array) => array.value(row) as f64,
            Self::Float(array) => array.value(row),
            Self::Decimal(array) => decimal_to_f64(array.value(row), array.scale()),
            Self::Boolean(array) => f64::from(u8::from(array.value(row))),
            Self::Date(array) => f64::from(array.value(row)),
            Self::Timestamp(array) => array.value(row) as f64,
            Self::Nanoseconds(array) => array.value(row) as f64,
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
            Self::Nanoseconds(array) => use_bytes(&array.value(row).to_le_bytes()),
            Self::Other(_) => use_bytes(self.text(row).as_bytes()),
        }
    }
}

/// A floating-point number in JSON, which has no infinities: those are texts, as Python writes them.
pub(crate) fn float(value: f64) -> Value {
    match value {
        f64::INFINITY => Value::from("Infinity"),
        f64::NEG_INFINITY => Value::from("-Infinity"),
        value => Value::from(value),
    }
}

/// An unscaled decimal in JSON: whole without a scale, else the nearest floating-point number.
fn decimal(value: i128, scale: i8) -> Value {
    match (i64::try_from(value), u64::try_from(value)) {
        (Ok(whole), _) if scale == 0 => Value::from(whole),
        (_, Ok(whole)) if scale == 0 => Value::from(whole),
        _ => Value::from(decimal_to_f64(value, scale)),
    }
}

/// A moment as Python's `isoformat` writes it.
fn iso_moment(time: NaiveDateTime, zoned: bool) -> String {
    let fraction = match time.nanosecond() {
        0 => "",
        nanoseconds if nanoseconds % 1000 == 0 => "%.6f",
        _ => "%.9f",
    };
    let zone = if zoned { "+00:00" } else { "" };
    format!("{}{zone}", time.format(&format!("%Y-%m-%dT%H:%M:%S{fraction}")))
}

/// The nearest floating-point number of an unscaled decimal.
pub(crate) fn decimal_to_f64(value: i128, scale: i8) -> f64 {
    value as f64 / 10_f64.powi(i32::from(scale))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::sync::Arc;

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
