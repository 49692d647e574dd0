//! The evaluation of a suite on a table, on all processors.

use crate::detail::Detail;
use crate::evaluation::{Evaluation, build, hashing};
use crate::expectations::check::CheckError;
use crate::figures::{Collector, Figures};
use crate::normalise::{NormaliseError, normalised, show};
use crate::result::{ExpectationResult, ResultFormat, ValidationResult};
use crate::source::{Batches, Source, SourceError};
use crate::suite::Suite;
use crate::table::Table;
use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use futures::TryStreamExt;
use serde_json::{Map, Value};
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinError;

/// Batches queued for each worker.
const BATCHES_AHEAD: usize = 4;

/// Why a suite could not be evaluated.
#[derive(Debug, thiserror::Error)]
pub enum EvaluationError {
    /// The source cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The values of a column cannot be read.
    #[error("cannot read the values of column '{column}': {source}")]
    Column {
        /// The column.
        column: String,
        /// The reason.
        source: ArrowError,
    },
    /// A worker thread panicked or was cancelled.
    #[error("the evaluation was aborted: {0}")]
    Worker(#[source] JoinError),
    /// A batch lacks a requested column, or cannot be filtered.
    #[error("cannot evaluate a batch: {0}")]
    Batch(#[source] ArrowError),
    /// The hashes of the values of a large table cannot be kept in a temporary file.
    #[error(
        "cannot use a temporary file in {} for the hashes of a column's values (8 to 24 bytes a row): {source}; make room \
         there, or name a larger folder with TMPDIR",
        folder.display()
    )]
    Spill {
        /// The folder of temporary files.
        folder: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

impl From<CheckError> for EvaluationError {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Batch(source) => Self::Batch(source),
            // An evaluation keeps it to itself.
            CheckError::Undecided(error) => Self::Batch(ArrowError::ExternalError(Box::new(error))),
            CheckError::Spill(source) => Self::Spill {
                folder: std::env::temp_dir(),
                source,
            },
        }
    }
}

impl From<NormaliseError> for EvaluationError {
    fn from(error: NormaliseError) -> Self {
        match error {
            NormaliseError::Column { column, source } => Self::Column { column, source },
            NormaliseError::Batch(source) => Self::Batch(source),
        }
    }
}

/// Evaluates a suite on a source. The rows are read once, with just the columns needed; expectations that need more
/// passes (uniqueness once a duplicate is suspected, quantiles) read their own columns again. `meta` becomes the metadata
/// of the result; pages show its `rows` as the number of rows.
///
/// # Errors
/// A source that cannot be read. An expectation of an unknown type, with a wrong argument or for another type of column is
/// no error: see [`ExpectationResult::refused`].
pub async fn evaluate(
    suite: &Suite,
    source: &dyn Source,
    format: ResultFormat,
    meta: Map<String, Value>,
) -> Result<ValidationResult, EvaluationError> {
    let (result, _) = evaluate_and_describe(suite, source, format, meta, &[]).await?;
    Ok(result)
}

