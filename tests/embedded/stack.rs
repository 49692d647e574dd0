//! `--aws`: the servers of another process stand for the deployed stack, reached by nothing but what they print.

use crate::harness::{Lake, cardlake, ended, interrupt, send};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::Child;

/// A lake with a day in it, served.
struct Stack {
    lake: Lake,
    server: Child,
    /// What reaches it.
    variables: Vec<(String, String)>,
}

impl Stack {
    fn start() -> Self {
        let lake = Lake::new();
        lake.run_json(&["--date", "2026-01-15", "--rows", "500"]);
        let printed = tempfile::NamedTempFile::new().unwrap();
        let mut up = cardlake(&lake, &["up"]);
        let mut server = up.stdout(printed.reopen().unwrap()).spawn().unwrap();
        let mut line = String::new();
        // Once it says that it serves, the exports are printed.
        BufReader::new(server.stderr.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert!(line.starts_with("serving "), "{line}");
        let variables = std::fs::read_to_string(printed.path())
            .unwrap()
            .lines()
            .map(|line| line.strip_prefix("export ").unwrap().split_once('=').unwrap())
            .map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned()))
            .collect();
        Self {
            lake,
            server,
            variables,
        }
    }

    fn variables(&self) -> Vec<(&str, String)> {
        let variables = self.variables.iter();
        variables.map(|(name, value)| (name.as_str(), value.clone())).collect()
    }

    /// Whether somebody has the lease on the warehouse.
    fn is_taken(&self) -> bool {
        std::path::Path::new(&self.lake.path("s3/cardlake-silver/_warehouse/lease.json")).exists()
    }

    /// Stops the servers, and gives the lake.
    fn stop(mut self) -> Lake {
        interrupt(&self.server);
        assert!(self.server.wait().unwrap().success());
        self.lake
    }
}

#[test]
fn the_stack_that_the_environment_names_is_asked_like_ones_own() {
    let stack = Stack::start();
    let variables = stack.variables();
    let other = Lake::new();
    let asked = other.cardlake_with(
        &[
            "sql",
            "--aws",
            "--format",
            "csv",
            "select count(*) as n from raw.transactions",
        ],
        &variables,
    );
    assert_eq!(asked.code, 0, "{}", asked.stderr);
    assert!(
        asked.stdout.starts_with("n\n") && asked.stdout.len() > 3,
        "{}",
        asked.stdout
    );
    let status = other.cardlake_with(&["status", "--aws", "--json"], &variables);
    let records: Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(records[0]["batch_date"], "2026-01-15");

    // There is no Step Functions here: the setting that is missing is named, with where to get it.
    let backfill = other.cardlake_with(
        &["backfill", "--aws", "--from", "2026-01-15", "--to", "2026-01-15"],
        &variables,
    );
    assert_eq!(backfill.code, 2, "{}", backfill.stderr);
    assert!(
        backfill.stderr.contains("CARDLAKE_BACKFILL_STATE_MACHINE_ARN"),
        "{}",
        backfill.stderr
    );
    assert!(backfill.stderr.contains("terraform"), "{}", backfill.stderr);

    stack.stop();
}

#[test]
fn a_deployed_warehouse_is_built_in_like_ones_own() {
    let stack = Stack::start();
    let elsewhere = Lake::new();
    let select = ["build", "--aws", "--json", "--select", "mart_sales_daily"];
    let built = elsewhere.cardlake_with(&select, &stack.variables());
    assert_eq!(built.code, 0, "{}{}", built.stderr, built.stdout);
    let report: Value = serde_json::from_str(&built.stdout).unwrap();
    // The day is the stack's last one; nothing is made on this machine.
    assert_eq!(
        (&report["status"], &report["batch_date"]),
        (&"succeeded".into(), &"2026-01-15".into())
    );
    let rows = report["marts"]["mart_sales_daily"].as_u64().unwrap();
    assert!(rows > 0 && report["tests_passed"].as_u64().unwrap() > 0, "{report:#}");
    assert!(elsewhere.files_below("").is_empty());

    let wrong = elsewhere.cardlake_with(&["build", "--aws", "--select", "no_such_mart"], &stack.variables());
    assert_eq!(wrong.code, 1, "{}", wrong.stdout);
    assert!(wrong.stderr.contains("no_such_mart"), "{}", wrong.stderr);
    assert!(!stack.is_taken(), "nobody is kept waiting");
    let lake = stack.stop();
    assert_eq!(
        lake.sql_value("select count(*) from mart_sales_daily"),
        rows.to_string()
    );
}

#[test]
fn ctrl_c_or_kill_in_a_build_gives_the_warehouse_back_at_once() {
    let stack = Stack::start();
    let elsewhere = Lake::new();
    for signal in ["INT", "TERM"] {
        a_signal_in_a_build_gives_the_warehouse_back(signal, &stack, &elsewhere);
    }
    stack.stop();
}

fn a_signal_in_a_build_gives_the_warehouse_back(signal: &str, stack: &Stack, elsewhere: &Lake) {
    let select = ["build", "--aws", "--select", "mart_sales_daily", "--force"];
    let mut child = cardlake(elsewhere, &select)
        .envs(stack.variables())
        .env("RUST_LOG", "info")
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let begun = lines.any(|line| line.unwrap().contains("build begins"));
    assert!(begun);
    assert!(stack.is_taken(), "the build has the warehouse");
    send(signal, &child);
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(ended(child).code, 130, "{rest:#?}");
    let last = rest.last().unwrap();
    assert!(
        last.starts_with("interrupted: ") && last.contains("nothing was published"),
        "{last}"
    );
    assert!(!stack.is_taken(), "nobody is kept waiting");
    let again = elsewhere.cardlake_with(&select, &stack.variables());
    assert_eq!(again.code, 0, "{}", again.stderr);
}
