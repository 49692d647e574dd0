//! JSONPath as Step Functions uses it: paths that read, and reference paths that also place a value.
//!
//! A definite path (names and indices only) gives one value and fails where there is none; any other path is a query
//! and gives an array, empty where nothing matches. `$$` reads the context object.

use serde_json::{Map, Value};
use serde_json_path::JsonPath;
use thiserror::Error;

use crate::data::context::Context;
use crate::data::steps::{Step, descend, parse_steps, position};
use crate::failure::Failure;

/// A path that cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum PathError {
    #[error("`{path}` is not a path: {reason}")]
    Syntax { path: String, reason: String },
    #[error("`{0}` must point to a single value: names and indices only, no `*`, `..`, `?`, `,` or `:`")]
    NotDefinite(String),
    #[error("`{0}` must start with `$.`: the context object cannot be written")]
    NotWritable(String),
}

#[derive(Debug, Clone, PartialEq)]
enum Form {
    Definite(Vec<Step>),
    Query(Box<JsonPath>),
}

/// A path into the input of a state or into the context object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Path {
    text: String,
    context: bool,
    form: Form,
}

impl Path {
    pub(crate) fn parse(text: &str) -> Result<Self, PathError> {
        let syntax = |reason: &str| PathError::Syntax {
            path: text.to_owned(),
            reason: reason.to_owned(),
        };
        let rest = text.strip_prefix('$').ok_or_else(|| syntax("it must start with `$`"))?;
        let (context, rest) = rest.strip_prefix('$').map_or((false, rest), |rest| (true, rest));
        let form = match parse_steps(rest) {
            Some(steps) => Form::Definite(steps),
            None => JsonPath::parse(&format!("${rest}"))
                .map(|query| Form::Query(Box::new(query)))
                .map_err(|error| syntax(&error.to_string()))?,
        };
        Ok(Self {
            text: text.to_owned(),
            context,
            form,
        })
    }

    /// Like [`Path::parse`], for the fields that need a single value.
    pub(crate) fn parse_definite(text: &str) -> Result<Self, PathError> {
        let path = Self::parse(text)?;
        match path.form {
            Form::Definite(_) => Ok(path),
            Form::Query(_) => Err(PathError::NotDefinite(text.to_owned())),
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The value the path selects; `None` where a definite path leads nowhere.
    pub(crate) fn select(&self, input: &Value, context: &Context) -> Option<Value> {
        match (&self.form, self.context) {
            (Form::Definite(steps), false) => descend(input, steps).cloned(),
            (Form::Definite(steps), true) => context.select(steps),
            (Form::Query(query), false) => Some(query_all(query, input)),
            (Form::Query(query), true) => Some(query_all(query, &context.to_value())),
        }
    }

    /// Like [`Path::select`], borrowed; `None` also for queries and for the context object.
    pub(crate) fn select_reference<'a>(&self, input: &'a Value) -> Option<&'a Value> {
        match &self.form {
            Form::Definite(steps) if !self.context => descend(input, steps),
            Form::Definite(_) | Form::Query(_) => None,
        }
    }

    /// The value the path selects, or the error that Step Functions reports for `field`.
    pub(crate) fn require(&self, input: &Value, context: &Context, field: &str) -> Result<Value, Failure> {
        self.select(input, context)
            .ok_or_else(|| Failure::runtime(self.not_found(field)))
    }

    pub(crate) fn not_found(&self, field: &str) -> String {
        format!(
            "The JSONPath '{}' specified for the field '{field}' could not be found in the input",
            self.text
        )
    }
}

fn query_all(query: &JsonPath, input: &Value) -> Value {
    Value::Array(query.query(input).all().into_iter().cloned().collect())
}

/// Where a result goes: a definite path that is written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReferencePath {
    text: String,
    steps: Vec<Step>,
}

impl ReferencePath {
    pub(crate) fn parse(text: &str) -> Result<Self, PathError> {
        let path = Path::parse_definite(text)?;
        if path.context {
            return Err(PathError::NotWritable(text.to_owned()));
        }
        match path.form {
            Form::Definite(steps) => Ok(Self { text: path.text, steps }),
            Form::Query(_) => Err(PathError::NotDefinite(text.to_owned())),
        }
    }

