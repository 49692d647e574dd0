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

/// A number for an axis or a small cell: `1.2M`. `web/src/format.ts` writes the same.
#[must_use]
pub fn compact(value: f64) -> String {
    const UNITS: [(f64, &str); 5] = [(1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "B"), (1e12, "T")];
    let size = value.abs();
    // What rounds to 1000 of a unit is one of the next.
    let fits = |(divisor, _): &&(f64, &str)| size / divisor < 999.5;
    let (divisor, unit) = UNITS.iter().find(fits).copied().unwrap_or((1e12, "T"));
    let scaled = value / divisor;
    let digits = usize::from(scaled.abs() < 99.95);
    let text = format!("{scaled:.digits$}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    format!("{}{unit}", if text == "-0" { "0" } else { text })
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

    /// What the page's script is tested with, too.
    #[test]
    fn numbers_are_written_as_in_the_browser() {
        let cases: serde_json::Value = serde_json::from_str(include_str!("../web/tests/numbers.json")).unwrap();
        for (kind, cases) in cases.as_object().unwrap() {
            for case in cases.as_array().unwrap() {
                let number = case[0].as_f64().unwrap_or_default();
                let text = match kind.as_str() {
                    "compact" => compact(number),
                    "percent" => percent(number, 1),
                    _ => grouped(case[0].as_str().unwrap()),
                };
                assert_eq!(text, case[1].as_str().unwrap(), "{kind} {case}");
            }
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
