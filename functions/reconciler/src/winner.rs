//! Which version of a row is the one to keep. Pure.

use crate::lineage::Lineage;

/// Where a version of a row is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// In a data file of the table.
    Committed,
    /// In a data file of an object that is to be settled.
    New,
}

/// Index of the version that stays; there must be at least one.
///
/// Versions follow one another by ingest date, then event time, then source order (bronze key, the object's own time, row
/// number). What the last of them says is what the
/// table has to say. Those right before it that say the same (re-deliveries) count as one version with it: a committed one
/// among them stays, so that a re-delivery changes nothing; else the first of them.
pub(crate) fn winner(versions: &[(Origin, &Lineage)]) -> usize {
    let mut order: Vec<usize> = (0..versions.len()).collect();
    // Of versions that nothing tells apart the new one is the later one.
    order.sort_by_key(|&index| (versions[index].1.order(), versions[index].0));
    let Some(&last) = order.last() else { return 0 };
    let says_the_same = |index: usize| {
        index == last || versions[index].1.row_hash.is_some() && versions[index].1.row_hash == versions[last].1.row_hash
    };
    // From the last version backwards as long as the versions say the same.
    let same = order.iter().rev().copied().take_while(|&index| says_the_same(index));
    let mut kept = last;
    for index in same {
        let (origin, kept_origin) = (versions[index].0, versions[kept].0);
        if origin <= kept_origin {
            kept = index;
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn version(ingest_date: i32, event_time: i64, row_hash: i64) -> Lineage {
        Lineage {
            ingest_date,
            event_time,
            source_object: Arc::from("a.csv"),
            ingest_time: 0,
            source_row: 1,
            row_hash: Some(row_hash),
        }
    }

    fn check(versions: &[(Origin, Lineage)], expected: usize) {
        let borrowed: Vec<_> = versions.iter().map(|(origin, lineage)| (*origin, lineage)).collect();
        assert_eq!(winner(&borrowed), expected);
    }

    use Origin::{Committed, New};

    #[test]
    fn a_later_delivery_that_says_something_else_wins() {
        check(&[(Committed, version(13, 5, 1)), (New, version(14, 1, 2))], 1);
    }

    #[test]
    fn an_older_delivery_loses_when_it_comes_late() {
        check(&[(Committed, version(15, 5, 1)), (New, version(14, 9, 2))], 0);
    }

    #[test]
    fn the_later_event_wins_within_a_day_and_then_the_later_row() {
        check(&[(New, version(14, 2, 1)), (New, version(14, 1, 2))], 0);
        let mut later = version(14, 1, 2);
        later.source_row = 2;
        check(&[(New, version(14, 1, 1)), (New, later)], 1);
        let mut other = version(14, 1, 2);
        other.source_object = Arc::from("b.csv");
        check(&[(New, other), (New, version(14, 1, 1))], 0);
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
    fn a_version_that_comes_back_is_a_new_one() {
        check(
            &[
                (Committed, version(13, 5, 1)),
                (New, version(14, 5, 2)),
                (New, version(15, 5, 1)),
            ],
            2,
        );
    }

    #[test]
    fn without_hashes_the_latest_wins() {
        let mut old = version(13, 5, 1);
        let mut new = version(14, 5, 1);
        (old.row_hash, new.row_hash) = (None, None);
        check(&[(Committed, old), (New, new)], 1);
    }
}
