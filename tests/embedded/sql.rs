//! `cardlake sql`: where statements come from, what they say, and what can be read while the lake is in use.

use crate::harness::{Lake, Outcome, cardlake, ended, interrupt};
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

/// A call with something on its standard input.
fn cardlake_reading(lake: &Lake, arguments: &[&str], input: &str) -> Outcome {
    let mut child = cardlake(lake, arguments).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    ended(child)
}

#[test]
fn statements_come_from_arguments_files_and_standard_input() {
    let lake = Lake::new();
    lake.run_json(&["--date", "2026-01-15", "--rows", "300"]);
    let several = "-- first; a comment\nselect 1 as n;\nselect 'a;b' as t, '' as empty, null as nothing";
    let expected = "n\n1\nt,empty,nothing\na;b,\"\",\n";
    assert_eq!(lake.sql(several, "csv"), expected);
    let file = lake.path("questions.sql");
    std::fs::write(&file, several).unwrap();
    let of_file = lake.cardlake(&["sql", "--file", &file, "--format", "csv"]);
    assert_eq!(
        (of_file.code, of_file.stdout.as_str()),
        (0, expected),
        "{}",
        of_file.stderr
    );
    for arguments in [&["sql", "-", "--format", "csv"][..], &["sql", "--format", "csv"]] {
        let of_input = cardlake_reading(&lake, arguments, several);
        assert_eq!(
            (of_input.code, of_input.stdout.as_str()),
            (0, expected),
            "{}",
            of_input.stderr
        );
    }
    let nothing = cardlake_reading(&lake, &["sql", "-"], "-- nothing\n");
    assert_eq!(nothing.code, 2);
    assert!(
        nothing.stderr.contains("standard input holds no statement"),
        "{}",
        nothing.stderr
    );

    let print = |statement: &str| lake.sql(statement, "table");
    assert_eq!(print("create table analytics.scratch (n integer)"), "done\n");
    assert_eq!(
        print("insert into analytics.scratch values (1), (2), (3)"),
        "3 rows affected\n"
    );
    assert_eq!(print("delete from analytics.scratch where n = 2"), "1 row affected\n");
    assert!(print("select null as nothing, '' as empty").contains("NULL"));
    let limited = lake.cardlake(&["sql", "--limit", "1", "select n from analytics.scratch order by n"]);
    assert!(limited.stdout.contains("1 of 2 rows"), "{}", limited.stdout);

    // The first one that fails is the last.
    let failing = lake.cardlake(&[
        "sql",
        "delete from analytics.scratch; select * from nowhere; drop table analytics.scratch",
    ]);
    assert_eq!(failing.code, 1);
    assert_eq!(lake.sql_value("select count(*) from analytics.scratch"), "0");
}

#[test]
fn a_lake_in_use_is_read_through_the_process_that_has_it() {
    let lake = Lake::new();
    lake.run_json(&["--date", "2026-01-15", "--rows", "300"]);
    let mut up = cardlake(&lake, &["up"]).stdin(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(up.stderr.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert!(line.starts_with("serving "), "{line}");
    let holder = format!("process {}", up.id());

    assert_ne!(lake.sql_value("select count(*) from fact_transactions"), "0");
    for arguments in [&["status"][..], &["report"]] {
        let outcome = lake.cardlake(arguments);
        assert_eq!(outcome.code, 0, "{arguments:?}: {}", outcome.stderr);
    }
    let refused = lake.cardlake(&["sql", "delete from raw.cards"]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains(&holder) && refused.stderr.contains("only queries"),
        "{}",
        refused.stderr
    );
    let run = lake.cardlake(&["run", "--date", "2026-01-15", "--rows", "300"]);
    assert_eq!(run.code, 1);
    assert!(
        run.stderr.contains(&format!("another cardlake ({holder}) is using")),
        "{}",
        run.stderr
    );

    interrupt(&up);
    assert_eq!(ended(up).code, 0);
    assert_eq!(lake.sql_value("select count(*) > 0 from raw.cards"), "true");
    assert!(
        !lake.files_below("").contains_key("holder.json"),
        "its key goes with it"
    );
}
