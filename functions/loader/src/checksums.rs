//! Checksum comparison of silver and the warehouse, partition by partition: the last leg of the conservation law. No I/O.
//!
//! For every partition that a load touches, the rows, the distinct keys and the sums of the checksum columns that the
//! files of the Delta version have are held against the raw table, inside the transaction of the load: a difference
//! rolls it back. The checksum columns are the exact numbers of the contract (an amount) and its row hash, whose sum
//! says that the same versions of the same rows are there. Keys are unique in silver, so that there a partition has as
//! many keys as rows.

use crate::days::Days;
use crate::error::LoaderError;
use crate::silver_file::{FileContents, Partition, SilverFile};
use crate::sql::{RAW, Role};
use arrow::datatypes::{Decimal128Type, DecimalType};
use cardlake_aws::data_api::{ResultSet, Value};
use cardlake_core::contract::{ColumnType, Contract, Derivation};
use cardlake_core::events::ComparedPartitions;
use cardlake_core::sql::{identifier, identifiers, literal, relation};
use std::collections::{BTreeMap, BTreeSet};

/// Groups that are compared at most; beyond, partition columns are left out from the last one on.
const MAX_GROUPS: usize = 5_000;
/// Rows whose checksum columns are read at most, about a minute's worth; beyond, rows and keys alone are compared.
pub(crate) const MAX_SUMMED_ROWS: u64 = 100_000_000;
/// Groups of one INSERT: it stays far below the limit of a statement.
const GROUPS_OF_A_STATEMENT: usize = 300;
/// Digits of a summed decimal at most: 38 hold the sum of ten thousand million of them.
const MAX_SUMMED_DIGITS: u8 = 28;
/// Differences that an error names.
const SHOWN_DIFFERENCES: usize = 5;

/// A column that is added up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SumColumn {
    pub(crate) name: String,
    /// Digits after the point.
    scale: i8,
    /// A sum of whole numbers needs more digits than they have.
    widen: bool,
}

/// The checksum columns of a contract.
pub(crate) fn sum_columns(contract: &Contract) -> Vec<SumColumn> {
    let columns = contract.file_columns().filter_map(|column| {
        let (scale, widen) = match column.column_type {
            ColumnType::Decimal { precision, scale } if precision <= MAX_SUMMED_DIGITS => (scale, false),
            ColumnType::Integer { bits: 64 } if column.derivation == Some(Derivation::RowHash) => (0, true),
            _ => return None,
        };
        Some(SumColumn {
            name: column.name.clone(),
            scale,
            widen,
        })
    });
    columns.collect()
}

/// Which groups of files a load touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    /// The partition columns that tell groups apart; none: the whole table is one group.
    columns: Vec<String>,
    /// All files of the version in these groups.
    pub(crate) files: Vec<SilverFile>,
}

impl Scope {
    /// The groups of the new files, with all files that they have at the version.
    pub(crate) fn new(contract: &Contract, new: &[SilverFile], all: &[SilverFile]) -> Self {
        Self::within(MAX_GROUPS, contract, new, all)
    }

    fn within(limit: usize, contract: &Contract, new: &[SilverFile], all: &[SilverFile]) -> Self {
        let mut columns = contract.partition_columns.clone();
        loop {
            let touched: BTreeSet<Partition> = new.iter().map(|file| group(&columns, file)).collect();
            if touched.len() <= limit || columns.is_empty() {
                let files = all.iter().filter(|file| touched.contains(&group(&columns, file)));
                let files = files.cloned().collect();
                return Self { columns, files };
            }
            columns.pop();
        }
    }

    /// Rows of the groups.
    pub(crate) fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }
}

fn group(columns: &[String], file: &SilverFile) -> Partition {
    let value = |column: &String| (column.clone(), file.partition.get(column).cloned().flatten());
    columns.iter().map(value).collect()
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Totals {
    rows: u64,
    /// In the order of the sum columns, in units of the last digit.
    sums: Vec<i128>,
}

/// What the raw table has to hold in the groups of a scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    columns: Vec<String>,
    sums: Vec<SumColumn>,
    groups: BTreeMap<Partition, Totals>,
}

