use super::*;
use crate::project::config::model_config;
use crate::project::resource::ResourceKind;
use serde_json::{Value, json};
use sqlparser::dialect::RedshiftSqlDialect;
use sqlparser::parser::Parser;

fn statements(settings: &Value, existing: Option<&Existing>, full_refresh: bool) -> String {
    statements_with(settings, existing, full_refresh, None).unwrap()
}

/// All statements of a model with these settings, each of which the parser understands.
fn statements_with(
    settings: &Value,
    existing: Option<&Existing>,
    full_refresh: bool,
    columns: Option<&[Column]>,
) -> Result<String, String> {
    let config = model_config(ResourceKind::Model, "models/m.sql", settings.as_object().unwrap()).unwrap();
    let relation = Relation {
        database: "dev".to_owned(),
        schema: "analytics".to_owned(),
        identifier: "m".to_owned(),
        ephemeral: false,
    };
    let build = Build {
        incremental: is_incremental(&config, existing, full_refresh),
        config: &config,
        relation: &relation,
        existing,
        batch_date: "2026-01-15".parse().unwrap(),
        columns,
        query: "select 1 as id, 2 as day, 3 as n",
        limits: Limits {
            statement_bytes: 100_000,
            statements: 40,
        },
    };
    let statements = build.statements()?;
    for statement in &statements {
        // What says where rows lie is not in the parser in all its forms.
        let kept = statement
            .lines()
            .filter(|line| !line.starts_with("diststyle") && !line.contains("sortkey"));
        let parsed = Parser::parse_sql(&RedshiftSqlDialect {}, &kept.collect::<Vec<_>>().join("\n"));
        assert_eq!(parsed.map(|parsed| parsed.len()), Ok(1), "{statement}");
    }
    Ok(statements.join(";\n"))
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
    let settings = json!({"materialized": "incremental", "incremental_strategy": "merge", "unique_key": ["id", "day"]});
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
    let settings =
        |strategy: &str| json!({"materialized": "incremental", "incremental_strategy": strategy, "unique_key": "id"});
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

#[test]
fn other_columns_are_left_out_refused_added_or_made_the_same() {
    let build = |policy: &str| {
        let settings = json!({"materialized": "incremental", "on_schema_change": policy});
        let column = |name: &str, data_type: &str| Column {
            name: name.to_owned(),
            data_type: data_type.to_owned(),
        };
        let columns = [
            column("id", "integer"),
            column("n", "integer"),
            column("rate", "numeric(9,6)"),
        ];
        let existing = existing(false);
        let config = model_config(ResourceKind::Model, "m.sql", settings.as_object().unwrap()).unwrap();
        let wanted = wants_columns(&config, Some(&existing), true);
        statements_with(&settings, Some(&existing), false, wanted.then_some(&columns[..]))
    };
    let ignored = build("ignore").unwrap();
    assert!(!ignored.contains("alter") && !ignored.contains("rate"), "{ignored}");
    let error = build("fail").unwrap_err();
    assert!(error.contains("new are rate, gone are day"), "{error}");
    insta::assert_snapshot!(build("append_new_columns").unwrap(), @r#"
    alter table "analytics"."m" add column "rate" numeric(9,6);
    create temp table "m__tmp" as
    select 1 as id, 2 as day, 3 as n;
    insert into "analytics"."m" ("id", "n", "rate")
    select "id", "n", "rate" from "m__tmp"
    "#);
    let same = build("sync_all_columns").unwrap();
    assert!(
        same.contains("alter table \"analytics\".\"m\" drop column \"day\""),
        "{same}"
    );
}

#[test]
fn without_a_strategy_the_key_decides() {
    let appended = statements(&json!({"materialized": "incremental"}), Some(&existing(false)), false);
    assert!(!appended.contains("delete"), "{appended}");
    let settings = json!({"materialized": "incremental", "unique_key": "id"});
    let replaced = statements(&settings, Some(&existing(false)), false);
    assert!(replaced.contains("delete from"), "{replaced}");
}
