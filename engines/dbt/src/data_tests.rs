//! Data tests: queries that return failing rows. No I/O.

use crate::jinja::Relation;
use crate::project::config::TestConfig;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// Settings that older properties files mix with the arguments.
const SETTINGS: [&str; 10] = [
    "severity",
    "where",
    "error_if",
    "warn_if",
    "tags",
    "enabled",
    "limit",
    "store_failures",
    "store_failures_as",
    "fail_calc",
];

/// A data test.
#[derive(Debug, Clone)]
pub struct TestNode {
    /// The table for stored failures.
    pub(crate) stored_in: Option<Relation>,
    pub(crate) config: TestConfig,
    /// Name of the generic test; `None` for a singular test.
    pub(crate) generic: Option<String>,
    pub(crate) arguments: Map<String, Value>,
    pub(crate) column: Option<String>,
    /// Id of the model or source that it is attached to.
    pub(crate) attached: Option<String>,
}

/// One entry of a `data_tests` list.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Entry {
    pub(crate) test: String,
    pub(crate) name: Option<String>,
    pub(crate) arguments: Map<String, Value>,
    pub(crate) config: Map<String, Value>,
}

/// Reads an entry: a name, or a name with arguments in one of dbt's forms.
pub(crate) fn entry(value: &Value) -> Result<Entry, String> {
    let object = match value {
        Value::String(test) => {
            return Ok(Entry {
                test: test.clone(),
                ..Entry::default()
            });
        }
        Value::Object(object) => object,
        other => return Err(format!("{other} is neither a name nor a name with arguments")),
    };
    let (test, body) = match object.get("test_name").and_then(Value::as_str) {
        Some(test) => (test.to_owned(), object.clone()),
        None => {
            let (test, body) = object.iter().next().ok_or("it is empty")?;
            let mut body = body.as_object().cloned().unwrap_or_default();
            body.extend(object.iter().skip(1).map(|(name, value)| (name.clone(), value.clone())));
            (test.clone(), body)
        }
    };
    let mut entry = Entry {
        test,
        ..Entry::default()
    };
    for (key, value) in body {
        match (key.as_str(), value) {
            ("test_name" | "description", _) => {}
            ("name", Value::String(name)) => entry.name = Some(name),
            ("arguments", Value::Object(arguments)) => entry.arguments.extend(arguments),
            ("config", Value::Object(config)) => entry.config.extend(config),
            (setting, value) if SETTINGS.contains(&setting) => {
                entry.config.insert(key, value);
            }
            (_, value) => {
                entry.arguments.insert(key, value);
            }
        }
    }
    Ok(entry)
}

/// dbt's name of a generic test: test, target, arguments.
pub(crate) fn generic_name(test: &str, target: &str, arguments: &Map<String, Value>) -> String {
    let mut names: Vec<_> = arguments.keys().collect();
    names.sort();
    let mut parts = Vec::new();
    for name in names {
        match &arguments[name] {
            Value::Array(items) => parts.extend(items.iter().map(part)),
            Value::Object(items) => parts.extend(items.values().map(part)),
            other => parts.push(part(other)),
        }
    }
    format!("{test}_{target}_{}", parts.join("__"))
}

/// Formatted as in Python, with runs of other characters replaced by `_`.
fn part(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        other => other.to_string(),
    };
    let mut clean = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_ascii_alphanumeric() || letter == '_' {
            clean.push(letter);
        } else if !clean.ends_with('\u{0}') {
            clean.push('\u{0}');
        }
    }
    clean.replace('\u{0}', "_")
}

/// The id of a generic test; the hash distinguishes tests of the same name.
pub(crate) fn generic_id(project: &str, name: &str, code: &str) -> String {
    let hash = hex::encode(Sha256::digest(format!("{name}\n{code}")));
    format!("test.{project}.{name}.{}", &hash[..10])
}

/// The template of a generic test: a call of its macro.
pub(crate) fn call(test: &str, target: &str, filter: Option<&str>, arguments: &Map<String, Value>) -> String {
    let model = filter.map_or_else(
        || target.to_owned(),
        |filter| {
            format!(
                "'(select * from ' ~ {target} ~ {} ~ ') as dbt_subquery'",
                quote(&format!(" where {filter}"))
            )
        },
    );
    let arguments = arguments
        .iter()
        .map(|(name, value)| format!(", {name}={}", argument(value)));
    format!("{{{{ test_{test}(model={model}{}) }}}}", arguments.collect::<String>())
}

