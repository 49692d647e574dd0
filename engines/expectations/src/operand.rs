//! Literals of a suite, converted to the kind of the column that they are compared with.
//!
//! Whole numbers, decimals and times are compared exactly, whatever the form of the literal: a literal between two values of
//! the column (0.125 with a scale of 2, noon with days) equals none of them, and has its place in their order.

use crate::value::{Column, Kind};
use chrono::{DateTime, NaiveDate, NaiveDateTime};
use serde_json::{Number, Value};
use std::cmp::Ordering;

/// A literal of a suite, converted to a kind.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    Text(String),
    /// A whole number, days, micro- or nanoseconds since 1970, an unscaled decimal of the scale of the column, a truth value.
    Exact(i128),
    /// Above this number and below the next one.
    Between(i128),
    Float(f64),
}

impl Operand {
    /// Converts the literal to the kind; `None` if no value of the kind can be compared with it.
    pub(crate) fn new(kind: Kind, literal: &Value) -> Option<Self> {
        match (kind, literal) {
            (Kind::Nothing, _) => Some(Self::Text(String::new())),
            (Kind::Text, Value::String(text)) => Some(Self::Text(text.clone())),
            // Truth values are numbers, and the reverse.
            (Kind::Boolean | Kind::Integer, Value::Bool(truth)) => Some(Self::Exact(i128::from(*truth))),
            (Kind::Boolean | Kind::Integer, Value::Number(number)) => scaled(number, 0),
            (Kind::Decimal { scale, .. }, Value::Number(number)) => scaled(number, i32::from(scale)),
            (Kind::Float, Value::Number(number)) => number.as_f64().map(Self::Float),
            (Kind::Date, Value::String(text)) => Some(Self::floor(moment(text)?, 24 * 60 * 60 * NANOSECONDS)),
            (Kind::Timestamp { fine, .. }, Value::String(text)) => {
                Some(Self::floor(moment(text)?, if fine { 1 } else { 1000 }))
            }
            _ => None,
        }
    }

    /// The value of a row, which must not be null, in the form of a literal of its kind.
    pub(crate) fn of(column: &Column<'_>, row: usize) -> Self {
        match (column, column.exact(row)) {
            (_, Some(value)) => Self::Exact(value),
            (Column::Float(array), _) => Self::Float(array.value(row)),
            (Column::Text(array), _) => Self::Text(array.value(row).to_owned()),
            (other, _) => Self::Text(other.text(row)),
        }
    }

    /// A number of units, of which each has this size.
    const fn floor(value: i128, unit: i128) -> Self {
        let whole = value.div_euclid(unit);
        if value.rem_euclid(unit) == 0 {
            Self::Exact(whole)
        } else {
            Self::Between(whole)
        }
    }

    /// Compares the value of a row, which must not be null, with this literal; `None` if they are not comparable.
    pub(crate) fn order(&self, column: &Column<'_>, row: usize) -> Option<Ordering> {
        match (column, self) {
            (Column::Text(array), Self::Text(text)) => Some(array.value(row).cmp(text)),
            (Column::Float(array), Self::Float(number)) => array.value(row).partial_cmp(number),
            (column, Self::Exact(number)) => Some(column.exact(row)?.cmp(number)),
            (column, Self::Between(below)) => Some(match column.exact(row)? <= *below {
                true => Ordering::Less,
                false => Ordering::Greater,
            }),
            _ => None,
        }
    }
}

impl PartialOrd for Operand {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let place = |operand: &Self| match operand {
            Self::Exact(value) => Some((*value, false)),
            Self::Between(below) => Some((*below, true)),
            Self::Text(_) | Self::Float(_) => None,
        };
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(b),
            (a, b) => Some(place(a)?.cmp(&place(b)?)),
        }
    }
}

const NANOSECONDS: i128 = 1_000_000_000;

