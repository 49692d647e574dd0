//! The validator's handler against an S3 server: candidates with real Parquet files and the project's own suites.

use arrow::array::{Array, ArrayRef, RecordBatch, StringArray, new_null_array};
use arrow::compute::cast;
use cardlake_aws::metrics::{self, Metric, Subject};
use cardlake_core::contract::Contracts;
use cardlake_core::error::{ErrorKind, StageError};
use cardlake_core::events::{ValidatorEvent, ValidatorOutput};
use cardlake_test_support::LoopbackLake;
use cardlake_validator::{Context, ValidatorError, handle};
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};
use std::sync::Arc;

const KEY: &str = "_candidates/transactions/batch_date=2026-01-15/abc.json";

/// The values of a valid row, as text.
pub(crate) fn row(number: u64) -> Value {
    json!({
        "transaction_id": format!("00000000-0000-4000-8000-{number:012}"),
        "customer_id": "CUS1000", "card_id": "11111111-2222-4333-8444-555555555555", "merchant_id": "MER1000",
        "txn_ts": "2026-01-15T10:00:00Z", "amount": "12.50", "currency": "KRW", "mcc": "5411", "status": "approved",
        "is_refund": "false", "channel": "pos", "days_late": "0", "ingest_date": "2026-01-15",
        "ingest_ts": "2026-01-15T23:00:00Z", "source_object": "transactions/ingest_date=2026-01-15/a.csv",
        "source_row": number.to_string(), "extra": null, "row_hash": number.to_string(),
    })
}

/// A Parquet file in the form of the contract.
fn parquet(rows: &[Value]) -> Vec<u8> {
    let contracts = Contracts::load(&cardlake_assets::embedded()).unwrap();
    let schema = contracts.get("transactions").unwrap().file_schema();
    let columns = schema.fields().iter().map(|field| -> ArrayRef {
        let texts: StringArray = rows.iter().map(|row| row[field.name()].as_str()).collect();
        if texts.null_count() == rows.len() {
            return new_null_array(field.data_type(), rows.len());
        }
        let texts: ArrayRef = Arc::new(texts);
        cast(&texts, field.data_type()).unwrap()
    });
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns.collect()).unwrap();
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, schema, None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    file
}

/// Puts files and a candidate that adds them into silver, with changes to the candidate, and audits it.
pub(crate) async fn audit(
    server: &LoopbackLake,
    files: &[Vec<Value>],
    changes: &Value,
) -> Result<ValidatorOutput, ValidatorError> {
    let mut add = Vec::new();
    for (index, rows) in files.iter().enumerate() {
        let file = parquet(rows);
        let path = format!("txn_date=2026-01-15/merchant_category=grocery/part-{index}.parquet");
        add.push(json!({
            "path": path, "size": file.len(), "rows": rows.len(), "modification_time": 0, "columns": {},
            "partition_values": {"txn_date": "2026-01-15", "merchant_category": "grocery"},
        }));
        server
            .storage()
            .put("silver", &format!("transactions/{path}"), file)
            .await
            .unwrap();
    }
    let rows: usize = files.iter().map(Vec::len).sum();
    let mut candidate = json!({
        "format_version": 1, "id": "abc", "dataset": "transactions", "batch_date": "2026-01-15", "base_version": null,
        "add": add, "remove": [], "settled": [],
        "counts": {
            "bronze_rows": rows + 3, "silver_rows_added": rows, "duplicates": 2, "quarantined": 1, "late_rows": 0,
            "replaced": 0, "rejected_objects": 0,
        },
    });
    for (name, value) in changes.as_object().unwrap() {
        match value.as_object() {
            Some(inner) => inner
                .iter()
                .for_each(|(field, value)| candidate[name][field] = value.clone()),
            None => candidate[name] = value.clone(),
        }
    }
    server.storage().put_json("silver", KEY, &candidate).await.unwrap();
    run(server, Some(KEY)).await
}

