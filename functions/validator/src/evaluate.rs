//! A suite against a table.

use crate::expectations::{Evaluation, Table, build};
use crate::result::{ExpectationResult, ResultFormat, ValidationResult};
use crate::source::{ParquetTable, SourceError};
use crate::suite::{Suite, SuiteError};
use cardlake_shared::error::{ErrorKind, StageError};
use futures::TryStreamExt;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Why a suite could not be evaluated.
#[derive(Debug, thiserror::Error)]
pub enum EvaluationError {
    /// The suite is wrong.
    #[error(transparent)]
    Suite(#[from] SuiteError),
    /// The table cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A batch cannot be filtered.
    #[error("cannot apply a row condition")]
    Condition(#[source] arrow::error::ArrowError),
}

impl StageError for EvaluationError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Suite(_) => ErrorKind::Configuration,
            Self::Source(error) => error.kind(),
            Self::Condition(_) => ErrorKind::Internal,
        }
    }
}

/// Evaluates a suite over a table. The rows are read once, with just the columns needed; expectations that need more
/// passes (uniqueness once a duplicate is suspected, quantiles) read their own columns again.
///
/// # Errors
/// An expectation of an unknown type or with a wrong argument, or a table that cannot be read.
pub async fn evaluate(
    suite: &Suite,
    table: &ParquetTable,
    format: ResultFormat,
    meta: Map<String, Value>,
) -> Result<ValidationResult, EvaluationError> {
    let facts = Table {
        schema: Arc::clone(table.schema()),
        rows: table.rows(),
    };
    let mut evaluations = build(suite, &facts)?;
    while evaluations.iter().any(Evaluation::needs_rows) {
        let active = evaluations.iter().filter(|evaluation| evaluation.needs_rows());
        let columns: BTreeSet<String> = active.flat_map(Evaluation::columns).collect();
        let columns: Vec<String> = columns.into_iter().collect();
        let mut batches = table.scan(&columns);
        let mut first_row = 0;
        while let Some(batch) = batches.try_next().await? {
            for evaluation in evaluations.iter_mut().filter(|evaluation| evaluation.needs_rows()) {
                evaluation
                    .update(&batch, first_row)
                    .map_err(EvaluationError::Condition)?;
            }
            first_row += batch.num_rows() as u64;
        }
        evaluations.iter_mut().for_each(Evaluation::end_pass);
    }
    let results = suite.expectations.iter().zip(&mut evaluations);
    let results =
        results.map(|(expectation, evaluation)| ExpectationResult::new(expectation, evaluation.finish(format), format));
    Ok(ValidationResult::new(&suite.name, results.collect(), meta))
}
