//! Formats of dates and times, as Python's `datetime.strptime` reads them.

use crate::digits::decimal;
use chrono::NaiveDate;
use regex::{Regex, RegexBuilder};
use std::fmt::Write;

/// A format, as a regular expression; as in Python, the first alternative that matches counts.
#[derive(Debug)]
pub(crate) struct Format(Regex);

/// The directives that a date is checked by have their names as groups.
fn directive(name: char) -> Option<&'static str> {
    Some(match name {
        'd' => r"(?P<d>3[0-1]|[1-2]\d|0[1-9]|[1-9]| [1-9])",
        'f' => "[0-9]{1,6}",
        'H' => r"(?:2[0-3]|[0-1]\d|\d)",
        'I' => "(?:1[0-2]|0[1-9]|[1-9])",
        'j' => r"(?:36[0-6]|3[0-5]\d|[1-2]\d\d|0[1-9]\d|00[1-9]|[1-9]\d|0[1-9]|[1-9])",
        'm' => "(?P<m>1[0-2]|0[1-9]|[1-9])",
        'M' => r"(?:[0-5]\d|\d)",
        'S' => r"(?P<S>6[0-1]|[0-5]\d|\d)",
        'U' | 'W' => r"(?:5[0-3]|[0-4]\d|\d)",
        'w' => "[0-6]",
        'u' => "[1-7]",
        'y' => r"(?P<y>\d\d)",
        'Y' => r"(?P<Y>\d\d\d\d)",
        'z' => r"(?:[+-]\d\d:?[0-5]\d(?::?[0-5]\d(?:\.\d{1,6})?)?|(?-i:Z))",
        'Z' => "(?:utc|gmt)",
        'p' => "(?:am|pm)",
        'A' => "(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)",
        'a' => "(?:mon|tue|wed|thu|fri|sat|sun)",
        'B' => "(?P<B>january|february|march|april|may|june|july|august|september|october|november|december)",
        'b' => "(?P<b>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)",
        '%' => "%",
        _ => return None,
    })
}

impl Format {
    /// Reads a format.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub(crate) fn new(format: &str) -> Result<Self, String> {
        let mut pattern = String::from(r"\A");
        let mut rest = format.chars().peekable();
        while let Some(next) = rest.next() {
            if next == '%' {
                let name = rest.next().ok_or("a % is its last character")?;
                let composed = match name {
                    'c' => Some("%a %b %d %H:%M:%S %Y"),
                    'x' => Some("%m/%d/%y"),
                    'X' => Some("%H:%M:%S"),
                    _ => None,
                };
                if let Some(composed) = composed {
                    let inner = Self::new(composed)?;
                    pattern.push_str(inner.0.as_str().trim_start_matches(r"\A"));
                } else {
                    pattern.push_str(directive(name).ok_or_else(|| format!("%{name} is not known"))?);
                }
            } else if next.is_whitespace() {
                while rest.peek().is_some_and(|next| next.is_whitespace()) {
                    rest.next();
                }
                pattern.push_str(r"\s+");
            } else {
                let _ = write!(pattern, "{}", regex_syntax::escape(next.encode_utf8(&mut [0; 4])));
            }
        }
        // A group that is there twice is an error in Python, too.
        let regex = RegexBuilder::new(&pattern).case_insensitive(true).build();
        regex.map(Self).map_err(|_| "it has a part twice".to_owned())
    }

    /// Whether a text is a date or time of this format that exists.
    pub(crate) fn is_match(&self, text: &str) -> bool {
        let Some(found) = self.0.captures(text) else {
            return false;
        };
        if found.get(0).is_none_or(|whole| whole.end() != text.len()) {
            return false;
        }
        let part = |name: &str| found.name(name).map(|part| part.as_str());
        let number = |name: &str| part(name).map(digits);
        let month_name = |name: &str, length: usize| {
            let names = [
                "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
            ];
            let start = part(name)?.get(..length)?.to_ascii_lowercase();
            names
                .iter()
                .position(|known| *known == start)
                .map(|place| place as u32 + 1)
        };
        let century = |year: u32| if year < 69 { 2000 + year } else { 1900 + year };
        let year = number("Y").or_else(|| number("y").map(century)).unwrap_or(1900);
        let month = number("m")
            .or_else(|| month_name("B", 3))
            .or_else(|| month_name("b", 3));
        let date = NaiveDate::from_ymd_opt(year as i32, month.unwrap_or(1), number("d").unwrap_or(1));
        // Python knows no year 0, and reads leap seconds only to refuse them.
        date.is_some() && year > 0 && number("S").is_none_or(|second| second < 60)
    }
}

/// The number that some digits, of whatever script, stand for.
fn digits(text: &str) -> u32 {
    text.chars()
        .filter(|digit| *digit != ' ')
        .fold(0, |number, digit| number * 10 + decimal(digit).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_in_python() {
        for (format, matching, others) in [
            (
                "%Y-%m-%d",
                &["2026-01-31", "2026-1-3", "2024-02-29"][..],
                &["2026-02-29", "2026-13-01", "26-01-01", "2026-01-31 ", "0000-01-01"][..],
            ),
            ("%d/%m/%y", &["31/12/99", " 1/02/00"], &["32/01/00", "29/02/01"]),
            (
                "%H:%M:%S",
                &["23:59:59", "1:2:3"],
                &["24:00:00", "12:60:00", "00:00:60"],
            ),
            ("%I:%M %p", &["12:00 AM", "1:30   pm"], &["13:00 PM", "1:30pm"]),
            (
                "%b %d, %Y",
                &["Jan 31, 2026", "FEB 1, 2026"],
                &["Feb 30, 2026", "Foo 1, 2026"],
            ),
            (
                "%Y-%m-%dT%H:%M:%S.%f%z",
                &["2026-01-01T00:00:00.123456+09:00", "2026-01-01T00:00:00.1Z"],
                &["2026-01-01T00:00:00.1234567Z"],
            ),
            ("%m-%d", &["02-28"], &["02-29"]),
            ("%j%%", &["366%", "1%"], &["367%", "0%"]),
            ("%c", &["Thu Jan  1 00:00:00 2026"], &["Thu Jan 32 00:00:00 2026"]),
            ("(%Y)", &["(2026)"], &["2026"]),
        ] {
            let read = Format::new(format).unwrap();
            for (texts, expected) in [(matching, true), (others, false)] {
                for text in texts {
                    assert_eq!(read.is_match(text), expected, "{format} {text}");
                }
            }
        }
        // Sets of digits that adjoin: the zero of the second follows the nine of the first.
        let date = Format::new("%Y-%m-%d").unwrap();
        assert!(date.is_match("\u{1d7da}\u{1d7d8}\u{1d7da}\u{1d7e0}-02-29"));
        assert!(!date.is_match("\u{1d7da}\u{1d7d8}\u{1d7da}\u{1d7df}-02-29"));
        assert!(date.is_match("2026-02-2\u{1d7e0}") && !date.is_match("2026-02-2\u{1d7e1}"));
        for wrong in ["%", "%Q", "%Y %Y", "%G-%V"] {
            assert!(Format::new(wrong).is_err(), "{wrong}");
        }
    }
}
