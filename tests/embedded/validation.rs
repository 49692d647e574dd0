//! Suites over data: in the pipeline, where a failure stops the batch, and on files, by `cardlake validate`.

use crate::harness::{Lake, Outcome, project_files, python_script};
use crate::input::Landing;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use tempfile::TempDir;

/// The project's files, with one more expectation on the transactions.
fn assets_with(expectation: &Value) -> TempDir {
    let folder = project_files();
    let suite = folder.path().join("expectations/transactions.json");
    let mut changed: Value = serde_json::from_slice(&std::fs::read(&suite).unwrap()).unwrap();
    changed["expectations"]
        .as_array_mut()
        .unwrap()
        .push(expectation.clone());
    std::fs::write(suite, changed.to_string()).unwrap();
    folder
}

/// A server in the place of SNS: its address, and the messages that it gets.
fn sns() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut reader = BufReader::new(connection.try_clone().unwrap());
            let mut length = 0;
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap() > 2 {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let answer = "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult>\
                          <MessageId>1</MessageId></PublishResult></PublishResponse>";
            write!(
                connection,
                "HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{answer}",
                answer.len()
            )
            .unwrap();
            let message = url::form_urlencoded::parse(&body)
                .find(|(name, _)| name == "Message")
                .map(|(_, text)| text.into_owned());
            sender.send(message.unwrap()).unwrap();
        }
    });
    (address, receiver)
}

