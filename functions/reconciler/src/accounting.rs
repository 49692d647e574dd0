//! Row accounting of a batch: every row of every object, by outcome. No I/O.

use crate::compare::{FileTally, Rows, Tally};
use crate::day_objects::object_id;
use crate::error::ReconcilerError;
use cardlake_core::records::{BatchCounts, ObjectRecord, SettledObject};
use std::collections::{BTreeMap, BTreeSet};

/// Row counts of the applied objects of a batch, by `key@etag`.
pub(crate) type Accounts = BTreeMap<String, SettledObject>;

/// The accounts of all objects after the `new` ones are applied.
///
/// `inputs` holds, for each input of the comparison, the index of its new object; `None` for other files. An object that
/// is applied again, under other rules, gets new counts instead of its old ones.
///
/// # Errors
/// More rows were dropped than an object had: its record or its accounts are wrong.
pub(crate) fn apply(
    mut accounts: Accounts,
    new: &[&ObjectRecord],
    inputs: &[Option<usize>],
    tally: &Tally,
) -> Result<Accounts, ReconcilerError> {
    let replaced_before: Vec<u64> = new
        .iter()
        .map(|record| {
            let account = accounts.remove(&object_id(record));
            // An object that was not applied before has replaced nothing.
            account.map_or(0, |object| object.counts.replaced)
        })
        .collect();
    let new_keys: BTreeSet<&str> = new.iter().map(|record| record.source.key.as_str()).collect();
    // A rejected object has no rows; delivered again under its key, it is no longer part of the batch.
    accounts.retain(|id, object| {
        let key = id.rsplit_once('@').map_or(id.as_str(), |(key, _)| key);
        object.counts.rejected_objects == 0 || !new_keys.contains(key)
    });
    for (key, rows) in &tally.same_batch {
        let left = drop_same_batch(&mut accounts, key, *rows);
        // Rows of an object that is applied again were counted with the account that is gone by now.
        if left != Rows::default() && !new_keys.contains(key.as_str()) {
            return Err(too_many_dropped(key, *rows));
        }
    }
    for (index, record) in new.iter().enumerate() {
        let files = inputs
            .iter()
            .zip(&tally.files)
            .filter(|(object, _)| **object == Some(index));
        let mut counts = object_counts(record, files.map(|(_, file)| file))?;
        counts.replaced += replaced_before[index];
        let reasons = record.quarantine.as_ref().map(|file| file.reasons.clone());
        let object = SettledObject {
            rules: record.rules.clone(),
            counts,
            // Without a quarantine file no row broke a rule.
            reasons: reasons.unwrap_or_default(),
        };
        accounts.insert(object_id(record), object);
    }
    Ok(accounts)
}

/// The sum of the accounts.
pub(crate) fn total(accounts: &Accounts) -> BatchCounts {
    accounts
        .values()
        .fold(BatchCounts::default(), |total, object| total.plus(object.counts))
}

/// Quarantined rows by broken rule, all objects together.
pub(crate) fn reasons(accounts: &Accounts) -> BTreeMap<String, u64> {
    let mut reasons = BTreeMap::new();
    for (reason, rows) in accounts.values().flat_map(|object| &object.reasons) {
        *reasons.entry(reason.clone()).or_default() += rows;
    }
    reasons
}

fn object_counts<'a>(
    record: &ObjectRecord,
    files: impl Iterator<Item = &'a FileTally>,
) -> Result<BatchCounts, ReconcilerError> {
    let (mut duplicates, mut replaced) = (Rows::default(), 0);
    for file in files {
        duplicates.count += file.duplicates.count;
        duplicates.late += file.duplicates.late;
        replaced += file.replaced;
    }
    let counts = record.counts;
    let remaining = |rows: u64, dropped: u64| {
        let remaining = rows.checked_sub(dropped);
        remaining.ok_or_else(|| too_many_dropped(&record.source.key, duplicates))
    };
    Ok(BatchCounts {
        bronze_rows: counts.bronze_rows,
        silver_rows_added: remaining(counts.silver_rows, duplicates.count)?,
        duplicates: counts.duplicates + duplicates.count,
        quarantined: counts.quarantined,
        late_rows: remaining(counts.late_rows, duplicates.late)?,
        replaced,
        rejected_objects: u64::from(record.rejection.is_some()),
    })
}

/// Counts rows that an object of this batch added, and that a later object of the batch supersedes, as duplicates: the
/// accounts are those of one reconciliation of all objects together. Returns the rows that no account of the object
/// explains; none for an object without an account, as candidates of early versions of this program have none.
fn drop_same_batch(accounts: &mut Accounts, key: &str, mut rows: Rows) -> Rows {
    let of_key = |id: &str| id.rsplit_once('@').is_some_and(|(found, _)| found == key);
    let mut has_account = false;
    for (_, object) in accounts.iter_mut().filter(|(id, _)| of_key(id)) {
        has_account = true;
        let counts = &mut object.counts;
        let dropped = rows.count.min(counts.silver_rows_added);
        counts.silver_rows_added -= dropped;
        counts.duplicates += dropped;
        rows.count -= dropped;
        let late = rows.late.min(counts.late_rows);
        counts.late_rows -= late;
        rows.late -= late;
    }
    if has_account { rows } else { Rows::default() }
}

