//! Whether values lie between two bounds.

use super::check::Check;
use super::rows::{ColumnCheck, column};
use crate::arguments::Arguments;
use crate::operand::Operand;
use crate::table::{BuildError, Table};
use crate::value::{Column, Kind};
use arrow::array::BooleanArray;
use serde_json::Value;

/// Two bounds, each of which may be missing or excluded.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bounds<T> {
    pub(super) minimum: Option<T>,
    pub(super) maximum: Option<T>,
    pub(super) strict_minimum: bool,
    pub(super) strict_maximum: bool,
}

impl<T> Bounds<T> {
    fn map<U>(&self, change: impl Fn(&T) -> U) -> Bounds<U> {
        Bounds {
            minimum: self.minimum.as_ref().map(&change),
            maximum: self.maximum.as_ref().map(&change),
            strict_minimum: self.strict_minimum,
            strict_maximum: self.strict_maximum,
        }
    }
}

impl<T: PartialOrd + Copy> Bounds<T> {
    /// Whether a value lies inside.
    #[inline]
    pub(super) fn hold(&self, value: T) -> bool {
        let above = match &self.minimum {
            None => true,
            Some(minimum) if self.strict_minimum => value > *minimum,
            Some(minimum) => value >= *minimum,
        };
        above
            && match &self.maximum {
                None => true,
                Some(maximum) if self.strict_maximum => value < *maximum,
                Some(maximum) => value <= *maximum,
            }
    }
}

impl Bounds<f64> {
    /// The arguments `min_value`, `max_value`, `strict_min`, `strict_max` as plain numbers.
    pub(super) fn of_numbers(arguments: &Arguments<'_>) -> Result<Self, BuildError> {
        let bounds = Self {
            minimum: arguments.number("min_value")?,
            maximum: arguments.number("max_value")?,
            strict_minimum: arguments.flag("strict_min")?,
            strict_maximum: arguments.flag("strict_max")?,
        };
        ordered(bounds.minimum, bounds.maximum)?;
        Ok(bounds)
    }
}

/// Rejects an empty range.
fn ordered(minimum: Option<f64>, maximum: Option<f64>) -> Result<(), BuildError> {
    match (minimum, maximum) {
        (Some(minimum), Some(maximum)) if minimum > maximum => {
            Err(format!("argument 'min_value' is {minimum}: give at most 'max_value', which is {maximum}").into())
        }
        _ => Ok(()),
    }
}

/// Bounds, converted to the kind of a column.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum KindBounds {
    Text(Bounds<String>),
    Exact(Bounds<i128>),
    Float(Bounds<f64>),
}

impl KindBounds {
    /// The arguments `min_value`, `max_value`, `strict_min`, `strict_max`.
    pub(super) fn of(arguments: &Arguments<'_>, kind: Kind) -> Result<Self, BuildError> {
        let bounds = Bounds {
            minimum: arguments.operand("min_value", kind)?,
            maximum: arguments.operand("max_value", kind)?,
            strict_minimum: arguments.flag("strict_min")?,
            strict_maximum: arguments.flag("strict_max")?,
        };
        if bounds
            .minimum
            .as_ref()
            .zip(bounds.maximum.as_ref())
            .is_some_and(|(minimum, maximum)| minimum > maximum)
        {
            let given = |name| arguments.optional(name).unwrap_or(&Value::Null);
            let (minimum, maximum) = (given("min_value"), given("max_value"));
            return Err(
                format!("argument 'min_value' is {minimum}: give at most 'max_value', which is {maximum}").into(),
            );
        }
        Ok(match kind {
            Kind::Text | Kind::Nothing => Self::Text(bounds.map(|operand| match operand {
                Operand::Text(text) => text.clone(),
                _ => String::new(),
            })),
            Kind::Float => Self::Float(bounds.map(|operand| match operand {
                Operand::Float(number) => *number,
                _ => f64::NAN,
            })),
            _ => Self::Exact(exact(&bounds)),
        })
    }

    /// Whether a whole number, an unscaled decimal or a number of days or moments lies inside.
    pub(super) fn hold_exact(&self, value: i128) -> bool {
        matches!(self, Self::Exact(bounds) if bounds.hold(value))
    }

