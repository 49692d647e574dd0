//! What a person at a terminal meets: help, completions, pages of the manual, Ctrl-C, a check-up.

use crate::harness::{Lake, cardlake, ended, interrupt};
use serde_json::Value;
use std::io::{BufRead, BufReader};

#[test]
fn a_wrong_option_names_the_help_of_its_command() {
    let lake = Lake::new();
    for (arguments, hint) in [
        (vec!["backfill", "--form", "2026-01-13"], "`cardlake backfill --help`"),
        (vec!["sql"], "`cardlake sql --help`"),
        (vec!["run", "--date", "tomorrow"], "`cardlake run --help`"),
        (vec!["dance"], "`cardlake --help`"),
    ] {
        let outcome = lake.cardlake(&arguments);
        assert_eq!(outcome.code, 2, "{}", outcome.stderr);
        assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
        assert!(outcome.stderr.contains(hint), "{}", outcome.stderr);
    }
}

#[test]
fn completions_and_the_manual_know_every_command() {
    let lake = Lake::new();
    let pages = lake.path("man");
    let made = lake.cardlake(&["man", "--out", &pages]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    for command in [
        "run", "backfill", "status", "report", "sql", "up", "validate", "vacuum", "doctor",
    ] {
        let page = std::fs::read_to_string(format!("{pages}/cardlake-{command}.1")).unwrap();
        assert!(page.contains(".SH SYNOPSIS"), "{page}");
    }
    let run = std::fs::read_to_string(format!("{pages}/cardlake-run.1")).unwrap();
    assert!(run.contains("Examples:") && run.contains("late"), "{run}");
    for shell in ["bash", "zsh", "fish"] {
        let completions = lake.cardlake(&["completions", shell]);
        assert_eq!(completions.code, 0, "{}", completions.stderr);
        assert!(completions.stdout.contains("backfill") && completions.stdout.contains("late-window-days"));
    }
}

#[test]
fn a_check_up_says_what_is_in_the_way() {
    let lake = Lake::new();
    let good = lake.cardlake(&["doctor"]);
    assert_eq!(good.code, 0, "{}{}", good.stdout, good.stderr);
    assert!(
        !std::path::Path::new(&lake.path("")).exists(),
        "it leaves nothing behind"
    );

    std::fs::write(lake.path("").trim_end_matches('/'), "a file").unwrap();
    let bad = lake.cardlake(&["doctor", "--json"]);
    assert_eq!(bad.code, 1, "{}", bad.stderr);
    let checks: Value = serde_json::from_str(&bad.stdout).unwrap();
    assert_eq!(checks[0]["finding"], "bad", "{checks:#}");
    assert!(checks[0]["told"].as_str().unwrap().contains("--data-dir"), "{checks:#}");
    assert_eq!(
        checks[2]["told"], "cards, customers, merchants, transactions",
        "{checks:#}"
    );

    let aws = lake.cardlake_with(
        &["doctor", "--aws", "--json"],
        &[
            ("AWS_PROFILE", "nobody".to_owned()),
            ("AWS_REGION", "eu-central-1".to_owned()),
            ("AWS_CONFIG_FILE", lake.path("none")),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ],
    );
    let checks: Value = serde_json::from_str(&aws.stdout).unwrap();
    let told = checks[3]["told"].as_str().unwrap();
    assert!(
        told.contains("credentials") && told.contains("AWS_PROFILE"),
        "{checks:#}"
    );
}

#[test]
fn ctrl_c_leaves_what_a_second_run_completes() {
    let lake = Lake::new();
    let day = ["run", "--date", "2026-01-15", "--rows", "2000"];
    // The first log line of the reconciler's commit: something is visible by then, and most is still to be done.
    let mut child = cardlake(&lake, &day).env("RUST_LOG", "info").spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let committed = lines.any(|line| line.unwrap().contains("batch committed"));
    assert!(committed);
    interrupt(&child);
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    let outcome = ended(child);
    assert_eq!(outcome.code, 130, "{rest:#?}");
    let last = rest.last().unwrap();
    assert!(
        last.starts_with("interrupted: ") && last.contains("run the same command again"),
        "{last}"
    );

    let report = lake.run_json(&day[1..]);
    let whole = Lake::new();
    let expected = whole.run_json(&day[1..]);
    for field in ["status", "marts"] {
        assert_eq!(report["runs"][0][field], expected["runs"][0][field]);
    }
    let books = |report: &Value| report["runs"][0]["datasets"]["transactions"].clone();
    for field in [
        "bronze_rows",
        "silver_rows_added",
        "duplicates",
        "quarantined",
        "silver_rows",
        "balanced",
    ] {
        assert_eq!(books(&report)[field], books(&expected)[field], "{field}");
    }
}

#[test]
fn quiet_says_nothing_and_json_is_json_all_the_same() {
    let lake = Lake::new();
    let outcome = lake.cardlake(&["run", "--date", "2026-01-15", "--rows", "500", "--quiet"]);
    assert_eq!(
        (outcome.code, outcome.stdout.as_str(), outcome.stderr.as_str()),
        (0, "", "")
    );
    let again = lake.cardlake(&["run", "--date", "2026-01-15", "--rows", "500", "-q", "--json"]);
    let report: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(report["runs"][0]["status"], "succeeded");
    let built = lake.cardlake(&["build", "--select", "mart_sales_daily", "--quiet"]);
    assert_eq!((built.code, built.stdout.as_str(), built.stderr.as_str()), (0, "", ""));
}
