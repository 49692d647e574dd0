//! Tests of the intrinsic functions.

use serde_json::{Value, json};

use super::{Expression, IntrinsicError};
use crate::data::context::Context;
use crate::failure::Failure;
use crate::random::Random;

fn evaluate(expression: &str) -> Result<Value, Failure> {
    let input = json!({
        "name": "Ada", "n": 3, "list": [1, 2, 3, 3, "x"], "object": {"a": 1, "b": 2}, "other": {"b": 3, "c": 4},
        "json": "{\"k\": [1, true]}", "a,b)": {"x": 7}, "nothing": null, "empty": [],
    });
    Expression::parse(expression)
        .unwrap()
        .evaluate(&input, &Context::default(), &Random::new(1), "field.$")
}

#[test]
fn functions_give_what_the_specification_says() {
    for (expression, expected) in [
        ("States.Format('Hello {}, {}!', $.name, $.n)", json!("Hello Ada, 3!")),
        ("States.Format('{} {} {}', true, null, -1.5)", json!("true null -1.5")),
        (
            "States.Format('{} {}', $.object, $.list)",
            json!("{a=1, b=2} [1, 2, 3, 3, x]"),
        ),
        (r"States.Format('it\'s \{\} and \\ {}', 'x')", json!(r"it's {} and \ x")),
        ("States.Format($.name)", json!("Ada")),
        ("States.StringToJson($.json)", json!({"k": [1, true]})),
        ("States.JsonToString($.object)", json!(r#"{"a":1,"b":2}"#)),
        ("States.Array()", json!([])),
        (
            "States.Array($.n, 'two', 3, null, $.empty)",
            json!([3, "two", 3, null, []]),
        ),
        ("States.ArrayPartition($.list, 2)", json!([[1, 2], [3, 3], ["x"]])),
        ("States.ArrayContains($.list, 'x')", json!(true)),
        ("States.ArrayContains($.list, 4)", json!(false)),
        ("States.ArrayRange(1, 9, 2)", json!([1, 3, 5, 7, 9])),
        ("States.ArrayRange(3, 0, -2)", json!([3, 1])),
        ("States.ArrayRange(3, 0, 1)", json!([])),
        ("States.ArrayGetItem($.list, 4)", json!("x")),
        ("States.ArrayLength($.list)", json!(5)),
        ("States.ArrayUnique($.list)", json!([1, 2, 3, "x"])),
        ("States.Base64Encode('Data to encode')", json!("RGF0YSB0byBlbmNvZGU=")),
        ("States.Base64Decode('RGF0YSB0byBlbmNvZGU=')", json!("Data to encode")),
        ("States.Hash('abc', 'MD5')", json!("900150983cd24fb0d6963f7d28e17f72")),
        (
            "States.Hash('abc', 'SHA-1')",
            json!("a9993e364706816aba3e25717850c26c9cd0d89d"),
        ),
        (
            "States.Hash('abc', 'SHA-256')",
            json!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ),
        (
            "States.JsonMerge($.object, $.other, false)",
            json!({"a": 1, "b": 3, "c": 4}),
        ),
        ("States.MathAdd($.n, -5)", json!(-2)),
        ("States.MathAdd(1.6, 1)", json!(3)),
        ("States.MathAdd(-1.5, 0)", json!(-1)),
        ("States.MathAdd(-1.51, 0)", json!(-2)),
        ("States.StringToJson(' ')", json!(null)),
        ("States.StringSplit('1,2,,3', ',')", json!(["1", "2", "3"])),
        (
            "States.StringSplit('This.is+a,test=string', '.+,=')",
            json!(["This", "is", "a", "test", "string"]),
        ),
        ("States.MathAdd($['a,b)'].x, 1)", json!(8)),
        (
            "States.ArrayGetItem(States.StringSplit(States.Format('{}-b', $.name), '-'), 0)",
            json!("Ada"),
        ),
        ("$.list[0]", json!(1)),
    ] {
        assert_eq!(evaluate(expression), Ok(expected), "{expression}");
    }
}

#[test]
fn sha_384_and_sha_512_have_their_lengths() {
    let length = |name: &str| {
        evaluate(&format!("States.Hash('abc', '{name}')"))
            .unwrap()
            .as_str()
            .map(str::len)
    };
    assert_eq!((length("SHA-384"), length("SHA-512")), (Some(96), Some(128)));
}

#[test]
fn random_numbers_stay_in_range_and_repeat_for_a_seed() {
    let value = evaluate("States.MathRandom(10, 12)").unwrap();
    assert!([json!(10), json!(11)].contains(&value), "{value}");
    assert_eq!(
        evaluate("States.MathRandom(0, 1000000, 7)"),
        evaluate("States.MathRandom(0, 1000000, 7)")
    );
    assert_ne!(
        evaluate("States.MathRandom(0, 1000000, 7)"),
        evaluate("States.MathRandom(0, 1000000, 8)")
    );
}

#[test]
fn uuids_are_version_4_and_differ_within_an_execution() {
    let expression = Expression::parse("States.Array(States.UUID(), States.UUID())").unwrap();
    let pair = expression
        .evaluate(&Value::Null, &Context::default(), &Random::new(1), "f")
        .unwrap();
    let ids: Vec<uuid::Uuid> = serde_json::from_value(pair).unwrap();
    assert_ne!(ids[0], ids[1]);
    assert_eq!(ids[0].get_version_num(), 4);
}

#[test]
fn wrong_values_are_intrinsic_failures() {
    for expression in [
        "States.Format('{} {}', 1)",
        "States.Format('{}', 1, 2)",
        "States.Format('{x}', 1)",
        "States.Format($.n)",
        "States.StringToJson('{')",
        "States.ArrayPartition($.list, 0)",
        "States.ArrayPartition($.name, 1)",
        "States.ArrayRange(1, 2, 0)",
        "States.ArrayRange(1, 1001, 1)",
        "States.ArrayGetItem($.list, 5)",
        "States.ArrayGetItem($.list, -1)",
        "States.ArrayLength($.name)",
        "States.Base64Decode('%')",
        "States.Hash('abc', 'CRC')",
        "States.JsonMerge($.object, $.list, false)",
        "States.JsonMerge($.object, $.other, $.n)",
        "States.MathRandom(2, 2)",
        "States.MathAdd('1', 2)",
        "States.MathAdd(9223372036854775807, 1)",
        "States.StringSplit($.n, ',')",
    ] {
        assert_eq!(
            evaluate(expression).unwrap_err().error,
            "States.IntrinsicFailure",
            "{expression}"
        );
    }
    assert!(evaluate("States.ArrayRange(1, 1000, 1)").is_ok());
}

#[test]
fn a_missing_path_is_a_runtime_error_that_names_the_field() {
    let failure = evaluate("States.Format('{}', $.missing)").unwrap_err();
    assert_eq!(failure.error, "States.Runtime");
    assert_eq!(
        failure.cause,
        "The JSONPath '$.missing' specified for the field 'field.$' could not be found in the input"
    );
}

#[test]
fn unknown_functions_wrong_counts_and_bad_syntax_are_refused_at_load() {
    use IntrinsicError::{Arguments, DeepMerge, Syntax, TooDeep, UnknownFunction};
    assert_eq!(
        Expression::parse("States.Sum(1)"),
        Err(UnknownFunction("States.Sum".to_owned()))
    );
    assert_eq!(
        Expression::parse("States.MathAdd(1)"),
        Err(Arguments {
            function: "States.MathAdd",
            expected: "2",
            given: 1
        })
    );
    assert_eq!(Expression::parse("States.JsonMerge($.a, $.b, true)"), Err(DeepMerge));
    let deep = format!("{}{}", "States.Array(".repeat(12), ")".repeat(12));
    assert_eq!(Expression::parse(&deep), Err(TooDeep));
    for text in [
        "text",
        "'text'",
        "1",
        "States.Array(",
        "States.Array(1",
        "States.Array(1 2)",
        "States.Array(1) x",
        "States.Array('x)",
        "States.Array(yes)",
        "States.UUID",
        "",
    ] {
        assert!(matches!(Expression::parse(text), Err(Syntax(_))), "{text}");
    }
}
