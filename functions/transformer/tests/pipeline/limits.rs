//! What asks for more than the contract allows is rejected with the limit, in a time and memory of its own size.

use crate::formats::{NOTES, outcome};
use crate::lake::Lake;
use crate::parquet_input::file;
use crate::support::{LIMITS, plan, run};
use arrow::array::{ArrayRef, Int64Array, StringArray};
use cardlake_core::bronze::InputFormat;
use cardlake_core::events::{FileFormat, TransformStatus, TransformerEvent};
use cardlake_transformer::{FileNames, Pipeline, PipelineError, PipelineLimits, TransformPlan, transform};
use flate2::write::GzEncoder;
use parquet::basic::Compression;
use std::io::Write;
use std::sync::Arc;

fn notes(limits: &str) -> TransformPlan {
    let limits = format!("customProperties: [{{property: limits, value: {{{limits}}}}}]");
    plan(&NOTES.replace("    properties:", &format!("    {limits}\n    properties:")))
}

#[test]
fn a_header_of_too_many_columns_is_rejected() {
    let plan = notes("maxColumns: 4");
    let allowed = outcome(b"id,note,amount,more\n1,a,2,x\n", FileFormat::Csv, &plan).unwrap();
    assert_eq!(allowed.0.counts.silver_rows, 1);
    let reason = outcome(b"id,note,amount,more,most\n1,a,2,x,y\n", FileFormat::Csv, &plan).unwrap_err();
    let expected = "it has 5 columns, which is beyond limits.maxColumns of the contract (4)";
    assert_eq!(reason, expected);
    let column = |name: &'static str| (name, Arc::new(Int64Array::from(vec![1])) as ArrayRef);
    let parquet = file(["id", "a", "b", "c", "d"].map(column).into(), Compression::UNCOMPRESSED);
    assert_eq!(of_parquet(&parquet, &plan, &LIMITS).unwrap_err().to_string(), expected);
}

fn of_parquet(file: &[u8], plan: &TransformPlan, limits: &PipelineLimits) -> Result<u64, PipelineError> {
    let pipeline = Pipeline {
        plan,
        names: &FileNames::new(&["x"]),
        limits,
        emit: &|_| true,
    };
    let summary = pipeline.run(file, InputFormat::Parquet, &mut Vec::new())?;
    Ok(summary.counts.bronze_rows)
}

#[test]
fn a_parquet_file_that_becomes_too_much_text_is_rejected() {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..50_000));
    let notes_of: ArrayRef = Arc::new(StringArray::from_iter_values(std::iter::repeat_n(
        "x".repeat(80),
        50_000,
    )));
    let file = file(vec![("id", ids), ("note", notes_of)], Compression::SNAPPY);
    let with = |text_bytes| PipelineLimits { text_bytes, ..LIMITS };
    assert_eq!(of_parquet(&file, &plan(NOTES), &LIMITS).unwrap(), 50_000);
    let error = of_parquet(&file, &plan(NOTES), &with(1_000_000)).unwrap_err();
    assert!(matches!(error, PipelineError::Limit(_)), "{error:?}");
}

#[test]
fn a_quarantine_that_grows_too_large_rejects_the_file() {
    let rows = |rows| format!("id,note,amount\n{}", "x\n".repeat(rows));
    let plan = notes("maxQuarantineBytes: 1048576");
    let allowed = run(rows(9_000).as_bytes(), FileFormat::Csv, &plan, &LIMITS).unwrap();
    assert_eq!(allowed.0.counts.quarantined, 9_000);
    let reason = run(rows(20_000).as_bytes(), FileFormat::Csv, &plan, &LIMITS).unwrap_err();
    assert!(
        reason.contains("more than 1048576 bytes, which is limits.maxQuarantineBytes"),
        "{reason}"
    );
}

#[test]
fn a_record_that_is_too_long_is_quarantined_alone() {
    let plan = notes("maxRecordBytes: 1048576");
    let text = format!("id,note,amount\n1,{},1\n2,b,2\n", "x".repeat(1 << 20));
    let (summary, _, lines) = run(text.as_bytes(), FileFormat::Csv, &plan, &LIMITS).unwrap();
    assert_eq!((summary.counts.silver_rows, summary.counts.quarantined), (1, 1));
    assert!(lines.contains("row: longer than maxRecordBytes"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_expands_without_end_is_rejected_by_name() {
    let lake = Lake::new().await;
    let context = lake.context().await;
    let key = |name: &str| format!("transactions/ingest_date=2026-01-15/{name}");
    // 64 MiB of text are allowed to every object, and 200 times its size to a large one.
    for (name, expands) in [("blank.csv.gz", 65), ("fits.csv.gz", 63)] {
        let mut text = b"transaction_id\n".to_vec();
        text.resize(expands << 20, b'\n');
        let mut object = GzEncoder::new(Vec::new(), flate2::Compression::best());
        object.write_all(&text).unwrap();
        lake.put(&key(name), object.finish().unwrap()).await;
    }
    let rejected = transform(&TransformerEvent::of(key("blank.csv.gz")), &context)
        .await
        .unwrap();
    let reason = "its text has more than 67108864 bytes, which is beyond limits.maxExpansion of the contract";
    assert_eq!(rejected.status, TransformStatus::Rejected);
    assert_eq!(rejected.rejection.as_deref(), Some(reason));
    assert_eq!(
        lake.record(&key("blank.csv.gz")).await.text,
        None,
        "not counted to its end"
    );
    let fits = transform(&TransformerEvent::of(key("fits.csv.gz")), &context)
        .await
        .unwrap();
    assert_eq!(fits.status, TransformStatus::Transformed);
}
