//! `Choice` rules: every comparison of the Amazon States Language.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

use crate::data::context::Context;
use crate::data::paths::Path;
use crate::data::timestamp::timestamp;
use crate::definition::error::DefinitionError;
use crate::definition::fields::Fields;
use crate::failure::Failure;

/// A rule of a `Choice` state and where it leads.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rule {
    pub(crate) condition: Condition,
    pub(crate) next: String,
}

impl Rule {
    pub(crate) fn read(owner: &str, value: Value) -> Result<Self, DefinitionError> {
        let mut fields = Fields::new(owner, value)?;
        let next = fields.required("Next")?;
        Ok(Self {
            condition: Condition::read(fields)?,
            next,
        })
    }
}

/// What a rule asks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Test { variable: Path, test: Test },
}

/// A question about one value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    /// The field's name, the type both sides must have, the relation, and the other side.
    Compare {
        field: String,
        kind: Kind,
        relation: Relation,
        operand: Operand,
    },
    Matches(Pattern),
    /// The value has (`true`) or has not (`false`) the property.
    Is(Property, bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    String,
    Numeric,
    Boolean,
    Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    Equals,
    LessThan,
    GreaterThan,
    LessThanEquals,
    GreaterThanEquals,
}

impl Relation {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equals => ordering.is_eq(),
            Self::LessThan => ordering.is_lt(),
            Self::GreaterThan => ordering.is_gt(),
            Self::LessThanEquals => ordering.is_le(),
            Self::GreaterThanEquals => ordering.is_ge(),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    Literal(Value),
    Path(Path),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Property {
    Null,
    Present,
    Numeric,
    String,
    Boolean,
    Timestamp,
}

/// The comparison that a field such as `NumericLessThanPath` stands for, and whether it ends in `Path`.
fn comparison(field: &str) -> Option<(Kind, Relation, bool)> {
    let kinds = [
        ("String", Kind::String),
        ("Numeric", Kind::Numeric),
        ("Boolean", Kind::Boolean),
        ("Timestamp", Kind::Timestamp),
    ];
    let (rest, kind) = kinds
        .iter()
        .find_map(|(name, kind)| Some((field.strip_prefix(name)?, *kind)))?;
    let (rest, is_path) = rest.strip_suffix("Path").map_or((rest, false), |rest| (rest, true));
    let relation = match rest {
        "Equals" => Relation::Equals,
        "LessThan" => Relation::LessThan,
        "GreaterThan" => Relation::GreaterThan,
        "LessThanEquals" => Relation::LessThanEquals,
        "GreaterThanEquals" => Relation::GreaterThanEquals,
        _ => return None,
    };
    (kind != Kind::Boolean || relation == Relation::Equals).then_some((kind, relation, is_path))
}

fn property(field: &str) -> Option<Property> {
    Some(match field {
        "IsNull" => Property::Null,
        "IsPresent" => Property::Present,
        "IsNumeric" => Property::Numeric,
        "IsString" => Property::String,
        "IsBoolean" => Property::Boolean,
        "IsTimestamp" => Property::Timestamp,
        _ => return None,
    })
}

impl Condition {
    fn read(mut fields: Fields) -> Result<Self, DefinitionError> {
        fields.optional::<String>("Comment")?;
        let condition = if let Some(conditions) = Self::read_list(&mut fields, "And")? {
            Self::And(conditions)
        } else if let Some(conditions) = Self::read_list(&mut fields, "Or")? {
            Self::Or(conditions)
        } else if let Some(negated) = fields.take("Not") {
            Self::Not(Box::new(Self::read(Fields::new(
                format!("{}, Not", fields.owner()),
                negated,
            )?)?))
        } else {
            let variable = fields.path("Variable", Path::parse_definite)?;
            let variable = variable.ok_or_else(|| fields.fault("Variable", "is missing"))?;
            Self::Test {
                variable,
                test: read_test(&mut fields)?,
            }
        };
        fields.finish()?;
        Ok(condition)
    }

