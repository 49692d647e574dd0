//! Every type and every rule of a contract: what goes in, what comes out, what is quarantined and why.

use crate::support::{LIMITS, plan, read, run};
use arrow::util::display::array_value_to_string;
use cardlake_core::contract::Contract;
use cardlake_core::events::FileFormat;
use cardlake_transformer::{ObjectFacts, TransformPlan};
use std::fmt::Write as _;
use std::sync::Arc;

const CONTRACT: &str = r"
apiVersion: v3.1.0
kind: DataContract
version: 1.0.0
schema:
  - name: things
    customProperties: [{property: eventTime, value: at}]
    properties:
      - {name: id, logicalType: string, physicalType: VARCHAR(20), primaryKey: true}
      - {name: small, logicalType: integer, physicalType: SMALLINT, logicalTypeOptions: {minimum: -5}}
      - {name: whole, logicalType: integer, physicalType: INTEGER}
      - {name: big, logicalType: integer, physicalType: BIGINT}
      - {name: price, logicalType: number, physicalType: 'DECIMAL(9,2)', logicalTypeOptions: {minimum: 0.5, maximum: '1000'}}
      - {name: wide, logicalType: number, physicalType: 'DECIMAL(38,10)'}
      - {name: ratio, logicalType: number, physicalType: DOUBLE PRECISION, logicalTypeOptions: {maximum: 1}}
      - {name: flag, logicalType: boolean, physicalType: BOOLEAN}
      - {name: day, logicalType: date, physicalType: DATE, logicalTypeOptions: {format: null}}
      - {name: at, logicalType: timestamp, physicalType: TIMESTAMP}
      - {name: email, logicalType: string, physicalType: VARCHAR(40), logicalTypeOptions: {format: email}}
      - {name: code, logicalType: string, physicalType: VARCHAR(8), logicalTypeOptions: {pattern: '^[A-Z]{2}[0-9]?$'}, customProperties: [{property: normalisation, value: upper}]}
      - {name: kind, logicalType: string, physicalType: VARCHAR(12), quality: [{metric: invalidValues, arguments: {validValues: [one, two, a long word, three]}}], customProperties: [{property: normalisation, value: lower}]}
      - {name: level, logicalType: integer, physicalType: INTEGER, quality: [{metric: invalidValues, arguments: {validValues: [1, 2]}}]}
      - {name: link, logicalType: string, physicalType: VARCHAR(36), logicalTypeOptions: {format: uuid}}
      - {name: group, logicalType: string, physicalType: VARCHAR(9), required: true, customProperties: [{property: derivation, value: {kind: lookup, from: kind, values: {one: odd, two: even, a long word: even}}}]}
      - {name: days_late, logicalType: integer, physicalType: INTEGER, customProperties: [{property: derivation, value: {kind: days_late, from: at}}]}
      - {name: extra, logicalType: string, physicalType: VARCHAR(40), customProperties: [{property: derivation, value: {kind: extra}}]}
";

/// Silver and quarantine of some JSON lines; each gets an `id`.
fn outcome(lines: &[&str]) -> String {
    let text: String = lines
        .iter()
        .enumerate()
        .map(|(index, line)| format!("{{\"id\":{index},{line}}}\n"))
        .collect();
    let (_, files, quarantine) = run(text.as_bytes(), FileFormat::Jsonl, &plan(CONTRACT), &LIMITS).unwrap();
    let mut text = String::new();
    for batch in read(&files) {
        let schema = batch.schema();
        for row in 0..batch.num_rows() {
            let values = schema
                .fields()
                .iter()
                .zip(batch.columns())
                .filter(|(_, column)| column.is_valid(row))
                .map(|(field, column)| format!("{}={}", field.name(), array_value_to_string(column, row).unwrap()));
            writeln!(text, "{}", values.collect::<Vec<_>>().join(" ")).unwrap();
        }
    }
    for line in quarantine.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        writeln!(text, "row {}: {}", line["row"], line["reasons"]).unwrap();
    }
    text
}

