//! A schema as a document: whether its keywords hold what they must, and where its references lead.
//!
//! References are resolved once: in the document that is kept, each holds the JSON pointer of its target.

use super::keywords::{Draft, Shape, TYPES, shape};
use super::uri::{join, split};
use crate::pattern::Pattern;
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};

/// A checked schema.
pub(super) struct Document {
    pub(super) root: Value,
    pub(super) draft: Draft,
    /// All regular expressions, by their text.
    pub(super) patterns: HashMap<String, Pattern>,
}

/// A reference in a schema.
struct Reference {
    /// The pointer to the schema.
    schema: String,
    base: String,
    keyword: &'static str,
    target: String,
}

/// What is known of a document while it is walked through.
struct Walk {
    draft: Draft,
    patterns: HashMap<String, Pattern>,
    references: Vec<Reference>,
    /// Pointers by address.
    resources: HashMap<String, String>,
    /// Pointers by address and name.
    anchors: HashMap<(String, String), String>,
    /// The address of each schema, by its pointer.
    bases: HashMap<String, String>,
    /// Whether a schema within the root has an address of its own.
    several: bool,
}

const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];

/// The draft that `$schema` names; the newest by default, as in Python.
fn draft(schema: &Map<String, Value>) -> Result<Draft, String> {
    let name = schema.get("$schema").and_then(Value::as_str).unwrap_or_default();
    Ok(match name.trim_end_matches('#') {
        "http://json-schema.org/draft-03/schema" => {
            return Err("'$schema' is draft 3: drafts 4, 6, 7, 2019-09 and 2020-12 are known".to_owned());
        }
        "http://json-schema.org/draft-04/schema" => Draft::D4,
        "http://json-schema.org/draft-06/schema" => Draft::D6,
        "http://json-schema.org/draft-07/schema" => Draft::D7,
        "https://json-schema.org/draft/2019-09/schema" => Draft::D2019,
        _ => Draft::D2020,
    })
}

impl Document {
    /// Checks a schema and resolves its references.
    ///
    /// # Errors
    /// What is wrong, as a sentence.
    pub(super) fn new(schema: &Map<String, Value>) -> Result<Self, String> {
        let draft = draft(schema)?;
        let mut root = Value::Object(schema.clone());
        let mut walk = Walk {
            draft,
            patterns: HashMap::new(),
            references: Vec::new(),
            resources: HashMap::from([(String::new(), String::new())]),
            anchors: HashMap::new(),
            bases: HashMap::new(),
            several: false,
        };
        walk.schema(&root, String::new(), "")?;
        let mut resolved = Vec::new();
        while let Some(reference) = walk.references.pop() {
            let pointer = walk.resolve(&reference)?;
            let known = walk.bases.contains_key(&pointer);
            match root.pointer(&pointer) {
                Some(_) if known => {}
                // A schema at a place that is no keyword's.
                Some(target @ (Value::Object(_) | Value::Bool(_))) => {
                    let base = walk.base_above(&pointer).to_owned();
                    walk.schema(target, pointer.clone(), &base)?;
                }
                _ => {
                    return Err(format!(
                        "'{}' refers to '{}', which is not there",
                        reference.keyword, reference.target
                    ));
                }
            }
            resolved.push((reference.schema, reference.keyword, pointer));
        }
        let patterns = walk.patterns;
        for (schema, keyword, pointer) in resolved {
            if let Some(Value::Object(schema)) = root.pointer_mut(&schema) {
                schema.insert(keyword.to_owned(), Value::String(pointer));
            }
        }
        Ok(Self { root, draft, patterns })
    }
}

