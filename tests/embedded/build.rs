//! dbt projects in the local warehouse: what `cardlake build` makes of them is what dbt itself makes of them.

use super::harness::{Lake, project, python_script};
use super::input::Landing;
use serde_json::{Value, json};

const DAYS: [&str; 2] = ["2026-01-13", "2026-01-14"];

/// `cardlake build … --json`, and its exit code.
fn build(lake: &Lake, arguments: &[&str]) -> (i32, Value) {
    let outcome = lake.cardlake(&[&["build", "--json"], arguments].concat());
    let report = serde_json::from_str(&outcome.stdout);
    (
        outcome.code,
        report.unwrap_or_else(|error| panic!("{error}: {outcome:?}")),
    )
}

/// Builds the same project with dbt over the same raw tables; all relations have to agree. Gives their rows.
fn same_as_dbt(lake: &Lake, project_folder: &str, day: &str) -> Value {
    let (warehouse, work) = (lake.path("warehouse.duckdb"), lake.path("dbt"));
    let folder = project().join(project_folder).display().to_string();
    let outcome = python_script(
        &["target/dbt", "tests/dbt/requirements.txt"],
        "tests/dbt/compare.py",
        &[&folder, &warehouse, &work, day],
    );
    assert_eq!(outcome.code, 0, "{}\n{}", outcome.stdout, outcome.stderr);
    serde_json::from_str(&outcome.stdout).unwrap()
}

/// The fixture's folder, as an argument.
fn fixture(name: &str) -> String {
    project().join("tests/projects").join(name).display().to_string()
}

#[test]
fn dbt_builds_the_same_warehouse_day_after_day() {
    let lake = Lake::new();
    for day in DAYS {
        lake.run_json(&["--date", day, "--rows", "800"]);
        let built = same_as_dbt(&lake, "warehouse", day);
        assert!(
            built["relations"]["mart_credit_risk"].as_u64().unwrap() > 0,
            "{built:#}"
        );
        let tests = built["tests"].as_array().unwrap().iter();
        let tests: Vec<&str> = tests.map(|name| name.as_str().unwrap()).collect();
        let results: Value =
            serde_json::from_slice(&lake.files_below("s3/cardlake-gold/dbt")["manifest.json"]).unwrap();
        let nodes = results["nodes"].as_object().unwrap().values();
        let own = nodes.filter(|node| node["resource_type"] == "test");
        // How fresh the sources are dbt asks with another command.
        let own = own.map(|node| node["name"].as_str().unwrap());
        let mut own: Vec<&str> = own.filter(|name| !name.starts_with("source_freshness")).collect();
        own.sort_unstable();
        assert_eq!(own, tests);
    }
    let versions = "select count(*) from snap_customers where dbt_valid_to is not null";
    assert_ne!(lake.sql_value(versions), "0", "the second day changes a customer");
}

#[test]
fn a_project_of_seeds_loops_and_ephemeral_models_is_built_as_dbt_builds_it() {
    let lake = Lake::new();
    let folder = fixture("jaffle_shop");
    let (code, report) = build(&lake, &["--project", &folder, "--date", DAYS[0]]);
    assert_eq!(
        (code, &report["status"], &report["tests_passed"]),
        (0, &json!("succeeded"), &json!(9)),
        "{report:#}"
    );
    let built = same_as_dbt(&lake, &folder, DAYS[0]);
    assert_eq!(built["relations"]["customers"], 5);
}

#[test]
fn models_with_guards_by_warehouse_an_optional_date_merge_and_hooks_are_built_as_dbt_builds_them() {
    let lake = Lake::new();
    let folder = fixture("daily_batch");
    for day in DAYS {
        lake.run_json(&["--date", day, "--rows", "800"]);
        let (code, report) = build(&lake, &["--project", &folder, "--date", day]);
        assert_eq!(code, 0, "{report:#}");
        let built = same_as_dbt(&lake, &folder, day);
        assert!(
            built["relations"]["fact_transactions_daily"].as_u64().unwrap() > 0,
            "{built:#}"
        );
    }
}

