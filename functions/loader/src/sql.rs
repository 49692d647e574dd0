//! The statements around a load: ledger, tables from contracts, counts, load errors. Pure: no I/O.

use cardlake_core::contract::{ColumnType, Contract};
use cardlake_core::sql::{identifier, identifiers, literal, relation};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// Schema of the tables that mirror silver.
pub(crate) const RAW: &str = "raw";
/// Name of the table of quarantined rows, in the same schema.
pub(crate) const QUARANTINE: &str = "quarantine";
/// Column of every raw table: the Delta version at which the row was last taken over. Models use it to find news.
pub(crate) const LOAD_VERSION: &str = "load_version";
/// Version in the ledger of a dataset that was never loaded.
pub(crate) const NEVER: i64 = -1;

/// What a statement of a load is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// Makes or widens the table.
    Define,
    /// Fails when the ledger is not what the load was planned from.
    CheckLedger,
    /// Locks the ledger row.
    ClaimLedger,
    /// Makes the temporary table for the files.
    Stage,
    /// Fills it.
    Copy,
    /// Fails unless as many rows came as the Delta log says; gives their number.
    CheckRows,
    /// Makes the temporary table with all columns of the rows that are new or changed.
    Derive,
    /// Brings the rows into the table.
    Merge,
    /// Writes down what the table has to hold now.
    Expect,
    /// Fails unless it holds that; gives the number of partitions.
    CheckBalance,
    /// Replaces the batch's rows of the quarantine table.
    Quarantine,
    /// Writes the ledger row.
    WriteLedger,
    /// Counts the table.
    Count,
}

impl Role {
    /// As an error message names it.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Define => "DDL of",
            Self::CheckLedger => "ledger check of",
            Self::ClaimLedger => "ledger lock of",
            Self::Stage => "staging table of",
            Self::Copy => "COPY into",
            Self::CheckRows => "row check of",
            Self::Derive => "partition columns of",
            Self::Merge => "MERGE into",
            Self::Expect => "expected books of",
            Self::CheckBalance => "balance of",
            Self::Quarantine => "quarantine of",
            Self::WriteLedger => "ledger row of",
            Self::Count => "count of",
        }
    }
}

/// Makes schemas and ledger, gives the ledger and the columns of the raw tables (the last two statements have results).
pub(crate) fn prepare(datasets: &[&str], batch_date: NaiveDate) -> Vec<String> {
    let seeds = datasets.iter().map(|dataset| {
        format!(
            "select {name}, {NEVER}, {NEVER}, cast('{batch_date}' as date), 0, 0, false, true\n\
             where not exists (select 1 from \"ops\".\"loads\" where dataset = {name})",
            name = literal(dataset)
        )
    });
    vec![
        format!("create schema if not exists {}", identifier(RAW)),
        "create schema if not exists \"ops\"".to_owned(),
        "create table if not exists \"ops\".\"loads\" (\n  \
           dataset varchar(128) not null,\n  \
           version bigint not null,\n  \
           previous_version bigint not null,\n  \
           batch_date date not null,\n  \
           files bigint not null,\n  \
           copied_rows bigint not null,\n  \
           full_refresh boolean not null,\n  \
           is_current boolean not null\n\
         ) diststyle all"
            .to_owned(),
        define_quarantine(),
        format!(
            "insert into \"ops\".\"loads\" (dataset, version, previous_version, batch_date, files, copied_rows, \
             full_refresh, is_current)\n{}",
            seeds.collect::<Vec<_>>().join("\nunion all\n")
        ),
        "select dataset, version from \"ops\".\"loads\" where is_current order by dataset".to_owned(),
        format!(
            "select table_name, column_name from information_schema.columns where table_schema = {} \
             order by table_name, ordinal_position",
            literal(RAW)
        ),
    ]
}

/// Makes the table of quarantined rows.
pub(crate) fn define_quarantine() -> String {
    format!(
        "create table if not exists {} (\n  \
           dataset varchar(128) not null,\n  \
           batch_date date not null,\n  \
           object varchar(1024) not null,\n  \
           source_row bigint,\n  \
           reason varchar(65535) not null\n\
         ) diststyle even sortkey (batch_date)",
        relation(RAW, QUARANTINE)
    )
}

