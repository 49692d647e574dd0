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
fn warnings_of_a_day_are_in_its_summary_and_in_json() {
    let assets = project_files();
    let test = assets.path().join("warehouse/tests/something_was_sold.sql");
    let text = "{{ config(severity='warn') }}\nselect day from {{ ref('mart_sales_daily') }}\n";
    std::fs::write(test, text).unwrap();
    let suite = assets.path().join("expectations/cards.json");
    let mut cards: Value = serde_json::from_slice(&std::fs::read(&suite).unwrap()).unwrap();
    let doubtful = serde_json::json!({
        "type": "expect_table_row_count_to_equal", "kwargs": {"value": 1}, "severity": "warning"
    });
    cards["expectations"].as_array_mut().unwrap().push(doubtful);
    std::fs::write(&suite, cards.to_string()).unwrap();
    let variables = [("CARDLAKE_ASSETS_DIR", assets.path().display().to_string())];
    let lake = Lake::new();
    let day = ["run", "--date", "2026-01-13", "--rows", "300"];

    let told = lake.cardlake_with(&day, &variables);
    assert_eq!(told.code, 0, "{told:?}");
    let lines: Vec<&str> = told
        .stdout
        .lines()
        .filter(|line| line.starts_with(" Warning "))
        .collect();
    assert_eq!(lines.len(), 2, "{}", told.stdout);
    for (line, (dataset, what)) in lines.iter().zip([("cards: ", "row_count"), ("", "something_was_sold")]) {
        assert!(
            line.starts_with(&format!(" Warning 2026-01-13: {dataset}")) && line.contains(what),
            "{line}"
        );
    }

    // The same rows again are no new candidate for the suite; the marts are tested all the same.
    let json = lake.cardlake_with(&[&day[..], &["--json"]].concat(), &variables);
    let report: Value = serde_json::from_str(&json.stdout).unwrap();
    let run = &report["runs"][0];
    assert_eq!(run["status"], "succeeded", "{run:#}");
    let warnings = run["warnings"].as_array().unwrap();
    assert!(
        warnings
            .iter()
            .any(|warning| warning.as_str().unwrap().contains("something_was_sold")),
        "{run:#}"
    );
    // A build without the test has nothing to warn of.
    let without = lake.run_json(&day[1..]);
    assert_eq!(without["runs"][0]["warnings"], serde_json::json!([]));
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
