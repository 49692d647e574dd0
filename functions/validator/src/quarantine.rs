//! The rows that stopped a candidate, as JSON lines: position, violated expectations, values.
//!
//! Values come from silver, where everything that the contract classifies is a token already. Anything else that looks like
//! a card number (in a field that the contract does not know, for example) is masked here.

use crate::error::ValidatorError;
use cardlake_core::pii::mask_card_numbers;
use cardlake_expectations::{ExpectationResult, ParquetTable, Severity, ValidationResult};
use futures::TryStreamExt;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// One line.
#[derive(Serialize)]
struct FailingRow {
    /// The data file.
    file: String,
    /// Number of the row in the file, from 1.
    row: u64,
    /// Every critical expectation that the row violates, with its columns.
    reasons: Vec<String>,
    /// All columns.
    values: Map<String, Value>,
}

/// The rows that violate critical expectations, at most [`cardlake_expectations::COMPLETE_LIMIT`] per expectation, in
/// table order.
///
/// # Errors
/// A data file cannot be read.
pub(crate) async fn failing_rows(table: &ParquetTable, result: &ValidationResult) -> Result<Vec<u8>, ValidatorError> {
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
    while let Some(row) = picked.try_next().await? {
        let values = row.values.into_iter().map(|(name, value)| (name, masked(value)));
        let line = FailingRow {
            file: row.file,
            row: row.number + 1,
            reasons: reasons.next().unwrap_or_default().into_iter().map(reason).collect(),
            values: values.collect(),
        };
        serde_json::to_writer(&mut lines, &line)?;
        lines.push(b'\n');
    }
    Ok(lines)
}

/// Columns and rule, as in the quarantine of the transformer.
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