impl Expected {
    /// From the files of a scope and their contents; `sums` is empty when nothing was added up.
    ///
    /// # Errors
    /// A file has a checksum column that was not added up.
    pub(crate) fn new(
        dataset: &str,
        scope: Scope,
        contents: &[FileContents],
        sums: Vec<SumColumn>,
    ) -> Result<Self, LoaderError> {
        let mut groups: BTreeMap<Partition, Totals> = BTreeMap::new();
        for (file, contents) in scope.files.iter().zip(contents) {
            let totals = groups.entry(group(&scope.columns, file)).or_default();
            totals.rows += file.rows;
            totals.sums.resize(sums.len(), 0);
            for (total, column) in totals.sums.iter_mut().zip(&sums) {
                match contents.sums.get(&column.name) {
                    Some(sum) => *total += sum,
                    None if contents.columns.iter().any(|(name, _)| *name == column.name) => {
                        return Err(LoaderError::Contents {
                            dataset: dataset.to_owned(),
                            file: file.path.clone(),
                            problem: format!("its column {} was not added up", column.name),
                        });
                    }
                    // A file from before the contract had the column: null in the raw table, which adds nothing.
                    None => {}
                }
            }
        }
        Ok(Self {
            columns: scope.columns,
            sums,
            groups,
        })
    }

    /// For the output.
    pub(crate) fn summary(&self) -> ComparedPartitions {
        let sum = |index: usize| self.groups.values().map(|totals| totals.sums[index]).sum();
        let sums = self.sums.iter().enumerate();
        ComparedPartitions {
            partitions: self.groups.len() as u64,
            rows: self.groups.values().map(|totals| totals.rows).sum(),
            sums: sums
                .map(|(index, column)| (column.name.clone(), decimal(sum(index), column.scale)))
                .collect(),
        }
    }

    /// Statements that fail unless the raw table holds what is expected.
    pub(crate) fn statements(&self, contract: &Contract) -> Vec<(Role, String)> {
        let expected = identifier(&format!("expected_{}", contract.dataset));
        let keys = self.columns.iter().map(|name| {
            let physical_type = contract
                .column(name)
                .map_or("VARCHAR(65535)", |column| &column.physical_type);
            format!("{} {physical_type}", identifier(name))
        });
        let sums = self
            .sums
            .iter()
            .map(|column| format!("{} DECIMAL(38,{})", sum_name(column), column.scale));
        let counts = ["silver_rows BIGINT", "silver_keys BIGINT"].map(str::to_owned);
        let columns: Vec<String> = keys.chain(counts).chain(sums).collect();
        let mut statements = vec![(
            Role::Expect,
            format!("create temp table {expected} (\n  {}\n)", columns.join(",\n  ")),
        )];
        let rows: Vec<String> = self
            .groups
            .iter()
            .map(|(group, totals)| self.values(group, totals))
            .collect();
        for rows in rows.chunks(GROUPS_OF_A_STATEMENT) {
            statements.push((
                Role::Expect,
                format!("insert into {expected} values\n{}", rows.join(",\n")),
            ));
        }
        let count = self.groups.len();
        statements.push((
            Role::CheckBalance,
            format!(
                "select cast(case when count(*) = 0 then '{count}' else 'the books differ' end as bigint) \
                 as partitions\nfrom (\nselect * from {expected}\nexcept\n{}\n) as differing",
                self.actual(contract)
            ),
        ));
        statements
    }

    /// The groups as the raw table has them, in the form of the expected ones.
    fn actual(&self, contract: &Contract) -> String {
        let groups: Vec<String> = self.columns.iter().map(|name| identifier(name)).collect();
        let sums = self.sums.iter().map(|column| {
            let name = identifier(&column.name);
            if column.widen {
                format!("coalesce(sum(cast({name} as DECIMAL(38,0))), 0)")
            } else {
                format!("coalesce(sum({name}), 0)")
            }
        });
        let counts = ["count(*)".to_owned(), format!("count(distinct {})", key(contract))];
        let columns: Vec<String> = groups.iter().cloned().chain(counts).chain(sums).collect();
        format!("select {} from {}", columns.join(", "), self.groups_of_table(contract))
    }

    /// Asks for the rows of each group, keys as text.
    pub(crate) fn question(&self, contract: &Contract) -> String {
        let keys = self
            .columns
            .iter()
            .map(|name| format!("cast({} as varchar)", identifier(name)));
        let columns: Vec<String> = keys.chain(["count(*)".to_owned()]).collect();
        format!("select {} from {}", columns.join(", "), self.groups_of_table(contract))
    }

