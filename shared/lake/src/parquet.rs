//! Parquet data files: writer settings and column statistics.
//!
//! Files of the standard layout are written page by page ([`pages`]): by the transformer from values in memory, by the
//! reconciler from the pages of a file whose rows are partly dropped. Files of another layout are rewritten through Arrow with
//! [`writer_properties`]. Both have the same properties for readers and Redshift's COPY: pages of version 1, Zstandard level 1,
//! dictionaries only for repeated values.

mod bounds;
pub mod object;
pub mod pages;

use arrow::array::{Array, ArrayRef, AsArray, make_comparator};
use arrow::compute::{SortOptions, cast};
use arrow::datatypes::{DataType, TimestampMicrosecondType};
use cardlake_core::contract::{Column, ColumnType, Contract, Derivation, TextFormat};
use cardlake_core::records::ColumnStatistics;
use chrono::{DateTime, SecondsFormat};
use pages::CompressionStrategy;
pub use pages::PAGE_ROWS;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;
use serde_json::Value;
use std::collections::BTreeMap;

/// Writer named in the footer; constant, so that an update of the crate does not change files.
pub const CREATED_BY: &str = "cardlake version 1.0.0";
/// Rows of a row group: the memory of a writer, and the unit of parallel reads.
pub const ROW_GROUP_ROWS: usize = 131_072;

/// Footer properties of a dataset's files: the writer, and the sort order.
#[must_use]
pub fn file_properties(contract: &Contract) -> WriterProperties {
    properties(contract).build()
}

/// Properties of data files written through Arrow. The same rows always yield the same bytes.
///
/// Zstandard, dictionaries only for repeated values, statistics per column chunk. Format version 1, since Redshift's COPY does
/// not support version 2.
#[must_use]
pub fn writer_properties(contract: &Contract) -> WriterProperties {
    let mut builder = properties(contract)
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        // Bounds must be exact: they become statistics of the Delta log.
        .set_statistics_truncate_length(None)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS);
    for column in contract.file_columns() {
        let path = ColumnPath::from(column.name.as_str());
        if !repeats(contract, column) {
            builder = builder.set_column_dictionary_enabled(path.clone(), false);
        }
        if column.derivation == Some(Derivation::Extra) {
            builder = builder.set_column_statistics_enabled(path, EnabledStatistics::None);
        }
    }
    builder.build()
}

/// Properties common to all files.
fn properties(contract: &Contract) -> WriterPropertiesBuilder {
    let place = |key: &String| contract.file_columns().position(|column| column.name == *key);
    let sorting = contract.primary_key.iter().map_while(place).map(|index| SortingColumn {
        column_idx: i32::try_from(index).unwrap_or(i32::MAX),
        descending: false,
        nulls_first: false,
    });
    WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_sorting_columns(Some(sorting.collect()))
}

/// Whether a column's values are expected to repeat, so that a dictionary is worthwhile.
fn repeats(contract: &Contract, column: &Column) -> bool {
    let is_event_time = contract
        .event_time
        .as_ref()
        .is_some_and(|event| event.column == column.name);
    let unique = is_event_time
        || contract.primary_key.contains(&column.name)
        || column.rules.format == Some(TextFormat::Uuid)
        || matches!(column.derivation, Some(Derivation::SourceRow | Derivation::RowHash))
        || matches!(column.column_type, ColumnType::Decimal { .. } | ColumnType::Double);
    !unique
}

/// Compression of a column's plain pages.
#[must_use]
pub fn plain_compression(contract: &Contract, column: &Column) -> CompressionStrategy {
    let is_sorted = contract.primary_key.first() == Some(&column.name);
    let is_uuid = column.rules.format == Some(TextFormat::Uuid);
    match column.column_type {
        _ if column.derivation == Some(Derivation::RowHash) => CompressionStrategy::None,
        ColumnType::String if is_uuid && is_sorted => CompressionStrategy::Sorted,
        ColumnType::String if is_uuid => CompressionStrategy::Literals,
        ColumnType::String | ColumnType::Boolean => CompressionStrategy::Matches,
        _ => CompressionStrategy::Literals,
    }
}

/// Columns with statistics in the records and the Delta log: key, event time, row provenance.
pub fn statistics_columns(contract: &Contract) -> impl Iterator<Item = &Column> {
    contract.file_columns().filter(|column| {
        contract.primary_key.contains(&column.name)
            || contract
                .event_time
                .as_ref()
                .is_some_and(|event| event.column == column.name)
            || matches!(
                column.derivation,
                Some(
                    Derivation::IngestDate
                        | Derivation::IngestTimestamp
                        | Derivation::SourceObject
                        | Derivation::SourceRow
                )
            )
    })
}

