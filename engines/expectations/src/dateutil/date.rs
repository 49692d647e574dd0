//! Up to three numbers that are year, month and day, in an order that their values and their form tell.

use super::characters::{is_digits, whole};
use super::decimal::Decimal;
use chrono::NaiveDate;

/// Numbers above this one are no days.
const DAYS: i64 = 31;

/// The numbers of a date as they are read.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    values: Vec<i64>,
    /// The place of the one that is known to be the year.
    year: Option<usize>,
    /// The place of the one that was a name.
    month: Option<usize>,
    /// Whether the year has its century.
    century: bool,
}

/// Year, month and day, as far as they are given.
pub(super) type Parts = (Option<i64>, Option<i64>, Option<i64>);

impl Numbers {
    pub(super) const fn count(&self) -> usize {
        self.values.len()
    }

    /// Whether the year is given with its century.
    pub(super) const fn has_century(&self) -> bool {
        self.century
    }

    fn push(&mut self, value: i64, is_year: bool) -> Option<()> {
        if is_year && self.year.replace(self.values.len()).is_some() {
            return None;
        }
        self.values.push(value);
        Some(())
    }

    /// One number as it is written; more than two digits are a year.
    pub(super) fn push_text(&mut self, text: &str, is_year: bool) -> Option<()> {
        let long = is_digits(text) && text.chars().nth(2).is_some();
        self.century |= long;
        self.push(whole(text)?, is_year || long)
    }

    /// One number; above 100 it is a year.
    pub(super) fn push_number(&mut self, number: Decimal) -> Option<()> {
        let large = number.exceeds(100);
        self.century |= large;
        self.push(number.whole, large)
    }

    /// A month by its name.
    pub(super) fn push_month(&mut self, month: i64) -> Option<()> {
        if self.month.replace(self.values.len()).is_some() {
            return None;
        }
        self.values.push(month);
        Some(())
    }

    /// Whether a number can be the day of what is known.
    pub(super) fn could_be_day(&self, number: Decimal) -> bool {
        let value = |place: Option<usize>| place.and_then(|place| self.values.get(place)).copied();
        let last = match (value(self.month), value(self.year)) {
            (None, _) => DAYS,
            // Without a year it may be a leap year.
            (Some(month), year) => days(year.unwrap_or(2000), month),
        };
        number.whole >= 1 && !number.exceeds(last)
    }

    /// Which number is what.
    pub(super) fn resolve(&self) -> Option<Parts> {
        let known = usize::from(self.year.is_some()) + usize::from(self.month.is_some());
        match (self.values.as_slice(), known) {
            ([], _) => Some((None, None, None)),
            (values, 2) if values.len() <= 3 => Some(self.by_place(values)),
            (&[only], 1) => Some(match self.month {
                Some(_) => (None, Some(only), None),
                None => (Some(only), None, None),
            }),
            (&[only], _) if only > DAYS => Some((Some(only), None, None)),
            (&[only], _) => Some((None, None, Some(only))),
            (&[first, second], _) => Some(match self.month {
                Some(place) => {
                    let (month, other) = if place == 0 { (first, second) } else { (second, first) };
                    if other > DAYS {
                        (Some(other), Some(month), None)
                    } else {
                        (None, Some(month), Some(other))
                    }
                }
                None if first > DAYS => (Some(first), Some(second), None),
                None if second > DAYS => (Some(second), Some(first), None),
                None => (None, Some(first), Some(second)),
            }),
            (&[first, second, third], _) => {
                let [year, month, day] = match self.month {
                    Some(0) if second > DAYS => [second, first, third],
                    Some(0) => [third, first, second],
                    Some(1) if first > DAYS => [first, second, third],
                    Some(1) => [third, second, first],
                    Some(_) if second > DAYS => [second, third, first],
                    Some(_) => [first, third, second],
                    None if first > DAYS || self.year == Some(0) => [first, second, third],
                    None if first > 12 => [third, second, first],
                    None => [third, first, second],
                };
                Some((Some(year), Some(month), Some(day)))
            }
            _ => None,
        }
    }

    /// Year and month are known by their places; the day is what is left.
    fn by_place(&self, values: &[i64]) -> Parts {
        let value = |place: Option<usize>| place.and_then(|place| values.get(place)).copied();
        let left = (0..values.len()).find(|place| Some(*place) != self.year && Some(*place) != self.month);
        (value(self.year), value(self.month), value(left))
    }
}

/// The days of a month, of any year.
pub(super) fn days(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The date, if it exists and Python knows its year.
pub(super) fn date(year: i64, month: i64, day: i64) -> Option<NaiveDate> {
    let number = |value: i64| u32::try_from(value).ok();
    let year = i32::try_from(year).ok().filter(|year| (1..=9999).contains(year))?;
    NaiveDate::from_ymd_opt(year, number(month)?, number(day)?)
}
