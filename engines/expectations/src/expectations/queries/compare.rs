//! Two sets of rows, compared as Great Expectations does: how often each row is there, in whatever order.

use super::rows::{Answer, Cell, Key, object};
use crate::tally::order;
use serde_json::Value;
use std::cmp::Ordering;
use std::collections::HashMap;

/// What two answers have in common.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// Rows of the longer answer without a partner.
    pub(super) unexpected: u64,
    matching: u64,
    longest: u64,
    /// Rows of the comparison that the base lacks, in order.
    pub(super) missing_rows: Vec<Value>,
    /// Rows of the base that the comparison lacks, in order.
    pub(super) unexpected_rows: Vec<Value>,
}

/// Different rows in the order in which they first appear, and how often each is there.
type Frequencies<'a> = (Vec<&'a [Cell]>, HashMap<Vec<&'a Key>, u64>);

fn keys(row: &[Cell]) -> Vec<&Key> {
    row.iter().map(|cell| &cell.key).collect()
}

fn frequencies(answer: &Answer) -> Frequencies<'_> {
    let mut first = Vec::new();
    let mut counts: HashMap<Vec<&Key>, u64> = HashMap::new();
    for row in &answer.rows {
        let count = counts.entry(keys(row)).or_default();
        if *count == 0 {
            first.push(row.as_slice());
        }
        *count += 1;
    }
    (first, counts)
}

impl Comparison {
    pub(super) fn new(base: &Answer, comparison: &Answer) -> Self {
        let (own, other) = (frequencies(base), frequencies(comparison));
        let both = other
            .1
            .iter()
            .filter_map(|(row, count)| Some(*count.min(own.1.get(row)?)));
        let matching = both.sum();
        let longest = base.rows.len().max(comparison.rows.len()) as u64;
        Self {
            unexpected: longest - matching,
            matching,
            longest,
            missing_rows: beyond(&comparison.names, &other, &own),
            unexpected_rows: beyond(&base.names, &own, &other),
        }
    }

    pub(super) fn unexpected_percent(&self) -> f64 {
        match self.longest {
            0 => 0.0,
            longest => (1.0 - self.matching as f64 / longest as f64) * 100.0,
        }
    }
}

/// The rows that are more often in the first than in the second, sorted.
fn beyond(names: &[String], (rows, counts): &Frequencies<'_>, (_, others): &Frequencies<'_>) -> Vec<Value> {
    let of = |counts: &HashMap<Vec<&Key>, u64>, row: &[Cell]| counts.get(&keys(row)).copied().unwrap_or(0);
    let mut more: Vec<&[Cell]> = Vec::new();
    for row in rows {
        let times = of(counts, row).saturating_sub(of(others, row));
        more.extend((0..times).map(|_| *row));
    }
    more.sort_by(|a, b| {
        let different = a.iter().zip(*b).find(|(a, b)| a.key != b.key);
        different.map_or(Ordering::Equal, |(a, b)| order(&a.shown, &b.shown))
    });
    more.into_iter().map(|row| object(names, row)).collect()
}