fn too_many_dropped(key: &str, rows: Rows) -> ReconcilerError {
    ReconcilerError::Corrupt {
        object: key.to_owned(),
        problem: format!(
            "{} of its rows ({} late) were dropped as duplicates, more than it has by its record and the candidates of \
             the day; transform the object again and reconcile again",
            rows.count, rows.late
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cardlake_core::error::{ErrorKind, StageError};
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
            text: None,
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
    fn an_objects_dropped_rows_are_its_duplicates() {
        let tally = Tally {
            files: vec![duplicates(2, 1), FileTally::default(), duplicates(1, 1)],
            same_batch: BTreeMap::new(),
        };
        let accounts = apply(
            BTreeMap::new(),
            &[&record("a", "r", TEN)],
            &[Some(0), None, Some(0)],
            &tally,
        )
        .unwrap();
        let counts = accounts["a@e"].counts;
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
        assert_eq!(total(&accounts), counts);
    }

    #[test]
    fn rows_that_a_later_object_of_the_batch_replaces_become_duplicates() {
        let first = apply(BTreeMap::new(), &[&record("a", "r", TEN)], &[], &Tally::default()).unwrap();
        let tally = Tally {
            files: vec![FileTally::default()],
            same_batch: BTreeMap::from([("a".to_owned(), Rows { count: 3, late: 1 })]),
        };
        let accounts = apply(first, &[&record("b", "r", TEN)], &[Some(0)], &tally).unwrap();
        assert_eq!(
            (
                accounts["a@e"].counts.silver_rows_added,
                accounts["a@e"].counts.duplicates
            ),
            (5, 4)
        );
        assert_eq!(accounts["b@e"].counts.silver_rows_added, 8);
        assert_eq!((total(&accounts).bronze_rows, total(&accounts).late_rows), (20, 7));
        assert!(total(&accounts).balanced());
    }

    #[test]
    fn an_object_applied_by_other_rules_is_not_counted_twice() {
        let first = apply(BTreeMap::new(), &[&record("a", "r", TEN)], &[], &Tally::default()).unwrap();
        let wider = RowCounts {
            silver_rows: 9,
            quarantined: 0,
            ..TEN
        };
        let accounts = apply(first, &[&record("a", "wider", wider)], &[], &Tally::default()).unwrap();
        assert_eq!(accounts["a@e"].rules, "wider");
        let counts = total(&accounts);
        assert_eq!(
            (counts.bronze_rows, counts.silver_rows_added, counts.quarantined),
            (10, 9, 0)
        );
    }

    #[test]
    fn a_rejected_object_that_is_delivered_again_is_no_longer_rejected() {
        let rejected = ObjectRecord {
            rejection: Some("the first line is no header".into()),
            ..record("a", "r", RowCounts::default())
        };
        let first = apply(BTreeMap::new(), &[&rejected], &[], &Tally::default()).unwrap();
        assert_eq!(total(&first).rejected_objects, 1);
        let mut mended = record("a", "r", TEN);
        mended.source.etag = "mended".into();
        let accounts = apply(first.clone(), &[&mended], &[], &Tally::default()).unwrap();
        assert_eq!(
            (total(&accounts).rejected_objects, total(&accounts).bronze_rows),
            (0, 10)
        );
        let accounts = apply(first, &[&record("b", "r", TEN)], &[], &Tally::default()).unwrap();
        assert_eq!(total(&accounts).rejected_objects, 1);
    }

    #[test]
    fn more_dropped_rows_than_an_object_has_are_a_defect() {
        let tally = Tally {
            files: vec![duplicates(9, 0)],
            same_batch: BTreeMap::new(),
        };
        let error = apply(BTreeMap::new(), &[&record("a", "r", TEN)], &[Some(0)], &tally).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().starts_with("a: 9 of its rows"), "{error}");
    }

    #[test]
    fn more_superseded_rows_of_the_batch_than_were_added_are_a_defect() {
        let first = apply(BTreeMap::new(), &[&record("a", "r", TEN)], &[], &Tally::default()).unwrap();
        let tally = Tally {
            files: vec![FileTally::default()],
            same_batch: BTreeMap::from([("a".to_owned(), Rows { count: 9, late: 0 })]),
        };
        let again = record("b", "r", TEN);
        let error = apply(first.clone(), &[&again], &[Some(0)], &tally).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        // An object that is applied again is counted anew.
        assert!(apply(first, &[&record("a", "wider", TEN)], &[Some(0)], &tally).is_ok());
    }
}