#[test]
fn values_of_every_type_are_kept_exactly() {
    insta::assert_snapshot!(outcome(&[
        r#""small":-5,"whole":"2147483647","big":-9223372036854775808,"price":1000,"wide":"1234567890123456789012345678.0123456789","ratio":1e-3,"flag":"Y","day":"2024-02-29","at":"2026-01-14T23:00:00-02:00""#,
        r#""small":"+7","price":0.50,"wide":-0.5,"ratio":"1","flag":0,"day":null,"at":"  2026-01-13 00:00:00.123456789 ","email":"a@b.co","code":"kr","kind":"A LONG WORD","level":2.0,"link":"2AF9B1E0-F999-4C3E-9440-3B73E12502F7""#,
        r#""small":"","email":" ","code":"kR7","kind":" One ","flag":true,"level":null"#,
        r#""extra":{"x":1},"more":[1, "a b"],"none":null"#,
    ]), @r#"
    id=0 small=-5 whole=2147483647 big=-9223372036854775808 price=1000.00 wide=1234567890123456789012345678.0123456789 ratio=0.001 flag=true day=2024-02-29 at=2026-01-15T01:00:00Z days_late=0
    id=1 small=7 price=0.50 wide=-0.5000000000 ratio=1.0 flag=false at=2026-01-13T00:00:00.123456Z email=a@b.co code=KR kind=a long word level=2 link=2af9b1e0-f999-4c3e-9440-3b73e12502f7 group=even days_late=2
    id=2 flag=true code=KR7 kind=one group=odd
    id=3 extra={"extra":{"x":1},"more":[1,"a b"]}
    "#);
}

#[test]
fn every_broken_rule_is_named() {
    insta::assert_snapshot!(outcome(&[
        r#""small":-6,"whole":2147483648,"big":1.5,"price":1000.01,"wide":0.00000000001,"ratio":1.5,"flag":2,"day":"2026-02-29","at":"yesterday","email":"a@b","code":"K","kind":"four","level":3,"link":"2af9""#,
        r#""small":32768,"whole":1e2,"big":"x","price":"12345678.00","wide":"12345678901234567890123456789","ratio":"NaN","flag":"perhaps","day":"29.02.2024","at":1768305600,"code":"KR12345678","level":"two""#,
        r#""small":true,"flag":[],"email":false,"kind":true,"code":{},"price":0.499,"at":"2026-01-12 23:59:59.999999""#,
        r#""kind":"three","at":"2026-01-17 00:00:00","code":"a\u0000b""#,
        r#""more":"far too long for the column of the table""#,
    ]), @r#"
    row 1: ["small: below the minimum","whole: too many digits","big: not a whole number","price: above the maximum","wide: too many digits after the point","ratio: above the maximum","flag: not a boolean","day: no such day in the calendar","at: not a timestamp","email: not an e-mail address","code: does not match the pattern","kind: not an allowed value","level: not an allowed value","link: not a UUID"]
    row 2: ["small: too many digits","whole: scientific notation","big: not a number","price: too many digits","wide: too many digits","ratio: not a number","flag: not a boolean","day: not a date","at: not a timestamp","code: does not match the pattern","code: longer than 8 bytes","level: not a number"]
    row 3: ["small: not a number","price: too many digits after the point","flag: not a single value","at: earlier than the late window","email: not text","code: not a single value","kind: not text"]
    row 4: ["at: later than the future tolerance","code: holds a NUL byte","code: does not match the pattern","group: required"]
    row 5: ["extra: longer than 40 bytes"]
    "#);
}

#[test]
fn the_last_of_repeated_fields_counts() {
    let (summary, files, _) = run(
        br#"{"id":"a","small":1,"small":2,"x":1,"x":2,"id":"b"}"#,
        FileFormat::Jsonl,
        &plan(CONTRACT),
        &LIMITS,
    )
    .unwrap();
    assert_eq!(summary.repeated_fields, 3);
    let batch = &read(&files)[0];
    let value = |name: &str| array_value_to_string(&batch[name], 0).unwrap();
    assert_eq!(
        (value("id"), value("small"), value("extra")),
        ("b".into(), "2".into(), r#"{"x":2}"#.into())
    );
}

#[test]
fn derivations_that_would_lose_values_are_refused() {
    let refusal = |properties: &str| {
        let contract = format!(
            "apiVersion: v3.1.0\nkind: DataContract\nversion: 1.0.0\nschema:\n  - name: things\n    properties:\n      \
             - {{name: id, logicalType: string, physicalType: VARCHAR(20), primaryKey: true}}\n{properties}"
        );
        let contract = Arc::new(Contract::from_yaml("things.yaml", &contract).unwrap());
        let facts = ObjectFacts {
            key: "things/ingest_date=2026-01-15/x".to_owned(),
            ingest_date: "2026-01-15".parse().unwrap(),
            ingest_micros: 0,
        };
        TransformPlan::new(&contract, facts, None, None)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        refusal(
            "      - {name: price, logicalType: number, physicalType: 'DECIMAL(9,2)', partitioned: true, \
             partitionKeyPosition: 1}\n"
        ),
        "the contract of 'things' is wrong: price cannot be a partition column"
    );
    assert_eq!(
        refusal(
            "      - {name: number, logicalType: string, physicalType: VARCHAR(20)}\n      \
             - {name: last4, logicalType: string, physicalType: CHAR(4), customProperties: [{property: derivation, \
             value: {kind: last_four, from: number}}]}\n"
        ),
        "the contract of 'things' is wrong: last4 is derived from a column that is not classified as card_number"
    );
}
