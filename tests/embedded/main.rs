//! End to end in one process: the `cardlake` command as a user calls it, on files as they land.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of tests fail loudly, as tests do"
)]

mod build;
mod dashboard;
mod data_api;
mod delivery;
mod deployed;
mod explorer;
mod failures;
mod full_disk;
mod generated;
mod harness;
mod input;
mod lineage;
mod names;
mod pages;
mod panels;
mod rebuilds;
mod redshift_clients;
mod sql;
mod stack;
mod terminal;
mod validation;
mod versions;

use harness::Lake;
use input::Landing;
use serde_json::Value;

/// Sum of a count over the days of a report.
fn total(report: &Value, field: &str) -> u64 {
    let runs = report["runs"].as_array().unwrap();
    runs.iter()
        .map(|run| run["datasets"]["transactions"][field].as_u64().unwrap())
        .sum()
}

#[test]
fn three_days_of_files_become_a_balanced_warehouse() {
    let landing = Landing::three_days();
    let lake = Lake::new();
    let report = lake.run_json(&["--from", "2026-01-13", "--to", "2026-01-15", "--input", landing.path()]);

    let runs = report["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 3);
    for run in runs {
        assert_eq!(run["status"], "succeeded", "{run:#}");
        assert_eq!(run["datasets"]["transactions"]["balanced"], true, "{run:#}");
    }
    let expected = &landing.expected;
    assert_eq!(total(&report, "bronze_rows"), expected.rows);
    assert_eq!(total(&report, "quarantined"), expected.broken);
    assert_eq!(total(&report, "late_rows"), expected.late);
    let last = &runs[2]["datasets"]["transactions"];
    assert_eq!(last["warehouse_rows"], expected.distinct());
    assert_eq!(
        total(&report, "bronze_rows"),
        total(&report, "silver_rows_added") + total(&report, "duplicates") + total(&report, "quarantined")
    );

    assert_eq!(
        lake.sql_value("select count(*) from fact_transactions"),
        expected.distinct().to_string()
    );
    // Corrections won: the warehouse holds the latest amount of every transaction.
    let sum = lake.sql_value("select sum(amount) from fact_transactions");
    assert_eq!(sum, expected.sum_of_amounts());
    // Only approved transactions count, and refunds are negative.
    let sales = lake.sql_value("select sum(gross_sales) from mart_sales_daily");
    assert_eq!(sales, expected.gross_sales());
    assert!(std::path::Path::new(runs[2]["report"].as_str().unwrap()).is_file());
}

#[test]
fn running_again_changes_nothing() {
    let landing = Landing::three_days();
    let lake = Lake::new();
    let arguments = ["--input", landing.path()];
    let first = lake.run_json(&arguments);
    let table = lake.files_below("s3/cardlake-silver/transactions");
    assert!(
        table.keys().any(|path| path.starts_with("_delta_log/")),
        "{:?}",
        table.keys()
    );

    let second = lake.run_json(&arguments);
    assert_eq!(
        lake.files_below("s3/cardlake-silver/transactions"),
        table,
        "the table has other files or bytes"
    );
    for field in [
        "bronze_rows",
        "silver_rows_added",
        "duplicates",
        "quarantined",
        "late_rows",
        "replaced",
    ] {
        assert_eq!(total(&first, field), total(&second, field), "{field}");
    }
    let rows = |report: &Value| report["runs"][2]["datasets"]["transactions"]["warehouse_rows"].clone();
    assert_eq!(rows(&first), rows(&second));
    assert_eq!(first["runs"][2]["marts"], second["runs"][2]["marts"]);
}

#[test]
fn the_silver_table_opens_with_another_implementation() {
    let landing = Landing::three_days();
    let lake = Lake::new();
    lake.run_json(&["--input", landing.path()]);
    let script = "\
import sys
from deltalake import DeltaTable
table = DeltaTable(sys.argv[1])
rows = table.to_pyarrow_table()
print(rows.num_rows, len(set(rows['transaction_id'].to_pylist())), ','.join(table.metadata().partition_columns))
";
    let printed = lake.python(script, "s3/cardlake-silver/transactions");
    let distinct = landing.expected.distinct();
    assert_eq!(
        printed.trim(),
        format!("{distinct} {distinct} txn_date,merchant_category")
    );
}

#[test]
fn a_vacuum_shows_what_is_old_and_removes_it_when_it_is_told_to() {
    let landing = Landing::three_days();
    let lake = Lake::new();
    lake.run_json(&["--input", landing.path()]);
    let table = "s3/cardlake-silver/transactions";
    let before = lake.files_below(table);
    let outcome = lake.cardlake(&["vacuum"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stdout.starts_with("Nothing to remove"), "{}", outcome.stdout);

    lake.make_older("s3/cardlake-silver", 8);
    let vacuum = |arguments: &[&str]| -> Value {
        let outcome = lake.cardlake(&[&["vacuum", "--json", "--dataset", "transactions"], arguments].concat());
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        serde_json::from_str(&outcome.stdout).unwrap()
    };
    let found = vacuum(&[]);
    assert_eq!(found["dry_run"], true);
    let past = &found["datasets"]["transactions"];
    let files = past["data_files"]["count"].as_u64().unwrap();
    assert!(files > 0, "{found:#}");
    assert_eq!(past["object_records"]["count"], 3);
    assert_eq!(
        vacuum(&["--retention-days", "9"])["datasets"]["transactions"]["data_files"]["count"],
        0
    );
    assert_eq!(lake.files_below(table), before, "a dry run removes nothing");
    let outcome = lake.cardlake(&["vacuum"]);
    assert!(outcome.stdout.contains("--delete removes them"), "{}", outcome.stdout);

    assert_eq!(&vacuum(&["--delete"])["datasets"]["transactions"], past);
    let after = lake.files_below(table);
    assert_eq!(after.len() as u64, before.len() as u64 - files);
    assert!(after.iter().all(|(name, bytes)| before[name] == *bytes));

    // Everything that was removed can be made again, and nothing of it changes the table.
    let log = |files: &std::collections::BTreeMap<String, Vec<u8>>| -> Vec<String> {
        files
            .keys()
            .filter(|name| name.starts_with("_delta_log/"))
            .cloned()
            .collect()
    };
    let report = lake.run_json(&["--input", landing.path()]);
    assert_eq!(
        report["runs"][2]["datasets"]["transactions"]["warehouse_rows"],
        landing.expected.distinct()
    );
    assert_eq!(log(&lake.files_below(table)), log(&before));

    let outcome = lake.cardlake(&["vacuum", "--retention-days", "0", "--delete"]);
    assert_eq!(outcome.code, 1);
    assert!(outcome.stderr.contains("give at least 1 day"), "{}", outcome.stderr);
}

#[test]
fn days_of_the_past_run_again_and_the_runs_are_listed() {
    let landing = Landing::three_days();
    let lake = Lake::new();
    let first = lake.run_json(&["--input", landing.path()]);
    let range = ["--from", "2026-01-13", "--to", "2026-01-15"];
    let json = |arguments: &[&str]| -> Value {
        let outcome = lake.cardlake(arguments);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        serde_json::from_str(&outcome.stdout).unwrap()
    };
    let again = json(&[&["backfill", "--reprocess", "--json"], range.as_slice()].concat());
    assert_eq!(
        again["runs"][2]["datasets"], first["runs"][2]["datasets"],
        "nothing is new"
    );
    let marts = json(&[&["backfill", "--from-stage", "build", "--json"], range.as_slice()].concat());
    let stages = marts["runs"][1]["stages"].as_array().unwrap();
    let names: Vec<&str> = stages.iter().map(|stage| stage["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["build", "notify"]);

    let runs = json(&["status", "--json", "--last", "20"]);
    let runs = runs.as_array().unwrap();
    assert_eq!(runs.len(), 9);
    assert_eq!(runs[0]["execution"]["input"]["from_stage"], "build");
    assert_eq!(runs[8]["batch_date"], "2026-01-13");
    assert!(runs.iter().all(|run| run["outcome"] == "succeeded"), "{runs:?}");
    let table = lake.cardlake(&["status", "--last", "2"]).stdout;
    assert_eq!(table.matches("succeeded").count(), 2, "{table}");

    let outcome = lake.cardlake(&[&["backfill", "--from-stage", "load", "--reprocess"], range.as_slice()].concat());
    assert_eq!(outcome.code, 2, "{outcome:?}");
}

#[test]
fn made_up_days_balance_and_have_every_kind_of_row() {
    let lake = Lake::new();
    let report = lake.run_json(&["--from", "2026-01-14", "--to", "2026-01-15", "--rows", "2000"]);
    for field in ["duplicates", "quarantined", "late_rows"] {
        assert!(total(&report, field) > 0, "{field}: {report:#}");
    }
    let datasets = report["runs"][1]["datasets"].as_object().unwrap();
    assert_eq!(
        datasets.keys().collect::<Vec<_>>(),
        ["cards", "customers", "merchants", "transactions"]
    );
    assert!(datasets.values().all(|books| books["balanced"] == true), "{datasets:?}");
    assert!(report["runs"][1]["marts"]["mart_rfm_customer"].as_u64().unwrap() > 0);
}

#[test]
fn a_day_without_files_is_a_valid_day() {
    let landing = Landing::three_days();
    let lake = Lake::new();
    let report = lake.run_json(&["--from", "2026-01-15", "--to", "2026-01-16", "--input", landing.path()]);
    assert_eq!(report["runs"][1]["status"], "succeeded");
    assert!(
        report["runs"][1]["datasets"]
            .get("transactions")
            .is_none_or(|books| books["bronze_rows"] == 0),
        "{report:#}"
    );
}

#[test]
fn too_many_broken_rows_fail_the_run_before_anything_is_visible() {
    let landing = Landing::mostly_broken("2026-01-15");
    let lake = Lake::new();
    let outcome = lake.cardlake(&["run", "--input", landing.path(), "--json"]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    assert!(
        outcome.stderr.contains("Cardlake.QuarantineThreshold"),
        "{}",
        outcome.stderr
    );
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(report["runs"][0]["status"], "failed");
    let log = lake.files_below("s3/cardlake-silver/transactions/_delta_log");
    assert!(log.is_empty(), "{:?}", log.keys());
}

#[test]
fn wrong_usage_is_one_line_with_a_hint_and_exit_code_2() {
    let lake = Lake::new();
    let check = |arguments: &[&str], expected: &str| {
        let outcome = lake.cardlake(arguments);
        assert_eq!(outcome.code, 2, "{arguments:?}: {outcome:?}");
        assert_eq!(outcome.stderr.trim().lines().count(), 1, "{}", outcome.stderr);
        assert!(
            outcome.stderr.contains(expected) && outcome.stderr.contains("hint:"),
            "{}",
            outcome.stderr
        );
        assert!(outcome.stdout.is_empty(), "{}", outcome.stdout);
    };
    check(&["run", "--date", "2026-02-30"], "2026-02-30");
    check(
        &["run", "--input", "no/such/folder"],
        "there is no folder no/such/folder",
    );
    check(
        &["run", "--from", "2026-01-15", "--to", "2026-01-13"],
        "2026-01-15 lies after --to 2026-01-13",
    );
    check(&["run", "--rows", "many"], "many");
    check(&["fly"], "fly");
    let outcome = lake.cardlake(&["sql", "select 1"]);
    assert_eq!(outcome.code, 1);
    assert!(
        outcome.stderr.contains("there is no warehouse in"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn rows_can_be_asked_for_as_csv_json_or_table() {
    let landing = Landing::three_days();
    let lake = Lake::new();
    lake.run_json(&["--date", "2026-01-13", "--input", landing.path()]);
    let statement = "select 'a,b' as text, 1 as number, null as nothing";
    let print = |format: &str| lake.sql(statement, format);
    assert_eq!(print("csv"), "text,number,nothing\n\"a,b\",1,\n");
    let json: Value = serde_json::from_str(&print("json")).unwrap();
    assert_eq!(json, serde_json::json!([{"text": "a,b", "number": 1, "nothing": null}]));
    assert!(print("table").contains("1 row"));
    let outcome = lake.cardlake(&["sql", "select * from no_such_table"]);
    assert_eq!(outcome.code, 1);
    assert!(outcome.stderr.contains("no_such_table"), "{}", outcome.stderr);
}
