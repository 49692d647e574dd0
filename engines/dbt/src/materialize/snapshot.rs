//! The statements of a snapshot: type-2 history of a query's rows. No I/O.
//!
//! Columns as in dbt: `dbt_scd_id` (hash of key and time), `dbt_updated_at`, `dbt_valid_from`, `dbt_valid_to` (null:
//! current). The clock is never read: a version starts at the row's `updated_at`, or on the batch date without one. So a
//! rerun is a no-op, and building an old day never inserts a version before an existing one. Unlike dbt, which would lose
//! the row, a correction without a later time updates the version in place.

use super::table::{Column, Existing, storage};
use crate::jinja::Relation;
use crate::project::config::ModelConfig;
use crate::project::{ChangeStrategy, SnapshotConfig};
use crate::sql::{identifier, identifiers};
use chrono::NaiveDate;

/// Columns that a snapshot adds to its query's.
const OWN: [&str; 4] = ["dbt_scd_id", "dbt_updated_at", "dbt_valid_from", "dbt_valid_to"];

/// A snapshot to build.
pub(crate) struct Snapshot<'a> {
    pub(crate) config: &'a ModelConfig,
    pub(crate) snapshot: &'a SnapshotConfig,
    pub(crate) relation: &'a Relation,
    pub(crate) batch_date: NaiveDate,
    /// The compiled query.
    pub(crate) query: &'a str,
}

