//! Readers of text: UUIDs, short lists of allowed texts, other text, and protected text.

use super::reader::{ProblemRecorder, ReadResult, ValueReader};
use crate::invariant::BrokenInvariant;
use crate::plan::{AllowedText, Lookup, SourceColumn, missing_lookups};
use crate::rule::{Rule, Subject};
use crate::text_pool::TextPool;
use crate::values;
use cardlake_core::contract::{Normalisation, OnPersonalData, Protection, TextFormat};
use cardlake_core::pii::{self, Tokenizer};
use std::borrow::Cow;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Reads UUIDs.
pub(super) struct UuidReader {
    pub(super) seed: u64,
}

impl ValueReader for UuidReader {
    type Stored = u128;
    const BOOLEAN: Option<Rule> = Some(Rule::NotText);

    #[inline]
    fn fast(&mut self, text: &[u8]) -> Option<(u128, u64)> {
        let value = values::uuid(text)?;
        Some((value, xxh3_64_with_seed(&value.to_be_bytes(), self.seed)))
    }

    fn full(&mut self, text: &str, problems: &mut ProblemRecorder<'_>) -> ReadResult<u128> {
        let read = self.fast(text.as_bytes());
        if read.is_none() {
            problems.record(if text.contains('\0') {
                Rule::NulByte
            } else {
                Rule::NotUuid
            });
        }
        Ok(read)
    }
}

/// Packs a text of at most eight bytes into an integer, which together with the length identifies the text.
#[inline]
fn pack(text: &[u8]) -> u64 {
    match *text {
        [a, b, c, d, ref tail @ ..] => {
            let low = u64::from(u32::from_le_bytes([a, b, c, d]));
            match *tail {
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

/// Reads texts from a short list.
pub(super) struct CodeReader<'p> {
    source: &'p SourceColumn,
    allowed: &'p [AllowedText],
    /// Packed text, length, code and hash of the allowed texts of at most eight bytes that satisfy every rule as they are.
    packed: Vec<(u64, usize, u8, u64)>,
}

impl<'p> CodeReader<'p> {
    pub(super) fn new(source: &'p SourceColumn, allowed: &'p [AllowedText]) -> Self {
        let packed = (0..).zip(allowed).filter(|(_, allowed)| {
            let text = allowed.text.as_str();
            text.len() <= 8
                && !text.is_empty()
                && allowed.missing_lookups.is_empty()
                && normalise(source.normalisation, text) == text
                && source.max_length.is_none_or(|length| text.len() <= length as usize)
        });
        Self {
            source,
            allowed,
            packed: packed
                .map(|(code, allowed)| (pack(allowed.text.as_bytes()), allowed.text.len(), code, allowed.hash))
                .collect(),
        }
    }
}

impl ValueReader for CodeReader<'_> {
    type Stored = u8;
    const BOOLEAN: Option<Rule> = Some(Rule::NotText);

    #[inline]
    fn fast(&mut self, text: &[u8]) -> Option<(u8, u64)> {
        if text.len() > 8 {
            return None;
        }
        let key = pack(text);
        let found = self
            .packed
            .iter()
            .find(|(packed, length, ..)| *packed == key && *length == text.len());
        found.map(|(.., code, hash)| (*code, *hash))
    }

    fn full(&mut self, text: &str, problems: &mut ProblemRecorder<'_>) -> ReadResult<u8> {
        let text = normalise(self.source.normalisation, text);
        let before = problems.problems.len();
        if text.contains('\0') {
            problems.record(Rule::NulByte);
        }
        if self
            .source
            .max_length
            .is_some_and(|length| text.len() > length as usize)
        {
            problems.record(Rule::TooLong);
        }
        let found = (0..).zip(self.allowed).find(|(_, allowed)| allowed.text == text);
        match found {
            None => problems.record(Rule::NotAllowed),
            Some((_, allowed)) => allowed
                .missing_lookups
                .iter()
                .for_each(|lookup| problems.record_for(Subject::Lookup(*lookup), Rule::Required)),
        }
        let valid = found.filter(|_| problems.problems.len() == before);
        Ok(valid.map(|(code, allowed)| (code, allowed.hash)))
    }
}

/// Reads any other text, which is interned, and protected text, which becomes a token.
pub(super) struct TextReader<'p> {
    pub(super) source: &'p SourceColumn,
    /// Valid values as stored in silver: text found here needs no validation.
    pub(super) pool: &'p mut TextPool,
    pub(super) tokenizer: Option<&'p Tokenizer>,
    pub(super) lookups: &'p [Lookup],
    /// Counts masked values.
    pub(super) masked: &'p mut u64,
}

impl ValueReader for TextReader<'_> {
    type Stored = u32;
    const BOOLEAN: Option<Rule> = Some(Rule::NotText);

    #[inline]
    fn fast(&mut self, text: &[u8]) -> Option<(u32, u64)> {
        // The pool of a protected column holds tokens, which must not validate raw text.
        (self.source.protection == Protection::None)
            .then(|| self.pool.find(text))
            .flatten()
    }

    fn full(&mut self, text: &str, problems: &mut ProblemRecorder<'_>) -> ReadResult<u32> {
        let before = problems.problems.len();
        let mut text = text_value(self.source, text, problems);
        for lookup in missing_lookups(&text, self.lookups, &self.source.lookups) {
            problems.record_for(Subject::Lookup(lookup), Rule::Required);
        }
        let digits = match self.source.protection {
            Protection::CardNumber => match card_number(&text, problems) {
                None => return Ok(None),
                digits => digits,
            },
            Protection::None | Protection::Token => None,
        };
        if self.source.on_personal_data != OnPersonalData::Allow
            && let Cow::Owned(masked) = pii::mask_personal_data(&text)
        {
            if self.source.on_personal_data == OnPersonalData::Quarantine {
                problems.record(Rule::PersonalData);
            }
            *self.masked += 1;
            text = Cow::Owned(masked);
        }
        if problems.problems.len() > before {
            return Ok(None);
        }
        if self.source.protection == Protection::None {
            return Ok(Some(self.pool.intern(text.as_bytes())));
        }
        let tokenizer = self
            .tokenizer
            .ok_or(BrokenInvariant("a plan with a protected column has a tokenizer"))?;
        let Some(digits) = digits else {
            return Ok(Some(self.pool.intern(tokenizer.token(&text).as_bytes())));
        };
        let last_four = digits
            .as_bytes()
            .last_chunk()
            .ok_or(BrokenInvariant("a card number has more than four digits"))?;
        Ok(Some(
            self.pool.intern_card(tokenizer.token(&digits).as_bytes(), *last_four),
        ))
    }
}