/// As [`evaluate`]; also takes figures of these columns, from the same batches.
///
/// # Errors
/// As [`evaluate`].
pub async fn evaluate_and_describe(
    suite: &Suite,
    source: &dyn Source,
    format: ResultFormat,
    meta: Map<String, Value>,
    described: &[String],
) -> Result<(ValidationResult, Figures), EvaluationError> {
    let table = Table {
        schema: Arc::clone(source.schema()),
        rows: source.rows(),
        reference_rows: source.reference_rows(),
        now: chrono::Utc::now().naive_utc(),
        hashing: hashing(suite),
    };
    let mut evaluations = build(suite, &table, format);
    let described: Vec<String> = described
        .iter()
        .filter(|name| table.schema.field_with_name(name).is_ok())
        .cloned()
        .collect();
    let mut describing = (!described.is_empty()).then(|| Collector::new(&described, table.rows));
    let mut figures = Figures::default();
    while describing.is_some() || evaluations.iter().any(Evaluation::needs_rows) {
        let mut wanted = columns(&evaluations, Evaluation::needs_rows);
        if describing.is_some() {
            wanted.extend(described.iter().cloned());
        }
        let wanted: Vec<String> = wanted.into_iter().collect();
        let batches = source.scan(&wanted);
        let collector;
        (evaluations, collector) = pass(evaluations, batches, Evaluation::needs_rows, true, describing.take()).await?;
        if let Some(collector) = collector {
            figures = collector.finish();
        }
        if source.reference_rows() > 0 && evaluations.iter().any(Evaluation::needs_reference) {
            let wanted: Vec<String> = columns(&evaluations, Evaluation::needs_reference).into_iter().collect();
            let batches = source.scan_reference(&wanted);
            (evaluations, _) = pass(evaluations, batches, Evaluation::needs_reference, false, None).await?;
        }
        evaluations = end_pass(evaluations).await?;
    }
    for evaluation in &mut evaluations {
        evaluation.ask(source.database()).await;
    }
    let results = suite.expectations.iter().zip(&mut evaluations);
    let results = results.map(|(expectation, evaluation)| {
        let outcome = evaluation.finish();
        ExpectationResult::new(expectation, outcome, evaluation.detail().format)
    });
    let mut results: Vec<ExpectationResult> = results.collect();
    let details: Vec<Told> = evaluations
        .iter()
        .map(|each| (each.detail().clone(), each.domain()))
        .collect();
    drop(evaluations);
    tell_rows(source, &details, &mut results).await?;
    Ok((ValidationResult::new(suite, results, meta), figures))
}

/// Level of detail of a result, and the columns that were judged.
type Told = (Detail, Vec<String>);

/// Adds other columns of unexpected rows to the results that include them. One more scan, up to the last such row.
async fn tell_rows(
    source: &dyn Source,
    details: &[Told],
    results: &mut [ExpectationResult],
) -> Result<(), EvaluationError> {
    let mut columns = BTreeSet::new();
    let mut wanted = BTreeSet::new();
    let all = || source.schema().fields().iter().map(|field| field.name().clone());
    for ((detail, domain), result) in details.iter().zip(&*results) {
        if detail.wants_rows() && !result.unexpected_rows.is_empty() {
            wanted.extend(result.unexpected_rows.iter().copied());
            columns.extend(detail.index.iter().cloned().chain(domain.iter().cloned()));
            if detail.rows {
                columns.extend(all());
            }
        }
    }
    let columns: Vec<String> = all().filter(|name| columns.contains(name)).collect();
    let mut cells = HashMap::with_capacity(wanted.len());
    if let Some(last) = wanted.last() {
        let mut batches = source.scan(&columns);
        let mut first_row = 0;
        while first_row <= *last
            && let Some(batch) = batches.try_next().await?
        {
            let end = first_row + batch.num_rows() as u64;
            let mut rows = wanted.range(first_row..end).peekable();
            if rows.peek().is_some() {
                let batch = normalised(&batch, None)?;
                for row in rows {
                    let place = usize::try_from(row - first_row).unwrap_or(usize::MAX);
                    let shown = columns.iter().zip(batch.columns());
                    let shown = shown.map(|(name, array)| (name.clone(), show(array, place)));
                    cells.insert(*row, shown.collect::<Map<_, _>>());
                }
            }
            first_row = end;
        }
    }
    for ((detail, domain), result) in details.iter().zip(results) {
        if detail.wants_rows() {
            detail.tell_rows(&mut result.result, &result.unexpected_rows, &cells, domain);
        }
    }
    Ok(())
}

/// The columns that some of the expectations read.
fn columns(evaluations: &[Evaluation], which: fn(&Evaluation) -> bool) -> BTreeSet<String> {
    let reading = evaluations.iter().filter(|evaluation| which(evaluation));
    reading.flat_map(Evaluation::columns).collect()
}

