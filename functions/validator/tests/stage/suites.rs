//! The project's suites against its contracts: each suite fits the schema of its table and covers at least what the contract
//! promises, so that a changed contract requires a changed suite.

use arrow::datatypes::SchemaRef;
use cardlake_core::assets::AssetFolder;
use cardlake_core::contract::{Contracts, Protection};
use cardlake_expectations::{
    Batches, ExpectationConfiguration, ExpectationResult, ResultFormat, Severity, Source, Suite, evaluate,
};
use futures::StreamExt;
use serde_json::{Map, Value};

fn suite(dataset: &str) -> Suite {
    let file = format!("{dataset}.json");
    let asset = cardlake_assets::embedded()
        .read(AssetFolder::Expectations, &file)
        .unwrap();
    Suite::from_json(&file, &asset.text).unwrap()
}

/// Whether the suite has a critical expectation of this type on the column, with these arguments.
fn has(suite: &Suite, kind: &str, column: &str, fits: impl Fn(&Value) -> bool) -> bool {
    suite.expectations.iter().any(|expectation| {
        let kwargs = Value::Object(expectation.kwargs.clone());
        expectation.expectation_type == kind
            && expectation.severity == Severity::Critical
            && kwargs["column"] == column
            && kwargs.get("mostly").is_none()
            && fits(&kwargs)
    })
}

/// The schema of a table whose rows are not there to be read.
struct SchemaOnly(SchemaRef);

impl Source for SchemaOnly {
    fn schema(&self) -> &SchemaRef {
        &self.0
    }

    fn rows(&self) -> u64 {
        1
    }

    fn scan(&self, _columns: &[String]) -> Batches<'_> {
        futures::stream::empty().boxed()
    }
}

/// Whether an aggregate failed because there was no value to observe.
fn lacks_values(result: &ExpectationResult) -> bool {
    result.result.get("observed_value") == Some(&Value::Null) && result.exception_info["raised_exception"] == false
}

#[tokio::test]
async fn the_suites_of_the_project_fit_the_contracts() {
    for contract in Contracts::load(&cardlake_assets::embedded()).unwrap().iter() {
        let table = SchemaOnly(contract.table_schema());
        let suite = suite(&contract.dataset);
        let result = evaluate(&suite, &table, ResultFormat::Basic, Map::new()).await.unwrap();
        assert_eq!(result.results.len(), suite.expectations.len());
        for result in &result.results {
            // The contract itself must meet everything that the schema decides.
            assert!(result.success || lacks_values(result), "{result:?}");
        }
    }
}

#[test]
fn every_promise_of_a_contract_is_an_expectation() {
    let mut missing = Vec::new();
    for contract in Contracts::load(&cardlake_assets::embedded()).unwrap().iter() {
        let suite = suite(&contract.dataset);
        let mut wants = |kind: &str, column: &str, fits: &dyn Fn(&Value) -> bool| {
            if !has(&suite, kind, column, fits) {
                missing.push(format!("{}: {kind} of {column}", contract.dataset));
            }
        };
        for column in &contract.columns {
            let name = column.name.as_str();
            wants("expect_column_to_exist", name, &|_| true);
            wants("expect_column_values_to_be_of_type", name, &|_| true);
            let key = contract.primary_key.contains(&column.name);
            if column.required || key {
                wants("expect_column_values_to_not_be_null", name, &|_| true);
            }
            if key && contract.primary_key.len() == 1 {
                wants("expect_column_values_to_be_unique", name, &|_| true);
            }
            // Of what is classified silver has a token, to which the rules of the value do not apply.
            if column.protection != Protection::None {
                continue;
            }
            if !column.rules.allowed.is_empty() {
                wants("expect_column_values_to_be_in_set", name, &|kwargs| {
                    *kwargs["value_set"].as_array().unwrap() == column.rules.allowed
                });
            }
            if let Some(pattern) = &column.rules.pattern {
                wants("expect_column_values_to_match_regex", name, &|kwargs| {
                    kwargs["regex"] == pattern.as_str()
                });
            }
            if let Some(minimum) = &column.rules.minimum {
                wants("expect_column_values_to_be_between", name, &|kwargs| {
                    kwargs["min_value"].as_f64() == minimum.parse().ok()
                });
            }
        }
        if let Some(event_time) = &contract.event_time {
            wants("expect_column_values_to_be_between", &event_time.column, &|_| true);
            wants("expect_column_values_to_be_between", "days_late", &|_| true);
        }
        let volume = |each: &ExpectationConfiguration| {
            each.expectation_type == "expect_table_row_count_to_be_between"
                && each.kwargs.contains_key("min_value")
                && each.kwargs.contains_key("max_value")
        };
        if !suite.expectations.iter().any(volume) {
            missing.push(format!("{}: bounds of the volume", contract.dataset));
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
