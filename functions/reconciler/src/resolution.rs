//! Version resolution: picks the surviving version of each key. No I/O.

use crate::provenance::Provenance;

/// Where a version of a row is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// In a data file of the table.
    Committed,
    /// In a superseded data file: an applied version that is not in the table. It cannot survive, but is evidence of what
    /// was delivered when.
    Evidence,
    /// In a data file of an object to apply.
    New,
}

/// Index of the surviving version; `None` if the row to keep is not among the versions.
///
/// Versions follow one another as they were delivered ([`Provenance::compare`]). What the last of them says is what the table has to say. A committed row that says it already stays, so that
/// a re-delivery changes nothing; else the first new row that says it.
///
/// Evidence makes this independent of the order of batches. Say a row came on the 13th, came again unchanged on the 15th
/// and was left out; now the 14th is made up for, with a correction. The committed row is older than the correction, yet
/// what it says was delivered last.
///
/// `is_vacant` says that the table had a row for the key and loses it, since bronze does not deliver it any more. Then a superseded
/// version comes back: the first that says what the last one says.
pub(crate) fn survivor(versions: &[(Origin, &Provenance)], is_vacant: bool) -> Option<usize> {
    let mut order: Vec<usize> = (0..versions.len()).collect();
    // Among otherwise equal versions, the new one is the later one.
    order.sort_by(|&a, &b| {
        let ((a_origin, a), (b_origin, b)) = (&versions[a], &versions[b]);
        a.compare(b).then(a_origin.cmp(b_origin))
    });
    let last = *order.last()?;
    let has_values = |index: usize| {
        let (hash, wanted) = (versions[index].1.row_hash, versions[last].1.row_hash);
        index == last || (hash.is_some() && hash == wanted)
    };
    let first = |origin: Origin| {
        let mut of_origin = order.iter().copied().filter(|&index| versions[index].0 == origin);
        of_origin.find(|&index| has_values(index))
    };
    let latest_committed = || {
        order
            .iter()
            .rev()
            .copied()
            .find(|&index| versions[index].0 == Origin::Committed)
    };
    if is_vacant {
        return first(Origin::Committed)
            .or_else(|| first(Origin::New))
            .or_else(|| first(Origin::Evidence));
    }
    match versions[last].0 {
        Origin::Committed | Origin::New => first(Origin::Committed).or_else(|| first(Origin::New)),
        // The table has a row for this key; if none is among these files, it is in another one, and a new row would be a second.
        Origin::Evidence => first(Origin::Committed).or_else(latest_committed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;

    fn version(ingest_date: i32, event_time: i64, row_hash: i64) -> Provenance {
        Provenance {
            ingest_date,
            event_time,
            source_object: Arc::from("a.csv"),
            ingest_time: 0,
            source_row: 1,
            row_hash: Some(row_hash),
        }
    }

    fn check(versions: &[(Origin, Provenance)], expected: impl Into<Option<usize>>) {
        let borrowed: Vec<_> = versions
            .iter()
            .map(|(origin, provenance)| (*origin, provenance))
            .collect();
        assert_eq!(survivor(&borrowed, false), expected.into());
    }

    use Origin::{Committed, Evidence, New};

    #[test]
    fn a_later_delivery_that_says_something_else_wins() {
        check(&[(Committed, version(13, 5, 1)), (New, version(14, 1, 2))], 1);
    }

    #[test]
    fn an_older_delivery_is_dropped_when_it_comes_late() {
        check(&[(Committed, version(15, 5, 1)), (New, version(14, 9, 2))], 0);
    }

    #[test]
    fn the_later_delivery_of_a_day_wins_whatever_its_rows_say() {
        // By the object's time, also when the name and the event are earlier.
        let mut later = version(14, 1, 2);
        (later.ingest_time, later.source_object) = (9, Arc::from("0.csv"));
        check(&[(New, version(14, 2, 1)), (New, later.clone())], 1);
        check(&[(Committed, version(14, 2, 1)), (New, later)], 1);
        // By the name, also when the event is earlier.
        let mut fix = version(14, 1, 2);
        fix.source_object = Arc::from("a-fix.csv");
        check(&[(New, fix), (New, version(14, 2, 1))], 0);
        // By the row, also when the event is earlier.
        let mut later = version(14, 1, 2);
        later.source_row = 2;
        check(&[(New, version(14, 2, 1)), (New, later)], 1);
    }

    #[test]
    fn the_object_that_replaced_another_wins() {
        let mut replaced = version(14, 1, 1);
        let mut replacing = version(14, 1, 2);
        (replaced.source_row, replacing.ingest_time) = (9, 1);
        check(&[(New, replacing), (Committed, replaced)], 0);
        check(&[(New, version(14, 1, 1)), (Committed, version(14, 1, 2))], 0);
    }

    #[test]
    fn a_re_delivery_changes_nothing() {
        check(&[(Committed, version(13, 5, 1)), (New, version(14, 5, 1))], 0);
        check(&[(New, version(13, 5, 1)), (Committed, version(14, 5, 1))], 1);
    }

    #[test]
    fn the_first_of_equal_new_versions_stays() {
        check(
            &[
                (New, version(14, 5, 1)),
                (New, version(13, 5, 1)),
                (New, version(15, 5, 1)),
            ],
            1,
        );
    }

    #[test]
    fn a_version_that_comes_back_wins_over_the_one_in_between() {
        check(&[(Committed, version(14, 5, 2)), (New, version(15, 5, 1))], 1);
        check(
            &[
                (New, version(13, 5, 1)),
                (New, version(14, 5, 2)),
                (New, version(15, 5, 1)),
            ],
            0,
        );
    }

    #[test]
    fn evidence_keeps_an_older_row_that_was_confirmed() {
        let confirmed = [(Committed, version(13, 5, 1)), (Evidence, version(15, 5, 1))];
        check(
            &[confirmed[0].clone(), confirmed[1].clone(), (New, version(14, 5, 2))],
            0,
        );
        check(
            &[confirmed[0].clone(), confirmed[1].clone(), (New, version(16, 5, 2))],
            2,
        );
    }

    #[test]
    fn a_new_version_before_evidence_is_dropped_even_when_the_present_row_is_out_of_sight() {
        check(&[(Evidence, version(15, 5, 1)), (New, version(14, 5, 2))], None);
        check(&[(Evidence, version(15, 5, 1)), (New, version(14, 5, 1))], None);
    }

    #[test]
    fn a_key_that_loses_its_row_gets_back_what_was_delivered_last_of_the_rest() {
        let versions = [
            (Evidence, version(13, 5, 1)),
            (Evidence, version(14, 5, 2)),
            (Evidence, version(15, 5, 2)),
        ];
        let borrowed: Vec<_> = versions.iter().map(|(origin, version)| (*origin, version)).collect();
        assert_eq!(survivor(&borrowed, false), None);
        assert_eq!(survivor(&borrowed, true), Some(1));
        assert_eq!(survivor(&borrowed[..1], true), Some(0));
        let new = version(14, 6, 2);
        assert_eq!(survivor(&[borrowed[0], borrowed[2], (New, &new)], true), Some(2));
        assert_eq!(survivor(&[], true), None);
    }

    #[test]
    fn without_hashes_the_latest_wins() {
        let mut old = version(13, 5, 1);
        let mut new = version(14, 5, 1);
        (old.row_hash, new.row_hash) = (None, None);
        check(&[(Committed, old), (New, new)], 1);
    }

    /// A row's versions: place in the order of versions, what it says, and the batch it comes in.
    fn versions() -> impl Strategy<Value = Vec<(i32, i64, u8)>> {
        prop::collection::vec((0..6, 0..3_i64, 0..4_u8), 1..8)
    }

    proptest! {
        #[test]
        fn batches_in_any_order_leave_what_was_delivered_last(versions in versions()) {
            let mut committed: Option<Provenance> = None;
            let mut evidence: Vec<Provenance> = Vec::new();
            let mut applied: Vec<Provenance> = Vec::new();
            for batch in 0..4 {
                let new: Vec<Provenance> = (0..)
                    .zip(&versions)
                    .filter(|(_, version)| version.2 == batch)
                    .map(|(row, version)| Provenance { source_row: row, ..self::version(version.0, 0, version.1) })
                    .collect();
                if new.is_empty() {
                    continue;
                }
                let mut all: Vec<(Origin, &Provenance)> = new.iter().map(|provenance| (New, provenance)).collect();
                all.extend(committed.iter().map(|provenance| (Committed, provenance)));
                all.extend(evidence.iter().map(|provenance| (Evidence, provenance)));
                let kept = survivor(&all, false).map(|index| all[index].1.clone());
                prop_assert!(kept.is_some());
                applied.extend(new);
                committed = kept;
                evidence = applied.clone();
                let last = applied.iter().max_by(|a, b| a.compare(b));
                prop_assert_eq!(committed.as_ref().and_then(|kept| kept.row_hash), last.and_then(|last| last.row_hash));
            }
        }
    }
}
