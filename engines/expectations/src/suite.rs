//! Expectation suites: the JSON of Great Expectations 1.x.
//!
//! The field `expectation_type` of older versions is accepted as well. Fields without influence on the evaluation (notes,
//! descriptions, identifiers) are kept and written back into results.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

/// An expectation suite.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Suite {
    /// Its name.
    #[serde(alias = "expectation_suite_name")]
    pub name: String,
    /// Its expectations, in order.
    #[serde(default)]
    pub expectations: Vec<ExpectationConfiguration>,
    /// Values of its parameters (`{"$PARAMETER": "name"}` in arguments), by name; a run may give others.
    #[serde(default, alias = "evaluation_parameters", deserialize_with = "or_none")]
    pub suite_parameters: Map<String, Value>,
    /// Free-form notes of the authors.
    #[serde(default)]
    pub meta: Map<String, Value>,
}

/// An object, or nothing at all.
fn or_none<'a, D: Deserializer<'a>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The severity of a failed expectation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// For information.
    Info,
    /// Worth a look.
    Warning,
    /// The data must not be used.
    #[default]
    Critical,
}

impl Severity {
    /// Its name in suites.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// One expectation of a suite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExpectationConfiguration {
    /// The type of expectation, e.g. `expect_column_values_to_not_be_null`.
    #[serde(rename = "type", alias = "expectation_type")]
    pub expectation_type: String,
    /// Its arguments.
    #[serde(default)]
    pub kwargs: Map<String, Value>,
    /// Free-form notes of the authors.
    #[serde(default)]
    pub meta: Option<Map<String, Value>>,
    /// Identifier within Great Expectations.
    #[serde(default)]
    pub id: Option<Value>,
    /// Severity of a failure.
    #[serde(default)]
    pub severity: Severity,
    /// Notes for readers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<Value>,
    /// A sentence for readers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Value>,
}

impl ExpectationConfiguration {
    /// An expectation with these arguments only.
    pub(crate) const fn new(expectation_type: String, kwargs: Map<String, Value>) -> Self {
        Self {
            expectation_type,
            kwargs,
            meta: None,
            id: None,
            severity: Severity::Critical,
            notes: None,
            description: None,
        }
    }
}

/// Why a suite cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// The file is not a suite.
    #[error("{file} is not a Great Expectations suite: {source}")]
    Syntax {
        /// The file.
        file: String,
        /// Position and reason.
        source: serde_json::Error,
    },
}

impl Suite {
    /// Parses a suite; `file` is its name in error messages.
    ///
    /// # Errors
    /// The text is not a suite.
    pub fn from_json(file: &str, text: &str) -> Result<Self, SuiteError> {
        serde_json::from_str(text).map_err(|source| SuiteError::Syntax {
            file: file.to_owned(),
            source,
        })
    }

    /// The suite in JSON, with an expectation on each line. Read again, it is the same.
    #[must_use]
    pub fn to_json(&self) -> String {
        let lines = self
            .expectations
            .iter()
            .map(|expectation| format!("\n    {}", json!(expectation)));
        let lines: Vec<String> = lines.collect();
        let end = if lines.is_empty() { "" } else { "\n  " };
        let parameters = match self.suite_parameters.is_empty() {
            true => String::new(),
            false => format!("\n  \"suite_parameters\": {},", json!(self.suite_parameters)),
        };
        format!(
            "{{\n  \"name\": {},\n  \"expectations\": [{}{end}],{parameters}\n  \"meta\": {}\n}}\n",
            json!(self.name),
            lines.join(","),
            format!("{:#}", json!(self.meta)).replace('\n', "\n  "),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_of_both_generations_are_read() {
        let new = r#"{"name":"a","id":null,"expectations":[{"type":"expect_x","kwargs":{"column":"c"},"meta":{},"severity":"warning"}],"meta":{},"notes":null}"#;
        let old = r#"{"expectation_suite_name":"a","expectations":[{"expectation_type":"expect_x","kwargs":{"column":"c"}}]}"#;
        let (new, old) = (Suite::from_json("a", new).unwrap(), Suite::from_json("b", old).unwrap());
        assert_eq!(new.name, old.name);
        assert_eq!(new.expectations[0].kwargs, old.expectations[0].kwargs);
        assert_eq!(new.expectations[0].severity, Severity::Warning);
        assert_eq!(old.expectations[0].severity, Severity::Critical);
    }

    #[test]
    fn what_is_no_suite_is_refused_with_the_place() {
        let error = Suite::from_json("expectations/x.json", r#"{"name": 1}"#)
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("expectations/x.json is not a Great Expectations suite: invalid type"),
            "{error}"
        );
    }
}
