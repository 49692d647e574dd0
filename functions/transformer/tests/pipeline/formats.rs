//! Files that are not one row in each line: every row is read, and every byte is accounted for.

use crate::support::{Files, LIMITS, plan, read, run};
use arrow::array::{Array, AsArray};
use cardlake_core::events::FileFormat;
use cardlake_transformer::{PipelineLimits, Summary, TransformPlan};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

pub const NOTES: &str = "
apiVersion: v3.1.0
kind: DataContract
version: 1.0.0
schema:
  - name: notes
    properties:
      - {name: id, logicalType: integer, physicalType: BIGINT, primaryKey: true}
      - {name: note, logicalType: string, physicalType: VARCHAR(100)}
      - {name: amount, logicalType: number, physicalType: 'DECIMAL(9,2)'}
";

/// Note by id.
pub fn notes(files: &Files) -> BTreeMap<i64, Option<String>> {
    let mut rows = BTreeMap::new();
    for batch in read(files) {
        let ids = batch["id"].as_primitive::<arrow::datatypes::Int64Type>();
        let notes = batch["note"].as_string::<i32>();
        for row in 0..batch.num_rows() {
            let note = notes.is_valid(row).then(|| notes.value(row).to_owned());
            assert!(rows.insert(ids.value(row), note).is_none(), "a key is there once");
        }
    }
    rows
}

/// The outcome, which is the same whatever the size of the blocks.
pub fn outcome(text: &[u8], format: FileFormat, plan: &TransformPlan) -> Result<(Summary, Files, String), String> {
    let expected = run(text, format, plan, &LIMITS);
    for (block_bytes, workers) in [(1, 2), (37, 1), (700, 3)] {
        let limits = PipelineLimits {
            block_bytes,
            workers,
            ..LIMITS
        };
        assert_eq!(
            run(text, format, plan, &limits),
            expected,
            "blocks of {block_bytes} bytes"
        );
    }
    if let Ok((summary, ..)) = &expected {
        assert!(summary.text.balanced(), "{:?}", summary.text);
        assert_eq!(summary.text.read, text.len() as u64);
    }
    expected
}

/// Rows in silver and in the quarantine, and the latter by reason.
fn counts(text: &[u8], format: FileFormat) -> (u64, u64, BTreeMap<String, u64>) {
    let (summary, ..) = outcome(text, format, &plan(NOTES)).unwrap();
    (
        summary.counts.silver_rows,
        summary.counts.quarantined,
        summary.quarantine.reasons,
    )
}

fn reasons(reasons: &[(&str, u64)]) -> BTreeMap<String, u64> {
    reasons.iter().map(|(text, rows)| ((*text).to_owned(), *rows)).collect()
}

fn object(id: usize) -> Value {
    json!({"id": id, "note": format!("n{id} }}{{\"], [{{"), "amount": "1.50"})
}

#[test]
fn objects_on_one_line_beside_lines_of_one_object_are_rows() {
    let line = |separator: &str| {
        (301..=1300)
            .map(|id| object(id).to_string())
            .collect::<Vec<_>>()
            .join(separator)
    };
    let lines: String = (1..=300).fold(String::new(), |text, id| text + &object(id).to_string() + "\n");
    for (one_line, what) in [
        (line(""), "concatenated"),
        (line(", "), "with commas"),
        (format!("[{}]", line(",")), "an array"),
        (line("\r"), "with carriage returns"),
    ] {
        for text in [
            lines.clone() + &one_line,
            one_line.clone() + "\n" + &lines,
            one_line.clone(),
        ] {
            let rows = if text.len() > one_line.len() { 1300 } else { 1000 };
            assert_eq!(
                counts(text.as_bytes(), FileFormat::Jsonl),
                (rows, 0, BTreeMap::new()),
                "{what}"
            );
        }
    }
}

#[test]
fn arrays_and_objects_over_several_lines_are_rows() {
    let objects: Vec<Value> = (1..=40).map(object).collect();
    let pretty: Vec<String> = objects
        .iter()
        .map(|object| serde_json::to_string_pretty(object).unwrap())
        .collect();
    for text in [
        serde_json::to_string_pretty(&objects).unwrap(),
        format!("\u{feff} {}\n", Value::from(objects)),
        pretty.join("\n"),
        pretty.join(""),
        format!("[\n{}\n]\n", pretty.join(",\n")),
    ] {
        assert_eq!(
            counts(text.as_bytes(), FileFormat::Jsonl),
            (40, 0, BTreeMap::new()),
            "{text}"
        );
    }
    assert_eq!(counts(b"[]", FileFormat::Jsonl), (0, 0, BTreeMap::new()));
}

