//! The rows for which a candidate was stopped, as JSON lines: where each stands, what it breaks, and its values.
//!
//! Values are those of silver, where what a contract classifies is a token already; whatever looks like a card number all
//! the same (in a field that the contract does not know, say) is masked here.

use crate::error::Error;
use crate::evaluate::{EvaluationError, normalised};
use crate::result::{ExpectationResult, ValidationResult};
use crate::source::{ParquetTable, PickedRows};
use crate::suite::Severity;
use crate::value::show;
use cardlake_core::pii::mask_card_numbers;
use futures::TryStreamExt;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// One line.
#[derive(Serialize)]
struct FailingRow<'a> {
    /// The data file.
    file: &'a str,
    /// Number of the row in the file, from 1.
    row: u64,
    /// Every critical expectation that the row breaks, with its columns.
    reasons: Vec<String>,
    /// All columns.
    values: Map<String, Value>,
}

/// The rows that broke critical expectations, up to [`crate::COMPLETE_LIMIT`] for each of these, in the order of the table.
pub(crate) async fn failing_rows(table: &ParquetTable, result: &ValidationResult) -> Result<Vec<u8>, Error> {
    let mut reasons: BTreeMap<u64, Vec<&ExpectationResult>> = BTreeMap::new();
    for failure in result.failures(Severity::Critical) {
        for row in &failure.unexpected_rows {
            reasons.entry(*row).or_default().push(failure);
        }
    }
    let rows: Vec<u64> = reasons.keys().copied().collect();
    let mut reasons = reasons.into_values();
    let mut lines = Vec::new();
    let mut picked = table.pick(&rows);
    while let Some(PickedRows { file, numbers, batch }) = picked.try_next().await? {
        let batch = normalised(&batch, None)?;
        let schema = batch.schema();
        for (place, number) in numbers.into_iter().enumerate() {
            let values = schema
                .fields()
                .iter()
                .zip(batch.columns())
                .map(|(field, array)| (field.name().clone(), masked(show(array, place))));
            let line = FailingRow {
                file: &file,
                row: number + 1,
                reasons: reasons.next().unwrap_or_default().into_iter().map(reason).collect(),
                values: values.collect(),
            };
            serde_json::to_writer(&mut lines, &line).map_err(|error| EvaluationError::Json(error.to_string()))?;
            lines.push(b'\n');
        }
    }
    Ok(lines)
}

/// As in the quarantine of the transformer: column and rule.
fn reason(failure: &ExpectationResult) -> String {
    let name = &failure.expectation_config.expectation_type;
    match failure.columns() {
        columns if columns.is_empty() => name.clone(),
        columns => format!("{columns}: {name}"),
    }
}

fn masked(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(mask_card_numbers(&text).into_owned()),
        other => other,
    }
}
