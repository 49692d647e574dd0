//! Personal data where no column of it is expected: in free text, and by the names of unknown fields.
//!
//! By pattern, so neither complete nor free of false findings. What is found costs nothing to mask, as bronze keeps the raw value;
//! what is missed is in silver in the clear. So in doubt it is personal.

use super::{MASK, mask_card_numbers};
use serde_json::Value;
use std::borrow::Cow;

/// Replaces card numbers, track data, e-mail addresses and telephone numbers in a text with [`MASK`].
///
/// A telephone number is told by its form: an international one (`+82 10-1234-5678`), or groups of a national one between
/// punctuation (`010-1234-5678`, `(415) 555-2671`). A row of digits alone is none.
#[must_use]
pub fn mask_personal_data(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    let mut masked = Cow::Borrowed(text);
    if digits >= FEWEST_CARD_DIGITS {
        masked = mask_card_numbers(text);
    }
    if bytes.contains(&b'@') {
        masked = replaced(masked, email_address);
    }
    if digits >= FEWEST_TELEPHONE_DIGITS {
        masked = replaced(masked, telephone_number);
    }
    masked
}

/// Whether a field holds personal data by its name, in whatever style it is written: `fullName`, `Phone_Number`.
#[must_use]
pub fn names_personal_data(name: &str) -> bool {
    let words = words(name);
    let has = |word: &str| words.iter().any(|found| found == word);
    let joined = words.concat();
    let of_person = |word: &str| matches!(word, "address" | "name" | "number" | "no" | "id");
    WORDS.iter().any(|word| has(word))
        || NAMES.contains(&joined.as_str())
        || words.windows(2).any(|pair| {
            let [first, second] = pair else { return false };
            PERSONS.contains(&first.as_str()) && of_person(second) && !(first == "customer" && second == "id")
        })
        || (has("address") && !words.iter().any(|word| MACHINES.contains(&word.as_str())))
}

/// Whether a JSON value holds personal data: in a text or number of it, or in a field by its name.
#[must_use]
pub fn json_has_personal_data(json: &str) -> bool {
    let is_plain = !json.contains(['{', '[', '\\']);
    match serde_json::from_str(json) {
        Ok(value) if !is_plain => value_has_personal_data(&value),
        _ => matches!(mask_personal_data(json), Cow::Owned(_)),
    }
}

fn value_has_personal_data(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::Number(number) => matches!(mask_card_numbers(&number.to_string()), Cow::Owned(_)),
        Value::String(text) => matches!(mask_personal_data(text), Cow::Owned(_)),
        Value::Array(values) => values.iter().any(value_has_personal_data),
        Value::Object(fields) => fields.iter().any(|(name, value)| {
            let is_named = names_personal_data(name) && !value.is_null();
            is_named || matches!(mask_personal_data(name), Cow::Owned(_)) || value_has_personal_data(value)
        }),
    }
}

/// Words that name personal data wherever they stand in a name.
const WORDS: [&str; 19] = [
    "birthday",
    "cvc",
    "cvv",
    "dob",
    "email",
    "fax",
    "firstname",
    "fullname",
    "iban",
    "lastname",
    "msisdn",
    "pan",
    "passport",
    "password",
    "phone",
    "ssn",
    "surname",
    "telephone",
    "track2",
];

/// Names that are personal data as a whole, without punctuation.
const NAMES: [&str; 22] = [
    "accountnumber",
    "birthdate",
    "cardno",
    "cardnum",
    "cardnumber",
    "cell",
    "cvv2",
    "dateofbirth",
    "email",
    "emailaddress",
    "familyname",
    "forename",
    "givenname",
    "maidenname",
    "middlename",
    "mobile",
    "mobileno",
    "mobilenumber",
    "nationalid",
    "phonenumber",
    "socialsecuritynumber",
    "track1",
];

/// Who is named by the word after: `cardholder name`.
const PERSONS: [&str; 9] = [
    "cardholder",
    "client",
    "customer",
    "family",
    "first",
    "full",
    "holder",
    "last",
    "user",
];

/// Addresses of these are no personal data.
const MACHINES: [&str; 7] = ["contract", "ip", "ipv4", "ipv6", "mac", "memory", "web"];

