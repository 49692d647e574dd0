//! The pipeline without S3: text in, files as bytes out.

use arrow::array::RecordBatch;
use cardlake_core::contract::Contract;
use cardlake_core::events::FileFormat;
use cardlake_transformer::{
    EncodedFile, FileNames, ObjectFacts, Pipeline, PipelineError, PipelineLimits, Summary, TransformPlan,
};
use chrono::NaiveDate;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};

pub fn plan(contract: &str) -> TransformPlan {
    let facts = ObjectFacts {
        key: "d/ingest_date=2026-01-15/x".to_owned(),
        ingest_date: NaiveDate::from_ymd_opt(2026, 1, 15).unwrap(),
        ingest_micros: 1_768_435_200_000_000,
    };
    let contract = Contract::from_yaml("test.yaml", contract).unwrap();
    TransformPlan::new(&Arc::new(contract), facts, None, None).unwrap()
}

pub const LIMITS: PipelineLimits = PipelineLimits {
    block_bytes: 1 << 20,
    run_rows: 1 << 20,
    run_bytes: 1 << 30,
    workers: 1,
    expected_bytes: 0,
    text_bytes: u64::MAX,
};

pub type Files = BTreeMap<String, Vec<u8>>;

/// The summary, the files and the quarantine file, or why the file is rejected.
pub fn run(
    text: &[u8],
    format: FileFormat,
    plan: &TransformPlan,
    limits: &PipelineLimits,
) -> Result<(Summary, Files, String), String> {
    let files = Mutex::new(BTreeMap::new());
    let emit = |encoded: EncodedFile| {
        let mut files = files.lock().unwrap();
        files.insert(encoded.file.path, encoded.bytes.to_vec()).is_none()
    };
    let mut lines = Vec::new();
    let pipeline = Pipeline {
        plan,
        names: &FileNames::new(&["x"]),
        limits,
        emit: &emit,
    };
    match pipeline.run(text, format, &mut lines) {
        Ok(summary) => {
            assert!(summary.counts.balanced(), "{:?}", summary.counts);
            assert!(summary.text.balanced(), "{:?}", summary.text);
            assert_eq!(summary.quarantine.rows, summary.counts.quarantined);
            Ok((summary, files.into_inner().unwrap(), String::from_utf8(lines).unwrap()))
        }
        Err(PipelineError::Rejected(reason)) => Err(reason),
        Err(PipelineError::Limit(limit)) => Err(limit.to_string()),
        Err(failure) => panic!("{failure:?}"),
    }
}

/// Any bytes as a file of transactions: nothing panics, no row is lost, and the size of blocks and runs changes no outcome.
pub fn survive(text: &[u8], format: FileFormat) {
    static PLAN: LazyLock<TransformPlan> =
        LazyLock::new(|| plan(include_str!("../../../../contracts/transactions.yaml")));
    let counts = |limits: &PipelineLimits| {
        let summary =
            run(text, format, &PLAN, limits).map(|(summary, ..)| (summary.counts, summary.quarantine.reasons));
        summary.ok()
    };
    let small = PipelineLimits {
        block_bytes: 16,
        run_rows: 2,
        ..LIMITS
    };
    assert_eq!(counts(&LIMITS), counts(&small));
}

pub fn read(files: &Files) -> Vec<RecordBatch> {
    let read = |bytes: &Vec<u8>| {
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::copy_from_slice(bytes)).unwrap();
        reader.build().unwrap().map(Result::unwrap).collect::<Vec<_>>()
    };
    files.values().flat_map(read).collect()
}
