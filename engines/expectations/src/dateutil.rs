//! Dates and times in any of the forms that `dateutil.parser.parse` of Python accepts, with its defaults: months before days
//! where both are possible, nothing skipped, what is missing taken from today.

mod characters;
mod date;
mod decimal;
mod moment;
mod tokens;
mod words;

use chrono::NaiveDate;

/// Whether the text is a date, a time, or both.
pub(crate) fn is_parseable(text: &str, today: NaiveDate) -> bool {
    moment::read(tokens::split(text), today).is_some_and(|moment| moment.exists(today))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_by_dateutil() {
        let today = NaiveDate::from_ymd_opt(2026, 11, 30).unwrap();
        for text in [
            "2026-01-31",
            "20260131",
            "260131",
            "20260131T235959.5",
            "31/12/99",
            "Jan 5, 2026",
            "5th of January 2026 at 10:30 am",
            "Sat",
            "10h30m5.5s",
            "10:30:00 EST",
            "10:30 GMT+3",
            "2026-01-31 10:30:00.123456 +0900 (KST)",
            "Jan of 05",
            "99-Jan-1",
            "Feb",
            "٢٠٢٦-01-01",
            "12.5",
            "1",
            "Sep.20.2009",
            "12 am",
            "\t2026\0-01-01",
            "0:01",
        ] {
            assert!(is_parseable(text, today), "{text}");
        }
        for text in [
            "",
            " ",
            "2026-02-30",
            "2026-13-13",
            "24:00",
            "10:60",
            "Feb 29 2025",
            "tomorrow",
            "nan",
            "infinity",
            "10:00 EST EST",
            "am",
            "13:00 pm",
            "1²",
            "1/2/3/4",
            "100 years",
            "0000-01-01",
            "10:00 +99999999999999:00",
            "2026-01-31+",
            "Dec 31 9999 25:00",
        ] {
            assert!(!is_parseable(text, today), "{text}");
        }
        // What is missing is that of today.
        assert!(!is_parseable("Feb 29", today));
        assert!(is_parseable("Feb 29", NaiveDate::from_ymd_opt(2028, 1, 1).unwrap()));
    }
}
