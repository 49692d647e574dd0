//! Formatting of numbers for display.

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

/// A decimal number with thousands separators and without a zero fraction: `-1234567.00` as `-1,234,567`. Other text is
/// unchanged.
#[must_use]
pub fn grouped(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_fraction = fraction.bytes().all(|byte| byte.is_ascii_digit());
    match whole.parse::<u64>() {
        Ok(number) if is_fraction && number.to_string() == whole => {
            let point = if fraction.bytes().all(|byte| byte == b'0') {
                ""
            } else {
                "."
            };
            let fraction = if point.is_empty() { "" } else { fraction };
            format!("{sign}{}{point}{fraction}", thousands(number))
        }
        _ => text.to_owned(),
    }
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
}
