//! Suites made from data: what they hold, and that the data meets them.

#![expect(clippy::unwrap_used, reason = "helpers fail their test")]

mod memory;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, StringArray,
    TimestampNanosecondArray, UInt64Array, new_null_array,
};
use arrow::datatypes::DataType;
use cardlake_expectations::{ExpectationResult, ResultFormat, Severity, Suite, evaluate, profile};
use memory::{Memory, table};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The suite of a table, which meets it, also once it is written and read.
async fn suite_of(table: &Memory) -> Suite {
    let suite = profile(table, "orders").await.unwrap();
    let text = suite.to_json();
    assert_eq!(Suite::from_json("orders.json", &text).unwrap(), suite, "{text}");
    let result = evaluate(&suite, table, ResultFormat::Summary, Map::new())
        .await
        .unwrap();
    let failed: Vec<String> = result
        .results
        .iter()
        .filter(|each| !each.success)
        .map(ExpectationResult::sentence)
        .collect();
    assert!(failed.is_empty(), "{failed:?}\n{text}");
    assert!(result.refusals().is_empty());
    suite
}

/// Type, arguments without the column, and severity of the expectations of a column.
fn of_column(suite: &Suite, column: &str) -> Vec<(String, Value, Severity)> {
    let expectations = suite
        .expectations
        .iter()
        .filter(|each| each.kwargs.get("column") == Some(&json!(column)));
    let shown = expectations.map(|each| {
        let mut kwargs = each.kwargs.clone();
        kwargs.remove("column");
        let name = each.expectation_type.trim_start_matches("expect_column_").to_owned();
        (name, Value::Object(kwargs), each.severity)
    });
    shown.collect()
}

#[tokio::test]
async fn a_suite_describes_its_data() {
    let count = 1000_i64;
    let texts =
        |text: &dyn Fn(i64) -> Option<String>| -> ArrayRef { Arc::new((0..count).map(text).collect::<StringArray>()) };
    let table = table(vec![
        ("id", Arc::new(Int64Array::from_iter_values(0..count))),
        (
            "status",
            texts(&|row| Some(["open", "paid"][(row % 2) as usize].to_owned())),
        ),
        ("note", texts(&|row| (row % 4 != 0).then(|| format!("n{row}")))),
        (
            "amount",
            Arc::new(Float64Array::from_iter_values((0..count).map(|row| row as f64 / 4.0))),
        ),
        (
            "day",
            Arc::new(Date32Array::from_iter_values((0..count).map(|row| 20_000 + row as i32))),
        ),
        ("nothing", new_null_array(&DataType::Utf8, 1000)),
    ]);
    let suite = suite_of(&table).await;
    let critical = Severity::Critical;
    let warning = Severity::Warning;
    let check = |column: &str, expected: Vec<(&str, Value, Severity)>| {
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(name, kwargs, severity)| (name.to_owned(), kwargs, severity))
            .collect();
        assert_eq!(of_column(&suite, column), expected);
    };
    check(
        "status",
        vec![
            ("values_to_be_of_type", json!({"type_": "string"}), critical),
            ("values_to_not_be_null", json!({}), critical),
            ("value_lengths_to_be_between", json!({"min_value": 1}), warning),
            ("values_to_be_in_set", json!({"value_set": ["open", "paid"]}), warning),
        ],
    );
    check(
        "note",
        vec![
            ("values_to_be_of_type", json!({"type_": "string"}), critical),
            ("values_to_not_be_null", json!({"mostly": 0.7}), warning),
            ("value_lengths_to_be_between", json!({"min_value": 1}), warning),
        ],
    );
    check(
        "amount",
        vec![
            ("values_to_be_of_type", json!({"type_": "float64"}), critical),
            ("values_to_not_be_null", json!({}), critical),
            (
                "values_to_be_between",
                json!({"min_value": 0, "max_value": 500}),
                warning,
            ),
            (
                "quantile_values_to_be_between",
                json!({"quantile_ranges": {"quantiles": [0.05, 0.5, 0.95], "value_ranges": [[0, 69], [68, 190], [180, 300]]}}),
                warning,
            ),
        ],
    );
    check(
        "day",
        vec![
            ("values_to_be_of_type", json!({"type_": "date32"}), critical),
            ("values_to_not_be_null", json!({}), critical),
            ("values_to_be_between", json!({"min_value": "2024-10-04"}), warning),
        ],
    );
    check(
        "nothing",
        vec![("values_to_be_of_type", json!({"type_": "string"}), critical)],
    );
    check(
        "id",
        vec![
            ("values_to_be_of_type", json!({"type_": "int64"}), critical),
            ("values_to_not_be_null", json!({}), critical),
            ("values_to_be_unique", json!({}), critical),
        ],
    );
    let rows = &suite.expectations[1];
    assert_eq!(
        rows.kwargs,
        *json!({"min_value": 500, "max_value": 2000}).as_object().unwrap()
    );
    assert_eq!(
        rows.meta.as_ref().unwrap()["notes"],
        json!("half of and twice the 1,000 rows")
    );
    let notes = suite.meta["notes"].as_array().unwrap();
    assert_eq!(notes[2], json!("Columns without any value: nothing."));
}

#[tokio::test]
async fn an_empty_table_has_a_suite() {
    let table = table(vec![
        ("a", new_null_array(&DataType::Int64, 0)),
        ("b", new_null_array(&DataType::Null, 0)),
    ]);
    let suite = suite_of(&table).await;
    assert_eq!(suite.expectations.len(), 3);
}

fn numbers() -> impl Strategy<Value = Vec<Option<f64>>> {
    let number = prop_oneof![
        8 => (-1000..1000_i32).prop_map(|number| f64::from(number) / 8.0),
        2 => prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO,
        1 => prop_oneof![Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(f64::NAN)],
    ];
    prop::collection::vec(prop::option::weighted(0.9, number), 60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_data_meets_its_suite(
        rows in 0..60_usize,
        floats in numbers(),
        integers in prop::collection::vec(prop::option::weighted(0.9, any::<i64>()), 60),
        unsigned in prop::collection::vec(any::<u64>(), 60),
        decimals in prop::collection::vec(prop::option::weighted(0.9, -10_i128.pow(37)..10_i128.pow(37)), 60),
        texts in prop::collection::vec(prop::option::weighted(0.8, "[a-c]{0,2}"), 60),
        moments in prop::collection::vec(prop::option::weighted(0.9, 0..2_000_000_000_000_000_000_i64), 60),
        truths in prop::collection::vec(any::<bool>(), 60),
    ) {
        let decimals = Decimal128Array::from(decimals).with_precision_and_scale(38, 10).unwrap();
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("float", Arc::new(Float64Array::from(floats))),
            ("integer", Arc::new(Int64Array::from(integers))),
            ("unsigned", Arc::new(UInt64Array::from(unsigned))),
            ("decimal", Arc::new(decimals)),
            ("text", Arc::new(StringArray::from(texts))),
            ("moment", Arc::new(TimestampNanosecondArray::from(moments))),
            ("truth", Arc::new(BooleanArray::from(truths))),
            ("bytes", Arc::new(BinaryArray::from_iter_values((0..60).map(|row: u8| vec![row % 3])))),
        ];
        let table = table(columns.into_iter().map(|(name, array)| (name, array.slice(0, rows))).collect());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let suite = runtime.block_on(suite_of(&table));
        prop_assert!(suite.expectations.len() > 8);
    }
}
