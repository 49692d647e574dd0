//! Readers of text: UUIDs, short lists, everything else, and what must not be stored in the clear.

use super::{Notes, Reader};
use crate::builder::Pool;
use crate::plan::{Lookup, SourceColumn, Word, missing_lookups};
use crate::rule::{Rule, Subject};
use crate::values;
use cardlake_core::contract::{Normalisation, Protection, TextFormat};
use cardlake_core::pii::{self, Tokenizer};
use std::borrow::Cow;
use xxhash_rust::xxh3::xxh3_64_with_seed;

pub(super) struct UuidReader {
    pub(super) seed: u64,
}

impl Reader for UuidReader {
    type Held = u128;
    const BOOLEAN: Option<Rule> = Some(Rule::NotText);

    #[inline]
    fn fast(&mut self, text: &[u8]) -> Option<(u128, u64)> {
        let value = values::uuid(text)?;
        Some((value, xxh3_64_with_seed(&value.to_be_bytes(), self.seed)))
    }

    fn full(&mut self, text: &str, notes: &mut Notes<'_>) -> Option<(u128, u64)> {
        let read = self.fast(text.as_bytes());
        if read.is_none() {
            notes.add(if text.contains('\0') {
                Rule::NulByte
            } else {
                Rule::NotUuid
            });
        }
        read
    }
}

/// A text of at most eight bytes as a number; with its length it stands for the text.
#[inline]
fn pack(text: &[u8]) -> u64 {
    match *text {
        [a, b, c, d, ref rest @ ..] => {
            let low = u64::from(u32::from_le_bytes([a, b, c, d]));
            match *rest {
                [] => low,
                [.., e, f, g, h] => low | u64::from(u32::from_le_bytes([e, f, g, h])) << 32,
                [e] => low | u64::from(e) << 32,
                [e, f] => low | u64::from(u16::from_le_bytes([e, f])) << 32,
                [e, f, g] => low | u64::from(u32::from_le_bytes([e, f, g, 0])) << 32,
            }
        }
        [] => 0,
        [a] => u64::from(a),
        [a, b] => u64::from(u16::from_le_bytes([a, b])),
        [a, b, c] => u64::from(u32::from_le_bytes([a, b, c, 0])),
    }
}

pub(super) struct CodeReader<'p> {
    pub(super) source: &'p SourceColumn,
    pub(super) words: &'p [Word],
    /// Packed text, length and hash of the words of up to eight bytes that are wanted as they are, by code.
    pub(super) packed: Vec<(u64, usize, u8, u64)>,
}

impl<'p> CodeReader<'p> {
    pub(super) fn new(source: &'p SourceColumn, words: &'p [Word]) -> Self {
        let packed = (0..).zip(words).filter(|(_, word)| {
            let text = word.text.as_str();
            text.len() <= 8
                && !text.is_empty()
                && word.missing_lookups.is_empty()
                && normalise(source.normalisation, text) == text
                && source.max_length.is_none_or(|length| text.len() <= length as usize)
        });
        Self {
            source,
            words,
            packed: packed
                .map(|(code, word)| (pack(word.text.as_bytes()), word.text.len(), code, word.hash))
                .collect(),
        }
    }
}

impl Reader for CodeReader<'_> {
    type Held = u8;
    const BOOLEAN: Option<Rule> = Some(Rule::NotText);

    #[inline]
    fn fast(&mut self, text: &[u8]) -> Option<(u8, u64)> {
        if text.len() > 8 {
            return None;
        }
        let wanted = pack(text);
        let found = self
            .packed
            .iter()
            .find(|(packed, length, ..)| *packed == wanted && *length == text.len());
        found.map(|(.., code, hash)| (*code, *hash))
    }

    fn full(&mut self, text: &str, notes: &mut Notes<'_>) -> Option<(u8, u64)> {
        let text = normalise(self.source.normalisation, text);
        let before = notes.problems.len();
        if text.contains('\0') {
            notes.add(Rule::NulByte);
        }
        if self
            .source
            .max_length
            .is_some_and(|length| text.len() > length as usize)
        {
            notes.add(Rule::TooLong);
        }
        let found = (0..).zip(self.words).find(|(_, word)| word.text == text);
        match found {
            None => notes.add(Rule::NotAllowed),
            Some((_, word)) => word
                .missing_lookups
                .iter()
                .for_each(|lookup| notes.about(Subject::Lookup(*lookup), Rule::Required)),
        }
        found
            .filter(|_| notes.problems.len() == before)
            .map(|(code, word)| (code, word.hash))
    }
}

