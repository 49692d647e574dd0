//! Differential test against the real Great Expectations, field by field, on the same Parquet files.
//!
//! `great_expectations/run.py` generates tables and suites, some of them random, and runs Great Expectations on pandas.
//! Intended differences, excluded here: lists of distinct values are sorted (theirs are unordered), counts of values with
//! nulls are not compared (Python can neither order them nor, in numeric columns, recognise them as equal), a missing time
//! is null (theirs: NaT), the columns that name rows are told for nulls as well (theirs leave them out there), and
//! floating-point numbers may differ in the last digits.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

use arrow::datatypes::Schema;
use cardlake_expectations::{LocalFile, ParquetTable, ResultFormat, Suite, TableFile, evaluate};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// `DETAILED` stands for a format that is more than a name, beside the results.
const FORMATS: [(&str, ResultFormat); 5] = [
    ("DETAILED", ResultFormat::Complete),
    ("BOOLEAN_ONLY", ResultFormat::BooleanOnly),
    ("BASIC", ResultFormat::Basic),
    ("SUMMARY", ResultFormat::Summary),
    ("COMPLETE", ResultFormat::Complete),
];

/// Runs Great Expectations; returns the folder of its results.
fn great_expectations() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/great_expectations");
    let mut environment = Command::new(tests.join("../../../../scripts/python-env.sh"));
    environment.args([
        "target/python-great-expectations",
        "engines/expectations/tests/great_expectations/requirements.txt",
    ]);
    let python = printed(&mut environment);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("great_expectations");
    // Files of an earlier version of the script would be compared as well.
    let _ = std::fs::remove_dir_all(&folder);
    let mut run = Command::new(python.trim());
    run.arg(tests.join("run.py"))
        .arg(&folder)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    printed(&mut run);
    folder
}

fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// Our results in the form of the expected ones, by identifier of the expectation.
async fn ours(folder: &Path, case: &str, (name, format): (&str, ResultFormat)) -> (Value, BTreeMap<String, Value>) {
    let mut suite = Suite::from_json(case, &read(&folder.join(format!("{case}.suite.json")))).unwrap();
    if name == "DETAILED" {
        let detail: Value = serde_json::from_str(&read(&folder.join(format!("{case}.DETAILED.format.json")))).unwrap();
        for expectation in &mut suite.expectations {
            expectation.kwargs.insert("result_format".to_owned(), detail.clone());
        }
    }
    let file = TableFile {
        file: Arc::new(LocalFile(folder.join(format!("{case}.parquet")))),
        partition_values: BTreeMap::new(),
    };
    let table = ParquetTable::open(vec![file], &Schema::empty()).await.unwrap();
    let result = evaluate(&suite, &table, format, Map::new()).await.unwrap();
    let mut result = serde_json::to_value(&result).unwrap();
    let mut results = BTreeMap::new();
    for mut entry in result["results"].as_array().unwrap().clone() {
        let info = entry.as_object_mut().unwrap().remove("exception_info").unwrap();
        if name == "DETAILED" {
            let kwargs = entry["expectation_config"]["kwargs"].as_object_mut().unwrap();
            kwargs.remove("result_format");
        }
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

fn missing_times_to_null(value: &mut Value) {
    match value {
        Value::String(text) if text == "NaT" => *value = Value::Null,
        Value::Array(values) => values.iter_mut().for_each(missing_times_to_null),
        Value::Object(columns) => columns.values_mut().for_each(missing_times_to_null),
        _ => {}
    }
}

/// Removes the intended differences from an entry.
fn without_intended_differences(entry: &mut Value) {
    let name = entry["expectation_config"]["type"].as_str().unwrap().to_owned();
    let result = entry["result"].as_object_mut().unwrap();
    for list in [
        "partial_unexpected_list",
        "unexpected_list",
        "unexpected_rows",
        "partial_unexpected_index_list",
        "unexpected_index_list",
    ] {
        result.get_mut(list).into_iter().for_each(missing_times_to_null);
    }
    let holds_null = |value: &Value| match value {
        Value::Array(values) => values.contains(&Value::Null),
        Value::Object(columns) => columns.values().any(Value::is_null),
        other => other.is_null(),
    };
    // A COMPLETE result counts all values that it lists.
    let listed = ["partial_unexpected_list", "unexpected_list"].map(|list| result.get(list).and_then(Value::as_array));
    if listed.into_iter().flatten().flatten().any(holds_null) {
        result.remove("partial_unexpected_counts");
    }
    if name == "expect_column_values_to_be_null" {
        result.remove("unexpected_index_column_names");
    }
    if name.contains("distinct_values") {
        for list in ["partial_unexpected_list", "partial_missing_list"] {
            if let Some(values) = result.get_mut(list) {
                *values = sorted(values);
            }
        }
    }
}

/// Compares one case in one format; returns the differences.
async fn compare(folder: &Path, case: &str, (name, format): (&str, ResultFormat)) -> Vec<String> {
    let (summary, ours) = ours(folder, case, (name, format)).await;
    let expected: Value = serde_json::from_str(&read(&folder.join(format!("{case}.{name}.json")))).unwrap();
    let mut differences = Vec::new();
    let theirs = expected["results"].as_array().unwrap();
    assert_eq!(theirs.len(), ours.len());
    for theirs in theirs {
        let (mut ours, mut theirs) = (ours[&id(theirs)].clone(), theirs.clone());
        without_intended_differences(&mut ours);
        without_intended_differences(&mut theirs);
        for field in ["success", "result", "raised", "expectation_config"] {
            if !same(&ours[field], &theirs[field]) {
                let expectation = &theirs["expectation_config"];
                differences.push(format!(
                    "{case} {name} {} {}: {field} {}\n  ours   {}\n  theirs {}",
                    expectation["type"], expectation["kwargs"], theirs["messages"], ours[field], theirs[field]
                ));
            }
        }
    }
    for field in ["success", "statistics", "suite_name"] {
        if differences.is_empty() && !same(&summary[field], &expected[field]) {
            differences.push(format!("{case} {name}: {field}"));
        }
    }
    differences
}

#[tokio::test]
async fn results_are_those_of_great_expectations() {
    let folder = great_expectations();
    let mut compared = 0;
    let mut differences = Vec::new();
    let files = std::fs::read_dir(&folder).unwrap();
    for file in files {
        let file = file.unwrap().file_name().into_string().unwrap();
        let Some(case) = file.strip_suffix(".parquet") else {
            continue;
        };
        for format in FORMATS {
            if folder.join(format!("{case}.{}.json", format.0)).is_file() {
                differences.extend(compare(&folder, case, format).await);
                compared += 1;
            }
        }
    }
    assert!(compared >= 10, "{compared} results are there to be compared");
    assert!(
        differences.is_empty(),
        "{} differences\n{}",
        differences.len(),
        differences.join("\n")
    );
}
