//! Values of a row, and what can be reckoned with them.

use crate::value::{Column, decimal_to_f64};
use chrono::{DateTime, Datelike, Timelike};
use std::borrow::Cow;
use std::cmp::Ordering;

/// A value of a row.
#[derive(Debug, Clone)]
pub(crate) enum Scalar<'a> {
    Null,
    Truth(bool),
    Whole(i128),
    /// Unscaled, and the scale.
    Decimal(i128, i8),
    Number(f64),
    Text(Cow<'a, str>),
    /// Nanoseconds since 1970.
    Moment(i128),
}

impl Scalar<'_> {
    fn number(&self) -> Option<f64> {
        match self {
            Self::Truth(truth) => Some(f64::from(u8::from(*truth))),
            Self::Whole(value) => Some(*value as f64),
            Self::Decimal(value, scale) => Some(decimal_to_f64(*value, *scale)),
            Self::Number(value) => Some(*value),
            _ => None,
        }
    }

    const fn whole(&self) -> Option<i128> {
        match self {
            Self::Truth(truth) => Some(*truth as i128),
            Self::Whole(value) => Some(*value),
            _ => None,
        }
    }

    /// How it compares with another one; `None` if it does not.
    pub(super) fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            (Self::Moment(a), Self::Moment(b)) => Some(a.cmp(b)),
            (Self::Decimal(a, of_a), Self::Decimal(b, of_b)) if of_a == of_b => Some(a.cmp(b)),
            _ => match (self.whole(), other.whole()) {
                (Some(a), Some(b)) => Some(a.cmp(&b)),
                _ => self.number()?.partial_cmp(&other.number()?),
            },
        }
    }
}

/// The value of a row.
pub(super) fn cell<'a>(column: &Column<'a>, row: usize) -> Scalar<'a> {
    const MICROSECOND: i128 = 1000;
    const DAY: i128 = 24 * 60 * 60 * 1_000_000_000;
    if column.is_null(row) {
        return Scalar::Null;
    }
    match column {
        Column::Text(array) => Scalar::Text(Cow::Borrowed(array.value(row))),
        Column::Integer(array) => Scalar::Whole(i128::from(array.value(row))),
        Column::Float(array) => Scalar::Number(array.value(row)),
        Column::Decimal(array) => Scalar::Decimal(array.value(row), array.scale()),
        Column::Boolean(array) => Scalar::Truth(array.value(row)),
        Column::Date(array) => Scalar::Moment(i128::from(array.value(row)) * DAY),
        Column::Timestamp(array) => Scalar::Moment(i128::from(array.value(row)) * MICROSECOND),
        Column::Nanoseconds(array) => Scalar::Moment(i128::from(array.value(row))),
        Column::Other(_) => Scalar::Null,
    }
}

/// NaN is null, as everywhere.
fn number(value: f64) -> Scalar<'static> {
    if value.is_nan() {
        Scalar::Null
    } else {
        Scalar::Number(value)
    }
}

/// Two numbers and an operator; null with a null.
pub(super) fn arithmetic(operator: &str, a: &Scalar<'_>, b: &Scalar<'_>) -> Scalar<'static> {
    if let (Some(a), Some(b)) = (a.whole(), b.whole()) {
        let whole = match operator {
            "+" => a.checked_add(b),
            "-" => a.checked_sub(b),
            "*" => a.checked_mul(b),
            // Towards minus infinity; the remainder has the sign of the divisor.
            "//" if b != 0 => a
                .checked_div(b)
                .map(|quotient| quotient - i128::from(a % b != 0 && (a < 0) != (b < 0))),
            "%" if b != 0 => a.checked_rem(b).map(|rest| {
                if rest != 0 && (rest < 0) != (b < 0) {
                    rest + b
                } else {
                    rest
                }
            }),
            "**" => u32::try_from(b).ok().and_then(|power| a.checked_pow(power)),
            _ => None,
        };
        if let Some(whole) = whole {
            return Scalar::Whole(whole);
        }
    }
    let (a, b) = match (a.number(), b.number()) {
        (Some(a), Some(b)) => (a, b),
        // As NaN: one to whatever power is one, and so is whatever to the power of zero.
        (a, b) if operator == "**" => (a.unwrap_or(f64::NAN), b.unwrap_or(f64::NAN)),
        _ => return Scalar::Null,
    };
    number(match operator {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" => a / b,
        "//" => divided(a, b).0,
        "%" => divided(a, b).1,
        _ => a.powf(b),
    })
}

/// Quotient towards minus infinity, and remainder with the sign of the divisor, as numpy has them.
fn divided(a: f64, b: f64) -> (f64, f64) {
    if b == 0.0 {
        return (a / b, f64::NAN);
    }
    let rest = a % b;
    let quotient = (a - rest) / b;
    if rest != 0.0 && (rest < 0.0) != (b < 0.0) {
        ((quotient - 1.0).round(), rest + b)
    } else {
        (quotient.round(), rest)
    }
}

/// The opposite of a number.
pub(super) fn opposite(of: &Scalar<'_>) -> Scalar<'static> {
    match of.whole().and_then(i128::checked_neg) {
        Some(whole) => Scalar::Whole(whole),
        None => of.number().map_or(Scalar::Null, |value| number(-value)),
    }
}

/// A function of a number.
pub(super) fn function(name: &str, of: &Scalar<'_>) -> Scalar<'static> {
    if let (Some(whole), "abs" | "ceil" | "floor") = (of.whole(), name) {
        return Scalar::Whole(if name == "abs" { whole.saturating_abs() } else { whole });
    }
    of.number().map_or(Scalar::Null, |value| {
        number(match name {
            "abs" => value.abs(),
            "ceil" => value.ceil(),
            "floor" => value.floor(),
            _ => value.sqrt(),
        })
    })
}

/// A part of a date.
pub(super) fn part_of(part: &str, time: i128) -> Scalar<'static> {
    let seconds = i64::try_from(time.div_euclid(1_000_000_000)).ok();
    let Some(time) = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0)) else {
        return Scalar::Null;
    };
    Scalar::Whole(match part {
        "dt.year" => i128::from(time.year()),
        "dt.month" => i128::from(time.month()),
        "dt.day" => i128::from(time.day()),
        "dt.hour" => i128::from(time.hour()),
        "dt.minute" => i128::from(time.minute()),
        "dt.second" => i128::from(time.second()),
        _ => i128::from(time.weekday().num_days_from_monday()),
    })
}
