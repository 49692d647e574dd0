//! What lands in bronze is read, refused or named: stray objects, rejected ones, and deliveries that a contract did not expect.

use crate::harness::{Lake, project_files};
use crate::input::{Landing, transactions};
use serde_json::{Value, json};

const DAY: [&str; 2] = ["--date", "2026-01-15"];

/// A run of the day that succeeds.
fn run(lake: &Lake, landing: &Landing) -> Value {
    let report = lake.run_json(&[["--input", landing.path()], DAY].concat());
    report["runs"][0].clone()
}

/// The run of the day again, without a folder.
fn run_again(lake: &Lake) -> Value {
    let range = ["--from", "2026-01-15", "--to", "2026-01-15"];
    let outcome = lake.cardlake(&[["backfill", "--json"].as_slice(), &range].concat());
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    report["runs"][0].clone()
}

/// Puts an object into bronze, past `cardlake`.
fn put_object(lake: &Lake, key: &str, text: &str) {
    let path = lake.data_dir().join("s3/cardlake-bronze").join(key);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[test]
fn stray_objects_never_stop_a_day_and_are_named() {
    let landing = Landing::of([("transactions_2026-01-15.csv", transactions(300))]);
    let lake = Lake::new();
    run(&lake, &landing);
    let prefix = "transactions/ingest_date=2026-01-15";
    let staged = transactions(500);
    for (name, text) in [
        ("_SUCCESS", ""),
        ("_temporary/0/part-0.csv", staged.as_str()),
        (".staging/x.csv", &staged),
        ("manifest.json", "{}"),
        ("transactions_2026-01-15.csv.md5", "0"),
        ("notes.pdf", "hello"),
    ] {
        put_object(&lake, &format!("{prefix}/{name}"), text);
    }
    let day = run_again(&lake);
    assert_eq!(day["datasets"]["transactions"]["bronze_rows"], 300, "{day:#}");
    let ignored = day["ignored"].as_array().unwrap();
    let names: Vec<&str> = ignored.iter().map(|file| file["file"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 6, "{names:?}");
    assert!(
        names.contains(&"transactions/ingest_date=2026-01-15/_SUCCESS"),
        "{names:?}"
    );
    // Only what may be data is a warning.
    let warnings = day["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].as_str().unwrap().contains("notes.pdf"), "{warnings:?}");

    let outcome = lake.cardlake(&["status", "--json", "--last", "1"]);
    let record: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(record[0]["books"]["ignored_objects"], 6, "{record:#}");
}

#[test]
fn a_day_that_fails_names_what_it_did_not_read_too() {
    let landing = Landing::of([("transactions_2026-01-15.csv", transactions(30))]);
    let lake = Lake::new();
    run(&lake, &landing);
    let prefix = "transactions/ingest_date=2026-01-15";
    put_object(&lake, &format!("{prefix}/_SUCCESS"), "");
    put_object(&lake, &format!("{prefix}/unreadable.csv"), &"no header\n".repeat(1_000));
    let range = ["--from", "2026-01-15", "--to", "2026-01-15"];
    let outcome = lake.cardlake(&[["backfill", "--json"].as_slice(), &range].concat());
    assert_eq!(outcome.code, 1, "{outcome:?}");
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let day = &report["runs"][0];
    assert_eq!(day["failure"]["error"], "Cardlake.QuarantineThreshold", "{day:#}");
    assert_eq!(day["ignored"][0]["file"], format!("{prefix}/_SUCCESS"), "{day:#}");
    assert_eq!(day["ignored_objects"], 1, "{day:#}");
}

#[test]
fn objects_outside_of_all_days_are_named_by_every_run() {
    let landing = Landing::of([("transactions_2026-01-15.csv", transactions(30))]);
    let lake = Lake::new();
    run(&lake, &landing);
    let lost = transactions(7);
    for key in [
        "lost.csv",
        "transactions/ingest_date=2026-1-15/a.csv",
        "refunds/ingest_date=2026-01-15/a.csv",
    ] {
        put_object(&lake, key, &lost);
    }
    let day = run_again(&lake);
    let ignored: Vec<&str> = day["ignored"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["file"].as_str().unwrap())
        .collect();
    assert_eq!(
        ignored,
        [
            "lost.csv",
            "refunds/ingest_date=2026-01-15/a.csv",
            "transactions/ingest_date=2026-1-15/a.csv"
        ],
        "{day:#}"
    );
    assert_eq!(day["warnings"].as_array().unwrap().len(), 3, "{day:#}");
    assert_eq!(day["datasets"]["transactions"]["bronze_rows"], 30, "{day:#}");

    let words = lake
        .cardlake(&["backfill", "--from", "2026-01-14", "--to", "2026-01-15"])
        .stdout;
    let ignored = words.lines().filter(|line| line.contains(" Ignored lost.csv"));
    assert_eq!(ignored.count(), 1, "{words}");
    let warned = words.lines().filter(|line| line.contains("refunds/ingest_date"));
    assert_eq!(warned.count(), 1, "{words}");
}

#[test]
fn files_that_are_not_taken_are_on_stderr_and_in_the_document() {
    let landing = Landing::of([
        ("Transactions_2026-01-15.CSV", transactions(10)),
        ("transactions_2026-01-15.xlsx", transactions(10)),
    ]);
    let lake = Lake::new();
    let outcome = lake.cardlake(&["run", "--json", "--input", landing.path()]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(
        outcome
            .stderr
            .contains("transactions_2026-01-15.xlsx: a file of another type"),
        "{}",
        outcome.stderr
    );
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(
        report["runs"][0]["datasets"]["transactions"]["bronze_rows"], 10,
        "{report:#}"
    );
    assert!(
        report["ignored"][0]["file"].as_str().unwrap().ends_with(".xlsx"),
        "{report:#}"
    );

    landing.put("transactions_fix_2026-01-15.csv", &transactions(10));
    let lake = Lake::new();
    let outcome = lake.cardlake(&["run", "--input", landing.path()]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(
        outcome.stderr.contains("'transactions_fix', which has no contract"),
        "{}",
        outcome.stderr
    );
    assert!(!lake.data_dir().exists(), "something was written");
}

#[test]
fn one_key_for_many_rows_and_a_day_without_a_file_are_warnings() {
    let mut text = transactions(0);
    for line in transactions(300).lines().skip(1) {
        let (_, rest) = line.split_once(',').unwrap();
        text.push_str(&format!("00000000-0000-0000-0000-000000000000,{rest}\n"));
    }
    let landing = Landing::of([("transactions_2026-01-15.csv", text)]);
    let lake = Lake::new();
    let report = lake.run_json(&["--input", landing.path(), "--from", "2026-01-15", "--to", "2026-01-16"]);
    let warnings = |day: usize| report["runs"][day]["warnings"].clone();
    assert_eq!(
        warnings(0),
        json!([
            "transactions: 299 of 300 rows of 2026-01-15 are duplicates; expected is a share of 0.5 or less \
             (maxDuplicateShare of the contract): is the key filled?"
        ])
    );
    assert_eq!(
        warnings(1),
        json!(["transactions: there is no file of 2026-01-16; expected are 1 rows or more (minRows of the contract)"])
    );
    let table = lake.cardlake(&["run", "--input", landing.path()]);
    assert!(
        table
            .stdout
            .contains("Warning 2026-01-15: transactions: 299 of 300 rows"),
        "{}",
        table.stdout
    );
}

#[test]
fn a_rejected_object_is_told_with_its_reason_until_it_is_mended() {
    let landing = Landing::of([
        ("transactions_2026-01-15.csv", transactions(300)),
        ("transactions_2026-01-15_b.csv", "no header at all\n".to_owned()),
    ]);
    let lake = Lake::new();
    let day = run(&lake, &landing);
    let rejected = &day["datasets"]["transactions"]["rejected"];
    let file = "transactions/ingest_date=2026-01-15/transactions_2026-01-15_b.csv";
    assert_eq!(rejected[0]["file"], file, "{day:#}");
    assert!(!rejected[0]["reason"].as_str().unwrap().is_empty(), "{day:#}");
    let table = lake.cardlake(&["run", "--input", landing.path()]).stdout;
    assert!(
        table.contains("1 rejected: no row of this object is counted"),
        "{table}"
    );
    assert!(!table.contains("balanced: every row"), "{table}");

    let more = transactions(310);
    let rows: Vec<&str> = more.lines().collect();
    landing.put(
        "transactions_2026-01-15_b.csv",
        &[&rows[..1], &rows[301..]].concat().join("\n"),
    );
    let day = run(&lake, &landing);
    let books = &day["datasets"]["transactions"];
    assert_eq!(
        (&books["rejected_objects"], &books["bronze_rows"]),
        (&json!(0), &json!(310)),
        "{day:#}"
    );
    assert_eq!((books.get("rejected"), &day["warnings"]), (None, &json!([])), "{day:#}");
}

#[test]
fn the_threshold_is_a_flag() {
    let landing = Landing::mostly_broken("2026-01-15");
    let lake = Lake::new();
    let outcome = lake.cardlake(&["run", "--input", landing.path()]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    assert!(outcome.stderr.contains("--quarantine-threshold"), "{}", outcome.stderr);
    lake.run_json(&["--input", landing.path(), "--quarantine-threshold", "0.6"]);
    let lake = Lake::new();
    let variable = [("CARDLAKE_QUARANTINE_THRESHOLD", "0.6".to_owned())];
    let outcome = lake.cardlake_with(&["run", "--input", landing.path()], &variable);
    assert_eq!(outcome.code, 0, "{outcome:?}");
}

#[test]
fn the_largest_amounts_of_a_contract_do_not_stop_a_day() {
    let customers = "customer_id,name,email,phone,birth_date,city,segment,created_at\n\
                     CUS0000,Ada,ada@example.com,010,1990-01-01,Seoul,mass,2025-01-01 00:00:00\n";
    let text = transactions(41);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (line, amount) in [(1, "10000000000.00"), (41, "9999999999999999.99")] {
        let mut fields: Vec<&str> = lines[line].split(',').collect();
        assert_eq!(fields[1], "CUS0000");
        fields[5] = amount;
        lines[line] = fields.join(",");
    }
    let landing = Landing::of([
        ("transactions_2026-01-15.csv", lines.join("\n")),
        ("customers_2026-01-15.csv", customers.to_owned()),
    ]);
    let lake = Lake::new();
    run(&lake, &landing);
    let of_customer = "from mart_credit_risk where customer_id = 'CUS0000'";
    let spend = lake.sql_value(&format!("select spend_30_days {of_customer}"));
    assert_eq!(spend, "10000009999999999.99");
    let utilisation = lake.sql_value(&format!("select utilisation > 1000 {of_customer}"));
    assert_eq!(utilisation, "true");
}

#[test]
fn a_column_more_in_the_contract_needs_no_other_edit() {
    let project = project_files();
    let contract = project.path().join("contracts/transactions.yaml");
    let text = std::fs::read_to_string(&contract).unwrap();
    let column = "      - name: terminal\n        logicalType: string\n        physicalType: VARCHAR(16)\n";
    let at = text.find("      - name: customer_id").unwrap();
    std::fs::write(&contract, format!("{}{column}{}", &text[..at], &text[at..])).unwrap();
    let landing = Landing::of([("transactions_2026-01-15.csv", transactions(10))]);
    let lake = Lake::new();
    let variable = [("CARDLAKE_ASSETS_DIR", project.path().display().to_string())];
    let outcome = lake.cardlake_with(&["run", "--input", landing.path()], &variable);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_eq!(
        lake.sql_value("select count(*) from raw.transactions where terminal is null"),
        "10"
    );
}

/// A copy of the project whose contract of transactions has one text replaced.
fn project_with(text: &str, replacement: &str) -> (tempfile::TempDir, [(&'static str, String); 1]) {
    let project = project_files();
    let contract = project.path().join("contracts/transactions.yaml");
    let before = std::fs::read_to_string(&contract).unwrap();
    let after = before.replace(text, replacement);
    assert_ne!(before, after, "{text}");
    std::fs::write(&contract, after).unwrap();
    let variable = [("CARDLAKE_ASSETS_DIR", project.path().display().to_string())];
    (project, variable)
}

#[test]
fn a_day_that_lacks_a_file_fails_if_the_contract_says_so() {
    let rows = "      - {property: minRows, value: 1}\n";
    let fail = "      - {property: deliverySeverity, value: {minRows: fail}}\n";
    let (_project, variable) = project_with(rows, &format!("{rows}{fail}"));
    let landing = Landing::of([("transactions_2026-01-15.csv", transactions(3))]);
    let lake = Lake::new();
    let arguments = ["run", "--json", "--input", landing.path(), "--from", "2026-01-15"];
    let outcome = lake.cardlake_with(&[arguments.as_slice(), &["--to", "2026-01-16"]].concat(), &variable);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(report["runs"][0]["status"], "succeeded", "{report:#}");
    let failure = &report["runs"][1]["failure"];
    assert_eq!(
        (&failure["stage"], &failure["error"]),
        (&json!("Plan"), &json!("Cardlake.DeliveryFailed")),
        "{report:#}"
    );
    let message = failure["message"].as_str().unwrap();
    assert!(
        message.contains("transactions: there is no file of 2026-01-16"),
        "{message}"
    );
    assert!(message.contains("set deliverySeverity to warn"), "{message}");
}

#[test]
fn control_totals_have_to_agree() {
    let properties = "      - {property: redshiftDistributionKey, value: transaction_id}\n";
    let totals = "      - {property: controlTotals, value: {sum: amount, required: true}}\n";
    let (_project, variable) = project_with(properties, &format!("{totals}{properties}"));
    let landing = Landing::of([("transactions_2026-01-15.csv", transactions(3))]);
    let lake = Lake::new();
    let rejection = |control: &str| {
        if !control.is_empty() {
            landing.put("transactions_2026-01-15.csv.control.json", control);
        }
        let arguments = [
            "run",
            "--json",
            "--quarantine-threshold",
            "1",
            "--input",
            landing.path(),
        ];
        let outcome = lake.cardlake_with(&arguments, &variable);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
        let books = report["runs"][0]["datasets"]["transactions"].clone();
        let reason = books["rejected"][0]["reason"].as_str().unwrap_or_default().to_owned();
        (books["bronze_rows"].clone(), reason)
    };
    // 100 + 13·15 cents for the first row, 997 more for each further one.
    let sum = |rows: i64| format!("{}.{:02}", (295 * 3 + 2991 - rows) / 100, (295 * 3 + 2991 - rows) % 100);
    let (rows, reason) = rejection("");
    assert_eq!(rows, 0);
    assert!(
        reason.starts_with("there is no control file transactions/ingest_date=2026-01-15/"),
        "{reason}"
    );
    let (_, reason) = rejection(&format!(r#"{{"rows": 4, "sum": "{}"}}"#, sum(1)));
    assert_eq!(
        reason,
        format!(
            "it differs from its control file: 3 rows instead of 4, a sum of amount of {} instead of {}",
            sum(0),
            sum(1)
        )
    );
    assert_eq!(
        rejection(&format!(r#"{{"rows": 3, "sum": {}}}"#, sum(0))),
        (json!(3), String::new())
    );
}

/// Values of the quarantine's and the raw table's columns.
fn counts(lake: &Lake) -> (String, String) {
    (
        lake.sql_value("select count(*) from raw.transactions"),
        lake.sql_value("select count(distinct source_row) from raw.quarantine"),
    )
}

#[test]
fn a_changed_rule_moves_rows_between_the_tables_and_the_quarantine() {
    // Two thirds of the rows are of two channels; the third is not allowed at first.
    let narrow = project_with("validValues: [online, pos, mobile]", "validValues: [online, pos]");
    let landing = Landing::of([("transactions_2026-01-15.csv", transactions(300))]);
    let lake = Lake::new();
    let threshold = ["--quarantine-threshold", "0.5", "--json"];
    let run = lake.cardlake_with(
        &[["run", "--input", landing.path()].as_slice(), &threshold].concat(),
        &narrow.1,
    );
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(counts(&lake), ("200".to_owned(), "100".to_owned()));
    assert_eq!(
        lake.sql(
            "select dataset, batch_date, reason, count(*) from raw.quarantine group by 1, 2, 3",
            "csv"
        )
        .lines()
        .nth(1),
        Some("transactions,2026-01-15,channel: not an allowed value,100")
    );
    let listed = lake.cardlake(&["quarantine", "list", "--json"]);
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(listed[0]["rows"], 100, "{listed:#}");
    let shown = [
        "quarantine",
        "show",
        "--dataset",
        "transactions",
        "--date",
        "2026-01-15",
        "--limit",
        "3",
        "--json",
    ];
    let shown: Value = serde_json::from_str(&lake.cardlake(&shown).stdout).unwrap();
    assert_eq!(shown.as_array().unwrap().len(), 3, "{shown:#}");
    assert_eq!(shown[0]["reasons"], json!(["channel: not an allowed value"]));

    // Wider: the rows come in.
    let replay = lake.cardlake(&["quarantine", "replay", "--json"]);
    assert_eq!(replay.code, 0, "{replay:?}");
    assert_eq!(counts(&lake), ("300".to_owned(), "0".to_owned()));
    let replay = lake.cardlake(&["quarantine", "replay"]);
    assert_eq!(replay.stdout, "Nothing is in quarantine.\n", "{replay:?}");

    // Tightened again: the same rows leave, of silver and of the warehouse.
    let range = ["backfill", "--from", "2026-01-15", "--to", "2026-01-15"];
    let again = lake.cardlake_with(&[range.as_slice(), &threshold].concat(), &narrow.1);
    assert_eq!(again.code, 0, "{again:?}");
    let report: Value = serde_json::from_str(&again.stdout).unwrap();
    let books = &report["runs"][0]["datasets"]["transactions"];
    assert_eq!(books["balanced"], true, "{report:#}");
    assert_eq!(
        (&books["silver_rows"], &books["quarantined"]),
        (&json!(200), &json!(100)),
        "{report:#}"
    );
    assert_eq!(counts(&lake), ("200".to_owned(), "100".to_owned()));
}
