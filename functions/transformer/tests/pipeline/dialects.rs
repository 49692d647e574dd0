//! Headers, dialects, encodings, spellings of null and times: what is unambiguous is read, what the contract tells is read, and
//! for the rest the message says what was seen without quoting it.

use crate::formats::{NOTES, notes, outcome};
use crate::support::{LIMITS, plan, read, run};
use arrow::array::AsArray;
use arrow::datatypes::{Date32Type, Int32Type, TimestampMicrosecondType};
use cardlake_core::events::FileFormat;
use cardlake_transformer::TransformPlan;
use std::fmt::Write as _;

fn csv(text: &[u8], plan: &TransformPlan) -> Vec<(i64, Option<String>)> {
    let (summary, files, lines) = outcome(text, FileFormat::Csv, plan).unwrap();
    assert_eq!(summary.counts.quarantined, 0, "{lines}");
    notes(&files).into_iter().collect()
}

fn rejection(text: &str) -> String {
    outcome(text.as_bytes(), FileFormat::Csv, &plan(NOTES)).unwrap_err()
}

/// The contract of notes with a custom property.
fn notes_with(property: &str) -> TransformPlan {
    plan(&NOTES.replace(
        "    properties:\n",
        &format!("    customProperties: [{property}]\n    properties:\n"),
    ))
}

#[test]
fn unambiguous_headers_are_read() {
    let plan = plan(NOTES);
    let row = [(1, Some("a".to_owned()))];
    for text in [
        "id,note,amount,,,\n1,a,1,,,\n",
        "id,note,amount\n1,a,1,,\n",
        "\n \r\n\nid,note,amount\n1,a,1\n",
        "ID,Note, AMOUNT\n1,a,1\n",
        "sep=;\r\nid;note;amount\r\n1;a;1\r\n",
        "\u{feff}\"sep=;\"\nid;note;amount\n1;a;1\n",
        "\u{feff}\n\"id\",\"note\",amount\n1,a,1",
    ] {
        assert_eq!(csv(text.as_bytes(), &plan), row, "{text:?}");
    }
    for empty in [
        "",
        "\u{feff}",
        "\n",
        "\r\n\n \n",
        "\u{feff}\r",
        "id,note,amount",
        "id,note,amount\n",
    ] {
        assert_eq!(csv(empty.as_bytes(), &plan), [], "{empty:?}");
    }
}

#[test]
fn values_without_a_name_are_not_lost() {
    let (summary, _, lines) = outcome(b"id,note,amount\n1,a,1,x\n", FileFormat::Csv, &plan(NOTES)).unwrap();
    assert_eq!(summary.counts.quarantined, 1, "{lines}");
    let (summary, ..) = outcome(b"id,note,amount,,\n1,a,1,,x\n", FileFormat::Csv, &plan(NOTES)).unwrap();
    assert_eq!(summary.drift, [("column 5".to_owned(), 1)].into());
}

#[test]
fn a_name_that_is_written_exactly_counts_for_more_than_one_in_another_case() {
    let (summary, files, _) = outcome(b"NOTE,id,note\nx,1,a\n", FileFormat::Csv, &plan(NOTES)).unwrap();
    assert_eq!(notes(&files)[&1].as_deref(), Some("a"));
    assert_eq!(summary.drift, [("NOTE".to_owned(), 1)].into());
}

#[test]
fn a_rejection_says_what_was_seen_and_quotes_no_data() {
    let other = "the first line is no header: it names none of the required columns; columns separated by";
    for (text, delimiter) in [
        ("id;note;amount\n", ";"),
        ("id\tnote\tamount\n", "\\t"),
        ("ID|NOTE|AMOUNT\n", "|"),
    ] {
        let expected = format!("{other} '{delimiter}'? set csv.delimiter in the contract");
        assert_eq!(rejection(text), expected);
    }
    let none = "the first line is no header: it names none of the required columns;";
    for (text, expected) in [
        (
            "7,secret,secret\n8,b,2\n",
            format!(
                "{none} 0 of its 3 fields name a column of the contract; it may be a row of a file without a header"
            ),
        ),
        (
            "note,secret,secret\n",
            format!("{none} 1 of its 3 fields name a column of the contract"),
        ),
        (
            "id,secret,note,secret\n",
            "the header gives columns 2 and 4 the same name".to_owned(),
        ),
        ("id,note,note\n", "the header names the column 'note' twice".to_owned()),
        ("id,NOTE,Note\n", "the header names the column 'note' twice".to_owned()),
        (
            "\"secret,secret\n",
            "the first line is no header: a quote is not closed".to_owned(),
        ),
    ] {
        assert_eq!(rejection(text), expected);
    }
}

#[test]
fn the_contract_tells_the_dialect() {
    let plan =
        notes_with("{property: csv, value: {delimiter: ';', quote: \"'\", escape: '\\', comment: '#', skipRows: 2}}");
    let text = "export;of\n2026\n# it's a comment\nid;note;amount\n1;a\\;b;1\n#2;'\n\n3;'c;\n''d\\'';3\n4;\\N;4\n";
    let expected = [(1, "a;b"), (3, "c;\n'd'"), (4, "\\N")].map(|(id, note)| (id, Some(note.to_owned())));
    assert_eq!(csv(text.as_bytes(), &plan), expected);
}

