//! Tests of the comparisons.

use serde_json::json;

use super::*;

fn condition(value: Value) -> Condition {
    Condition::read(Fields::new("rule", value).unwrap()).unwrap()
}

fn holds(value: Value) -> Result<bool, Failure> {
    let input = json!({
        "s": "banana", "t": "cherry", "n": 5, "m": 7, "f": 5.0, "yes": true, "no": false, "nothing": null,
        "early": "2026-01-13T00:00:00Z", "late": "2026-01-13T00:30:00+09:00", "zero": 0,
    });
    let context = Context {
        state: json!({"RetryCount": 1}),
        ..Context::default()
    };
    condition(value).holds(&input, &context)
}

#[test]
fn ordering_comparisons_hold_for_literals_and_paths() {
    for (kind, variable, low, equal, high, low_path, equal_path, high_path) in [
        (
            "String",
            "$.s",
            json!("apple"),
            json!("banana"),
            json!("cherry"),
            None,
            Some("$.s"),
            Some("$.t"),
        ),
        (
            "Numeric",
            "$.n",
            json!(-1),
            json!(5),
            json!(5.5),
            Some("$.zero"),
            Some("$.f"),
            Some("$.m"),
        ),
        (
            "Timestamp",
            "$.early",
            json!("2026-01-12T23:59:59Z"),
            json!("2026-01-13T01:00:00+01:00"),
            json!("2026-01-13T00:00:00.001Z"),
            Some("$.late"),
            Some("$.early"),
            None,
        ),
    ] {
        for (relation, expected) in [
            ("Equals", [false, true, false]),
            ("LessThan", [false, false, true]),
            ("GreaterThan", [true, false, false]),
            ("LessThanEquals", [false, true, true]),
            ("GreaterThanEquals", [true, true, false]),
        ] {
            for (operand, expected) in [&low, &equal, &high].into_iter().zip(expected) {
                let rule = json!({"Variable": variable, format!("{kind}{relation}"): operand});
                assert_eq!(holds(rule.clone()), Ok(expected), "{rule}");
            }
            for (path, expected) in [low_path, equal_path, high_path].into_iter().zip(expected) {
                let Some(path) = path else { continue };
                let rule = json!({"Variable": variable, format!("{kind}{relation}Path"): path});
                assert_eq!(holds(rule.clone()), Ok(expected), "{rule}");
            }
        }
    }
}

#[test]
fn booleans_compare_for_equality_only() {
    assert_eq!(holds(json!({"Variable": "$.yes", "BooleanEquals": true})), Ok(true));
    assert_eq!(holds(json!({"Variable": "$.yes", "BooleanEquals": false})), Ok(false));
    assert_eq!(
        holds(json!({"Variable": "$.yes", "BooleanEqualsPath": "$.no"})),
        Ok(false)
    );
    let wrong = Fields::new("rule", json!({"Variable": "$.yes", "BooleanLessThan": true})).unwrap();
    assert!(Condition::read(wrong).is_err());
}

#[test]
fn a_value_of_another_type_does_not_compare() {
    for (variable, field, operand) in [
        ("$.n", "StringEquals", json!("5")),
        ("$.s", "NumericEquals", json!(5)),
        ("$.s", "BooleanEquals", json!(true)),
        ("$.s", "TimestampEquals", json!("2026-01-13T00:00:00Z")),
        ("$.nothing", "StringEquals", json!("")),
        ("$.n", "StringMatches", json!("*")),
    ] {
        assert_eq!(
            holds(json!({"Variable": variable, field: operand})),
            Ok(false),
            "{variable} {field}"
        );
    }
}

#[test]
fn properties_of_a_value() {
    for (field, yes, no) in [
        ("IsNull", "$.nothing", "$.s"),
        ("IsNumeric", "$.f", "$.s"),
        ("IsString", "$.early", "$.n"),
        ("IsBoolean", "$.no", "$.zero"),
        ("IsTimestamp", "$.early", "$.s"),
        ("IsPresent", "$.nothing", "$.missing"),
    ] {
        for (variable, has) in [(yes, true), (no, false)] {
            for asked in [true, false] {
                let rule = json!({"Variable": variable, field: asked});
                assert_eq!(holds(rule.clone()), Ok(has == asked), "{rule}");
            }
        }
    }
}

