//! The stage against an S3 server: what it writes, what it reads again, what it leaves alone.
use crate::lake::{Lake, SILVER};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Decimal128Type, Int32Type, Int64Type, TimestampMicrosecondType};
use bytes::Bytes;
use cardlake_aws::metrics::{self, Metric, Subject};
use cardlake_aws::runtime::Resources;
use cardlake_core::config::Variables;
use cardlake_core::error::{ErrorKind, StageError};
use cardlake_core::events::{TransformStatus, TransformerEvent, TransformerOutput};
use cardlake_core::paths::BronzeKey;
use cardlake_core::pii::Tokenizer;
use cardlake_core::records::RowCounts;
use cardlake_transformer::{Context, Event, Output, handle, transform};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write as _;

const KEY: &str = "transactions/ingest_date=2026-01-15/transactions.csv";
const HEADER: &str =
    "transaction_id,customer_id,card_id,merchant_id,txn_ts,amount,currency,mcc,status,is_refund,channel\n";

fn row(number: u32, ts: &str, amount: &str) -> String {
    let mcc = ["5411", "5812", "5999", "4121", "7011"][number as usize % 5];
    format!(
        "{:08x}-0000-4000-8000-{number:012x},CUS{},{:08x}-1111-4111-8111-{number:012x},MER{},{ts},{amount},KRW,{mcc},approved,false,pos\n",
        number.wrapping_mul(0x9e37_79b9),
        1000 + number % 7,
        number,
        1000 + number % 3,
    )
}

fn day(rows: u32) -> String {
    let rows = (0..rows).map(|number| {
        row(
            number,
            &format!("2026-01-15 00:{:02}:{:02}", number / 60 % 60, number % 60),
            "12.50",
        )
    });
    rows.fold(HEADER.to_owned(), |text, row| text + &row)
}

async fn run(context: &Context, key: &str) -> TransformerOutput {
    transform(&TransformerEvent::of(key), context).await.unwrap()
}

fn counts(bronze: u64, silver: u64, duplicates: u64, quarantined: u64, late: u64) -> RowCounts {
    RowCounts {
        bronze_rows: bronze,
        silver_rows: silver,
        duplicates,
        quarantined,
        late_rows: late,
    }
}

fn read(bytes: &[u8]) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::copy_from_slice(bytes))
        .unwrap()
        .build()
        .unwrap();
    let batches: Vec<_> = reader.map(Result::unwrap).collect();
    arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap()
}

async fn files(lake: &Lake, key: &str) -> Vec<RecordBatch> {
    let record = lake.record(key).await;
    let mut batches = Vec::new();
    for file in record.files {
        let (object, start) = match &file.bundle {
            Some(part) => (part.key.clone(), part.offset as usize),
            None => (format!("{}/{}", record.dataset, file.path), 0),
        };
        let bytes = lake.storage.get(SILVER, &object).await.unwrap().unwrap();
        let end = start + file.size as usize;
        assert!(file.bundle.is_some() || end == bytes.len());
        let bytes = bytes.slice(start..end);
        let batch = read(&bytes);
        assert_eq!(batch.num_rows() as u64, file.rows);
        batches.push(batch);
    }
    batches
}

fn texts<'b>(batch: &'b RecordBatch, name: &str) -> Vec<Option<&'b str>> {
    batch[name].as_string::<i32>().iter().collect()
}

