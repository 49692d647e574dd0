//! The parts of a date and time, read token by token.

use super::characters::{is_digits, whole};
use super::date::{Numbers, date, days};
use super::decimal::{Decimal, seconds};
use super::words::{Unit, afternoon, is_ignored, is_of, is_utc, is_zone, month, unit, weekday};
use chrono::{Datelike, Days, NaiveDate};

/// Most days of an offset from universal time.
const OFFSET_DAYS: i128 = 999_999_999;

/// What is known of a moment.
#[derive(Debug, Default)]
pub(super) struct Moment {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    weekday: Option<i64>,
    hour: Option<i64>,
    minute: Option<i64>,
    second: Option<i64>,
    microsecond: Option<i64>,
    zone: Option<String>,
    /// Seconds from universal time.
    offset: Option<i128>,
}

impl Moment {
    /// Whether something is known, and it is a moment. What is missing is that of today.
    pub(super) fn exists(&self, today: NaiveDate) -> bool {
        let numbers = [
            self.year,
            self.month,
            self.day,
            self.weekday,
            self.hour,
            self.minute,
            self.second,
        ];
        if numbers.iter().all(Option::is_none) && self.zone.is_none() && self.offset.is_none() {
            return false;
        }
        let (year, month) = (
            self.year.unwrap_or_else(|| today.year().into()),
            self.month.unwrap_or_else(|| today.month().into()),
        );
        let last = || i64::from(today.day()).min(days(year, month));
        let Some(date) = date(year, month, self.day.unwrap_or_else(last)) else {
            return false;
        };
        let within = |part: Option<i64>, end: i64| part.is_none_or(|part| part < end);
        let known = within(self.hour, 24)
            && within(self.minute, 60)
            && within(self.second, 60)
            && within(self.microsecond, 1_000_000);
        let offset = self.offset.filter(|_| !self.zone.as_deref().is_some_and(is_utc));
        let near = offset.is_none_or(|offset| offset.div_euclid(86_400).abs() <= OFFSET_DAYS);
        let falls_on = match self.weekday {
            Some(weekday) if self.day.is_none() => {
                let ahead = (weekday - i64::from(date.weekday().num_days_from_monday())).rem_euclid(7);
                date.checked_add_days(Days::new(ahead.unsigned_abs()))
                    .is_some_and(|date| date.year() <= 9999)
            }
            _ => true,
        };
        known && near && falls_on
    }
}

/// Reads tokens; `None` if one has no meaning where it stands.
pub(super) fn read(tokens: Vec<String>, today: NaiveDate) -> Option<Moment> {
    let mut reader = Reader {
        tokens,
        today,
        date: Numbers::default(),
        moment: Moment::default(),
    };
    let mut at = 0;
    while at < reader.tokens.len() {
        at = reader.token(at)? + 1;
    }
    let (year, month, day) = reader.date.resolve()?;
    let mut moment = reader.moment;
    moment.year = year.map(|year| full_year(year, reader.date.has_century(), today));
    (moment.month, moment.day) = (month, day);
    Some(moment)
}

/// A year of two digits is one within 50 years.
fn full_year(year: i64, has_century: bool, today: NaiveDate) -> i64 {
    let current = i64::from(today.year());
    if year >= 100 || has_century {
        return year;
    }
    let year = year + current / 100 * 100;
    if year >= current + 50 {
        year - 100
    } else if year < current - 50 {
        year + 100
    } else {
        year
    }
}

struct Reader {
    tokens: Vec<String>,
    today: NaiveDate,
    date: Numbers,
    moment: Moment,
}

impl Reader {
    fn get(&self, at: usize) -> Option<&str> {
        self.tokens.get(at).map(String::as_str)
    }

    fn is(&self, at: usize, token: &str) -> bool {
        self.get(at) == Some(token)
    }

    /// Whether a time zone may be named here.
    fn awaits_zone(&self, name: &str) -> bool {
        self.moment.hour.is_some() && self.moment.zone.is_none() && is_zone(name)
    }

    /// Reads the token at a place, and those that belong to it; returns the place of the last one.
    fn token(&mut self, at: usize) -> Option<usize> {
        let token = self.get(at)?.to_owned();
        if matches!(token.to_lowercase().as_str(), "nan" | "inf" | "infinity") {
            // Numbers to Python, but none of a date.
            return None;
        }
        if let Some(number) = Decimal::read(&token) {
            return self.number(at, &token, number);
        }
        if let Some(weekday) = weekday(&token) {
            self.moment.weekday = Some(weekday);
            return Some(at);
        }
        if let Some(month) = month(&token) {
            return self.month(at, month);
        }
        if let Some(afternoon) = afternoon(&token) {
            let hour = self.moment.hour.filter(|hour| (0..=12).contains(hour))?;
            self.moment.hour = Some(on_24(hour, afternoon));
            return Some(at);
        }
        if self.moment.offset.is_none() && self.awaits_zone(&token) {
            self.zone(at, token);
            return Some(at);
        }
        if self.moment.hour.is_some() && matches!(token.as_str(), "+" | "-") {
            return self.offset(at, token == "+");
        }
        is_ignored(&token).then_some(at)
    }

