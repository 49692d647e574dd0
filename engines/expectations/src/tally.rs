//! Counts and examples of unexpected values, for expectations that judge rows.

use crate::detail::Detail;
use crate::result::{COMPLETE_LIMIT, Outcome, ResultFormat};
use arrow::array::{Array, BooleanArray};
use serde_json::{Map, Value};
use std::cmp::Ordering;

/// Rows of one batch that an expectation looks at.
pub(crate) struct Positions<'a> {
    /// Number of the batch's first row in the table, from 0.
    pub(crate) first_row: u64,
    /// The rows that a row condition kept; `None`: all.
    pub(crate) kept: Option<&'a [u32]>,
}

impl Positions<'_> {
    /// Number in the table of a row of the (filtered) batch.
    pub(crate) fn of(&self, row: usize) -> u64 {
        let row = self.kept.map_or(row as u64, |kept| u64::from(kept[row]));
        self.first_row + row
    }

    /// The row of the (filtered) batch of `rows` rows that has this number in the table.
    pub(crate) fn find(&self, number: u64, rows: usize) -> Option<usize> {
        let row = number.checked_sub(self.first_row)?;
        match self.kept {
            None => usize::try_from(row).ok().filter(|row| *row < rows),
            Some(kept) => kept.binary_search(&u32::try_from(row).ok()?).ok(),
        }
    }
}

/// What an expectation on rows found so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    elements: u64,
    missing: u64,
    unexpected: u64,
    /// The first unexpected values and their rows.
    listed: Vec<(Value, u64)>,
}

impl Tally {
    /// Counts rows, and those among them that are ignored because they are null.
    pub(crate) const fn add_rows(&mut self, elements: u64, missing: u64) {
        self.elements += elements;
        self.missing += missing;
    }

    /// Takes in the verdicts on a batch: true is unexpected, null is missing. `value` returns the value of a row.
    pub(crate) fn add_verdicts(
        &mut self,
        verdicts: &BooleanArray,
        positions: &Positions<'_>,
        value: impl Fn(usize) -> Value,
    ) {
        self.add_rows(verdicts.len() as u64, verdicts.null_count() as u64);
        if verdicts.true_count() == 0 {
            return;
        }
        for row in verdicts.values().set_indices() {
            if verdicts.is_valid(row) {
                self.add_unexpected(positions.of(row), || value(row));
            }
        }
    }

    /// One unexpected value.
    pub(crate) fn add_unexpected(&mut self, row: u64, value: impl FnOnce() -> Value) {
        self.unexpected += 1;
        if self.listed.len() < COMPLETE_LIMIT {
            self.listed.push((value(), row));
        }
    }

    /// Counts unexpected values beyond those listed.
    pub(crate) const fn add_unlisted(&mut self, count: u64) {
        self.unexpected += count;
    }

    /// The outcome. `counts_missing`: whether the result has the count of missing values, which expectations about nulls
    /// themselves do not have.
    pub(crate) fn outcome(&mut self, mostly: f64, counts_missing: bool, detail: &Detail) -> Outcome {
        let (elements, unexpected) = (self.elements, self.unexpected);
        let considered = elements - self.missing;
        let success = considered == 0 || (considered - unexpected) as f64 / considered as f64 >= mostly;
        let percent = |part: u64, whole: u64| match whole {
            0 => Value::Null,
            _ => Value::from(part as f64 / whole as f64 * 100.0),
        };
        let shown = &self.listed[..self.listed.len().min(detail.examples)];
        let complete = detail.format >= ResultFormat::Complete;
        let mut outcome = Outcome::plain(success)
            .with("element_count", elements)
            .with("unexpected_count", unexpected)
            .with("unexpected_percent", percent(unexpected, considered));
        if !detail.without_values {
            let values = shown.iter().map(|(value, _)| value.clone());
            outcome = outcome.with("partial_unexpected_list", values.collect::<Vec<_>>());
        }
        if counts_missing {
            outcome = outcome
                .with("missing_count", self.missing)
                .with("missing_percent", percent(self.missing, elements))
                .with("unexpected_percent_total", percent(unexpected, elements))
                .with("unexpected_percent_nonmissing", percent(unexpected, considered));
        }
        if detail.format >= ResultFormat::Summary && detail.examples > 0 {
            if !detail.without_values {
                let counted = if complete { &self.listed } else { shown };
                outcome = outcome.with("partial_unexpected_counts", most_frequent(counted, detail.examples));
            }
            let rows: Vec<u64> = shown.iter().map(|(_, row)| *row).collect();
            outcome = outcome.with("partial_unexpected_index_list", rows);
        }
        outcome.rows = self.listed.iter().map(|(_, row)| *row).collect();
        if complete {
            let (values, rows): (Vec<Value>, Vec<u64>) = self.listed.iter().cloned().unzip();
            if !detail.without_values {
                outcome = outcome.with("unexpected_list", values);
            }
            outcome = outcome.with("unexpected_index_list", rows);
        }
        outcome
    }
}

