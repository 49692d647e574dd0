//! Personal data: keyed tokens, and validation of card numbers.
//!
//! A token is `v<version>_` and the HMAC-SHA-256 of the value in URL-safe base64 without padding (43 characters). The same value
//! yields the same token in every dataset, so tokens can be joined on; the prefix identifies the key. Keys come from one secret,
//! `{"current":"2","keys":{"1":"<base64>","2":"<base64>"}}`. To rotate, add a key and make it `current`; keep the older ones, so
//! that old tokens can be recomputed. Errors and logs contain neither values nor keys.

mod personal;

pub use personal::{json_has_personal_data, mask_personal_data, names_personal_data};

use crate::error::{ErrorKind, StageError};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Minimum key length in bytes: the size of the hash, as recommended for HMAC.
pub const MINIMUM_KEY_BYTES: usize = 32;

/// The secret is not a valid document of token keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the secret with the token keys is wrong: {problem}; it has to be {{\"current\":\"1\",\"keys\":{{\"1\":\"<base64>\"}}}}"
)]
pub struct MalformedTokenKeys {
    /// Problem, without any part of the secret.
    pub problem: &'static str,
}

impl StageError for MalformedTokenKeys {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Configuration
    }
}

/// The stored secret.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenKeys {
    current: String,
    keys: BTreeMap<String, String>,
}

/// Computes tokens with the current key.
#[derive(Clone)]
pub struct Tokenizer {
    version: String,
    /// Initialised with the key, so that a token costs two hash blocks and no key schedule.
    mac: Hmac<Sha256>,
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl Tokenizer {
    /// Parses the secret.
    ///
    /// # Errors
    /// The document is invalid, or the current key is missing, not base64 or shorter than [`MINIMUM_KEY_BYTES`].
    pub fn from_secret(text: &str) -> Result<Self, MalformedTokenKeys> {
        let malformed = |problem| MalformedTokenKeys { problem };
        // The parser's own message could quote the secret.
        let secret: TokenKeys = serde_json::from_str(text).map_err(|_| malformed("it is not such a JSON document"))?;
        let key = secret
            .keys
            .get(&secret.current)
            .ok_or_else(|| malformed("`keys` has no entry for `current`"))?;
        if secret.current.is_empty() || !secret.current.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(malformed("`current` is not made of letters and digits"));
        }
        let key = STANDARD
            .decode(key.trim())
            .map_err(|_| malformed("the current key is not base64"))?;
        if key.len() < MINIMUM_KEY_BYTES {
            return Err(malformed("the current key has fewer than 32 bytes"));
        }
        let mac = Hmac::new_from_slice(&key).map_err(|_| malformed("the current key has an unusable length"))?;
        Ok(Self {
            version: secret.current,
            mac,
        })
    }

    /// Version of the current key.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The token of a value.
    #[must_use]
    pub fn token(&self, value: &str) -> String {
        let mut mac = self.mac.clone();
        mac.update(value.as_bytes());
        let mut token = String::with_capacity(2 + self.version.len() + 43);
        token.push('v');
        token.push_str(&self.version);
        token.push('_');
        URL_SAFE_NO_PAD.encode_string(mac.finalize().into_bytes(), &mut token);
        token
    }
}

/// Digits of a card number without spaces and hyphens; `None` if there is any other character, or not 12 to 19 digits
/// (ISO/IEC 7812).
#[must_use]
pub fn card_digits(text: &str) -> Option<String> {
    let mut digits = String::with_capacity(19);
    for character in text.chars() {
        match character {
            '0'..='9' if digits.len() < 19 => digits.push(character),
            ' ' | '-' => {}
            _ => return None,
        }
    }
    (digits.len() >= 12).then_some(digits)
}

/// Whether the Luhn check digit is valid (ISO/IEC 7812-1, annex B). Text with other characters than digits is invalid.
#[must_use]
pub fn luhn_is_valid(digits: &str) -> bool {
    let mut sum = 0;
    for (place, byte) in digits.bytes().rev().enumerate() {
        if !byte.is_ascii_digit() {
            return false;
        }
        let digit = u32::from(byte - b'0');
        sum += match (place % 2, digit) {
            (0, digit) => digit,
            (_, digit @ 0..=4) => digit * 2,
            (_, digit) => digit * 2 - 9,
        };
    }
    !digits.is_empty() && sum % 10 == 0
}

