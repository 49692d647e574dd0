//! The OpenLineage events that runs leave, read with the classes of the standard's own Python package.

use crate::harness::{Lake, python_script};
use crate::input::Landing;
use serde_json::{Value, json};

/// What `read_lineage.py` says about the only run of a day, by job.
fn read(lake: &Lake, day: &str) -> Value {
    let folder = format!("s3/cardlake-silver/_lineage/batch_date={day}");
    let files = lake.files_below(&folder);
    assert_eq!(files.len(), 1, "{:?}", files.keys());
    let path = lake.data_dir().join(&folder).join(files.keys().next().unwrap());
    let outcome = python_script(&[], "tests/interoperability/read_lineage.py", &[path.to_str().unwrap()]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    serde_json::from_str(&outcome.stdout).unwrap()
}

#[test]
fn a_run_can_be_followed_from_the_raw_file_to_the_mart() {
    let landing = Landing::three_days();
    let lake = Lake::new();
    lake.run_json(&["--date", "2026-01-13", "--input", landing.path()]);
    let jobs = read(&lake, "2026-01-13");
    let mut at = "s3://cardlake-bronze/transactions".to_owned();
    for (stage, next) in [
        ("transform", "s3://cardlake-silver/_objects/transactions"),
        ("reconcile", "s3://cardlake-silver/_candidates/transactions"),
        ("publish", "s3://cardlake-silver/transactions"),
        ("load", "redshift://cardlake.us-east-1:5439/cardlake.raw.transactions"),
        (
            "build",
            "redshift://cardlake.us-east-1:5439/cardlake.analytics.mart_sales_daily",
        ),
    ] {
        let job = &jobs[format!("daily.{stage}")];
        assert_eq!(job["ended"], "COMPLETE", "{stage}");
        assert!(job["inputs"].as_array().unwrap().contains(&json!(at)), "{stage}: {job}");
        assert!(
            job["outputs"].as_array().unwrap().contains(&json!(next)),
            "{stage}: {job}"
        );
        next.clone_into(&mut at);
    }
    let gold = json!("s3://cardlake-gold/mart_sales_daily");
    assert!(jobs["daily.build"]["outputs"].as_array().unwrap().contains(&gold));
    assert_eq!(jobs["daily"]["ended"], "COMPLETE");
}

#[test]
fn a_run_that_failed_says_so_of_the_stage_and_of_itself() {
    let landing = Landing::mostly_broken("2026-01-15");
    let lake = Lake::new();
    let outcome = lake.cardlake(&["run", "--input", landing.path(), "--json"]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    let jobs = read(&lake, "2026-01-15");
    assert_eq!(jobs["daily"]["ended"], "FAIL");
    let failed = json!({"ended": "FAIL", "inputs": ["s3://cardlake-silver/_objects/transactions"], "outputs": []});
    assert_eq!(jobs["daily.reconcile"], failed);
    assert_eq!(jobs["daily.transform"]["ended"], "COMPLETE");
    assert!(jobs.get("daily.validate").is_none());
}