fn lines(bytes: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_critical_failure_leaves_the_table_as_it_was_and_says_why() {
    let landing = Landing::three_days();
    let lake = Lake::new();
    lake.run_json(&["--date", "2026-01-13", "--input", landing.path()]);
    let table = || lake.files_below("s3/cardlake-silver/transactions/_delta_log");
    let before = table();
    assert!(!before.is_empty());

    let assets = assets_with(&json!({
        "type": "expect_column_values_to_be_between", "kwargs": {"column": "amount", "max_value": 3000.0},
    }));
    let (endpoint, messages) = sns();
    let variables = [
        ("CARDLAKE_ASSETS_DIR", assets.path().display().to_string()),
        (
            "CARDLAKE_NOTIFICATION_TOPIC_ARN",
            "arn:aws:sns:us-east-1:000000000000:cardlake".to_owned(),
        ),
        ("AWS_ENDPOINT_URL_SNS", endpoint),
    ];
    let day = ["run", "--json", "--date", "2026-01-14", "--input", landing.path()];
    let outcome = lake.cardlake_with(&day, &variables);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    for told in [
        "Cardlake.ExpectationFailed",
        "1 of 77 expectations on transactions of 2026-01-14 failed critically",
        "expect_column_values_to_be_between of amount",
        "values, e.g. ",
    ] {
        assert!(outcome.stderr.contains(told), "{told}: {}", outcome.stderr);
    }
    assert_eq!(table(), before, "nothing is committed");

    let quarantine = lake.files_below("s3/cardlake-silver/_quarantine/transactions/batch_date=2026-01-14");
    let of = |end: &str| {
        let mut found = quarantine.iter().filter(|(name, _)| name.ends_with(end));
        let found = found
            .next()
            .unwrap_or_else(|| panic!("no {end}: {:?}", quarantine.keys()));
        (found.0.clone(), lines(found.1))
    };
    let (name, rows) = of(".jsonl");
    assert!(outcome.stderr.contains(&name), "{}", outcome.stderr);
    assert!(!rows.is_empty());
    for row in &rows {
        assert_eq!(row["reasons"], json!(["amount: expect_column_values_to_be_between"]));
        assert!(row["values"]["amount"].as_f64().unwrap() > 3000.0, "{row}");
        assert!(
            row["values"]["source_object"]
                .as_str()
                .unwrap()
                .starts_with("transactions/ingest_date=")
        );
    }
    let results = lake.files_below("s3/cardlake-silver/_validations/transactions/batch_date=2026-01-14");
    let page = results.iter().find(|(name, _)| name.ends_with(".html")).unwrap().1;
    let page = String::from_utf8(page.clone()).unwrap();
    assert!(page.contains("amount must be at most 3000.0"), "{page}");
    assert!(
        page.contains(">01-13</span>") && page.contains(">01-14</span>"),
        "the trend has both days"
    );

    let message = messages.try_recv().unwrap();
    assert!(
        message.contains("expect_column_values_to_be_between of amount") && message.contains("2026-01-14"),
        "{message}"
    );

    // With the suite corrected the day passes.
    let report = lake.run_json(&day[2..]);
    assert_eq!(report["runs"][0]["status"], "succeeded");
    assert_eq!(table().len(), before.len() + 1);
}

#[test]
fn a_warning_is_reported_and_the_run_goes_on() {
    let landing = Landing::three_days();
    let lake = Lake::new();
    let assets = assets_with(&json!({
        "type": "expect_column_values_to_be_between", "kwargs": {"column": "amount", "max_value": 3000.0},
        "severity": "warning",
    }));
    let (endpoint, messages) = sns();
    let variables = [
        ("CARDLAKE_ASSETS_DIR", assets.path().display().to_string()),
        (
            "CARDLAKE_NOTIFICATION_TOPIC_ARN",
            "arn:aws:sns:us-east-1:000000000000:cardlake".to_owned(),
        ),
        ("AWS_ENDPOINT_URL_SNS", endpoint),
    ];
    let outcome = lake.cardlake_with(&["run", "--date", "2026-01-13", "--input", landing.path()], &variables);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let message = messages.try_recv().unwrap();
    assert!(
        message.contains("expect_column_values_to_be_between of amount"),
        "{message}"
    );
    let quarantine = lake.files_below("s3/cardlake-silver/_quarantine/transactions");
    assert!(
        quarantine.keys().all(|name| name.starts_with("ingest_date=")),
        "{:?}",
        quarantine.keys()
    );
}

#[test]
fn data_that_cannot_be_read_are_named_with_what_is_wrong() {
    let files = Files::new(&[
        ("suite.json", SUITE),
        ("ragged.csv", "id,amount\n1\n"),
        ("short.parquet", "PAR1"),
        ("text.parquet", "this is no Parquet file"),
    ]);
    for (data, told) in [
        ("ragged.csv", "unequal lengths"),
        ("short.parquet", "too short to be a Parquet file"),
        ("text.parquet", "as Parquet"),
    ] {
        let outcome = files.validate("suite.json", data, &[]);
        assert_eq!(outcome.code, 1, "{outcome:?}");
        assert!(
            outcome.stderr.contains(told) && outcome.stderr.contains(data),
            "{}",
            outcome.stderr
        );
        assert!(outcome.stdout.is_empty(), "{}", outcome.stdout);
    }
}

/// Files in a folder, and `cardlake validate` called there.
struct Files {
    folder: TempDir,
    lake: Lake,
}

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self {
            folder,
            lake: Lake::new(),
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn validate(&self, suite: &str, data: &str, more: &[&str]) -> Outcome {
        let (suite, data) = (self.path(suite), self.path(data));
        self.lake
            .cardlake(&[&["validate", "--suite", &suite, "--data", &data], more].concat())
    }
}

const ORDERS: &str = "id,country,amount,paid,day\n1,SE,10.5,true,2026-01-01\n2,NO,,false,2026-01-02\n2,SE,99,true,\n";
const SUITE: &str = r#"{"name": "orders", "expectations": [
    {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}},
    {"type": "expect_column_values_to_be_of_type", "kwargs": {"column": "amount", "type_": "float64"}},
    {"type": "expect_column_values_to_be_of_type", "kwargs": {"column": "paid", "type_": "bool"}},
    {"type": "expect_column_values_to_be_of_type", "kwargs": {"column": "day", "type_": "date32"}},
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "amount"}, "severity": "warning"},
    {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 3}}]}"#;

