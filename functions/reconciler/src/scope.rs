//! Which data files can hold versions of the same row, and so have to be compared.
//!
//! Versions of a row are usually no more than the late window apart, in whatever order their batches come. So the committed
//! files of the days around the new rows are looked at, and those of the distant ones of which the key filters say that they
//! may hold a new row ([`crate::filters`]). A table that is not partitioned by the event day is looked at as a whole. What the
//! statistics of the log rule out is left out.

use cardlake_core::contract::{Contract, Derivation};
use cardlake_core::records::{ColumnStatistics, DataFile};
use cardlake_lake::delta::ActiveFile;
use chrono::{Days, NaiveDate};
use std::collections::{BTreeMap, BTreeSet};

/// Range of keys by the statistics; `None`: unknown, any key.
type KeyRange = Option<(String, String)>;

/// The event days whose rows may be versions of new rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EventDays {
    /// The partition column.
    column: String,
    first: NaiveDate,
    /// The last of them.
    pub(crate) last: NaiveDate,
}

impl EventDays {
    pub(crate) fn contain(&self, partition_values: &BTreeMap<String, Option<String>>) -> bool {
        // A partition without a readable day can hold any row.
        day_of(&self.column, partition_values).is_none_or(|day| (self.first..=self.last).contains(&day))
    }
}

/// The partition column with the event day.
pub(crate) fn event_day_column(contract: &Contract) -> Option<&String> {
    let event_time = contract.event_time.as_ref()?;
    let wanted = Some(Derivation::DateOf {
        from: event_time.column.clone(),
    });
    let is_day = |name: &&String| contract.column(name).is_some_and(|column| column.derivation == wanted);
    contract.partition_columns.iter().find(is_day)
}

/// Whether files of such event days are further apart than the late window; `None`: the file has no readable day and can hold any
/// row.
pub(crate) fn is_wider_than_window(contract: &Contract, days: impl Iterator<Item = Option<NaiveDate>>) -> bool {
    let (Some(_), Some(event_time)) = (event_day_column(contract), &contract.event_time) else {
        return false;
    };
    let mut span: Option<(NaiveDate, NaiveDate)> = None;
    for day in days {
        let Some(day) = day else { return true };
        let (first, last) = span.unwrap_or((day, day));
        span = Some((first.min(day), last.max(day)));
    }
    span.is_some_and(|(first, last)| (last - first).num_days() > i64::from(event_time.late_window_days))
}

/// The event day of a file by its partition.
pub(crate) fn day_of(column: &str, partition_values: &BTreeMap<String, Option<String>>) -> Option<NaiveDate> {
    partition_values.get(column)?.as_deref()?.parse().ok()
}

/// The days around the new rows; `None` if the table is not partitioned by event day.
pub(crate) fn event_days(contract: &Contract, new: &[&DataFile], late_window_days: u32) -> Option<EventDays> {
    let column = event_day_column(contract)?;
    let dates: Option<Vec<NaiveDate>> = new.iter().map(|file| day_of(column, &file.partition_values)).collect();
    let dates = dates?;
    let width = Days::new(late_window_days.into());
    let first = dates.iter().min()?.checked_sub_days(width)?;
    let last = dates.iter().max()?.checked_add_days(width)?;
    let column = column.clone();
    Some(EventDays { column, first, last })
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
        (Some((a_min, a_max)), Some((b_min, b_max))) => reaches(b_max, a_min) && reaches(a_max, b_min),
        _ => true,
    }
}

/// Whether keys up to `max` can include one from `min` on. Other writers may cut a long bound off.
fn reaches(max: &str, min: &str) -> bool {
    min <= max || min.starts_with(max)
}

/// Where versions of new rows are looked for.
pub(crate) struct Scope<'a> {
    /// The days around the new rows; `None`: everywhere.
    pub(crate) days: Option<&'a EventDays>,
    /// Paths of committed files that may hold one of the new rows wherever they are, or one of each other's.
    pub(crate) hits: &'a BTreeSet<String>,
    /// Whether rows of evidence may come back: all of it is looked at.
    pub(crate) all_evidence: bool,
}

/// Files to compare, by their indices in the given lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// Object and file.
    pub(crate) new: Vec<(usize, usize)>,
    pub(crate) committed: Vec<usize>,
    pub(crate) evidence: Vec<usize>,
}

/// Chooses the files to compare. `new` holds the files of each object.
///
/// Files of one object share no key, nor do committed files, so a file whose keys lie outside those of all others is left
/// out; with one new object and no other file near it, that is all of them.
pub(crate) fn choose(
    contract: &Contract,
    new: &[Vec<&DataFile>],
    active: &[ActiveFile],
    evidence: &[DataFile],
    scope: &Scope<'_>,
) -> Chosen {
    let new_ranges: Vec<Vec<KeyRange>> = new
        .iter()
        .map(|files| files.iter().map(|file| key_range(contract, &file.columns)).collect())
        .collect();
    let is_near = |partition_values| scope.days.is_none_or(|days| days.contain(partition_values));
    let meets_new = |range: &KeyRange| new_ranges.iter().flatten().any(|new| overlap(range, new));
    let committed: Vec<(usize, KeyRange)> = active
        .iter()
        .enumerate()
        .filter(|(_, file)| scope.hits.contains(&file.path) || is_near(&file.partition_values))
        .map(|(index, file)| (index, key_range(contract, &file.columns())))
        .filter(|(index, range)| scope.hits.contains(&active[*index].path) || meets_new(range))
        .collect();
    let evidence: Vec<(usize, KeyRange)> = evidence
        .iter()
        .enumerate()
        .filter(|(_, file)| scope.all_evidence || !scope.hits.is_empty() || is_near(&file.partition_values))
        .map(|(index, file)| (index, key_range(contract, &file.columns)))
        .filter(|(_, range)| scope.all_evidence || meets_new(range))
        .collect();
    let mut chosen = Vec::new();
    for (object, ranges) in new_ranges.iter().enumerate() {
        let others = new_ranges.iter().enumerate().filter(|(other, _)| *other != object);
        let others: Vec<&KeyRange> = others
            .flat_map(|(_, ranges)| ranges)
            .chain(committed.iter().chain(&evidence).map(|(_, range)| range))
            .collect();
        for (file, range) in ranges.iter().enumerate() {
            if others.iter().any(|other| overlap(range, other)) {
                chosen.push((object, file));
            }
        }
    }
    let indices = |files: Vec<(usize, KeyRange)>| files.into_iter().map(|(index, _)| index).collect();
    Chosen {
        new: chosen,
        committed: indices(committed),
        evidence: indices(evidence),
    }
}
