//! The transaction that merges new files of a dataset into its raw table, generated from the contract. No I/O.

use crate::checksums::Expected;
use crate::days::Days;
use crate::error::LoaderError;
use crate::sql::{LOAD_VERSION, RAW, Role};
use crate::staging::FileGroup;
use cardlake_core::contract::{Column, Contract, Derivation};
use cardlake_core::sql::{identifier, identifiers, literal, relation};
use chrono::NaiveDate;

/// The transaction that merges new files of a dataset into its raw table.
pub(crate) struct Load<'a> {
    pub(crate) contract: &'a Contract,
    pub(crate) batch_date: NaiveDate,
    /// Version in the ledger when this load was planned.
    pub(crate) ledger_version: i64,
    /// Version to reach.
    pub(crate) version: u64,
    pub(crate) full_refresh: bool,
    /// The days that rows of the files have, now or in the raw table; `None`: any.
    pub(crate) days: Option<&'a Days>,
    /// The files; empty: nothing to copy.
    pub(crate) sources: &'a [CopySource],
    /// Role for COPY; `None`: the default one.
    pub(crate) role_arn: Option<&'a str>,
    /// Expected contents of the touched partitions afterwards.
    pub(crate) expected: Option<&'a Expected>,
}

/// Files with the same columns, and the manifest that lists them.
#[derive(Debug, Clone)]
pub(crate) struct CopySource {
    /// URL of the manifest.
    pub(crate) manifest: String,
    pub(crate) group: FileGroup,
}

