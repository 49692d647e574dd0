//! Bounds with few digits, for readers.

use serde_json::Value;

/// Digits of a bound.
const DIGITS: i32 = 2;

/// The next number with two digits, away from the values: up for an upper bound, down for a lower one.
pub(super) fn outward(value: f64, up: bool) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let exponent = value.abs().log10().floor() as i32 - (DIGITS - 1);
    let scaled = value / 10_f64.powi(exponent);
    // What is a number of two digits but for its last bit is one.
    let near = scaled.round();
    let whole = if (scaled - near).abs() < 1e-9 {
        near
    } else if up {
        scaled.ceil()
    } else {
        scaled.floor()
    };
    // Through the text: the nearest number to the digits.
    let rounded = format!("{whole}e{exponent}").parse().unwrap_or(value);
    let beyond = if up { rounded >= value } else { rounded <= value };
    if beyond { rounded } else { value }
}

/// A number in JSON, without a point if it is whole.
pub(super) fn number(value: f64) -> Value {
    // Whole numbers are exact up to here.
    if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 {
        Value::from(value as i64)
    } else {
        Value::from(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_have_two_digits_and_lie_outside() {
        for (value, down, up) in [
            (1234.0, 1200.0, 1300.0),
            (-1234.0, -1300.0, -1200.0),
            (0.0123, 0.012, 0.013),
            (0.1, 0.1, 0.1),
            (99.5, 99.0, 100.0),
            (7.0, 7.0, 7.0),
            (0.0, 0.0, 0.0),
        ] {
            assert_eq!((outward(value, false), outward(value, true)), (down, up), "{value}");
        }
        assert_eq!(number(3.0), Value::from(3));
        assert_eq!(number(0.5), Value::from(0.5));
    }
}