/// The words of a name, in lower case: by punctuation, and where a capital letter follows a small one.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for character in name.chars() {
        if !character.is_alphanumeric() || (was_lower && character.is_uppercase()) {
            words.push(String::new());
        }
        was_lower = character.is_lowercase();
        if let Some(word) = words.last_mut().filter(|_| character.is_alphanumeric()) {
            word.extend(character.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Fewest digits of a text with a card number.
const FEWEST_CARD_DIGITS: usize = 13;
/// Fewest digits of a telephone number, and the most (ITU-T E.164).
const FEWEST_TELEPHONE_DIGITS: usize = 8;
const MOST_TELEPHONE_DIGITS: usize = 15;

/// Finds the next range of a text, from a position on.
type Find = fn(&[u8], usize) -> Option<(usize, usize)>;

/// Masks every range that is found.
fn replaced(text: Cow<'_, str>, find: Find) -> Cow<'_, str> {
    let mut masked = String::new();
    let (mut copied, mut position) = (0, 0);
    while let Some((start, end)) = find(text.as_bytes(), position) {
        masked.push_str(text.get(copied..start).unwrap_or_default());
        masked.push_str(MASK);
        (copied, position) = (end, end);
    }
    if copied == 0 {
        return text;
    }
    masked.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(masked)
}

/// The next e-mail address: something before an `@`, and behind it a name with a dot whose last part has two letters or more.
fn email_address(text: &[u8], position: usize) -> Option<(usize, usize)> {
    let is_local = |byte: &u8| byte.is_ascii_alphanumeric() || b"._%+-'".contains(byte) || !byte.is_ascii();
    let is_domain = |byte: &u8| byte.is_ascii_alphanumeric() || b".-".contains(byte) || !byte.is_ascii();
    let mut at = position;
    loop {
        at += text.get(at..)?.iter().position(|byte| *byte == b'@')?;
        let before = text
            .get(position..at)?
            .iter()
            .rev()
            .take_while(|byte| is_local(byte))
            .count();
        let behind = text.get(at + 1..)?.iter().take_while(|byte| is_domain(byte)).count();
        let domain = text.get(at + 1..at + 1 + behind)?.trim_ascii_end();
        let domain = domain.strip_suffix(b".").unwrap_or(domain);
        let last = domain.rsplit(|byte| *byte == b'.').next()?;
        let has_dot = last.len() < domain.len();
        if before > 0 && has_dot && last.len() >= 2 && !last.iter().any(u8::is_ascii_digit) {
            return Some((at - before, at + 1 + domain.len()));
        }
        at += 1;
    }
}

/// The next telephone number.
fn telephone_number(text: &[u8], position: usize) -> Option<(usize, usize)> {
    let mut start = position;
    loop {
        let begins = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'(');
        start += text.get(start..)?.iter().position(begins)?;
        let is_inside = start
            .checked_sub(1)
            .and_then(|before| text.get(before))
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b':'));
        let end = telephone_end(text, start);
        let groups = digit_groups(text.get(start..end)?);
        let digits: usize = groups.iter().sum();
        let is_international = text.get(start) == Some(&b'+');
        let is_national = matches!(groups.as_slice(), [2..=4, 3..=4, 4]);
        let ends = text
            .get(end)
            .is_none_or(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'_' | b'/' | b':'));
        let length = FEWEST_TELEPHONE_DIGITS..=MOST_TELEPHONE_DIGITS;
        if !is_inside && ends && length.contains(&digits) && (is_international || is_national) {
            return Some((start, end));
        }
        start = end.max(start + 1);
    }
}

/// End of digits with single separators between them, from a digit, `+` or `(` on.
fn telephone_end(text: &[u8], start: usize) -> usize {
    let mut end = start;
    let mut last_digit = start;
    let mut separators = 0;
    while let Some(byte) = text.get(end) {
        match byte {
            b'0'..=b'9' => (separators, last_digit) = (0, end + 1),
            b'+' if end == start => {}
            b' ' | b'-' | b'.' | b'(' | b')' if separators < 2 => separators += 1,
            _ => break,
        }
        end += 1;
    }
    last_digit
}

fn digit_groups(text: &[u8]) -> Vec<usize> {
    let groups = text.split(|byte| !byte.is_ascii_digit()).map(<[u8]>::len);
    groups.filter(|length| *length > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_free_text_is_masked() {
        for (text, masked) in [
            ("paid with 4111111111111111 twice", "paid with *** twice"),
            ("4111-1111-1111-1111", "***"),
            ("4111.1111.1111.1111", "***"),
            ("4111 1111 1111 1111,5105105105105100", "***,***"),
            ("%B4111111111111111^DOE/JOHN^2512101?", "%B***"),
            (";4111111111111111=25121010000000000000?", ";***"),
            ("4111111111111111D25121010000", "***"),
            ("write to kim.minsu+cards@example.co.kr, please", "write to ***, please"),
            ("call +82 10-1234-5678 or 010-1234-5678.", "call *** or ***."),
            ("(415) 555-2671", "***"),
            ("a@b.io b@c.io", "*** ***"),
        ] {
            assert_eq!(mask_personal_data(text), masked, "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_it_stays() {
        for text in [
            "",
            "CAFE 24, SEOUL",
            "4111111111111112",
            "order 20260115-000123",
            "2026-01-15 10:00:00",
            "2026-01-15T10:00:00+09:00",
            "192.168.100.200",
            "7f9c0a52-1111-4222-8333-944455556666",
            "v1.2.3-4567",
            "@home",
            "a@b",
            "user@localhost:8080",
            "MER0001",
            "+1",
            "12345678",
            "1,234,567.89",
            "MCC 5411/5812/5999",
            "+10% of 12345678",
        ] {
            assert_eq!(mask_personal_data(text), text);
        }
    }

    #[test]
    fn names_of_personal_data_are_known_in_every_style() {
        for name in [
            "email",
            "E-Mail",
            "customerEmail",
            "full_name",
            "fullName",
            "Phone_Number",
            "phone",
            "cardholder name",
            "CardHolderName",
            "date-of-birth",
            "birthDate",
            "SSN",
            "billing_address",
            "mobile",
            "Mobile-No",
            "PAN",
            "card_number",
            "iban",
            "last name",
        ] {
            assert!(names_personal_data(name), "{name}");
        }
        for name in [
            "memo",
            "amount",
            "merchant_name",
            "customer_id",
            "ip_address",
            "mobile_app_version",
            "panel",
            "company",
            "loyalty_points",
            "device",
            "channel",
            "username_hash_version",
            "expansion",
            "",
            "-",
        ] {
            assert!(!names_personal_data(name), "{name}");
        }
    }

    #[test]
    fn json_is_looked_through() {
        for json in [
            r#"{"email":"x"}"#,
            r#"{"a":[{"b":"kim@example.com"}]}"#,
            r#""kim\u0040example.com""#,
            "4111111111111111",
            r#"{"4111111111111111":1}"#,
            r#"[{"full_name":"Kim"}]"#,
        ] {
            assert!(json_has_personal_data(json), "{json}");
        }
        for json in [
            r#"{"email":null}"#,
            "12",
            r#""text""#,
            r#"{"a":{"b":[1,true,null]}}"#,
            "{not json",
        ] {
            assert!(!json_has_personal_data(json), "{json}");
        }
    }
}
