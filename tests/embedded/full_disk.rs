//! A disk that runs full, under the raw files, the tables or the warehouse: what a person is told, and that a second run
//! ends right.

use crate::harness::{Lake, Outcome};
use serde_json::{Value, json};
use std::process::Command;
use tempfile::TempDir;

const DAY: [&str; 5] = ["run", "--date", "2026-01-15", "--rows", "3000"];
/// Quiet, so that the notice of a first run is not among the errors. In a name space of its own: the mount is there for this shell, and goes with it.
const ON_A_SMALL_DISK: &str = r#"
mount -t tmpfs -o "size=$SIZE" tmpfs "$DISK" || exit 70
"$CARDLAKE" "$@" --quiet >/dev/null
test $? = 1 || exit 71
mount -o remount,size=64m "$DISK" || exit 72
exec "$CARDLAKE" "$@" --json
"#;
/// Blocks have 512 bytes, or 1024 where sh is bash.
const WITH_SMALL_FILES: &str = r#"
(ulimit -f "$BLOCKS" && exec "$CARDLAKE" "$@" --quiet >/dev/null)
test $? = 1 || exit 71
exec "$CARDLAKE" "$@" --json
"#;

/// Runs a script that calls the command twice, with this much room and then with enough.
fn twice(shell: &[&str], script: &str, variables: &[(&str, &str)]) -> Outcome {
    let (program, arguments) = shell.split_first().unwrap();
    let mut command = Command::new(program);
    command.args(arguments).args(["-c", script, "sh"]).args(DAY);
    command
        .env("CARDLAKE", env!("CARGO_BIN_EXE_cardlake"))
        .env_remove("RUST_LOG");
    let output = command.envs(variables.iter().copied()).output().unwrap();
    Outcome {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The books and the marts of the one day of a report.
fn outcome_of(report: &str) -> Value {
    let report: Value = serde_json::from_str(report).unwrap();
    let run = &report["runs"][0];
    assert_eq!(run["status"], "succeeded", "{run:#}");
    let books = &run["datasets"]["transactions"];
    assert_eq!(books["balanced"], true);
    // A table whose first commit got through has nothing new in the second run.
    json!([
        books["bronze_rows"],
        books["silver_rows"],
        books["warehouse_rows"],
        run["marts"]
    ])
}

fn with_room() -> Value {
    let report = Lake::new().cardlake(&[DAY.as_slice(), &["--json"]].concat());
    outcome_of(&report.stdout)
}

#[test]
#[allow(clippy::print_stderr, reason = "it says what it skips")]
fn a_full_disk_is_one_line_with_its_folder_and_a_run_with_room_ends_right() {
    let folder = TempDir::new().unwrap();
    let disk = folder.path().display().to_string();
    let namespace = ["unshare", "-Urm", "sh"];
    let allowed = Command::new("unshare")
        .args(["-Urm", "mount", "-t", "tmpfs", "tmpfs", &disk])
        .status();
    if !allowed.is_ok_and(|status| status.success()) {
        eprintln!("skipped: nothing can be mounted here; the test with small files stands for this one");
        return;
    }
    let expected = with_room();
    let lake = format!("{disk}/lake");
    // Room for half a header of the warehouse, for half the raw files, for half a build.
    for size in ["8k", "300k", "3m"] {
        let variables = [
            ("DISK", disk.as_str()),
            ("SIZE", size),
            ("CARDLAKE_DATA_DIR", lake.as_str()),
        ];
        let outcome = twice(&namespace, ON_A_SMALL_DISK, &variables);
        assert_eq!(outcome.code, 0, "{size}: {outcome:?}");
        assert_eq!(outcome.stderr.lines().count(), 1, "{size}: {}", outcome.stderr);
        let begin = format!("error: no room is left in {lake} (0.");
        assert!(outcome.stderr.starts_with(&begin), "{size}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("MB free") && outcome.stderr.contains("--data-dir"));
        assert_eq!(outcome_of(&outcome.stdout), expected, "{size}");
    }
}

#[test]
fn files_that_get_too_large_are_one_line_and_a_run_without_the_limit_ends_right() {
    let expected = with_room();
    // Too little for a raw file; enough for all files but that of the warehouse.
    for (blocks, stage) in [("300", "Generate"), ("2800", "Build")] {
        let lake = Lake::new();
        let variables = [("BLOCKS", blocks), ("CARDLAKE_DATA_DIR", &lake.path(""))];
        let outcome = twice(&["sh"], WITH_SMALL_FILES, &variables);
        assert_eq!(outcome.code, 0, "{blocks}: {outcome:?}");
        assert_eq!(outcome.stderr.lines().count(), 1, "{blocks}: {}", outcome.stderr);
        let begin = format!("error: a file gets too large: 2026-01-15 failed at {stage}: ");
        assert!(outcome.stderr.starts_with(&begin), "{blocks}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("ulimit -f"), "{}", outcome.stderr);
        assert_eq!(outcome_of(&outcome.stdout), expected, "{blocks}");
    }
}