impl Load<'_> {
    /// All statements but DDL and count, in order.
    pub(crate) fn statements(&self) -> Result<Vec<(Role, String)>, LoaderError> {
        let dataset = literal(&self.contract.dataset);
        let target = relation(RAW, &self.contract.dataset);
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
            statements.push((Role::Merge, format!("delete from {target}")));
        }
        if !self.sources.is_empty() {
            self.copy(&mut statements);
            if self.full_refresh {
                statements.push((Role::Merge, self.insert(&target)?));
            } else {
                statements.push((Role::Derive, self.changes(&target)?));
                statements.push((Role::Merge, self.merge(&target)));
            }
        }
        if let Some(expected) = self.expected {
            statements.extend(expected.statements(self.contract));
        }
        let files = self.sources.iter().flat_map(|source| &source.group.files);
        statements.push((
            Role::WriteLedger,
            format!(
                "insert into \"ops\".\"loads\" (dataset, version, previous_version, batch_date, files, copied_rows, \
                 full_refresh, is_current)\n\
                 select {dataset}, {}, {}, cast('{}' as date), {}, {}, {}, true",
                self.version,
                self.ledger_version,
                self.batch_date,
                files.count(),
                self.rows(),
                self.full_refresh
            ),
        ));
        Ok(statements)
    }

    /// Rows that the Delta log says are in the files.
    fn rows(&self) -> u64 {
        let files = self.sources.iter().flat_map(|source| &source.group.files);
        files.map(|file| file.rows).sum()
    }

    fn copy(&self, statements: &mut Vec<(Role, String)>) {
        for (index, source) in self.sources.iter().enumerate() {
            let stage = self.stage(index);
            let columns = source.group.columns.iter();
            let columns = columns.map(|(name, physical_type)| format!("  {} {physical_type}", identifier(name)));
            let key = self.distribution_key();
            // Rows meet those of the raw table on the same slice.
            let key = key.filter(|key| source.group.columns.iter().any(|(name, _)| name == key));
            let distribution = key.map_or_else(String::new, distributed_by);
            statements.push((
                Role::Stage,
                format!(
                    "create temp table {stage} (\n{}\n){distribution}",
                    columns.collect::<Vec<_>>().join(",\n")
                ),
            ));
            statements.push((
                Role::Copy,
                format!(
                    "copy {stage} from {} iam_role {} format as parquet manifest",
                    literal(&source.manifest),
                    self.role_arn.map_or_else(|| "default".to_owned(), literal)
                ),
            ));
        }
        let rows = self.rows();
        let counts = (0..self.sources.len()).map(|index| format!("select count(*) as n from {}", self.stage(index)));
        statements.push((
            Role::CheckRows,
            format!(
                "select cast(case when sum(n) = {rows} then '{rows}' else 'the log says {rows} rows' end as bigint) \
                 as copied_rows\nfrom ({}) as counts",
                counts.collect::<Vec<_>>().join(" union all ")
            ),
        ));
    }

    fn distribution_key(&self) -> Option<&str> {
        self.contract.distribution_key.as_deref()
    }

    /// Name of the temporary table with the columns of a group of files.
    fn stage(&self, index: usize) -> String {
        let dataset = &self.contract.dataset;
        identifier(&match index {
            0 => format!("staged_{dataset}"),
            _ => format!("staged_{dataset}_{}", index + 1),
        })
    }

    /// Name of the temporary table with inserted and changed rows.
    fn incoming(&self) -> String {
        identifier(&format!("incoming_{}", self.contract.dataset))
    }

    /// All rows of the files with all columns of the contract.
    fn staged(&self) -> Result<String, LoaderError> {
        let selects = self.sources.iter().enumerate().map(|(index, source)| {
            let columns = self
                .contract
                .columns
                .iter()
                .map(|column| self.derived(column, &source.group));
            let columns = columns.collect::<Result<Vec<_>, _>>()?;
            Ok(format!("select\n{}\nfrom {}", columns.join(",\n"), self.stage(index)))
        });
        let selects = selects.collect::<Result<Vec<_>, LoaderError>>()?;
        Ok(selects.join("\nunion all\n"))
    }

    /// A column of the contract: what the files have as it is, partition columns from their derivation, null for what
    /// came into the contract after the files.
    fn derived(&self, column: &Column, group: &FileGroup) -> Result<String, LoaderError> {
        let name = identifier(&column.name);
        let in_files = |wanted: &str| group.columns.iter().any(|(name, _)| name == wanted);
        if in_files(&column.name) {
            return Ok(format!("  {name}"));
        }
        let expression = match &column.derivation {
            _ if !self.contract.partition_columns.contains(&column.name) => "null".to_owned(),
            Some(Derivation::Lookup { from, values }) if in_files(from) => {
                let cases = values
                    .iter()
                    .map(|(value, result)| format!(" when {} then {}", literal(value), literal(result)));
                format!("case {}{} end", identifier(from), cases.collect::<String>())
            }
            Some(Derivation::DateOf { from }) if in_files(from) => match self.contract.source.time_zone {
                None => format!("trunc({})", identifier(from)),
                Some(zone) => format!(
                    "trunc(convert_timezone('UTC', {}, {}))",
                    literal(zone.name()),
                    identifier(from)
                ),
            },
            _ => {
                return Err(LoaderError::PartitionColumn {
                    dataset: self.contract.dataset.clone(),
                    column: column.name.clone(),
                });
            }
        };
        Ok(format!("  cast({expression} as {}) as {name}", column.physical_type))
    }

    /// Builds the temp table of inserted and changed rows. A file that was rewritten for some of its rows has all others
    /// unchanged: those are not touched, so that `load_version` marks what changed.
    fn changes(&self, target: &str) -> Result<String, LoaderError> {
        let columns = self
            .contract
            .columns
            .iter()
            .map(|column| format!("staged.{}", identifier(&column.name)));
        let keys = self.contract.primary_key.iter().map(|key| {
            let key = identifier(key);
            format!("held.{key} = staged.{key}")
        });
        let keys = keys.chain(self.days.map(|days| days.predicate(Some("held"))));
        let others = self.contract.columns.iter();
        let others = others.filter(|column| !self.contract.primary_key.contains(&column.name));
        let same = others.map(|column| {
            let name = identifier(&column.name);
            let equal = format!("held.{name} = staged.{name}");
            if column.required {
                equal
            } else {
                format!("({equal} or held.{name} is null and staged.{name} is null)")
            }
        });
        let distribution = self.distribution_key().map_or_else(String::new, distributed_by);
        Ok(format!(
            "create temp table {}{distribution} as\nselect {}\nfrom (\n{}\n) as staged\n\
             left join {target} as held on {}\n\
             where case when {} then false else true end",
            self.incoming(),
            columns.collect::<Vec<_>>().join(", "),
            self.staged()?,
            keys.collect::<Vec<_>>().join(" and "),
            // A table whose columns are all keys: what is there is the same.
            same.chain([format!(
                "held.{} is not null",
                identifier(&self.contract.primary_key[0])
            )])
            .collect::<Vec<_>>()
            .join("\n and "),
        ))
    }

    /// MERGE takes a table as source, and no alias for the target.
    fn merge(&self, target: &str) -> String {
        let keys = self.contract.primary_key.iter().map(|key| {
            let key = identifier(key);
            format!("{target}.{key} = incoming.{key}")
        });
        let keys = keys.chain(self.days.map(|days| days.predicate(Some(target))));
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
            "merge into {target} using {} as incoming on {}\n\
             when matched then update set\n{}\n\
             when not matched then insert ({})\nvalues ({})",
            self.incoming(),
            keys.collect::<Vec<_>>().join(" and "),
            updates.join(",\n"),
            self.target_columns(),
            values.join(", ")
        )
    }

    fn insert(&self, target: &str) -> Result<String, LoaderError> {
        let columns = identifiers(self.contract.columns.iter().map(|column| column.name.as_str()));
        Ok(format!(
            "insert into {target} ({})\nselect {columns}, {} from (\n{}\n) as staged",
            self.target_columns(),
            self.version,
            self.staged()?
        ))
    }

    fn target_columns(&self) -> String {
        let names = self.contract.columns.iter().map(|column| column.name.as_str());
        identifiers(names.chain([LOAD_VERSION]))
    }
}

