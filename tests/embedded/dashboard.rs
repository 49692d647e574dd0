//! The dashboard of a real lake: complete, and shown well by a real browser.

use crate::harness::{Lake, python_script};
use cardlake_test_support::browser::assert_shown_well;
use std::path::Path;

#[test]
fn the_dashboard_shows_what_the_run_came_to() {
    let lake = Lake::new();
    let early = lake.cardlake(&["report"]);
    assert_eq!(early.code, 1, "{}", early.stderr);
    assert!(early.stderr.contains("cardlake run"), "{}", early.stderr);

    let rates = ["--corrupt-rate", "0.01", "--late-rate", "0.1"];
    let days = ["--from", "2026-01-14", "--to", "2026-01-15", "--rows", "2000"];
    let report = lake.run_json(&[days, [rates[0], rates[1], rates[2], rates[3], "--seed", "7"]].concat());
    let made_by_the_build = report["runs"][1]["report"].as_str().unwrap().to_owned();
    let outcome = lake.cardlake(&["report"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let made_by_hand = outcome.stdout.trim_end().to_owned();
    assert_eq!(made_by_hand, lake.path("report.html"));

    let rows = "select sum(txn_count) from mart_sales_daily where day = date '2026-01-15'";
    let approved = lake.sql_value(rows);
    for path in [&made_by_the_build, &made_by_hand] {
        let page = std::fs::read_to_string(path).unwrap();
        for panel in [
            "explore",
            "sales",
            "categories",
            "channels",
            "segments",
            "rfm-grid",
            "lifetime-value",
            "cohorts",
            "merchants",
            "fraud",
            "credit",
            "lateness",
            "books",
            "quarantine",
            "quality",
            "runs",
            "lineage",
        ] {
            assert!(page.contains(&format!("<section id=\"{panel}\"")), "{path}: {panel}");
        }
        let approved: u64 = approved.parse().unwrap();
        let tile = format!("Approved transactions<b>{},{:03}</b>", approved / 1000, approved % 1000);
        assert!(page.contains(&tile), "{path}: {tile}");
        assert!(page.contains("both hold"), "{path}");
    }
    let manifest = lake.path("s3/cardlake-gold/dbt/manifest.json");
    let glossary = python_script(&[], "scripts/data_model.py", &[&manifest, "--check"]);
    assert_eq!(glossary.code, 0, "{}", glossary.stderr);
    assert_shown_well(&[Path::new(&made_by_the_build), Path::new(&made_by_hand)]);
}
