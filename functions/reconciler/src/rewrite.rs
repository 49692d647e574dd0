//! Rewrites a data file without its dropped rows.
//!
//! Remaining rows keep their order. Name and bytes of the new file are a function of the old file and the dropped rows, so a
//! repeated reconciliation writes the same object again. Files in this project's layout are rewritten page by page
//! ([`pages`]), others through Arrow; one that is not sorted by key stays so, and does not claim to be.

mod pages;

use crate::content::Content;
use crate::error::ReconcilerError;
use crate::keys::{KeyColumns, is_sorted};
use crate::remote::{READ_BATCH_ROWS, RemoteFile};
use crate::rows::RowSet;
use arrow::array::{ArrayRef, BooleanArray, RecordBatch, new_null_array};
use arrow::compute::{CastOptions, cast_with_options, filter_record_batch};
use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use cardlake_core::contract::Contract;
use cardlake_core::records::DataFile;
use cardlake_lake::parquet::{column_statistics, writer_properties};
use parquet::arrow::{ArrowWriter, ProjectionMask, parquet_to_arrow_schema};
use parquet::file::metadata::ParquetMetaData;
use sha2::{Digest, Sha256};
use std::fmt::Display;
use std::sync::Arc;

/// Bytes of a column fetched at a time.
const BUFFER_BYTES: u64 = 512 * 1024;

/// A rewritten file: its description, and its content still to be uploaded.
pub(crate) struct Rewritten {
    pub(crate) file: DataFile,
    pub(crate) content: Content,
}

/// Creates the file that replaces `original`. Blocks.
///
/// # Errors
/// The file cannot be read, or does not fit the contract.
pub(crate) fn rewrite(
    contract: &Contract,
    original: &DataFile,
    file: &RemoteFile,
    dropped: &RowSet,
) -> Result<Rewritten, ReconcilerError> {
    // A file that loses most of its rows is re-encoded, with dictionaries of the remaining values.
    let mostly_stays = dropped.count() * 2 < original.rows;
    let sorted = is_sorted(file, &KeyColumns::of(contract));
    let pages = if mostly_stays && sorted {
        by_pages(contract, file, dropped)?
    } else {
        None
    };
    let (content, metadata) = match pages {
        Some(rewritten) => rewritten,
        None => through_arrow(contract, file, dropped, sorted)?,
    };
    let columns = column_statistics(contract, &metadata).map_err(|error| file.corrupt(error.to_string()))?;
    Ok(Rewritten {
        file: DataFile {
            path: new_path(contract, &original.path, dropped),
            size: content.size()?,
            rows: original.rows - dropped.count(),
            partition_values: original.partition_values.clone(),
            modification_time: original.modification_time,
            columns,
            bundle: None,
        },
        content,
    })
}

fn by_pages(
    contract: &Contract,
    file: &RemoteFile,
    dropped: &RowSet,
) -> Result<Option<(Content, ParquetMetaData)>, ReconcilerError> {
    let (buffers, failures) = file.prefetch(&ProjectionMask::all(), BUFFER_BYTES);
    pages::rewrite_pages(contract, file, buffers, dropped).map_err(|error| failures.explain(&error))
}

/// For files of any layout, including those that lack columns of the current contract.
fn through_arrow(
    contract: &Contract,
    file: &RemoteFile,
    dropped: &RowSet,
    sorted: bool,
) -> Result<(Content, ParquetMetaData), ReconcilerError> {
    let failed = |error: &dyn Display| file.corrupt(format!("cannot be rewritten: {error}"));
    let parquet = file.parquet().file_metadata();
    let present = parquet_to_arrow_schema(parquet.schema_descr(), None).map_err(|error| failed(&error))?;
    let schema = target_schema(contract, &present);
    let names: Vec<&str> = present.fields().iter().map(|field| field.name().as_str()).collect();
    let (reader, failures) = file.reader(&names, BUFFER_BYTES, READ_BATCH_ROWS)?;
    let mut content = Content::for_size(file.size())?;
    let mut properties = writer_properties(contract);
    if !sorted {
        properties = properties.into_builder().set_sorting_columns(None).build();
    }
    let mut writer = ArrowWriter::try_new(&mut content, SchemaRef::clone(&schema), Some(properties))
        .map_err(|error| failed(&error))?;
    let mut first_row = 0;
    for batch in reader {
        let batch = batch.map_err(|error| failures.explain(&error))?;
        let rows = batch.num_rows() as u64;
        let stays: BooleanArray = (first_row..first_row + rows)
            .map(|row| Some(!dropped.contains(row)))
            .collect();
        first_row += rows;
        let kept = filter_record_batch(&batch, &stays)
            .and_then(|batch| conform(&batch, &schema))
            .map_err(|error| failed(&error))?;
        writer.write(&kept).map_err(|error| failed(&error))?;
    }
    let metadata = writer.close().map_err(|error| failed(&error))?;
    Ok((content, metadata))
}