impl Walk {
    /// Checks a schema and those in it.
    fn schema(&mut self, schema: &Value, pointer: String, base: &str) -> Result<(), String> {
        let fields = match schema {
            Value::Object(fields) => fields,
            Value::Bool(_) if self.draft > Draft::D4 => {
                self.bases.insert(pointer, base.to_owned());
                return Ok(());
            }
            other => return Err(format!("{other} is no schema")),
        };
        let base = self.base(fields, &pointer, base);
        for (name, value) in fields {
            let Some(shape) = shape(name, self.draft) else {
                continue;
            };
            self.check(shape, value)
                .map_err(|wanted| format!("'{name}' is {value}: give {wanted}"))?;
            let here = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
            self.children(shape, value, &here, &base)?;
        }
        for keyword in REFERENCES {
            let target = fields.get(keyword).and_then(Value::as_str);
            if let Some(target) = target.filter(|_| shape(keyword, self.draft).is_some()) {
                self.references.push(Reference {
                    schema: pointer.clone(),
                    base: base.clone(),
                    keyword,
                    target: target.to_owned(),
                });
            }
        }
        self.bases.insert(pointer, base);
        Ok(())
    }

    /// The address of a schema, which may be its own; names it by that and by its anchors.
    fn base(&mut self, fields: &Map<String, Value>, pointer: &str, base: &str) -> String {
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        let name = if self.draft == Draft::D4 { "id" } else { "$id" };
        let legacy = self.draft <= Draft::D7;
        let id = text(name).filter(|_| !(legacy && fields.contains_key("$ref")));
        let mut base = base.to_owned();
        let mut anchors: Vec<&str> = Vec::new();
        match id {
            Some(id) if legacy && id.starts_with('#') => anchors.push(&id[1..]),
            Some(id) => {
                base = join(&base, id.trim_end_matches('#'));
                self.resources.insert(base.clone(), pointer.to_owned());
                self.several |= !pointer.is_empty();
            }
            None => {}
        }
        if !legacy {
            anchors.extend(text("$anchor"));
            anchors.extend(text("$dynamicAnchor").filter(|_| self.draft == Draft::D2020));
        }
        for anchor in anchors {
            self.anchors
                .insert((base.clone(), anchor.to_owned()), pointer.to_owned());
        }
        base
    }

