//! Validation results: the JSON of Great Expectations 1.x.

use crate::suite::{ExpectationConfiguration, Severity, Suite};
use crate::text::thousands;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Examples in a result: the default of Great Expectations.
pub const DEFAULT_PARTIAL_UNEXPECTED_COUNT: usize = 20;
/// Most unexpected values that a COMPLETE result lists, to keep results readable and memory bounded.
pub const COMPLETE_LIMIT: usize = 1000;

/// Distinct examples in a sentence.
const EXAMPLES_SHOWN: usize = 3;

/// The level of detail of a result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ResultFormat {
    /// Whether it was met.
    BooleanOnly,
    /// Counts and examples.
    Basic,
    /// Also the most frequent unexpected values, and the row numbers of the examples.
    #[default]
    Summary,
    /// Also every unexpected value, up to [`COMPLETE_LIMIT`].
    Complete,
}

/// Outcome of a suite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ValidationResult {
    /// Whether all expectations were met, whatever their severity.
    pub success: bool,
    /// Outcomes in the order of the suite.
    pub results: Vec<ExpectationResult>,
    /// Name of the suite.
    pub suite_name: String,
    /// The values of the suite's parameters.
    pub suite_parameters: Map<String, Value>,
    /// Counts of expectations.
    pub statistics: Statistics,
    /// Metadata given by the caller. [`Self::rows`] reads `rows`.
    pub meta: Map<String, Value>,
    /// Always null.
    pub id: Option<String>,
}

/// Counts of expectations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// All.
    pub evaluated_expectations: u64,
    /// Those met.
    pub successful_expectations: u64,
    /// The others.
    pub unsuccessful_expectations: u64,
    /// Share of those met, in percent; none without expectations.
    pub success_percent: Option<f64>,
}

/// Outcome of one expectation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExpectationResult {
    /// Whether it was met.
    pub success: bool,
    /// The expectation, as the suite has it.
    pub expectation_config: ExpectationConfiguration,
    /// What was found; see Great Expectations for the fields of each type.
    pub result: Map<String, Value>,
    /// Always empty.
    pub meta: Map<String, Value>,
    /// Why it could not be evaluated, if it could not.
    pub exception_info: Value,
    /// Whether it was not checked: its type or an argument is invalid, or does not apply to the type of its column. Such a
    /// result says nothing about the data. Not serialized: `exception_info` is the field of the JSON.
    #[serde(skip)]
    pub refused: bool,
    /// Row numbers (from 0) of the first unexpected values, at most [`COMPLETE_LIMIT`], for every result format. Not
    /// serialized: `unexpected_index_list` is the field of the JSON.
    #[serde(skip)]
    pub unexpected_rows: Vec<u64>,
}

/// Why an expectation was not evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotEvaluated {
    /// The table lacks a column: a failed expectation.
    Failed(String),
    /// The expectation is wrong, or cannot be evaluated on the values of its column: nothing is known.
    Refused(String),
}

/// The outcome of evaluating one expectation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) success: bool,
    pub(crate) result: Map<String, Value>,
    /// Row numbers of the first unexpected values.
    pub(crate) rows: Vec<u64>,
    /// Why it could not be evaluated.
    pub(crate) exception: Option<NotEvaluated>,
}

impl Outcome {
    /// Met or not, without details.
    pub(crate) fn plain(success: bool) -> Self {
        Self {
            success,
            result: Map::new(),
            rows: Vec::new(),
            exception: None,
        }
    }

    /// Met or not, with the observed value.
    pub(crate) fn observed(success: bool, value: impl Into<Value>) -> Self {
        Self::plain(success).with("observed_value", value)
    }

    /// One more field.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.result.insert(name.to_owned(), value.into());
        self
    }

    /// Not checked, for this reason.
    pub(crate) fn refused(problem: String) -> Self {
        Self::not_evaluated(NotEvaluated::Refused(problem))
    }

    /// Not evaluated.
    pub(crate) fn not_evaluated(reason: NotEvaluated) -> Self {
        Self {
            exception: Some(reason),
            ..Self::plain(false)
        }
    }
}

impl ExpectationResult {
    pub(crate) fn new(expectation: &ExpectationConfiguration, outcome: Outcome, format: ResultFormat) -> Self {
        let refused = matches!(outcome.exception, Some(NotEvaluated::Refused(_)));
        let exception_info = match outcome.exception {
            None => json!({"raised_exception": false, "exception_traceback": null, "exception_message": null}),
            Some(NotEvaluated::Failed(message) | NotEvaluated::Refused(message)) => json!({
                (expectation.expectation_type.as_str()): {
                    "exception_message": message, "exception_traceback": "", "raised_exception": true,
                }
            }),
        };
        let result = if format == ResultFormat::BooleanOnly {
            Map::new()
        } else {
            outcome.result
        };
        Self {
            success: outcome.success,
            expectation_config: expectation.clone(),
            result,
            meta: Map::new(),
            exception_info,
            refused,
            unexpected_rows: outcome.rows,
        }
    }

