use super::*;
use crate::project::resource::TemplateFile;
use serde_json::{Value as Json, json};

fn file(path: &str, text: &str) -> TemplateFile {
    TemplateFile {
        path: path.to_owned(),
        name: "m".to_owned(),
        fqn: vec!["m".to_owned()],
        text: text.to_owned(),
    }
}

fn relation(name: &str) -> Relation {
    Relation {
        database: "dev".to_owned(),
        schema: "analytics".to_owned(),
        identifier: name.to_owned(),
        ephemeral: false,
    }
}

fn engine(macros: &[TemplateFile]) -> Engine {
    Engine {
        library: Arc::new(MacroLibrary::new(macros).unwrap()),
        invocation: Arc::new(Invocation {
            project: "shop".to_owned(),
            invocation_id: "id".to_owned(),
            batch_date: "2026-01-15".parse().unwrap(),
            vars: json!({"days": 3, "nothing": null}).as_object().unwrap().clone(),
            database: "dev".to_owned(),
            schema: "analytics".to_owned(),
            full_refresh: false,
        }),
    }
}

fn scope() -> Scope {
    let mut relations = Relations::default();
    relations.models.insert("orders".to_owned(), relation("orders"));
    let key = ("raw".to_owned(), "orders".to_owned());
    relations.sources.insert(
        key,
        Relation {
            schema: "raw".to_owned(),
            ..relation("orders")
        },
    );
    Scope {
        file: "models/m.sql".to_owned(),
        name: "m".to_owned(),
        this: Some(relation("m")),
        relations: Arc::new(relations),
        config: json!({"tags": ["mart"]}).as_object().unwrap().clone(),
        execute: true,
        incremental: true,
    }
}

fn render(text: &str) -> String {
    engine(&[]).render(&scope(), text).unwrap().text
}

fn fail(text: &str) -> String {
    engine(&[]).render(&scope(), text).unwrap_err().to_string()
}

#[test]
fn relations_are_rendered_and_calls_captured() {
    let text = "{{ config(materialized='table', sort=['a', 'b']) }}\nselect * from {{ ref('orders') }}, {{ source('raw', 'orders') }}, {{ this }}, {{ ref('orders').schema }}";
    let rendered = engine(&[]).render(&scope(), text).unwrap();
    assert_eq!(
        rendered.text,
        r#"select * from "analytics"."orders", "raw"."orders", "analytics"."m", analytics"#
    );
    assert_eq!(rendered.captured.refs, ["orders"]);
    assert_eq!(rendered.captured.sources, [("raw".to_owned(), "orders".to_owned())]);
    assert_eq!(
        Json::Object(rendered.captured.config),
        json!({"materialized": "table", "sort": ["a", "b"]})
    );
}

#[test]
fn variables_have_defaults_and_must_exist() {
    assert_eq!(
        render("{{ var('days') }} {{ var('nothing', 'd') }} {{ var('other', none) }}"),
        "3 d None"
    );
    assert!(fail("x\n{{ var('other') }}").starts_with("models/m.sql:2: var('other') is set nowhere"));
}

#[test]
fn is_incremental_is_false_while_dependencies_are_collected() {
    let text = "{% if is_incremental() %}new{% else %}all{% endif %}";
    assert_eq!(render(text), "new");
    let parsing = Scope {
        execute: false,
        ..scope()
    };
    assert_eq!(engine(&[]).render(&parsing, text).unwrap().text, "all");
}

#[test]
fn the_run_starts_at_the_batch_date() {
    assert_eq!(
        render("{{ run_started_at }}|{{ run_started_at.strftime('%Y%m%d') }}"),
        "2026-01-15 00:00:00+00:00|20260115"
    );
    assert!(fail("{{ run_started_at.strftime('%!') }}").contains("strftime does not know"));
}

#[test]
fn macros_know_each_other_across_files_return_values_and_take_call_blocks() {
    let engine = engine(&[
        file(
            "macros/a.sql",
            "{% macro outer(x, y='!') %}[{{ inner(x) }}{{ y }}]{% endmacro %}\n",
        ),
        file(
            "macros/b.sql",
            "{% macro inner(x) -%}{{ return({'twice': x * 2})  }}{%- endmacro %}\n{% macro wrap() %}<{{ caller() }}>{% endmacro %}",
        ),
    ]);
    let render = |text: &str| engine.render(&scope(), text).unwrap().text;
    assert_eq!(
        render("{{ outer(4) }} {{ shop.outer(1, y='?') }}"),
        "[{'twice': 8}!] [{'twice': 2}?]"
    );
    assert_eq!(render("{{ inner(3).twice + 1 }}"), "7");
    assert_eq!(
        render("{% call wrap() %}{{ ref('orders') }}{% endcall %}"),
        r#"<"analytics"."orders">"#
    );
}

