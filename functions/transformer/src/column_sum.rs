//! The sum of a column as it is delivered, for control totals.

use crate::values;

/// Digits of a sum.
pub(crate) const SUM_DIGITS: u8 = 38;

/// The sum of a column over the rows of an object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ColumnSum {
    /// In units of the last digit.
    pub units: i128,
    /// Rows whose value is not a number of the column's scale.
    pub unreadable: u64,
}

impl ColumnSum {
    /// Adds a value as it is in the object; an empty one is nothing.
    pub(crate) fn add(&mut self, text: &[u8], scale: u8) {
        if let Some(value) = values::plain_decimal(text, usize::from(scale)) {
            self.units += i128::from(value);
            return;
        }
        let text = std::str::from_utf8(text).map(str::trim).ok();
        match text.map(|text| values::decimal(text, SUM_DIGITS, scale)) {
            Some(Ok(value)) => self.units = self.units.saturating_add(value),
            _ if text == Some("") => {}
            _ => self.unreadable += 1,
        }
    }

    /// Sum of both.
    pub(crate) const fn plus(self, other: Self) -> Self {
        Self {
            units: self.units.saturating_add(other.units),
            unreadable: self.unreadable + other.unreadable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_counts_and_a_value_that_is_no_number_is_told() {
        let mut sum = ColumnSum::default();
        for text in ["12.30", " 0.7 ", "", "-1", "99999999999999999999.99"] {
            sum.add(text.as_bytes(), 2);
        }
        assert_eq!(
            sum,
            ColumnSum {
                units: 1230 + 70 - 100 + 9_999_999_999_999_999_999_999,
                unreadable: 0
            }
        );
        sum.add(b"much", 2);
        assert_eq!(sum.unreadable, 1);
    }
}