    /// Its columns, separated by commas; empty if it is about the table as a whole.
    #[must_use]
    pub fn columns(&self) -> String {
        let kwargs = &self.expectation_config.kwargs;
        // A list of all columns only says that it is about the table.
        let of_table = self.expectation_config.expectation_type.starts_with("expect_table_");
        let names = ["column", "column_A", "column_B", "column_list"];
        let names = names.into_iter().filter(|_| !of_table);
        let found = names.filter_map(|name| kwargs.get(name));
        let texts = found.map(|value| match value {
            Value::String(text) => text.clone(),
            Value::Array(values) => values
                .iter()
                .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
                .collect::<Vec<_>>()
                .join(", "),
            other => other.to_string(),
        });
        texts.collect::<Vec<_>>().join(", ")
    }

    /// What was found, with examples of unexpected values; empty without any.
    #[must_use]
    pub fn found(&self) -> String {
        if let Some(message) = self.exception_message() {
            let checked = if self.refused { "not checked: " } else { "" };
            return format!("{checked}{message}");
        }
        let count = |name: &str| self.result.get(name).and_then(Value::as_u64).map(thousands);
        let mut found = String::new();
        if let (Some(unexpected), Some(elements)) = (count("unexpected_count"), count("element_count")) {
            found = format!("{unexpected} of {elements} values");
        } else if let Some(mismatched) = self.mismatched() {
            found = mismatched;
        } else if let Some(observed) = self.result.get("observed_value").filter(|value| !value.is_null()) {
            found = format!("found {observed}");
        } else if let Some(unexpected) = count("unexpected_count") {
            found = format!("{unexpected} unexpected values");
        }
        for (list, words) in [("partial_unexpected_list", "e.g."), ("partial_missing_list", "missing")] {
            let examples = self.result.get(list).and_then(Value::as_array);
            let mut shown: Vec<String> = Vec::new();
            for example in examples.into_iter().flatten().map(Value::to_string) {
                if !shown.contains(&example) && shown.len() < EXAMPLES_SHOWN {
                    shown.push(example);
                }
            }
            if !shown.is_empty() {
                found.push_str(if found.is_empty() { "" } else { ", " });
                found.push_str(&format!("{words} {}", shown.join(", ")));
            }
        }
        if found.is_empty() && self.result.get("observed_value") == Some(&Value::Null) {
            "found no value".clone_into(&mut found);
        }
        found
    }

    /// Which columns are missing and which are not expected, if that is what was found.
    fn mismatched(&self) -> Option<String> {
        let mismatched = self.result.get("details")?.get("mismatched")?.as_object()?;
        let parts = ["missing", "unexpected"].into_iter().filter_map(|kind| {
            let names = mismatched.get(kind)?.as_array()?.iter().filter_map(Value::as_str);
            Some(format!("{kind}: {}", names.collect::<Vec<_>>().join(", ")))
        });
        Some(parts.collect::<Vec<_>>().join("; "))
    }

    /// A sentence about a failure: expectation, columns, counts, examples.
    #[must_use]
    pub fn sentence(&self) -> String {
        let (columns, found) = (self.columns(), self.found());
        let of = if columns.is_empty() { "" } else { " of " };
        let colon = if found.is_empty() { "" } else { ": " };
        format!(
            "{}{of}{columns}{colon}{found}",
            self.expectation_config.expectation_type
        )
    }

    fn exception_message(&self) -> Option<&str> {
        let info = self.exception_info.as_object()?;
        info.values().find_map(|each| each.get("exception_message")?.as_str())
    }

    /// The severity of a failure.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.expectation_config.severity
    }
}

impl ValidationResult {
    pub(crate) fn new(suite: &Suite, results: Vec<ExpectationResult>, meta: Map<String, Value>) -> Self {
        let evaluated = results.len() as u64;
        let successful = results.iter().filter(|result| result.success).count() as u64;
        Self {
            success: successful == evaluated,
            results,
            suite_name: suite.name.clone(),
            suite_parameters: suite.suite_parameters.clone(),
            statistics: Statistics {
                evaluated_expectations: evaluated,
                successful_expectations: successful,
                unsuccessful_expectations: evaluated - successful,
                success_percent: (evaluated > 0).then(|| successful as f64 / evaluated as f64 * 100.0),
            },
            meta,
            id: None,
        }
    }

    /// The number of validated rows: `meta.rows`, zero if absent.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.meta.get("rows").and_then(Value::as_u64).unwrap_or(0)
    }

    /// The expectations that were not checked, a sentence each: see [`ExpectationResult::refused`].
    #[must_use]
    pub fn refusals(&self) -> Vec<String> {
        let refused = self.results.iter().enumerate().filter(|(_, result)| result.refused);
        let sentence = |(place, result): (usize, &ExpectationResult)| {
            let name = &result.expectation_config.expectation_type;
            let problem = result.exception_message().unwrap_or_default();
            format!(
                "suite {}, expectation {} ({name}): {problem}",
                self.suite_name,
                place + 1
            )
        };
        refused.map(sentence).collect()
    }

    /// Expectations of a severity that were not met.
    pub fn failures(&self, severity: Severity) -> impl Iterator<Item = &ExpectationResult> {
        self.results
            .iter()
            .filter(move |result| !result.success && result.severity() == severity)
    }

    /// Whether an expectation of at least this severity was not met.
    #[must_use]
    pub fn failed_at_least(&self, severity: Severity) -> bool {
        self.results
            .iter()
            .any(|result| !result.success && result.severity() >= severity)
    }
}
