//! The property that both fuzz targets check.

use cardlake_core::contract::Contract;
use cardlake_core::events::FileFormat;
use cardlake_transformer::{FileNames, ObjectFacts, Pipeline, PipelineError, PipelineLimits, TransformPlan};
use chrono::NaiveDate;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

const LIMITS: PipelineLimits = PipelineLimits {
    block_bytes: 1 << 20,
    run_rows: 1 << 20,
    run_bytes: 1 << 30,
    workers: 1,
    expected_bytes: 0,
    text_bytes: u64::MAX,
};

static PLAN: LazyLock<TransformPlan> = LazyLock::new(|| {
    let text = include_str!("../../../../contracts/transactions.yaml");
    let contract = Contract::from_yaml("transactions.yaml", text).expect("the contract is valid");
    let facts = ObjectFacts {
        key: "d/ingest_date=2026-01-15/x".to_owned(),
        ingest_date: NaiveDate::from_ymd_opt(2026, 1, 15).expect("the date is valid"),
        ingest_micros: 1_768_435_200_000_000,
    };
    TransformPlan::new(&Arc::new(contract), facts, None, None).expect("the contract is supported")
});

/// Row counts and quarantine reasons of a file; `None` if it is rejected.
fn outcome(text: &[u8], format: FileFormat, limits: &PipelineLimits) -> Option<(String, BTreeMap<String, u64>)> {
    let mut quarantine = Vec::new();
    let names = FileNames::new(&["x"]);
    let pipeline = Pipeline {
        plan: &PLAN,
        names: &names,
        limits,
        emit: &|_| true,
    };
    match pipeline.run(text, format, &mut quarantine) {
        Ok(summary) => {
            assert!(summary.counts.balanced(), "{:?}", summary.counts);
            assert!(summary.text.balanced(), "{:?}", summary.text);
            assert_eq!(summary.quarantine.rows, summary.counts.quarantined);
            Some((format!("{:?}", summary.counts), summary.quarantine.reasons))
        }
        Err(PipelineError::Rejected(_)) => None,
        Err(error) => panic!("{error:?}"),
    }
}

/// Transforms any bytes as a file of transactions: nothing panics, every row is counted, and the sizes of blocks and runs do not
/// change the outcome.
pub fn check(text: &[u8], format: FileFormat) {
    let small = PipelineLimits {
        block_bytes: 16,
        run_rows: 2,
        ..LIMITS
    };
    assert_eq!(outcome(text, format, &LIMITS), outcome(text, format, &small));
}
