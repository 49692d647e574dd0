//! The pipeline against other parsers, and against itself with other block sizes and numbers of workers.

use crate::support::{Files, LIMITS, plan, read, run};
use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use cardlake_core::events::FileFormat;
use cardlake_transformer::{PipelineLimits, TransformPlan};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Text columns without rules: what comes out is what was cut.
const TEXTS: &str = "
apiVersion: v3.1.0
kind: DataContract
version: 1.0.0
schema:
  - name: texts
    customProperties: [{property: onPersonalData, value: allow}]
    properties:
      - {name: id, logicalType: string, physicalType: VARCHAR(1000), primaryKey: true}
      - {name: a, logicalType: string, physicalType: VARCHAR(65535)}
      - {name: b, logicalType: string, physicalType: VARCHAR(65535)}
      - {name: source_row, logicalType: integer, physicalType: BIGINT, customProperties: [{property: derivation, value: {kind: source_row}}]}
      - {name: extra, logicalType: string, physicalType: VARCHAR(65535), customProperties: [{property: derivation, value: {kind: extra}}]}
";

const TRANSACTIONS: &str = include_str!("../../../../contracts/transactions.yaml");

/// Texts of a row by its number: id, a, b, extra.
type Row = [Option<String>; 4];

fn rows(files: &Files) -> BTreeMap<i64, Row> {
    let mut rows = BTreeMap::new();
    for batch in read(files) {
        let numbers = batch["source_row"].as_primitive::<Int64Type>();
        for index in 0..batch.num_rows() {
            let text = |name: &str| {
                let texts = batch[name].as_string::<i32>();
                texts.is_valid(index).then(|| texts.value(index).to_owned())
            };
            rows.insert(numbers.value(index), ["id", "a", "b", "extra"].map(text));
        }
    }
    rows
}

fn trimmed(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The same whatever the block size and the number of workers.
fn check_limits(text: &[u8], format: FileFormat, plan: &TransformPlan) -> Result<(), TestCaseError> {
    let expected = run(text, format, plan, &LIMITS);
    for (block_bytes, workers) in [(1, 3), (7, 1), (64, 2), (1000, 3)] {
        let limits = PipelineLimits {
            block_bytes,
            workers,
            ..LIMITS
        };
        prop_assert_eq!(
            &run(text, format, plan, &limits),
            &expected,
            "blocks of {} bytes",
            block_bytes
        );
    }
    Ok(())
}

fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z0-9]{0,6}",
        2 => "[ a,\"\r\n\t;|']{0,8}",
        1 => "[가-힣é😀 ]{0,5}",
    ]
}

