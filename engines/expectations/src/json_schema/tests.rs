//! Verdicts and refusals.

use super::*;
use serde_json::json;

fn schema(schema: &Value) -> Result<Schema, String> {
    Schema::new(schema.as_object().unwrap())
}

fn check(given: &Value, text: &str, expected: bool) {
    assert_eq!(schema(given).unwrap().allows(text).unwrap(), expected, "{given} {text}");
}

#[test]
fn references_are_followed() {
    let tree = json!({"$id": "http://a.b/tree.json", "type": "object", "required": ["v"],
        "properties": {"v": {"$ref": "value.json"}, "next": {"$ref": "#"}, "n": {"$ref": "#/$defs/n%61me"}, "m": {"$ref": "#named"}},
        "$defs": {"value": {"$id": "value.json", "type": "integer"}, "name": {"$anchor": "named", "type": "string"}}});
    check(&tree, r#"{"v": 1, "next": {"v": 2, "next": {"v": 3.0}}}"#, true);
    check(&tree, r#"{"v": 1, "next": {"v": 2, "next": {"v": 3.5}}}"#, false);
    check(&tree, r#"{"v": 1, "n": "x", "m": "y"}"#, true);
    check(&tree, r#"{"v": 1, "n": 1}"#, false);
    check(&tree, r#"{"v": 1, "m": 1}"#, false);
    let elsewhere = json!({"properties": {"a": {"$ref": "#/shared/0"}}, "shared": [{"type": "null"}]});
    check(&elsewhere, r#"{"a": null}"#, true);
    check(&elsewhere, r#"{"a": 1}"#, false);
    let old = json!({"$schema": "http://json-schema.org/draft-04/schema#", "definitions": {"a": {"id": "#x", "type": "null"}},
        "properties": {"a": {"$ref": "#x", "type": "string"}}});
    check(&old, r#"{"a": null}"#, true);
}

#[test]
fn drafts_differ() {
    let integer = |draft: &str| json!({"$schema": draft, "type": "integer"});
    check(&integer("http://json-schema.org/draft-04/schema#"), "1.0", false);
    check(&integer("http://json-schema.org/draft-07/schema#"), "1.0", true);
    check(&integer("https://example.com/unknown"), "1.0", true);
    check(
        &json!({"type": "integer"}),
        "123456789012345678901234567890123456789012345",
        true,
    );
    let list = json!({"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "null"}], "additionalItems": false});
    check(&list, "[null]", true);
    check(&list, "[null, 1]", false);
    check(
        &json!({"prefixItems": [{"type": "null"}], "items": false}),
        "[null, 1]",
        false,
    );
    check(&json!({"format": "email", "type": "string"}), "\"x\"", true);
}

#[test]
fn what_is_wrong_with_a_schema_is_told() {
    for (given, reason) in [
        (
            json!({"$ref": "http://example.com/x.json"}),
            "'$ref' refers to 'http://example.com/x.json', which is outside of the schema: nothing is fetched",
        ),
        (
            json!({"$ref": "#/nowhere"}),
            "'$ref' refers to '#/nowhere', which is not there",
        ),
        (
            json!({"type": "text"}),
            "'type' is \"text\": give a type, or a list of them",
        ),
        (
            json!({"properties": {"a": {"minimum": "1"}}}),
            "'minimum' is \"1\": give a number",
        ),
        (
            json!({"pattern": "("}),
            "'pattern' is \"(\": give a regular expression that can be used",
        ),
        (
            json!({"$schema": "http://json-schema.org/draft-03/schema#"}),
            "'$schema' is draft 3",
        ),
        (
            json!({"allOf": []}),
            "'allOf' is []: give a list of schemas, at least one",
        ),
        (json!({"required": ["a", "a"]}), "'required' is"),
    ] {
        let problem = schema(&given).err().unwrap();
        assert!(problem.contains(reason), "{problem}");
    }
}

#[test]
fn a_schema_within_itself_gives_no_verdict() {
    let circle = schema(&json!({"$ref": "#"})).unwrap();
    assert!(matches!(circle.allows("1"), Err(Unjudged::Depth)));
    assert!(matches!(circle.allows("x"), Err(Unjudged::Unreadable(_))));
}