    /// Checks the schemas in a keyword's value.
    fn children(&mut self, shape: Shape, value: &Value, here: &str, base: &str) -> Result<(), String> {
        let is_schema = |value: &Value| value.is_object() || value.is_boolean();
        match (shape, value) {
            (Shape::SchemaOrTruth, Value::Bool(_)) => Ok(()),
            (Shape::Schema | Shape::SchemaOrTruth, value) => self.schema(value, here.to_owned(), base),
            (Shape::Schemas | Shape::Items, Value::Array(schemas)) => {
                let mut schemas = schemas.iter().enumerate();
                schemas.try_for_each(|(place, schema)| self.schema(schema, format!("{here}/{place}"), base))
            }
            (Shape::Items, value) => self.schema(value, here.to_owned(), base),
            (Shape::SchemaMap | Shape::PatternMap | Shape::Dependencies, Value::Object(schemas)) => {
                for (name, schema) in schemas {
                    if shape == Shape::Dependencies && !is_schema(schema) {
                        continue;
                    }
                    let name = name.replace('~', "~0").replace('/', "~1");
                    self.schema(schema, format!("{here}/{name}"), base)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Checks a keyword's value, apart from schemas in it.
    fn check(&mut self, shape: Shape, value: &Value) -> Result<(), String> {
        let d4 = self.draft == Draft::D4;
        let number = |value: &Value| value.as_f64();
        let names = |value: &Value, least: usize| {
            let names: Option<Vec<&str>> = value
                .as_array()
                .and_then(|names| names.iter().map(Value::as_str).collect());
            names.is_some_and(|names| names.len() >= least && names.iter().collect::<HashSet<_>>().len() == names.len())
        };
        let least = usize::from(d4);
        let (right, wanted) = match shape {
            Shape::Schema | Shape::SchemaOrTruth | Shape::Anything => (true, ""),
            Shape::Schemas => (filled(value), "a list of schemas, at least one"),
            Shape::Items => (
                !value.is_array() || filled(value),
                "a schema, or a list of them, at least one",
            ),
            Shape::SchemaMap => (value.is_object(), "an object of schemas"),
            Shape::PatternMap => {
                let fields = value.as_object();
                for pattern in fields.into_iter().flat_map(Map::keys) {
                    self.pattern(pattern)?;
                }
                (fields.is_some(), "an object of schemas")
            }
            Shape::Dependencies => {
                let fields = value.as_object();
                let right = |value: &Value| !value.is_array() || names(value, least);
                (
                    fields.is_some_and(|fields| fields.values().all(right)),
                    "an object of schemas and lists of names",
                )
            }
            Shape::NamesMap => {
                let fields = value.as_object();
                (
                    fields.is_some_and(|fields| fields.values().all(|value| names(value, 0))),
                    "an object of lists of names",
                )
            }
            Shape::Names => (names(value, least), "a list of names, each of them once"),
            Shape::Types => {
                let known = |value: &Value| value.as_str().is_some_and(|name| TYPES.contains(&name));
                let listed = value.as_array().is_some_and(|types| types.iter().all(known));
                (
                    known(value) || listed && names(value, 1),
                    "a type, or a list of them: array, boolean, integer, null, number, object, string",
                )
            }
            Shape::Count => {
                let whole = value.as_u64().is_some();
                let float = value.as_f64().is_some_and(|count| count >= 0.0 && count.fract() == 0.0);
                (whole || float && !d4, "a whole number from 0")
            }
            Shape::Number => (value.is_number(), "a number"),
            Shape::Positive => (number(value).is_some_and(|number| number > 0.0), "a number above 0"),
            Shape::Truth => (value.is_boolean(), "true or false"),
            Shape::Exclusive if d4 => (value.is_boolean(), "true or false"),
            Shape::Exclusive => (value.is_number(), "a number"),
            Shape::Text => (value.is_string(), "a text"),
            Shape::Regex => match value.as_str() {
                Some(pattern) => {
                    self.pattern(pattern)?;
                    (true, "")
                }
                None => (false, "a regular expression"),
            },
            Shape::Values if self.draft <= Draft::D6 => (filled(value), "a list of values, at least one"),
            Shape::Values => (value.is_array(), "a list of values"),
        };
        if right { Ok(()) } else { Err(wanted.to_owned()) }
    }

    fn pattern(&mut self, pattern: &str) -> Result<(), String> {
        if !self.patterns.contains_key(pattern) {
            let compiled = Pattern::new(pattern)
                .map_err(|reason| format!("a regular expression that can be used ('{pattern}' is none: {reason})"))?;
            self.patterns.insert(pattern.to_owned(), compiled);
        }
        Ok(())
    }

    /// The pointer to the target of a reference.
    fn resolve(&self, reference: &Reference) -> Result<String, String> {
        let Reference {
            base, keyword, target, ..
        } = reference;
        let dynamic = *keyword != "$ref";
        if dynamic && self.several {
            return Err(format!(
                "'{keyword}' is not followed in a schema of several resources ('$id')"
            ));
        }
        let (address, fragment) = split(target);
        let address = join(base, address);
        let Some(resource) = self.resources.get(&address) else {
            return Err(format!(
                "'{keyword}' refers to '{target}', which is outside of the schema: nothing is fetched"
            ));
        };
        let nowhere = || format!("'{keyword}' refers to '{target}', which is not there");
        let fragment = decoded(fragment).ok_or_else(nowhere)?;
        if fragment.is_empty() {
            return Ok(resource.clone());
        }
        if fragment.starts_with('/') {
            return Ok(format!("{resource}{fragment}"));
        }
        self.anchors.get(&(address, fragment)).cloned().ok_or_else(nowhere)
    }

    /// The address of the nearest schema that a pointer leads through.
    fn base_above(&self, pointer: &str) -> &str {
        let mut above = pointer;
        while let Some((parent, _)) = above.rsplit_once('/') {
            if let Some(base) = self.bases.get(parent) {
                return base;
            }
            above = parent;
        }
        ""
    }
}

/// A list with something in it.
fn filled(value: &Value) -> bool {
    value.as_array().is_some_and(|items| !items.is_empty())
}

/// A fragment without its percent encoding.
fn decoded(fragment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.as_bytes();
    while let [first, after @ ..] = rest {
        let code = (*first == b'%').then(|| std::str::from_utf8(after.get(..2)?).ok());
        match code.flatten().and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}
