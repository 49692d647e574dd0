//! The statements of a load, made from a contract. Pure: no I/O.

use crate::error::LoaderError;
use cardlake_shared::contract::{Column, ColumnType, Contract, Derivation};
use cardlake_shared::sql::{identifier, identifiers, literal, relation};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// Schema of the tables that mirror silver.
pub(crate) const RAW: &str = "raw";
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
    /// Makes the temporary table with all columns.
    Derive,
    /// Brings the rows into the table.
    Merge,
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
            Self::WriteLedger => "ledger row of",
            Self::Count => "count of",
        }
    }
}

/// Where COPY reads and as whom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CopySource<'a> {
    /// URL of the manifest.
    pub(crate) manifest: &'a str,
    /// Role; none: the default one.
    pub(crate) role_arn: Option<&'a str>,
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

/// The batch that brings new files of a dataset into its raw table.
pub(crate) struct Load<'a> {
    pub(crate) contract: &'a Contract,
    pub(crate) batch_date: NaiveDate,
    /// Version in the ledger when this load was planned.
    pub(crate) ledger_version: i64,
    /// Version to reach.
    pub(crate) version: u64,
    pub(crate) full_refresh: bool,
    /// Number of files; none at all: nothing to copy.
    pub(crate) files: usize,
    /// Rows that the Delta log says are in them.
    pub(crate) rows: u64,
    pub(crate) source: CopySource<'a>,
}