    fn read_list(fields: &mut Fields, field: &str) -> Result<Option<Vec<Self>>, DefinitionError> {
        let Some(values) = fields.optional::<Vec<Map<String, Value>>>(field)? else {
            return Ok(None);
        };
        if values.is_empty() {
            return Err(fields.fault(field, "must hold one condition or more"));
        }
        let read = |(index, value)| {
            Self::read(Fields::new(
                format!("{}, {field}[{index}]", fields.owner()),
                Value::Object(value),
            )?)
        };
        values
            .into_iter()
            .enumerate()
            .map(read)
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// Whether the condition holds. A value of the wrong type makes a comparison false; a value that is missing is an
    /// error, except for `IsPresent`.
    pub(crate) fn holds(&self, input: &Value, context: &Context) -> Result<bool, Failure> {
        match self {
            Self::And(conditions) => {
                for condition in conditions {
                    if !condition.holds(input, context)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Or(conditions) => {
                for condition in conditions {
                    if condition.holds(input, context)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Not(condition) => Ok(!condition.holds(input, context)?),
            Self::Test {
                variable,
                test: Test::Is(Property::Present, expected),
            } => Ok(variable.select(input, context).is_some() == *expected),
            Self::Test { variable, test } => {
                let value = variable.require(input, context, "Variable")?;
                test.holds(&value, input, context)
            }
        }
    }
}

fn read_test(fields: &mut Fields) -> Result<Test, DefinitionError> {
    let Some(field) = fields.first_name() else {
        return Err(fields.fault("Variable", "stands without a comparison"));
    };
    if let Some(property) = property(&field) {
        return Ok(Test::Is(property, fields.required(&field)?));
    }
    if field == "StringMatches" {
        return Ok(Test::Matches(Pattern::parse(&fields.required::<String>(&field)?)));
    }
    let Some((kind, relation, is_path)) = comparison(&field) else {
        return Err(fields.fault(&field, "is not a comparison of the Amazon States Language"));
    };
    let operand = if is_path {
        let path = fields.path(&field, Path::parse_definite)?;
        Operand::Path(path.ok_or_else(|| fields.fault(&field, "is missing"))?)
    } else {
        let literal: Value = fields.required(&field)?;
        if compare(kind, &literal, &literal).is_none() {
            return Err(fields.fault(
                &field,
                format!("`{literal}` is not of the type that the comparison needs"),
            ));
        }
        Operand::Literal(literal)
    };
    Ok(Test::Compare {
        field,
        kind,
        relation,
        operand,
    })
}

impl Test {
    fn holds(&self, value: &Value, input: &Value, context: &Context) -> Result<bool, Failure> {
        match self {
            Self::Compare {
                field,
                kind,
                relation,
                operand,
            } => {
                let ordering = match operand {
                    Operand::Literal(literal) => compare(*kind, value, literal),
                    Operand::Path(path) => compare(*kind, value, &path.require(input, context, field)?),
                };
                Ok(ordering.is_some_and(|ordering| relation.holds(ordering)))
            }
            Self::Matches(pattern) => Ok(value.as_str().is_some_and(|text| pattern.matches(text))),
            Self::Is(property, expected) => {
                let has = match property {
                    Property::Present => true,
                    Property::Null => value.is_null(),
                    Property::Numeric => value.is_number(),
                    Property::String => value.is_string(),
                    Property::Boolean => value.is_boolean(),
                    Property::Timestamp => value.as_str().is_some_and(|text| timestamp(text).is_some()),
                };
                Ok(has == *expected)
            }
        }
    }
}

/// How two values of `kind` relate; `None` if one of them is of another type.
fn compare(kind: Kind, left: &Value, right: &Value) -> Option<Ordering> {
    match kind {
        Kind::String => Some(left.as_str()?.cmp(right.as_str()?)),
        Kind::Boolean => Some(left.as_bool()?.cmp(&right.as_bool()?)),
        Kind::Numeric => compare_numbers(left.as_number()?, right.as_number()?),
        Kind::Timestamp => Some(timestamp(left.as_str()?)?.cmp(&timestamp(right.as_str()?)?)),
    }
}

fn compare_numbers(left: &Number, right: &Number) -> Option<Ordering> {
    match (left.as_i128(), right.as_i128()) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

/// A pattern of `StringMatches`: the texts between the stars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<String>);

impl Pattern {
    fn parse(text: &str) -> Self {
        let mut parts = vec![String::new()];
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match (character, parts.last_mut()) {
                ('*', _) => parts.push(String::new()),
                ('\\', Some(part)) => part.extend(characters.next()),
                (other, Some(part)) => part.push(other),
                (_, None) => {}
            }
        }
        Self(parts)
    }

    fn matches(&self, text: &str) -> bool {
        let (Some((first, parts)), Some(mut rest)) = (
            self.0.split_first(),
            self.0.first().and_then(|first| text.strip_prefix(first.as_str())),
        ) else {
            return false;
        };
        let Some((last, middle)) = parts.split_last() else {
            return text == first;
        };
        for part in middle {
            // The earliest place leaves the most for what follows.
            let Some(at) = rest.find(part.as_str()) else {
                return false;
            };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last.as_str())
    }
}

#[cfg(test)]
mod tests;