#[test]
fn the_contract_tells_the_encoding() {
    let text = "id,note,amount\n1,\u{ae40},1\n";
    let row = [(1, Some("\u{ae40}".to_owned()))];
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let run = |bytes: &[u8], plan: &TransformPlan| {
        let (summary, files, _) = run(bytes, FileFormat::Csv, plan, &LIMITS).unwrap();
        assert!(summary.text.balanced());
        notes(&files).into_iter().collect::<Vec<_>>()
    };
    assert_eq!(run(&utf16, &notes_with("{property: encoding, value: utf-16be}")), row);
    assert_eq!(run(&[&b"\xfe\xff"[..], &utf16].concat(), &plan(NOTES)), row);
    let cp949 = b"id,note,amount\n1,\xb1\xe8,1\n2,\xb1,1\n";
    let korean = notes_with("{property: encoding, value: CP949}");
    assert_eq!(run(cp949, &korean), row, "the second row cannot be decoded");
    let latin = b"id,note,amount\n1,caf\xe9,1\n";
    let western = notes_with("{property: encoding, value: latin-1}");
    assert_eq!(run(latin, &western), [(1, Some("caf\u{e9}".to_owned()))]);
}

#[test]
fn the_contract_tells_what_is_null() {
    let contract = NOTES
        .replace(
            "    properties:\n",
            "    customProperties: [{property: nullValues, value: ['NULL', '-']}]\n    properties:\n",
        )
        .replace(
            "'DECIMAL(9,2)'}",
            "'DECIMAL(9,2)', customProperties: [{property: nullValues, value: ['-999']}]}",
        );
    let plan = plan(&contract);
    let text = b"id,note,amount\n1, NULL ,-999\n2,-,1\n3,null,-999.0\nNULL,a,1\n";
    let (summary, files, lines) = outcome(text, FileFormat::Csv, &plan).unwrap();
    let found: Vec<_> = notes(&files).into_iter().collect();
    assert_eq!(found, [(1, None), (2, None), (3, Some("null".to_owned()))]);
    let batch = &read(&files)[0];
    assert_eq!(batch["amount"].null_count(), 1);
    assert_eq!(summary.counts.quarantined, 1);
    assert!(lines.contains("id: required"), "{lines}");
}

const EVENTS: &str = "
apiVersion: v3.1.0
kind: DataContract
version: 1.0.0
schema:
  - name: events
    customProperties: [{property: eventTime, value: at}, {property: timeZone, value: Asia/Seoul}]
    properties:
      - {name: id, logicalType: string, physicalType: VARCHAR(9), primaryKey: true}
      - {name: at, logicalType: timestamp, physicalType: TIMESTAMP}
      - {name: seconds, logicalType: timestamp, physicalType: TIMESTAMP, customProperties: [{property: timestampFormat, value: epoch_seconds}]}
      - {name: millis, logicalType: timestamp, physicalType: TIMESTAMP, customProperties: [{property: timestampFormat, value: epoch_millis}]}
      - {name: day, logicalType: date, physicalType: DATE, customProperties: [{property: derivation, value: {kind: date, from: at}}]}
      - {name: days_late, logicalType: integer, physicalType: INTEGER, customProperties: [{property: derivation, value: {kind: days_late, from: at}}]}
";

#[test]
fn local_times_and_their_days_are_those_of_the_source() {
    let plan = plan(EVENTS);
    // The objects are of 15 January; the first row is of the early morning in Seoul.
    let mut text = "id,at,seconds,millis\n".to_owned();
    for (id, at) in [
        ("a", "2026-01-15 00:30:00"),
        ("b", "2026-01-14 23:59:59"),
        ("c", "2026-01-14T15:00:00Z"),
        ("d", "2026-01-15 08:00 UTC"),
        ("e", "2026-01-12 23:59:59"),
        ("f", "2026-01-17 00:00:00"),
    ] {
        writeln!(text, "{id},{at},1768435200,1768435200123").unwrap();
    }
    let (summary, files, lines) = outcome(text.as_bytes(), FileFormat::Csv, &plan).unwrap();
    assert_eq!((summary.counts.silver_rows, summary.counts.late_rows), (4, 1));
    let reasons: Vec<_> = summary.quarantine.reasons.keys().map(String::as_str).collect();
    assert_eq!(
        reasons,
        [
            "at: earlier than the late window",
            "at: later than the future tolerance"
        ],
        "{lines}"
    );
    let batch = &read(&files)[0];
    let micros = |name: &str| batch[name].as_primitive::<TimestampMicrosecondType>().values().to_vec();
    let midnight = 1_768_435_200_000_000_i64;
    let hour = 3_600_000_000;
    assert_eq!(
        micros("at"),
        [
            midnight - 9 * hour + hour / 2,
            midnight - 9 * hour - 1_000_000,
            midnight - 9 * hour,
            midnight + 8 * hour
        ]
    );
    assert_eq!(micros("seconds"), [midnight; 4]);
    assert_eq!(micros("millis"), [midnight + 123_000; 4]);
    assert_eq!(
        batch["day"].as_primitive::<Date32Type>().values().to_vec(),
        [20_468, 20_467, 20_468, 20_468]
    );
    assert_eq!(
        batch["days_late"].as_primitive::<Int32Type>().values().to_vec(),
        [0, 1, 0, 0]
    );
}