#[test]
fn a_build_can_be_narrowed_fail_and_go_on_from_where_it_failed() {
    let landing = Landing::three_days();
    let lake = Lake::new();
    lake.run_json(&["--date", DAYS[0], "--input", landing.path()]);
    let ends = |report: &Value, name: &str| -> Option<String> {
        let nodes = report["nodes"].as_array().unwrap().iter();
        let node = nodes.clone().find(|node| node["name"] == name)?;
        Some(node["status"].as_str().unwrap().to_owned())
    };
    let (code, report) = build(
        &lake,
        &[
            "--select",
            "fact_transactions+1",
            "--exclude",
            "tag:mart",
            "test_type:data",
        ],
    );
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(report["batch_date"], DAYS[0], "the newest day that was run");
    assert_eq!(report["nodes"].as_array().unwrap().len(), 1, "{report:#}");

    // A variable that makes no SQL breaks one mart and nothing else.
    let broken = ["--vars", r#"{"churn_days": "no number"}"#];
    let (code, report) = build(&lake, &broken);
    assert_eq!(code, 1);
    assert_eq!(ends(&report, "mart_ltv_customer").unwrap(), "error");
    assert_eq!(ends(&report, "customer_marts_agree").unwrap(), "skipped");
    assert_eq!(ends(&report, "mart_rfm_customer").unwrap(), "unchanged", "{report:#}");
    let failure = report["failure"].as_str().unwrap();
    assert!(
        failure.contains("model mart_ltv_customer (models/marts/mart_ltv_customer.sql) failed"),
        "{failure}"
    );
    assert!(
        failure.contains("/compiled/models/marts/mart_ltv_customer.sql"),
        "{failure}"
    );

    // For people: what failed comes first, what was skipped is one line, and the SQL is a file.
    let shown = lake.cardlake(&[&["build"], broken.as_slice()].concat());
    let lines: Vec<&str> = shown.stdout.lines().collect();
    assert!(lines[1].contains("mart_ltv_customer"), "{}", shown.stdout);
    assert!(lines.iter().all(|line| line.chars().count() <= 100), "{}", shown.stdout);
    assert!(
        shown.stdout.contains("Skipped, since they depend on what failed: "),
        "{}",
        shown.stdout
    );
    assert!(!shown.stdout.contains(" skipped "), "{}", shown.stdout);
    let path = shown
        .stderr
        .split("compiled SQL: ")
        .nth(1)
        .and_then(|rest| rest.split(';').next());
    assert!(std::path::Path::new(path.unwrap()).is_file(), "{}", shown.stderr);

    let (code, report) = build(&lake, &["--select", "result:error", "result:skipped"]);
    assert_eq!((code, &report["status"]), (0, &json!("succeeded")), "{report:#}");
    assert_eq!(ends(&report, "mart_ltv_customer").unwrap(), "success");
    assert_eq!(ends(&report, "mart_rfm_customer"), None, "that one was done");

    let outcome = lake.cardlake(&["build", "--select", "mart_rmf_customer"]);
    assert_eq!(outcome.code, 1);
    assert!(
        outcome.stderr.contains("'mart_rmf_customer' selects nothing"),
        "{}",
        outcome.stderr
    );
    let nowhere = std::path::PathBuf::from(lake.path("nowhere"));
    let outcome = lake.cardlake(&["build", "--data-dir", nowhere.to_str().unwrap()]);
    assert_eq!(outcome.code, 1);
    assert!(
        outcome.stderr.contains("there is no warehouse in"),
        "{}",
        outcome.stderr
    );
    assert!(!nowhere.exists());
    let outcome = lake.cardlake(&["build", "--project", "no/such/folder"]);
    assert_eq!(outcome.code, 2);
    assert!(
        outcome.stderr.contains("there is no dbt_project.yml in no/such/folder"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn facts_point_to_the_version_that_was_valid_and_follow_a_late_one() {
    let landing = Landing::two_deliveries_of_a_customer();
    let lake = Lake::new();
    let arguments = ["--input", landing.path()];
    lake.run_json(&[&["--date", "2026-01-13"], arguments.as_slice()].concat());
    let keys = "select listagg(customer_key || ' ' || cast(txn_date as varchar), ', ') within group (order by txn_date) \
                from fact_transactions where customer_id = 'CUS0001'";
    let first = "\"CUS0001#1 2026-01-12, CUS0001#1 2026-01-13, CUS0001#1 2026-01-14\"";
    assert_eq!(lake.sql_value(keys), first);
    lake.run_json(&[&["--from", "2026-01-14", "--to", "2026-01-15"], arguments.as_slice()].concat());
    // The second delivery of the customer, on the 14th, begins a version: the fact of that day which came a day early
    // follows it, and so do the later ones.
    let moved = "\"CUS0001#1 2026-01-12, CUS0001#1 2026-01-13, CUS0001#2 2026-01-14, CUS0001#2 2026-01-15\"";
    assert_eq!(lake.sql_value(keys), moved);
    let history = "select listagg(city || ' ' || cast(valid_from as varchar) || ' ' || cast(valid_to as varchar), ', ') \
                   within group (order by version) from dim_customers where customer_id = 'CUS0001'";
    let expected = "\"Seoul 1900-01-01 2026-01-14, Busan 2026-01-14 9999-12-31\"";
    assert_eq!(lake.sql_value(history), expected);

    // Days of the past again: the history stays as it is.
    let range = ["--from", "2026-01-13", "--to", "2026-01-15"];
    let outcome = lake.cardlake(&[&["backfill", "--from-stage", "build"], range.as_slice()].concat());
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert_eq!(
        (lake.sql_value(history), lake.sql_value(keys)),
        (expected.to_owned(), moved.to_owned())
    );
}

#[test]
fn the_calendar_reaches_from_the_first_transaction_to_the_last() {
    let lake = Lake::new();
    for day in ["2036-01-15", "2003-03-05"] {
        lake.run_json(&["--date", day, "--rows", "200"]);
    }
    let bounds = "select (select min(date_day) from dim_date) = (select min(txn_date) from fact_transactions), \
                  max(date_day) = '2038-01-01' from dim_date";
    assert_eq!(lake.sql(bounds, "csv").lines().nth(1), Some("true,true"));
}

#[test]
fn the_newest_snapshot_of_every_mart_is_pointed_to() {
    let landing = Landing::three_days();
    let lake = Lake::new();
    lake.run_json(&["--from", "2026-01-13", "--to", "2026-01-14", "--input", landing.path()]);
    let sales = "select sum(gross_sales) from mart_sales_daily";
    let newest = lake.sql_value(sales);
    let outcome = lake.cardlake(&[
        "backfill",
        "--from",
        "2026-01-13",
        "--to",
        "2026-01-13",
        "--from-stage",
        "build",
    ]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(
        outcome
            .stdout
            .contains("the marts are as of 2026-01-14, the newest day that was run"),
        "{}",
        outcome.stdout
    );
    assert_eq!(
        lake.sql_value(sales),
        newest,
        "the marts did not go back to the old day"
    );
    let gold = lake.files_below("s3/cardlake-gold");
    let pointers: Vec<_> = gold.keys().filter(|key| key.ends_with("/latest.json")).collect();
    assert_eq!(pointers.len(), 7, "{pointers:?}");
    for pointer in pointers {
        let latest: Value = serde_json::from_slice(&gold[pointer]).unwrap();
        assert_eq!(
            latest["batch_date"], "2026-01-14",
            "a rebuild of an old day leaves it alone"
        );
        let prefix = latest["prefix"].as_str().unwrap();
        assert!(
            gold.keys()
                .any(|key| key.starts_with(prefix) && key.ends_with(".parquet")),
            "{prefix}"
        );
    }
    let outcome = lake.cardlake(&["build", "--date", "2026-01-13", "--as-of"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stdout.contains("As of 2026-01-13"), "{}", outcome.stdout);
    assert_ne!(lake.sql_value(sales), newest, "what was known then");
    let outcome = lake.cardlake(&["build", "--date", "2026-01-13"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stdout.contains("As of 2026-01-14"), "{}", outcome.stdout);
    assert_eq!(lake.sql_value(sales), newest);
}

#[test]
fn a_project_is_compiled_and_described_without_a_warehouse() {
    let lake = Lake::new();
    let out = lake.path("compiled");
    let outcome = lake.cardlake(&[
        "build",
        "--compile-only",
        "--date",
        DAYS[0],
        "--out",
        &out,
        "--select",
        "dim_date",
    ]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let files = lake.files_below("compiled");
    let sql = String::from_utf8(files["cardlake/models/dimensions/dim_date.sql"].clone()).unwrap();
    assert!(
        sql.contains("least(cast('2020-01-01' as date), min(txn_date))"),
        "{sql}"
    );
    assert!(files.contains_key("manifest.json"));

    let page = lake.path("docs.html");
    let outcome = lake.cardlake(&["docs", "--project", &fixture("jaffle_shop"), "--out", &page]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let page = String::from_utf8(lake.files_below("")["docs.html"].clone()).unwrap();
    assert!(
        page.contains(">order_payments</text>") && page.contains("return_pending"),
        "{page}"
    );
    assert!(
        !lake.files_below("").contains_key("warehouse.duckdb"),
        "nothing was opened"
    );
}