    /// Whether both bounds are missing.
    pub(super) const fn is_open(&self) -> bool {
        match self {
            Self::Text(Bounds { minimum, maximum, .. }) => minimum.is_none() && maximum.is_none(),
            Self::Exact(Bounds { minimum, maximum, .. }) => minimum.is_none() && maximum.is_none(),
            Self::Float(Bounds { minimum, maximum, .. }) => minimum.is_none() && maximum.is_none(),
        }
    }

    /// Whether each value lies outside; null for nulls.
    pub(super) fn outside(&self, column: Column<'_>) -> BooleanArray {
        match (self, column) {
            (Self::Text(bounds), Column::Text(array)) => {
                let bounds = Bounds {
                    minimum: bounds.minimum.as_deref(),
                    maximum: bounds.maximum.as_deref(),
                    strict_minimum: bounds.strict_minimum,
                    strict_maximum: bounds.strict_maximum,
                };
                BooleanArray::from_unary(array, |value| !bounds.hold(value))
            }
            (Self::Exact(bounds), Column::Decimal(array)) => {
                BooleanArray::from_unary(array, |value| !bounds.hold(value))
            }
            (Self::Exact(bounds), column) => {
                // 128 bits only where decimals need them.
                let bounds = narrow(bounds);
                match column {
                    Column::Nanoseconds(array) => BooleanArray::from_unary(array, |value| !bounds.hold(value)),
                    Column::Integer(array) => BooleanArray::from_unary(array, |value| !bounds.hold(value)),
                    Column::Timestamp(array) => BooleanArray::from_unary(array, |value| !bounds.hold(value)),
                    Column::Date(array) => BooleanArray::from_unary(array, |value| !bounds.hold(i64::from(value))),
                    Column::Boolean(array) => BooleanArray::from_unary(array, |value| !bounds.hold(i64::from(value))),
                    other => all(other),
                }
            }
            (Self::Float(bounds), Column::Float(array)) => BooleanArray::from_unary(array, |value| !bounds.hold(value)),
            (_, other) => all(other),
        }
    }
}

/// Literals between two values exclude both of them from one side.
fn exact(bounds: &Bounds<Operand>) -> Bounds<i128> {
    let value = |operand: &Operand| match operand {
        Operand::Exact(value) | Operand::Between(value) => *value,
        Operand::Text(_) | Operand::Float(_) => 0,
    };
    let between = |bound: &Option<Operand>| matches!(bound, Some(Operand::Between(_)));
    Bounds {
        strict_minimum: bounds.strict_minimum || between(&bounds.minimum),
        strict_maximum: bounds.strict_maximum && !between(&bounds.maximum),
        ..bounds.map(value)
    }
}

/// The same bounds for numbers of 64 bits.
fn narrow(bounds: &Bounds<i128>) -> Bounds<i64> {
    let (least, most) = (i128::from(i64::MIN), i128::from(i64::MAX));
    // No number is above the greatest or below the least one.
    let (above, below) = (
        bounds.minimum.is_some_and(|minimum| minimum > most),
        bounds.maximum.is_some_and(|maximum| maximum < least),
    );
    let clamp = |value: i128| value.clamp(least, most) as i64;
    Bounds {
        minimum: bounds.minimum.filter(|minimum| *minimum >= least).map(clamp),
        maximum: bounds.maximum.filter(|maximum| *maximum <= most).map(clamp),
        strict_minimum: bounds.strict_minimum || above,
        strict_maximum: bounds.strict_maximum || below,
    }
}

/// Everything is outside: bounds and column are of different kinds.
fn all(column: Column<'_>) -> BooleanArray {
    let array = column.array();
    BooleanArray::new(
        arrow::buffer::BooleanBuffer::new_set(array.len()),
        array.nulls().cloned(),
    )
}

pub(super) fn between(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    let bounds = KindBounds::of(arguments, column(arguments, table)?)?;
    if bounds.is_open() {
        return Err(
            "arguments 'min_value' and 'max_value' are both missing: give at least one"
                .to_owned()
                .into(),
        );
    }
    ColumnCheck::boxed(arguments, move |column| Ok(bounds.outside(column)))
}
