//! Verdicts on small tables: what was wrong once, and what Great Expectations answers.

#![expect(clippy::unwrap_used, reason = "helpers fail their test")]

mod memory;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, StringArray,
    Time64MicrosecondArray, TimestampNanosecondArray, UInt64Array, new_null_array,
};
use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};
use cardlake_expectations::{ExpectationResult, ResultFormat, Suite, ValidationResult, evaluate};
use futures::future::BoxFuture;
use memory::{Memory, table};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::sync::Arc;

async fn run(table: &Memory, expectations: &[(&str, Value)]) -> ValidationResult {
    let expectations: Vec<Value> = expectations
        .iter()
        .map(|(name, kwargs)| json!({"type": format!("expect_{name}"), "kwargs": kwargs}))
        .collect();
    // Through the text, as a suite is read.
    let text = json!({"name": "s", "expectations": expectations}).to_string();
    let suite = Suite::from_json("s.json", &text).unwrap();
    // Boxed as in the pipeline, where any thread may go on with it.
    let evaluation: BoxFuture<'_, _> = Box::pin(evaluate(&suite, table, ResultFormat::Complete, Map::new()));
    evaluation.await.unwrap()
}

async fn one(table: &Memory, name: &str, kwargs: Value) -> ExpectationResult {
    run(table, &[(name, kwargs)]).await.results.remove(0)
}

/// Checks verdicts, one by one.
async fn verdicts(table: &Memory, expected: &[(&str, Value, bool)]) {
    for (name, kwargs, success) in expected {
        let result = one(table, name, kwargs.clone()).await;
        assert_eq!(
            result.exception_info["raised_exception"],
            false,
            "{name} {kwargs}: {}",
            result.found()
        );
        assert_eq!(result.success, *success, "{name} {kwargs}: {:?}", result.result);
    }
}

