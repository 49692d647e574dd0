//! Letters, digits and spaces as Python tells them apart.

use crate::digits::{Ranges, decimal, range, ranges};
use std::sync::LazyLock;

static LETTERS: LazyLock<Ranges> = LazyLock::new(|| ranges(r"\p{L}"));

/// Digits that make no numbers: in circles, above or below the line.
const OTHER_DIGITS: [(char, char); 20] = [
    ('\u{b2}', '\u{b3}'),
    ('\u{b9}', '\u{b9}'),
    ('\u{1369}', '\u{1371}'),
    ('\u{19da}', '\u{19da}'),
    ('\u{2070}', '\u{2070}'),
    ('\u{2074}', '\u{2079}'),
    ('\u{2080}', '\u{2089}'),
    ('\u{2460}', '\u{2468}'),
    ('\u{2474}', '\u{247c}'),
    ('\u{2488}', '\u{2490}'),
    ('\u{24ea}', '\u{24ea}'),
    ('\u{24f5}', '\u{24fd}'),
    ('\u{24ff}', '\u{24ff}'),
    ('\u{2776}', '\u{277e}'),
    ('\u{2780}', '\u{2788}'),
    ('\u{278a}', '\u{2792}'),
    ('\u{10a40}', '\u{10a43}'),
    ('\u{10e60}', '\u{10e68}'),
    ('\u{11052}', '\u{1105a}'),
    ('\u{1f100}', '\u{1f10a}'),
];

/// Longest number, in digits, that Python reads.
const LONGEST: usize = 4300;

/// `str.isalpha`.
pub(super) fn is_letter(character: char) -> bool {
    match character.is_ascii() {
        true => character.is_ascii_alphabetic(),
        false => range(&LETTERS, character).is_some(),
    }
}

/// `str.isdigit`.
pub(super) fn is_digit(character: char) -> bool {
    decimal(character).is_some() || range(&OTHER_DIGITS, character).is_some()
}

/// `str.isspace`.
pub(super) fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}

/// `int` of a text; what is beyond all numbers of dates stays there.
pub(super) fn whole(text: &str) -> Option<i64> {
    let digits: Option<Vec<u32>> = text.chars().map(decimal).collect();
    let digits = digits.filter(|digits| (1..=LONGEST).contains(&digits.len()))?;
    let number = |number: i64, digit: u32| number.saturating_mul(10).saturating_add(i64::from(digit));
    Some(digits.into_iter().fold(0, number))
}

/// Whether the text consists of digits.
pub(super) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_digit)
}
