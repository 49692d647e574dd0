//! Formatting of numbers and texts for display.

use std::borrow::Cow;

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

/// A text from outside as a terminal may have it: characters that control it (escapes, carriage returns, the direction of writing)
/// are written as `\u{1b}`, so that no name or value can hide or forge what a person sees. Line feeds stay.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    let controls = |symbol: char| {
        let is_control = symbol.is_control() && symbol != '\n';
        // Of Unicode's general category Cf, those that reorder or hide text.
        is_control
            || matches!(symbol, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    if !text.contains(controls) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for symbol in text.chars() {
        if controls(symbol) {
            shown.extend(symbol.escape_unicode());
        } else {
            shown.push(symbol);
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_controls_the_terminal() {
        assert!(matches!(printable("a é 김\n"), Cow::Borrowed(_)));
        let shown = printable("a\u{1b}[2Jb\rc\u{202e}d\u{85}\te");
        assert_eq!(shown, r"a\u{1b}[2Jb\u{d}c\u{202e}d\u{85}\u{9}e");
    }

    #[test]
    fn numbers_have_separators() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(number), text);
        }
    }
}
