//! Which items and properties a schema says anything about, for `unevaluatedItems` and `unevaluatedProperties`.

use super::keywords::Draft;
use crate::json::Json;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Verdicts of schemas.
pub(super) trait Judge {
    /// Why there is no verdict.
    type Error;
    /// The draft of the schema.
    fn draft(&self) -> Draft;
    /// Whether a schema allows a value.
    fn allows(&self, schema: &Value, value: &Json) -> Result<bool, Self::Error>;
    /// Whether the name of a property matches a regular expression.
    fn matches(&self, pattern: &str, name: &str) -> Result<bool, Self::Error>;
    /// The schema that a resolved reference leads to.
    fn target(&self, pointer: &Value) -> Option<&Value>;
}

/// The schemas that also say something about the same value: those referred to, and those that it meets.
fn beside<'a, J: Judge>(
    judge: &'a J,
    schema: &'a Map<String, Value>,
    value: &Json,
) -> Result<Vec<&'a Value>, J::Error> {
    let mut schemas = Vec::new();
    for keyword in ["$ref", "$dynamicRef", "$recursiveRef"] {
        schemas.extend(schema.get(keyword).and_then(|pointer| judge.target(pointer)));
    }
    for keyword in ["allOf", "oneOf", "anyOf"] {
        for each in schema.get(keyword).and_then(Value::as_array).into_iter().flatten() {
            if judge.allows(each, value)? {
                schemas.push(each);
            }
        }
    }
    if let Some(condition) = schema.get("if") {
        if judge.allows(condition, value)? {
            schemas.push(condition);
            schemas.extend(schema.get("then"));
        } else {
            schemas.extend(schema.get("else"));
        }
    }
    Ok(schemas)
}

/// The places of a list that are evaluated.
pub(super) fn items<J: Judge>(
    judge: &J,
    schema: &Value,
    list: &[Json],
    value: &Json,
) -> Result<BTreeSet<usize>, J::Error> {
    let mut found = BTreeSet::new();
    let Value::Object(fields) = schema else {
        return Ok(found);
    };
    let count = |name: &str| fields.get(name).and_then(Value::as_array).map_or(0, Vec::len);
    let all = match (judge.draft(), fields.get("items")) {
        (_, None) => false,
        (Draft::D2020, _) => true,
        (_, Some(items)) => items.is_object() || fields.contains_key("additionalItems"),
    };
    if all {
        return Ok((0..list.len()).collect());
    }
    found.extend(0..count("items"));
    if judge.draft() == Draft::D2020 {
        found.extend(0..count("prefixItems"));
    }
    for keyword in ["contains", "unevaluatedItems"] {
        if let Some(schema) = fields.get(keyword) {
            for (place, item) in list.iter().enumerate() {
                if judge.allows(schema, item)? {
                    found.insert(place);
                }
            }
        }
    }
    for schema in beside(judge, fields, value)? {
        found.extend(items(judge, schema, list, value)?);
    }
    Ok(found)
}

/// The names of an object's properties that are evaluated.
pub(super) fn properties<'v, J: Judge>(
    judge: &J,
    schema: &Value,
    object: &'v BTreeMap<String, Json>,
    value: &Json,
) -> Result<BTreeSet<&'v str>, J::Error> {
    let mut found = BTreeSet::new();
    let Value::Object(fields) = schema else {
        return Ok(found);
    };
    let named = |names: &Map<String, Value>| {
        let names = object.keys().filter(|name| names.contains_key(*name));
        names.map(String::as_str).collect::<Vec<_>>()
    };
    if let Some(Value::Object(names)) = fields.get("properties") {
        found.extend(named(names));
    }
    for keyword in ["additionalProperties", "unevaluatedProperties"] {
        match (judge.draft(), fields.get(keyword)) {
            (_, None) => {}
            (Draft::D2020, Some(schema)) => {
                for (name, value) in object {
                    if judge.allows(schema, value)? {
                        found.insert(name);
                    }
                }
            }
            // As in Python: in the older draft the names are those of the keywords.
            (_, Some(Value::Object(names))) => found.extend(named(names)),
            (_, Some(schema)) if *schema == Value::Bool(true) => found.extend(object.keys().map(String::as_str)),
            _ => {}
        }
    }
    if let Some(Value::Object(patterns)) = fields.get("patternProperties") {
        for name in object.keys() {
            for pattern in patterns.keys() {
                if judge.matches(pattern, name)? {
                    found.insert(name);
                }
            }
        }
    }
    if let Some(Value::Object(schemas)) = fields.get("dependentSchemas") {
        for (_, schema) in schemas.iter().filter(|(name, _)| object.contains_key(*name)) {
            found.extend(properties(judge, schema, object, value)?);
        }
    }
    for schema in beside(judge, fields, value)? {
        found.extend(properties(judge, schema, object, value)?);
    }
    Ok(found)
}