/// Makes the table, or adds the columns that it lacks. `existing` is empty when there is no table.
pub(crate) fn define(contract: &Contract, existing: &[String]) -> Vec<String> {
    let target = relation(RAW, &contract.dataset);
    if existing.is_empty() {
        return vec![create_table(contract, &target)];
    }
    let lacking = all_columns(contract).filter(|(name, ..)| !existing.iter().any(|known| known == name));
    lacking
        .map(|(name, physical_type, _)| format!("alter table {target} add column {} {physical_type}", identifier(name)))
        .collect()
}

/// Every column of the raw table: name, type, encoding.
fn all_columns(contract: &Contract) -> impl Iterator<Item = (&str, &str, &'static str)> {
    let leading_sort_key = contract.sort_keys.first();
    let columns = contract.columns.iter().map(move |column| {
        let encoding = if leading_sort_key == Some(&column.name) {
            "raw"
        } else {
            encoding(column.column_type)
        };
        (column.name.as_str(), column.physical_type.as_str(), encoding)
    });
    columns.chain([(LOAD_VERSION, "BIGINT", "az64")])
}

/// AZ64 for what it can compress, ZSTD for text; the leading sort key stays raw, as range scans decide there.
const fn encoding(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Integer { .. } | ColumnType::Decimal { .. } | ColumnType::Date | ColumnType::Timestamp => "az64",
        ColumnType::String => "zstd",
        ColumnType::Boolean | ColumnType::Double => "raw",
    }
}

fn create_table(contract: &Contract, target: &str) -> String {
    let columns = all_columns(contract).map(|(name, physical_type, encoding)| {
        let required = contract.column(name).is_none_or(|column| column.required);
        let null = if required { " not null" } else { "" };
        format!("  {} {physical_type}{null} encode {encoding}", identifier(name))
    });
    let mut text = format!(
        "create table if not exists {target} (\n{},\n  primary key ({})\n)",
        columns.collect::<Vec<_>>().join(",\n"),
        identifiers(contract.primary_key.iter().map(String::as_str))
    );
    if let Some(key) = &contract.distribution_key {
        text.push_str(&format!(" diststyle key distkey ({})", identifier(key)));
    }
    if !contract.sort_keys.is_empty() {
        let keys = identifiers(contract.sort_keys.iter().map(String::as_str));
        text.push_str(&format!(" compound sortkey ({keys})"));
    }
    text
}

/// Counts a raw table.
pub(crate) fn count(dataset: &str) -> String {
    format!("select count(*) from {}", relation(RAW, dataset))
}

/// Asks where a COPY failed: the newest notes about the query, or about the dataset's files when its number is unknown.
pub(crate) fn load_errors(query_id: Option<i64>, folder: &str) -> String {
    let which = query_id.map_or_else(
        || format!("position({} in file_name) > 0", literal(folder)),
        |id| format!("query_id = {id}"),
    );
    format!(
        "select trim(file_name) as file_name, line_number, trim(column_name) as column_name, \
         trim(error_message) as error_message\n\
         from sys_load_error_detail where {which} order by start_time desc limit 5"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use cardlake_core::contract::Contracts;

    fn contract(dataset: &str) -> std::sync::Arc<Contract> {
        let contracts = Contracts::load(&cardlake_assets::embedded()).unwrap();
        contracts.get(dataset).unwrap().clone()
    }

    #[test]
    fn the_table_is_made_from_the_contract_and_widened_by_what_it_lacks() {
        let contract = contract("cards");
        let existing: Vec<_> = contract.columns.iter().map(|column| column.name.clone()).collect();
        let mut statements = define(&contract, &[]);
        statements.extend(define(&contract, &existing[1..]));
        insta::assert_snapshot!(statements.join(";\n"));
        let all: Vec<_> = existing.into_iter().chain([LOAD_VERSION.to_owned()]).collect();
        assert_eq!(define(&contract, &all), [""; 0]);
    }

    #[test]
    fn the_ledger_is_made_and_read() {
        let statements = prepare(&["cards", "o'x"], "2026-01-15".parse().unwrap());
        insta::assert_snapshot!(statements.join(";\n"));
    }
}
