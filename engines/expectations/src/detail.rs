//! Level of detail of a result: the format of the run, or the `result_format` object of one expectation.

use crate::result::{DEFAULT_PARTIAL_UNEXPECTED_COUNT, ResultFormat};
use crate::table::Problem;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// Level of detail of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Detail {
    pub(crate) format: ResultFormat,
    /// Most examples of unexpected values (`partial_unexpected_count`).
    pub(crate) examples: usize,
    /// Columns that identify unexpected rows (`unexpected_index_column_names`).
    pub(crate) index: Vec<String>,
    /// Whether the result includes the first unexpected rows with all columns (`include_unexpected_rows`).
    pub(crate) rows: bool,
    /// Whether unexpected values are left out (`exclude_unexpected_values`).
    pub(crate) without_values: bool,
}

impl From<ResultFormat> for Detail {
    fn from(format: ResultFormat) -> Self {
        Self {
            format,
            examples: DEFAULT_PARTIAL_UNEXPECTED_COUNT,
            index: Vec::new(),
            rows: false,
            without_values: false,
        }
    }
}

impl Detail {
    /// The argument `result_format` of an expectation. A name alone is overruled by the format of the run, as in Great
    /// Expectations; an object is not.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub(crate) fn of(argument: Option<&Value>, run: ResultFormat) -> Result<Self, Problem> {
        let mut detail = Self::from(run);
        let Some(Value::Object(given)) = argument else {
            return match argument {
                None | Some(Value::Null | Value::String(_)) => Ok(detail),
                Some(other) => Err(format!("argument 'result_format' is {other}: give a name or an object")),
            };
        };
        let wrong =
            |name: &str, wanted: &str| Err(format!("'{name}' of argument 'result_format' is wrong: give {wanted}"));
        detail.format = match given
            .get("result_format")
            .map(|format| serde_json::from_value(format.clone()))
        {
            Some(Ok(format)) => format,
            _ => return wrong("result_format", "BOOLEAN_ONLY, BASIC, SUMMARY or COMPLETE"),
        };
        for (name, value) in given {
            match (name.as_str(), value) {
                // No query is ever returned.
                ("result_format" | "return_unexpected_index_query", _) | (_, Value::Null) => {}
                ("partial_unexpected_count", value) => {
                    match value.as_u64().and_then(|count| usize::try_from(count).ok()) {
                        Some(count) => detail.examples = count,
                        None => return wrong(name, "a whole number from 0"),
                    }
                }
                ("unexpected_index_column_names", Value::Array(names)) => {
                    let names: Option<Vec<String>> =
                        names.iter().map(|name| name.as_str().map(str::to_owned)).collect();
                    match names {
                        Some(names) => detail.index = names,
                        None => return wrong(name, "a list of columns"),
                    }
                }
                ("unexpected_index_column_names", _) => return wrong(name, "a list of columns"),
                ("include_unexpected_rows", Value::Bool(rows)) => detail.rows = *rows,
                ("exclude_unexpected_values", Value::Bool(without)) => detail.without_values = *without,
                ("include_unexpected_rows" | "exclude_unexpected_values", _) => return wrong(name, "true or false"),
                _ => {
                    return Err(format!(
                        "'{name}' of argument 'result_format' is unknown: it takes exclude_unexpected_values, \
                         include_unexpected_rows, partial_unexpected_count, result_format, unexpected_index_column_names"
                    ));
                }
            }
        }
        Ok(detail)
    }

    /// Whether the result includes other columns of unexpected rows.
    pub(crate) const fn wants_rows(&self) -> bool {
        !matches!(self.format, ResultFormat::BooleanOnly) && (self.rows || !self.index.is_empty())
    }

    /// Adds the unexpected rows to a result on values: `rows` are their numbers, `cells` their columns, `domain` the columns
    /// that were judged.
    pub(crate) fn tell_rows(
        &self,
        result: &mut Map<String, Value>,
        rows: &[u64],
        cells: &HashMap<u64, Map<String, Value>>,
        domain: &[String],
    ) {
        if !result.contains_key("unexpected_count") || !result.contains_key("element_count") {
            return;
        }
        let cell = |row: &u64, name: &String| cells.get(row).and_then(|cells| cells.get(name)).cloned();
        let cell = |row: &u64, name: &String| cell(row, name).unwrap_or(Value::Null);
        if self.rows {
            let first = rows
                .iter()
                .take(self.examples)
                .filter_map(|row| cells.get(row).cloned());
            result.insert("unexpected_rows".to_owned(), first.map(Value::Object).collect());
        }
        if self.index.is_empty() {
            return;
        }
        result.insert("unexpected_index_column_names".to_owned(), json!(self.index));
        let named = |rows: &[u64]| -> Value {
            if self.without_values {
                // As Great Expectations has it: one object of columns, without those that were judged.
                let columns = self.index.iter();
                let columns = columns.map(|name| (name.clone(), rows.iter().map(|row| cell(row, name)).collect()));
                return json!([Value::Object(columns.collect())]);
            }
            let row = |row: &u64| {
                let names = domain.iter().chain(&self.index);
                Value::Object(names.map(|name| (name.clone(), cell(row, name))).collect())
            };
            rows.iter().map(row).collect()
        };
        let examples = &rows[..rows.len().min(self.examples)];
        for (list, rows) in [
            ("partial_unexpected_index_list", examples),
            ("unexpected_index_list", rows),
        ] {
            if result.contains_key(list) {
                result.insert(list.to_owned(), named(rows));
            }
        }
    }
}