/// The digits of a card number, or `None` if it is not one. A violated rule is recorded.
fn card_number(text: &str, problems: &mut ProblemRecorder<'_>) -> Option<String> {
    let Some(digits) = pii::card_digits(text) else {
        problems.record(Rule::NotCardNumber);
        return None;
    };
    if !pii::luhn_is_valid(&digits) {
        problems.record(Rule::Luhn);
    }
    Some(digits)
}

/// The text as stored in silver; violated rules are recorded.
fn text_value<'t>(source: &SourceColumn, text: &'t str, problems: &mut ProblemRecorder<'_>) -> Cow<'t, str> {
    let mut text = normalise(source.normalisation, text);
    if text.contains('\0') {
        problems.record(Rule::NulByte);
    }
    match source.format {
        None => {}
        Some(TextFormat::Email) if values::is_email(&text) => {}
        Some(TextFormat::Email) => problems.record(Rule::NotEmail),
        Some(TextFormat::Uuid) if values::uuid(text.as_bytes()).is_some() => {
            text = Cow::Owned(text.to_ascii_lowercase());
        }
        Some(TextFormat::Uuid) => problems.record(Rule::NotUuid),
    }
    if source.pattern.as_ref().is_some_and(|pattern| !pattern.matches(&text)) {
        problems.record(Rule::Pattern);
    }
    if source.max_length.is_some_and(|length| text.len() > length as usize) {
        problems.record(Rule::TooLong);
    }
    if !source.allowed.is_empty() && !source.allowed.iter().any(|allowed| *allowed == text) {
        problems.record(Rule::NotAllowed);
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

/// Reads the unknown fields, as JSON.
pub(super) struct ExtraReader<'p> {
    pub(super) pool: &'p mut TextPool,
    pub(super) max_length: u32,
}

impl ValueReader for ExtraReader<'_> {
    type Stored = u32;

    #[inline]
    fn fast(&mut self, _: &[u8]) -> Option<(u32, u64)> {
        None
    }

    fn full(&mut self, text: &str, problems: &mut ProblemRecorder<'_>) -> ReadResult<u32> {
        if text.len() > self.max_length as usize {
            problems.record(Rule::TooLong);
            return Ok(None);
        }
        Ok(Some(self.pool.intern(text.as_bytes())))
    }
}