async fn run(server: &LoopbackLake, candidate: Option<&str>) -> Result<ValidatorOutput, ValidatorError> {
    let context = Context::new(server.resources(&[])).await.unwrap();
    let event = ValidatorEvent {
        batch_date: "2026-01-15".parse().unwrap(),
        dataset: "transactions".to_owned(),
        candidate: candidate.map(str::to_owned),
    };
    handle(event, &context).await
}

#[tokio::test]
async fn a_sound_candidate_passes_and_leaves_its_result() {
    let server = LoopbackLake::start().await;
    let files = [vec![row(1), row(2)], vec![row(3)]];
    let output = audit(&server, &files, &json!({})).await.unwrap();
    assert_eq!(output.evaluated, output.successful);
    assert!(output.evaluated > 50 && output.warnings.is_empty());
    let key = output.result.clone().unwrap();
    assert_eq!(key, "_validations/transactions/batch_date=2026-01-15/abc.json");
    let first = server.storage().get("silver", &key).await.unwrap().unwrap();
    let result: Value = serde_json::from_slice(&first).unwrap();
    assert_eq!(result["success"], true);
    assert_eq!(result["meta"]["rows"], 3);
    let unique = result["results"].as_array().unwrap().iter();
    let unique = unique.map(|each| (&each["expectation_config"]["type"], &each["result"]["element_count"]));
    assert!(
        unique
            .into_iter()
            .any(|(name, rows)| name == "expect_column_values_to_be_unique" && rows == 3)
    );

    assert_eq!(audit(&server, &files, &json!({})).await.unwrap(), output);
    assert_eq!(
        server.storage().get("silver", &key).await.unwrap().unwrap(),
        first,
        "a rerun gives the same bytes"
    );
}

#[tokio::test]
async fn a_duplicate_across_files_stops_the_batch_and_is_named() {
    let server = LoopbackLake::start().await;
    let files = [vec![row(1), row(2)], vec![row(2)]];
    let (outcome, figures) = metrics::collect(audit(&server, &files, &json!({}))).await;
    let transactions = Subject::Dataset("transactions".to_owned());
    assert_eq!(figures.get(&transactions, Metric::ExpectationsFailed), Some(1.0));
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ExpectationFailed);
    let message = error.to_string();
    assert!(
        message.contains(
            "failed critically: expect_column_values_to_be_unique of transaction_id: 2 of 3 values, e.g. \
             \"00000000-0000-4000-8000-000000000002\"; all results: \
             s3://silver/_validations/transactions/batch_date=2026-01-15/abc.json"
        ),
        "{message}"
    );
    let key = "_validations/transactions/batch_date=2026-01-15/abc.json";
    let result: Value = server.storage().get_json("silver", key).await.unwrap().unwrap();
    assert_eq!(result["success"], false, "the result is there all the same");
}

