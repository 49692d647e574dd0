//! The books of a batch: every row of every object, by what became of it. Pure.

use crate::batch::object_id;
use crate::compare::{FileTally, Rows, Tally};
use cardlake_core::records::{BatchCounts, ObjectRecord, SettledObject};
use std::collections::BTreeMap;

/// The books of all objects, the new ones included.
///
/// `inputs` tells for each input of the comparison which of the new objects it belongs to; none: it is not new. An object
/// that is settled anew, by other rules, gets new books in the place of its old ones.
pub(crate) fn settle(
    mut books: BTreeMap<String, SettledObject>,
    new: &[&ObjectRecord],
    inputs: &[Option<usize>],
    tally: &Tally,
) -> BTreeMap<String, SettledObject> {
    let replaced_before: Vec<u64> = new
        .iter()
        .map(|record| {
            books
                .remove(&object_id(record))
                .map_or(0, |object| object.counts.replaced)
        })
        .collect();
    for (key, rows) in &tally.own {
        lose_own(&mut books, key, *rows);
    }
    for (index, record) in new.iter().enumerate() {
        let files = inputs
            .iter()
            .zip(&tally.files)
            .filter(|(object, _)| **object == Some(index));
        let mut counts = object_counts(record, files.map(|(_, file)| file));
        counts.replaced += replaced_before[index];
        let reasons = record.quarantine.as_ref().map(|file| file.reasons.clone());
        let object = SettledObject {
            rules: record.rules.clone(),
            counts,
            reasons: reasons.unwrap_or_default(),
        };
        books.insert(object_id(record), object);
    }
    books
}

/// The sum of the books.
pub(crate) fn total(books: &BTreeMap<String, SettledObject>) -> BatchCounts {
    books
        .values()
        .fold(BatchCounts::default(), |total, object| total.plus(object.counts))
}

/// Quarantined rows by broken rule, all objects together.
pub(crate) fn reasons(books: &BTreeMap<String, SettledObject>) -> BTreeMap<String, u64> {
    let mut reasons = BTreeMap::new();
    for (reason, rows) in books.values().flat_map(|object| &object.reasons) {
        *reasons.entry(reason.clone()).or_default() += rows;
    }
    reasons
}

fn object_counts<'a>(record: &ObjectRecord, files: impl Iterator<Item = &'a FileTally>) -> BatchCounts {
    let (mut duplicates, mut late, mut replaced) = (0, 0, 0);
    for file in files {
        duplicates += file.duplicates.count;
        late += file.duplicates.late;
        replaced += file.replaced;
    }
    let counts = record.counts;
    BatchCounts {
        bronze_rows: counts.bronze_rows,
        silver_rows_added: counts.silver_rows.saturating_sub(duplicates),
        duplicates: counts.duplicates + duplicates,
        quarantined: counts.quarantined,
        late_rows: counts.late_rows.saturating_sub(late),
        replaced,
        rejected_objects: u64::from(record.rejection.is_some()),
    }
}

/// Rows that an object of this batch added, and that now lose against a later object of it, are duplicates: the books are
/// those of one reconciliation of all objects together.
fn lose_own(books: &mut BTreeMap<String, SettledObject>, key: &str, mut rows: Rows) {
    let of_key = |id: &str| id.rsplit_once('@').is_some_and(|(found, _)| found == key);
    for (_, object) in books.iter_mut().filter(|(id, _)| of_key(id)) {
        let counts = &mut object.counts;
        let lost = rows.count.min(counts.silver_rows_added);
        counts.silver_rows_added -= lost;
        counts.duplicates += lost;
        rows.count -= lost;
        let late = rows.late.min(counts.late_rows);
        counts.late_rows -= late;
        rows.late -= late;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cardlake_core::records::{FORMAT_VERSION, RowCounts, SourceObject};
    use chrono::{DateTime, NaiveDate};

    fn record(key: &str, rules: &str, counts: RowCounts) -> ObjectRecord {
        ObjectRecord {
            format_version: FORMAT_VERSION,
            dataset: "cards".into(),
            ingest_date: NaiveDate::default(),
            source: SourceObject {
                key: key.into(),
                etag: "e".into(),
                size: 1,
                last_modified: DateTime::UNIX_EPOCH,
            },
            rules: rules.into(),
            counts,
            files: Vec::new(),
            drift: BTreeMap::new(),
            quarantine: None,
            late_window_days: None,
            rejection: None,
        }
    }

    const TEN: RowCounts = RowCounts {
        bronze_rows: 10,
        silver_rows: 8,
        duplicates: 1,
        quarantined: 1,
        late_rows: 4,
    };

    fn duplicates(count: u64, late: u64) -> FileTally {
        FileTally {
            duplicates: Rows { count, late },
            replaced: 1,
        }
    }

    #[test]
    fn an_objects_losing_rows_are_its_duplicates() {
        let tally = Tally {
            files: vec![duplicates(2, 1), FileTally::default(), duplicates(1, 1)],
            own: BTreeMap::new(),
        };
        let books = settle(
            BTreeMap::new(),
            &[&record("a", "r", TEN)],
            &[Some(0), None, Some(0)],
            &tally,
        );
        let counts = books["a@e"].counts;
        assert!(counts.balanced());
        assert_eq!(
            (
                counts.silver_rows_added,
                counts.duplicates,
                counts.late_rows,
                counts.replaced
            ),
            (5, 4, 2, 2)
        );
        assert_eq!(total(&books), counts);
    }

    #[test]
    fn rows_that_a_later_object_of_the_batch_replaces_become_duplicates() {
        let first = settle(BTreeMap::new(), &[&record("a", "r", TEN)], &[], &Tally::default());
        let tally = Tally {
            files: vec![FileTally::default()],
            own: BTreeMap::from([("a".to_owned(), Rows { count: 3, late: 1 })]),
        };
        let books = settle(first, &[&record("b", "r", TEN)], &[Some(0)], &tally);
        assert_eq!(
            (books["a@e"].counts.silver_rows_added, books["a@e"].counts.duplicates),
            (5, 4)
        );
        assert_eq!(books["b@e"].counts.silver_rows_added, 8);
        assert_eq!((total(&books).bronze_rows, total(&books).late_rows), (20, 7));
        assert!(total(&books).balanced());
    }

    #[test]
    fn an_object_settled_by_other_rules_is_not_counted_twice() {
        let first = settle(BTreeMap::new(), &[&record("a", "r", TEN)], &[], &Tally::default());
        let wider = RowCounts {
            silver_rows: 9,
            quarantined: 0,
            ..TEN
        };
        let books = settle(first, &[&record("a", "wider", wider)], &[], &Tally::default());
        assert_eq!(books["a@e"].rules, "wider");
        let counts = total(&books);
        assert_eq!(
            (counts.bronze_rows, counts.silver_rows_added, counts.quarantined),
            (10, 9, 0)
        );
    }
}
