//! The verdict of a schema on a value.

use super::document::Document;
use super::evaluated::{Judge, items, properties};
use super::keywords::{Draft, shape};
use crate::json::{Json, Number, Unreadable};
use crate::pattern::{GaveUp, Pattern};
use serde_json::{Map, Value};
use std::cell::Cell;
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};

/// How many schemas may be entered within each other.
const DEPTH: usize = 256;

/// Why there is no verdict on a value.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unjudged {
    /// It is not JSON: Great Expectations gives up, too.
    #[error("a value cannot be judged by the schema: {0}")]
    Unreadable(#[from] Unreadable),
    #[error(transparent)]
    GaveUp(#[from] GaveUp),
    /// A schema that refers to itself for the same value, or values within values.
    #[error("more than {DEPTH} schemas apply to a value one within the other")]
    Depth,
}

/// Whether the schema allows a document.
pub(super) fn allows(document: &Document, value: &Json) -> Result<bool, Unjudged> {
    let judge = Schemas {
        document,
        depth: Cell::new(0),
    };
    judge.allows(&document.root, value)
}

struct Schemas<'a> {
    document: &'a Document,
    depth: Cell<usize>,
}

impl Judge for Schemas<'_> {
    type Error = Unjudged;

    fn draft(&self) -> Draft {
        self.document.draft
    }

    fn allows(&self, schema: &Value, value: &Json) -> Result<bool, Unjudged> {
        let fields = match schema {
            Value::Object(fields) => fields,
            other => return Ok(*other != Value::Bool(false)),
        };
        if self.depth.get() >= DEPTH {
            return Err(Unjudged::Depth);
        }
        self.depth.set(self.depth.get() + 1);
        let verdict = self.all_keywords(fields, schema, value);
        self.depth.set(self.depth.get() - 1);
        verdict
    }

    fn matches(&self, pattern: &str, name: &str) -> Result<bool, Unjudged> {
        // All are compiled when the document is checked.
        let compiled = self.document.patterns.get(pattern);
        compiled.map_or(Ok(false), |pattern: &Pattern| Ok(pattern.is_match(name)?))
    }

    fn target(&self, pointer: &Value) -> Option<&Value> {
        self.document.root.pointer(pointer.as_str()?)
    }
}

