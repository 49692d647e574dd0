//! Assigns a kind to every row of a day.
//!
//! The rows of a day are numbered slots. A permutation, keyed by seed and day, shuffles the numbers; the shuffled number
//! falls into one of five ranges, whose lengths follow exactly from the rates. The kind of any slot is thus known without
//! state, and the shares are exact.

use crate::options::DayOptions;
use crate::random::{Key, Permutation};

/// The kind of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Violates the contract; numbered among the day's corrupt rows.
    Corrupt(u64),
    /// Re-delivers a row of an earlier day.
    Redelivered {
        /// Age in days, 1 or 2.
        days: u8,
        /// Event number on that day.
        event: u64,
        /// Whether a value differs from the first delivery.
        corrected: bool,
    },
    /// First delivery of an event that is one or two days old; numbered among such rows of the day.
    Delayed(u64),
    /// Repeats an event of this day; numbered among such rows of the day.
    Duplicate(u64),
    /// An event of this day, by number.
    Fresh(u64),
}

/// When an event may be repeated after its first delivery. The event number determines it, so that repeats are independent:
/// whether a row is new, an exact repeat, or a correction is known without looking at other rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Repeated on its own day, any number of times.
    SameDay,
    /// Re-delivered after one day, at most once.
    AfterOne,
    /// Re-delivered after two days, at most once.
    AfterTwo,
}

impl Fate {
    /// Number of events with this fate among the first `events`.
    pub(crate) const fn count(self, events: u64) -> u64 {
        match self {
            Self::SameDay => events.div_ceil(4),
            Self::AfterOne => events / 2,
            Self::AfterTwo => (events + 1) / 4,
        }
    }

    /// The event of the given rank among those with this fate.
    pub(crate) const fn event(self, rank: u64) -> u64 {
        match self {
            Self::SameDay => 4 * rank,
            Self::AfterOne => 2 * rank + 1,
            Self::AfterTwo => 4 * rank + 2,
        }
    }

    /// Whether an event has this fate.
    pub(crate) const fn has(self, event: u64) -> bool {
        match self {
            Self::SameDay => event.is_multiple_of(4),
            Self::AfterOne => event % 2 == 1,
            Self::AfterTwo => event % 4 == 2,
        }
    }
}

/// Of this many re-deliveries, [`CORRECTED`] carry a correction.
const CORRECTED_OF: u64 = 10;
const CORRECTED: u64 = 3;

/// Number of slots of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shares {
    pub(crate) corrupt: u64,
    /// Rows that are one and two days old.
    pub(crate) redelivered: [u64; 2],
    pub(crate) delayed: u64,
    pub(crate) duplicate: u64,
    /// Events of the day, delivered on the day.
    pub(crate) fresh: u64,
}

impl Shares {
    /// Computes the shares from the rates. Half of the late rows are re-deliveries, 70 % of them one day old. Re-deliveries
    /// without an event to repeat become delayed rows.
    pub(crate) fn new(options: &DayOptions) -> Self {
        let corrupt = options.share(options.corrupt);
        let late = options.share(options.late).min(options.rows - corrupt);
        let duplicate = options.share(options.duplicate).min(options.rows - corrupt - late);
        let fresh = options.rows - corrupt - late - duplicate;
        // No duplicates without an event to repeat.
        let (duplicate, fresh) = if fresh == 0 { (0, duplicate) } else { (duplicate, fresh) };
        let again = late / 2;
        let after_one = (again * 7 / 10).min(Fate::AfterOne.count(fresh));
        let after_two = (again - again * 7 / 10).min(Fate::AfterTwo.count(fresh));
        Self {
            corrupt,
            redelivered: [after_one, after_two],
            delayed: late - after_one - after_two,
            duplicate,
            fresh,
        }
    }
}

/// Slots of one day.
#[derive(Debug, Clone)]
pub(crate) struct DayPlan {
    pub(crate) shares: Shares,
    slots: Permutation,
    /// Selects the events to re-deliver, one and two days old.
    picks: [Permutation; 2],
}

impl DayPlan {
    /// `day` is the key of the day, `days_before` those of the two preceding days.
    pub(crate) fn new(options: &DayOptions, day: Key, days_before: [Key; 2]) -> Self {
        let shares = Shares::new(options);
        Self {
            shares,
            slots: Permutation::new(day.child(0), options.rows),
            picks: [
                Permutation::new(days_before[0].child(1), Fate::AfterOne.count(shares.fresh)),
                Permutation::new(days_before[1].child(2), Fate::AfterTwo.count(shares.fresh)),
            ],
        }
    }

