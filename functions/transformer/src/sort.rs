//! Order of the rows of an object by key, and which of several rows with one key stays.
//!
//! The later event time wins, then the later row of the object; of rows that say the same the first stays. So the
//! result does not depend on how rows were spread over workers.

use crate::builder::{Rows, Values};
use crate::plan::{Kind, Plan};
use std::cmp::Ordering;

/// Rows that stay, by key, and how many do not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sorted {
    /// Indices of the rows that stay, in the order of their keys.
    pub order: Vec<u32>,
    /// Rows that lost against another row with the same key.
    pub duplicates: u64,
}

/// Rows for which a thread of their own pays.
const LEAST_SHARE: usize = 1 << 16;

/// Sorts rows by key, on so many threads, and settles duplicates.
#[must_use]
pub fn sort(plan: &Plan, rows: &Rows, threads: usize) -> Sorted {
    let mut pairs: Vec<(u64, u32)> = prefixes(plan, rows).into_iter().zip(0..).collect();
    // Numbers alone sort fastest; only rows whose prefixes are equal are looked at once more.
    if pairs.len() > LEAST_SHARE {
        let share = pairs.len().div_ceil(threads.max(1)).max(LEAST_SHARE);
        std::thread::scope(|scope| {
            for share in pairs.chunks_mut(share) {
                scope.spawn(|| share.sort_unstable());
            }
        });
    }
    // The stable sort finds sorted stretches and merges them.
    pairs.sort();
    let place = |row: u32| rows.places.get(row as usize);
    for tied in pairs
        .chunk_by_mut(|(a, _), (b, _)| a == b)
        .filter(|tied| tied.len() > 1)
    {
        tied.sort_unstable_by(|(_, a), (_, b)| {
            compare_keys(plan, rows, *a as usize, *b as usize).then_with(|| place(*a).cmp(&place(*b)))
        });
    }
    let mut sorted = Sorted {
        order: Vec::with_capacity(pairs.len()),
        duplicates: 0,
    };
    let same_key = |(a, a_row): &(u64, u32), (b, b_row): &(u64, u32)| {
        a == b && compare_keys(plan, rows, *a_row as usize, *b_row as usize).is_eq()
    };
    for group in pairs.chunk_by(same_key) {
        if let [(_, only)] = group {
            sorted.order.push(*only);
        } else {
            sorted.order.extend(winner(plan, rows, group));
            sorted.duplicates += group.len() as u64 - 1;
        }
    }
    sorted
}

/// The row of a group that stays; the rows of a group stand in the order of the object.
fn winner(plan: &Plan, rows: &Rows, group: &[(u64, u32)]) -> Option<u32> {
    let event = |row: u32| -> Option<i64> {
        match &rows.columns.get(plan.event_time?)?.values {
            Values::Long(values) => values.get(row as usize).copied(),
            _ => None,
        }
    };
    let hash = |row: u32| rows.hashes.get(row as usize);
    // Of equal maxima the last is taken.
    let (_, latest) = *group.iter().max_by_key(|(_, row)| event(*row))?;
    let first = group.iter().find(|(_, row)| hash(*row) == hash(latest));
    first.map(|(_, row)| *row)
}

/// For every row a number that orders keys as far as 64 bits can.
fn prefixes(plan: &Plan, rows: &Rows) -> Vec<u64> {
    let column = plan
        .key
        .first()
        .and_then(|key| Some((plan.sources.get(*key)?, rows.columns.get(*key)?)));
    let Some((source, column)) = column else {
        return vec![0; rows.len()];
    };
    const SIGN: u64 = 1 << 63;
    match &column.values {
        Values::Uuid(values) => values.iter().map(|value| (value >> 64) as u64).collect(),
        Values::Long(values) => values.iter().map(|value| value.cast_unsigned() ^ SIGN).collect(),
        Values::Wide(values) => values.iter().map(|value| (value >> 64) as u64 ^ SIGN).collect(),
        Values::Text(codes, pool) => {
            let texts: Vec<u64> = (0..pool.len() as u32)
                .map(|code| text_prefix(pool.text(code)))
                .collect();
            codes
                .iter()
                .map(|code| texts.get(*code as usize).copied().unwrap_or(0))
                .collect()
        }
        Values::Code(codes) => {
            let texts: Vec<u64> = match &source.kind {
                Kind::Code(words) => words.iter().map(|word| text_prefix(word.text.as_bytes())).collect(),
                _ => Vec::new(),
            };
            codes
                .iter()
                .map(|code| texts.get(usize::from(*code)).copied().unwrap_or(0))
                .collect()
        }
        Values::Boolean(values) => values.iter().map(|value| u64::from(*value)).collect(),
        Values::Double(_) => vec![0; rows.len()],
    }
}

/// The first eight bytes of a text.
fn text_prefix(text: &[u8]) -> u64 {
    let mut first = [0; 8];
    first.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
    u64::from_be_bytes(first)
}

/// Orders two rows by key, texts by their bytes. Key columns are never null.
fn compare_keys(plan: &Plan, rows: &Rows, a: usize, b: usize) -> Ordering {
    let columns = plan
        .key
        .iter()
        .filter_map(|key| Some((plan.sources.get(*key)?, rows.columns.get(*key)?)));
    for (source, column) in columns {
        let order = match &column.values {
            Values::Uuid(values) => values.get(a).cmp(&values.get(b)),
            Values::Long(values) => values.get(a).cmp(&values.get(b)),
            Values::Wide(values) => values.get(a).cmp(&values.get(b)),
            Values::Boolean(values) => values.get(a).cmp(&values.get(b)),
            Values::Double(values) => match (values.get(a), values.get(b)) {
                (Some(a), Some(b)) => a.total_cmp(b),
                _ => Ordering::Equal,
            },
            Values::Text(codes, pool) => match (codes.get(a), codes.get(b)) {
                (Some(a), Some(b)) if a != b => pool.text(*a).cmp(pool.text(*b)),
                _ => Ordering::Equal,
            },
            Values::Code(codes) => {
                let word = |row: usize| match &source.kind {
                    Kind::Code(words) => words
                        .get(usize::from(*codes.get(row)?))
                        .map(|word| word.text.as_bytes()),
                    _ => None,
                };
                word(a).cmp(&word(b))
            }
        };
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}
