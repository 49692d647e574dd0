//! The documents about a validation: result, page and, for a batch that was stopped, the quarantine.

use crate::accounting;
use crate::context::Context;
use crate::error::ValidatorError;
use crate::quarantine::failing_rows;
use crate::trend::{self, Run};
use cardlake_core::paths;
use cardlake_core::records::{Candidate, FORMAT_VERSION};
use cardlake_expectations::{DocsPage, IndexPage, IndexRow, ParquetTable, Source, Suite, TrendPoint, ValidationResult};
use serde_json::{Map, Value, json};

/// The metadata of a result. No clock: the same candidate gives the same result.
pub(crate) fn meta(suite: &Suite, candidate: &Candidate, table: &ParquetTable) -> Map<String, Value> {
    let version = suite
        .meta
        .get("great_expectations_version")
        .cloned()
        .unwrap_or(Value::Null);
    let meta = [
        ("great_expectations_version", version),
        ("format_version", json!(FORMAT_VERSION)),
        (
            "active_batch_definition",
            json!({
                "datasource_name": "silver",
                "data_connector_name": "candidate",
                "data_asset_name": candidate.dataset,
                "batch_identifiers": {"batch_date": candidate.batch_date, "candidate": candidate.id},
            }),
        ),
        ("files", json!(candidate.add.len())),
        ("rows", json!(table.rows())),
        ("rows_beside", json!(table.reference_rows())),
        ("counts", json!(candidate.counts)),
    ];
    meta.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Writes the result as JSON and as a page. Returns the key of the JSON.
///
/// # Errors
/// The silver bucket cannot be read or written.
pub(crate) async fn write(
    context: &Context,
    candidate: &Candidate,
    result: &ValidationResult,
) -> Result<String, ValidatorError> {
    let Candidate {
        dataset,
        batch_date,
        id,
        ..
    } = candidate;
    let (storage, bucket) = (&context.storage, &context.silver_bucket);
    let result_key = paths::validation_result(dataset, *batch_date, id);
    storage.put_json(bucket, &result_key, result).await?;
    let mut runs = trend::before(storage, bucket, dataset, *batch_date).await?;
    runs.push(Run {
        day: *batch_date,
        key: result_key.clone(),
        point: TrendPoint::new(trend::label(*batch_date), result),
    });
    let page = DocsPage {
        title: dataset.clone(),
        subtitle: format!("batch of {batch_date}, candidate {id}"),
        note: accounting::sentence(&candidate.counts),
        result,
        trend: runs.iter().map(|run| run.point.clone()).collect(),
    };
    let key = paths::validation_docs(dataset, *batch_date, id);
    storage.put(bucket, &key, page.html()?.into_bytes()).await?;
    write_indexes(context, dataset, runs).await?;
    Ok(result_key)
}

/// Writes the page of the last runs of a dataset up to this one, and the one of all datasets: that follows from the contracts, so
/// that stages side by side write the same.
async fn write_indexes(context: &Context, dataset: &str, runs: Vec<Run>) -> Result<(), ValidatorError> {
    let (storage, bucket) = (&context.storage, &context.silver_bucket);
    let folder = paths::all_validations_prefix(dataset);
    let rows = runs.into_iter().rev().filter_map(|run| {
        let page = run.key.strip_prefix(&folder)?.strip_suffix(".json")?;
        Some(IndexRow {
            link: format!("{page}.html"),
            name: run.day.to_string(),
            run: Some(run.point),
        })
    });
    let index = IndexPage {
        title: dataset.to_owned(),
        subtitle: "The last runs, the newest result of each day".to_owned(),
        rows: rows.collect(),
    };
    let key = paths::validations_index(Some(dataset));
    storage.put(bucket, &key, index.html()?.into_bytes()).await?;
    let names = context.contracts.iter().map(|contract| IndexRow {
        link: format!("{}/index.html", contract.dataset),
        name: contract.dataset.clone(),
        run: None,
    });
    let index = IndexPage {
        title: "Validations".to_owned(),
        subtitle: String::new(),
        rows: names.collect(),
    };
    let key = paths::validations_index(None);
    storage.put(bucket, &key, index.html()?.into_bytes()).await?;
    Ok(())
}

/// Writes the result of a stopped candidate and its failing rows to the quarantine. Returns the key of the rows.
///
/// # Errors
/// A data file cannot be read, or the silver bucket cannot be written.
pub(crate) async fn quarantine(
    context: &Context,
    candidate: &Candidate,
    table: &ParquetTable,
    result: &ValidationResult,
) -> Result<String, ValidatorError> {
    let Candidate {
        dataset,
        batch_date,
        id,
        ..
    } = candidate;
    let (storage, bucket) = (&context.storage, &context.silver_bucket);
    let key = paths::quarantined_result(dataset, *batch_date, id);
    storage.put_json(bucket, &key, result).await?;
    let key = paths::quarantined_rows(dataset, *batch_date, id);
    let rows = failing_rows(table, result).await?;
    storage.put(bucket, &key, rows).await?;
    Ok(key)
}