/// The most frequent of the listed values, then by value. As in Great Expectations, a SUMMARY counts its examples only.
fn most_frequent(listed: &[(Value, u64)], most: usize) -> Vec<Value> {
    let mut counts: Vec<(&Value, u64)> = Vec::new();
    for (value, _) in listed {
        match counts.iter_mut().find(|(known, _)| *known == value) {
            Some((_, count)) => *count += 1,
            None => counts.push((value, 1)),
        }
    }
    // Stable: between equals the first to appear stays.
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.truncate(most);
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| order(a.0, b.0)));
    let entry = |value: &Value, count: u64| {
        let value = match value {
            // Values of several columns are shown without their names.
            Value::Object(columns) => columns.values().cloned().collect(),
            other => other.clone(),
        };
        Value::Object(Map::from_iter([
            ("value".to_owned(), value),
            ("count".to_owned(), count.into()),
        ]))
    };
    counts.into_iter().map(|(value, count)| entry(value, count)).collect()
}

/// An order of values of one column; nulls first.
pub(crate) fn order(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => a.cmp(&b),
            // Zero has no sign.
            _ => a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal),
        },
        (Value::Array(a), Value::Array(b)) => {
            let first = a.iter().zip(b).map(|(a, b)| order(a, b)).find(|order| order.is_ne());
            first.unwrap_or_else(|| a.len().cmp(&b.len()))
        }
        (Value::Object(a), Value::Object(b)) => {
            let first = a
                .values()
                .zip(b.values())
                .map(|(a, b)| order(a, b))
                .find(|order| order.is_ne());
            first.unwrap_or(Ordering::Equal)
        }
        // Infinities are texts.
        (Value::Number(_), Value::String(infinity)) if infinity == "Infinity" => Ordering::Less,
        (Value::Number(_), Value::String(infinity)) if infinity == "-Infinity" => Ordering::Greater,
        (Value::String(_), Value::Number(_)) => order(b, a).reverse(),
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Less,
        (_, Value::Null) => Ordering::Greater,
        _ => a.to_string().cmp(&b.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn mostly_counts_only_values_that_are_there() {
        let mut tally = Tally::default();
        let verdicts = BooleanArray::from(vec![Some(true), Some(false), None, Some(false), Some(false)]);
        let positions = Positions {
            first_row: 10,
            kept: None,
        };
        tally.add_verdicts(&verdicts, &positions, |_| json!("x"));
        assert!(tally.outcome(0.75, true, &ResultFormat::Summary.into()).success);
        let outcome = tally.outcome(0.76, true, &ResultFormat::Summary.into());
        assert!(!outcome.success);
        assert_eq!(outcome.result["unexpected_percent"], json!(25.0));
        assert_eq!(outcome.result["unexpected_percent_total"], json!(20.0));
        assert_eq!(outcome.result["partial_unexpected_index_list"], json!([10]));
    }

    #[test]
    fn the_most_frequent_values_come_first_then_the_smallest() {
        let listed: Vec<(Value, u64)> = ["b", "a", "c", "c"].map(|value| (json!(value), 0)).into();
        let expected = json!([{"value": "c", "count": 2}, {"value": "a", "count": 1}, {"value": "b", "count": 1}]);
        assert_eq!(Value::from(most_frequent(&listed, 20)), expected);
    }

    #[test]
    fn memory_stays_bounded_when_everything_is_unexpected() {
        let mut tally = Tally::default();
        for row in 0..50_000 {
            tally.add_unexpected(row, || json!(row));
        }
        assert_eq!(tally.listed.len(), COMPLETE_LIMIT);
        assert_eq!(tally.unexpected, 50_000);
    }
}