#[test]
fn a_malformed_object_costs_itself_and_no_other() {
    let not_json = |rows| reasons(&[("row: not a JSON object", rows)]);
    let (a, b) = (object(1).to_string(), object(2).to_string());
    for bad in [
        r#"{"id":3,"note":"open}"#,
        r#"{"id":3,"note":[1}"#,
        r#"{"id":3"#,
        r#"{"id":3,,"amount":1}"#,
    ] {
        for text in [
            format!("{a}{bad}\n{b}"),
            format!("[{a},{bad}\n,{b}]"),
            format!("{a}\n{bad}\n{b}\n"),
        ] {
            if text.starts_with('[') && !bad.ends_with('}') {
                continue;
            }
            assert_eq!(
                counts(text.as_bytes(), FileFormat::Jsonl),
                (2, 1, not_json(1)),
                "{text}"
            );
        }
    }
    let (summary, _, lines) = outcome(format!("{a} 17\n[{b}]").as_bytes(), FileFormat::Jsonl, &plan(NOTES)).unwrap();
    assert_eq!((summary.text.unreadable, summary.counts.quarantined), (2, 1));
    assert!(
        lines.contains(r#""row":2,"reasons":["row: not a JSON object"],"raw":"17""#),
        "{lines}"
    );
}

#[test]
fn an_array_that_is_not_closed_is_an_incomplete_file() {
    let text = format!("[{},{}", object(1), object(2));
    assert_eq!(
        outcome(text.as_bytes(), FileFormat::Jsonl, &plan(NOTES)).unwrap_err(),
        "the JSON array is not closed: the file is incomplete"
    );
}

#[test]
fn carriage_returns_alone_end_rows() {
    let text = "id,note,amount\r1,\"a,b\",1\r2,c,2\r\r3,d,x\r";
    assert_eq!(
        counts(text.as_bytes(), FileFormat::Csv),
        (2, 1, reasons(&[("amount: not a number", 1)]))
    );
    // In the middle of a file with other line ends, too.
    let text = "id,note,amount\n1,a,1\n2,b,2\r3,c,3\r4,d\r\n5,e,5\n";
    assert_eq!(
        counts(text.as_bytes(), FileFormat::Csv),
        (4, 1, reasons(&[("row: wrong number of fields", 1)]))
    );
}

/// 1,000 rows, of which these two are written otherwise.
fn thousand(first: &str, second: &str) -> String {
    (1..=1000).fold("id,note,amount\n".to_owned(), |mut text, id| {
        let note = match id {
            101 => first,
            901 => second,
            _ => "n",
        };
        writeln!(text, "{id},{note},1.50").unwrap();
        text
    })
}

#[test]
fn stray_quotes_swallow_no_rows() {
    let unclosed = |rows| reasons(&[("row: a quote is not closed", rows)]);
    for (first, second, lost) in [
        ("\"5 inch", "\"6 inch", 2),
        // Closed at last: with as many fields as a row, and with more.
        ("\"5 inch", "6 inch\"", 1),
        ("\"5 inch", "6, inch\"", 2),
        ("\"5 inch", "n", 1),
    ] {
        let text = thousand(first, second);
        let (silver, quarantined, found) = counts(text.as_bytes(), FileFormat::Csv);
        assert_eq!((silver, quarantined), (1000 - lost, lost), "{first} {second}");
        let by_rule = if second.contains(',') {
            reasons(&[("row: a quote is not closed", 1), ("row: wrong number of fields", 1)])
        } else {
            unclosed(lost)
        };
        assert_eq!(found, by_rule);
    }
    let (_, quarantined, found) = counts(thousand("\"5\" inch", "n").as_bytes(), FileFormat::Csv);
    assert_eq!(
        (quarantined, found),
        (1, reasons(&[("row: text after a closing quote", 1)]))
    );
}

#[test]
fn a_field_of_several_lines_is_one_row() {
    let text = thousand("\"one\ntwo, \"\"three\"\"\r\nfour\"", "\"\n\"");
    let (summary, files, _) = outcome(text.as_bytes(), FileFormat::Csv, &plan(NOTES)).unwrap();
    assert_eq!(summary.counts.silver_rows, 1000);
    let notes = notes(&files);
    assert_eq!(notes[&101].as_deref(), Some("one\ntwo, \"three\"\r\nfour"));
    assert_eq!(notes[&901], None);
}

#[test]
fn bytes_are_counted_by_what_became_of_them() {
    let text = "id,note,amount\r\n1,a,1\r\n\r\n2,b,x\r\n3\r\n";
    let (summary, ..) = outcome(text.as_bytes(), FileFormat::Csv, &plan(NOTES)).unwrap();
    let bytes = summary.text;
    assert_eq!((bytes.kept, bytes.quarantined, bytes.unreadable), (5, 5, 1));
    assert_eq!(bytes.skipped, text.len() as u64 - 11);
    // A file without a line end at its end has none.
    let text = "id,note,amount\n1,a,1";
    let (summary, ..) = outcome(text.as_bytes(), FileFormat::Csv, &plan(NOTES)).unwrap();
    assert_eq!((summary.text.kept, summary.text.skipped), (5, 15));
}

#[test]
fn a_record_that_is_too_long_weighs_its_bytes() {
    let long = "x".repeat(11 << 20);
    let text = format!("id,note,amount\n1,a,1\n2,{long},1\n3,c,1\n");
    let (summary, ..) = run(text.as_bytes(), FileFormat::Csv, &plan(NOTES), &LIMITS).unwrap();
    assert_eq!((summary.counts.silver_rows, summary.counts.quarantined), (2, 1));
    assert!(
        summary.text.balanced() && summary.text.unreadable > 11 << 20,
        "{:?}",
        summary.text
    );
}

#[derive(Debug, Clone, Copy)]
enum Layout {
    Lines,
    Concatenated,
    Array,
    Pretty,
    PrettyArray,
}

fn render(rows: &[(i64, String)], layout: Layout) -> String {
    let objects: Vec<Value> = rows.iter().map(|(id, note)| json!({"note": note, "id": id})).collect();
    let joined = |separator: &str| objects.iter().map(Value::to_string).collect::<Vec<_>>().join(separator);
    match layout {
        Layout::Lines => joined("\n"),
        Layout::Concatenated => joined(""),
        Layout::Array => format!("[{}]", joined(",")),
        Layout::Pretty => objects.iter().fold(String::new(), |text, object| {
            text + &serde_json::to_string_pretty(object).unwrap()
        }),
        Layout::PrettyArray => serde_json::to_string_pretty(&objects).unwrap(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn rows_written_in_any_layout_are_read_back(
        rows in prop::collection::btree_map(0_i64..1000, "[a{}\\[\\]\",:\n가]{1,8}", 0..12),
        layouts in prop::collection::vec(select(vec![Layout::Lines, Layout::Concatenated, Layout::Array, Layout::Pretty, Layout::PrettyArray]), 2),
        cut in 0_usize..12,
    ) {
        let rows: Vec<(i64, String)> = rows.into_iter().collect();
        let (first, second) = rows.split_at(cut.min(rows.len()));
        let text = render(first, layouts[0]) + "\n" + &render(second, layouts[1]);
        let (summary, files, lines) = outcome(text.as_bytes(), FileFormat::Jsonl, &plan(NOTES)).unwrap();
        prop_assert_eq!(summary.counts.quarantined, 0, "{} {}", text, lines);
        let expected: BTreeMap<i64, Option<String>> = rows.into_iter().map(|(id, note)| {
            let note = note.trim().to_owned();
            (id, (!note.is_empty()).then_some(note))
        }).collect();
        prop_assert_eq!(notes(&files), expected);
    }

    #[test]
    fn one_broken_row_costs_no_other_in_csv(
        rows in prop::collection::vec("[a \n,\"]{0,6}", 1..20),
        broken in select(vec!["x,\"open,1", "x,\"a\"b,1", "x,y", "\"x"]),
        at in 0_usize..20,
    ) {
        let mut text = "id,note,amount\n".to_owned();
        let at = at.min(rows.len());
        let mut expected = BTreeMap::new();
        for (id, note) in (0..).zip(&rows) {
            if id as usize == at {
                text += broken;
                text.push('\n');
            }
            // No quotes behind the broken row: one of them would close it.
            let note = if id as usize >= at { note.replace(['"', '\n', ','], "") } else { note.clone() };
            if note.contains(['"', '\n', ',']) {
                writeln!(text, "{id},\"{}\",1", note.replace('"', "\"\"")).unwrap();
            } else {
                writeln!(text, "{id},{note},1").unwrap();
            }
            let note = note.trim().to_owned();
            expected.insert(id, (!note.is_empty()).then_some(note));
        }
        if at == rows.len() {
            text += broken;
        }
        let (summary, files, _) = outcome(text.as_bytes(), FileFormat::Csv, &plan(NOTES)).unwrap();
        prop_assert_eq!(notes(&files), expected, "{}", text);
        prop_assert_eq!(summary.counts.quarantined, 1);
    }
}

/// Where lines in another encoding stand decides nothing: rows before and behind them are rows.
#[test]
fn long_lines_in_another_encoding_cost_themselves_alone() {
    let mut latin = vec![b'\xe9'; 7_000];
    latin.push(b'\n');
    let latin = latin.repeat(13);
    let rows: String = (0..2_000).map(|id| format!("{}\n", object(id))).collect();
    let first = [&latin, rows.as_bytes()].concat();
    let last = [rows.as_bytes(), &latin].concat();
    for text in [first, last] {
        let (kept, quarantined, _) = counts(&text, FileFormat::Jsonl);
        assert_eq!((kept, quarantined), (2_000, 13));
    }
    // A row in another encoding is a row that is quarantined, also if there is no other.
    let (kept, quarantined, _) = counts(b"{\"id\":1,\"note\":\"\xe9\"}\n", FileFormat::Jsonl);
    assert_eq!((kept, quarantined), (0, 1));
    let nothing_else = run(&latin, FileFormat::Jsonl, &plan(NOTES), &LIMITS);
    assert_eq!(nothing_else.unwrap_err(), "the file is not UTF-8 text");
}
