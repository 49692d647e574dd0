//! Times and days in the zone of the source.

use crate::rule::Rule;
use chrono::{DateTime, NaiveDate, NaiveTime, Offset, TimeDelta, TimeZone};
use chrono_tz::Tz;
use std::cell::Cell;

/// Microseconds per day.
pub(crate) const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Converts local times of one zone. Remembers the offset of the last day, since most rows of a file are of one day.
#[derive(Debug)]
pub(crate) struct LocalTimes {
    zone: Tz,
    /// A day, and its offset in microseconds if it has only one.
    last: Cell<Option<(i64, Option<i64>)>>,
}

impl LocalTimes {
    /// Local times of a zone.
    pub(crate) const fn new(zone: Tz) -> Self {
        Self {
            zone,
            last: Cell::new(None),
        }
    }

    /// The instant of a local time, both in microseconds since 1970. Of a time that exists twice, the first.
    ///
    /// # Errors
    /// The clocks skip the time.
    pub(crate) fn instant(&self, local: i64) -> Result<i64, Rule> {
        let day = local.div_euclid(MICROS_PER_DAY);
        let offset = match self.last.get() {
            Some((last, offset)) if last == day => offset,
            _ => {
                let offset = self.offset_of_day(day);
                self.last.set(Some((day, offset)));
                offset
            }
        };
        match offset {
            Some(offset) => Ok(local - offset),
            None => instant(self.zone, local).ok_or(Rule::NoSuchTime),
        }
    }

    /// The offset of a day without a change of clocks.
    fn offset_of_day(&self, day: i64) -> Option<i64> {
        let midnight = |day: i64| {
            let local = day * MICROS_PER_DAY;
            Some(local - instant(self.zone, local)?)
        };
        let offset = midnight(day)?;
        (midnight(day + 1) == Some(offset)).then_some(offset)
    }
}

fn instant(zone: Tz, local: i64) -> Option<i64> {
    let local = DateTime::from_timestamp_micros(local)?.naive_utc();
    let instant = zone.from_local_datetime(&local).earliest()?;
    Some(instant.timestamp_micros())
}

/// Days since 1970 of an instant in microseconds, in a zone; `None` is UTC.
#[inline]
pub(crate) fn day(zone: Option<Tz>, micros: i64) -> i64 {
    // The calendar of chrono is wider than that of any value that was parsed.
    let instant = zone.and_then(|zone| Some((zone, DateTime::from_timestamp_micros(micros)?.naive_utc())));
    let offset = instant.map_or(0, |(zone, instant)| {
        i64::from(zone.offset_from_utc_datetime(&instant).fix().local_minus_utc())
    });
    (micros + offset * 1_000_000).div_euclid(MICROS_PER_DAY)
}

/// First instant of a day, in microseconds since 1970; `None` if no calendar reaches it.
pub(crate) fn start_of_day(zone: Option<Tz>, date: NaiveDate) -> Option<i64> {
    let midnight = date.and_time(NaiveTime::MIN);
    let Some(zone) = zone else {
        return Some(midnight.and_utc().timestamp_micros());
    };
    // Where the clocks skip midnight, the day begins later.
    let starts = (0..=24 * 4).map(|quarter| midnight.checked_add_signed(TimeDelta::minutes(quarter * 15)));
    let mut instants = starts.map_while(|local| Some(zone.from_local_datetime(&local?).earliest()));
    instants
        .find_map(|instant| instant)
        .map(|instant| instant.timestamp_micros())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::America::{New_York, Sao_Paulo};
    use chrono_tz::Asia::Seoul;
    use proptest::prelude::*;

    fn micros(text: &str) -> i64 {
        let time = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").unwrap();
        time.and_utc().timestamp_micros()
    }

    #[test]
    fn local_times_are_instants_of_their_zone() {
        let seoul = LocalTimes::new(Seoul);
        assert_eq!(
            seoul.instant(micros("2026-01-15 08:59:59")),
            Ok(micros("2026-01-14 23:59:59"))
        );
        let new_york = LocalTimes::new(New_York);
        for (local, utc) in [
            ("2026-03-08 01:59:59", Ok("2026-03-08 06:59:59")),
            ("2026-03-08 02:30:00", Err(Rule::NoSuchTime)),
            ("2026-03-08 03:00:00", Ok("2026-03-08 07:00:00")),
            // The first of the two.
            ("2026-11-01 01:30:00", Ok("2026-11-01 05:30:00")),
            ("2026-11-01 02:00:00", Ok("2026-11-01 07:00:00")),
        ] {
            assert_eq!(new_york.instant(micros(local)), utc.map(micros), "{local}");
        }
    }

    #[test]
    fn a_day_begins_in_its_zone() {
        let date = "2026-01-15".parse().unwrap();
        assert_eq!(start_of_day(Some(Seoul), date), Some(micros("2026-01-14 15:00:00")));
        assert_eq!(start_of_day(None, date), Some(micros("2026-01-15 00:00:00")));
        // The clocks went from 00:00 to 01:00.
        let skipped = "2018-11-04".parse().unwrap();
        assert_eq!(
            start_of_day(Some(Sao_Paulo), skipped),
            Some(micros("2018-11-04 03:00:00"))
        );
    }

    proptest! {
        #[test]
        fn an_instant_is_on_the_day_of_its_local_time(
            seconds in 0_i64..2_000_000_000,
            zone in prop::sample::select(vec![Seoul, New_York, Sao_Paulo]),
        ) {
            let local = seconds * 1_000_000;
            let times = LocalTimes::new(zone);
            let found = times.instant(local);
            prop_assert_eq!(found, times.instant(local));
            if let Ok(instant) = found {
                prop_assert_eq!(day(Some(zone), instant), local.div_euclid(MICROS_PER_DAY));
            }
        }
    }
}