#[tokio::test]
async fn every_broken_rule_is_found_in_its_column() {
    let server = LoopbackLake::start().await;
    for (column, value, expected) in [
        (
            "amount",
            json!("-1.00"),
            "expect_column_values_to_be_between of amount: 1 of 2 values, e.g. -1.0",
        ),
        (
            "currency",
            json!("USD"),
            "expect_column_values_to_be_in_set of currency: 1 of 2 values, e.g. \"USD\"",
        ),
        (
            "customer_id",
            json!("C1"),
            "expect_column_values_to_match_regex of customer_id: 1 of 2 values, e.g. \"C1\"",
        ),
        (
            "card_id",
            json!(null),
            "expect_column_values_to_not_be_null of card_id: 1 of 2 values, e.g. null",
        ),
        (
            "txn_ts",
            json!("1999-12-31T00:00:00Z"),
            "expect_column_values_to_be_between of txn_ts: 1 of 2 values",
        ),
    ] {
        let mut broken = row(2);
        broken[column] = value;
        let error = audit(&server, &[vec![row(1), broken]], &json!({})).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[tokio::test]
async fn a_lesser_failure_is_a_warning() {
    let server = LoopbackLake::start().await;
    let mut late = row(2);
    late["days_late"] = json!("5");
    let output = audit(&server, &[vec![row(1), late]], &json!({})).await.unwrap();
    assert_eq!(
        output.warnings,
        ["expect_column_values_to_be_between of days_late: 1 of 2 values, e.g. 5"]
    );
    assert_eq!(output.successful, output.evaluated - 1);
}

#[tokio::test]
async fn books_that_do_not_balance_stop_the_batch() {
    let server = LoopbackLake::start().await;
    let error = audit(&server, &[vec![row(1)]], &json!({"counts": {"duplicates": 7}}))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BooksImbalance);
    assert_eq!(
        error.to_string(),
        "the row accounting of transactions for 2026-01-15 does not balance: 4 bronze rows are not 1 added + 7 duplicates + 1 \
         quarantined"
    );
    let wrong_file = json!({"add": [{
        "path": "txn_date=2026-01-15/merchant_category=grocery/part-0.parquet",
        "size": parquet(&[row(1)]).len(), "rows": 2, "modification_time": 0, "columns": {},
        "partition_values": {"txn_date": "2026-01-15", "merchant_category": "grocery"},
    }]});
    let error = audit(&server, &[vec![row(1)]], &wrong_file).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BooksImbalance);
    assert!(
        error
            .to_string()
            .ends_with("part-0.parquet holds 1 rows, the candidate says 2"),
        "{error}"
    );
}

#[tokio::test]
async fn the_books_of_the_objects_add_up_to_those_of_the_batch() {
    let server = LoopbackLake::start().await;
    let object = |bronze: u64, added: u64| {
        json!({"rules": "r", "counts": {
            "bronze_rows": bronze, "silver_rows_added": added, "duplicates": 2, "quarantined": 1, "late_rows": 0, "replaced": 0,
            "rejected_objects": 0,
        }})
    };
    let sound = json!({"objects": {"a@1": object(5, 2)}});
    audit(&server, &[vec![row(1), row(2)]], &sound).await.unwrap();
    let lost = json!({"objects": {"a@1": object(5, 2), "b@1": object(3, 0)}});
    let error = audit(&server, &[vec![row(1), row(2)]], &lost).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BooksImbalance);
    assert!(
        error.to_string().contains("the counts of its 2 objects add up to"),
        "{error}"
    );
    let error = audit(
        &server,
        &[vec![row(1)]],
        &json!({"counts": {"bronze_rows": 5, "silver_rows_added": 2}}),
    )
    .await
    .unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("the first files of the table hold 1 rows, 2 were added"),
        "{error}"
    );
}

