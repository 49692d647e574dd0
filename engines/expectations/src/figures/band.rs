//! A robust band: where a number should be, by what it was on the days before.

use chrono::Weekday;

/// Makes the median of the distances to the median comparable with a standard deviation.
const MAD_TO_DEVIATION: f64 = 1.4826;
/// Standard deviations on either side: hundreds of numbers are compared a day, each of which must be silent for months.
pub(super) const OF_MANY: f64 = 6.0;
/// The same for the one number that is compared for each table.
pub(super) const OF_ONE: f64 = 4.0;
/// Days of the same weekday from which a median says something.
const ENOUGH_OF_WEEKDAY: usize = 3;
/// Days with such a median from which their spread does.
const ENOUGH_RESIDUALS: usize = 14;
/// Medians of three or four days are close to their days, and not as close to the next one.
const WEEKDAY_WIDENING: f64 = 1.5;

/// A band around the middle of past numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Band {
    pub(super) centre: f64,
    /// Half of its width.
    pub(super) reach: f64,
}

impl Band {
    /// The band for a weekday by what was on the days before. Weekdays count if numbers of the same weekday are closer to each other.
    pub(super) fn new(past: &[(Weekday, f64)], weekday: Weekday, deviations: f64) -> Self {
        let all: Vec<f64> = past.iter().map(|(_, number)| *number).collect();
        let centre = median(&all);
        let overall = spread(all.iter().map(|number| number - centre).collect());
        let of = |day: Weekday| -> Vec<f64> {
            let same = past.iter().filter(|(other, _)| *other == day);
            same.map(|(_, number)| *number).collect()
        };
        let mut band = (centre, overall);
        let own = of(weekday);
        if own.len() >= ENOUGH_OF_WEEKDAY {
            let residuals = past.iter().filter_map(|(day, number)| {
                let same = of(*day);
                (same.len() >= ENOUGH_OF_WEEKDAY).then(|| number - median(&same))
            });
            let residuals: Vec<f64> = residuals.collect();
            if residuals.len() >= ENOUGH_RESIDUALS {
                let by_weekday = spread(residuals) * WEEKDAY_WIDENING;
                if by_weekday < overall {
                    band = (median(&own), by_weekday);
                }
            }
        }
        // The fewer days, the less their spread is known.
        let uncertainty = 1.0 + 4.0 / past.len().max(1) as f64;
        Self {
            centre: band.0,
            reach: band.1 * deviations * uncertainty,
        }
    }

    /// At least as wide as this.
    pub(super) const fn at_least(mut self, reach: f64) -> Self {
        self.reach = self.reach.max(reach);
        self
    }

    pub(super) fn low(&self) -> f64 {
        self.centre - self.reach
    }

    pub(super) fn high(&self) -> f64 {
        self.centre + self.reach
    }

    pub(super) fn holds(&self, number: f64) -> bool {
        (self.low()..=self.high()).contains(&number)
    }
}

/// Zero without numbers.
fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

fn spread(residuals: Vec<f64>) -> f64 {
    let distances: Vec<f64> = residuals.into_iter().map(f64::abs).collect();
    median(&distances) * MAD_TO_DEVIATION
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAYS: [Weekday; 7] = [
        Weekday::Mon,
        Weekday::Tue,
        Weekday::Wed,
        Weekday::Thu,
        Weekday::Fri,
        Weekday::Sat,
        Weekday::Sun,
    ];

    #[test]
    fn weekends_are_compared_with_weekends() {
        let number = |day: usize| if day % 7 >= 5 { 40.0 } else { 100.0 } + (day % 3) as f64;
        let past: Vec<(Weekday, f64)> = (0..28).map(|day| (DAYS[day % 7], number(day))).collect();
        assert!(Band::new(&past, Weekday::Sat, OF_MANY).holds(41.0));
        assert!(!Band::new(&past, Weekday::Mon, OF_MANY).holds(50.0));
        assert!(!Band::new(&past, Weekday::Sat, OF_MANY).holds(100.0));
    }

    #[test]
    fn a_day_that_was_odd_moves_nothing() {
        let mut past: Vec<(Weekday, f64)> = (0..20).map(|day| (DAYS[day % 7], (day % 5) as f64)).collect();
        let before = Band::new(&past, Weekday::Mon, OF_MANY);
        past[3].1 = 1e9;
        let after = Band::new(&past, Weekday::Mon, OF_MANY);
        assert!(after.high() < before.high() * 2.0, "{before:?} {after:?}");
    }
}
