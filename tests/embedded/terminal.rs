//! What a person at a terminal meets: help, completions, pages of the manual, Ctrl-C, a check-up.

use crate::harness::{Lake, cardlake, ended, send};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;

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
fn without_a_command_five_lines_say_what_to_try() {
    let lake = Lake::new();
    let outcome = lake.cardlake(&[]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""));
    assert_eq!(outcome.stderr.lines().count(), 5, "{}", outcome.stderr);
    for told in ["cardlake run ", "--input", "report --open", "cardlake --help"] {
        assert!(outcome.stderr.contains(told), "{told}: {}", outcome.stderr);
    }
    let help = lake.cardlake(&["--help"]);
    assert_eq!((help.code, help.stderr.as_str()), (0, ""));
    assert!(help.stdout.contains("Global options:"), "{}", help.stdout);
}

#[test]
fn the_first_run_says_what_happens_and_what_to_try_next() {
    let day = ["run", "--date", "2026-01-15", "--rows", "500"];
    let lake = Lake::new();
    let first = lake.cardlake(&day);
    assert_eq!(first.code, 0, "{}", first.stderr);
    let (before, after) = first.stderr.split_once("\nNext:\n").unwrap();
    assert!(before.trim_end().lines().count() <= 5, "{before}");
    for told in ["one day of 500 synthetic", &lake.path(""), "MB", "seconds"] {
        assert!(before.contains(told.trim_end_matches('/')), "{told}: {before}");
    }
    assert_eq!(after.lines().count(), 4, "{after}");
    for told in ["cardlake sql '", "report --open", "run --input", "cardlake build"] {
        assert!(after.contains(told), "{told}: {after}");
    }
    // The data directory comes from the environment: the next command finds it without an option.
    assert!(!after.contains("--data-dir"), "{after}");
    let statement = after.split('\'').nth(1).unwrap();
    assert!(lake.sql(statement, "csv").lines().count() > 1, "{statement}");

    let again = lake.cardlake(&day);
    assert_eq!((again.code, again.stderr.as_str()), (0, ""), "not the first run");
    let elsewhere = lake.path("other lake");
    let other = lake.cardlake(&[&day[..], &["--data-dir", &elsewhere]].concat());
    let option = format!("cardlake report --data-dir '{elsewhere}' --open");
    assert!(other.stderr.contains(&option), "{}", other.stderr);

    let lake = Lake::new();
    let json = lake.cardlake(&[&day[..], &["--json"]].concat());
    assert_eq!((json.code, json.stderr.as_str()), (0, ""), "JSON is for machines");
}

#[test]
fn completions_and_the_manual_know_every_command() {
    let lake = Lake::new();
    let pages = lake.path("man");
    let made = lake.cardlake(&["man", "--out", &pages]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    for command in [
        "run", "backfill", "status", "report", "sql", "up", "validate", "profile", "optimize", "vacuum", "doctor",
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

    let folder = lake.path("");
    std::fs::create_dir(&folder).unwrap();
    for (mode, warnings) in [(0o755, 1), (0o700, 0)] {
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode)).unwrap();
        let checked = lake.cardlake(&["doctor"]);
        assert_eq!(
            checked.stdout.matches("chmod 700").count(),
            warnings,
            "{}",
            checked.stdout
        );
    }
    std::fs::remove_dir_all(&folder).unwrap();

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
    a_signal_leaves_what_a_second_run_completes("INT");
}

#[test]
fn kill_leaves_what_a_second_run_completes() {
    a_signal_leaves_what_a_second_run_completes("TERM");
}

fn a_signal_leaves_what_a_second_run_completes(signal: &str) {
    let lake = Lake::new();
    let day = ["run", "--date", "2026-01-15", "--rows", "2000"];
    // The first log line of the reconciler's commit: something is visible by then, and most is still to be done.
    let mut child = cardlake(&lake, &day).env("RUST_LOG", "info").spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let committed = lines.any(|line| line.unwrap().contains("batch committed"));
    assert!(committed);
    send(signal, &child);
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
