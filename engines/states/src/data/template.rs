//! Payload templates: JSON whose fields with a name in `.$` are computed.

use serde_json::{Map, Value};
use thiserror::Error;

use crate::data::context::Context;
use crate::data::intrinsics::{Expression, IntrinsicError};
use crate::failure::Failure;
use crate::random::Random;

/// A template that the interpreter refuses.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum TemplateError {
    #[error("`{0}` ends in `.$`, so its value must be a string with a path or an intrinsic function")]
    NotAString(String),
    #[error("`{0}` is given twice, with and without `.$`")]
    Twice(String),
    #[error("`{field}`: {source}")]
    Expression { field: String, source: IntrinsicError },
}

/// A parsed template.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Template {
    Literal(Value),
    Object(Vec<(String, Template)>),
    Array(Vec<Template>),
    /// The field's name as written, for messages, and what it holds.
    Computed(String, Expression),
}

impl Template {
    pub(crate) fn parse(value: Value) -> Result<Self, TemplateError> {
        match value {
            Value::Object(members) => Self::parse_object(members),
            Value::Array(items) => {
                let items = items.into_iter().map(Self::parse).collect::<Result<Vec<_>, _>>()?;
                Ok(if items.iter().all(|item| matches!(item, Self::Literal(_))) {
                    Self::Literal(items.into_iter().filter_map(Self::into_literal).collect())
                } else {
                    Self::Array(items)
                })
            }
            other => Ok(Self::Literal(other)),
        }
    }

    fn parse_object(members: Map<String, Value>) -> Result<Self, TemplateError> {
        let mut fields: Vec<(String, Self)> = Vec::with_capacity(members.len());
        for (name, value) in members {
            let (name, template) = match (name.strip_suffix(".$"), value) {
                (Some(plain), Value::String(text)) => {
                    let expression = Expression::parse(&text).map_err(|source| TemplateError::Expression {
                        field: name.clone(),
                        source,
                    })?;
                    (plain.to_owned(), Self::Computed(name, expression))
                }
                (Some(_), _) => return Err(TemplateError::NotAString(name)),
                (None, value) => (name, Self::parse(value)?),
            };
            if fields.iter().any(|(other, _)| *other == name) {
                return Err(TemplateError::Twice(name));
            }
            fields.push((name, template));
        }
        if fields.iter().all(|(_, template)| matches!(template, Self::Literal(_))) {
            let literals = fields
                .into_iter()
                .filter_map(|(name, template)| Some((name, template.into_literal()?)));
            return Ok(Self::Literal(Value::Object(literals.collect())));
        }
        Ok(Self::Object(fields))
    }

    fn into_literal(self) -> Option<Value> {
        match self {
            Self::Literal(value) => Some(value),
            Self::Object(_) | Self::Array(_) | Self::Computed(..) => None,
        }
    }

    /// The payload for `input`.
    pub(crate) fn evaluate(&self, input: &Value, context: &Context, random: &Random) -> Result<Value, Failure> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Object(fields) => fields
                .iter()
                .map(|(name, template)| Ok((name.clone(), template.evaluate(input, context, random)?)))
                .collect::<Result<Map<_, _>, _>>()
                .map(Value::Object),
            Self::Array(items) => items
                .iter()
                .map(|item| item.evaluate(input, context, random))
                .collect::<Result<_, _>>()
                .map(Value::Array),
            Self::Computed(field, expression) => expression.evaluate(input, context, random, field),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn computed_fields_lose_their_suffix_at_every_depth() {
        let template = Template::parse(json!({
            "literal": "$.not a path", "Path.$": "$.a", "Nested": {"List": [{"Call.$": "States.MathAdd($.a, 1)"}, "$.a"]},
            "Execution.$": "$$.State.Name"
        }))
        .unwrap();
        let context = Context {
            state: json!({"Name": "S"}),
            ..Context::default()
        };
        assert_eq!(
            template.evaluate(&json!({"a": 1}), &context, &Random::new(0)),
            Ok(
                json!({"literal": "$.not a path", "Path": 1, "Nested": {"List": [{"Call": 2}, "$.a"]}, "Execution": "S"})
            )
        );
    }

    #[test]
    fn templates_without_computed_fields_are_literals() {
        let value = json!({"a": [1, {"b": null}]});
        assert_eq!(Template::parse(value.clone()), Ok(Template::Literal(value)));
    }

    #[test]
    fn faults_name_the_field() {
        let message = |value: Value| Template::parse(value).unwrap_err().to_string();
        assert_eq!(
            message(json!({"a": {"b.$": 1}})),
            "`b.$` ends in `.$`, so its value must be a string with a path or an intrinsic function"
        );
        assert_eq!(
            message(json!({"a": 1, "a.$": "$.x"})),
            "`a` is given twice, with and without `.$`"
        );
        assert_eq!(
            message(json!({"a.$": "States.Sum(1)"})),
            "`a.$`: the intrinsic function `States.Sum` is not known"
        );
    }
}
