//! Timestamps as `Choice` and `Wait` read them.

use chrono::DateTime;

/// A timestamp of RFC 3339 with `T` and, for UTC, `Z` in capitals.
pub(crate) fn timestamp(text: &str) -> Option<DateTime<chrono::FixedOffset>> {
    let strict = text.as_bytes().get(10) == Some(&b'T') && !text.ends_with('z');
    if strict {
        DateTime::parse_from_rfc3339(text).ok()
    } else {
        None
    }
}
