//! Conversions between dates, day numbers and text.

use chrono::{Datelike, NaiveDate};

/// Days since 1970-01-01.
pub(crate) const fn day_number(date: NaiveDate) -> i32 {
    date.to_epoch_days()
}

/// The date of a day number. Options restrict days to the years 1971 to 2999 and rows stay within a few years of them, so
/// the fallback is never taken.
pub(crate) fn date(day: i32) -> NaiveDate {
    NaiveDate::from_epoch_days(day).unwrap_or(NaiveDate::MIN)
}

/// `YYYY-MM-DD`.
pub(crate) fn date_text(day: i32) -> [u8; 10] {
    let date = date(day);
    let (year, month, day) = (date.year().unsigned_abs(), date.month(), date.day());
    let digit = |value: u32| b'0' + (value % 10) as u8;
    [
        digit(year / 1000),
        digit(year / 100),
        digit(year / 10),
        digit(year),
        b'-',
        digit(month / 10),
        digit(month),
        b'-',
        digit(day / 10),
        digit(day),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_dates_and_texts_agree() {
        for text in ["1970-01-01", "1999-12-31", "2024-02-29", "2026-01-15", "2999-12-31"] {
            let day: NaiveDate = text.parse().unwrap();
            assert_eq!(date(day_number(day)), day);
            assert_eq!(date_text(day_number(day)), *text.as_bytes());
        }
    }
}