async fn quarantine(lake: &Lake, key: &str) -> Vec<Value> {
    let path = BronzeKey::parse(key).unwrap().quarantine();
    let text = lake.storage.get(SILVER, &path).await.unwrap().unwrap();
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_column_of_a_row_arrives_in_silver() {
    let lake = Lake::new().await;
    let text = "\u{feff}channel,note,transaction_id,customer_id,card_id,merchant_id,txn_ts,amount,currency,mcc,status,is_refund\r\n\
        \" Online \",\"a \"\"b\"\", c\",2AF9B1E0-F999-4C3E-9440-3B73E12502F7,CUS7927,a61c356b-ab3b-472e-9893-d3295ebcd7b3,MER1019,2026-01-14T23:59:59.25+09:00,14391.5,krw,7011,APPROVED,Yes";
    lake.put(KEY, text).await;
    let output = run(&lake.context().await, KEY).await;
    assert_eq!(output.status, TransformStatus::Transformed);
    assert_eq!(output.counts, counts(1, 1, 0, 0, 1));

    let record = lake.record(KEY).await;
    assert_eq!(record.drift, [("note".to_owned(), 1)].into());
    assert_eq!(record.quarantine, None);
    let [file] = record.files.as_slice() else {
        panic!("one file")
    };
    assert!(
        file.path
            .starts_with("txn_date=2026-01-14/merchant_category=hotel/part-00000-"),
        "{}",
        file.path
    );
    assert_eq!(file.partition_values["txn_date"].as_deref(), Some("2026-01-14"));
    assert_eq!(file.partition_values["merchant_category"].as_deref(), Some("hotel"));
    assert_eq!(file.modification_time, record.source.last_modified.timestamp_millis());
    assert_eq!(file.columns["txn_ts"].min, Some(json!("2026-01-14T14:59:59.250000Z")));
    assert_eq!(
        file.columns["transaction_id"].max,
        Some(json!("2af9b1e0-f999-4c3e-9440-3b73e12502f7"))
    );
    assert_eq!(file.columns["ingest_date"].min, Some(json!("2026-01-15")));

    let batch = &files(&lake, KEY).await[0];
    let names: Vec<_> = batch
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    assert_eq!(
        names.join(" "),
        "transaction_id customer_id card_id merchant_id txn_ts amount currency mcc status is_refund channel \
         days_late ingest_date ingest_ts source_object source_row extra row_hash"
    );
    for (name, value) in [
        ("transaction_id", "2af9b1e0-f999-4c3e-9440-3b73e12502f7"),
        ("customer_id", "CUS7927"),
        ("card_id", "a61c356b-ab3b-472e-9893-d3295ebcd7b3"),
        ("merchant_id", "MER1019"),
        ("currency", "KRW"),
        ("mcc", "7011"),
        ("status", "approved"),
        ("channel", "online"),
        ("source_object", KEY),
        ("extra", r#"{"note":"a \"b\", c"}"#),
    ] {
        assert_eq!(texts(batch, name), [Some(value)], "{name}");
    }
    assert_eq!(
        batch["txn_ts"].as_primitive::<TimestampMicrosecondType>().value(0),
        1_768_402_799_250_000
    );
    assert_eq!(batch["amount"].as_primitive::<Decimal128Type>().value(0), 1_439_150);
    assert!(batch["is_refund"].as_boolean().value(0));
    assert_eq!(batch["days_late"].as_primitive::<Int32Type>().value(0), 1);
    assert_eq!(batch["ingest_date"].as_primitive::<Date32Type>().value(0), 20_468);
    assert_eq!(batch["source_row"].as_primitive::<Int64Type>().value(0), 1);
    assert_eq!(
        batch["ingest_ts"].as_primitive::<TimestampMicrosecondType>().value(0),
        record.source.last_modified.timestamp_micros()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn json_lines_give_the_rows_that_csv_gives() {
    let lake = Lake::new().await;
    let csv = day(50);
    let names: Vec<&str> = HEADER.trim().split(',').collect();
    let mut lines = String::new();
    for row in csv.lines().skip(1) {
        let object: serde_json::Map<_, _> = names
            .iter()
            .zip(row.split(','))
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect();
        writeln!(lines, "{}", Value::Object(object)).unwrap();
    }
    let jsonl = "transactions/ingest_date=2026-01-15/transactions.jsonl.gz";
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(lines.as_bytes()).unwrap();
    lake.put(KEY, csv).await;
    lake.put(jsonl, gzip.finish().unwrap()).await;
    let context = lake.context().await;
    assert_eq!(run(&context, KEY).await.counts, run(&context, jsonl).await.counts);
    let (csv, json) = (files(&lake, KEY).await, files(&lake, jsonl).await);
    assert_eq!(csv.len(), 5);
    for (csv, json) in csv.iter().zip(&json) {
        for name in ["transaction_id", "amount", "txn_ts", "row_hash", "source_row", "extra"] {
            assert_eq!(csv[name].as_ref(), json[name].as_ref(), "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_time_reads_nothing_and_writes_nothing() {
    let lake = Lake::new().await;
    lake.put(KEY, day(200)).await;
    let context = lake.context().await;
    let first = run(&context, KEY).await;
    let before = lake.silver().await;
    let second = run(&context, KEY).await;
    assert_eq!(second.status, TransformStatus::Unchanged);
    assert_eq!(second.counts, first.counts);
    assert_eq!(lake.silver().await, before);

    // Without the record everything is done again and comes out the same.
    let record = BronzeKey::parse(KEY).unwrap().object_record();
    lake.storage.delete(SILVER, &record).await.unwrap();
    assert_eq!(run(&context, KEY).await.status, TransformStatus::Transformed);
    assert_eq!(lake.silver().await, before);

    // Other rules are another matter.
    let path = lake.record(KEY).await.files[0].path.clone();
    let wide = TransformerEvent {
        late_window_days: Some(9),
        ..TransformerEvent::of(KEY)
    };
    let wider = transform(&wide, &context).await.unwrap();
    assert_eq!(wider.status, TransformStatus::Transformed);
    assert_ne!(lake.record(KEY).await.files[0].path, path);
    // A window once widened stays so.
    assert_eq!(run(&context, KEY).await.status, TransformStatus::Unchanged);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_files_of_a_small_object_are_one_object_and_those_of_a_large_one_their_own() {
    let lake = Lake::new().await;
    let context = lake.context().await;
    for (rows, are_bundled) in [(20, true), (20_000, false)] {
        lake.put(KEY, day(rows)).await;
        run(&context, KEY).await;
        let record = lake.record(KEY).await;
        assert!(record.files.len() > 3, "one in each partition");
        assert!(
            record.files.iter().all(|file| file.bundle.is_some() == are_bundled),
            "{rows}"
        );
        let mut end = 0;
        for (file, part) in record
            .files
            .iter()
            .filter_map(|file| Some((file, file.bundle.as_ref()?)))
        {
            assert_eq!(part.offset, end, "behind one another, by path");
            end += file.size;
        }
        assert_eq!(
            files(&lake, KEY).await.iter().map(RecordBatch::num_rows).sum::<usize>(),
            rows as usize
        );
    }
    // A single file has an object of its own: there is nothing to save.
    lake.put(KEY, HEADER.to_owned() + &row(5, "2026-01-15 10:00:00", "1.00"))
        .await;
    run(&context, KEY).await;
    assert_eq!(lake.record(KEY).await.files[0].bundle, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_made_again_when_it_is_asked_for() {
    let lake = Lake::new().await;
    lake.put(KEY, day(20)).await;
    let context = lake.context().await;
    run(&context, KEY).await;
    let before = lake.silver().await;
    let bundle = lake.record(KEY).await.files[0].bundle.clone().unwrap();
    lake.storage
        .put(SILVER, &bundle.key, b"damaged".to_vec())
        .await
        .unwrap();
    let again = TransformerEvent {
        reprocess: true,
        ..TransformerEvent::of(KEY)
    };
    assert_eq!(
        transform(&again, &context).await.unwrap().status,
        TransformStatus::Transformed
    );
    assert_eq!(lake.silver().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_version_of_a_row_stays() {
    let lake = Lake::new().await;
    let text = [
        HEADER.to_owned(),
        row(1, "2026-01-15 10:00:00", "1.00"),
        row(2, "2026-01-15 10:00:00", "2.00"),
        row(1, "2026-01-15 12:00:00", "3.00"),
        row(1, "2026-01-15 11:00:00", "4.00"),
        row(2, "2026-01-15 10:00:00", "2.00"),
        row(3, "2026-01-15 10:00:00", "5.00"),
        row(3, "2026-01-15 10:00:00", "6.00"),
        // The key goes to another partition with its later event.
        row(4, "2026-01-14 10:00:00", "7.00"),
        row(4, "2026-01-15 10:00:00", "8.00"),
    ];
    lake.put(KEY, text.concat()).await;
    let output = run(&lake.context().await, KEY).await;
    assert_eq!(output.counts, counts(9, 4, 5, 0, 0));
    let mut kept = Vec::new();
    for batch in files(&lake, KEY).await {
        let amounts = batch["amount"].as_primitive::<Decimal128Type>();
        let rows = batch["source_row"].as_primitive::<Int64Type>();
        kept.extend((0..batch.num_rows()).map(|row| (amounts.value(row), rows.value(row))));
    }
    kept.sort_unstable();
    // The last row of a key, whatever its event time; of equal rows the first.
    assert_eq!(kept, [(200, 2), (400, 4), (600, 7), (800, 9)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_rows_are_quarantined_with_all_their_reasons() {
    let lake = Lake::new().await;
    let good = row(1, "2026-01-15 10:00:00", "1.00");
    let mut text = HEADER.as_bytes().to_vec();
    for line in [
        good.as_bytes(),
        b"x,CUS12,,MER1000,2026-02-30 00:00:00,1e3,USD,1234,maybe,perhaps,phone\n",
        b"too,few\n",
        b"\n",
        row(2, "2026-01-12 23:59:59", "1.00").as_bytes(),
        row(3, "2026-01-17 00:00:00", "1.001").as_bytes(),
        row(4, "2026-01-13 00:00:00", "-1").as_bytes(),
        &good
            .replace("KRW", "K\u{fe}")
            .into_bytes()
            .into_iter()
            .map(|byte| if byte == 0xc3 { 0xff } else { byte })
            .collect::<Vec<_>>(),
        row(5, "2026-01-13 00:00:00", "NaN").as_bytes(),
        b"\"unclosed,",
    ] {
        text.extend_from_slice(line);
    }
    lake.put(KEY, text).await;
    let output = run(&lake.context().await, KEY).await;
    assert_eq!(output.counts, counts(9, 1, 0, 8, 0));
    let lines = quarantine(&lake, KEY).await;
    let seen: Vec<_> = lines
        .iter()
        .map(|line| (line["row"].as_u64().unwrap(), line["reasons"].to_string()))
        .collect();
    let expected = [
        (
            2,
            r#"["transaction_id: not a UUID","customer_id: does not match the pattern","card_id: required","txn_ts: no such day in the calendar","amount: scientific notation","currency: not an allowed value","mcc: not an allowed value","status: not an allowed value","is_refund: not a boolean","channel: not an allowed value"]"#,
        ),
        (3, r#"["row: wrong number of fields"]"#),
        (4, r#"["txn_ts: earlier than the late window"]"#),
        (
            5,
            r#"["txn_ts: later than the future tolerance","amount: too many digits after the point"]"#,
        ),
        (6, r#"["amount: below the minimum"]"#),
        (7, r#"["row: not UTF-8"]"#),
        (8, r#"["amount: not a number"]"#),
        (9, r#"["row: a quote is not closed"]"#),
    ];
    assert_eq!(
        seen.iter().map(|(row, text)| (*row, text.as_str())).collect::<Vec<_>>(),
        expected
    );
    assert_eq!(
        lines[1],
        json!({"object": KEY, "row": 3, "reasons": ["row: wrong number of fields"], "raw": "too,few"})
    );
    let reasons = lake.record(KEY).await.quarantine.unwrap().reasons;
    assert_eq!(reasons["row: wrong number of fields"], 1);
    assert_eq!(reasons.len(), 18);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_read_is_rejected_with_a_reason() {
    let lake = Lake::new().await;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(day(500).as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let context = lake.context().await;
    for (name, body, reason) in [
        (
            "a.csv.gz",
            &gzip[..gzip.len() / 2],
            "the data is damaged or incomplete: ",
        ),
        (
            "b.csv",
            b"a,b\n1,2\n",
            "the first line is no header: it names none of the required columns",
        ),
        (
            "c.csv",
            b"amount,amount\n1,2\n",
            "the header names the column 'amount' twice",
        ),
        ("d.csv", &gzip, "the file is not UTF-8 text"),
        ("e.jsonl", &gzip, "the file is not UTF-8 text"),
    ] {
        let key = format!("transactions/ingest_date=2026-01-15/{name}");
        lake.put(&key, body).await;
        let output = run(&context, &key).await;
        assert_eq!(
            (output.status, output.counts),
            (TransformStatus::Rejected, RowCounts::default()),
            "{name}"
        );
        let record = lake.record(&key).await;
        assert!(
            record.rejection.as_ref().is_some_and(|text| text.starts_with(reason)),
            "{name}: {record:?}"
        );
        assert!(record.files.is_empty());
        // How much of a truncated file is missing, nobody knows.
        let read = record.text.map(|text| text.read);
        assert_eq!(read, (name != "a.csv.gz").then_some(body.len() as u64), "{name}");
        assert_eq!(run(&context, &key).await, output, "a second time");
        let error = handle(notification(&[&key]), &context).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_has_to_agree_with_its_trailer() {
    let lake = Lake::new().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("contracts")).unwrap();
    let contract = include_str!("../../../../contracts/transactions.yaml");
    let before = "      - {property: minRows, value: 1}\n";
    let trailer = "      - {property: controlTotals, value: {sum: amount, trailer: {marker: TRL, rows: 2, sum: 3}}}\n";
    let text = contract.replace(before, trailer);
    assert_ne!(text, contract);
    std::fs::write(folder.path().join("contracts/transactions.yaml"), text).unwrap();
    let context = lake
        .context_with(&[("CARDLAKE_ASSETS_DIR", folder.path().to_str().unwrap())])
        .await;
    let transformed = async |end: &str| {
        lake.put(KEY, format!("{}{end}", day(3))).await;
        let output = run(&context, KEY).await;
        let text = lake.record(KEY).await.text.unwrap();
        assert_eq!(output.rejection.is_none(), text.balanced());
        (output.counts.bronze_rows, output.rejection.unwrap_or_default())
    };
    assert_eq!(transformed("TRL,3,37.50\n").await, (3, String::new()));
    let (rows, reason) = transformed("TRL,4,37.51\n").await;
    assert_eq!(rows, 0);
    assert_eq!(
        reason,
        "it differs from its trailer: 3 rows instead of 4, a sum of amount of 37.50 instead of 37.51"
    );
    let (_, reason) = transformed("").await;
    assert!(reason.starts_with("it has no trailer: "), "{reason}");
    let (_, reason) = transformed("TRL,three\n").await;
    assert_eq!(reason, "its trailer has no number of rows in field 2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_in_place_of_a_header_leaves_no_data_in_messages() {
    let lake = Lake::new().await;
    let context = lake
        .context()
        .await
        .with_tokenizer(Tokenizer::from_secret(SECRET).unwrap());
    let row = "c0,5105105105105100,5105105105105100,kim@example.com";
    for (dataset, text) in [
        ("cards", format!("{row}\n{row}\n")),
        ("cards", format!("{row}\r{row}\r")),
        ("customers", format!("{row}\n")),
        ("customers", format!("customer_id,{row}\n")),
        (
            "customers",
            "customer_id,lee@example.com,4111111111111111\nCUS1000,a,b\n".to_owned(),
        ),
    ] {
        let key = format!("{dataset}/ingest_date=2026-01-15/a.csv");
        let is_rejected = !text.starts_with("customer_id");
        lake.put(&key, text).await;
        let output = run(&context, &key).await;
        assert_eq!(output.status == TransformStatus::Rejected, is_rejected);
        let record = serde_json::to_string(&lake.record(&key).await).unwrap();
        for data in ["5105", "4111", "kim", "lee"] {
            assert!(!record.contains(data), "{record}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_without_rows_is_no_error() {
    let lake = Lake::new().await;
    let context = lake.context().await;
    for (name, body) in [
        ("a.csv", ""),
        ("b.csv", HEADER),
        ("c.jsonl", "\n \n"),
        ("f.csv", "\u{feff}"),
        ("g.csv", "\r\n\r\n"),
        ("d.jsonl.gz", ""),
        ("e.csv.zst", ""),
    ] {
        let key = format!("transactions/ingest_date=2026-01-15/{name}");
        lake.put(&key, body).await;
        let output = run(&context, &key).await;
        assert_eq!(
            (output.status, output.counts),
            (TransformStatus::Transformed, RowCounts::default()),
            "{name}"
        );
        assert_eq!(lake.record(&key).await.files, []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_input_is_ignored() {
    let lake = Lake::new().await;
    let context = lake.context().await;
    for key in [
        "other/file.csv",
        "transactions/ingest_date=2026-01-15/_SUCCESS",
        "refunds/ingest_date=2026-01-15/a.csv",
    ] {
        assert_eq!(run(&context, key).await.status, TransformStatus::Ignored, "{key}");
    }
    let none = TransformerEvent::of("transactions/ingest_date=2026-01-15/none.csv");
    let error = transform(&none, &context).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

const SECRET: &str = r#"{"current":"1","keys":{"1":"CwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCws="}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn personal_data_never_arrives_in_the_clear() {
    let lake = Lake::new().await;
    let tokenizer = Tokenizer::from_secret(SECRET).unwrap();
    let context = lake.context().await.with_tokenizer(tokenizer.clone());
    let cards = "cards/ingest_date=2026-01-15/cards.jsonl";
    let card = |number: u32, pan: &str, brand: Value| {
        json!({"card_id": format!("{number:08x}-0000-4000-8000-000000000000"), "customer_id": "CUS1000", "card_number": pan,
            "brand": brand, "issued_at": "2020-02-29", "status": "active", "Card Number": "4111", "note": "was 4111-1111-1111-1111"})
    };
    let lines = [
        card(1, "4111 1111 1111 1111", json!("VISA")),
        card(2, "4111111111111112", json!("visa")),
        card(3, "5555555555554444", json!(["visa"])),
        card(4, "no plastic", json!("visa")),
    ];
    let text = lines.map(|line| line.to_string()).join("\n") + "\n{\"card_number\":\"378282246310005\", broken";
    lake.put(cards, text).await;
    let customers = "customers/ingest_date=2026-01-15/customers.csv";
    let text = "customer_id,name,email,phone,birth_date,city,segment,created_at\n\
        CUS1000,Kim Minsu,kim@example.com,010-1234-5678,1990-01-02,Seoul,mass,2025-01-01 00:00:00\n\
        CUS1,Lee Jiwoo,lee.example.com,\"010-2345-6789\",1991-02-03,Busan,Premium,2025-01-01 00:00:00\n\
        CUS1001,Park,Hana,park@example.com\n";
    lake.put(customers, text).await;

    assert_eq!(run(&context, cards).await.counts, counts(5, 1, 0, 4, 0));
    assert_eq!(run(&context, customers).await.counts, counts(3, 1, 0, 2, 0));
    let batch = &files(&lake, cards).await[0];
    assert_eq!(
        texts(batch, "card_number"),
        [Some(tokenizer.token("4111111111111111").as_str())]
    );
    assert_eq!(texts(batch, "card_last_four"), [Some("1111")]);
    assert_eq!(texts(batch, "extra"), [Some(r#"{"Card Number":"***","note":"***"}"#)]);
    let batch = &files(&lake, customers).await[0];
    assert_eq!(texts(batch, "name"), [Some(tokenizer.token("Kim Minsu").as_str())]);
    assert_eq!(texts(batch, "city"), [Some("Seoul")]);
    let reasons: Vec<_> = quarantine(&lake, cards)
        .await
        .iter()
        .map(|line| line["reasons"][0].clone())
        .collect();
    assert_eq!(
        reasons,
        [
            "card_number: wrong check digit",
            "brand: not a single value",
            "card_number: not a card number",
            "row: not a JSON object"
        ]
    );
    let lines = quarantine(&lake, customers).await;
    assert_eq!(
        lines[0]["raw"],
        "CUS1,***,***,***,***,Busan,Premium,2025-01-01 00:00:00"
    );
    assert_eq!(
        lines[0]["reasons"],
        json!([
            "customer_id: does not match the pattern",
            "email: not an e-mail address"
        ])
    );
    assert_eq!(lines[1]["raw"], "*** (34 bytes, masked as a whole)");

    let clear = [
        "4111",
        "5555555555554444",
        "no plastic",
        "378282246310005",
        "Kim",
        "Lee",
        "Park",
        "Hana",
        "example.com",
        "010-",
        "1990-01",
        "1991-02",
    ];
    for (key, bytes) in lake.silver().await {
        let mut text = String::from_utf8_lossy(&bytes).into_owned();
        if key.ends_with(".parquet") {
            text = format!("{:?}", read(&bytes));
        }
        for word in clear {
            assert!(!text.contains(word), "{word} in {key}");
        }
    }
}

#[tokio::test]
async fn the_token_keys_are_missed_at_start_beside_every_other_mistake_and_only_where_a_contract_needs_them() {
    let lake = Lake::new().await;
    let start = async |settings: &[(&str, &str)]| {
        let settings = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let variables = Variables::new(settings.collect());
        Context::new(Resources::new(variables, lake.aws.clone(), cardlake_assets::embedded())).await
    };
    let error = start(&[("CARDLAKE_SILVER_BUCKET", SILVER)]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let told = error.to_string();
    assert!(told.contains("CARDLAKE_BRONZE_BUCKET is not set"), "{told}");
    assert!(told.contains("CARDLAKE_TOKEN_KEY_SECRET is not set"), "{told}");

    // Transactions alone have nothing that is to be hidden.
    let assets = tempfile::tempdir().unwrap();
    let contracts = assets.path().join("contracts");
    std::fs::create_dir(&contracts).unwrap();
    let of_project = concat!(env!("CARGO_MANIFEST_DIR"), "/../contracts/transactions.yaml");
    std::fs::copy(of_project, contracts.join("transactions.yaml")).unwrap();
    let buckets = [("CARDLAKE_BRONZE_BUCKET", "bronze"), ("CARDLAKE_SILVER_BUCKET", SILVER)];
    start(&buckets).await.unwrap_err();
    let folder = assets.path().to_str().unwrap();
    start(&[&buckets[..], &[("CARDLAKE_ASSETS_DIR", folder)]].concat())
        .await
        .unwrap();
}

fn notification(keys: &[&str]) -> Event {
    let records: Vec<_> = keys
        .iter()
        .map(|key| {
            json!({"eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1", "eventTime": "2026-01-15T00:00:00.000Z",
                "eventName": "ObjectCreated:Put", "userIdentity": {"principalId": "p"}, "requestParameters": {"sourceIPAddress": "127.0.0.1"},
                "responseElements": {}, "s3": {"s3SchemaVersion": "1.0", "configurationId": "c",
                "bucket": {"name": "bronze", "ownerIdentity": {"principalId": "p"}, "arn": "arn:aws:s3:::bronze"},
                "object": {"key": key, "size": 1, "eTag": "e", "sequencer": "0"}}})
        })
        .collect();
    serde_json::from_value(json!({"Records": records})).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_names_the_objects_that_failed_after_the_others_went_through() {
    let lake = Lake::new().await;
    let context = lake.context().await;
    let key = "transactions/ingest_date=2026-01-15/a b+c.csv";
    lake.put(key, day(3)).await;
    let encoded = "transactions/ingest_date%3D2026-01-15/a+b%2Bc.csv";
    let event = notification(&["transactions/ingest_date%3D2026-01-15/none.csv", encoded, "other/x.csv"]);
    let error = handle(event, &context).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(
        error.to_string().starts_with("1 of 3 objects failed: ") && error.to_string().contains("none.csv"),
        "{error}"
    );
    assert_eq!(lake.record(key).await.counts.silver_rows, 3);

    let output = handle(notification(&[encoded]), &context).await.unwrap();
    let Output::Many(outputs) = &output else {
        panic!("a list")
    };
    assert_eq!(outputs[0].status, TransformStatus::Unchanged);
    assert_eq!(outputs[0].key, key);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_measured_once_for_each_object_and_a_rejected_one_too_though_its_event_fails() {
    let lake = Lake::new().await;
    let context = lake.context().await;
    let (good, bad) = (
        "transactions/ingest_date=2026-01-15/a.csv",
        "transactions/ingest_date=2026-01-15/b.csv.gz",
    );
    lake.put(good, day(3) + "not-an-id\n").await;
    lake.put(bad, "no gzip").await;
    let transactions = Subject::Dataset("transactions".to_owned());
    let measure = async || {
        let (outcome, figures) = metrics::collect(handle(notification(&[good, bad]), &context)).await;
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Corrupt);
        let of = |metric| figures.get(&transactions, metric);
        [
            Metric::RowsRead,
            Metric::RowsValid,
            Metric::RowsQuarantined,
            Metric::ObjectsRejected,
        ]
        .map(of)
    };
    assert_eq!(measure().await, [Some(4.0), Some(3.0), Some(1.0), Some(1.0)]);
    assert_eq!(measure().await, [None; 4], "nothing is read again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_gives_one_output() {
    let lake = Lake::new().await;
    lake.put(KEY, day(3)).await;
    let task = TransformerEvent::of(KEY);
    let output = handle(Event::Task(task), &lake.context().await).await.unwrap();
    assert_eq!(
        serde_json::to_value(output).unwrap(),
        json!({"key": KEY, "status": "transformed",
            "counts": {"bronze_rows": 3, "silver_rows": 3, "duplicates": 0, "quarantined": 0, "late_rows": 0}})
    );
}