    fn groups_of_table(&self, contract: &Contract) -> String {
        let mut text = relation(RAW, &contract.dataset);
        if let Some(days) = self.days(contract) {
            // Only the blocks of these days are read, where the day is the sort key.
            text.push_str(&format!("\nwhere {}", days.predicate(None)));
        }
        if !self.columns.is_empty() {
            let names = identifiers(self.columns.iter().map(String::as_str));
            text.push_str(&format!("\ngroup by {names}"));
        }
        text
    }

    /// The values of the first date column, if none of them is null.
    fn days(&self, contract: &Contract) -> Option<Days> {
        let is_date = |name: &&String| {
            let column = contract.column(name);
            column.is_some_and(|column| column.column_type == ColumnType::Date)
        };
        let column = self.columns.iter().find(is_date)?;
        let days = self.groups.keys().map(|group| group.get(column)?.as_deref());
        Days::new(column, days)
    }

    fn values(&self, group: &Partition, totals: &Totals) -> String {
        let keys = self.columns.iter().map(|name| match group.get(name) {
            Some(Some(value)) => literal(value),
            _ => "null".to_owned(),
        });
        let counts = [totals.rows.to_string(), totals.rows.to_string()];
        let sums = self.sums.iter().zip(&totals.sums);
        let sums = sums.map(|(column, sum)| decimal(*sum, column.scale));
        format!("({})", keys.chain(counts).chain(sums).collect::<Vec<_>>().join(", "))
    }

    /// How the groups of the raw table differ from the files that silver had at a version; at most a few sentences.
    ///
    /// # Errors
    /// The answer has another shape than [`Self::question`] asks for.
    pub(crate) fn differences(
        &self,
        answer: &ResultSet,
        files: &[SilverFile],
        version: i64,
    ) -> Result<Vec<String>, LoaderError> {
        let mut silver: BTreeMap<Partition, u64> = self.groups.keys().map(|group| (group.clone(), 0)).collect();
        for file in files {
            if let Some(rows) = silver.get_mut(&group(&self.columns, file)) {
                *rows += file.rows;
            }
        }
        let mut warehouse: BTreeMap<Partition, u64> = BTreeMap::new();
        for row in &answer.rows {
            let unexpected = || LoaderError::Result {
                what: "row counts by partition",
                problem: format!("{row:?} does not end with a count"),
            };
            let (count, keys) = row.split_last().ok_or_else(unexpected)?;
            let count = count.integer().and_then(|count| u64::try_from(count).ok());
            let count = count.ok_or_else(unexpected)?;
            let keys = self.columns.iter().zip(keys).map(|(column, value)| {
                let text = (*value != Value::Null).then(|| value.display());
                (column.clone(), text)
            });
            warehouse.insert(keys.collect(), count);
        }
        let differing = silver.iter().filter_map(|(group, rows)| {
            // A partition that the raw table lacks has no rows there.
            let held = warehouse.get(group).copied().unwrap_or_default();
            (held != *rows).then(|| {
                format!(
                    "{}: {held} rows in the warehouse, {rows} in silver at version {version}",
                    name(group)
                )
            })
        });
        Ok(differing.take(SHOWN_DIFFERENCES).collect())
    }
}

/// A partition as people read it.
fn name(group: &Partition) -> String {
    if group.is_empty() {
        return "the table".to_owned();
    }
    let parts = group
        .iter()
        .map(|(column, value)| format!("{column}={}", value.as_deref().unwrap_or("null")));
    parts.collect::<Vec<_>>().join("/")
}

fn sum_name(column: &SumColumn) -> String {
    identifier(&format!("sum_{}", column.name))
}

/// What tells rows apart: the key, or the text of all its columns.
fn key(contract: &Contract) -> String {
    match contract.primary_key.as_slice() {
        [one] => identifier(one),
        several => {
            let texts = several
                .iter()
                .map(|column| format!("cast({} as varchar)", identifier(column)));
            texts.collect::<Vec<_>>().join(" || '/' || ")
        }
    }
}

fn decimal(units: i128, scale: i8) -> String {
    Decimal128Type::format_decimal(units, 38, scale)
}

#[cfg(test)]
mod tests;