/// The number times ten to the power of the scale, exact.
pub(crate) fn scaled(number: &Number, scale: i32) -> Option<Operand> {
    let text = number.to_string();
    let (sign, text) = text.strip_prefix('-').map_or((1, text.as_str()), |text| (-1, text));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, places) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let places = places.trim_end_matches('0');
    let digits = format!("{whole}{places}");
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Some(Operand::Exact(0));
    }
    let shift = i64::from(exponent.parse::<i32>().ok()?) + i64::from(scale) - i64::try_from(places.len()).ok()?;
    // More digits than any value of a column has: beyond all of them.
    let beyond = Operand::Between(if sign > 0 { i128::MAX } else { i128::MIN });
    if i64::try_from(digits.len()).ok()? + shift > 38 {
        return Some(beyond);
    }
    if shift >= 0 {
        let power = 10_i128.checked_pow(u32::try_from(shift).ok()?);
        let value = digits.parse::<i128>().ok().zip(power);
        return Some(
            value
                .and_then(|(digits, power)| digits.checked_mul(power))
                .map_or(beyond, |value| Operand::Exact(sign * value)),
        );
    }
    let kept = i64::try_from(digits.len()).ok()? + shift;
    let (whole, rest) = digits.split_at(usize::try_from(kept).unwrap_or(0));
    let whole = if whole.is_empty() {
        0
    } else {
        whole.parse::<i128>().ok()?
    };
    Some(if rest.bytes().all(|digit| digit == b'0') {
        Operand::Exact(sign * whole)
    } else if sign > 0 {
        Operand::Between(whole)
    } else {
        Operand::Between(-whole - 1)
    })
}

/// Nanoseconds since 1970 in UTC of a date, or a date and time, with or without an offset.
pub(crate) fn moment(text: &str) -> Option<i128> {
    let moment = date_time(text)?.and_utc();
    Some(i128::from(moment.timestamp()) * NANOSECONDS + i128::from(moment.timestamp_subsec_nanos()))
}

fn date_time(text: &str) -> Option<NaiveDateTime> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.naive_utc());
    }
    if let Ok(date) = text.parse::<NaiveDate>() {
        return date.and_hms_opt(0, 0, 0);
    }
    let formats = [
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%d %H:%M",
        "%Y-%m-%dT%H:%M",
    ];
    formats
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const AMOUNT: Kind = Kind::Decimal {
        precision: 18,
        scale: 2,
    };

    #[test]
    fn literals_take_the_form_of_the_column() {
        let check = |kind, literal, expected| assert_eq!(Operand::new(kind, &literal), expected, "{literal}");
        check(Kind::Integer, json!(5), Some(Operand::Exact(5)));
        check(Kind::Integer, json!(5.0), Some(Operand::Exact(5)));
        check(Kind::Integer, json!(5.5), Some(Operand::Between(5)));
        check(Kind::Integer, json!(-5.5), Some(Operand::Between(-6)));
        check(Kind::Integer, json!(1e300), Some(Operand::Between(i128::MAX)));
        check(Kind::Integer, json!(-1e300), Some(Operand::Between(i128::MIN)));
        check(Kind::Integer, json!(1e-300), Some(Operand::Between(0)));
        check(Kind::Integer, json!(1e20), Some(Operand::Exact(10_i128.pow(20))));
        check(
            Kind::Integer,
            json!(u64::MAX),
            Some(Operand::Exact(i128::from(u64::MAX))),
        );
        check(Kind::Integer, json!("5"), None);
        check(AMOUNT, json!(0.1), Some(Operand::Exact(10)));
        check(AMOUNT, json!(100), Some(Operand::Exact(10_000)));
        check(AMOUNT, json!(0.125), Some(Operand::Between(12)));
        check(AMOUNT, json!(-0.125), Some(Operand::Between(-13)));
        check(AMOUNT, json!(-0.0), Some(Operand::Exact(0)));
        check(Kind::Date, json!("1970-01-03"), Some(Operand::Exact(2)));
        check(Kind::Date, json!("1970-01-03T12:00:00"), Some(Operand::Between(2)));
        check(Kind::Date, json!("1969-12-31T12:00:00"), Some(Operand::Between(-1)));
        let timestamp = |zoned, fine| Kind::Timestamp { zoned, fine };
        check(
            timestamp(true, false),
            json!("1970-01-01T09:00:01+09:00"),
            Some(Operand::Exact(1_000_000)),
        );
        check(
            timestamp(false, false),
            json!("1970-01-01 00:00:01"),
            Some(Operand::Exact(1_000_000)),
        );
        let nanosecond = json!("1970-01-01T00:00:00.000000001");
        check(timestamp(false, false), nanosecond.clone(), Some(Operand::Between(0)));
        check(timestamp(false, true), nanosecond, Some(Operand::Exact(1)));
        check(Kind::Text, json!(1), None);
    }

    #[test]
    fn literals_between_two_values_have_their_place() {
        let literals = [
            Operand::Between(i128::MIN),
            Operand::Exact(-1),
            Operand::Between(-1),
            Operand::Exact(0),
            Operand::Between(0),
            Operand::Exact(1),
        ];
        assert!(literals.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