/// An expectation and its position in the suite.
type Placed = (usize, Evaluation);

/// Distributes the expectations that need rows over the processors; the others come second.
fn distribute(evaluations: Vec<Evaluation>, which: fn(&Evaluation) -> bool) -> (Vec<Vec<Placed>>, Vec<Placed>) {
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

/// Feeds the rows to the expectations that need them, on all processors, while reading continues. `own`: these are the
/// rows of the table, not the reference rows. `describing` takes its figures meanwhile.
async fn pass(
    evaluations: Vec<Evaluation>,
    mut batches: Batches<'_>,
    which: fn(&Evaluation) -> bool,
    own: bool,
    describing: Option<Collector>,
) -> Result<(Vec<Evaluation>, Option<Collector>), EvaluationError> {
    let plain: BTreeSet<String> = evaluations
        .iter()
        .filter(|evaluation| which(evaluation))
        .flat_map(Evaluation::plain_columns)
        .collect();
    let (parts, mut done) = distribute(evaluations, which);
    let mut senders = Vec::with_capacity(parts.len());
    let mut working = Vec::with_capacity(parts.len());
    for part in parts {
        let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
        senders.push(sender);
        working.push(tokio::task::spawn_blocking(move || work(part, receiver)));
    }
    let describing = describing.map(|collector| {
        let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
        senders.push(sender);
        tokio::task::spawn_blocking(move || describe(collector, receiver))
    });
    let mut first_row = 0;
    'batches: while let Some(batch) = batches.try_next().await? {
        let batch = normalised(&batch, Some(&plain))?;
        let rows = batch.num_rows() as u64;
        for sender in &senders {
            // A closed channel means that the worker failed; joining it returns the error.
            if sender.send((batch.clone(), own.then_some(first_row))).await.is_err() {
                break 'batches;
            }
        }
        first_row += rows;
    }
    drop(senders);
    for worker in working {
        let part = worker.await.map_err(EvaluationError::Worker)?;
        done.extend(part?);
    }
    let collector = match describing {
        Some(describing) => Some(describing.await.map_err(EvaluationError::Worker)??),
        None => None,
    };
    Ok((in_order(done), collector))
}

/// Ends a pass, on all processors: some expectations compare millions of hashes.
async fn end_pass(evaluations: Vec<Evaluation>) -> Result<Vec<Evaluation>, EvaluationError> {
    let (parts, mut done) = distribute(evaluations, Evaluation::needs_rows);
    let working: Vec<_> = parts
        .into_iter()
        .map(|mut part| {
            tokio::task::spawn_blocking(move || {
                part.iter_mut().try_for_each(|(_, evaluation)| evaluation.end_pass())?;
                Ok::<_, CheckError>(part)
            })
        })
        .collect();
    for worker in working {
        done.extend(worker.await.map_err(EvaluationError::Worker)??);
    }
    Ok(in_order(done))
}

fn in_order(mut placed: Vec<Placed>) -> Vec<Evaluation> {
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, evaluation)| evaluation).collect()
}

/// Feeds all batches to some of the expectations.
fn work(
    mut part: Vec<Placed>,
    mut batches: mpsc::Receiver<(RecordBatch, Option<u64>)>,
) -> Result<Vec<Placed>, CheckError> {
    while let Some((batch, first_row)) = batches.blocking_recv() {
        for (_, evaluation) in &mut part {
            evaluation.update(&batch, first_row)?;
        }
    }
    Ok(part)
}

/// Takes figures from all batches.
fn describe(
    mut collector: Collector,
    mut batches: mpsc::Receiver<(RecordBatch, Option<u64>)>,
) -> Result<Collector, CheckError> {
    while let Some((batch, _)) = batches.blocking_recv() {
        collector.update(&batch)?;
    }
    Ok(collector)
}