#[test]
fn a_csv_file_is_validated_with_a_table_for_people_or_json() {
    let files = Files::new(&[("orders.csv", ORDERS), ("suite.json", SUITE)]);
    let outcome = files.validate("suite.json", "orders.csv", &[]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    assert!(outcome.stdout.contains("values_to_be_unique") && outcome.stdout.contains("2 of 3 values, e.g. 2"));
    assert!(
        !outcome.stdout.contains("of_type"),
        "what was met is not listed: {}",
        outcome.stdout
    );
    assert!(
        outcome.stdout.contains("orders: 4 of 6 expectations met over 3 rows"),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome.stdout.contains("not met: 1 critical, 1 warning."),
        "{}",
        outcome.stdout
    );
    let all = files.validate("suite.json", "orders.csv", &["--all"]);
    assert!(all.stdout.contains("of_type"), "{}", all.stdout);

    let json = files.validate("suite.json", "orders.csv", &["--json", "--result-format", "complete"]);
    assert_eq!(json.code, 1);
    let result: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(result["statistics"]["unsuccessful_expectations"], 2);
    assert_eq!(result["results"][0]["result"]["unexpected_index_list"], json!([1, 2]));
    let json = files.validate(
        "suite.json",
        "orders.csv",
        &["--json", "--result-format", "BOOLEAN_ONLY"],
    );
    let result: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(result["results"][0]["result"], json!({}));
}

#[test]
fn a_suite_made_from_data_is_met_by_it_and_not_replaced() {
    let files = Files::new(&[("orders.csv", ORDERS)]);
    let (data, suite) = (files.path("orders.csv"), files.path("suite.json"));
    let made = files.lake.cardlake(&["profile", "--data", &data, "--out", &suite]);
    assert_eq!(made.code, 0, "{made:?}");
    assert!(
        made.stdout.contains("suite.json: ") && made.stdout.contains(" expectations from 3 rows"),
        "{made:?}"
    );
    let met = files.validate("suite.json", "orders.csv", &["--fail-on", "info"]);
    assert_eq!(met.code, 0, "{met:?}");
    let again = files.lake.cardlake(&["profile", "--data", &data, "--out", &suite]);
    assert_eq!(again.code, 2);
    assert!(again.stderr.contains("suite.json is there already"), "{again:?}");
    let printed = files.lake.cardlake(&["profile", "--data", &data, "--name", "mine"]);
    let printed: Value = serde_json::from_str(&printed.stdout).unwrap();
    assert_eq!(printed["name"], "mine");
    assert_eq!(printed["expectations"][0]["type"], "expect_table_columns_to_match_set");
}

#[test]
fn what_fails_is_a_matter_of_severity() {
    let lax = SUITE.replace(
        "\"kwargs\": {\"column\": \"id\"}",
        "\"kwargs\": {\"column\": \"id\"}, \"severity\": \"info\"",
    );
    let files = Files::new(&[("orders.csv", ORDERS), ("suite.json", &lax)]);
    for (arguments, code) in [
        (&[][..], 0),
        (&["--fail-on", "critical"], 0),
        (&["--fail-on", "warning"], 1),
        (&["--fail-on", "info"], 1),
    ] {
        assert_eq!(
            files.validate("suite.json", "orders.csv", arguments).code,
            code,
            "{arguments:?}"
        );
    }
}

#[test]
fn a_folder_is_one_table_and_a_page_is_written() {
    let suite = SUITE.replace("\"value\": 3", "\"value\": 5");
    let more = "country,id,amount,note\nSE,7,1,\"<script>alert(1)</script>\"\nNO,8,2,b\n";
    let files = Files::new(&[
        ("data/a.csv", ORDERS),
        ("data/b.csv", more),
        ("data/_SUCCESS", ""),
        ("data/notes.txt", "no data"),
        ("suite.json", &suite),
    ]);
    let page = files.path("page.html");
    let outcome = files.validate("suite.json", "data", &["--docs", &page, "--all"]);
    assert!(
        outcome.stdout.contains("4 of 6 expectations met over 5 rows"),
        "{}",
        outcome.stdout
    );
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("2 of 5 values") && !page.contains("<script"), "{page}");
}

