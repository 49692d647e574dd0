//! A suite against a table.

use crate::expectations::{Evaluation, Table, build, hashing};
use crate::result::{ExpectationResult, ResultFormat, ValidationResult};
use crate::source::{Source, SourceError};
use crate::suite::{Suite, SuiteError};
use crate::value::normalise;
use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema};
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
    /// The values of a column cannot be read.
    #[error("cannot read the values of column '{column}': {source}")]
    Column {
        /// The column.
        column: String,
        /// What is wrong.
        source: arrow::error::ArrowError,
    },
    /// Values cannot be written as JSON.
    #[error("cannot write rows as JSON: {0}")]
    Json(String),
    /// A batch cannot be filtered.
    #[error("cannot apply a row condition")]
    Condition(#[source] arrow::error::ArrowError),
}

impl StageError for EvaluationError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Suite(_) => ErrorKind::Configuration,
            Self::Source(error) => error.kind(),
            Self::Column { .. } => ErrorKind::Corrupt,
            Self::Json(_) | Self::Condition(_) => ErrorKind::Internal,
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
    source: &dyn Source,
    format: ResultFormat,
    meta: Map<String, Value>,
) -> Result<ValidationResult, EvaluationError> {
    let table = Table {
        schema: Arc::clone(source.schema()),
        rows: source.rows(),
        rows_beside: source.rows_beside(),
        hashing: hashing(suite),
    };
    let mut evaluations = build(suite, &table)?;
    while evaluations.iter().any(Evaluation::needs_rows) {
        let mut batches = source.scan(&columns(&evaluations, Evaluation::needs_rows));
        let mut first_row = 0;
        while let Some(batch) = batches.try_next().await? {
            let batch = normalised(&batch)?;
            for evaluation in evaluations.iter_mut().filter(|evaluation| evaluation.needs_rows()) {
                evaluation
                    .update(&batch, Some(first_row))
                    .map_err(EvaluationError::Condition)?;
            }
            first_row += batch.num_rows() as u64;
        }
        if source.rows_beside() > 0 && evaluations.iter().any(Evaluation::needs_rows_beside) {
            let mut batches = source.scan_beside(&columns(&evaluations, Evaluation::needs_rows_beside));
            while let Some(batch) = batches.try_next().await? {
                let batch = normalised(&batch)?;
                let wanting = evaluations.iter_mut().filter(|each| each.needs_rows_beside());
                for evaluation in wanting {
                    evaluation.update(&batch, None).map_err(EvaluationError::Condition)?;
                }
            }
        }
        evaluations.iter_mut().for_each(Evaluation::end_pass);
    }
    let results = suite.expectations.iter().zip(&mut evaluations);
    let results =
        results.map(|(expectation, evaluation)| ExpectationResult::new(expectation, evaluation.finish(format), format));
    Ok(ValidationResult::new(&suite.name, results.collect(), meta))
}

/// The columns that some of the expectations read.
fn columns(evaluations: &[Evaluation], which: fn(&Evaluation) -> bool) -> Vec<String> {
    let reading = evaluations.iter().filter(|evaluation| which(evaluation));
    let columns: BTreeSet<String> = reading.flat_map(Evaluation::columns).collect();
    columns.into_iter().collect()
}

/// A batch in the form that expectations read.
pub(crate) fn normalised(batch: &RecordBatch) -> Result<RecordBatch, EvaluationError> {
    let schema = batch.schema();
    let mut fields = Vec::with_capacity(schema.fields().len());
    let mut columns = Vec::with_capacity(schema.fields().len());
    for (field, array) in schema.fields().iter().zip(batch.columns()) {
        let array = normalise(array).map_err(|source| EvaluationError::Column {
            column: field.name().clone(),
            source,
        })?;
        fields.push(Field::new(field.name(), array.data_type().clone(), true));
        columns.push(array);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
        .map_err(EvaluationError::Condition)
}
