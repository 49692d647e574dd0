//! A suite against a table.

use crate::expectations::{Evaluation, Table, build, hashing};
use crate::result::{ExpectationResult, ResultFormat, ValidationResult};
use crate::source::{Batches, Source, SourceError};
use crate::suite::{Suite, SuiteError};
use crate::value::normalise;
use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema};
use arrow::error::ArrowError;
use cardlake_core::error::{ErrorKind, StageError};
use futures::TryStreamExt;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Batches that wait for a busy processor.
const BATCHES_AHEAD: usize = 4;

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
        source: ArrowError,
    },
    /// A thread ended before its time.
    #[error("the evaluation broke off: {0}")]
    Worker(String),
    /// Values cannot be written as JSON.
    #[error("cannot write rows as JSON: {0}")]
    Json(String),
    /// A batch cannot be filtered.
    #[error("cannot apply a row condition")]
    Condition(#[source] ArrowError),
}

impl StageError for EvaluationError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Suite(_) => ErrorKind::Configuration,
            Self::Source(error) => error.kind(),
            Self::Column { .. } => ErrorKind::Corrupt,
            Self::Worker(_) | Self::Json(_) | Self::Condition(_) => ErrorKind::Internal,
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
        let batches = source.scan(&columns(&evaluations, Evaluation::needs_rows));
        evaluations = pass(evaluations, batches, Evaluation::needs_rows, true).await?;
        if source.rows_beside() > 0 && evaluations.iter().any(Evaluation::needs_rows_beside) {
            let batches = source.scan_beside(&columns(&evaluations, Evaluation::needs_rows_beside));
            evaluations = pass(evaluations, batches, Evaluation::needs_rows_beside, false).await?;
        }
        evaluations = end_pass(evaluations).await?;
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

/// An expectation and its place in the suite.
type Placed = (usize, Evaluation);

/// Deals out the expectations that need rows to the processors; the others come last.
fn deal(evaluations: Vec<Evaluation>, which: fn(&Evaluation) -> bool) -> (Vec<Vec<Placed>>, Vec<Placed>) {
    let (active, resting): (Vec<Placed>, Vec<Placed>) = evaluations
        .into_iter()
        .enumerate()
        .partition(|(_, evaluation)| which(evaluation));
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let mut parts: Vec<Vec<Placed>> = (0..processors.min(active.len()).max(1)).map(|_| Vec::new()).collect();
    let count = parts.len();
    for (index, placed) in active.into_iter().enumerate() {
        parts[index % count].push(placed);
    }
    (parts, resting)
}

/// Shows the rows to those expectations that need them, on all processors; reading goes on meanwhile. `own`: the rows are
/// those of the table, not those beside it.
async fn pass(
    evaluations: Vec<Evaluation>,
    mut batches: Batches<'_>,
    which: fn(&Evaluation) -> bool,
    own: bool,
) -> Result<Vec<Evaluation>, EvaluationError> {
    let plain: BTreeSet<String> = evaluations
        .iter()
        .filter(|evaluation| which(evaluation))
        .flat_map(Evaluation::plain_columns)
        .collect();
    let (parts, mut done) = deal(evaluations, which);
    let mut senders = Vec::with_capacity(parts.len());
    let mut working = Vec::with_capacity(parts.len());
    for part in parts {
        let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
        senders.push(sender);
        working.push(tokio::task::spawn_blocking(move || work(part, receiver)));
    }
    let mut first_row = 0;
    'batches: while let Some(batch) = batches.try_next().await? {
        let batch = normalised(&batch, Some(&plain))?;
        let rows = batch.num_rows() as u64;
        for sender in &senders {
            // A worker that is gone has failed, which it tells when it is waited for.
            if sender.send((batch.clone(), own.then_some(first_row))).await.is_err() {
                break 'batches;
            }
        }
        first_row += rows;
    }
    drop(senders);
    for worker in working {
        let part = worker.await.map_err(|error| broken_off(&error))?;
        done.extend(part.map_err(EvaluationError::Condition)?);
    }
    Ok(in_order(done))
}

/// Ends a pass, on all processors: some expectations have a lot to sort.
async fn end_pass(evaluations: Vec<Evaluation>) -> Result<Vec<Evaluation>, EvaluationError> {
    let (parts, mut done) = deal(evaluations, Evaluation::needs_rows);
    let working: Vec<_> = parts
        .into_iter()
        .map(|mut part| {
            tokio::task::spawn_blocking(move || {
                part.iter_mut().for_each(|(_, evaluation)| evaluation.end_pass());
                part
            })
        })
        .collect();
    for worker in working {
        done.extend(worker.await.map_err(|error| broken_off(&error))?);
    }
    Ok(in_order(done))
}

fn broken_off(error: &tokio::task::JoinError) -> EvaluationError {
    EvaluationError::Worker(error.to_string())
}

fn in_order(mut placed: Vec<Placed>) -> Vec<Evaluation> {
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, evaluation)| evaluation).collect()
}

/// Shows all batches to some expectations.
fn work(
    mut part: Vec<Placed>,
    mut batches: mpsc::Receiver<(RecordBatch, Option<u64>)>,
) -> Result<Vec<Placed>, ArrowError> {
    while let Some((batch, first_row)) = batches.blocking_recv() {
        for (_, evaluation) in &mut part {
            evaluation.update(&batch, first_row)?;
        }
    }
    Ok(part)
}

/// A batch in the form that expectations read: these columns (none: all) as plain values.
pub(crate) fn normalised(
    batch: &RecordBatch,
    plain: Option<&BTreeSet<String>>,
) -> Result<RecordBatch, EvaluationError> {
    let schema = batch.schema();
    let mut fields = Vec::with_capacity(schema.fields().len());
    let mut columns = Vec::with_capacity(schema.fields().len());
    for (field, array) in schema.fields().iter().zip(batch.columns()) {
        let plain = plain.is_none_or(|plain| plain.contains(field.name()));
        let array = normalise(array, plain).map_err(|source| EvaluationError::Column {
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