impl Schemas<'_> {
    fn all_keywords(&self, fields: &Map<String, Value>, schema: &Value, value: &Json) -> Result<bool, Unjudged> {
        // Up to draft 7 a reference replaces everything beside it.
        if self.draft() <= Draft::D7
            && let Some(target) = fields.get("$ref")
        {
            return self.follows(target, value);
        }
        for (keyword, wanted) in fields {
            if shape(keyword, self.draft()).is_some() && !self.keyword(keyword, wanted, fields, schema, value)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn follows(&self, pointer: &Value, value: &Json) -> Result<bool, Unjudged> {
        self.target(pointer)
            .map_or(Ok(true), |target| self.allows(target, value))
    }

    /// Whether each schema allows its value.
    fn each<'s, 'v>(&self, mut pairs: impl Iterator<Item = (&'s Value, &'v Json)>) -> Result<bool, Unjudged> {
        pairs.try_fold(true, |met, (schema, value)| Ok(met && self.allows(schema, value)?))
    }

    fn keyword(
        &self,
        keyword: &str,
        wanted: &Value,
        fields: &Map<String, Value>,
        schema: &Value,
        value: &Json,
    ) -> Result<bool, Unjudged> {
        match keyword {
            "$ref" | "$dynamicRef" | "$recursiveRef" => return self.follows(wanted, value),
            "type" => {
                let is = |name: &Value| name.as_str().is_some_and(|name| self.is(value, name));
                return Ok(wanted
                    .as_array()
                    .map_or_else(|| is(wanted), |names| names.iter().any(is)));
            }
            "const" => return Ok(*value == Json::from(wanted)),
            "enum" => {
                let mut values = wanted.as_array().into_iter().flatten();
                return Ok(values.any(|each| *value == Json::from(each)));
            }
            "allOf" => return self.each(list(wanted).map(|schema| (schema, value))),
            "anyOf" => return Ok(self.count(wanted, value, 1)? > 0),
            "oneOf" => return Ok(self.count(wanted, value, 2)? == 1),
            "not" => return Ok(!self.allows(wanted, value)?),
            "if" => {
                let branch = if self.allows(wanted, value)? { "then" } else { "else" };
                return fields.get(branch).map_or(Ok(true), |branch| self.allows(branch, value));
            }
            _ => {}
        }
        match value {
            Json::Number(number) => Ok(self.number(keyword, wanted, fields, *number)),
            Json::Text(text) => self.text(keyword, wanted, text),
            Json::List(items) => self.list(keyword, wanted, fields, schema, (items, value)),
            Json::Object(object) => self.object(keyword, wanted, fields, schema, (object, value)),
            Json::Null | Json::Boolean(_) => Ok(true),
        }
    }

    /// How many of the schemas allow the value, up to a number.
    fn count(&self, schemas: &Value, value: &Json, most: usize) -> Result<usize, Unjudged> {
        let mut met = 0;
        for schema in list(schemas) {
            met += usize::from(met < most && self.allows(schema, value)?);
        }
        Ok(met)
    }

    fn is(&self, value: &Json, name: &str) -> bool {
        match value {
            Json::Null => name == "null",
            Json::Boolean(_) => name == "boolean",
            Json::Text(_) => name == "string",
            Json::List(_) => name == "array",
            Json::Object(_) => name == "object",
            Json::Number(number) => match name {
                "number" => true,
                "integer" if self.draft() == Draft::D4 => number.is_whole(),
                "integer" => number.has_no_fraction(),
                _ => false,
            },
        }
    }

    fn number(&self, keyword: &str, wanted: &Value, fields: &Map<String, Value>, number: Number) -> bool {
        let Value::Number(limit) = wanted else {
            return true;
        };
        let limit = Number::from(limit);
        let strict = |name: &str| self.draft() == Draft::D4 && fields.get(name) == Some(&Value::Bool(true));
        // What has no order, NaN, is beyond no limit.
        let order = number.partial_cmp(&limit);
        match keyword {
            "minimum" if strict("exclusiveMinimum") => !matches!(order, Some(Ordering::Less | Ordering::Equal)),
            "maximum" if strict("exclusiveMaximum") => !matches!(order, Some(Ordering::Greater | Ordering::Equal)),
            "minimum" => order != Some(Ordering::Less),
            "maximum" => order != Some(Ordering::Greater),
            "exclusiveMinimum" => !matches!(order, Some(Ordering::Less | Ordering::Equal)),
            "exclusiveMaximum" => !matches!(order, Some(Ordering::Greater | Ordering::Equal)),
            "multipleOf" => number.is_multiple_of(limit),
            _ => true,
        }
    }

    fn text(&self, keyword: &str, wanted: &Value, text: &str) -> Result<bool, Unjudged> {
        Ok(match keyword {
            "minLength" => text.chars().count() >= limit(wanted),
            "maxLength" => text.chars().count() <= limit(wanted),
            "pattern" => self.matches(wanted.as_str().unwrap_or_default(), text)?,
            _ => true,
        })
    }

    fn list(
        &self,
        keyword: &str,
        wanted: &Value,
        fields: &Map<String, Value>,
        schema: &Value,
        (list_items, value): (&[Json], &Json),
    ) -> Result<bool, Unjudged> {
        let length = list_items.len();
        let rest = |from: usize| list_items.get(from..).unwrap_or_default();
        match keyword {
            "minItems" => Ok(length >= limit(wanted)),
            "maxItems" => Ok(length <= limit(wanted)),
            "uniqueItems" => {
                let mut seen = HashSet::new();
                Ok(*wanted == Value::Bool(false) || list_items.iter().all(|item| seen.insert(key(item))))
            }
            "prefixItems" => self.each(list(wanted).zip(list_items)),
            "items" if self.draft() == Draft::D2020 => {
                let prefix = fields.get("prefixItems").map_or(0, |schemas| list(schemas).count());
                self.each(rest(prefix).iter().map(|item| (wanted, item)))
            }
            "items" if wanted.is_array() => self.each(list(wanted).zip(list_items)),
            "items" => self.each(list_items.iter().map(|item| (wanted, item))),
            "additionalItems" => match fields.get("items") {
                Some(Value::Array(schemas)) => self.each(rest(schemas.len()).iter().map(|item| (wanted, item))),
                _ => Ok(true),
            },
            "contains" => {
                let mut found = 0;
                for item in list_items {
                    found += usize::from(self.allows(wanted, item)?);
                }
                let counted = self.draft() >= Draft::D2019;
                let bound = |name: &str| fields.get(name).filter(|_| counted);
                Ok(found >= bound("minContains").map_or(1, limit)
                    && found <= bound("maxContains").map_or(length, limit))
            }
            "unevaluatedItems" => {
                let evaluated = items(self, schema, list_items, value)?;
                Ok((0..length).all(|place| evaluated.contains(&place)))
            }
            _ => Ok(true),
        }
    }

    fn object(
        &self,
        keyword: &str,
        wanted: &Value,
        fields: &Map<String, Value>,
        schema: &Value,
        (object, value): (&BTreeMap<String, Json>, &Json),
    ) -> Result<bool, Unjudged> {
        let has = |name: &Value| name.as_str().is_some_and(|name| object.contains_key(name));
        let named = || wanted.as_object().into_iter().flatten();
        let present = || named().filter(|(name, _)| object.contains_key(*name));
        match keyword {
            "minProperties" => Ok(object.len() >= limit(wanted)),
            "maxProperties" => Ok(object.len() <= limit(wanted)),
            "required" => Ok(list(wanted).all(has)),
            "properties" => self.each(named().filter_map(|(name, schema)| Some((schema, object.get(name)?)))),
            "propertyNames" => {
                let names: Vec<Json> = object.keys().cloned().map(Json::Text).collect();
                self.each(names.iter().map(|name| (wanted, name)))
            }
            "patternProperties" => {
                for (pattern, schema) in named() {
                    for (name, value) in object {
                        if self.matches(pattern, name)? && !self.allows(schema, value)? {
                            return Ok(false);
                        }
                    }
                }
                Ok(true)
            }
            "additionalProperties" => {
                for (name, value) in object {
                    if !self.is_named(fields, name)? && !self.allows(wanted, value)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            "dependentRequired" => Ok(present().all(|(_, names)| list(names).all(has))),
            "dependentSchemas" => self.each(present().map(|(_, schema)| (schema, value))),
            "dependencies" if self.draft() <= Draft::D7 => {
                let names = present().filter(|(_, each)| each.is_array());
                let schemas = present().filter(|(_, each)| !each.is_array());
                Ok(names.into_iter().all(|(_, names)| list(names).all(has))
                    && self.each(schemas.map(|(_, schema)| (schema, value)))?)
            }
            "unevaluatedProperties" => {
                let evaluated = properties(self, schema, object, value)?;
                let others = object.iter().filter(|(name, _)| !evaluated.contains(name.as_str()));
                self.each(others.map(|(_, value)| (wanted, value)))
            }
            _ => Ok(true),
        }
    }

    /// Whether `properties` or `patternProperties` name a property.
    fn is_named(&self, fields: &Map<String, Value>, name: &str) -> Result<bool, Unjudged> {
        let names = |keyword: &str| fields.get(keyword).and_then(Value::as_object);
        if names("properties").is_some_and(|names| names.contains_key(name)) {
            return Ok(true);
        }
        for pattern in names("patternProperties").into_iter().flat_map(Map::keys) {
            if self.matches(pattern, name)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A count that must be reached, or must not be exceeded.
fn limit(count: &Value) -> usize {
    let float = || count.as_f64().map(|count| count as usize);
    let whole = count.as_u64().and_then(|count| usize::try_from(count).ok());
    whole.or_else(float).unwrap_or(usize::MAX)
}

/// A text that equal values share, and others do not.
fn key(value: &Json) -> String {
    match value {
        Json::Null => "n".to_owned(),
        Json::Boolean(truth) => format!("b{truth}"),
        Json::Number(Number::Whole(number)) => format!("{number}"),
        Json::Number(Number::Huge(number) | Number::Float(number)) => {
            let whole = *number as i128;
            // Within the range that is exact both ways, or beyond all whole numbers.
            if number.fract() == 0.0 && whole != i128::MAX && whole != i128::MIN {
                format!("{whole}")
            } else {
                format!("f{:x}", number.to_bits())
            }
        }
        Json::Text(text) => format!("{text:?}"),
        Json::List(items) => format!("[{}]", items.iter().map(key).collect::<Vec<_>>().join(",")),
        Json::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| format!("{name:?}:{}", key(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
    }
}
