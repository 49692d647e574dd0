//! Numbers with a fraction.

use super::characters::whole;
use crate::digits::decimal;

/// Digits of a fraction that are looked at.
const PLACES: usize = 28;

/// A number from zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decimal {
    pub(super) whole: i64,
    /// How many sixtieths the fraction has.
    pub(super) sixtieths: i64,
    /// Whether there is more than zero after the point.
    pub(super) fraction: bool,
}

impl Decimal {
    /// A token that is a number.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (before, after) = text.split_once('.').unwrap_or((text, ""));
        if before.is_empty() || (after.is_empty() && text.contains('.')) {
            return None;
        }
        let places: Vec<u32> = after.chars().map(decimal).collect::<Option<_>>()?;
        let digits: Option<Vec<u32>> = before.chars().map(decimal).collect();
        digits?;
        Some(Self {
            whole: whole(before).unwrap_or(i64::MAX),
            sixtieths: sixtieths(&places),
            fraction: places.iter().any(|place| *place > 0),
        })
    }

    /// Whether it is above a whole number.
    pub(super) const fn exceeds(self, number: i64) -> bool {
        self.whole > number || (self.whole == number && self.fraction)
    }
}

/// The whole sixtieths of a fraction with these digits.
fn sixtieths(places: &[u32]) -> i64 {
    let digits = &places[..places.len().min(PLACES)];
    let number = digits
        .iter()
        .fold(0_u128, |number, digit| number * 10 + u128::from(*digit));
    let power = 10_u128.pow(digits.len() as u32);
    i64::try_from(number * 60 / power).unwrap_or(0)
}

/// Seconds and microseconds of a token.
pub(super) fn seconds(text: &str) -> Option<(i64, i64)> {
    let Some((before, after)) = text.split_once('.') else {
        return Some((whole(text)?, 0));
    };
    let mut digits: String = after.chars().take(6).collect();
    while digits.chars().count() < 6 {
        digits.push('0');
    }
    // A second point is no digit.
    let all = after.chars().all(|digit| digit != '.');
    Some((whole(before)?, whole(&digits).filter(|_| all)?))
}