#[tokio::test]
async fn what_stops_a_batch_is_kept_with_its_rows_and_card_numbers_are_masked() {
    let server = LoopbackLake::start().await;
    let mut broken = row(2);
    broken["amount"] = json!("-1.00");
    broken["channel"] = json!("fax");
    broken["extra"] = json!("{\"note\":\"paid with 4111 1111 1111 1111\"}");
    let error = audit(&server, &[vec![row(1)], vec![row(3), broken]], &json!({}))
        .await
        .unwrap_err();
    let folder = "_quarantine/transactions/batch_date=2026-01-15";
    assert!(
        error
            .to_string()
            .ends_with(&format!("the failing rows: s3://silver/{folder}/abc.jsonl")),
        "{error}"
    );
    let rows = server
        .storage()
        .get("silver", &format!("{folder}/abc.jsonl"))
        .await
        .unwrap()
        .unwrap();
    let rows = String::from_utf8(rows.to_vec()).unwrap();
    assert_eq!(rows.lines().count(), 1, "{rows}");
    let row: Value = serde_json::from_str(&rows).unwrap();
    assert_eq!(row["row"], 2);
    let file = "s3://silver/transactions/txn_date=2026-01-15/merchant_category=grocery/part-1.parquet";
    assert_eq!(row["file"], file);
    assert_eq!(
        row["reasons"],
        json!([
            "amount: expect_column_values_to_be_between",
            "channel: expect_column_values_to_be_in_set"
        ])
    );
    assert_eq!(
        row["values"]["merchant_category"], "grocery",
        "partition columns are there too"
    );
    assert_eq!(row["values"]["extra"], "{\"note\":\"paid with ***\"}");
    let result: Value = server
        .storage()
        .get_json("silver", &format!("{folder}/abc.json"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(result["success"], false);
}

#[tokio::test]
async fn at_most_a_thousand_rows_are_kept_for_each_expectation() {
    let server = LoopbackLake::start().await;
    let rows: Vec<Value> = (0..1500)
        .map(|number| {
            let mut row = row(number);
            row["channel"] = json!("fax");
            row
        })
        .collect();
    audit(&server, &[rows], &json!({})).await.unwrap_err();
    let key = "_quarantine/transactions/batch_date=2026-01-15/abc.jsonl";
    let rows = server.storage().get("silver", key).await.unwrap().unwrap();
    assert_eq!(rows.iter().filter(|byte| **byte == b'\n').count(), 1000);
}

#[tokio::test]
async fn a_page_shows_the_days_before() {
    let server = LoopbackLake::start().await;
    let folder = "_validations/transactions/batch_date=2026-01-14";
    let before = json!({
        "success": true, "results": [], "suite_name": "s", "suite_parameters": {}, "meta": {"rows": 4321}, "id": null,
        "statistics": {"evaluated_expectations": 1, "successful_expectations": 1, "unsuccessful_expectations": 0,
            "success_percent": 100.0},
    });
    server
        .storage()
        .put_json("silver", &format!("{folder}/old.json"), &before)
        .await
        .unwrap();
    let after = folder.replace("14", "16");
    server
        .storage()
        .put_json("silver", &format!("{after}/later.json"), &before)
        .await
        .unwrap();
    server
        .storage()
        .put(
            "silver",
            "_validations/transactions/batch_date=2026-01-13/x.json",
            vec![b'{'],
        )
        .await
        .unwrap();
    audit(&server, &[vec![row(1)]], &json!({})).await.unwrap();
    let key = "_validations/transactions/batch_date=2026-01-15/abc.html";
    let page = server.storage().get("silver", key).await.unwrap().unwrap();
    let page = String::from_utf8(page.to_vec()).unwrap();
    assert!(
        page.contains("01-14: 4,321 rows, 0 of 1 expectations not met"),
        "{page}"
    );
    assert!(page.contains("01-15: 1 rows"), "{page}");
    assert!(!page.contains("01-16") && !page.contains("01-13"), "{page}");
    let text = async |key: &str| {
        let bytes = server.storage().get("silver", key).await.unwrap().unwrap();
        String::from_utf8(bytes.to_vec()).unwrap().replace("&#x2f;", "/")
    };
    let index = text("_validations/transactions/index.html").await;
    let (newer, older) = (
        index.find("batch_date=2026-01-15/abc.html"),
        index.find("batch_date=2026-01-14/old.html"),
    );
    assert!(newer.is_some() && newer < older, "{index}");
    assert!(index.contains("4,321 rows, 0 of 1 not met"), "{index}");
    let index = text("_validations/index.html").await;
    assert!(index.contains("href=\"transactions/index.html\""), "{index}");
    assert!(
        page.contains("Row accounting: 4 bronze rows = 1 added + 2 duplicates + 1 quarantined."),
        "{page}"
    );
}

/// A table of one version with one file of one row in each of the partitions.
async fn table(server: &LoopbackLake, rows: &[(&str, Value)]) {
    let field = |name: &str, kind: &str| json!({"name": name, "type": kind, "nullable": true, "metadata": {}});
    let fields = [
        ("transaction_id", "string"),
        ("txn_date", "date"),
        ("merchant_category", "string"),
    ];
    let schema = json!({"type": "struct", "fields": fields.map(|(name, kind)| field(name, kind))});
    let mut log = vec![
        json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}),
        json!({"metaData": {
            "id": "t", "format": {"provider": "parquet", "options": {}}, "schemaString": schema.to_string(),
            "partitionColumns": ["txn_date", "merchant_category"], "configuration": {}, "createdTime": 0,
        }}),
    ];
    for (category, row) in rows {
        let file = parquet(std::slice::from_ref(row));
        let path = format!("txn_date=2026-01-15/merchant_category={category}/old.parquet");
        log.push(json!({"add": {
            "path": path, "partitionValues": {"txn_date": "2026-01-15", "merchant_category": category}, "size": file.len(),
            "modificationTime": 0, "dataChange": true, "stats": "{\"numRecords\":1}",
        }}));
        server
            .storage()
            .put("silver", &format!("transactions/{path}"), file)
            .await
            .unwrap();
    }
    let log: String = log.iter().map(|action| format!("{action}\n")).collect();
    let key = "transactions/_delta_log/00000000000000000000.json";
    server.storage().put("silver", key, log.into_bytes()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_must_be_unique_beside_those_that_stay_in_their_partitions() {
    let server = LoopbackLake::start().await;
    table(&server, &[("grocery", row(7)), ("taxi", row(8))]).await;
    let on_the_table = json!({"base_version": 0});
    // What lies in a partition that is not touched is not looked at: the reconciler has compared all of the window.
    let output = audit(&server, &[vec![row(1), row(8)]], &on_the_table).await.unwrap();
    assert_eq!(output.evaluated, output.successful);

    let error = audit(&server, &[vec![row(1), row(7)]], &on_the_table)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains(
            "expect_column_values_to_be_unique of transaction_id: 1 of 2 values, e.g. \"00000000-0000-4000-8000-000000000007\""
        ),
        "{error}"
    );
    // A file that the candidate takes away does not stay.
    let replaced = json!({
        "base_version": 0, "remove": ["txn_date=2026-01-15/merchant_category=grocery/old.parquet"],
    });
    audit(&server, &[vec![row(1), row(7)]], &replaced).await.unwrap();
}

#[tokio::test]
async fn nothing_to_audit_is_no_error() {
    let server = LoopbackLake::start().await;
    let output = run(&server, None).await.unwrap();
    assert_eq!((output.evaluated, output.result), (0, None));
    let output = audit(&server, &[], &json!({})).await.unwrap();
    assert_eq!((output.evaluated, output.result), (0, None));
}

#[tokio::test]
async fn a_candidate_that_is_missing_or_for_another_day_is_refused() {
    let server = LoopbackLake::start().await;
    let error = run(&server, Some("_candidates/nowhere.json")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(
        error
            .to_string()
            .contains("there is no candidate s3://silver/_candidates/nowhere.json"),
        "{error}"
    );
    let error = audit(&server, &[vec![row(1)]], &json!({"batch_date": "2026-01-16"}))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(
        error.to_string().contains("it is for transactions of 2026-01-16"),
        "{error}"
    );
    let error = audit(&server, &[vec![row(1)]], &json!({"format_version": 2}))
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("its format version is 2, this cardlake reads 1"),
        "{error}"
    );
}

#[tokio::test]
async fn a_file_that_is_gone_or_no_parquet_is_told_apart() {
    let server = LoopbackLake::start().await;
    let file = |path: &str| {
        json!({"add": [{
            "path": path, "size": 500, "rows": 1, "modification_time": 0, "columns": {}, "partition_values": {},
        }]})
    };
    let error = audit(&server, &[vec![row(1)]], &file("gone.parquet"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    server
        .storage()
        .put("silver", "transactions/text.parquet", vec![b'x'; 500])
        .await
        .unwrap();
    let error = audit(&server, &[vec![row(1)]], &file("text.parquet"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(
        error
            .to_string()
            .contains("cannot read s3://silver/transactions/text.parquet as Parquet"),
        "{error}"
    );
}
