//! Statistics of data files: conversion between the JSON of the records and the kernel's typed columns.

use super::error::DeltaError;
use arrow::array::{ArrayRef, BooleanArray, Int64Array, StringArray, StructArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field};
use cardlake_core::contract::{Column, ColumnType, Contract};
use cardlake_core::records::{ColumnStatistics, DataFile};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The `stats` column of an add batch: one struct per file.
pub(super) fn to_arrow(contract: &Contract, files: &[DataFile]) -> Result<StructArray, DeltaError> {
    let described: Vec<&Column> = contract
        .file_columns()
        .filter(|column| files.iter().any(|file| file.columns.contains_key(&column.name)))
        .collect();
    let statistics = |file: &DataFile, column: &Column| file.columns.get(&column.name).cloned();
    let mut nulls = Vec::new();
    let (mut minima, mut maxima) = (Vec::new(), Vec::new());
    for column in described {
        let counts: Int64Array = files
            .iter()
            .map(|file| statistics(file, column).map(|found| to_i64(found.nulls)))
            .collect();
        nulls.push(member(&column.name, Arc::new(counts)));
        // Delta has no bounds for booleans.
        if column.column_type != ColumnType::Boolean {
            let bounds = |pick: fn(ColumnStatistics) -> Option<Value>| {
                typed(
                    contract,
                    column,
                    files.iter().map(|file| statistics(file, column).and_then(pick)),
                )
            };
            minima.push(member(&column.name, bounds(|found| found.min)?));
            maxima.push(member(&column.name, bounds(|found| found.max)?));
        }
    }
    let rows: Int64Array = files.iter().map(|file| Some(to_i64(file.rows))).collect();
    let mut members = vec![member("numRecords", Arc::new(rows))];
    if !nulls.is_empty() {
        members.push(member("nullCount", Arc::new(StructArray::from(nulls))));
    }
    if !minima.is_empty() {
        members.push(member("minValues", Arc::new(StructArray::from(minima))));
        members.push(member("maxValues", Arc::new(StructArray::from(maxima))));
    }
    members.push(member(
        "tightBounds",
        Arc::new(BooleanArray::from(vec![true; files.len()])),
    ));
    Ok(StructArray::from(members))
}

fn member(name: &str, array: ArrayRef) -> (Arc<Field>, ArrayRef) {
    (Arc::new(Field::new(name, array.data_type().clone(), true)), array)
}

fn to_i64(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Converts JSON values to an array of the column's type.
fn typed(
    contract: &Contract,
    column: &Column,
    values: impl Iterator<Item = Option<Value>>,
) -> Result<ArrayRef, DeltaError> {
    let texts: StringArray = values
        .map(|value| match value? {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => Some(other.to_string()),
        })
        .collect();
    let wanted: DataType = column.column_type.arrow();
    // A safe cast would turn an invalid bound into null and hide a bug of the writer of the statistics.
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    cast_with_options(&texts, &wanted, &options).map_err(|error| DeltaError::Corrupt {
        table: contract.dataset.clone(),
        problem: format!("statistics of column {} are not {wanted}: {error}", column.name),
    })
}

/// The `stats` JSON of an add action.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    #[serde(default)]
    min_values: Map<String, Value>,
    #[serde(default)]
    max_values: Map<String, Value>,
    #[serde(default)]
    null_count: Map<String, Value>,
}

/// Number of rows according to the statistics.
pub(super) fn rows(text: &str) -> Option<u64> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Rows {
        num_records: Option<u64>,
    }
    serde_json::from_str::<Rows>(text).ok()?.num_records
}

/// Statistics by column; empty if the JSON violates the protocol, since readers may not rely on statistics.
pub(super) fn from_text(text: &str) -> BTreeMap<String, ColumnStatistics> {
    let written: Written = serde_json::from_str(text).unwrap_or_default();
    written
        .null_count
        .into_iter()
        .map(|(name, nulls)| {
            let found = ColumnStatistics {
                min: written.min_values.get(&name).cloned(),
                max: written.max_values.get(&name).cloned(),
                nulls: nulls.as_u64().unwrap_or_default(),
            };
            (name, found)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::AsArray;
    use arrow::datatypes::{Date32Type, Decimal128Type, TimestampMicrosecondType};
    use cardlake_core::contract::Contracts;
    use serde_json::json;

    fn file(columns: Value) -> DataFile {
        DataFile {
            path: "a.parquet".into(),
            size: 1,
            rows: 7,
            partition_values: BTreeMap::new(),
            modification_time: 0,
            columns: serde_json::from_value(columns).unwrap(),
            bundle: None,
        }
    }

    #[test]
    fn json_bounds_become_typed_columns() {
        let contracts = Contracts::load(&cardlake_assets::embedded()).unwrap();
        let contract = contracts.get("transactions").unwrap();
        let stats = to_arrow(
            contract,
            &[
                file(json!({
                    "transaction_id": {"min": "0a", "max": "ff", "nulls": 0},
                    "txn_ts": {"min": "2026-01-15T10:00:00.123Z", "max": "2026-01-15T11:00:00.000Z", "nulls": 0},
                    "amount": {"min": 1.5, "max": 20, "nulls": 0},
                    "ingest_date": {"min": "2026-01-15", "max": "2026-01-15", "nulls": 0},
                })),
                file(json!({"transaction_id": {"nulls": 7}})),
            ],
        )
        .unwrap();
        let minima = stats.column_by_name("minValues").unwrap().as_struct();
        let of = |name: &str| minima.column_by_name(name).unwrap();
        assert_eq!(of("transaction_id").as_string::<i32>().value(0), "0a");
        assert_eq!(
            of("txn_ts").as_primitive::<TimestampMicrosecondType>().value(0),
            1_768_471_200_123_000
        );
        assert_eq!(of("amount").as_primitive::<Decimal128Type>().value(0), 150);
        assert_eq!(of("ingest_date").as_primitive::<Date32Type>().value(0), 20_468);
        assert!(of("amount").is_null(1), "a file without statistics has no bounds");
        let nulls = stats.column_by_name("nullCount").unwrap().as_struct();
        assert_eq!(nulls.column_by_name("transaction_id").unwrap().null_count(), 0);
    }

    #[test]
    fn a_bound_of_another_type_is_an_error_that_names_the_column() {
        let contracts = Contracts::load(&cardlake_assets::embedded()).unwrap();
        let contract = contracts.get("transactions").unwrap();
        let error = to_arrow(contract, &[file(json!({"amount": {"min": "x", "nulls": 0}}))]).unwrap_err();
        assert!(error.to_string().contains("statistics of column amount"), "{error}");
    }

    #[test]
    fn statistics_of_the_log_are_read_back() {
        let text = r#"{"numRecords":3,"minValues":{"k":"a"},"maxValues":{"k":"z"},"nullCount":{"k":1}}"#;
        assert_eq!(rows(text), Some(3));
        let k = &from_text(text)["k"];
        assert_eq!((k.min.clone(), k.nulls), (Some(json!("a")), 1));
        assert!(from_text("{").is_empty());
    }
}