    /// A month by its name, with what follows it: `Jan-01-99`, `Jan of 01`.
    fn month(&mut self, at: usize, month: i64) -> Option<usize> {
        self.date.push_month(month)?;
        if let Some(separator @ ("-" | "/")) = self.get(at + 1) {
            let separator = separator.to_owned();
            let number = self.get(at + 2)?.to_owned();
            self.date.push_text(&number, false)?;
            if self.is(at + 3, &separator) {
                let number = self.get(at + 4)?.to_owned();
                self.date.push_text(&number, false)?;
                return Some(at + 4);
            }
            return Some(at + 2);
        }
        if let Some(year) = self.get(at + 4)
            && self.is(at + 1, " ")
            && self.is(at + 3, " ")
            && self.get(at + 2).is_some_and(is_of)
        {
            if is_digits(year) {
                let year = full_year(whole(year)?, false, self.today);
                self.date.push_text(&year.to_string(), true)?;
            }
            return Some(at + 4);
        }
        Some(at)
    }

    /// The name of a time zone. A sign after it has the opposite meaning: GMT+3 is three hours after GMT.
    fn zone(&mut self, at: usize, name: String) {
        // Only the small letter is known to have no offset.
        self.moment.offset = (name == "z").then_some(0);
        let opposite = match self.get(at + 1) {
            Some("+") => Some("-"),
            Some("-") => Some("+"),
            _ => None,
        };
        let is_utc = is_utc(&name);
        self.moment.zone = Some(name);
        if let Some(opposite) = opposite {
            opposite.clone_into(&mut self.tokens[at + 1]);
            self.moment.offset = None;
            if is_utc {
                self.moment.zone = None;
            }
        }
    }

    /// An offset from universal time: `-0300`, `-03:00`, `-3`, with the name of a zone in parentheses.
    fn offset(&mut self, mut at: usize, east: bool) -> Option<usize> {
        let digits = self.get(at + 1)?;
        let length = digits.chars().count();
        let (hours, minutes) = if length == 4 {
            let (hours, minutes) = halves(digits, 2);
            (whole(hours)?, whole(minutes)?)
        } else if self.is(at + 2, ":") {
            let parts = (whole(digits)?, whole(self.get(at + 3)?)?);
            at += 2;
            parts
        } else if length <= 2 {
            (whole(digits)?, 0)
        } else {
            return None;
        };
        let seconds = i128::from(hours) * 3600 + i128::from(minutes) * 60;
        self.moment.offset = Some(if east { seconds } else { -seconds });
        if let Some(name) = self.get(at + 4)
            && self.get(at + 2).is_some_and(is_ignored)
            && self.is(at + 3, "(")
            && self.is(at + 5, ")")
            && name.chars().nth(2).is_some()
            && self.awaits_zone(name)
        {
            self.moment.zone = Some(name.to_owned());
            at += 4;
        }
        Some(at + 1)
    }

    /// A number, with what tells its meaning.
    fn number(&mut self, at: usize, text: &str, number: Decimal) -> Option<usize> {
        let length = text.chars().count();
        let next = self.get(at + 1);
        let is_time = self.date.count() == 3 && self.moment.hour.is_none();
        if is_time && matches!(length, 2 | 4) && next.is_none_or(|next| next != ":" && unit(next).is_none()) {
            let (hour, minute) = halves(text, 2);
            self.moment.hour = Some(whole(hour)?);
            if length == 4 {
                self.moment.minute = Some(whole(minute)?);
            }
            return Some(at);
        }
        if length == 6 || (length > 6 && text.chars().position(|digit| digit == '.') == Some(6)) {
            return self.six_digits(text).map(|()| at);
        }
        if matches!(length, 8 | 12 | 14) {
            return self.whole_date(text).map(|()| at);
        }
        if let Some((place, unit)) = self.unit(at) {
            self.assign(text, number, unit)?;
            return Some(place);
        }
        if next == Some(":") && at + 2 < self.tokens.len() {
            return self.clock(at, number);
        }
        if let Some(separator @ ("-" | "/" | ".")) = next {
            let separator = separator.to_owned();
            return self.separated(at, text, &separator);
        }
        if next.is_none_or(is_ignored) {
            match self.get(at + 2).and_then(afternoon) {
                Some(afternoon) => {
                    self.moment.hour = Some(on_24(number.whole, afternoon));
                    return Some(at + 2);
                }
                None => self.date.push_number(number)?,
            }
            return Some(at + 1);
        }
        if let Some(afternoon) = next.and_then(afternoon).filter(|_| number.whole < 24) {
            self.moment.hour = Some(on_24(number.whole, afternoon));
            return Some(at + 1);
        }
        if !self.date.could_be_day(number) {
            return None;
        }
        self.date.push_number(number)?;
        Some(at)
    }

