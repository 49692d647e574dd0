//! Words that have a meaning in dates and times, in any case.

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];
const IGNORED: [&str; 18] = [
    " ", ".", ",", ";", "-", "/", "'", "at", "on", "and", "ad", "m", "t", "of", "st", "nd", "rd", "th",
];

/// A unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Hour,
    Minute,
    Second,
}

/// The place of a name, written out or with three letters.
fn place(names: &[&str], token: &str) -> Option<i64> {
    let token = token.to_lowercase();
    let named = |name: &&str| *name == token || name[..3] == token;
    let place = names.iter().position(named)?;
    i64::try_from(place).ok()
}

/// The number of a month, from 1.
pub(super) fn month(token: &str) -> Option<i64> {
    if token.eq_ignore_ascii_case("sept") {
        return Some(9);
    }
    place(&MONTHS, token).map(|place| place + 1)
}

/// The number of a day of the week, from Monday, which is 0.
pub(super) fn weekday(token: &str) -> Option<i64> {
    place(&WEEKDAYS, token)
}

pub(super) fn unit(token: &str) -> Option<Unit> {
    match token.to_lowercase().as_str() {
        "h" | "hour" | "hours" => Some(Unit::Hour),
        "m" | "minute" | "minutes" => Some(Unit::Minute),
        "s" | "second" | "seconds" => Some(Unit::Second),
        _ => None,
    }
}

/// Whether it is after noon.
pub(super) fn afternoon(token: &str) -> Option<bool> {
    match token.to_lowercase().as_str() {
        "am" | "a" => Some(false),
        "pm" | "p" => Some(true),
        _ => None,
    }
}

/// Whether it only separates others.
pub(super) fn is_ignored(token: &str) -> bool {
    IGNORED.contains(&token.to_lowercase().as_str())
}

/// Whether it is between a month and its year.
pub(super) fn is_of(token: &str) -> bool {
    token.eq_ignore_ascii_case("of")
}

/// Whether it names universal time.
pub(super) fn is_utc(token: &str) -> bool {
    matches!(token.to_lowercase().as_str(), "utc" | "gmt" | "z")
}

/// Whether it has the form of a time zone's name.
pub(super) fn is_zone(token: &str) -> bool {
    token == "z" || (token.len() <= 5 && token.bytes().all(|letter| letter.is_ascii_uppercase()))
}