/// The columns of the contract, then those that only the file has: nothing is dropped.
fn target_schema(contract: &Contract, present: &Schema) -> SchemaRef {
    let wanted = contract.file_schema();
    let wanted = wanted.fields().iter().map(Arc::clone);
    let fields: Vec<FieldRef> = wanted.chain(further_columns(contract, present)).collect();
    Arc::new(Schema::new(fields))
}

/// Columns of a file that the contract does not have.
pub(crate) fn further_columns(contract: &Contract, present: &Schema) -> Vec<FieldRef> {
    let wanted = contract.file_schema();
    let fields = present.fields().iter();
    let further = fields.filter(|field| wanted.field_with_name(field.name()).is_err());
    further.map(Arc::clone).collect()
}

/// The batch with the columns of the schema; a column that the file does not have is null.
///
/// # Errors
/// A value cannot be converted to the type of its column.
pub(crate) fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let columns: Result<Vec<ArrayRef>, ArrowError> = schema
        .fields()
        .iter()
        .map(|field| match batch.column_by_name(field.name()) {
            None => Ok(new_null_array(field.data_type(), batch.num_rows())),
            Some(column) if column.data_type() == field.data_type() => Ok(ArrayRef::clone(column)),
            // A safe cast would turn a value that does not fit into a null.
            Some(column) => cast_with_options(
                column,
                field.data_type(),
                &CastOptions {
                    safe: false,
                    ..CastOptions::default()
                },
            ),
        })
        .collect();
    RecordBatch::try_new(SchemaRef::clone(schema), columns?)
}

/// In the folder of the original, under a name derived from the dropped rows.
fn new_path(contract: &Contract, original: &str, dropped: &RowSet) -> String {
    let mut hash = Sha256::new();
    hash.update(original.as_bytes());
    hash.update([0]);
    hash.update(contract.fingerprint.as_bytes());
    hash.update([0]);
    hash.update(dropped.bytes().collect::<Vec<_>>());
    let digest = hex::encode(hash.finalize());
    let folder = original.rsplit_once('/').map_or("", |(folder, _)| folder);
    let separator = if folder.is_empty() { "" } else { "/" };
    format!("{folder}{separator}part-{}.parquet", &digest[..32])
}

#[cfg(test)]
mod tests {
    use super::*;
    use cardlake_core::contract::Contracts;

    #[test]
    fn the_new_name_stays_in_the_folder_and_follows_from_the_original() {
        let contracts = Contracts::load(&cardlake_assets::embedded()).unwrap();
        let contract = contracts.get("transactions").unwrap();
        let none = RowSet::default();
        let path = new_path(
            contract,
            "txn_date=2026-01-15/merchant_category=taxi/part-0.parquet",
            &none,
        );
        assert!(
            path.starts_with("txn_date=2026-01-15/merchant_category=taxi/part-"),
            "{path}"
        );
        assert_eq!(
            path,
            new_path(
                contract,
                "txn_date=2026-01-15/merchant_category=taxi/part-0.parquet",
                &none
            )
        );
        assert_ne!(
            new_path(contract, "a.parquet", &none),
            new_path(contract, "b.parquet", &none)
        );
        assert!(!new_path(contract, "a.parquet", &none).contains('/'));
    }

    #[test]
    fn a_file_gains_the_contracts_columns_and_keeps_its_own() {
        let contracts = Contracts::load(&cardlake_assets::embedded()).unwrap();
        let contract = contracts.get("customers").unwrap();
        let mut fields: Vec<FieldRef> = contract.file_schema().fields().iter().skip(1).map(Arc::clone).collect();
        fields.push(Arc::new(arrow::datatypes::Field::new(
            "old",
            arrow::datatypes::DataType::Utf8,
            true,
        )));
        let schema = target_schema(contract, &Schema::new(fields));
        assert_eq!(schema.fields().len(), contract.file_schema().fields().len() + 1);
        assert_eq!(schema.field(0).name(), "customer_id");
        assert_eq!(schema.fields().last().unwrap().name(), "old");
    }
}