    /// `YYMMDD`, or `HHMMSS` with a fraction.
    fn six_digits(&mut self, text: &str) -> Option<()> {
        let (first, rest) = halves(text, 2);
        let (second, third) = halves(rest, 2);
        if self.date.count() == 0 && !text.contains('.') {
            for part in [first, second, third] {
                self.date.push_text(part, false)?;
            }
            return Some(());
        }
        self.moment.hour = Some(whole(first)?);
        self.moment.minute = Some(whole(second)?);
        self.seconds(third)
    }

    /// `YYYYMMDD`, with `HHMM` or `HHMMSS`.
    fn whole_date(&mut self, text: &str) -> Option<()> {
        let (year, rest) = halves(text, 4);
        let (month, rest) = halves(rest, 2);
        let (day, rest) = halves(rest, 2);
        self.date.push_text(year, true)?;
        self.date.push_text(month, false)?;
        self.date.push_text(day, false)?;
        if !rest.is_empty() {
            let (hour, rest) = halves(rest, 2);
            let (minute, second) = halves(rest, 2);
            self.moment.hour = Some(whole(hour)?);
            self.moment.minute = Some(whole(minute)?);
            if !second.is_empty() {
                self.moment.second = Some(whole(second)?);
            }
        }
        Some(())
    }

    fn seconds(&mut self, text: &str) -> Option<()> {
        let (second, microsecond) = seconds(text)?;
        self.moment.second = Some(second);
        self.moment.microsecond = Some(microsecond);
        Some(())
    }

    /// Minutes; their fraction are seconds.
    fn minutes(&mut self, number: Decimal) {
        self.moment.minute = Some(number.whole);
        self.moment.second = number.fraction.then_some(number.sixtieths);
    }

    /// The unit of a number, and the last place that is read with it. Without a unit after it, the one before it tells:
    /// `10h04`. `None` within: after seconds there is no smaller unit.
    fn unit(&self, at: usize) -> Option<(usize, Option<Unit>)> {
        let of = |at: usize| self.get(at).and_then(unit);
        let smaller = |unit: Unit| match unit {
            Unit::Hour => Some(Unit::Minute),
            Unit::Minute => Some(Unit::Second),
            Unit::Second => None,
        };
        if let Some(unit) = of(at + 1) {
            return Some((at + 1, Some(unit)));
        }
        if self.is(at + 1, " ")
            && let Some(unit) = of(at + 2)
        {
            return Some((at + 2, Some(unit)));
        }
        if let Some(unit) = at.checked_sub(1).and_then(of) {
            return Some((at, smaller(unit)));
        }
        let before = at
            .checked_sub(2)
            .filter(|_| at + 1 == self.tokens.len() && self.is(at - 1, " "))?;
        of(before).map(|unit| (at, smaller(unit)))
    }

    fn assign(&mut self, text: &str, number: Decimal, unit: Option<Unit>) -> Option<()> {
        match unit {
            Some(Unit::Hour) => {
                self.moment.hour = Some(number.whole);
                if number.fraction {
                    self.moment.minute = Some(number.sixtieths);
                }
            }
            Some(Unit::Minute) => self.minutes(number),
            Some(Unit::Second) => self.seconds(text)?,
            None => {}
        }
        Some(())
    }

    /// `HH:MM`, with seconds.
    fn clock(&mut self, at: usize, hour: Decimal) -> Option<usize> {
        self.moment.hour = Some(hour.whole);
        let minutes = Decimal::read(self.get(at + 2)?)?;
        self.minutes(minutes);
        if self.is(at + 3, ":")
            && let Some(text) = self.get(at + 4).map(str::to_owned)
        {
            self.seconds(&text)?;
            return Some(at + 4);
        }
        Some(at + 2)
    }

    /// A number with separators: `01-01-99`, `01-Jan`.
    fn separated(&mut self, mut at: usize, text: &str, separator: &str) -> Option<usize> {
        self.date.push_text(text, false)?;
        if let Some(second) = self.get(at + 2).filter(|second| !is_ignored(second)).map(str::to_owned) {
            match month(&second).filter(|_| !is_digits(&second)) {
                Some(month) => self.date.push_month(month)?,
                None if is_digits(&second) => self.date.push_text(&second, false)?,
                None => return None,
            }
            if self.is(at + 3, separator) {
                let third = self.get(at + 4)?.to_owned();
                match month(&third) {
                    Some(month) => self.date.push_month(month)?,
                    None => self.date.push_text(&third, false)?,
                }
                at += 2;
            }
            at += 1;
        }
        Some(at + 1)
    }
}

/// An hour of a clock with twelve hours.
const fn on_24(hour: i64, afternoon: bool) -> i64 {
    match (hour, afternoon) {
        (..12, true) => hour + 12,
        (12, false) => 0,
        _ => hour,
    }
}

/// The first characters of a text, and the others.
fn halves(text: &str, count: usize) -> (&str, &str) {
    let end = text.char_indices().nth(count).map_or(text.len(), |(place, _)| place);
    text.split_at(end)
}
