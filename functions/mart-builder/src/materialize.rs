//! The statements that turn a model's query into a relation: one transaction each. Pure: no I/O.

use crate::jinja::Relation;
use crate::project::config::{Materialization, ModelConfig, Strategy};
use cardlake_shared::sql::{identifier, identifiers, relation};
use serde::{Deserialize, Serialize};

/// What a name stands for in the warehouse right now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Existing {
    /// A view, not a table.
    pub(crate) is_view: bool,
    /// Columns in order; of views not all are known.
    pub(crate) columns: Vec<String>,
}

/// Whether a build only takes in new rows: the model is incremental, its table is there, and nobody wants it made anew.
pub(crate) fn is_incremental(config: &ModelConfig, existing: Option<&Existing>, full_refresh: bool) -> bool {
    config.materialization == Materialization::Incremental
        && existing.is_some_and(|existing| !existing.is_view && !existing.columns.is_empty())
        && !config.full_refresh.unwrap_or(full_refresh)
}

/// A model about to be built.
pub(crate) struct Build<'a> {
    pub(crate) config: &'a ModelConfig,
    pub(crate) relation: &'a Relation,
    pub(crate) existing: Option<&'a Existing>,
    pub(crate) incremental: bool,
    /// The compiled query.
    pub(crate) query: &'a str,
}