impl Snapshot<'_> {
    /// The first run: every row is a first version.
    pub(crate) fn first(&self) -> Vec<String> {
        vec![format!(
            "create table {}{}\nas\nselect\n  sbq.*,\n{}\nfrom (\n{}\n) as sbq",
            self.relation.sql(),
            storage(self.config),
            self.own_columns("sbq"),
            self.query
        )]
    }

    /// A later run: new and changed rows become versions, and the versions they replace end. `columns` are those of the
    /// query; new ones are added to the table.
    pub(crate) fn next(&self, existing: &Existing, columns: &[Column]) -> Vec<String> {
        let target = self.relation.sql();
        let changes = identifier(&format!("{}__tmp", self.relation.identifier));
        let added = columns.iter().filter(|column| !existing.columns.contains(&column.name));
        let mut statements: Vec<_> = added
            .map(|column| {
                format!(
                    "alter table {target} add column {} {}",
                    identifier(&column.name),
                    column.data_type
                )
            })
            .collect();
        statements.push(format!(
            "create temp table {changes} as\nwith snapshot_query as (\n{}\n),\nsource_data as (\n  select\n  \
             snapshot_query.*,\n{}\n  from snapshot_query\n),\ncurrent_versions as (\n  select * from {target} where {}\n)\n\
             select source_data.*, current_versions.dbt_scd_id as dbt_replaced_scd_id\nfrom source_data\n\
             left join current_versions on {}\nwhere current_versions.dbt_scd_id is null\n  or ({})",
            self.query,
            self.own_columns("snapshot_query"),
            self.is_current("dbt_valid_to"),
            self.same_key("current_versions", "source_data"),
            self.is_changed(existing, columns)
        ));
        statements.push(format!(
            "update {target} set dbt_valid_to = {changes}.dbt_valid_from\nfrom {changes}\n\
             where {target}.dbt_scd_id = {changes}.dbt_replaced_scd_id\n  and {changes}.dbt_scd_id <> {changes}.dbt_replaced_scd_id\n  \
             and {}",
            self.is_current(&format!("{target}.dbt_valid_to"))
        ));
        // Same key and time: a correction.
        statements.push(format!(
            "delete from {target} using {changes}\nwhere {target}.dbt_scd_id = {changes}.dbt_scd_id"
        ));
        let names = columns.iter().map(|column| column.name.as_str()).chain(OWN);
        let names = identifiers(names);
        statements.push(format!("insert into {target} ({names})\nselect {names} from {changes}"));
        if self.snapshot.ends_deleted {
            statements.push(format!(
                "update {target} set dbt_valid_to = {}\nwhere {}\n  and not exists (\n    select 1 from (\n{}\n    ) as \
                 source_data\n    where {}\n  )",
                self.batch_time(),
                self.is_current(&format!("{target}.dbt_valid_to")),
                self.query,
                self.same_key(&target, "source_data")
            ));
        }
        statements
    }

    fn batch_time(&self) -> String {
        format!("cast('{}' as timestamp)", self.batch_date)
    }

    fn updated_at(&self) -> String {
        self.snapshot.updated_at.clone().unwrap_or_else(|| self.batch_time())
    }

    /// The added columns of a row of `from`.
    fn own_columns(&self, from: &str) -> String {
        let updated_at = self.updated_at();
        let parts = self.config.unique_key.iter().map(|key| format!("{from}.{key}"));
        let parts = parts.chain([updated_at.clone()]);
        let parts = parts.map(|part| format!("coalesce(cast({part} as varchar), '')"));
        let hashed = parts.collect::<Vec<_>>().join(" || '|' || ");
        let open = format!("nullif({updated_at}, {updated_at})");
        let valid_to = self.snapshot.valid_to_current.as_ref();
        let valid_to = valid_to.map_or_else(|| open.clone(), |current| format!("coalesce({open}, {current})"));
        format!(
            "  md5({hashed}) as dbt_scd_id,\n  {updated_at} as dbt_updated_at,\n  {updated_at} as dbt_valid_from,\n  \
             {valid_to} as dbt_valid_to"
        )
    }

    fn is_current(&self, valid_to: &str) -> String {
        match &self.snapshot.valid_to_current {
            None => format!("{valid_to} is null"),
            Some(current) => format!("({valid_to} = {current} or {valid_to} is null)"),
        }
    }

    fn same_key(&self, left: &str, right: &str) -> String {
        let keys = self.config.unique_key.iter();
        let keys = keys.map(|key| format!("{left}.{key} = {right}.{key}"));
        keys.collect::<Vec<_>>().join(" and ")
    }

    fn is_changed(&self, existing: &Existing, columns: &[Column]) -> String {
        let (old, new) = ("current_versions", "source_data");
        let checked: Vec<&str> = match &self.snapshot.strategy {
            ChangeStrategy::Timestamp => return format!("{old}.dbt_valid_from < {new}.dbt_valid_from"),
            ChangeStrategy::Check(Some(columns)) => columns.iter().map(String::as_str).collect(),
            ChangeStrategy::Check(None) => columns.iter().map(|column| column.name.as_str()).collect(),
        };
        let known = |name: &str| existing.columns.iter().any(|column| column.eq_ignore_ascii_case(name));
        let differs = |name: &str| {
            let column = identifier(&name.to_lowercase());
            let (old, new) = (format!("{old}.{column}"), format!("{new}.{column}"));
            format!("{old} <> {new} or ({old} is null and {new} is not null) or ({old} is not null and {new} is null)")
        };
        let not_older = format!("{new}.dbt_valid_from >= {old}.dbt_valid_from");
        if checked.iter().all(|name| known(name)) {
            let changed = checked.into_iter().map(differs).collect::<Vec<_>>().join("\n    or ");
            format!("{not_older}\n    and ({changed})")
        } else {
            // A checked column is new: every row gets a new version, as in dbt.
            not_older
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::config::model_config;
    use crate::project::resource::ResourceKind;
    use serde_json::{Value, json};
    use sqlparser::dialect::RedshiftSqlDialect;
    use sqlparser::parser::Parser;

    fn statements(settings: &Value, existing: Option<&[&str]>) -> String {
        let config = model_config(ResourceKind::Snapshot, "s.sql", settings.as_object().unwrap()).unwrap();
        let relation = Relation {
            database: "dev".to_owned(),
            schema: "analytics".to_owned(),
            identifier: "s".to_owned(),
            ephemeral: false,
        };
        let snapshot = Snapshot {
            config: &config,
            snapshot: config.snapshot.as_ref().unwrap(),
            relation: &relation,
            batch_date: "2026-01-15".parse().unwrap(),
            query: "select 1 as id, 'x' as city, current_date as day",
        };
        let statements = match existing {
            None => snapshot.first(),
            Some(columns) => {
                let existing = Existing {
                    is_view: false,
                    columns: columns.iter().map(|name| (*name).to_owned()).collect(),
                };
                let column = |name: &str, data_type: &str| Column {
                    name: name.to_owned(),
                    data_type: data_type.to_owned(),
                };
                let columns = [column("id", "integer"), column("city", "character varying(9)")];
                snapshot.next(&existing, &columns)
            }
        };
        for statement in &statements {
            let parsed = Parser::parse_sql(&RedshiftSqlDialect {}, statement);
            assert_eq!(parsed.map(|parsed| parsed.len()), Ok(1), "{statement}");
        }
        statements.join(";\n")
    }

    const KNOWN: [&str; 6] = [
        "id",
        "city",
        "dbt_scd_id",
        "dbt_updated_at",
        "dbt_valid_from",
        "dbt_valid_to",
    ];

    #[test]
    fn the_first_snapshot_is_a_table_of_first_versions() {
        let settings = json!({"unique_key": "id", "strategy": "timestamp", "updated_at": "day"});
        insta::assert_snapshot!(statements(&settings, None));
    }

    #[test]
    fn changed_rows_end_the_versions_that_they_follow() {
        let settings = json!({
            "unique_key": ["id", "day"], "strategy": "check", "check_cols": ["city"], "updated_at": "day",
            "hard_deletes": "invalidate"
        });
        insta::assert_snapshot!(statements(&settings, Some(&KNOWN)));
    }

    #[test]
    fn a_new_column_is_added_and_versions_begin_on_the_batch_date_where_no_column_says_when() {
        let settings = json!({"unique_key": "id", "strategy": "check", "check_cols": "all"});
        let statements = statements(&settings, Some(&["id", "dbt_scd_id"]));
        assert!(
            statements.starts_with("alter table \"analytics\".\"s\" add column \"city\" character varying(9);"),
            "{statements}"
        );
        assert!(
            statements.contains("cast('2026-01-15' as timestamp) as dbt_valid_from"),
            "{statements}"
        );
        assert!(!statements.contains("<> source_data"), "{statements}");
    }

    #[test]
    fn mistakes_name_the_setting() {
        let fail = |settings: Value| {
            let config = model_config(ResourceKind::Snapshot, "s.sql", settings.as_object().unwrap());
            config.unwrap_err().to_string()
        };
        assert!(fail(json!({"strategy": "check"})).contains("config unique_key is null"));
        assert!(fail(json!({"unique_key": "id", "strategy": "timestamp"})).contains("config updated_at is null"));
        assert!(fail(json!({"unique_key": "id", "strategy": "check"})).contains("config check_cols is null"));
        let settings =
            json!({"unique_key": "id", "strategy": "check", "check_cols": "all", "hard_deletes": "new_record"});
        assert!(fail(settings).contains("new_record is not supported"));
    }
}
