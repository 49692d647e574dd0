//! A text in parts: words, numbers, and every other character by itself.

use super::characters::{is_digit, is_letter, is_space};
use std::iter::Peekable;
use std::str::Chars;

/// What a part is, as far as it is read. Points may belong to a number, or separate: that shows later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Word,
    Number,
    /// Words and points, after a word or a point.
    DottedWord,
    /// Numbers and points, after a number or a point.
    DottedNumber,
}

/// Splits a text. Spaces of any kind become one; zero bytes are left out.
pub(super) fn split(text: &str) -> Vec<String> {
    let text = text.replace('\0', "");
    let mut characters = text.chars().peekable();
    let mut tokens = Vec::new();
    while let Some(first) = characters.next() {
        if is_letter(first) {
            dotted(&mut characters, first, Part::Word, &mut tokens);
        } else if is_digit(first) {
            dotted(&mut characters, first, Part::Number, &mut tokens);
        } else if is_space(first) {
            tokens.push(" ".to_owned());
        } else {
            tokens.push(first.to_string());
        }
    }
    tokens
}

/// The part that a character leads to after another one; `None`: it belongs to the next token.
fn next(part: Part, token: &str, character: char) -> Option<Part> {
    let after_point = token.ends_with('.');
    match part {
        Part::Word if is_letter(character) => Some(Part::Word),
        Part::Word if character == '.' => Some(Part::DottedWord),
        Part::Number if is_digit(character) => Some(Part::Number),
        Part::Number if character == '.' => Some(Part::DottedNumber),
        // A comma before a fraction; after one digit it separates.
        Part::Number if character == ',' && token.chars().nth(1).is_some() => Some(Part::DottedNumber),
        Part::DottedWord if character == '.' || is_letter(character) => Some(Part::DottedWord),
        Part::DottedWord if after_point && is_digit(character) => Some(Part::DottedNumber),
        Part::DottedNumber if character == '.' || is_digit(character) => Some(Part::DottedNumber),
        Part::DottedNumber if after_point && is_letter(character) => Some(Part::DottedWord),
        _ => None,
    }
}

/// Reads on, and splits at points and commas unless there is just one, within a number.
fn dotted(characters: &mut Peekable<Chars<'_>>, first: char, mut part: Part, tokens: &mut Vec<String>) {
    let mut token = first.to_string();
    let mut letters = false;
    while let Some(character) = characters.peek().copied() {
        // As in dateutil: a letter counts once a character follows it.
        letters |= matches!(part, Part::Word | Part::DottedWord);
        let Some(after) = next(part, &token, character) else {
            break;
        };
        token.push(character);
        part = after;
        characters.next();
    }
    let is_dotted = matches!(part, Part::DottedWord | Part::DottedNumber);
    let points = token.matches('.').count();
    if is_dotted && (letters || points > 1 || token.ends_with(['.', ','])) {
        let mut rest = token.as_str();
        while let Some(place) = rest.find(['.', ',']) {
            let (before, point) = rest.split_at(place);
            tokens.extend(
                [before, &point[..1]]
                    .into_iter()
                    .filter(|each| !each.is_empty())
                    .map(str::to_owned),
            );
            rest = &point[1..];
        }
        if !rest.is_empty() {
            tokens.push(rest.to_owned());
        }
    } else if part == Part::DottedNumber && points == 0 {
        tokens.push(token.replace(',', "."));
    } else {
        tokens.push(token);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_belong_to_numbers_or_separate() {
        for (text, expected) in [
            ("4:30:21.447", "4|:|30|:|21.447"),
            ("Sep.20.2009", "Sep|.|20|.|2009"),
            ("12,5 1,5", "12.5| |1|,|5"),
            ("20.", "20|."),
            ("a.m.", "a|.|m|."),
            ("10h", "10|h"),
            ("1.e5", "1|.|e|5"),
            ("12,5.5", "12,5.5"),
            ("a\t\0b", "a| |b"),
        ] {
            assert_eq!(split(text).join("|"), expected, "{text}");
        }
    }
}
