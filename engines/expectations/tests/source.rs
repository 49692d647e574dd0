//! Sources other than Parquet: anything that returns Arrow batches can be validated.

#![expect(clippy::unwrap_used, reason = "helpers fail their test")]

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use cardlake_expectations::{
    Batches, EvaluationError, LocalFile, ParquetTable, ResultFormat, Source, SourceError, Suite, TableFile,
    ValidationResult, evaluate, needs_reference_rows,
};
use futures::StreamExt;
use parquet::arrow::ArrowWriter;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Batches in memory.
struct Memory {
    schema: SchemaRef,
    rows: Vec<RecordBatch>,
    reference: Vec<RecordBatch>,
}

fn batch(ids: &[i64], shops: &[Option<&str>]) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from(ids.to_vec()));
    let shops: ArrayRef = Arc::new(StringArray::from(shops.to_vec()));
    RecordBatch::try_from_iter([("id", ids), ("shop", shops)]).unwrap()
}

fn count(batches: &[RecordBatch]) -> u64 {
    batches.iter().map(|batch| batch.num_rows() as u64).sum()
}

fn projected<'a>(batches: &'a [RecordBatch], columns: &[String]) -> Batches<'a> {
    let columns = columns.to_vec();
    let batches = batches.iter().map(move |batch| {
        let indices: Vec<usize> = columns
            .iter()
            .map(|name| batch.schema().index_of(name).unwrap())
            .collect();
        Ok(batch.project(&indices).unwrap())
    });
    futures::stream::iter(batches).boxed()
}

impl Source for Memory {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn rows(&self) -> u64 {
        count(&self.rows)
    }

    fn scan(&self, columns: &[String]) -> Batches<'_> {
        projected(&self.rows, columns)
    }

    fn reference_rows(&self) -> u64 {
        count(&self.reference)
    }

    fn scan_reference(&self, columns: &[String]) -> Batches<'_> {
        projected(&self.reference, columns)
    }
}

fn memory(rows: Vec<RecordBatch>, reference: Vec<RecordBatch>) -> Memory {
    let schema = rows[0].schema();
    Memory {
        schema,
        rows,
        reference,
    }
}

fn suite(expectations: &Value) -> Suite {
    let text = json!({"name": "s", "expectations": expectations}).to_string();
    Suite::from_json("s.json", &text).unwrap()
}

async fn run(expectations: &Value, source: &dyn Source) -> Result<ValidationResult, EvaluationError> {
    evaluate(&suite(expectations), source, ResultFormat::Summary, Map::new()).await
}

#[tokio::test]
async fn batches_in_memory_are_validated() {
    let table = memory(
        vec![batch(&[1, 2], &[Some("north"), None]), batch(&[3], &[Some("south")])],
        Vec::new(),
    );
    let expectations = json!([
        {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 3}},
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "shop"}},
        {"type": "expect_column_sum_to_be_between", "kwargs": {"column": "id", "min_value": 6, "max_value": 6}},
    ]);
    let result = run(&expectations, &table).await.unwrap();
    let success: Vec<bool> = result.results.iter().map(|each| each.success).collect();
    assert_eq!(success, [true, false, true]);
    assert_eq!(result.results[1].unexpected_rows, [1]);
}

#[tokio::test]
async fn rows_must_be_unique_among_the_reference_rows() {
    let table = memory(
        vec![batch(&[1, 2], &[None, None])],
        vec![batch(&[2, 9, 9], &[None, None, None])],
    );
    let unique = json!([{"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}}]);
    assert!(needs_reference_rows(&suite(&unique)));
    let result = run(&unique, &table).await.unwrap();
    assert_eq!(result.results[0].unexpected_rows, [1], "reference rows are not judged");
    let other = json!([{"type": "expect_column_values_to_be_null", "kwargs": {"column": "id"}}]);
    assert!(!needs_reference_rows(&suite(&other)));
}

/// A source whose batches do not have the columns of its schema.
struct Broken {
    schema: SchemaRef,
    batch: Result<RecordBatch, &'static str>,
}

impl Source for Broken {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn rows(&self) -> u64 {
        1
    }

    fn scan(&self, _columns: &[String]) -> Batches<'_> {
        let batch = self.batch.clone().map_err(|reason| SourceError::Read {
            name: "orders".to_owned(),
            source: Box::new(io::Error::other(reason)),
        });
        futures::stream::once(async { batch }).boxed()
    }
}

#[tokio::test]
async fn a_source_that_returns_other_columns_is_an_error_not_a_success() {
    let schema = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, true),
        Field::new("note", DataType::Utf8, true),
    ]));
    let lacking = Broken {
        schema: Arc::clone(&schema),
        batch: Ok(batch(&[1], &[None])),
    };
    let conditional = json!({"column": "id", "row_condition": "note == \"x\"", "condition_parser": "pandas"});
    for kwargs in [json!({"column": "note"}), conditional] {
        let expectations = json!([{"type": "expect_column_values_to_not_be_null", "kwargs": kwargs}]);
        let error = run(&expectations, &lacking).await.unwrap_err();
        assert!(matches!(error, EvaluationError::Batch(_)), "{error:?}");
        assert!(
            error.to_string().contains("returned a batch without column 'note'"),
            "{error}"
        );
    }
    let failing = Broken {
        schema,
        batch: Err("the disk is gone"),
    };
    let expectations = json!([{"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}}]);
    let error = run(&expectations, &failing).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot read orders: the disk is gone");
}

/// A Parquet file with one column.
fn parquet(folder: &Path, name: &str, column: ArrayRef) -> TableFile {
    let path = folder.join(name);
    let batch = RecordBatch::try_from_iter([("id", column)]).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    TableFile {
        file: Arc::new(LocalFile(path)),
        partition_values: BTreeMap::new(),
    }
}

#[tokio::test]
async fn a_value_that_does_not_fit_the_type_of_the_table_is_an_error_not_a_null() {
    let folder = tempfile::tempdir().unwrap();
    let open = async |later: i64| {
        let files = vec![
            parquet(folder.path(), "a.parquet", Arc::new(Int32Array::from(vec![1]))),
            parquet(folder.path(), "b.parquet", Arc::new(Int64Array::from(vec![later]))),
        ];
        ParquetTable::open(files, &Schema::empty()).await.unwrap()
    };
    let expectations = json!([{"type": "expect_column_sum_to_be_between", "kwargs": {"column": "id", "max_value": 9}}]);
    assert!(run(&expectations, &open(8).await).await.unwrap().success);
    let error = run(&expectations, &open(1 << 40).await).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot read column 'id' of "), "{error}");
}