/// Statistics of a written file, for [`statistics_columns`].
///
/// # Errors
/// The metadata does not fit the contract.
pub fn column_statistics(
    contract: &Contract,
    metadata: &ParquetMetaData,
) -> Result<BTreeMap<String, ColumnStatistics>, ParquetError> {
    let schema = contract.file_schema();
    let parquet_schema = metadata.file_metadata().schema_descr();
    let mut found = BTreeMap::new();
    for column in statistics_columns(contract) {
        let converter = StatisticsConverter::try_new(&column.name, &schema, parquet_schema)?;
        let groups = metadata.row_groups();
        let nulls = converter.row_group_null_counts(groups.iter())?;
        let statistics = ColumnStatistics {
            min: extreme(&converter.row_group_mins(groups.iter())?, false)?,
            max: extreme(&converter.row_group_maxes(groups.iter())?, true)?,
            nulls: nulls.iter().flatten().sum(),
        };
        found.insert(column.name.clone(), statistics);
    }
    Ok(found)
}

/// The minimum or maximum of an array, as JSON.
fn extreme(values: &ArrayRef, largest: bool) -> Result<Option<Value>, ParquetError> {
    let order = SortOptions {
        descending: largest,
        nulls_first: false,
    };
    let compare = make_comparator(values, values, order)?;
    let Some(index) = (0..values.len())
        .filter(|&index| values.is_valid(index))
        .min_by(|&a, &b| compare(a, b))
    else {
        return Ok(None);
    };
    json(&values.slice(index, 1))
}

/// The value of an array of length one, in the format of [`ColumnStatistics`].
fn json(value: &ArrayRef) -> Result<Option<Value>, ParquetError> {
    if let Some(timestamps) = value.as_primitive_opt::<TimestampMicrosecondType>() {
        let time = DateTime::from_timestamp_micros(timestamps.value(0));
        // With all digits: a truncated value would not be a bound.
        return Ok(time.map(|time| Value::from(time.to_rfc3339_opts(SecondsFormat::Micros, true))));
    }
    let text = cast(value, &DataType::Utf8)?;
    let text = text.as_string::<i32>().value(0);
    Ok(match value.data_type() {
        DataType::Utf8 | DataType::Date32 => Some(Value::from(text)),
        _ => serde_json::from_str(text).ok(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array};
    use cardlake_core::contract::Contracts;
    use parquet::arrow::ArrowWriter;
    use serde_json::json;
    use std::sync::Arc;

    #[test]
    fn a_file_tells_its_bounds_over_all_row_groups() {
        let contracts = Contracts::load(&cardlake_assets::embedded()).unwrap();
        let contract = contracts.get("transactions").unwrap();
        let schema = contract.file_schema();
        let batch = |ids: [&str; 2], times: [i64; 2]| {
            let columns = schema.fields().iter().map(|field| match field.name().as_str() {
                "transaction_id" => Arc::new(StringArray::from(ids.to_vec())) as ArrayRef,
                "txn_ts" => Arc::new(TimestampMicrosecondArray::from(times.to_vec()).with_timezone("UTC")),
                _ => new_null_array(field.data_type(), 2),
            });
            RecordBatch::try_new(schema.clone(), columns.collect()).unwrap()
        };
        let mut writer = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(writer_properties(contract))).unwrap();
        writer.write(&batch(["a", "b"], [1_768_471_200_123_456, 5])).unwrap();
        writer.flush().unwrap();
        writer.write(&batch(["c", "d"], [6, 7])).unwrap();
        let metadata = writer.finish().unwrap();
        let statistics = column_statistics(contract, &metadata).unwrap();
        let bounds = |name: &str| (statistics[name].min.clone(), statistics[name].max.clone());
        assert_eq!(bounds("transaction_id"), (Some(json!("a")), Some(json!("d"))));
        assert_eq!(
            bounds("txn_ts"),
            (
                Some(json!("1970-01-01T00:00:00.000005Z")),
                Some(json!("2026-01-15T10:00:00.123456Z"))
            )
        );
        assert_eq!(bounds("ingest_date"), (None, None));
        assert_eq!(statistics["ingest_date"].nulls, 4);
        assert!(!statistics.contains_key("amount"), "only key, event time and lineage");
    }
}
