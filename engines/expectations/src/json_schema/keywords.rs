//! The keywords of JSON Schema: since and until which draft they are known, and what they hold.

/// A version of JSON Schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Draft {
    D4,
    D6,
    D7,
    D2019,
    D2020,
}

/// What a keyword holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Schema,
    /// A truth value in draft 4, where these are no schemas.
    SchemaOrTruth,
    /// At least one.
    Schemas,
    /// A schema for each property.
    SchemaMap,
    /// As [`Self::SchemaMap`], with regular expressions as names.
    PatternMap,
    /// A schema, or at least one for the items one by one.
    Items,
    /// Schemas or names, for each property.
    Dependencies,
    /// Names of properties, for each property.
    NamesMap,
    /// Names, each of them once.
    Names,
    Types,
    /// A whole number from 0.
    Count,
    Number,
    Positive,
    Truth,
    /// A truth value in draft 4, a number since.
    Exclusive,
    Text,
    Regex,
    /// At least one value, each of them once, up to draft 6; any values since.
    Values,
    Anything,
}

use Draft::{D4, D6, D7, D2019, D2020};

/// Keywords in order, with the first and the last draft that know them. Those without any effect are there to be checked.
const KEYWORDS: &[(&str, Draft, Draft, Shape)] = &[
    ("$anchor", D2019, D2020, Shape::Text),
    ("$comment", D7, D2020, Shape::Text),
    ("$defs", D2019, D2020, Shape::SchemaMap),
    ("$dynamicAnchor", D2020, D2020, Shape::Text),
    ("$dynamicRef", D2020, D2020, Shape::Text),
    ("$id", D6, D2020, Shape::Text),
    ("$recursiveAnchor", D2019, D2019, Shape::Truth),
    ("$recursiveRef", D2019, D2019, Shape::Text),
    ("$ref", D4, D2020, Shape::Text),
    ("$schema", D4, D2020, Shape::Text),
    ("additionalItems", D4, D2019, Shape::SchemaOrTruth),
    ("additionalProperties", D4, D2020, Shape::SchemaOrTruth),
    ("allOf", D4, D2020, Shape::Schemas),
    ("anyOf", D4, D2020, Shape::Schemas),
    ("const", D6, D2020, Shape::Anything),
    ("contains", D6, D2020, Shape::Schema),
    ("contentEncoding", D7, D2020, Shape::Text),
    ("contentMediaType", D7, D2020, Shape::Text),
    ("contentSchema", D2019, D2020, Shape::Schema),
    ("definitions", D4, D2020, Shape::SchemaMap),
    ("dependencies", D4, D2020, Shape::Dependencies),
    ("dependentRequired", D2019, D2020, Shape::NamesMap),
    ("dependentSchemas", D2019, D2020, Shape::SchemaMap),
    ("description", D4, D2020, Shape::Text),
    ("else", D7, D2020, Shape::Schema),
    ("enum", D4, D2020, Shape::Values),
    ("exclusiveMaximum", D4, D2020, Shape::Exclusive),
    ("exclusiveMinimum", D4, D2020, Shape::Exclusive),
    ("format", D4, D2020, Shape::Text),
    ("id", D4, D4, Shape::Text),
    ("if", D7, D2020, Shape::Schema),
    ("items", D4, D2019, Shape::Items),
    ("items", D2020, D2020, Shape::Schema),
    ("maxContains", D2019, D2020, Shape::Count),
    ("maxItems", D4, D2020, Shape::Count),
    ("maxLength", D4, D2020, Shape::Count),
    ("maxProperties", D4, D2020, Shape::Count),
    ("maximum", D4, D2020, Shape::Number),
    ("minContains", D2019, D2020, Shape::Count),
    ("minItems", D4, D2020, Shape::Count),
    ("minLength", D4, D2020, Shape::Count),
    ("minProperties", D4, D2020, Shape::Count),
    ("minimum", D4, D2020, Shape::Number),
    ("multipleOf", D4, D2020, Shape::Positive),
    ("not", D4, D2020, Shape::Schema),
    ("oneOf", D4, D2020, Shape::Schemas),
    ("pattern", D4, D2020, Shape::Regex),
    ("patternProperties", D4, D2020, Shape::PatternMap),
    ("prefixItems", D2020, D2020, Shape::Schemas),
    ("properties", D4, D2020, Shape::SchemaMap),
    ("propertyNames", D6, D2020, Shape::Schema),
    ("required", D4, D2020, Shape::Names),
    ("then", D7, D2020, Shape::Schema),
    ("title", D4, D2020, Shape::Text),
    ("type", D4, D2020, Shape::Types),
    ("unevaluatedItems", D2019, D2020, Shape::Schema),
    ("unevaluatedProperties", D2019, D2020, Shape::Schema),
    ("uniqueItems", D4, D2020, Shape::Truth),
];

/// What a keyword holds in a draft; `None`: it is no keyword there.
pub(super) fn shape(name: &str, draft: Draft) -> Option<Shape> {
    let first = KEYWORDS.partition_point(|(keyword, ..)| *keyword < name);
    let mut named = KEYWORDS[first..].iter().take_while(|(keyword, ..)| *keyword == name);
    let known = named.find(|(_, since, until, _)| (*since..=*until).contains(&draft));
    known.map(|(.., shape)| *shape)
}

/// Names of types.
pub(super) const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_found_in_their_drafts() {
        assert!(KEYWORDS.is_sorted_by_key(|(name, since, ..)| (*name, *since)));
        assert_eq!(shape("items", D7), Some(Shape::Items));
        assert_eq!(shape("items", D2020), Some(Shape::Schema));
        assert_eq!(shape("if", D6), None);
        assert_eq!(shape("other", D2020), None);
    }
}