#[test]
fn a_mistake_in_a_macro_names_the_macros_file_and_line_and_who_used_it() {
    let engine = engine(&[
        file("macros/a.sql", "{% macro fine() %}{% endmacro %}\n\n"),
        file(
            "macros/b.sql",
            "\n{% macro broken() %}\n{{ nowhere.to_go }}\n{% endmacro %}",
        ),
    ]);
    let error = engine.render(&scope(), "select 1\n{{ broken() }}").unwrap_err();
    assert_eq!((error.file.as_str(), error.line), ("macros/b.sql", Some(3)));
    assert!(error.problem.ends_with("(used by models/m.sql)"), "{error}");
}

#[test]
fn mistakes_name_file_line_and_feature() {
    assert!(fail("\n{{ ref('nothing') }}").starts_with("models/m.sql:2: ref('nothing'): there is no such model"));
    assert!(fail("{{ undefined_thing }}").starts_with("models/m.sql:1: "));
    assert!(fail("{{ exceptions.raise_compiler_error('not today') }}").contains("not today"));
    assert!(fail("{{ run_query('select 1') }}").contains("run_query is not supported"));
    assert!(fail("{% if %}").starts_with("models/m.sql:1: "));
    let error = MacroLibrary::new(&[file("macros/s.sql", "\n{% snapshot s %}{% endsnapshot %}")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "macros/s.sql:2: a snapshot block is not supported among macros"
    );
}

#[test]
fn python_methods_of_strings_and_dicts_work() {
    assert_eq!(
        render(
            "{{ 'a,b'.split(',')[1].upper() }}{% for k, v in {'x': 1}.items() %}{{ k }}{{ v }}{% endfor %}{{ ', '.join(['p', 'q']) }}{{ {'a': 1}.get('b', 2) }}"
        ),
        "Bx1p, q2"
    );
    assert_eq!(
        render(
            "{{ ' a '.strip() }}{{ 'ab'.startswith('a') }}{{ 'ab'.endswith('a') }}{{ 'aXa'.lower().replace('a', 'b') }}"
        ),
        "aTrueFalsebxb"
    );
    assert_eq!(
        render(
            "{{ {'a': 1, 'b': none}.keys() | list }}{{ {'a': 1, 'b': 2}.values() | list }}{{ {'b': none}.get('b', 2) }}{{ {'b': 1}.get('c') }}"
        ),
        "['a', 'b'][1, 2]NoneNone"
    );
    assert_eq!(
        render("{{ 'a b  c'.split() }}{{ 'order_id'.rstrip('_id') }}{{ 'x'.isdigit() }}"),
        "['a', 'b', 'c']orderFalse"
    );
    assert!(fail("{{ 'x'.sideways() }}").contains("sideways"));
}

#[test]
fn a_call_block_hands_its_body_to_the_macro() {
    let engine = engine(&[file(
        "macros/w.sql",
        "{% macro wrap(name) %}{{ name }}({{ caller() }}){% endmacro %}",
    )]);
    let rendered = engine
        .render(&scope(), "{% call wrap('sum') %}{{ 1 + 1 }}{% endcall %}")
        .unwrap();
    assert_eq!(rendered.text, "sum(2)");
}

#[test]
fn dispatch_prefers_redshift_macros() {
    let engine = engine(&[file(
        "macros/d.sql",
        "{% macro money(x) %}{{ return(adapter.dispatch('money')(x)) }}{% endmacro %}\n\
         {% macro default__money(x) %}{{ x }}{% endmacro %}{% macro redshift__money(x) %}{{ x }}::money{% endmacro %}",
    )]);
    let rendered = |text: &str| engine.render(&scope(), text).unwrap().text;
    assert_eq!(rendered("{{ money('a') }}"), "a::money");
    assert_eq!(rendered("{{ dbt.dateadd('day', -1, 'd') }}"), "dateadd(day, -1, d)");
    assert_eq!(
        rendered("{{ datediff('a', 'b', datepart='month') }}"),
        "datediff(month, a, b)"
    );
    let error = engine
        .render(&scope(), "{{ adapter.get_columns_in_relation(this) }}")
        .unwrap_err();
    assert!(
        error
            .problem
            .contains("adapter.get_columns_in_relation is not supported"),
        "{error}"
    );
}