    /// Kind of the row at `position`.
    #[inline]
    pub(crate) fn slot(&self, position: u64) -> Slot {
        let shares = &self.shares;
        let mut rank = self.slots.apply(position);
        // Most frequent kind first.
        if rank < shares.fresh {
            return Slot::Fresh(rank);
        }
        rank -= shares.fresh;
        if rank < shares.duplicate {
            return Slot::Duplicate(rank);
        }
        rank -= shares.duplicate;
        if rank < shares.delayed {
            return Slot::Delayed(rank);
        }
        rank -= shares.delayed;
        for (index, (days, fate)) in [(1, Fate::AfterOne), (2, Fate::AfterTwo)].into_iter().enumerate() {
            if rank < shares.redelivered[index] {
                return Slot::Redelivered {
                    days,
                    event: fate.event(self.picks[index].apply(rank)),
                    corrected: rank % CORRECTED_OF < CORRECTED,
                };
            }
            rank -= shares.redelivered[index];
        }
        Slot::Corrupt(rank)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cardlake_core::events::GeneratorEvent;
    use std::collections::HashSet;

    fn plan(rows: u64, late: f64, duplicate: f64, corrupt: f64) -> (DayOptions, DayPlan) {
        let event: GeneratorEvent = serde_json::from_value(serde_json::json!({
            "batch_date": "2026-01-15", "rows": rows,
            "late_rate": late, "duplicate_rate": duplicate, "corrupt_rate": corrupt,
        }))
        .unwrap();
        let options = DayOptions::new(&event).unwrap();
        let plan = DayPlan::new(&options, Key::new(3), [Key::new(2), Key::new(1)]);
        (options, plan)
    }

    #[test]
    fn shares_are_exact_and_every_slot_has_a_kind_of_its_own() {
        let (options, plan) = plan(10_000, 0.05, 0.02, 0.005);
        let expected = Shares {
            corrupt: 50,
            redelivered: [175, 75],
            delayed: 250,
            duplicate: 200,
            fresh: 9250,
        };
        assert_eq!(plan.shares, expected);
        let slots: HashSet<String> = (0..options.rows)
            .map(|position| format!("{:?}", plan.slot(position)))
            .collect();
        assert_eq!(slots.len(), 10_000, "no event is delivered twice but by duplicates");
    }

    #[test]
    fn redeliveries_repeat_events_that_exist() {
        let (options, plan) = plan(1000, 0.9, 0.05, 0.0);
        for position in 0..options.rows {
            if let Slot::Redelivered { days, event, .. } = plan.slot(position) {
                assert!(event < plan.shares.fresh);
                assert!([Fate::AfterOne, Fate::AfterTwo][usize::from(days) - 1].has(event));
            }
        }
        assert_eq!(plan.shares.redelivered, [25, 12]);
        assert_eq!(plan.shares.delayed, 863);
    }

    #[test]
    fn every_event_has_one_fate() {
        for events in 0..20 {
            let mut all: Vec<u64> = Vec::new();
            for fate in [Fate::SameDay, Fate::AfterOne, Fate::AfterTwo] {
                let those: Vec<u64> = (0..fate.count(events)).map(|rank| fate.event(rank)).collect();
                assert!(those.iter().all(|event| fate.has(*event)));
                all.extend(those);
            }
            all.sort_unstable();
            assert_eq!(all, (0..events).collect::<Vec<_>>());
        }
    }

    #[test]
    fn three_redeliveries_in_ten_say_something_else() {
        let (options, plan) = plan(10_000, 0.2, 0.0, 0.0);
        let corrected = (0..options.rows)
            .filter(|position| matches!(plan.slot(*position), Slot::Redelivered { corrected: true, .. }))
            .count();
        assert_eq!(corrected, 300);
    }

    #[test]
    fn extreme_rates_leave_no_slot_over() {
        for (late, duplicate, corrupt) in [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (0.5, 0.5, 0.0)] {
            for rows in [0, 1, 2, 7] {
                let (_, plan) = plan(rows, late, duplicate, corrupt);
                let Shares {
                    corrupt,
                    redelivered,
                    delayed,
                    duplicate,
                    fresh,
                } = plan.shares;
                assert_eq!(
                    corrupt + redelivered[0] + redelivered[1] + delayed + duplicate + fresh,
                    rows
                );
                assert!(duplicate == 0 || fresh > 0);
            }
        }
    }
}
