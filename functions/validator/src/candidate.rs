//! The candidate of an event, and its data files as a table.

use crate::context::Context;
use crate::error::ValidatorError;
use crate::object::ParquetObject;
use arrow::datatypes::Schema;
use cardlake_core::contract::Contract;
use cardlake_core::events::ValidatorEvent;
use cardlake_core::paths;
use cardlake_core::records::{Candidate, FORMAT_VERSION};
use cardlake_expectations::{ParquetTable, TableFile};
use cardlake_lake::delta::{ActiveFile, DeltaStore, DeltaTable};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Reads the candidate with this key.
///
/// # Errors
/// There is none, or it is for another dataset, day or version of cardlake.
pub(crate) async fn read(context: &Context, event: &ValidatorEvent, key: &str) -> Result<Candidate, ValidatorError> {
    let bucket = &context.silver_bucket;
    let candidate: Option<Candidate> = context.storage.get_json(bucket, key).await?;
    let candidate = candidate.ok_or_else(|| ValidatorError::NoCandidate {
        bucket: bucket.clone(),
        key: key.to_owned(),
        dataset: event.dataset.clone(),
        batch_date: event.batch_date,
    })?;
    let problem = if candidate.format_version != FORMAT_VERSION {
        format!(
            "its format version is {}, this cardlake reads {FORMAT_VERSION}",
            candidate.format_version
        )
    } else if candidate.dataset != event.dataset || candidate.batch_date != event.batch_date {
        format!(
            "it is for {} of {}, but {} of {} was requested",
            candidate.dataset, candidate.batch_date, event.dataset, event.batch_date
        )
    } else {
        return Ok(candidate);
    };
    Err(ValidatorError::WrongCandidate {
        bucket: bucket.clone(),
        key: key.to_owned(),
        problem,
    })
}

/// The files that the candidate adds, as a table.
///
/// # Errors
/// A file that cannot be read, or is not Parquet.
pub(crate) async fn table(
    context: &Context,
    candidate: &Candidate,
    contract: &Contract,
) -> Result<ParquetTable, ValidatorError> {
    let files = candidate.add.iter();
    let files = files.map(|file| {
        table_file(
            context,
            &candidate.dataset,
            &file.path,
            file.size,
            &file.partition_values,
        )
    });
    let table_schema = contract.table_schema();
    let partitions = table_schema
        .fields()
        .iter()
        .filter(|field| contract.partition_columns.contains(field.name()));
    let partitions = Schema::new(partitions.cloned().collect::<Vec<_>>());
    Ok(ParquetTable::open(files.collect(), &partitions).await?)
}

/// The committed files that stay in the partitions that the candidate adds to: the rows of the candidate must be unique
/// among theirs.
///
/// # Errors
/// The Delta log cannot be read.
pub(crate) async fn staying_files(context: &Context, candidate: &Candidate) -> Result<Vec<TableFile>, ValidatorError> {
    let Some(version) = candidate.base_version else {
        return Ok(Vec::new());
    };
    let store = DeltaStore::new(&context.aws, &context.silver_bucket)?;
    let table = DeltaTable::open(&store, &candidate.dataset).await?;
    let added = candidate.add.iter();
    let touched: BTreeSet<_> = added.map(|file| file.partition_values.clone()).collect();
    let removed: BTreeSet<_> = candidate.remove.iter().cloned().collect();
    // A table may have far more files than the candidate touches.
    let table = table.at_version(version).await?;
    let stays = move |staying: &mut Vec<ActiveFile>, file: ActiveFile| {
        if touched.contains(&file.partition_values) && !removed.contains(&file.path) {
            staying.push(file);
        }
    };
    let mut staying = table.fold(Vec::new(), stays).await?;
    staying.sort_by(|a, b| a.path.cmp(&b.path));
    let files = staying.iter().map(|file| {
        table_file(
            context,
            &candidate.dataset,
            &file.path,
            file.size,
            &file.partition_values,
        )
    });
    Ok(files.collect())
}

fn table_file(
    context: &Context,
    dataset: &str,
    path: &str,
    size: u64,
    partition_values: &BTreeMap<String, Option<String>>,
) -> TableFile {
    let key = format!("{}{path}", paths::table_prefix(dataset));
    TableFile {
        file: Arc::new(ParquetObject::new(&context.storage, &context.silver_bucket, &key, size)),
        partition_values: partition_values.clone(),
    }
}
