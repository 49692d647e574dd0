//! Numbers and lists as text.

use std::fmt::Write;

/// 1234567 as `1,234,567`.
#[must_use]
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Parts of a plain decimal number: sign, integer, fraction. `None` for any other text, leading zeros included.
pub(crate) fn decimal(text: &str) -> Option<(&str, u64, &str)> {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let number = whole.parse::<u64>().ok()?;
    let is_plain = number.to_string() == whole && fraction.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then_some((sign, number, fraction))
}

/// A decimal number with thousands separators and without a fraction of zeros, `-1234567.00` as `-1,234,567`; any other
/// text unchanged.
#[must_use]
pub fn grouped(text: &str) -> String {
    match decimal(text) {
        Some((sign, whole, fraction)) if fraction.bytes().all(|byte| byte == b'0') => {
            format!("{sign}{}", thousands(whole))
        }
        Some((sign, whole, fraction)) => format!("{sign}{}.{fraction}", thousands(whole)),
        None => text.to_owned(),
    }
}

/// A number for an axis or a small cell: `1.2M`.
#[must_use]
pub fn compact(value: f64) -> String {
    let (divisor, unit) = match value.abs() {
        size if size >= 1e12 => (1e12, "T"),
        size if size >= 1e9 => (1e9, "B"),
        size if size >= 1e6 => (1e6, "M"),
        size if size >= 1e3 => (1e3, "k"),
        _ => (1.0, ""),
    };
    let scaled = value / divisor;
    let digits = usize::from(scaled.fract().abs() > 0.05 && scaled.abs() < 100.0);
    format!("{scaled:.digits$}{unit}")
}

/// A share as a percentage: 0.125 with one digit as `12.5 %`.
#[must_use]
pub fn percent(share: f64, digits: usize) -> String {
    format!("{:.digits$} %", 100.0 * share)
}

/// Names with their values: `online 12, pos 7`.
#[must_use]
pub fn listing<'a>(items: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (name, value) in items {
        let separator = if text.is_empty() { "" } else { ", " };
        // Writing to a String cannot fail.
        let _ = write!(text, "{separator}{name} {value}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_separators() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(number), text);
        }
    }

    #[test]
    fn decimals_are_grouped_and_other_texts_stay() {
        for (text, expected) in [
            ("1234567.00", "1,234,567"),
            ("-1234.5", "-1,234.5"),
            ("0.050000", "0.050000"),
            ("2026-01-15", "2026-01-15"),
            ("007", "007"),
            ("CUS0001", "CUS0001"),
            ("1.2.3", "1.2.3"),
            ("", ""),
        ] {
            assert_eq!(grouped(text), expected);
        }
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (7.0, "7"),
            (0.5, "0.5"),
            (1_234.0, "1.2k"),
            (120_000.0, "120k"),
            (3_000_000.0, "3M"),
            (-2_500_000_000.0, "-2.5B"),
            (1e13, "10T"),
        ] {
            assert_eq!(compact(value), text);
        }
    }

    #[test]
    fn shares_and_lists_are_texts() {
        assert_eq!(
            (percent(0.125, 1), percent(1.0, 0)),
            ("12.5 %".to_owned(), "100 %".to_owned())
        );
        assert_eq!(listing([("online", "12"), ("pos", "7")]), "online 12, pos 7");
        assert_eq!(listing([]), "");
    }
}