fn floats(values: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

fn integers(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn decimals(values: &[i128], scale: i8) -> ArrayRef {
    let array = Decimal128Array::from(values.to_vec());
    Arc::new(array.with_precision_and_scale(38, scale).unwrap())
}

#[tokio::test]
async fn rows_are_counted_under_their_condition() {
    let table = table(vec![("a", integers(&[1, 2, 3, 4]))]);
    let on = |more: Value| {
        let mut kwargs = json!({"row_condition": "a > 2", "condition_parser": "pandas"});
        kwargs
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        kwargs
    };
    verdicts(
        &table,
        &[
            ("table_row_count_to_equal", on(json!({"value": 2})), true),
            ("table_row_count_to_equal", on(json!({"value": 4})), false),
            ("table_row_count_to_be_between", on(json!({"max_value": 2})), true),
            ("table_row_count_to_be_between", on(json!({"min_value": 3})), false),
            ("table_row_count_to_equal", json!({"value": 4}), true),
        ],
    )
    .await;
}

proptest! {
    #[test]
    fn a_float_is_in_the_set_of_itself(values in prop::collection::vec(prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL, 1..50)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let table = table(vec![("f", floats(&values))]);
        let result = runtime.block_on(one(&table, "column_values_to_be_in_set", json!({"column": "f", "value_set": values})));
        prop_assert_eq!(&result.result["unexpected_list"], &json!([]));
    }
}

#[tokio::test]
async fn zero_has_no_sign() {
    let table = table(vec![("down", floats(&[0.0, -0.0])), ("up", floats(&[-0.0, 0.0]))]);
    for column in ["down", "up"] {
        verdicts(
            &table,
            &[
                ("column_values_to_be_increasing", json!({"column": column}), true),
                ("column_values_to_be_decreasing", json!({"column": column}), true),
                (
                    "column_values_to_be_increasing",
                    json!({"column": column, "strictly": true}),
                    false,
                ),
                (
                    "column_values_to_be_decreasing",
                    json!({"column": column, "strictly": true}),
                    false,
                ),
                (
                    "column_values_to_be_in_set",
                    json!({"column": column, "value_set": [-0.0]}),
                    true,
                ),
                ("column_values_to_be_unique", json!({"column": column}), false),
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn infinities_are_numbers() {
    let infinity = f64::INFINITY;
    let table = table(vec![
        ("above", floats(&[1.0, infinity, infinity])),
        ("both", floats(&[-infinity, infinity, 1.0])),
    ]);
    for aggregate in ["sum", "mean", "median", "max"] {
        let name = format!("column_{aggregate}_to_be_between");
        let result = one(&table, &name, json!({"column": "above", "min_value": 0})).await;
        assert!(result.success, "{name}");
        assert_eq!(result.result["observed_value"], "Infinity");
    }
    for aggregate in ["sum", "mean", "stdev"] {
        let name = format!("column_{aggregate}_to_be_between");
        let result = one(&table, &name, json!({"column": "both", "min_value": 0})).await;
        assert!(!result.success, "{name}");
        assert_eq!(result.result["observed_value"], Value::Null);
        assert_eq!(result.found(), "found no value");
    }
    let result = one(
        &table,
        "column_values_to_be_between",
        json!({"column": "both", "min_value": 0, "max_value": 5}),
    )
    .await;
    assert_eq!(result.result["unexpected_list"], json!(["-Infinity", "Infinity"]));
    let quantiles = json!({"quantiles": [0.5, 1.0], "value_ranges": [[0, null], [0, null]]});
    let kwargs = json!({"column": "above", "quantile_ranges": quantiles, "allow_relative_error": "linear"});
    let result = one(&table, "column_quantile_values_to_be_between", kwargs).await;
    assert_eq!(
        result.result["observed_value"]["values"],
        json!(["Infinity", "Infinity"])
    );
}

#[tokio::test]
async fn nanoseconds_are_kept() {
    let times: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![1_000, 1_001, 2_000]));
    let table = table(vec![("t", times)]);
    verdicts(
        &table,
        &[
            ("column_values_to_be_unique", json!({"column": "t"}), true),
            (
                "column_values_to_be_increasing",
                json!({"column": "t", "strictly": true}),
                true,
            ),
            (
                "column_unique_value_count_to_be_between",
                json!({"column": "t", "min_value": 3}),
                true,
            ),
            (
                "column_values_to_be_between",
                json!({"column": "t", "max_value": "1970-01-01T00:00:00.000001001"}),
                false,
            ),
            (
                "column_min_to_be_between",
                json!({"column": "t", "max_value": "1970-01-01T00:00:00.000001"}),
                true,
            ),
        ],
    )
    .await;
    let result = one(&table, "column_max_to_be_between", json!({"column": "t"})).await;
    assert_eq!(result.result["observed_value"], "1970-01-01T00:00:00.000002");
    let kwargs = json!({"column": "t", "value_set": ["1970-01-01T00:00:00.000001", "1970-01-01T00:00:00.000002"]});
    let result = one(&table, "column_values_to_be_in_set", kwargs).await;
    assert_eq!(
        result.result["unexpected_list"],
        json!(["1970-01-01T00:00:00.000001001"])
    );
}

#[tokio::test]
async fn a_day_begins_at_midnight() {
    let days: ArrayRef = Arc::new(Date32Array::from(vec![20_454]));
    let table = table(vec![("d", days)]);
    verdicts(
        &table,
        &[
            (
                "column_values_to_be_between",
                json!({"column": "d", "min_value": "2026-01-01T12:00:00"}),
                false,
            ),
            (
                "column_values_to_be_between",
                json!({"column": "d", "max_value": "2026-01-01T12:00:00"}),
                true,
            ),
            (
                "column_values_to_be_between",
                json!({"column": "d", "min_value": "2025-12-31T12:00:00"}),
                true,
            ),
            (
                "column_values_to_be_between",
                json!({"column": "d", "max_value": "2025-12-31T12:00:00"}),
                false,
            ),
            (
                "column_values_to_be_between",
                json!({"column": "d", "min_value": "2026-01-01"}),
                true,
            ),
            (
                "column_values_to_be_in_set",
                json!({"column": "d", "value_set": ["2026-01-01T12:00:00"]}),
                false,
            ),
            (
                "column_max_to_be_between",
                json!({"column": "d", "min_value": "2026-01-01T00:00:01"}),
                false,
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn decimals_are_compared_exactly() {
    let table = table(vec![
        ("whole", integers(&[9_007_199_254_740_993])),
        ("amount", decimals(&[900_719_925_474_099_200], 2)),
        ("fine", decimals(&[9_007_199_254_740_993_000], 3)),
    ]);
    let pair = |a: &str, b: &str| json!({"column_A": a, "column_B": b});
    let amount = |value: Value| json!({"column": "amount", "value_set": [value]});
    verdicts(
        &table,
        &[
            ("column_pair_values_to_be_equal", pair("whole", "amount"), false),
            ("column_pair_values_to_be_equal", pair("whole", "fine"), true),
            ("column_pair_values_to_be_equal", pair("amount", "fine"), false),
            (
                "column_pair_values_a_to_be_greater_than_b",
                pair("whole", "amount"),
                true,
            ),
            (
                "column_pair_values_a_to_be_greater_than_b",
                pair("amount", "fine"),
                false,
            ),
            (
                "column_values_to_be_in_set",
                amount(json!(9_007_199_254_740_992_u64)),
                true,
            ),
            (
                "column_values_to_be_in_set",
                amount(json!(9_007_199_254_740_993_u64)),
                false,
            ),
            (
                "column_most_common_value_to_be_in_set",
                amount(json!(9_007_199_254_740_993_u64)),
                false,
            ),
            (
                "column_values_to_be_between",
                json!({"column": "amount", "min_value": 9_007_199_254_740_993_u64}),
                false,
            ),
            (
                "column_sum_to_be_between",
                json!({"column": "whole", "max_value": 9_007_199_254_740_992_u64}),
                false,
            ),
            (
                "multicolumn_sum_to_equal",
                json!({"column_list": ["whole", "amount"], "sum_total": 18_014_398_509_481_985_u64}),
                true,
            ),
            (
                "select_column_values_to_be_unique_within_record",
                json!({"column_list": ["whole", "amount"]}),
                true,
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn bounds_beyond_a_column_are_beyond_it() {
    let table = table(vec![("a", integers(&[i64::MIN, i64::MAX]))]);
    let between = |kwargs: Value, success| ("column_values_to_be_between", kwargs, success);
    verdicts(
        &table,
        &[
            between(json!({"column": "a", "min_value": -1e300, "max_value": 1e300}), true),
            between(
                json!({"column": "a", "min_value": 9_223_372_036_854_775_808_u64}),
                false,
            ),
            between(json!({"column": "a", "max_value": -9.3e18}), false),
            between(json!({"column": "a", "max_value": 9_223_372_036_854_775_807_u64}), true),
        ],
    )
    .await;
    let result = one(
        &table,
        "column_values_to_be_between",
        json!({"column": "a", "min_value": 1e19}),
    )
    .await;
    assert_eq!(result.result["unexpected_count"], 2);
}

#[tokio::test]
async fn every_unexpected_value_is_counted() {
    const MANY: i64 = (1 << 20) + 500;
    let table = table(vec![("a", integers(&(0..MANY).collect::<Vec<_>>()))]);
    let result = one(
        &table,
        "column_distinct_values_to_be_in_set",
        json!({"column": "a", "value_set": [0]}),
    )
    .await;
    assert_eq!(result.result["unexpected_count"], MANY - 1);
    let smallest: Vec<i64> = (1..=20).collect();
    assert_eq!(result.result["partial_unexpected_list"], json!(smallest));
}

#[tokio::test]
async fn truth_values_are_numbers() {
    let truths: ArrayRef = Arc::new(BooleanArray::from(vec![Some(true), None, Some(false), Some(true)]));
    let table = table(vec![("b", truths)]);
    let observed = async |aggregate: &str| {
        let name = format!("column_{aggregate}_to_be_between");
        let result = one(&table, &name, json!({"column": "b", "min_value": 0.5})).await;
        assert!(result.success);
        result.result["observed_value"].clone()
    };
    assert_eq!(observed("sum").await, 2);
    assert_eq!(observed("mean").await, 2.0 / 3.0);
    assert_eq!(observed("median").await, 1.0);
    assert_eq!(observed("max").await, true);
    verdicts(
        &table,
        &[
            (
                "column_values_to_be_in_set",
                json!({"column": "b", "value_set": [1, 0]}),
                true,
            ),
            (
                "column_values_to_be_between",
                json!({"column": "b", "min_value": 1}),
                false,
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn one_refused_expectation_leaves_the_others() {
    let table = table(vec![("a", integers(&[1, 2])), ("s", texts(&[Some("x"), None]))]);
    let expectations = [
        ("column_values_to_be_odd", json!({"column": "a"})),
        ("column_values_to_be_unique", json!({"column": "a"})),
        ("column_values_to_be_unique", json!({"column": "a", "mostl": 1})),
        ("column_mean_to_be_between", json!({"column": "s", "min_value": 1})),
        (
            "column_values_to_match_regex",
            json!({"column": "s", "regex": "^(a|aa)+(?=b)$"}),
        ),
        ("column_values_to_not_be_null", json!({"column": "nowhere"})),
        (
            "table_row_count_to_equal",
            json!({"value": 2, "row_condition": "a > 1", "condition_parser": "sql"}),
        ),
    ];
    let result = run(&table, &expectations).await;
    let success: Vec<bool> = result.results.iter().map(|each| each.success).collect();
    assert_eq!(success, [false, true, false, false, false, false, false]);
    let refused: Vec<bool> = result.results.iter().map(|each| each.refused).collect();
    // A column that is not there is a fault of the data, and a text that does not match is one, too.
    assert_eq!(refused, [true, false, true, true, false, false, true]);
    assert!(!result.success);
    assert_eq!(result.statistics.unsuccessful_expectations, 6);
    let refusals = result.refusals();
    assert_eq!(
        refusals[1],
        "suite s, expectation 3 (expect_column_values_to_be_unique): argument 'mostl' is unknown: it takes column, mostly"
    );
    assert_eq!(
        result.results[3].sentence(),
        "expect_column_mean_to_be_between of s: not checked: column 's' holds text, it needs numbers"
    );
    let info = &result.results[0].exception_info["expect_column_values_to_be_odd"];
    assert_eq!(info["raised_exception"], true);
}

#[tokio::test]
async fn types_that_are_not_answered_have_a_reason() {
    let table = table(vec![("a", integers(&[1, 2]))]);
    for (name, reason) in [(
        "column_chisquare_test_p_value_to_be_greater_than",
        "Great Expectations names this type, but does not implement it",
    )] {
        let result = one(&table, name, json!({"column": "a"})).await;
        assert!(result.refused);
        assert!(result.found().contains(reason), "{}", result.found());
    }
}

#[tokio::test]
async fn columns_that_differ_are_named() {
    let table = table(vec![("a", integers(&[1])), ("b", integers(&[1]))]);
    let result = one(
        &table,
        "table_columns_to_match_set",
        json!({"column_set": ["a", "c", "d"]}),
    )
    .await;
    assert_eq!(result.found(), "missing: c, d; unexpected: b");
}

#[tokio::test]
async fn queries_are_not_checked_without_a_database() {
    let table = table(vec![("a", integers(&[1, 2]))]);
    for (name, kwargs, reason) in [
        (
            "table_row_count_to_equal_other_table",
            json!({"other_table_name": "b"}),
            "a dbt test",
        ),
        (
            "query_results_to_match_comparison",
            json!({"base_query": "SELECT 1", "comparison_query": "SELECT 1", "comparison_data_source_name": "x"}),
            "a dbt test",
        ),
        (
            "query_results_to_match_comparison",
            json!({"base_query": "SELECT 1", "comparison_query": "SELECT 1"}),
            "argument 'comparison_data_source_name' is missing",
        ),
    ] {
        let result = one(&table, name, kwargs).await;
        assert!(result.refused && !result.success);
        assert!(result.found().contains(reason), "{}", result.found());
    }
    let rows = json!({"unexpected_rows_query": "SELECT 1 FROM {batch}", "row_condition": "a > 1"});
    let text = json!({"name": "s", "expectations": [{"type": "unexpected_rows_expectation", "kwargs": rows}]});
    let suite = Suite::from_json("s.json", &text.to_string()).unwrap();
    let result = evaluate(&suite, &table, ResultFormat::Basic, Map::new()).await.unwrap();
    assert!(result.results[0].found().contains("give the query a WHERE"));
}

#[tokio::test]
async fn documents_are_judged_by_a_schema() {
    let table = table(vec![
        (
            "json",
            texts(&[Some("{\"id\": 1.0}"), None, Some("{\"id\": \"x\"}"), Some("[]")]),
        ),
        ("broken", texts(&[Some("{"), None, None, None])),
    ]);
    let name = "column_values_to_match_json_schema";
    let schema =
        json!({"type": "object", "properties": {"id": {"$ref": "#/$defs/id"}}, "$defs": {"id": {"type": "integer"}}});
    let result = one(
        &table,
        name,
        json!({"column": "json", "json_schema": schema, "mostly": 0.3}),
    )
    .await;
    assert!(result.success, "{}", result.found());
    assert_eq!(result.result["unexpected_list"], json!(["{\"id\": \"x\"}", "[]"]));
    for (kwargs, reason) in [
        (
            json!({"column": "broken", "json_schema": schema}),
            "a value cannot be judged by the schema: it is no JSON",
        ),
        (
            json!({"column": "json", "json_schema": {"$ref": "https://example.com/a.json"}}),
            "outside of the schema: nothing is fetched",
        ),
        (
            json!({"column": "json", "json_schema": {"type": "text"}}),
            "'type' is \"text\"",
        ),
        (
            json!({"column": "json", "json_schema": {"$ref": "#"}}),
            "one within the other",
        ),
    ] {
        let result = one(&table, name, kwargs.clone()).await;
        assert!(result.refused, "{kwargs}");
        assert!(result.found().contains(reason), "{kwargs}: {}", result.found());
    }
}

#[tokio::test]
async fn what_is_no_distribution_is_not_checked() {
    let table = table(vec![
        ("a", integers(&[1, 2, 3, 4])),
        ("same", integers(&[7, 7, 7, 7])),
        ("s", texts(&[Some("x"), None, Some("y"), None])),
        ("endless", floats(&[1.0, f64::INFINITY, 2.0, 3.0])),
    ]);
    let bins = json!({"bins": [0, 2, 5], "weights": [0.5, 0.5]});
    let values = json!({"values": ["x", "y"], "weights": [0.5, 0.5]});
    for (kwargs, reason) in [
        (
            json!({"column": "a", "partition_object": {"bins": [0, 5], "weights": [0.5]}}),
            "sum of all weights is 1",
        ),
        (
            json!({"column": "a", "partition_object": {"bins": [5, 0], "weights": [1]}}),
            "rising edges",
        ),
        (
            json!({"column": "a", "partition_object": [1]}),
            "'partition_object' is wrong",
        ),
        (
            json!({"column": "a", "partition_object": {"values": [1, 1.0], "weights": [0.5, 0.5]}}),
            "the value 1.0 twice",
        ),
        (
            json!({"column": "s", "partition_object": bins}),
            "holds text, bins need numbers",
        ),
        (
            json!({"column": "a", "partition_object": bins, "threshold": -1}),
            "'threshold' is negative",
        ),
        (
            json!({"column": "a", "partition_object": bins, "bucketize_data": false}),
            "'bucketize_data' is false",
        ),
        (
            json!({"column": "s", "partition_object": values, "internal_weight_holdout": 0.1}),
            "for partitions of bins",
        ),
        (
            json!({"column": "a", "tail_weight_holdout": 0.1}),
            "'tail_weight_holdout' must be 0",
        ),
        (json!({"column": "same"}), "its values do not differ"),
        (json!({"column": "endless"}), "some of its values are infinite"),
    ] {
        let result = one(&table, "column_kl_divergence_to_be_less_than", kwargs.clone()).await;
        assert!(result.refused, "{kwargs}");
        assert!(result.found().contains(reason), "{kwargs}: {}", result.found());
    }
    let open = json!({"bins": ["-Infinity", 2.5, "Infinity"], "weights": [0.5, 0.5]});
    verdicts(
        &table,
        &[
            (
                "column_kl_divergence_to_be_less_than",
                json!({"column": "a", "partition_object": open, "threshold": 0}),
                true,
            ),
            (
                "column_kl_divergence_to_be_less_than",
                json!({"column": "a", "partition_object": bins, "threshold": 0.1}),
                false,
            ),
            (
                "column_kl_divergence_to_be_less_than",
                json!({"column": "s", "partition_object": values, "threshold": 0}),
                true,
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_regex_that_is_given_up_is_not_checked() {
    let long = "a".repeat(60);
    let table = table(vec![("s", texts(&[Some(&long)])), ("n", integers(&[1]))]);
    let result = run(
        &table,
        &[
            (
                "column_values_to_match_regex",
                json!({"column": "s", "regex": "^(a|aa|aaa)+(?=b)$"}),
            ),
            (
                "column_values_to_not_match_regex",
                json!({"column": "s", "regex": "^(a|aa|aaa)+(?=b)$"}),
            ),
            ("column_values_to_not_be_null", json!({"column": "n"})),
        ],
    )
    .await;
    assert!(result.results[0].refused && result.results[1].refused);
    assert!(!result.results[1].success);
    assert!(result.results[2].success);
}

#[tokio::test]
async fn columns_of_any_type_are_there_or_not() {
    let field = |data_type| Arc::new(Field::new("x", data_type, true));
    let types = [
        DataType::Null,
        DataType::UInt64,
        DataType::Time32(TimeUnit::Second),
        DataType::Time64(TimeUnit::Nanosecond),
        DataType::Binary,
        DataType::FixedSizeBinary(4),
        DataType::List(field(DataType::Int32)),
        DataType::Struct(vec![field(DataType::Int32)].into()),
        DataType::Decimal256(50, 2),
        DataType::Duration(TimeUnit::Second),
        DataType::Date64,
        DataType::Interval(IntervalUnit::DayTime),
    ];
    for data_type in types {
        let table = table(vec![("x", new_null_array(&data_type, 3))]);
        verdicts(
            &table,
            &[
                ("column_to_exist", json!({"column": "x"}), true),
                ("column_values_to_be_null", json!({"column": "x"}), true),
                ("column_values_to_not_be_null", json!({"column": "x"}), false),
                ("column_values_to_be_unique", json!({"column": "x"}), true),
                (
                    "column_unique_value_count_to_be_between",
                    json!({"column": "x", "max_value": 0}),
                    true,
                ),
                (
                    "table_row_count_to_equal",
                    json!({"value": 3, "row_condition": "x.isnull()", "condition_parser": "pandas"}),
                    true,
                ),
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn a_column_of_nulls_alone_meets_what_is_said_of_values() {
    let table = table(vec![("x", new_null_array(&DataType::Null, 3))]);
    verdicts(
        &table,
        &[
            (
                "column_values_to_be_between",
                json!({"column": "x", "min_value": 0}),
                true,
            ),
            (
                "column_values_to_be_in_set",
                json!({"column": "x", "value_set": [1]}),
                true,
            ),
            (
                "column_values_to_match_regex",
                json!({"column": "x", "regex": "a"}),
                true,
            ),
            (
                "column_value_lengths_to_equal",
                json!({"column": "x", "value": 1}),
                true,
            ),
            ("column_sum_to_be_between", json!({"column": "x", "min_value": 0}), true),
            (
                "column_mean_to_be_between",
                json!({"column": "x", "min_value": 0}),
                false,
            ),
            (
                "column_median_to_be_between",
                json!({"column": "x", "min_value": 0}),
                false,
            ),
            (
                "column_max_to_be_between",
                json!({"column": "x", "min_value": 0}),
                false,
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn unsigned_numbers_bytes_and_times_of_day_are_values() {
    let numbers: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX, 1]));
    let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![&b"a"[..], b"a"]));
    let times: ArrayRef = Arc::new(Time64MicrosecondArray::from(vec![3_720_000_000, 1]));
    let table = table(vec![("n", numbers), ("b", bytes), ("t", times)]);
    verdicts(
        &table,
        &[
            (
                "column_values_to_be_between",
                json!({"column": "n", "max_value": u64::MAX}),
                true,
            ),
            (
                "column_values_to_be_in_set",
                json!({"column": "n", "value_set": [1, u64::MAX]}),
                true,
            ),
            ("column_values_to_be_unique", json!({"column": "b"}), false),
            ("column_values_to_be_unique", json!({"column": "t"}), true),
        ],
    )
    .await;
    let result = one(&table, "column_max_to_be_between", json!({"column": "n"})).await;
    assert_eq!(result.result["observed_value"], u64::MAX);
    let result = one(&table, "column_values_to_be_null", json!({"column": "t"})).await;
    assert_eq!(result.result["unexpected_list"][0], "01:02:00");
    assert!(
        one(
            &table,
            "column_values_to_be_between",
            json!({"column": "b", "min_value": 0})
        )
        .await
        .refused
    );
}

#[tokio::test]
async fn numbers_and_dates_have_a_text() {
    let days: ArrayRef = Arc::new(Date32Array::from(vec![20_454]));
    let truths: ArrayRef = Arc::new(BooleanArray::from(vec![true]));
    let table = table(vec![
        ("f", floats(&[1.0])),
        ("i", integers(&[-12])),
        ("d", days),
        ("b", truths),
        ("dec", decimals(&[110], 2)),
    ]);
    let regex = |column: &str, regex: &str| json!({"column": column, "regex": regex});
    verdicts(
        &table,
        &[
            ("column_values_to_match_regex", regex("f", r"^1\.0$"), true),
            ("column_values_to_match_regex", regex("i", "^-12$"), true),
            ("column_values_to_match_regex", regex("d", "^2026-01-01$"), true),
            ("column_values_to_match_regex", regex("b", "^True$"), true),
            ("column_values_to_match_regex", regex("dec", r"^1\.10$"), true),
            (
                "column_value_lengths_to_equal",
                json!({"column": "f", "value": 3}),
                true,
            ),
            (
                "column_value_lengths_to_equal",
                json!({"column": "d", "value": 10}),
                true,
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_result_format_of_an_expectation_is_its_own() {
    let table = table(vec![
        ("id", texts(&[Some("a"), Some("b"), Some("c"), Some("d")])),
        ("k", integers(&[1, 2, 3, 4])),
        ("v", floats(&[1.0, 5.0, 50.0, f64::NAN])),
    ]);
    let told = async |format: Value| {
        let kwargs = json!({"column": "v", "max_value": 4, "result_format": format});
        let result = one(&table, "column_values_to_be_between", kwargs).await;
        assert_eq!(result.unexpected_rows, [1, 2]);
        Value::Object(result.result)
    };
    // As Great Expectations 1.24 answers to such a format of the run.
    let result = told(json!({"result_format": "COMPLETE", "unexpected_index_column_names": ["id"]})).await;
    assert_eq!(result["unexpected_index_column_names"], json!(["id"]));
    let rows = json!([{"v": 5.0, "id": "b"}, {"v": 50.0, "id": "c"}]);
    assert_eq!(result["unexpected_index_list"], rows);
    assert_eq!(result["partial_unexpected_index_list"], rows);
    let result = told(json!({"result_format": "BASIC", "unexpected_index_column_names": ["id", "k"]})).await;
    assert_eq!(result["unexpected_index_column_names"], json!(["id", "k"]));
    assert_eq!(result.get("partial_unexpected_index_list"), None);
    let result = told(json!({"result_format": "SUMMARY", "partial_unexpected_count": 1})).await;
    assert_eq!(result["partial_unexpected_list"], json!([5.0]));
    assert_eq!(result["partial_unexpected_index_list"], json!([1]));
    let result = told(json!({"result_format": "SUMMARY", "partial_unexpected_count": 0})).await;
    assert_eq!(result["partial_unexpected_list"], json!([]));
    assert_eq!(result.get("partial_unexpected_index_list"), None);
    let result = told(json!({"result_format": "BASIC", "include_unexpected_rows": true})).await;
    let rows = json!([{"id": "b", "k": 2, "v": 5.0}, {"id": "c", "k": 3, "v": 50.0}]);
    assert_eq!(result["unexpected_rows"], rows);
    let without = json!({
        "result_format": "COMPLETE", "exclude_unexpected_values": true, "unexpected_index_column_names": ["id"],
    });
    let result = told(without).await;
    assert_eq!(result.get("unexpected_list"), None);
    assert_eq!(result.get("partial_unexpected_list"), None);
    assert_eq!(result["unexpected_index_list"], json!([{"id": ["b", "c"]}]));
    let result = told(json!({"result_format": "BOOLEAN_ONLY", "unexpected_index_column_names": ["id"]})).await;
    assert_eq!(result, json!({}));
    for wrong in [
        json!({"unexpected_index_column_names": ["id"]}),
        json!({"result_format": "COMPLETE", "unexpected_index_column_names": ["nope"]}),
        json!({"result_format": "COMPLETE", "partial_unexpected": 1}),
    ] {
        let kwargs = json!({"column": "v", "max_value": 4, "result_format": wrong});
        let result = one(&table, "column_values_to_be_between", kwargs).await;
        assert!(
            result.refused && result.found().contains("result_format"),
            "{}",
            result.found()
        );
    }
}

#[tokio::test]
async fn parameters_take_the_place_of_arguments() {
    let table = table(vec![("v", floats(&[1.0, 5.0]))]);
    let text = json!({
        "name": "s",
        "suite_parameters": {"limit": 2, "allowed": [1, 5]},
        "expectations": [
            {"type": "expect_column_values_to_be_between", "kwargs": {"column": "v", "max_value": {"$PARAMETER": "limit * 2"}}},
            {"type": "expect_column_values_to_be_between", "kwargs": {"column": "v", "max_value": {"$PARAMETER": "limit + 3"}}},
            {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "v", "value_set": {"$PARAMETER": "allowed"}}},
            {"type": "expect_column_max_to_be_between", "kwargs": {"column": "v", "max_value": {"$PARAMETER": "nothing"}}},
        ],
    });
    let suite = Suite::from_json("s.json", &text.to_string()).unwrap();
    let result = evaluate(&suite, &table, ResultFormat::Basic, Map::new()).await.unwrap();
    let success: Vec<bool> = result.results.iter().map(|each| each.success).collect();
    assert_eq!(success, [false, true, true, false]);
    assert!(result.refusals()[0].ends_with("parameter 'nothing': 'nothing' has no value: give one"));
    assert_eq!(result.suite_parameters["limit"], 2);
}

#[tokio::test]
async fn patterns_of_sql_match_whole_texts() {
    let table = table(vec![("s", texts(&[Some("a%b"), Some("axb\nc"), None]))]);
    let like = |pattern: &str| json!({"column": "s", "like_pattern": pattern});
    let list = |patterns: [&str; 2], on: &str| json!({"column": "s", "like_pattern_list": patterns, "match_on": on});
    verdicts(
        &table,
        &[
            ("column_values_to_match_like_pattern", like("a_b%"), true),
            ("column_values_to_match_like_pattern", like("a_b"), false),
            ("column_values_to_match_like_pattern", like("a\\%b%"), false),
            (
                "column_values_to_match_like_pattern",
                json!({"column": "s", "like_pattern": "a!_b%", "escape": "!"}),
                false,
            ),
            ("column_values_to_match_like_pattern", like("A%"), false),
            ("column_values_to_match_like_pattern", like("a.b%"), false),
            ("column_values_to_not_match_like_pattern", like("%x"), true),
            (
                "column_values_to_match_like_pattern_list",
                list(["a\\%%", "%c"], "any"),
                true,
            ),
            (
                "column_values_to_match_like_pattern_list",
                list(["a%", "%c"], "all"),
                false,
            ),
            (
                "column_values_to_not_match_like_pattern_list",
                json!({"column": "s", "like_pattern_list": ["b%", "%c"]}),
                false,
            ),
        ],
    )
    .await;
    assert!(
        one(&table, "column_values_to_match_like_pattern", like("a\\"))
            .await
            .refused
    );
}

#[tokio::test]
async fn values_far_from_the_others_are_outliers() {
    let table = table(vec![
        ("v", integers(&[1, 2, 2, 3, 100])),
        ("same", integers(&[7, 7, 7, 7, 7])),
    ]);
    verdicts(
        &table,
        &[
            ("column_values_to_not_be_outliers", json!({"column": "v"}), false),
            (
                "column_values_to_not_be_outliers",
                json!({"column": "v", "mostly": 0.8}),
                true,
            ),
            (
                "column_values_to_not_be_outliers",
                json!({"column": "v", "method": "std", "multiplier": 1}),
                false,
            ),
            ("column_values_to_not_be_outliers", json!({"column": "same"}), true),
            (
                "column_value_z_scores_to_be_less_than",
                json!({"column": "v", "threshold": 1.7}),
                false,
            ),
            (
                "column_value_z_scores_to_be_less_than",
                json!({"column": "v", "threshold": 1.8}),
                true,
            ),
            (
                "column_value_z_scores_to_be_less_than",
                json!({"column": "same", "threshold": 0, "double_sided": true}),
                true,
            ),
            (
                "column_proportion_of_non_null_values_to_be_between",
                json!({"column": "v", "min_value": 1}),
                true,
            ),
            ("column_type_to_be", json!({"column": "v", "type_": "int64"}), true),
            (
                "multicolumn_values_to_be_equal",
                json!({"column_list": ["v", "same"]}),
                false,
            ),
            (
                "multicolumn_values_to_be_unique",
                json!({"column_list": ["v", "same"]}),
                true,
            ),
        ],
    )
    .await;
    let result = one(&table, "column_values_to_not_be_outliers", json!({"column": "v"})).await;
    assert_eq!(result.result["unexpected_list"], json!([100]));
}
