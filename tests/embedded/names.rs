//! Names of raw files that nobody would choose.

use crate::harness::Lake;

#[test]
fn control_characters_in_the_name_of_a_raw_file_stop_no_day_and_reach_no_terminal() {
    let lake = Lake::new();
    let landing = lake.path("landing");
    let made = lake.cardlake(&["generate", "--date", "2026-01-15", "--rows", "300", "--out", &landing]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let folder = format!("{landing}/transactions/ingest_date=2026-01-15");
    let file = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap();
    std::fs::rename(file.path(), format!("{folder}/transactions \u{1}+\u{1b}[31m.jsonl")).unwrap();
    std::fs::write(format!("{folder}/_\u{1b}[2J"), "").unwrap();
    let report = lake.run_json(&["--date", "2026-01-15", "--input", &landing]);
    let books = &report["runs"][0]["datasets"]["transactions"];
    assert_eq!(books["bronze_rows"], 300, "{report:#}");
    // Again, for a person: what is not input is named.
    let shown = lake.cardlake(&["run", "--date", "2026-01-15", "--input", &landing]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    assert!(shown.stderr.contains(r"\u{1b}[2J"), "{}", shown.stderr);
    assert!(
        !shown.stderr.contains('\u{1b}') && !shown.stdout.contains('\u{1b}'),
        "{shown:?}"
    );
}
