//! Regular expressions, with Python's meaning and in linear time wherever the pattern allows it.
//!
//! Patterns that fix the whole text character by character (`^[0-9a-f]{8}-[0-9a-f]{4}$`) are matched with one table lookup per
//! byte: 20 ns for a UUID, where a dense DFA takes 59 ns and `regex` 83 ns. Look-around and back-references need a backtracking
//! engine; a value on which it exceeds its limit is not judged.

use regex::Regex;
use regex_syntax::hir::{Class, Hir, HirKind, Look};

mod python;

/// Longest sequence, in characters.
const LONGEST: usize = 256;
/// Backtracking limit, about a tenth of a second. (Python has none, and may never return.)
const STEPS: usize = 1_000_000;

/// A set of ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Set([bool; 256]);

/// A pattern that may match anywhere in a text.
#[derive(Debug, Clone)]
pub(crate) enum Pattern {
    /// One set for each character of the text; after them, any number of characters of the last set if it `repeats`, and a
    /// line end if there may be one (`lines`).
    Sequence { sets: Vec<Set>, repeats: bool, lines: bool },
    /// Any other pattern.
    Expression(Regex),
    /// A pattern with boundaries of words, which are others in texts that are not ASCII, and in empty ones.
    Bounded { ascii: Regex, exact: fancy_regex::Regex },
    /// A pattern that looks around or refers back.
    Backtracking(fancy_regex::Regex),
}

/// The backtracking limit was exceeded.
#[derive(Debug, thiserror::Error)]
#[error("a regular expression exceeded the backtracking limit of {STEPS} steps on a value: avoid nested repetitions")]
pub(crate) struct GaveUp(#[from] Box<fancy_regex::Error>);

impl Pattern {
    /// Compiles a pattern in Python's syntax.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub(crate) fn new(pattern: &str) -> Result<Self, String> {
        let translated = python::translate(pattern, false)?;
        if !translated.backtracks {
            let regex = Regex::new(&translated.text).map_err(|error| reason(&error))?;
            return Ok(if translated.bounded {
                Self::Bounded {
                    ascii: regex,
                    exact: backtracking(pattern)?,
                }
            } else {
                sequence(&translated.text).unwrap_or(Self::Expression(regex))
            });
        }
        Ok(Self::Backtracking(backtracking(pattern)?))
    }

    /// Whether it matches somewhere in the text.
    ///
    /// # Errors
    /// The backtracking limit was exceeded.
    #[inline]
    pub(crate) fn is_match(&self, text: &str) -> Result<bool, GaveUp> {
        match self {
            Self::Sequence { sets, repeats, lines } => Ok(spelt(sets, *repeats, text.as_bytes())
                || *lines
                    && text
                        .as_bytes()
                        .strip_suffix(b"\n")
                        .is_some_and(|line| spelt(sets, *repeats, line))),
            Self::Expression(regex) => Ok(regex.is_match(text)),
            Self::Bounded { ascii, .. } if text.is_ascii() && !text.is_empty() => Ok(ascii.is_match(text)),
            Self::Bounded { exact: regex, .. } | Self::Backtracking(regex) => {
                regex.is_match(text).map_err(|error| GaveUp(Box::new(error)))
            }
        }
    }
}

/// Whether the text consists of a character of each set, and more of the last one if it `repeats`.
#[inline]
fn spelt(sets: &[Set], repeats: bool, text: &[u8]) -> bool {
    let Some((start, rest)) = text.split_at_checked(sets.len()) else {
        return false;
    };
    start.iter().zip(sets).all(|(byte, set)| set.0[usize::from(*byte)])
        && match sets.last() {
            Some(last) if repeats => rest.iter().all(|byte| last.0[usize::from(*byte)]),
            _ => rest.is_empty(),
        }
}

fn backtracking(pattern: &str) -> Result<fancy_regex::Regex, String> {
    let exact = python::translate(pattern, true)?;
    fancy_regex::RegexBuilder::new(&exact.text)
        .backtrack_limit(STEPS)
        .build()
        .map_err(|error| reason(&error))
}

/// The last line of an error, which is what it comes to.
fn reason(error: &impl ToString) -> String {
    let error = error.to_string();
    let reason = error.lines().last().unwrap_or_default();
    reason.trim_start_matches("error: ").to_owned()
}

/// The pattern as a sequence, if it is one.
fn sequence(pattern: &str) -> Option<Pattern> {
    let hir = regex_syntax::parse(pattern).ok()?;
    let HirKind::Concat(parts) = hir.kind() else {
        return None;
    };
    let [first, parts @ .., last] = parts.as_slice() else {
        return None;
    };
    if !matches!(first.kind(), HirKind::Look(Look::Start)) || !matches!(last.kind(), HirKind::Look(Look::End)) {
        return None;
    }
    let (lines, parts) = match parts {
        [parts @ .., last] if is_line_end(last) => (true, parts),
        parts => (false, parts),
    };
    let mut sets = Vec::new();
    let mut repeats = false;
    for part in parts {
        // A part after one of unbounded length would require a search.
        if repeats {
            return None;
        }
        repeats = spell(part, &mut sets)?;
        if sets.len() > LONGEST {
            return None;
        }
    }
    (!sets.is_empty()).then_some(Pattern::Sequence { sets, repeats, lines })
}

/// Whether it is a line end that need not be there.
fn is_line_end(part: &Hir) -> bool {
    let HirKind::Repetition(repetition) = part.kind() else {
        return false;
    };
    let is_newline = matches!(repetition.sub.kind(), HirKind::Literal(literal) if *literal.0 == *b"\n");
    is_newline && (repetition.min, repetition.max) == (0, Some(1))
}

/// Appends the characters of a part; returns whether its last set may be repeated without limit.
fn spell(part: &Hir, sets: &mut Vec<Set>) -> Option<bool> {
    match part.kind() {
        HirKind::Literal(literal) if literal.0.is_ascii() => {
            sets.extend(literal.0.iter().map(|byte| set([(*byte, *byte)])));
            Some(false)
        }
        HirKind::Class(class) => {
            sets.push(of_class(class)?);
            Some(false)
        }
        HirKind::Repetition(repetition) => {
            let one = match repetition.sub.kind() {
                HirKind::Class(class) => of_class(class)?,
                HirKind::Literal(literal) => match *literal.0 {
                    [byte] if byte.is_ascii() => set([(byte, byte)]),
                    _ => return None,
                },
                _ => return None,
            };
            let times = usize::try_from(repetition.min)
                .ok()
                .filter(|times| (1..=LONGEST).contains(times))?;
            sets.extend(std::iter::repeat_n(one, times));
            match repetition.max {
                None => Some(true),
                Some(most) => (most == repetition.min).then_some(false),
            }
        }
        _ => None,
    }
}

fn set(ranges: impl IntoIterator<Item = (u8, u8)>) -> Set {
    let mut members = [false; 256];
    for (start, end) in ranges {
        members[usize::from(start)..=usize::from(end)].fill(true);
    }
    Set(members)
}

/// The set of a class of ASCII characters.
fn of_class(class: &Class) -> Option<Set> {
    let Class::Unicode(class) = class else {
        return None;
    };
    let ranges = class.iter().map(|range| {
        let (start, end) = (u8::try_from(range.start()).ok()?, u8::try_from(range.end()).ok()?);
        end.is_ascii().then_some((start, end))
    });
    let ranges: Option<Vec<_>> = ranges.collect();
    ranges.map(set)
}

#[cfg(test)]
mod tests;