fn distributed_by(key: &str) -> String {
    format!(" diststyle key distkey ({})", identifier(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::silver_file::{Partition, SilverFile};
    use crate::sql::{count, define, load_errors, prepare};
    use cardlake_core::contract::Contracts;
    use sqlparser::dialect::RedshiftSqlDialect;
    use sqlparser::parser::Parser;

    fn source(contract: &Contract, without: &[&str]) -> CopySource {
        let columns = contract
            .file_columns()
            .filter(|column| !without.contains(&column.name.as_str()));
        let columns = columns.map(|column| (column.name.clone(), column.physical_type.clone()));
        let file = |path: &str, rows| SilverFile {
            path: path.to_owned(),
            size: 1,
            rows,
            partition: Partition::new(),
        };
        CopySource {
            manifest: "s3://silver/_loads/transactions/3-5.manifest".to_owned(),
            group: FileGroup {
                columns: columns.collect(),
                files: vec![file("a", 1000), file("b", 234)],
            },
        }
    }

    fn load<'a>(contract: &'a Contract, full_refresh: bool, sources: &'a [CopySource]) -> Load<'a> {
        Load {
            contract,
            batch_date: "2026-01-15".parse().unwrap(),
            ledger_version: 3,
            version: 5,
            full_refresh,
            days: None,
            sources,
            role_arn: Some("arn:aws:iam::123456789012:role/copy"),
            expected: None,
        }
    }

    fn text(statements: &[(Role, String)]) -> String {
        let statements = statements.iter().map(|(role, sql)| format!("-- {role:?}\n{sql};"));
        statements.collect::<Vec<_>>().join("\n")
    }

    fn contract(dataset: &str) -> std::sync::Arc<Contract> {
        let contracts = Contracts::load(&cardlake_assets::embedded()).unwrap();
        contracts.get(dataset).unwrap().clone()
    }

    #[test]
    fn a_partitioned_dataset_is_copied_derived_and_merged() {
        let contract = contract("transactions");
        let sources = [source(&contract, &[])];
        insta::assert_snapshot!(text(&load(&contract, false, &sources).statements().unwrap()));
    }

    #[test]
    fn a_load_that_knows_its_days_compares_and_merges_within_them() {
        let contract = contract("transactions");
        let sources = [source(&contract, &[])];
        let days = Days::new("txn_date", [Some("2026-01-12"), Some("2026-01-15")]);
        let load = Load {
            days: days.as_ref(),
            ..load(&contract, false, &sources)
        };
        let statements = load.statements().unwrap();
        let of_role = |role: Role| &statements.iter().find(|(other, _)| *other == role).unwrap().1;
        let bounded = |table: &str| {
            format!(
                "{table}.\"txn_date\" between '2026-01-12' and '2026-01-15' and {table}.\"txn_date\" in \
                 ('2026-01-12', '2026-01-15')\nwh"
            )
        };
        for (role, table) in [(Role::Derive, "held"), (Role::Merge, "\"raw\".\"transactions\"")] {
            let statement = of_role(role);
            assert!(statement.contains(&bounded(table)), "{statement}");
            if role == Role::Merge {
                let parsed = Parser::parse_sql(&RedshiftSqlDialect {}, statement);
                assert_eq!(parsed.map(|parsed| parsed.len()), Ok(1), "{statement}");
            }
        }
    }

    #[test]
    fn the_day_of_an_event_is_that_of_the_sources_zone() {
        let mut contract = Contract::clone(&contract("transactions"));
        contract.source.time_zone = Some("Asia/Seoul".parse().unwrap());
        let sources = [source(&contract, &[])];
        let statements = text(&load(&contract, false, &sources).statements().unwrap());
        let day = "cast(trunc(convert_timezone('UTC', 'Asia/Seoul', \"txn_ts\")) as DATE) as \"txn_date\"";
        assert!(statements.contains(day), "{statements}");
    }

    #[test]
    fn a_full_refresh_deletes_and_inserts() {
        let contract = contract("merchants");
        let sources = [source(&contract, &[])];
        insta::assert_snapshot!(text(&load(&contract, true, &sources).statements().unwrap()));
    }

    #[test]
    fn files_of_an_older_contract_have_a_staging_table_of_their_own() {
        let contract = contract("transactions");
        let sources = [source(&contract, &[]), source(&contract, &["channel"])];
        let statements = load(&contract, false, &sources).statements().unwrap();
        let roles: Vec<_> = statements.iter().map(|(role, _)| *role).collect();
        assert_eq!(
            roles[2..8],
            [
                Role::Stage,
                Role::Copy,
                Role::Stage,
                Role::Copy,
                Role::CheckRows,
                Role::Derive
            ]
        );
        let (_, check) = &statements[6];
        assert!(
            check.contains("union all select count(*) as n from \"staged_transactions_2\""),
            "{check}"
        );
        let (_, derive) = &statements[7];
        let (_, older) = derive.split_once("union all").unwrap();
        assert!(older.contains("cast(null as VARCHAR(16)) as \"channel\""), "{derive}");
        assert!(
            older.contains("cast(trunc(\"txn_ts\") as DATE) as \"txn_date\""),
            "{derive}"
        );
    }

    #[test]
    fn no_new_file_means_no_copy() {
        let contract = contract("merchants");
        let load = load(&contract, false, &[]);
        let roles: Vec<_> = load.statements().unwrap().into_iter().map(|(role, _)| role).collect();
        assert_eq!(roles, [Role::CheckLedger, Role::ClaimLedger, Role::WriteLedger]);
    }

    #[test]
    fn redshift_can_parse_what_is_generated() {
        for contract in Contracts::load(&cardlake_assets::embedded()).unwrap().iter() {
            let mut statements = prepare(&[&contract.dataset], "2026-01-15".parse().unwrap());
            for full_refresh in [false, true] {
                let sources = [source(contract, &[]), source(contract, &["ingest_ts"])];
                let load = load(contract, full_refresh, &sources).statements().unwrap();
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
        let sources = [source(&contract, &["channel"])];
        let error = load(&contract, false, &sources).statements().unwrap_err().to_string();
        assert!(error.contains("partition column 'channel'"), "{error}");
    }
}
