//! Batches in the form that expectations read: one Arrow type for each kind of value.

use crate::value::{Column, Kind};
use arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch, RecordBatchOptions};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Float64Type, Int32Type, Schema};
use arrow::error::ArrowError;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Casts a column to the Arrow type of its kind, NaN to null. A column without a kind stays as it is; so does
/// dictionary-encoded text with 32-bit keys, unless `plain`. A value that the type of the kind cannot hold is an error.
pub(crate) fn normalise(array: &ArrayRef, plain: bool) -> Result<ArrayRef, ArrowError> {
    let kind = Kind::of(array.data_type());
    let Some(wanted) = kind.data_type() else {
        return Ok(Arc::clone(array));
    };
    if !plain && is_text_dictionary(array.data_type()) {
        return Ok(Arc::clone(array));
    }
    let array = if *array.data_type() == wanted {
        Arc::clone(array)
    } else {
        let strict = CastOptions {
            safe: false,
            ..CastOptions::default()
        };
        cast_with_options(array, &wanted, &strict)?
    };
    if kind == Kind::Float {
        let floats = array.as_primitive::<Float64Type>();
        if floats.values().iter().any(|value| value.is_nan()) {
            let without: Float64Array = floats
                .iter()
                .map(|value| value.filter(|value| !value.is_nan()))
                .collect();
            return Ok(Arc::new(without));
        }
    }
    Ok(array)
}

/// Why a batch cannot be normalised.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NormaliseError {
    /// A column cannot be cast.
    #[error("cannot read the values of column '{column}': {source}")]
    Column { column: String, source: ArrowError },
    /// The columns do not form a batch.
    #[error("cannot assemble a batch: {0}")]
    Batch(#[source] ArrowError),
}

/// Normalises all columns; `plain` names those that must not stay dictionaries (`None`: all).
pub(crate) fn normalised(batch: &RecordBatch, plain: Option<&BTreeSet<String>>) -> Result<RecordBatch, NormaliseError> {
    let schema = batch.schema();
    let mut fields = Vec::with_capacity(schema.fields().len());
    let mut columns = Vec::with_capacity(schema.fields().len());
    for (field, array) in schema.fields().iter().zip(batch.columns()) {
        let plain = plain.is_none_or(|plain| plain.contains(field.name()));
        let array = normalise(array, plain).map_err(|source| NormaliseError::Column {
            column: field.name().clone(),
            source,
        })?;
        fields.push(Field::new(field.name(), array.data_type().clone(), true));
        columns.push(array);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options).map_err(NormaliseError::Batch)
}

/// Whether the type is text encoded as a dictionary with 32-bit keys.
pub(crate) fn is_text_dictionary(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Dictionary(key, value) if **key == DataType::Int32 && **value == DataType::Utf8)
}

/// The value of a row of a normalised array as results show it; null for a column that is not normalised.
pub(crate) fn show(array: &ArrayRef, row: usize) -> Value {
    let Some(dictionary) = array.as_dictionary_opt::<Int32Type>() else {
        return Column::of(array).map_or(Value::Null, |column| column.json(row));
    };
    match (dictionary.key(row), Column::of(dictionary.values())) {
        (Some(key), Some(column)) => column.json(key),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_counts_as_null() {
        let array: ArrayRef = Arc::new(Float64Array::from(vec![1.0, f64::NAN]));
        assert_eq!(normalise(&array, true).unwrap().null_count(), 1);
    }
}
