//! Which row of a day is what.
//!
//! The rows of a day are numbered slots. A permutation, keyed by seed and day, scatters the numbers; the scattered
//! number falls into one of five ranges, whose lengths follow exactly from the rates. So the kind of any single slot is
//! known without looking at another, the shares are exact, and no state is kept.

use crate::options::DayOptions;
use crate::random::{Key, Permutation};

/// What a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Breaks the contract; the number counts the day's broken rows.
    Corrupt(u64),
    /// The row of an earlier day again, exactly as it was delivered then.
    Redelivered {
        /// How many days ago it happened and was delivered first: 1 or 2.
        days: u8,
        /// Its number among the events of that day.
        event: u64,
    },
    /// Happened one or two days ago and is delivered for the first time; the number counts such rows of the day.
    Delayed(u64),
    /// An event of this day once more; the number counts such rows of the day.
    Duplicate(u64),
    /// An event of this day, by its number.
    Fresh(u64),
}

/// How the slots of a day are shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shares {
    pub(crate) corrupt: u64,
    /// Rows of the day before, and of the day before that.
    pub(crate) redelivered: [u64; 2],
    pub(crate) delayed: u64,
    pub(crate) duplicate: u64,
    /// Events of the day that are delivered on the day.
    pub(crate) fresh: u64,
}

impl Shares {
    /// From the rates. Half of the late rows are re-deliveries, of which seven in ten are one day old; each event is
    /// re-delivered at most once (even numbers after one day, odd ones after two), so that the number of duplicates is
    /// known exactly. What finds no event to repeat becomes a row never seen before.
    pub(crate) fn new(options: &DayOptions) -> Self {
        let corrupt = options.share(options.corrupt);
        let late = options.share(options.late).min(options.rows - corrupt);
        let duplicate = options.share(options.duplicate).min(options.rows - corrupt - late);
        let fresh = options.rows - corrupt - late - duplicate;
        // Without an event there is nothing to repeat.
        let (duplicate, fresh) = if fresh == 0 { (0, duplicate) } else { (duplicate, fresh) };
        let again = late / 2;
        let after_one = (again * 7 / 10).min(fresh.div_ceil(2));
        let after_two = (again - again * 7 / 10).min(fresh / 2);
        Self {
            corrupt,
            redelivered: [after_one, after_two],
            delayed: late - after_one - after_two,
            duplicate,
            fresh,
        }
    }
}

/// The plan of one day.
#[derive(Debug, Clone)]
pub(crate) struct DayPlan {
    pub(crate) shares: Shares,
    slots: Permutation,
    /// Picks of events to re-deliver, for one and two days ago.
    picks: [Permutation; 2],
}

impl DayPlan {
    /// `day` names the random streams of the day, `days_before` those of the two days before.
    pub(crate) fn new(options: &DayOptions, day: Key, days_before: [Key; 2]) -> Self {
        let shares = Shares::new(options);
        Self {
            shares,
            slots: Permutation::new(day.child(0), options.rows),
            picks: [
                Permutation::new(days_before[0].child(1), shares.fresh.div_ceil(2)),
                Permutation::new(days_before[1].child(2), shares.fresh / 2),
            ],
        }
    }

    /// What the row at `position` is.
    #[inline]
    pub(crate) fn slot(&self, position: u64) -> Slot {
        let shares = &self.shares;
        let mut rank = self.slots.apply(position);
        // The most frequent kind comes first.
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
        if rank < shares.redelivered[0] {
            let event = 2 * self.picks[0].apply(rank);
            return Slot::Redelivered { days: 1, event };
        }
        rank -= shares.redelivered[0];
        if rank < shares.redelivered[1] {
            let event = 2 * self.picks[1].apply(rank) + 1;
            return Slot::Redelivered { days: 2, event };
        }
        Slot::Corrupt(rank - shares.redelivered[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cardlake_shared::events::GeneratorEvent;
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
            if let Slot::Redelivered { days, event } = plan.slot(position) {
                assert!(event < plan.shares.fresh);
                assert_eq!(event % 2, u64::from(days) - 1);
            }
        }
        assert_eq!(plan.shares.redelivered, [25, 25]);
        assert_eq!(plan.shares.delayed, 850);
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