    /// `input` with `value` placed at the path; missing objects on the way are made. `None` where a step meets a value
    /// that has no such member.
    pub(crate) fn place(&self, mut input: Value, value: Value) -> Option<Value> {
        let mut slot = &mut input;
        for step in &self.steps {
            slot = match (step, slot) {
                (Step::Key(key), Value::Object(members)) => {
                    members.entry(key.as_str()).or_insert_with(|| Value::Object(Map::new()))
                }
                (Step::Index(index), Value::Array(items)) => {
                    let length = items.len();
                    items.get_mut(position(*index, length)?)?
                }
                _ => return None,
            };
        }
        *slot = value;
        Some(input)
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    fn select(path: &str, input: &Value) -> Option<Value> {
        Path::parse(path).unwrap().select(input, &Context::default())
    }

    #[test]
    fn definite_paths_give_one_value() {
        let input = json!({"a": {"b": [10, 20, {"c": "x"}], "two words": 1, "d-e": 2, "ü": 3, "it's": 4, "a\\\"b": 5}});
        for (path, expected) in [
            ("$", Some(input.clone())),
            ("$.a.b[0]", Some(json!(10))),
            ("$.a.b[-1].c", Some(json!("x"))),
            ("$['a']['two words']", Some(json!(1))),
            ("$.a[\"two words\"]", Some(json!(1))),
            ("$.a.d-e", Some(json!(2))),
            ("$.a.ü", Some(json!(3))),
            (r"$.a['it\'s']", Some(json!(4))),
            (r#"$.a['a\"b']"#, Some(json!(5))),
            ("$.a.b[3]", None),
            ("$.a.b[-4]", None),
            ("$.a.b.c", None),
            ("$.missing", None),
        ] {
            assert_eq!(select(path, &input), expected, "{path}");
        }
    }

    #[test]
    fn queries_give_arrays_even_when_nothing_matches() {
        let input = json!({"items": [{"n": 1, "k": "x"}, {"n": 2, "k": "y"}, {"n": 3, "k": "x"}]});
        for (path, expected) in [
            ("$.items[*].n", json!([1, 2, 3])),
            ("$..n", json!([1, 2, 3])),
            ("$.items[0:2].n", json!([1, 2])),
            ("$.items[0,2].n", json!([1, 3])),
            ("$.items[?(@.k == 'x')].n", json!([1, 3])),
            ("$.items[?(@.n > 1 && @.k == 'x')].n", json!([3])),
            ("$.items[?(@.n > 9)]", json!([])),
            ("$.missing[*]", json!([])),
        ] {
            assert_eq!(select(path, &input), Some(expected), "{path}");
        }
    }

    #[test]
    fn texts_that_are_no_paths_are_refused() {
        for text in [
            "", "a.b", "$a", "$.", "$.a.", "$.a b", "$[", "$['a'", "$.a[?(]", "$.a[x]",
        ] {
            assert!(matches!(Path::parse(text), Err(PathError::Syntax { .. })), "{text}");
        }
        assert_eq!(
            Path::parse_definite("$.a[*]"),
            Err(PathError::NotDefinite("$.a[*]".to_owned()))
        );
        assert_eq!(
            ReferencePath::parse("$$.a"),
            Err(PathError::NotWritable("$$.a".to_owned()))
        );
    }

    #[test]
    fn a_reference_path_makes_missing_objects_and_replaces_values() {
        let place = |path: &str, input: Value, value: Value| ReferencePath::parse(path).unwrap().place(input, value);
        assert_eq!(place("$", json!({"a": 1}), json!(2)), Some(json!(2)));
        assert_eq!(
            place("$.b.c", json!({"a": 1}), json!(2)),
            Some(json!({"a": 1, "b": {"c": 2}}))
        );
        assert_eq!(place("$.a", json!({"a": {"x": 1}}), json!(2)), Some(json!({"a": 2})));
        assert_eq!(
            place("$.a[1]", json!({"a": [1, 2]}), json!(9)),
            Some(json!({"a": [1, 9]}))
        );
        assert_eq!(place("$.a.b", json!({"a": 1}), json!(2)), None);
        assert_eq!(place("$.a[2]", json!({"a": [1, 2]}), json!(9)), None);
        assert_eq!(place("$.a", json!("text"), json!(2)), None);
    }

    #[test]
    fn a_path_into_the_context_object_reads_the_same_as_the_whole_object() {
        let context = Context {
            execution: Arc::new(json!({"Id": "e", "Input": {"day": "2026-01-13"}})),
            state_machine: Arc::new(json!({"Id": "m"})),
            state: json!({"Name": "S", "RetryCount": 2}),
            map_item: None,
        }
        .with_item(3, json!({"Key": "k"}));
        for (path, expected) in [
            ("$$.Execution.Input.day", Some(json!("2026-01-13"))),
            ("$$.State.RetryCount", Some(json!(2))),
            ("$$.StateMachine.Id", Some(json!("m"))),
            ("$$.Map.Item.Index", Some(json!(3))),
            ("$$.Map.Item.Value.Key", Some(json!("k"))),
            ("$$.Map", Some(json!({"Item": {"Index": 3, "Value": {"Key": "k"}}}))),
            ("$$..Key", Some(json!(["k"]))),
            ("$$.Task.Token", None),
        ] {
            assert_eq!(
                Path::parse(path).unwrap().select(&Value::Null, &context),
                expected,
                "{path}"
            );
        }
        assert_eq!(
            Path::parse("$$").unwrap().select(&Value::Null, &context),
            Some(context.to_value())
        );
    }
}
