//! Personal data where no column of it is: in free text, in unknown fields, and in rows of the quarantine.

use crate::support::{LIMITS, plan, read, run};
use arrow::array::AsArray;
use cardlake_core::events::FileFormat;
use cardlake_transformer::TransformPlan;
use std::collections::BTreeMap;

const SHOPS: &str = r"
apiVersion: v3.1.0
kind: DataContract
id: shops
version: 1.0.0
status: active
schema:
  - name: shops
    customProperties: [{property: onPersonalData, value: POLICY}]
    properties:
      - {name: id, logicalType: string, physicalType: VARCHAR(40), primaryKey: true, required: true}
      - {name: city, logicalType: string, physicalType: VARCHAR(80)}
      - {name: code, logicalType: string, physicalType: VARCHAR(20), logicalTypeOptions: {pattern: '^[0-9]{16}$'}}
      - {name: rows, logicalType: integer, physicalType: INTEGER}
      - {name: extra, logicalType: string, physicalType: VARCHAR(999), customProperties: [{property: derivation, value: {kind: extra}}]}
      - {name: row_hash, logicalType: integer, physicalType: BIGINT, customProperties: [{property: derivation, value: {kind: row_hash}}]}
";

const CARD: &str = "4111111111111111";

fn shops(policy: &str) -> TransformPlan {
    plan(&SHOPS.replace("POLICY", policy))
}

/// City and unknown fields of each row by its key, the drift, and the quarantine file.
fn outcome(
    text: &str,
    format: FileFormat,
    plan: &TransformPlan,
) -> (BTreeMap<String, [String; 2]>, BTreeMap<String, u64>, String) {
    let (summary, files, quarantine) = run(text.as_bytes(), format, plan, &LIMITS).unwrap();
    let mut rows = BTreeMap::new();
    for batch in read(&files) {
        let column = |name: &str| batch.column_by_name(name).unwrap().as_string::<i32>();
        for row in 0..batch.num_rows() {
            let text = |name: &str| column(name).value(row).to_owned();
            rows.insert(text("id"), ["city", "extra"].map(text));
        }
    }
    (rows, summary.drift, quarantine)
}

#[test]
fn what_is_personal_is_masked_and_counted() {
    let json = [
        r#"{"id":"a","city":"Seoul"}"#,
        r#"{"id":"b","city":"call 010-1234-5678","memo":"paid with 4111-1111-1111-1111"}"#,
        r#"{"id":"c","city":"kim@example.com","contact":{"email":"x"},"full_name":"Kim","visits":7}"#,
        r#"{"id":"d","city":"4111.1111.1111.1111","4111111111111111":1}"#,
        r#"{"id":"e","city":";4111111111111111=25121010000?","note":"kim\u0040example.com","phone":null}"#,
    ];
    let (rows, drift, quarantine) = outcome(&json.join("\n"), FileFormat::Jsonl, &shops("mask"));
    let row = |city: &str, extra: &str| [city.to_owned(), extra.to_owned()];
    assert_eq!(rows["a"], row("Seoul", ""));
    assert_eq!(rows["b"], row("call ***", r#"{"memo":"***"}"#));
    assert_eq!(
        rows["c"],
        row("***", r#"{"contact":"***","full_name":"***","visits":7}"#)
    );
    assert_eq!(rows["d"], row("***", r#"{"***":1}"#));
    assert_eq!(rows["e"], row(";***", r#"{"note":"***"}"#));
    let counts = ["***", "city", "contact", "full_name", "memo", "note", "visits"].map(str::to_owned);
    assert_eq!(drift, counts.into_iter().zip([1, 4, 1, 1, 1, 1, 1]).collect());
    assert_eq!(quarantine, "");

    let csv = format!(
        "id,city,Phone_Number,memo\na,x,{},hello\nb,\"{CARD}\",,{CARD}\n",
        "1234567"
    );
    let (rows, drift, _) = outcome(&csv, FileFormat::Csv, &shops("mask"));
    assert_eq!(rows["a"], row("x", r#"{"Phone_Number":"***","memo":"hello"}"#));
    assert_eq!(rows["b"], row("***", r#"{"memo":"***"}"#));
    assert_eq!(drift["city"], 1);
}

#[test]
fn a_key_is_not_masked_and_what_the_contract_describes_is_taken_as_it_is() {
    let csv = format!("id,city,code\n{CARD},x,\nb,y,{CARD}\n");
    let (rows, drift, quarantine) = outcome(&csv, FileFormat::Csv, &shops("mask"));
    assert_eq!(rows.keys().collect::<Vec<_>>(), ["b"]);
    assert!(quarantine.contains("id: holds personal data"), "{quarantine}");
    assert!(!quarantine.contains(CARD), "{quarantine}");
    assert_eq!(drift.get("code"), None);
}

#[test]
fn the_contract_may_quarantine_or_allow() {
    let csv = "id,city,rows,memo\na,kim@example.com,1,\nb,x,1,kim@example.com\n";
    let (rows, _, quarantine) = outcome(csv, FileFormat::Csv, &shops("quarantine"));
    assert_eq!(rows.len(), 1);
    assert_eq!(rows["b"][1], r#"{"memo":"***"}"#, "an unknown field is masked");
    assert!(
        quarantine.contains("city: holds personal data") && !quarantine.contains("kim@"),
        "{quarantine}"
    );

    let (rows, drift, _) = outcome(csv, FileFormat::Csv, &shops("allow"));
    assert_eq!(rows["a"][0], "kim@example.com");
    assert_eq!(rows["b"][1], r#"{"memo":"kim@example.com"}"#);
    assert_eq!(drift, [("memo".to_owned(), 1)].into());
}

#[test]
fn the_quarantine_shows_no_personal_data_of_a_row_with_another_fault() {
    let json = r#"{"id":"a","rows":"many","full_name":"Kim","memo":"write to kim@example.com"}"#;
    let (_, _, quarantine) = outcome(json, FileFormat::Jsonl, &shops("mask"));
    assert!(
        quarantine.contains("rows: not a number") && quarantine.contains("many"),
        "{quarantine}"
    );
    assert!(
        !quarantine.contains("Kim") && !quarantine.contains("kim@"),
        "{quarantine}"
    );
    let csv = "id,city,rows,Phone_Number\na,010-1234-5678,many,12345678\n";
    let (_, _, quarantine) = outcome(csv, FileFormat::Csv, &shops("mask"));
    assert!(
        quarantine.contains("many") && !quarantine.contains("5678"),
        "{quarantine}"
    );
}
