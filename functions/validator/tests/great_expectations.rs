//! Field by field the same results as the real Great Expectations, over a table with nulls and an empty one.
//!
//! `great_expectations/generate.py` made the table, the suite and the expected results with Great Expectations 1.24.1 on
//! pandas. Three differences are wanted and left aside here: lists of distinct values are sorted (theirs are in no
//! order), counts of tuples with nulls are not compared (Python cannot put them in order: theirs are in any order, or missing),
//! and floating-point numbers may differ in the last digits.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

use arrow::datatypes::Schema;
use cardlake_validator::{Location, ParquetTable, ResultFormat, Suite, TableFile, evaluate};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/great_expectations")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

/// Our results in the form of the expected ones, by identifier of the expectation.
async fn ours(table: &str, format: ResultFormat) -> (Value, BTreeMap<String, Value>) {
    let suite = Suite::from_json("suite.json", &read("suite.json")).unwrap();
    let file = TableFile {
        location: Location::Path(folder().join(format!("{table}.parquet"))),
        partition_values: BTreeMap::new(),
    };
    let table = ParquetTable::open(vec![file], &Schema::empty()).await.unwrap();
    let result = evaluate(&suite, &table, format, Map::new()).await.unwrap();
    let mut result = serde_json::to_value(&result).unwrap();
    let mut results = BTreeMap::new();
    for mut entry in result["results"].as_array().unwrap().clone() {
        let info = entry.as_object_mut().unwrap().remove("exception_info").unwrap();
        entry["raised"] = Value::Bool(info.get("raised_exception") != Some(&Value::Bool(false)));
        results.insert(id(&entry), entry);
    }
    result.as_object_mut().unwrap().remove("results");
    (result, results)
}

fn id(entry: &Value) -> String {
    entry["expectation_config"]["id"].as_str().unwrap().to_owned()
}

/// Whether two values are the same, numbers up to the last digits.
fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= 1e-12 * a.abs().max(b.abs())
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => ours == theirs,
    }
}

fn sorted(value: &Value) -> Value {
    let mut items = value.as_array().unwrap().clone();
    items.sort_by_key(Value::to_string);
    Value::Array(items)
}

/// Takes the wanted differences out of an entry.
fn without_wanted_differences(entry: &mut Value) {
    let name = entry["expectation_config"]["type"].as_str().unwrap().to_owned();
    let result = entry["result"].as_object_mut().unwrap();
    let holds_nulls = |value: &Value| value.as_array().is_some_and(|values| values.contains(&Value::Null));
    if let Some(examples) = result.get("partial_unexpected_list").and_then(Value::as_array) {
        let examples = examples.iter().map(|example| match example {
            Value::Object(columns) => columns.values().cloned().collect(),
            other => other.clone(),
        });
        if examples.into_iter().any(|example| holds_nulls(&example)) {
            result.remove("partial_unexpected_counts");
        }
    }
    if name.contains("distinct_values") {
        for list in ["partial_unexpected_list", "partial_missing_list"] {
            if let Some(values) = result.get_mut(list) {
                *values = sorted(values);
            }
        }
    }
}

async fn compare(table: &str, format: ResultFormat, file: &str) {
    let (summary, ours) = ours(table, format).await;
    let expected: Value = serde_json::from_str(&read(&format!("{table}.{file}.json"))).unwrap();
    let mut differences = Vec::new();
    let theirs = expected["results"].as_array().unwrap();
    assert_eq!(theirs.len(), ours.len());
    for theirs in theirs {
        let (mut ours, mut theirs) = (ours[&id(theirs)].clone(), theirs.clone());
        without_wanted_differences(&mut ours);
        without_wanted_differences(&mut theirs);
        for field in ["success", "result", "raised", "expectation_config"] {
            if !same(&ours[field], &theirs[field]) {
                let expectation = &theirs["expectation_config"];
                differences.push(format!(
                    "{} {}: {field}\n  ours   {}\n  theirs {}",
                    expectation["type"], expectation["kwargs"], ours[field], theirs[field]
                ));
            }
        }
    }
    assert!(differences.is_empty(), "{table} {file}\n{}", differences.join("\n"));
    for field in ["success", "statistics", "suite_name"] {
        assert!(same(&summary[field], &expected[field]), "{field} of {table} {file}");
    }
}

#[tokio::test]
async fn a_table_gives_the_results_of_great_expectations() {
    compare("full", ResultFormat::BooleanOnly, "boolean_only").await;
    compare("full", ResultFormat::Basic, "basic").await;
    compare("full", ResultFormat::Summary, "summary").await;
    compare("full", ResultFormat::Complete, "complete").await;
}

#[tokio::test]
async fn an_empty_table_gives_the_results_of_great_expectations() {
    compare("empty", ResultFormat::BooleanOnly, "boolean_only").await;
    compare("empty", ResultFormat::Basic, "basic").await;
    compare("empty", ResultFormat::Summary, "summary").await;
    compare("empty", ResultFormat::Complete, "complete").await;
}