#[test]
fn string_matches_knows_stars_and_escapes() {
    for (pattern, text, expected) in [
        ("log-*.txt", "log-2026.txt", true),
        ("log-*.txt", "log-.txt", true),
        ("log-*.txt", "log.txt", false),
        ("*", "", true),
        ("a*b*c", "a-b-b-c", true),
        ("a*b*c", "a-c-b", false),
        ("*aa", "aaa", true),
        ("ab*ba", "aba", false),
        ("a", "ab", false),
        (r"a\*b", "a*b", true),
        (r"a\*b", "axb", false),
        (r"a\\*", r"a\x", true),
    ] {
        assert_eq!(Pattern::parse(pattern).matches(text), expected, "{pattern} {text}");
    }
}

#[test]
fn conditions_nest() {
    let five = json!({"Variable": "$.n", "NumericEquals": 5});
    let six = json!({"Variable": "$.n", "NumericEquals": 6});
    assert_eq!(holds(json!({"And": [five, five]})), Ok(true));
    assert_eq!(holds(json!({"And": [five, six]})), Ok(false));
    assert_eq!(holds(json!({"Or": [six, five]})), Ok(true));
    assert_eq!(holds(json!({"Or": [six, six]})), Ok(false));
    assert_eq!(holds(json!({"Not": six})), Ok(true));
    assert_eq!(
        holds(json!({"And": [{"Or": [six, five]}, {"Not": {"And": [five, six]}}]})),
        Ok(true)
    );
}

#[test]
fn a_missing_variable_is_an_error_unless_an_earlier_condition_decides() {
    let missing = json!({"Variable": "$.missing", "NumericEquals": 1});
    assert_eq!(holds(missing.clone()).unwrap_err().error, "States.Runtime");
    let guarded = json!({"And": [{"Variable": "$.missing", "IsPresent": true}, missing]});
    assert_eq!(holds(guarded), Ok(false));
    let path = json!({"Variable": "$.n", "NumericEqualsPath": "$.missing"});
    assert_eq!(holds(path).unwrap_err().error, "States.Runtime");
}

#[test]
fn the_context_object_can_be_asked() {
    assert_eq!(
        holds(json!({"Variable": "$$.State.RetryCount", "NumericEquals": 1})),
        Ok(true)
    );
}

#[test]
fn faults_name_the_rule_and_the_field() {
    for (value, expected) in [
        (
            json!({"Variable": "$.a"}),
            "rule, Variable: stands without a comparison",
        ),
        (json!({"StringEquals": "a"}), "rule, Variable: is missing"),
        (
            json!({"Variable": "$.a", "StringContains": "x"}),
            "rule, StringContains: is not a comparison of the Amazon States Language",
        ),
        (
            json!({"Variable": "$.a", "NumericEquals": "x"}),
            "rule, NumericEquals: `\"x\"` is not of the type that the comparison needs",
        ),
        (
            json!({"Variable": "$.a", "TimestampEquals": "2026-01-13 00:00:00Z"}),
            "rule, TimestampEquals: `\"2026-01-13 00:00:00Z\"` is not of the type that the comparison needs",
        ),
        (
            json!({"Variable": "$.a", "IsNull": true, "IsString": true}),
            "rule, IsString: is not known or not supported here",
        ),
        (json!({"And": []}), "rule, And: must hold one condition or more"),
        (
            json!({"Or": [{"Variable": "$.a"}]}),
            "rule, Or[0], Variable: stands without a comparison",
        ),
        (
            json!({"Not": {"Variable": "$.a[*]", "IsNull": true}}),
            "rule, Not, Variable: `$.a[*]` must point to a single value: names and indices only, no `*`, `..`, `?`, \
             `,` or `:`",
        ),
    ] {
        let error = Condition::read(Fields::new("rule", value).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}
