//! Made-up days: what the generator says of them is what the pipeline makes of them, to the row.

use super::harness::Lake;
use cardlake_local_s3::{S3ServerOptions, start};
use cardlake_loopback::ServerCredentials;
use serde_json::{Map, Value, json};
use std::path::Path;

const DAYS: [&str; 3] = ["2026-01-13", "2026-01-14", "2026-01-15"];

/// Up to three days of a history, in several files each, with every rule of the contract broken and a new field on the second
/// day.
fn days(lake: &Lake, days: usize, out: &str, format: &str, compression: &str) -> Value {
    let outcome = lake.cardlake(&[
        "generate",
        "--date",
        DAYS[0],
        "--days",
        &days.to_string(),
        "--rows",
        "1500",
        "--rows-per-object",
        "600",
        "--late-rate",
        "0.1",
        "--dup-rate",
        "0.05",
        "--corrupt-rate",
        "0.04",
        "--drift-from",
        DAYS[1],
        "--format",
        format,
        "--compression",
        compression,
        "--out",
        out,
        "--json",
    ]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    serde_json::from_str(&outcome.stdout).unwrap()
}

fn sum(counts: &Value) -> u64 {
    counts
        .as_object()
        .unwrap()
        .values()
        .map(|count| count.as_u64().unwrap())
        .sum()
}

/// Sums of a part of the object records of a day, by name: what the transformer found.
fn found(lake: &Lake, day: &str, part: &str) -> Value {
    let mut sums = Map::new();
    let records = lake.files_below(&format!("s3/cardlake-silver/_objects/transactions/ingest_date={day}"));
    assert_eq!(records.len(), 3, "{:?}", records.keys());
    for record in records.values() {
        let record: Value = serde_json::from_slice(record).unwrap();
        for (name, rows) in record.pointer(part).and_then(Value::as_object).into_iter().flatten() {
            let before = sums.get(name).and_then(Value::as_u64).unwrap_or(0);
            sums.insert(name.clone(), (before + rows.as_u64().unwrap()).into());
        }
    }
    sums.sort_keys();
    Value::Object(sums)
}

fn the_pipeline_does_what_the_generator_says(number_of_days: usize, format: &str, compression: &str) {
    let lake = Lake::new();
    let folder = tempfile::tempdir().unwrap();
    let landing = folder.path().to_str().unwrap();
    let expected = days(&lake, number_of_days, landing, format, compression);
    let report = lake.run_json(&["--input", landing]);

    let mut ids = 0;
    for (index, day) in DAYS[..number_of_days].iter().enumerate() {
        let expected = &expected["days"][index];
        let count = |name: &str| expected[name].as_u64().unwrap();
        let corrected = sum(&expected["corrected_rows"]);
        ids += count("distinct_ids");
        let run = &report["runs"][index];
        assert_eq!((&run["batch_date"], &run["status"]), (&json!(day), &json!("succeeded")));
        let books = &run["datasets"]["transactions"];
        let wanted = json!({
            "bronze_rows": expected["rows"]["transactions"],
            "silver_rows_added": count("distinct_ids") + corrected,
            "duplicates": count("duplicate_rows"),
            "quarantined": count("corrupt_rows"),
            // What repeats a known row changes nothing, so nothing of it is late.
            "late_rows": count("late_rows") - sum(&expected["redelivered_rows"]),
            "replaced": corrected,
            "silver_rows": ids,
            "warehouse_rows": ids,
            "balanced": true,
        });
        for (name, wanted) in wanted.as_object().unwrap() {
            assert_eq!(&books[name], wanted, "{name} of {day}: {books:#} {expected:#}");
        }
        assert_eq!(
            found(&lake, day, "/quarantine/reasons"),
            expected["corrupt_by_reason"],
            "{day}"
        );
        assert_eq!(found(&lake, day, "/drift"), expected["drift_rows"], "{day}");
        for dataset in ["customers", "cards", "merchants"] {
            let books = &run["datasets"][dataset];
            // A day on which nobody moved or opened has no file.
            let rows = books.get("bronze_rows").and_then(Value::as_u64).unwrap_or(0);
            assert_eq!(rows, expected["rows"][dataset], "{dataset} of {day}");
            assert!(rows == 0 || books["quarantined"] == 0, "{dataset} of {day}");
        }
        // Nothing of this is true by being empty.
        assert!(count("duplicate_rows") > 0 && count("corrupt_rows") == 60 && count("late_rows") == 150);
        assert!(expected["corrupt_by_reason"].as_object().unwrap().len() > 36);
        assert_eq!(
            (corrected > 0, sum(&expected["drift_rows"]) > 0),
            (index > 0, index > 0)
        );
    }
    let counted = lake.sql(
        "select count(*), count(distinct transaction_id), count(extra) from raw.transactions",
        "csv",
    );
    let counted: Vec<u64> = counted
        .lines()
        .nth(1)
        .unwrap()
        .split(',')
        .map(|text| text.parse().unwrap())
        .collect();
    assert_eq!((counted[0], counted[1]), (ids, ids));
    assert_eq!(counted[2] > 0, number_of_days > 1, "the new field is kept");
}

#[test]
fn three_days_of_json_lines_have_the_outcome_that_the_generator_expects() {
    the_pipeline_does_what_the_generator_says(3, "jsonl", "none");
}

#[test]
fn three_days_of_csv_in_gzip_have_the_outcome_that_the_generator_expects() {
    the_pipeline_does_what_the_generator_says(3, "csv", "gz");
}

#[test]
fn a_day_of_csv_in_zstandard_has_the_outcome_that_the_generator_expects() {
    the_pipeline_does_what_the_generator_says(1, "csv", "zst");
}

/// All files below a folder, by relative path.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let files = super::harness::files_in(folder).into_iter();
    files.filter(|(name, _)| name.contains("/ingest_date=")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_in_s3_gets_the_same_files_as_a_folder() {
    let (lake, folder) = (Lake::new(), tempfile::tempdir().unwrap());
    let credentials = ServerCredentials {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
    };
    let server = start(S3ServerOptions {
        listen: "127.0.0.1:0".parse().unwrap(),
        root: folder.path().join("s3"),
        buckets: vec!["raw".to_owned()],
        credentials: credentials.clone(),
        hook: None,
        created: None,
    })
    .await
    .unwrap();
    let arguments = [
        "generate",
        "--date",
        "2026-01-15",
        "--rows",
        "900",
        "--rows-per-object",
        "400",
        "--format",
        "csv",
    ];
    let variables = [
        ("AWS_ENDPOINT_URL_S3", server.endpoint_url()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", credentials.access_key_id.clone()),
        ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key.clone()),
    ];
    let into = |out: &str| lake.cardlake_with(&[&arguments[..], &["--out", out]].concat(), &variables);
    let s3 = into("s3://raw/landing/");
    assert_eq!(s3.code, 0, "{s3:?}");
    assert!(
        s3.stdout.contains("s3://raw/landing/") && s3.stderr.is_empty(),
        "{s3:?}"
    );
    assert_eq!(into(folder.path().join("plain").to_str().unwrap()).code, 0);
    let made = files(&folder.path().join("plain"));
    assert_eq!(made.len(), 6, "three files of transactions, one of each other dataset");
    assert_eq!(files(&folder.path().join("s3/raw/landing")), made);

    let missing = into("s3://no-such-bucket");
    assert_eq!(missing.code, 1);
    assert!(
        missing.stderr.contains("s3://no-such-bucket/") && missing.stderr.contains("hint:"),
        "{}",
        missing.stderr
    );
    server.shutdown().await;
}

#[test]
fn the_same_call_gives_the_same_files_and_another_one_warns_of_what_is_left() {
    let (lake, folder) = (Lake::new(), tempfile::tempdir().unwrap());
    let out = folder.path().to_str().unwrap();
    let generate = |more: &[&str]| {
        let arguments = [
            "generate",
            "--date",
            "2026-01-15",
            "--rows-per-object",
            "200",
            "--out",
            out,
        ];
        lake.cardlake(&[&arguments, more].concat())
    };
    let first = generate(&["--rows", "500"]);
    assert_eq!((first.code, first.stderr.as_str()), (0, ""));
    assert!(
        first.stdout.contains(&format!("cardlake run --input {out}")),
        "{}",
        first.stdout
    );
    let before = files(folder.path());
    let again = generate(&["--rows", "500", "--quiet"]);
    assert_eq!((again.code, again.stdout.as_str(), again.stderr.as_str()), (0, "", ""));
    assert_eq!(files(folder.path()), before);
    let fewer = generate(&["--rows", "300", "--quiet"]);
    assert_eq!((fewer.code, fewer.stdout.as_str()), (0, ""));
    assert!(
        fewer
            .stderr
            .starts_with("warning: 1 other files of these days were there before")
            && fewer
                .stderr
                .contains("transactions/ingest_date=2026-01-15/transactions-00002.jsonl"),
        "{}",
        fewer.stderr
    );
}

#[test]
fn wrong_options_are_refused_before_anything_is_written() {
    let (lake, folder) = (Lake::new(), tempfile::tempdir().unwrap());
    let out = folder.path().join("landing");
    for (options, expected) in [
        (&["--out", "gs://bucket"][..], "--out gs://bucket: gs is not supported"),
        (&["--out", "s3:///prefix"], "the bucket is missing"),
        (&["--rows-per-object", "0"], "rows_per_object is 0: give at least 1"),
        (&["--days", "0"], "'0'"),
        (&["--burst-rate", "2"], "burst_rate is 2"),
        (
            &["--first-date", "2026-01-16"],
            "--first-date 2026-01-16 lies after --date 2026-01-15",
        ),
        (&["--format", "xml"], "xml"),
    ] {
        let mut arguments = vec!["generate", "--date", "2026-01-15"];
        if !options.contains(&"--out") {
            arguments.extend(["--out", out.to_str().unwrap()]);
        }
        let outcome = lake.cardlake(&[&arguments, options].concat());
        assert_eq!(outcome.code, 2, "{options:?}: {outcome:?}");
        assert!(
            outcome.stderr.contains(expected) && outcome.stderr.contains("hint:"),
            "{}",
            outcome.stderr
        );
    }
    assert!(!out.exists());
}