impl Build<'_> {
    /// The statements without hooks; none for an ephemeral model.
    pub(crate) fn statements(&self) -> Vec<String> {
        match self.config.materialization {
            Materialization::Ephemeral => Vec::new(),
            Materialization::View => self.view(),
            Materialization::Incremental if self.incremental => self.increment(),
            Materialization::Table | Materialization::Incremental => self.table(),
        }
    }

    /// Dropped and made in one transaction: `create or replace` cannot change the columns of a view.
    fn view(&self) -> Vec<String> {
        let binding = if self.config.bind {
            ""
        } else {
            "\nwith no schema binding"
        };
        let mut statements = self.drop_existing();
        statements.push(format!("create view {} as\n{}{binding}", self.target(), self.query));
        statements
    }

    /// Built beside the old one, then put in its place: readers never miss it, and late-binding views survive.
    fn table(&self) -> Vec<String> {
        let name = format!("{}__tmp", self.relation.identifier);
        let beside = relation(&self.relation.schema, &name);
        let mut statements = vec![
            format!("drop table if exists {beside}"),
            format!("create table {beside}{}\nas\n{}", self.storage(), self.query),
        ];
        statements.extend(self.drop_existing());
        statements.push(format!(
            "alter table {beside} rename to {}",
            identifier(&self.relation.identifier)
        ));
        statements
    }

    fn drop_existing(&self) -> Vec<String> {
        let kind = match self.existing {
            None => return Vec::new(),
            Some(Existing { is_view: true, .. }) => "view",
            Some(Existing { is_view: false, .. }) => "table",
        };
        vec![format!("drop {kind} if exists {} cascade", self.target())]
    }

    /// Where Redshift puts the rows.
    fn storage(&self) -> String {
        let dist = match self.config.dist.as_deref() {
            None => String::new(),
            Some(style @ ("all" | "even" | "auto")) => format!("\ndiststyle {style}"),
            Some(column) => format!("\ndiststyle key distkey ({})", identifier(column)),
        };
        if self.config.sort.is_empty() {
            return dist;
        }
        let kind = if self.config.interleaved {
            "interleaved"
        } else {
            "compound"
        };
        let columns = identifiers(self.config.sort.iter().map(String::as_str));
        format!("{dist}\n{kind} sortkey ({columns})")
    }

    fn increment(&self) -> Vec<String> {
        let news = identifier(&format!("{}__tmp", self.relation.identifier));
        let target = self.target();
        let columns = self.existing.map_or(&[][..], |existing| &existing.columns);
        let names = identifiers(columns.iter().map(String::as_str));
        let insert = format!("insert into {target} ({names})\nselect {names} from {news}");
        let mut statements = vec![format!("create temp table {news} as\n{}", self.query)];
        match self.config.strategy {
            Strategy::Append => statements.push(insert),
            Strategy::DeleteInsert => {
                let keys = self.config.unique_key.iter().map(|key| {
                    let key = identifier(key);
                    format!("{target}.{key} = {news}.{key}")
                });
                let keys = keys.collect::<Vec<_>>().join(" and ");
                statements.push(format!("delete from {target} using {news}\nwhere {keys}"));
                statements.push(insert);
            }
            Strategy::Merge => statements.push(self.merge(&target, &news, columns)),
        }
        statements
    }

    /// MERGE takes a table as source, and no alias for the target.
    fn merge(&self, target: &str, news: &str, columns: &[String]) -> String {
        let keys = self.config.unique_key.iter().map(|key| {
            let key = identifier(key);
            format!("{target}.{key} = incoming.{key}")
        });
        let mut updated: Vec<_> = columns.iter().filter(|column| self.is_updated(column)).collect();
        if updated.is_empty() {
            // The clause must be there: a key that is set to itself changes nothing.
            updated.extend(self.config.unique_key.first());
        }
        let updates = updated.into_iter().map(|column| {
            let column = identifier(column);
            format!("  {column} = incoming.{column}")
        });
        let values = columns.iter().map(|column| format!("incoming.{}", identifier(column)));
        format!(
            "merge into {target} using {news} as incoming on {}\n\
             when matched then update set\n{}\n\
             when not matched then insert ({})\nvalues ({})",
            keys.collect::<Vec<_>>().join(" and "),
            updates.collect::<Vec<_>>().join(",\n"),
            identifiers(columns.iter().map(String::as_str)),
            values.collect::<Vec<_>>().join(", ")
        )
    }

    fn is_updated(&self, column: &String) -> bool {
        let config = self.config;
        if config.merge_update_columns.is_empty() {
            !config.unique_key.contains(column) && !config.merge_exclude_columns.contains(column)
        } else {
            config.merge_update_columns.contains(column)
        }
    }

    fn target(&self) -> String {
        self.relation.sql()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::config::model_config;
    use serde_json::{Value, json};
    use sqlparser::dialect::RedshiftSqlDialect;
    use sqlparser::parser::Parser;

    /// All statements of a model with these settings, each of which the parser understands.
    fn statements(settings: &Value, existing: Option<&Existing>, full_refresh: bool) -> String {
        let config = model_config("models/m.sql", settings.as_object().unwrap()).unwrap();
        let relation = Relation {
            database: "cardlake".to_owned(),
            schema: "analytics".to_owned(),
            identifier: "m".to_owned(),
            ephemeral: false,
        };
        let build = Build {
            incremental: is_incremental(&config, existing, full_refresh),
            config: &config,
            relation: &relation,
            existing,
            query: "select 1 as id, 2 as day, 3 as n",
        };
        let statements = build.statements();
        for statement in &statements {
            // What says where rows lie is not in the parser in all its forms.
            let kept = statement
                .lines()
                .filter(|line| !line.starts_with("diststyle") && !line.contains("sortkey"));
            let parsed = Parser::parse_sql(&RedshiftSqlDialect {}, &kept.collect::<Vec<_>>().join("\n"));
            assert_eq!(parsed.map(|parsed| parsed.len()), Ok(1), "{statement}");
        }
        statements.join(";\n")
    }

    fn existing(is_view: bool) -> Existing {
        Existing {
            is_view,
            columns: ["id", "day", "n"].map(str::to_owned).to_vec(),
        }
    }

    #[test]
    fn a_view_is_replaced_whatever_was_there() {
        insta::assert_snapshot!(statements(&json!({"bind": false}), None, false), @r#"
        create view "analytics"."m" as
        select 1 as id, 2 as day, 3 as n
        with no schema binding
        "#);
        insta::assert_snapshot!(statements(&json!({}), Some(&existing(false)), false), @r#"
        drop table if exists "analytics"."m" cascade;
        create view "analytics"."m" as
        select 1 as id, 2 as day, 3 as n
        "#);
    }

    #[test]
    fn a_table_is_built_beside_and_swapped() {
        let settings = json!({"materialized": "table", "dist": "id", "sort": ["day", "id"]});
        insta::assert_snapshot!(statements(&settings, Some(&existing(false)), false), @r#"
        drop table if exists "analytics"."m__tmp";
        create table "analytics"."m__tmp"
        diststyle key distkey ("id")
        compound sortkey ("day", "id")
        as
        select 1 as id, 2 as day, 3 as n;
        drop table if exists "analytics"."m" cascade;
        alter table "analytics"."m__tmp" rename to "m"
        "#);
        let settings = json!({"materialized": "table", "dist": "even", "sort": "n", "sort_type": "interleaved"});
        insta::assert_snapshot!(statements(&settings, None, false), @r#"
        drop table if exists "analytics"."m__tmp";
        create table "analytics"."m__tmp"
        diststyle even
        interleaved sortkey ("n")
        as
        select 1 as id, 2 as day, 3 as n;
        alter table "analytics"."m__tmp" rename to "m"
        "#);
    }

    #[test]
    fn an_incremental_model_is_a_table_at_first_and_on_a_full_refresh() {
        let settings = json!({"materialized": "incremental", "incremental_strategy": "merge", "unique_key": "id"});
        let table = statements(&json!({"materialized": "table"}), None, false);
        assert_eq!(statements(&settings, None, false), table);
        let anew = statements(&settings, Some(&existing(false)), true);
        assert!(anew.contains("rename to"), "{anew}");
        let was_a_view = statements(&settings, Some(&existing(true)), false);
        assert!(
            was_a_view.contains("drop view") && was_a_view.contains("rename to"),
            "{was_a_view}"
        );
    }

    #[test]
    fn a_merge_updates_all_but_the_key() {
        let settings =
            json!({"materialized": "incremental", "incremental_strategy": "merge", "unique_key": ["id", "day"]});
        insta::assert_snapshot!(statements(&settings, Some(&existing(false)), false), @r#"
        create temp table "m__tmp" as
        select 1 as id, 2 as day, 3 as n;
        merge into "analytics"."m" using "m__tmp" as incoming on "analytics"."m"."id" = incoming."id" and "analytics"."m"."day" = incoming."day"
        when matched then update set
          "n" = incoming."n"
        when not matched then insert ("id", "day", "n")
        values (incoming."id", incoming."day", incoming."n")
        "#);
    }

    #[test]
    fn delete_and_insert_goes_by_the_key_and_append_only_adds() {
        let settings = |strategy: &str| json!({"materialized": "incremental", "incremental_strategy": strategy, "unique_key": "id"});
        insta::assert_snapshot!(statements(&settings("delete+insert"), Some(&existing(false)), false), @r#"
        create temp table "m__tmp" as
        select 1 as id, 2 as day, 3 as n;
        delete from "analytics"."m" using "m__tmp"
        where "analytics"."m"."id" = "m__tmp"."id";
        insert into "analytics"."m" ("id", "day", "n")
        select "id", "day", "n" from "m__tmp"
        "#);
        let appended = statements(&settings("append"), Some(&existing(false)), false);
        assert!(
            !appended.contains("delete") && appended.contains("insert into"),
            "{appended}"
        );
    }

    #[test]
    fn an_ephemeral_model_leaves_nothing_behind() {
        assert_eq!(statements(&json!({"materialized": "ephemeral"}), None, false), "");
    }
}