pub(super) struct TextReader<'p> {
    pub(super) source: &'p SourceColumn,
    /// Holds values that keep all rules, in the form of silver: what is found here needs no other look.
    pub(super) pool: &'p mut Pool,
    pub(super) tokenizer: Option<&'p Tokenizer>,
    pub(super) lookups: &'p [Lookup],
}

impl Reader for TextReader<'_> {
    type Held = u32;
    const BOOLEAN: Option<Rule> = Some(Rule::NotText);

    #[inline]
    fn fast(&mut self, text: &[u8]) -> Option<(u32, u64)> {
        // A token in the input is no reason to take it for a value that was seen.
        (self.source.protection == Protection::None)
            .then(|| self.pool.find(text))
            .flatten()
    }

    fn full(&mut self, text: &str, notes: &mut Notes<'_>) -> Option<(u32, u64)> {
        let before = notes.problems.len();
        let text = text_value(self.source, text, notes);
        for lookup in missing_lookups(&text, self.lookups, &self.source.lookups) {
            notes.about(Subject::Lookup(lookup), Rule::Required);
        }
        let digits = match self.source.protection {
            Protection::CardNumber => card_number(&text, notes),
            _ => None,
        };
        if notes.problems.len() > before {
            return None;
        }
        match (self.source.protection, self.tokenizer) {
            (Protection::None, _) => Some(self.pool.intern(text.as_bytes())),
            (Protection::Token, Some(tokenizer)) => Some(self.pool.intern(tokenizer.token(&text).as_bytes())),
            (Protection::CardNumber, Some(tokenizer)) => {
                let digits = digits?;
                let last_four = pii::last_four(&digits)?.as_bytes().try_into().ok()?;
                Some(self.pool.intern_card(tokenizer.token(&digits).as_bytes(), last_four))
            }
            // A plan with protected columns has a tokenizer.
            (_, None) => None,
        }
    }
}

fn card_number(text: &str, notes: &mut Notes<'_>) -> Option<String> {
    let Some(digits) = pii::card_digits(text) else {
        notes.add(Rule::NotCardNumber);
        return None;
    };
    if !pii::luhn_is_valid(&digits) {
        notes.add(Rule::Luhn);
    }
    Some(digits)
}

/// Text in the form of silver; broken rules are noted.
fn text_value<'t>(source: &SourceColumn, text: &'t str, notes: &mut Notes<'_>) -> Cow<'t, str> {
    let mut text = normalise(source.normalisation, text);
    if text.contains('\0') {
        notes.add(Rule::NulByte);
    }
    match source.format {
        None => {}
        Some(TextFormat::Email) if values::is_email(&text) => {}
        Some(TextFormat::Email) => notes.add(Rule::NotEmail),
        Some(TextFormat::Uuid) if values::uuid(text.as_bytes()).is_some() => {
            text = Cow::Owned(text.to_ascii_lowercase());
        }
        Some(TextFormat::Uuid) => notes.add(Rule::NotUuid),
    }
    if source.pattern.as_ref().is_some_and(|pattern| !pattern.matches(&text)) {
        notes.add(Rule::Pattern);
    }
    if source.max_length.is_some_and(|length| text.len() > length as usize) {
        notes.add(Rule::TooLong);
    }
    if !source.allowed.is_empty() && !source.allowed.iter().any(|allowed| *allowed == text) {
        notes.add(Rule::NotAllowed);
    }
    text
}

fn normalise(normalisation: Normalisation, text: &str) -> Cow<'_, str> {
    let is_plain = |wrong_case: fn(&u8) -> bool| text.is_ascii() && !text.as_bytes().iter().any(wrong_case);
    match normalisation {
        Normalisation::Lower if !is_plain(u8::is_ascii_uppercase) => Cow::Owned(text.to_lowercase()),
        Normalisation::Upper if !is_plain(u8::is_ascii_lowercase) => Cow::Owned(text.to_uppercase()),
        _ => Cow::Borrowed(text),
    }
}

pub(super) struct ExtraReader<'p> {
    pub(super) pool: &'p mut Pool,
    pub(super) max_length: u32,
}

impl Reader for ExtraReader<'_> {
    type Held = u32;

    #[inline]
    fn fast(&mut self, _: &[u8]) -> Option<(u32, u64)> {
        None
    }

    fn full(&mut self, text: &str, notes: &mut Notes<'_>) -> Option<(u32, u64)> {
        if text.len() > self.max_length as usize {
            notes.add(Rule::TooLong);
            return None;
        }
        Some(self.pool.intern(text.as_bytes()))
    }
}
