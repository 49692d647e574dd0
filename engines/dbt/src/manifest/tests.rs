use super::*;
use crate::project::Project;
use crate::project_file::ProjectFile;

pub(crate) fn invocation(project: &Project) -> Invocation {
    Invocation {
        project: project.name.clone(),
        invocation_id: "00000000-0000-4000-8000-000000000000".to_owned(),
        batch_date: "2026-01-15".parse().unwrap(),
        vars: project.vars.clone(),
        database: "dev".to_owned(),
        schema: "analytics".to_owned(),
        full_refresh: false,
    }
}

pub(crate) fn manifest(files: &[(&str, &str)]) -> Result<Manifest, ProjectError> {
    let mut all = vec![ProjectFile::new("dbt_project.yml", "name: shop\n")];
    all.extend(files.iter().map(|(path, text)| ProjectFile::new(*path, *text)));
    let project = Project::load(&all)?;
    let invocation = invocation(&project);
    Manifest::parse(&project, invocation)
}

#[test]
fn ephemeral_models_become_common_table_expressions_in_order() {
    let manifest = manifest(&[
        ("models/a.sql", "{{ config(materialized='ephemeral') }}select 1 as x"),
        (
            "models/b.sql",
            "{{ config(materialized='ephemeral') }}select * from {{ ref('a') }}",
        ),
        (
            "models/c.sql",
            "-- note\nWITH own as (select 1)\nselect * from {{ ref('b') }}, own",
        ),
        ("models/d.sql", "select * from {{ ref('a') }}"),
    ])
    .unwrap();
    let compile = |name: &str| {
        manifest
            .compile(&manifest.nodes[&format!("model.shop.{name}")], false)
            .unwrap()
    };
    insta::assert_snapshot!(compile("c"), @r"
    -- note
    with __dbt__cte__a as (
    select 1 as x
    ),
    __dbt__cte__b as (
    select * from __dbt__cte__a
    ),
    own as (select 1)
    select * from __dbt__cte__b, own
    ");
    insta::assert_snapshot!(compile("d"), @r"
    with __dbt__cte__a as (
    select 1 as x
    )
    select * from __dbt__cte__a
    ");
}

#[test]
fn tests_come_from_properties_sources_files_and_the_projects_own_blocks() {
    let manifest = manifest(&[
        ("models/a.sql", "select 1 as id"),
        ("tests/generic/positive.sql", "{% test positive(model, column_name) %}select * from {{ model }} where {{ column_name }} <= 0{% endtest %}"),
        ("tests/lonely.sql", "{{ config(severity='warn') }}select * from {{ ref('a') }} where id = 2"),
        ("models/a.yml", "models:\n  - name: a\n    columns:\n      - name: id\n        data_tests: [unique, {positive: {config: {where: id <> 5}}}]\nsources:\n  - name: raw\n    tables:\n      - name: t\n        columns: [{name: k, data_tests: [not_null]}]\n"),
    ])
    .unwrap();
    let mut lines = Vec::new();
    for node in manifest.nodes.values().filter(|node| node.test().is_some()) {
        let sql = manifest.compile(node, false).unwrap();
        lines.push(format!("{} <- {}\n{sql}", node.id, node.depends_on.join(", ")));
    }
    insta::assert_snapshot!(lines.join("\n\n"));
}

#[test]
fn mistakes_in_properties_are_reported_with_their_file() {
    let fail = |properties: &str| {
        let files = [("models/a.sql", "select 1 as id"), ("models/a.yml", properties)];
        manifest(&files).unwrap_err().to_string()
    };
    assert!(fail("models:\n  - name: b\n").starts_with("models/a.yml: describes 'b', of which there is no file"));
    let error = fail("models:\n  - name: a\n    data_tests: [dbt_utils.equality]\n");
    assert!(
        error.contains("there is no generic test 'dbt_utils.equality'"),
        "{error}"
    );
    let error = fail(
        "models:\n  - name: a\n    columns: [{name: id, data_tests: [{relationships: {to: ref('x'), field: id}}]}]\n",
    );
    assert!(
        error.starts_with("models/a.yml: test of a.id: ref('x'): there is no such model"),
        "{error}"
    );
}

#[test]
fn a_dependency_that_is_hidden_from_the_first_look_is_refused() {
    let model = "{{ config(materialized='incremental') }}select 1 as id{% if is_incremental() %} from {{ ref('a') }}{% endif %}";
    let files = [("models/a.sql", "select 1 as id"), ("models/b.sql", model)];
    let hidden = manifest(&files).unwrap();
    let error = hidden
        .compile(&hidden.nodes["model.shop.b"], true)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("models/b.sql: ref('a') stands in a block") && error.contains("-- depends_on"),
        "{error}"
    );
    let declared = format!("-- depends_on: {{{{ ref('a') }}}}\n{model}");
    let declared = manifest(&[files[0], ("models/b.sql", &declared)]).unwrap();
    declared.compile(&declared.nodes["model.shop.b"], true).unwrap();
}

#[test]
fn schemas_are_called_as_the_project_says() {
    let files = [
        ("models/a.sql", "{{ config(schema='shop') }}select 1 as id"),
        (
            "macros/s.sql",
            "{% macro generate_schema_name(custom_schema_name, node) %}{{ custom_schema_name or target.schema }}{% endmacro %}",
        ),
    ];
    let schema = |files: &[(&str, &str)]| manifest(files).unwrap().schemas().join(", ");
    assert_eq!(schema(&files[..1]), "analytics_shop");
    assert_eq!(schema(&files), "shop");
}

#[test]
fn a_source_that_may_not_be_old_is_tested_against_the_end_of_the_batch_date() {
    let manifest = manifest(&[(
        "models/s.yml",
        "sources:\n  - name: raw\n    freshness: {warn_after: {count: 12, period: hour}, error_after: {count: 2, period: day}}\n    \
         loaded_at_field: at\n    tables: [{name: t}, {name: quiet, config: {freshness: {}}}]\n",
    )])
    .unwrap();
    let names: Vec<_> = manifest.nodes.values().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["source_freshness_raw_t_error", "source_freshness_raw_t_warn"]);
    let warn = manifest.nodes.values().nth(1).unwrap();
    assert!(warn.test().unwrap().config.warn_only);
    insta::assert_snapshot!(manifest.compile(warn, false).unwrap(), @r#"
    select max(at) as max_loaded_at
    from "raw"."t"

    having max(at)
        < dateadd(hour, -12, dateadd(day, 1, cast('2026-01-15' as timestamp)))
    "#);
}
