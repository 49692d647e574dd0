//! Sorts the rows of an object by key and removes duplicate keys.
//!
//! Of several rows with one key, the one that comes last in the object is kept; of equal rows, the first. When an event
//! happened says nothing about which row corrects which: a correction of a clock that was fast is earlier. The result does
//! not depend on how rows were distributed over workers.

use crate::columns::{ColumnValues, ColumnarRows, TypedColumn};
use crate::invariant::BrokenInvariant;
use crate::plan::TransformPlan;
use std::cmp::Ordering;

/// Result of sorting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sorted {
    /// Indices of the kept rows, in key order.
    pub(crate) order: Vec<u32>,
    /// Number of rows dropped in favour of another row with the same key.
    pub(crate) duplicates: u64,
}

/// Minimum rows per sorting thread.
const MINIMUM_ROWS_PER_THREAD: usize = 1 << 16;

/// Sorts rows by key on up to `threads` threads and removes duplicates.
///
/// # Errors
/// The rows do not belong to the plan.
pub(crate) fn sort(plan: &TransformPlan, rows: &ColumnarRows, threads: usize) -> Result<Sorted, BrokenInvariant> {
    let keys: Vec<&TypedColumn> = plan.key.iter().map(|key| &rows.columns[*key]).collect();
    let mut pairs: Vec<(u64, u32)> = prefixes(&keys, rows.len()).into_iter().zip(0..).collect();
    // Integers sort fastest; keys are compared only where prefixes are equal.
    if pairs.len() > MINIMUM_ROWS_PER_THREAD {
        let share = pairs.len().div_ceil(threads.max(1)).max(MINIMUM_ROWS_PER_THREAD);
        std::thread::scope(|scope| {
            for share in pairs.chunks_mut(share) {
                scope.spawn(|| share.sort_unstable());
            }
        });
    }
    // The stable sort detects sorted runs and merges them.
    pairs.sort();
    for tied in pairs
        .chunk_by_mut(|(a, _), (b, _)| a == b)
        .filter(|tied| tied.len() > 1)
    {
        tied.sort_unstable_by(|(_, a), (_, b)| {
            let (a, b) = (*a as usize, *b as usize);
            compare_keys(&keys, a, b).then_with(|| rows.positions[a].cmp(&rows.positions[b]))
        });
    }
    let mut sorted = Sorted {
        order: Vec::with_capacity(pairs.len()),
        duplicates: 0,
    };
    let same_key = |(a, a_row): &(u64, u32), (b, b_row): &(u64, u32)| {
        a == b && compare_keys(&keys, *a_row as usize, *b_row as usize).is_eq()
    };
    for group in pairs.chunk_by(same_key) {
        if let [(_, only)] = group {
            sorted.order.push(*only);
        } else {
            sorted.order.push(survivor(&rows.hashes, group));
            sorted.duplicates += group.len() as u64 - 1;
        }
    }
    Ok(sorted)
}

/// The row of a non-empty group that is kept; the group is in the order of the object.
fn survivor(hashes: &[u64], group: &[(u64, u32)]) -> u32 {
    let latest = group[group.len() - 1].1;
    let equal = |(_, row): &&(u64, u32)| hashes[*row as usize] == hashes[latest as usize];
    group.iter().find(equal).map_or(latest, |(_, first)| *first)
}

/// For each row an integer with the order of its key, as far as 64 bits allow.
fn prefixes(keys: &[&TypedColumn], rows: usize) -> Vec<u64> {
    const SIGN: u64 = 1 << 63;
    let Some(column) = keys.first() else {
        return vec![0; rows];
    };
    match &column.values {
        ColumnValues::Uuid(values) => values.iter().map(|value| (value >> 64) as u64).collect(),
        ColumnValues::Long(values) => values.iter().map(|value| value.cast_unsigned() ^ SIGN).collect(),
        ColumnValues::Wide(values) => values.iter().map(|value| (value >> 64) as u64 ^ SIGN).collect(),
        ColumnValues::Text(codes, pool) => {
            let prefixes: Vec<u64> = (0..pool.len() as u32)
                .map(|code| text_prefix(pool.text(code)))
                .collect();
            codes.iter().map(|code| prefixes[*code as usize]).collect()
        }
        ColumnValues::Code(codes, allowed) => {
            let prefixes: Vec<u64> = allowed.iter().map(|text| text_prefix(text.text.as_bytes())).collect();
            codes.iter().map(|code| prefixes[usize::from(*code)]).collect()
        }
        ColumnValues::Boolean(values) => values.iter().map(|value| u64::from(*value)).collect(),
        ColumnValues::Double(_) => vec![0; rows],
    }
}

/// The first eight bytes of a text.
fn text_prefix(text: &[u8]) -> u64 {
    let mut first = [0; 8];
    first.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
    u64::from_be_bytes(first)
}

/// Compares the keys of two rows, texts by their bytes. Key columns are never null.
fn compare_keys(keys: &[&TypedColumn], a: usize, b: usize) -> Ordering {
    for column in keys {
        let order = match &column.values {
            ColumnValues::Uuid(values) => values[a].cmp(&values[b]),
            ColumnValues::Long(values) => values[a].cmp(&values[b]),
            ColumnValues::Wide(values) => values[a].cmp(&values[b]),
            ColumnValues::Boolean(values) => values[a].cmp(&values[b]),
            ColumnValues::Double(values) => values[a].total_cmp(&values[b]),
            ColumnValues::Text(codes, _) if codes[a] == codes[b] => Ordering::Equal,
            ColumnValues::Text(codes, pool) => pool.text(codes[a]).cmp(pool.text(codes[b])),
            ColumnValues::Code(codes, allowed) => {
                let text = |row: usize| &allowed[usize::from(codes[row])].text;
                text(a).cmp(text(b))
            }
        };
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}