impl Load<'_> {
    /// All statements but DDL and count, in order.
    pub(crate) fn statements(&self) -> Result<Vec<(Role, String)>, LoaderError> {
        let dataset = literal(&self.contract.dataset);
        let mut statements = vec![
            (
                Role::CheckLedger,
                format!(
                    "select cast(case when min(version) = {version} and max(version) = {version} then '1' \
                     else 'the ledger has moved' end as integer) as planned\n\
                     from \"ops\".\"loads\" where dataset = {dataset} and is_current",
                    version = self.ledger_version
                ),
            ),
            (
                Role::ClaimLedger,
                format!("update \"ops\".\"loads\" set is_current = false where dataset = {dataset} and is_current"),
            ),
        ];
        if self.full_refresh {
            let target = relation(RAW, &self.contract.dataset);
            statements.push((Role::Merge, format!("delete from {target}")));
        }
        if self.files > 0 {
            self.copy_and_merge(&mut statements)?;
        }
        let copied_rows = if self.files > 0 {
            format!("(select count(*) from {})", self.stage())
        } else {
            "0".to_owned()
        };
        statements.push((
            Role::WriteLedger,
            format!(
                "insert into \"ops\".\"loads\" (dataset, version, previous_version, batch_date, files, copied_rows, \
                 full_refresh, is_current)\n\
                 select {dataset}, {}, {}, cast('{}' as date), {}, {copied_rows}, {}, true",
                self.version, self.ledger_version, self.batch_date, self.files, self.full_refresh
            ),
        ));
        Ok(statements)
    }

    fn copy_and_merge(&self, statements: &mut Vec<(Role, String)>) -> Result<(), LoaderError> {
        let stage = self.stage();
        let columns = self.contract.file_columns();
        let columns = columns.map(|column| format!("  {} {}", identifier(&column.name), column.physical_type));
        statements.push((
            Role::Stage,
            format!(
                "create temp table {stage} (\n{}\n)",
                columns.collect::<Vec<_>>().join(",\n")
            ),
        ));
        statements.push((
            Role::Copy,
            format!(
                "copy {stage} from {} iam_role {} format as parquet manifest",
                literal(self.source.manifest),
                self.source.role_arn.map_or_else(|| "default".to_owned(), literal)
            ),
        ));
        let rows = self.rows;
        statements.push((
            Role::CheckRows,
            format!(
                "select cast(case when count(*) = {rows} then '{rows}' else 'the log says {rows} rows' end as bigint) \
                 as copied_rows from {stage}"
            ),
        ));
        let mut source = stage;
        if !self.contract.partition_columns.is_empty() {
            let derived = identifier(&format!("derived_{}", self.contract.dataset));
            let columns = self.contract.columns.iter().map(|column| self.derived(column));
            let columns = columns.collect::<Result<Vec<_>, _>>()?;
            statements.push((
                Role::Derive,
                format!(
                    "create temp table {derived} as\nselect\n{}\nfrom {source}",
                    columns.join(",\n")
                ),
            ));
            source = derived;
        }
        statements.push((
            Role::Merge,
            if self.full_refresh {
                self.insert(&source)
            } else {
                self.merge(&source)
            },
        ));
        Ok(())
    }

    /// Name of the temporary table with the columns of the files.
    fn stage(&self) -> String {
        identifier(&format!("staged_{}", self.contract.dataset))
    }

    /// A column of the derived table: what the files have as it is, partition columns from their derivation.
    fn derived(&self, column: &Column) -> Result<String, LoaderError> {
        let name = identifier(&column.name);
        if !self.contract.partition_columns.contains(&column.name) {
            return Ok(format!("  {name}"));
        }
        let in_files = |from: &str| !self.contract.partition_columns.iter().any(|other| other == from);
        let expression = match &column.derivation {
            Some(Derivation::Lookup { from, values }) if in_files(from) => {
                let cases = values
                    .iter()
                    .map(|(value, result)| format!(" when {} then {}", literal(value), literal(result)));
                format!("case {}{} end", identifier(from), cases.collect::<String>())
            }
            Some(Derivation::DateOf { from }) if in_files(from) => format!("trunc({})", identifier(from)),
            _ => {
                return Err(LoaderError::PartitionColumn {
                    dataset: self.contract.dataset.clone(),
                    column: column.name.clone(),
                });
            }
        };
        Ok(format!("  cast({expression} as {}) as {name}", column.physical_type))
    }

    /// MERGE takes a table as source, and no alias for the target.
    fn merge(&self, source: &str) -> String {
        let target = relation(RAW, &self.contract.dataset);
        let keys = self.contract.primary_key.iter().map(|key| {
            let key = identifier(key);
            format!("{target}.{key} = incoming.{key}")
        });
        let updates = self.contract.columns.iter();
        let updates = updates.filter(|column| !self.contract.primary_key.contains(&column.name));
        let updates = updates.map(|column| {
            let name = identifier(&column.name);
            format!("  {name} = incoming.{name}")
        });
        let version = format!("  {} = {}", identifier(LOAD_VERSION), self.version);
        let updates: Vec<_> = updates.chain([version]).collect();
        let values = self.contract.columns.iter();
        let values = values.map(|column| format!("incoming.{}", identifier(&column.name)));
        let values: Vec<_> = values.chain([self.version.to_string()]).collect();
        format!(
            "merge into {target} using {source} as incoming on {}\n\
             when matched then update set\n{}\n\
             when not matched then insert ({})\nvalues ({})",
            keys.collect::<Vec<_>>().join(" and "),
            updates.join(",\n"),
            self.target_columns(),
            values.join(", ")
        )
    }

    fn insert(&self, source: &str) -> String {
        let columns = identifiers(self.contract.columns.iter().map(|column| column.name.as_str()));
        format!(
            "insert into {} ({})\nselect {columns}, {} from {source}",
            relation(RAW, &self.contract.dataset),
            self.target_columns(),
            self.version
        )
    }

    fn target_columns(&self) -> String {
        let names = self.contract.columns.iter().map(|column| column.name.as_str());
        identifiers(names.chain([LOAD_VERSION]))
    }
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
    use cardlake_shared::assets::Assets;
    use cardlake_shared::contract::Contracts;
    use sqlparser::dialect::RedshiftSqlDialect;
    use sqlparser::parser::Parser;

    fn load(contract: &Contract, full_refresh: bool) -> Load<'_> {
        Load {
            contract,
            batch_date: "2026-01-15".parse().unwrap(),
            ledger_version: 3,
            version: 5,
            full_refresh,
            files: 2,
            rows: 1234,
            source: CopySource {
                manifest: "s3://silver/_loads/transactions/3-5.manifest",
                role_arn: Some("arn:aws:iam::123456789012:role/copy"),
            },
        }
    }

    fn text(statements: &[(Role, String)]) -> String {
        let statements = statements.iter().map(|(role, sql)| format!("-- {role:?}\n{sql};"));
        statements.collect::<Vec<_>>().join("\n")
    }

    fn contract(dataset: &str) -> std::sync::Arc<Contract> {
        let contracts = Contracts::load(&Assets::Embedded).unwrap();
        contracts.get(dataset).unwrap().clone()
    }

    #[test]
    fn a_partitioned_dataset_is_copied_derived_and_merged() {
        let contract = contract("transactions");
        insta::assert_snapshot!(text(&load(&contract, false).statements().unwrap()));
    }

    #[test]
    fn a_full_refresh_deletes_and_inserts() {
        let contract = contract("merchants");
        insta::assert_snapshot!(text(&load(&contract, true).statements().unwrap()));
    }

    #[test]
    fn no_new_file_means_no_copy() {
        let contract = contract("merchants");
        let load = Load {
            files: 0,
            rows: 0,
            ..load(&contract, false)
        };
        let roles: Vec<_> = load.statements().unwrap().into_iter().map(|(role, _)| role).collect();
        assert_eq!(roles, [Role::CheckLedger, Role::ClaimLedger, Role::WriteLedger]);
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

    #[test]
    fn redshift_can_parse_what_is_generated() {
        for contract in Contracts::load(&Assets::Embedded).unwrap().iter() {
            let mut statements = prepare(&[&contract.dataset], "2026-01-15".parse().unwrap());
            for full_refresh in [false, true] {
                let load = load(contract, full_refresh).statements().unwrap();
                statements.extend(load.into_iter().map(|(_, statement)| statement));
            }
            statements.push(count(&contract.dataset));
            statements.push(load_errors(Some(1), "/cards/"));
            statements.push(load_errors(None, "/cards/"));
            statements.extend(define(contract, &["x".to_owned()]));
            for statement in statements {
                // COPY from S3 is not in the parser.
                if !statement.starts_with("copy ") {
                    let parsed = Parser::parse_sql(&RedshiftSqlDialect {}, &statement);
                    assert_eq!(parsed.map(|parsed| parsed.len()), Ok(1), "{statement}");
                }
            }
        }
    }

    #[test]
    fn a_partition_column_that_sql_cannot_derive_is_refused() {
        let mut contract = (*contract("transactions")).clone();
        contract.partition_columns.push("channel".to_owned());
        let error = load(&contract, false).statements().unwrap_err().to_string();
        assert!(error.contains("partition column 'channel'"), "{error}");
    }
}