fn csv_file() -> impl Strategy<Value = (Vec<String>, Vec<Vec<String>>, bool, bool)> {
    let columns = Just(vec![
        "id".to_owned(),
        "a".to_owned(),
        "b".to_owned(),
        "new col".to_owned(),
        "x\"y".to_owned(),
    ]);
    (columns.prop_shuffle(), 3_usize..=5, any::<bool>(), any::<bool>()).prop_flat_map(
        |(mut columns, width, crlf, quote)| {
            columns.truncate(width);
            if !columns.contains(&"id".to_owned()) {
                columns[0] = "id".to_owned();
            }
            let row = prop::collection::vec(cell(), width);
            (
                Just(columns),
                prop::collection::vec(row, 0..40),
                Just(crlf),
                Just(quote),
            )
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn csv_is_cut_as_the_csv_crate_cuts_it((columns, rows_in, crlf, quote) in csv_file()) {
        let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let style = if quote { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
        let mut writer = csv::WriterBuilder::new().terminator(terminator).quote_style(style).from_writer(Vec::new());
        writer.write_record(&columns).unwrap();
        for row in &rows_in {
            writer.write_record(row).unwrap();
        }
        let text = writer.into_inner().unwrap();
        let plan = plan(TEXTS);
        let (summary, files, _) = run(&text, FileFormat::Csv, &plan, &LIMITS).unwrap();
        prop_assert_eq!(summary.counts.bronze_rows, rows_in.len() as u64);

        let mut expected: BTreeMap<i64, Row> = BTreeMap::new();
        let mut winners: BTreeMap<String, i64> = BTreeMap::new();
        let mut reader = csv::Reader::from_reader(text.as_slice());
        for (number, record) in (1..).zip(reader.records()) {
            let record = record.unwrap();
            let value = |name: &str| columns.iter().position(|column| column == name).and_then(|place| trimmed(&record[place]));
            let Some(id) = value("id") else { continue };
            let mut unknown: Vec<_> = columns.iter().filter(|name| !["id", "a", "b"].contains(&name.as_str())).collect();
            unknown.sort();
            let extra: Map<String, Value> = unknown.into_iter().filter_map(|name| Some((name.clone(), Value::from(value(name)?)))).collect();
            let extra = (!extra.is_empty()).then(|| Value::Object(extra).to_string());
            let row = [Some(id.clone()), value("a"), value("b"), extra];
            // The later row wins, unless it says the same.
            if let Some(before) = winners.get(&id) {
                // A row that says the same as the latest version keeps its first place.
                if expected[before] == row {
                    continue;
                }
                expected.remove(before);
            }
            winners.insert(id, number);
            expected.insert(number, row);
        }
        let found = rows(&files);
        let values = |rows: &BTreeMap<i64, Row>| rows.values().cloned().collect::<std::collections::BTreeSet<_>>();
        prop_assert_eq!(values(&found), values(&expected));
        check_limits(&text, FileFormat::Csv, &plan)?;
    }

    #[test]
    fn any_bytes_as_csv_are_accounted_for(body in prop::collection::vec(select(b"ab,,,\"\"\n\n\r \xff\xc3\xa9\0".to_vec()), 0..400)) {
        let plan = plan(TEXTS);
        check_limits(&body, FileFormat::Csv, &plan)?;
        let text = [b"id,a,b\n", body.as_slice()].concat();
        check_limits(&text, FileFormat::Csv, &plan)?;
        let text = [b"new,b,id\r\n", body.as_slice()].concat();
        check_limits(&text, FileFormat::Csv, &plan)?;
    }

    #[test]
    fn any_bytes_as_json_lines_are_accounted_for(
        lines in prop::collection::vec(prop_oneof![
            prop::collection::vec(select(b"{}[]\":,\\ua1 .-e\"\"\xff\xc3\xa9\0tn".to_vec()), 0..60),
            Just(br#"{"id":"a","a":"x"}"#.to_vec()),
            Just(br#"{"id":1,"b":null,"new":[1, 2]}"#.to_vec()),
        ], 0..20),
        cut in any::<Index>(),
    ) {
        let plan = plan(TEXTS);
        // Whether a file is text at all is told by its first block, so that has to begin well.
        let text = [&b"{\"id\":\"first\"}\n"[..], &lines.join(&b'\n')].concat();
        check_limits(&text, FileFormat::Jsonl, &plan)?;
        check_limits(&text[..cut.index(text.len() + 1)], FileFormat::Jsonl, &plan)?;
    }

    #[test]
    fn any_transactions_are_accounted_for(
        rows in prop::collection::vec((any::<u8>(), select(vec!["2026-01-15 10:00:00", "2026-01-14T10:00:00Z", "2026-01-01 00:00:00", "x", ""]),
            select(vec!["1.50", "0", "-1", "1e5", "", "999999999999999999"]), select(vec!["5411", "7011", " 4121 ", "1"]), select(vec!["true", "N", "?"])), 0..60),
    ) {
        let plan = plan(TRANSACTIONS);
        let mut text = "transaction_id,customer_id,card_id,merchant_id,txn_ts,amount,currency,mcc,status,is_refund,channel\n".to_owned();
        for (id, ts, amount, mcc, refund) in rows {
            text += &format!("{:08x}-0000-4000-8000-000000000000,CUS1000,{id:08x}-0000-4000-8000-00000000000A,MER1000,{ts},{amount},krw,{mcc},Approved,{refund},pos\n", id % 16);
        }
        check_limits(text.as_bytes(), FileFormat::Csv, &plan)?;
        let (summary, files, _) = run(text.as_bytes(), FileFormat::Csv, &plan, &LIMITS).unwrap();
        let mut keys = Vec::new();
        for batch in read(&files) {
            let ids: Vec<String> = batch["transaction_id"].as_string::<i32>().iter().map(|id| id.unwrap().to_owned()).collect();
            prop_assert!(ids.is_sorted());
            keys.extend(ids);
        }
        prop_assert_eq!(keys.len() as u64, summary.counts.silver_rows);
        keys.sort();
        keys.dedup();
        prop_assert_eq!(keys.len() as u64, summary.counts.silver_rows);
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        // Exact in binary, so that the oracle prints them as they were written.
        any::<i32>().prop_map(|number| Value::from(f64::from(number) / 64.0)),
        "[ -~é\n\t\"\\\\\u{7f}]{0,8}".prop_map(Value::from),
        "[a-z]{1,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec(("[a-z\"]{1,3}", inner), 0..3)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn json_is_read_as_serde_json_reads_it(
        fields in prop::collection::vec((select(vec!["id", "a", "b", "new", "q\"t", "é"]), json_value()), 0..7),
        blanks in "[ \t]{0,2}",
        id in "[a-z]{1,3}",
    ) {
        // Repeated names included; the last counts.
        let mut parts = vec![format!("\"id\"{blanks}:\"{id}\"")];
        parts.extend(fields.iter().map(|(name, value)| format!("{}{blanks}:{blanks}{value}", Value::from(*name))));
        let line = format!("{blanks}{{{}}}{blanks}", parts.join(&format!("{blanks},{blanks}")));
        let object: Map<String, Value> = serde_json::from_str(&line).unwrap();

        let plan = plan(TEXTS);
        let (summary, files, _) = run(line.as_bytes(), FileFormat::Jsonl, &plan, &LIMITS).unwrap();
        prop_assert_eq!(summary.counts.bronze_rows, 1);
        // A known field holds text or a number, without NUL; a row without id is no row.
        let known = |name: &str| object.get(name).unwrap_or(&Value::Null).clone();
        let readable = ["id", "a", "b"].iter().all(|name| match known(name) {
            Value::Null | Value::Number(_) => true,
            Value::String(text) => !text.contains('\0'),
            _ => false,
        });
        let text = |name: &str| match known(name) {
            Value::String(text) => trimmed(&text),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let good = readable && text("id").is_some();
        prop_assert_eq!(summary.counts.silver_rows, u64::from(good), "{:?}", summary.quarantine.reasons);
        if good {
            let found = rows(&files);
            let [row_id, a, b, extra] = found[&1].clone();
            prop_assert_eq!((row_id, a, b), (text("id"), text("a"), text("b")));
            let mut unknown: Vec<(&String, &Value)> = object
                .iter()
                .filter(|(name, value)| !["id", "a", "b"].contains(&name.as_str()) && !value.is_null())
                .collect();
            unknown.sort_by_key(|(name, _)| *name);
            let unknown: Map<String, Value> = unknown.into_iter().map(|(name, value)| (name.clone(), value.clone())).collect();
            prop_assert_eq!(extra, (!unknown.is_empty()).then(|| Value::Object(unknown).to_string()));
        }
    }
}

#[test]
fn a_file_larger_than_a_run_gives_the_rows_it_would_give_in_memory() {
    let plan = plan(TEXTS);
    // Keys come back in other runs, as the same row and as another one; some rows have no value, some are broken.
    let text = (0..1000).fold("id,a,b,new\n".to_owned(), |text, row: u32| {
        let key = row * 7919 % 600;
        text + &match row % 10 {
            0 => ",x,,\n".to_owned(),
            1..=4 => format!("k{key},same,,\n"),
            _ => format!("k{key},a{row},\"b,{}\",{}\n", row % 3, row % 2),
        }
    });
    let small = PipelineLimits {
        block_bytes: 100,
        run_rows: 150,
        workers: 2,
        ..LIMITS
    };
    let (expected, in_memory, lines) = run(text.as_bytes(), FileFormat::Csv, &plan, &LIMITS).unwrap();
    let (summary, spilled, same_lines) = run(text.as_bytes(), FileFormat::Csv, &plan, &small).unwrap();
    assert!(expected.counts.duplicates > 300 && expected.counts.quarantined == 100);
    assert_eq!(
        (summary.counts, &summary.quarantine, &summary.drift),
        (expected.counts, &expected.quarantine, &expected.drift)
    );
    assert_eq!(same_lines, lines);
    assert_eq!((in_memory.len(), spilled.len()), (1, 4));
    assert_eq!(rows(&spilled), rows(&in_memory));
    assert_eq!(run(text.as_bytes(), FileFormat::Csv, &plan, &small).unwrap().1, spilled);
}
