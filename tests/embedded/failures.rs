//! What the operator sees when a stage fails: one line with the stage, the name and what to do; a run record; no half-made
//! marts.

use crate::harness::{Lake, project_files};
use crate::input::Landing;
use serde_json::Value;

/// The record of the last run.
fn last_run(lake: &Lake) -> Value {
    let outcome = lake.cardlake(&["status", "--json", "--last", "1"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    serde_json::from_str::<Value>(&outcome.stdout).unwrap()[0].clone()
}

#[test]
fn a_failed_data_test_is_named_and_no_mart_is_published() {
    let landing = Landing::three_days();
    let lake = Lake::new();
    let assets = project_files();
    let test = assets.path().join("warehouse/tests/nothing_was_sold.sql");
    std::fs::write(test, "select day from {{ ref('mart_sales_daily') }}\n").unwrap();
    let variables = [("CARDLAKE_ASSETS_DIR", assets.path().display().to_string())];
    let day = ["run", "--date", "2026-01-13", "--input", landing.path()];
    let outcome = lake.cardlake_with(&day, &variables);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    for told in ["2026-01-13 failed at Build", "Cardlake.BuildFailed", "nothing_was_sold"] {
        assert!(outcome.stderr.contains(told), "{told}: {}", outcome.stderr);
    }
    let published = lake.files_below("s3/cardlake-gold");
    assert!(published.is_empty(), "{:?}", published.keys());
    let record = last_run(&lake);
    assert_eq!(
        (&record["outcome"], &record["stage"]),
        (&"failed".into(), &"Build".into())
    );
    let status = lake.cardlake(&["status"]);
    let execution = format!("execution {}", record["run_id"].as_str().unwrap());
    for told in ["FAILED", "2026-01-13 failed at Build", &execution] {
        assert!(status.stdout.contains(told), "{told}: {}", status.stdout);
    }

    // Without the test the same day succeeds: what was done is taken over.
    let report = lake.run_json(&["--date", "2026-01-13", "--input", landing.path()]);
    assert!(report["runs"][0]["marts"]["mart_sales_daily"].as_u64().unwrap() > 0);
    assert!(!lake.files_below("s3/cardlake-gold").is_empty());
}

#[test]
fn a_data_file_that_is_gone_fails_the_load_by_its_name() {
    let landing = Landing::three_days();
    let lake = Lake::new();
    lake.run_json(&["--date", "2026-01-13", "--input", landing.path()]);
    let table = "s3/cardlake-silver/transactions";
    let files = lake.files_below(table);
    let (name, bytes) = files.iter().find(|(name, _)| name.ends_with(".parquet")).unwrap();
    let path = lake.path(&format!("{table}/{name}"));
    std::fs::remove_file(&path).unwrap();
    let load = [
        "backfill",
        "--from",
        "2026-01-13",
        "--to",
        "2026-01-13",
        "--from-stage",
        "load",
        "--full-refresh",
    ];
    let outcome = lake.cardlake(&load);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    let file = name.rsplit('/').next().unwrap();
    for told in ["2026-01-13 failed at Load", "Cardlake.", file] {
        assert!(outcome.stderr.contains(told), "{told}: {}", outcome.stderr);
    }
    assert_eq!(last_run(&lake)["stage"], "Load");

    std::fs::write(&path, bytes).unwrap();
    assert_eq!(lake.cardlake(&load).code, 0, "the file is back");
}
