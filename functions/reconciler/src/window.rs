//! Which data files can hold versions of the same row, and so have to be compared.
//!
//! Versions of a row are recognised as such if their event days lie no more than the late window apart, in whatever order
//! their batches come. So the committed files of the days around the new rows are looked at, and no others. A table that
//! is not partitioned by the event day is looked at as a whole. What the statistics of the log rule out is left out.

use cardlake_shared::contract::{Contract, Derivation};
use cardlake_shared::delta::ActiveFile;
use cardlake_shared::records::{ColumnStatistics, DataFile};
use chrono::{Days, NaiveDate};
use std::collections::BTreeMap;

/// A range of keys, as the statistics tell it; none: any key.
type KeyRange = Option<(String, String)>;

/// The days whose committed rows may be versions of new rows; `None` when there is no telling.
fn days(contract: &Contract, new: &[&DataFile], late_window_days: u32) -> Option<(String, NaiveDate, NaiveDate)> {
    let event_time = contract.event_time.as_ref()?;
    let column = contract.partition_columns.iter().find(|name| {
        contract.column(name).is_some_and(|column| {
            column.derivation
                == Some(Derivation::DateOf {
                    from: event_time.column.clone(),
                })
        })
    })?;
    let dates: Option<Vec<NaiveDate>> = new
        .iter()
        .map(|file| file.partition_values.get(column)?.as_deref()?.parse().ok())
        .collect();
    let dates = dates?;
    let width = Days::new(late_window_days.into());
    let first = dates.iter().min()?.checked_sub_days(width)?;
    let last = dates.iter().max()?.checked_add_days(width)?;
    Some((column.clone(), first, last))
}

fn key_range(contract: &Contract, columns: &BTreeMap<String, ColumnStatistics>) -> KeyRange {
    let [key] = contract.primary_key.as_slice() else {
        return None;
    };
    let statistics = columns.get(key)?;
    let text = |value: &Option<serde_json::Value>| value.as_ref()?.as_str().map(str::to_owned);
    Some((text(&statistics.min)?, text(&statistics.max)?))
}

fn overlap(a: &KeyRange, b: &KeyRange) -> bool {
    match (a, b) {
        (Some((a_min, a_max)), Some((b_min, b_max))) => a_min <= b_max && b_min <= a_max,
        _ => true,
    }
}

/// The files to compare: indices into `new` and `active`. `new` holds the files of each object.
///
/// Files of one object share no key, nor do committed files, so a file whose keys lie outside those of all others is left
/// out; with one new object and no committed file near it, that is all of them.
pub(crate) fn to_compare(
    contract: &Contract,
    new: &[Vec<&DataFile>],
    active: &[ActiveFile],
    late_window_days: u32,
) -> (Vec<(usize, usize)>, Vec<usize>) {
    let all: Vec<&DataFile> = new.iter().flatten().copied().collect();
    let days = days(contract, &all, late_window_days);
    let new_ranges: Vec<Vec<KeyRange>> = new
        .iter()
        .map(|files| files.iter().map(|file| key_range(contract, &file.columns)).collect())
        .collect();
    let is_near = |file: &ActiveFile| {
        let Some((column, first, last)) = &days else {
            return true;
        };
        let value = file.partition_values.get(column).and_then(Option::as_deref);
        let day: Option<NaiveDate> = value.and_then(|value| value.parse().ok());
        day.is_none_or(|day| (*first..=*last).contains(&day))
    };
    let committed: Vec<(usize, KeyRange)> = active
        .iter()
        .enumerate()
        .filter(|(_, file)| is_near(file))
        .map(|(index, file)| (index, key_range(contract, &file.columns())))
        .filter(|(_, range)| new_ranges.iter().flatten().any(|new| overlap(range, new)))
        .collect();
    let mut chosen = Vec::new();
    for (object, ranges) in new_ranges.iter().enumerate() {
        for (file, range) in ranges.iter().enumerate() {
            let others = new_ranges.iter().enumerate().filter(|(other, _)| *other != object);
            if committed.iter().any(|(_, other)| overlap(range, other))
                || others.flat_map(|(_, ranges)| ranges).any(|other| overlap(range, other))
            {
                chosen.push((object, file));
            }
        }
    }
    (chosen, committed.into_iter().map(|(index, _)| index).collect())
}