/// A value as a template expression. Text that calls a dbt function is one already.
fn argument(value: &Value) -> String {
    let Value::String(text) = value else {
        return value.to_string();
    };
    let calls = ["ref", "source", "var", "env_var"];
    let function = text.trim().split_once('(').filter(|_| text.trim().ends_with(')'));
    if function.is_some_and(|(name, _)| calls.contains(&name.trim())) {
        return text.clone();
    }
    quote(text)
}

fn quote(text: &str) -> String {
    Value::from(text).to_string()
}

/// One statement for several tests: a row of index, failures, should_warn and should_error for each.
pub(crate) fn statement(tests: &[(String, &TestConfig)]) -> String {
    let selects = tests.iter().enumerate().map(|(index, (query, config))| {
        let limit = config.limit.map(|rows| format!("\nlimit {rows}")).unwrap_or_default();
        let failures = &config.fail_calc;
        format!(
            "select\n  {index} as test,\n  {failures} as failures,\n  {failures} {} as should_warn,\n  \
             {failures} {} as should_error\nfrom (\n{query}{limit}\n) as dbt_internal_test",
            config.warn_if, config.error_if
        )
    });
    selects.collect::<Vec<_>>().join("\nunion all\n")
}

/// The statements of a test with stored failures: create the table, then count its rows.
pub(crate) fn storing(query: &str, config: &TestConfig, table: &Relation) -> Vec<String> {
    let table = table.sql();
    vec![
        format!("drop table if exists {table}"),
        format!("create table {table} as\n{query}"),
        statement(&[(format!("select * from {table}"), config)]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn all_forms_of_an_entry_say_the_same() {
        let expected = Entry {
            test: "accepted_values".to_owned(),
            name: None,
            arguments: json!({"values": [1, 2]}).as_object().unwrap().clone(),
            config: json!({"severity": "warn"}).as_object().unwrap().clone(),
        };
        for form in [
            json!({"accepted_values": {"arguments": {"values": [1, 2]}, "config": {"severity": "warn"}}}),
            json!({"accepted_values": {"values": [1, 2], "severity": "warn"}}),
            json!({"test_name": "accepted_values", "values": [1, 2], "config": {"severity": "warn"}}),
            json!({"accepted_values": {"values": [1, 2]}, "config": {"severity": "warn"}}),
        ] {
            assert_eq!(entry(&form).unwrap(), expected, "{form}");
        }
        assert_eq!(entry(&json!("unique")).unwrap().test, "unique");
        assert!(entry(&json!(3)).is_err());
    }

    #[test]
    fn names_are_those_of_dbt() {
        let name = |test: &str, arguments: Value| generic_name(test, "m", arguments.as_object().unwrap());
        assert_eq!(name("unique", json!({"column_name": "id"})), "unique_m_id");
        assert_eq!(
            name(
                "accepted_values",
                json!({"column_name": "q", "values": [1, "b c"], "quote": false})
            ),
            "accepted_values_m_q__False__1__b_c"
        );
        assert_eq!(
            name(
                "relationships",
                json!({"column_name": "c", "to": "ref('d')", "field": "f"})
            ),
            "relationships_m_c__f__ref_d_"
        );
    }

    #[test]
    fn a_filter_narrows_the_relation_and_functions_stay_expressions() {
        let arguments = json!({"column_name": "it's", "to": "ref('d')", "values": ["a"]});
        insta::assert_snapshot!(
            call("t", "ref('m')", Some("x > 'y'"), arguments.as_object().unwrap()),
            @r#"{{ test_t(model='(select * from ' ~ ref('m') ~ " where x > 'y'" ~ ') as dbt_subquery', column_name="it's", to=ref('d'), values=["a"]) }}"#
        );
    }

    #[test]
    fn several_tests_are_one_statement() {
        let config = |error_if: &str| TestConfig {
            fail_calc: "count(*)".to_owned(),
            limit: None,
            store_failures: false,
            warn_only: false,
            error_if: error_if.to_owned(),
            warn_if: "!= 0".to_owned(),
            filter: None,
            enabled: true,
            tags: Vec::new(),
        };
        let (usual, lenient) = (config("!= 0"), config(">10"));
        let tests = [("select 1".to_owned(), &usual), ("select 2".to_owned(), &lenient)];
        insta::assert_snapshot!(statement(&tests), @r"
        select
          0 as test,
          count(*) as failures,
          count(*) != 0 as should_warn,
          count(*) != 0 as should_error
        from (
        select 1
        ) as dbt_internal_test
        union all
        select
          1 as test,
          count(*) as failures,
          count(*) != 0 as should_warn,
          count(*) >10 as should_error
        from (
        select 2
        ) as dbt_internal_test
        ");
    }
}