#[test]
fn compressed_csv_and_the_table_of_a_lake_are_read() {
    let files = Files::new(&[(
        "suite.json",
        r#"{"name": "s", "expectations": [
        {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 200}},
        {"type": "expect_column_to_exist", "kwargs": {"column": "amount"}}]}"#,
    )]);
    let landing = files.path("landing");
    let made = [
        "generate",
        "--date",
        "2026-01-13",
        "--rows",
        "200",
        "--format",
        "csv",
        "--compression",
        "gz",
    ];
    let outcome = files
        .lake
        .cardlake(&[&made[..], &["--out", &landing, "--quiet"]].concat());
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let outcome = files.validate("suite.json", "landing/transactions", &[]);
    assert_eq!(outcome.code, 0, "{outcome:?}");

    // The table has fewer rows than its folder once some were replaced: the log counts, not the files.
    let landing = Landing::three_days();
    files
        .lake
        .run_json(&["--from", "2026-01-13", "--to", "2026-01-14", "--input", landing.path()]);
    let rows = files.lake.sql_value("select count(*) from fact_transactions");
    let project = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../expectations/transactions.json");
    let table = files.lake.path("s3/cardlake-silver/transactions");
    let arguments = ["validate", "--suite", &project.display().to_string(), "--data", &table];
    let outcome = files.lake.cardlake(&arguments);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(
        outcome
            .stdout
            .contains(&format!("76 of 76 expectations met over {rows} rows")),
        "{}",
        outcome.stdout
    );
}

#[test]
fn wrong_usage_of_validate_is_told_in_a_line() {
    let files = Files::new(&[
        ("orders.csv", ORDERS),
        ("suite.json", SUITE),
        ("no-suite.json", "[]"),
        (
            "odd.json",
            r#"{"name": "odd", "expectations": [{"type": "expect_column_values_to_be_odd", "kwargs": {}}]}"#,
        ),
        (
            "misspelt.json",
            r#"{"name": "m", "expectations": [
            {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id", "mostl": 1}}]}"#,
        ),
        ("empty/readme.txt", ""),
        ("what.bin", ""),
    ]);
    for (suite, data, told) in [
        ("nowhere.json", "orders.csv", "cannot read the suite"),
        ("no-suite.json", "orders.csv", "is not a Great Expectations suite"),
        (
            "odd.json",
            "orders.csv",
            "expectation 1 (expect_column_values_to_be_odd): this type is unknown, did you mean",
        ),
        ("misspelt.json", "orders.csv", "argument 'mostl' is unknown"),
        ("suite.json", "nowhere.csv", "cannot read --data"),
        (
            "suite.json",
            "empty",
            "there is no file in it that can be read as a table",
        ),
        ("suite.json", "what.bin", "its name does not tell what it is"),
    ] {
        let outcome = files.validate(suite, data, &[]);
        assert_eq!(outcome.code, 2, "{suite} {data}: {outcome:?}");
        assert_eq!(outcome.stderr.trim().lines().count(), 1, "{}", outcome.stderr);
        assert!(
            outcome.stderr.contains(told) && outcome.stderr.contains("hint:"),
            "{}",
            outcome.stderr
        );
    }
}

#[test]
fn queries_of_a_suite_are_answered_as_by_great_expectations() {
    let environment = [
        "target/python-great-expectations",
        "engines/expectations/tests/great_expectations/requirements.txt",
    ];
    let binary = env!("CARGO_BIN_EXE_cardlake");
    let outcome = python_script(&environment, "tests/great_expectations/test_queries.py", &[binary]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("\nOK"), "{}", outcome.stderr);
}
