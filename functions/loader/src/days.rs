//! The event days that a load touches, as a predicate: Redshift's zone maps then leave out the blocks of all other days. Pure: no
//! I/O.
//!
//! A row that a load brings is held by the warehouse in one of three ways: not at all, on the day that it has now, or, if
//! its key has moved, on another day. In the last case the commit that moved it has removed a file of the old day, since the
//! row is not there any more. So the days of the files added and removed between two versions hold every row that a
//! load can meet.

use crate::silver_file::SilverFile;
use cardlake_core::contract::{ColumnType, Contract};
use cardlake_core::sql::{identifier, literal};
use chrono::NaiveDate;
use std::collections::BTreeSet;

/// Days listed one by one at most; beyond, only the first and the last one bound the predicate.
const MAX_LISTED: usize = 400;

/// Days of a date column; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Days {
    column: String,
    days: BTreeSet<NaiveDate>,
}

impl Days {
    /// The days of these values of a column; `None`: there are none, or one of them is no day.
    pub(crate) fn new<'a>(column: &str, values: impl IntoIterator<Item = Option<&'a str>>) -> Option<Self> {
        let day = |value: Option<&str>| value?.parse().ok();
        let days: BTreeSet<NaiveDate> = values.into_iter().map(day).collect::<Option<_>>()?;
        (!days.is_empty()).then(|| Self {
            column: column.to_owned(),
            days,
        })
    }

    /// The days of the files added and removed between two versions. `None`: the table is not partitioned by day, or a file
    /// does not tell its day.
    pub(crate) fn touched(contract: &Contract, added: &[SilverFile], removed: &[String]) -> Option<Self> {
        let is_date = |name: &&String| {
            let column = contract.column(name);
            column.is_some_and(|column| column.column_type == ColumnType::Date)
        };
        let column = contract.partition_columns.iter().find(is_date)?;
        let added = added.iter().map(|file| file.partition.get(column)?.as_deref());
        // The log names removed files by their path alone, and the path has the partition.
        let folder = format!("{column}=");
        let removed = removed
            .iter()
            .map(|path| path.split('/').find_map(|part| part.strip_prefix(folder.as_str())));
        Self::new(column, added.chain(removed))
    }

    /// The predicate on a table or alias: `table."day" between … and …`, with the days themselves if some in between are missing.
    pub(crate) fn predicate(&self, table: Option<&str>) -> String {
        let column = identifier(&self.column);
        let column = table.map_or_else(|| column.clone(), |table| format!("{table}.{column}"));
        let text = |day: &NaiveDate| literal(&day.to_string());
        let (Some(first), Some(last)) = (self.days.first(), self.days.last()) else {
            return "true".to_owned();
        };
        let mut predicate = format!("{column} between {} and {}", text(first), text(last));
        let is_gapless = (*last - *first).num_days() + 1 == self.days.len() as i64;
        if !is_gapless && self.days.len() <= MAX_LISTED {
            let days = self.days.iter().map(text).collect::<Vec<_>>().join(", ");
            predicate.push_str(&format!(" and {column} in ({days})"));
        }
        predicate
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::silver_file::Partition;
    use cardlake_core::contract::Contracts;

    fn file(day: Option<&str>) -> SilverFile {
        SilverFile {
            path: "a.parquet".to_owned(),
            size: 1,
            rows: 1,
            partition: Partition::from([("txn_date".to_owned(), day.map(str::to_owned))]),
        }
    }

    #[test]
    fn the_days_of_added_and_removed_files_bound_a_load() {
        let contracts = Contracts::load(&cardlake_assets::embedded()).unwrap();
        let contract = contracts.get("transactions").unwrap();
        let (late, today) = ([file(Some("2026-01-14"))], [file(Some("2026-01-15"))]);
        let touched = |added: &[SilverFile], removed: &[&str]| {
            let removed: Vec<String> = removed.iter().map(|path| (*path).to_owned()).collect();
            Days::touched(contract, added, &removed).map(|days| days.predicate(Some("held")))
        };
        insta::assert_snapshot!(
            touched(&[late.clone(), today.clone()].concat(), &[]).unwrap(),
            @r#"held."txn_date" between '2026-01-14' and '2026-01-15'"#
        );
        // The old row of a key that has moved.
        insta::assert_snapshot!(
            touched(&today, &["merchant_category=taxi/txn_date=2025-11-30/old.parquet"]).unwrap(),
            @r#"held."txn_date" between '2025-11-30' and '2026-01-15' and held."txn_date" in ('2025-11-30', '2026-01-15')"#
        );
        assert_eq!(touched(&today, &["old.parquet"]), None, "its day is unknown");
        assert_eq!(touched(&[file(None)], &[]), None);
        assert_eq!(touched(&[], &[]), None);
        let cards = contracts.get("cards").unwrap();
        assert_eq!(Days::touched(cards, &late, &[]), None, "not partitioned by day");
    }
}