/// The last four digits, which may be shown; `None` if there are fewer.
#[must_use]
pub fn last_four(digits: &str) -> Option<&str> {
    digits.len().checked_sub(4).and_then(|start| digits.get(start..))
}

/// Replacement of a masked value.
pub const MASK: &str = "***";

/// Replaces everything in a text that looks like a card number with [`MASK`]: 13 to 19 digits, optionally separated by single
/// spaces, hyphens or dots, not part of a longer word, with the prefix of a card scheme and a valid check digit. With it goes what
/// follows on the track of a magnetic stripe (ISO/IEC 7813): name and expiry.
#[must_use]
pub fn mask_card_numbers(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let (mut masked, mut copied, mut position) = (String::new(), 0, 0);
    while let Some(found) = bytes.iter().skip(position).position(u8::is_ascii_digit) {
        let start = position + found;
        let group = bytes
            .iter()
            .skip(start)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        // All adjacent groups of digits, or only the first ones: two card numbers may be adjacent.
        let end = [digits_end(bytes, start), start + group]
            .into_iter()
            .find(|end| stands_alone(text, start, *end));
        let end = end.map(|end| track_end(bytes, end));
        position = end.unwrap_or(start + group);
        if let Some(end) = end {
            masked.push_str(text.get(copied..start).unwrap_or_default());
            masked.push_str(MASK);
            copied = end;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    masked.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(masked)
}

/// Whether a range of a text is a card number and not part of a longer word. On a track it has neighbours: `%B4…^`, `;4…=` or `4…D`.
fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let joins = |neighbour: Option<char>| neighbour.is_some_and(|c| c.is_alphanumeric() || c == '_');
    match (text.get(..start), text.get(start..end), text.get(end..)) {
        (Some(before), Some(run), Some(after)) => {
            let begins = !joins(before.chars().next_back()) || (before.ends_with("%B") && after.starts_with('^'));
            let ends = !joins(after.chars().next()) || track_end(text.as_bytes(), end) > end;
            begins && ends && is_card_number(run)
        }
        _ => false,
    }
}

/// End of the track data that follow a card number; `end` itself if none do.
fn track_end(text: &[u8], end: usize) -> usize {
    let rest = text.get(end..).unwrap_or_default();
    let length = match rest {
        [b'^', ..] => rest
            .iter()
            .position(|byte| *byte == b'?')
            .map_or(rest.len(), |at| at + 1),
        [b'=' | b'D', digits @ ..] => {
            let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let sentinel = usize::from(digits.get(count) == Some(&b'?'));
            // At least the expiry: two digits of the year, two of the month.
            if count < 4 { 0 } else { 1 + count + sentinel }
        }
        _ => 0,
    };
    end + length
}

/// End of the digits that start at `start`, including single spaces, hyphens and dots between them.
fn digits_end(bytes: &[u8], start: usize) -> usize {
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut end = start + 1;
    loop {
        end += match bytes.get(end) {
            Some(b'0'..=b'9') => 1,
            Some(b' ' | b'-' | b'.') if is_digit(end + 1) => 2,
            _ => return end,
        };
    }
}

/// Whether digits are a card number: length and prefix of a large scheme (ISO/IEC 7812).
fn is_card_number(run: &str) -> bool {
    let Some(digits) = card_digits(&run.replace('.', "")) else {
        return false;
    };
    let prefix = |length: usize| {
        digits
            .get(..length)
            .and_then(|text| text.parse::<u32>().ok())
            .unwrap_or(0)
    };
    let scheme = match digits.len() {
        13 => prefix(1) == 4,
        14 => matches!(prefix(2), 30 | 36 | 38 | 39),
        15 => matches!(prefix(2), 34 | 37),
        16 => {
            matches!(prefix(2), 35 | 40..=49 | 51..=55 | 60 | 62 | 64 | 65 | 94) || (2221..=2720).contains(&prefix(4))
        }
        17..=19 => matches!(prefix(2), 35 | 40..=49 | 50 | 56..=69),
        _ => false,
    };
    scheme && luhn_is_valid(&digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 32 bytes of 0x0b.
    const SECRET: &str = r#"{"current":"1","keys":{"1":"CwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCws="}}"#;

    #[test]
    fn a_token_is_the_hmac_under_the_named_key() {
        let tokenizer = Tokenizer::from_secret(SECRET).unwrap();
        assert_eq!(
            tokenizer.token("Hi There"),
            "v1_GYpgfrRL-8aZA6Dxzyu9xboKo_PZrjwcejsWlqC2jPc"
        );
    }

    #[test]
    fn the_hmac_agrees_with_rfc_4231() {
        // Test case 6: a key of 131 bytes 0xaa.
        let key = STANDARD.encode([0xaa; 131]);
        let tokenizer = Tokenizer::from_secret(&format!(r#"{{"current":"1","keys":{{"1":"{key}"}}}}"#)).unwrap();
        let token = tokenizer.token("Test Using Larger Than Block-Size Key - Hash Key First");
        let digest = URL_SAFE_NO_PAD.decode(&token["v1_".len()..]).unwrap();
        assert_eq!(
            hex::encode(digest),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn rotation_changes_the_version_and_the_token() {
        let rotated = SECRET.replace(r#""current":"1""#, r#""current":"2""#).replace(
            r#""keys":{"#,
            r#""keys":{"2":"DAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw=","#,
        );
        let (old, new) = (
            Tokenizer::from_secret(SECRET).unwrap(),
            Tokenizer::from_secret(&rotated).unwrap(),
        );
        assert_eq!(new.version(), "2");
        assert!(new.token("x").starts_with("v2_"));
        assert_ne!(old.token("x")[3..], new.token("x")[3..]);
    }

    #[test]
    fn a_wrong_secret_is_refused_without_being_quoted() {
        for secret in [
            "swordfish",
            r#"{"current":"swordfish","keys":{}}"#,
            r#"{"current":"1","keys":{"1":"swordfish!"}}"#,
            r#"{"current":"1","keys":{"1":"c3dvcmRmaXNo"}}"#,
            r#"{"current":"1","keys":{"1":"swordfish"},"swordfish":1}"#,
        ] {
            let error = Tokenizer::from_secret(secret).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(!error.to_string().contains("swordfish"), "{error}");
        }
    }

    #[test]
    fn the_debug_form_shows_no_key() {
        let text = format!("{:?}", Tokenizer::from_secret(SECRET).unwrap());
        assert_eq!(text, r#"Tokenizer { version: "1", .. }"#);
    }

    #[test]
    fn the_luhn_check_finds_a_wrong_digit() {
        for good in [
            "4111111111111111",
            "5555555555554444",
            "378282246310005",
            "6011000990139424",
        ] {
            assert!(luhn_is_valid(good), "{good}");
            let wrong = format!(
                "{}{}",
                &good[..good.len() - 1],
                (good.as_bytes()[good.len() - 1] - b'0' + 1) % 10
            );
            assert!(!luhn_is_valid(&wrong), "{wrong}");
        }
        assert!(!luhn_is_valid(""));
        assert!(!luhn_is_valid("4111x"));
    }

    #[test]
    fn card_numbers_in_a_text_are_masked() {
        let check = |text: &str, masked: &str| assert_eq!(mask_card_numbers(text), masked);
        check("pan=4111111111111111;", "pan=***;");
        check("4111 1111-1111 1111,3782 822463 10005", "***,***");
        check("{\"n\":5555555555554444}", "{\"n\":***}");
        check("한4111111111111111 4111111111111111", "한4111111111111111 ***");
        // Wrong check digit, part of a word, of a UUID or of a longer number, no card scheme, a timestamp.
        for other in [
            "4111111111111112",
            "x4111111111111111",
            "4111111111111111_1",
            "00000000-0000-4000-8000-000000000001",
            "41111111111111114111111111111111",
            "1111111111111117",
            "2026-01-15 10:00:00",
            "",
            "4111--1111111111111",
        ] {
            check(other, other);
        }
    }

    #[test]
    fn card_digits_takes_the_written_forms() {
        assert_eq!(card_digits("4111-1111 1111-1111").as_deref(), Some("4111111111111111"));
        assert_eq!(card_digits("4111"), None);
        assert_eq!(card_digits("41111111111111111111"), None);
        assert_eq!(card_digits("4111_1111_1111_1111"), None);
        assert_eq!(last_four("4111111111111234"), Some("1234"));
        assert_eq!(last_four("123"), None);
    }
}
