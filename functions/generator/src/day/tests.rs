use super::*;
use cardlake_core::events::GeneratorEvent;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};

/// Keeps everything, by key.
#[derive(Default)]
struct Memory {
    objects: BTreeMap<String, Vec<u8>>,
    open: Option<String>,
}

impl Sink for Memory {
    fn begin(&mut self, key: &str) -> io::Result<()> {
        assert!(self.open.is_none() && !self.objects.contains_key(key));
        self.objects.insert(key.to_owned(), Vec::new());
        self.open = Some(key.to_owned());
        Ok(())
    }

    fn write(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        let object = self.objects.get_mut(self.open.as_ref().unwrap()).unwrap();
        object.extend_from_slice(&bytes);
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.open = None;
        Ok(())
    }
}

fn generate(changes: &Value) -> (GeneratorOutput, BTreeMap<String, Vec<u8>>) {
    let mut event = json!({
        "batch_date": "2026-01-15", "rows": 5000, "late_rate": 0.05, "duplicate_rate": 0.02, "corrupt_rate": 0.01,
    });
    for (name, value) in changes.as_object().unwrap() {
        event[name] = value.clone();
    }
    let event: GeneratorEvent = serde_json::from_value(event).unwrap();
    let mut sink = Memory::default();
    let output = write_day(&DayOptions::new(&event).unwrap(), &mut sink).unwrap();
    assert_eq!(
        output.objects.iter().collect::<HashSet<_>>(),
        sink.objects.keys().collect()
    );
    (output, sink.objects)
}

/// Lines of `transactions`, in the order of the keys.
fn transaction_lines(objects: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    objects
        .iter()
        .filter(|(key, _)| key.starts_with("transactions/"))
        .flat_map(|(_, bytes)| {
            std::str::from_utf8(bytes)
                .unwrap()
                .lines()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn the_same_options_give_the_same_bytes() {
    for format in ["jsonl", "csv"] {
        for compression in ["none", "gz", "zst"] {
            let changes = json!({"format": format, "compression": compression});
            assert_eq!(generate(&changes), generate(&changes));
        }
    }
    let seeded = |seed| generate(&json!({"seed": seed})).1.into_values().collect::<Vec<_>>();
    assert_ne!(seeded(1), seeded(2));
}

#[test]
fn the_bytes_of_a_known_day_do_not_change() {
    let (output, objects) = generate(&json!({"rows": 1000, "format": "csv"}));
    let digest: Vec<String> = objects
        .iter()
        .map(|(key, bytes)| {
            let sum = bytes.iter().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
            });
            format!("{key} {} bytes, FNV-1a {sum:016x}", bytes.len())
        })
        .collect();
    insta::assert_snapshot!(digest.join("\n"), @r"
    cards/ingest_date=2026-01-15/cards-00000.csv 26621 bytes, FNV-1a 10972b943de6ca92
    customers/ingest_date=2026-01-15/customers-00000.csv 20752 bytes, FNV-1a 85b5cd8807141b43
    merchants/ingest_date=2026-01-15/merchants-00000.csv 2271 bytes, FNV-1a 51878e14f80a1cd9
    transactions/ingest_date=2026-01-15/transactions-00000.csv 148273 bytes, FNV-1a 8ce5a0350d8f7deb
    ");
    insta::assert_json_snapshot!(output.rows, @r#"
    {
      "cards": 305,
      "customers": 201,
      "merchants": 40,
      "transactions": 1000
    }
    "#);
}

#[test]
fn the_size_of_objects_changes_no_row() {
    let (_, one) = generate(&json!({}));
    let (_, many) = generate(&json!({"rows_per_object": 700}));
    assert_eq!(many.keys().filter(|key| key.starts_with("transactions/")).count(), 8);
    assert_eq!(transaction_lines(&one), transaction_lines(&many));
}

#[test]
fn parts_together_give_byte_for_byte_what_one_gives() {
    for (format, compression) in [("jsonl", "none"), ("csv", "gz"), ("csv", "zst")] {
        let whole = json!({
            "rows_per_object": 700, "drift_from": "2026-01-15", "format": format, "compression": compression,
        });
        let expected = generate(&whole);
        // 11 parts are more than there are objects.
        for of in [3, 11] {
            let parts = (0..of).map(|index| {
                let mut event = whole.clone();
                event["part"] = json!({"index": index, "of": of});
                generate(&event)
            });
            let (outputs, objects): (Vec<_>, Vec<_>) = parts.unzip();
            let count: usize = objects.iter().map(BTreeMap::len).sum();
            let objects: BTreeMap<_, _> = objects.into_iter().flatten().collect();
            assert_eq!(objects.len(), count, "no object is made twice");
            assert_eq!((all_parts(outputs).unwrap(), objects), expected, "{of} parts");
        }
    }
    assert_eq!(all_parts([]), None);
}

#[test]
fn formats_and_compressions_carry_the_same_rows() {
    let (expected, objects) = generate(&json!({"format": "csv"}));
    type Decode = fn(&[u8]) -> Vec<u8>;
    let decoders: [(&str, Decode); 2] = [
        ("gz", |bytes| {
            let mut out = Vec::new();
            io::Read::read_to_end(&mut flate2::read::GzDecoder::new(bytes), &mut out).unwrap();
            out
        }),
        ("zst", |bytes| zstd::decode_all(bytes).unwrap()),
    ];
    for (compression, decode) in decoders {
        let (output, compressed) = generate(&json!({"format": "csv", "compression": compression}));
        for (key, bytes) in &objects {
            assert_eq!(&decode(&compressed[&format!("{key}.{compression}")]), bytes);
        }
        assert_eq!(output.rows, expected.rows);
    }
    let (jsonl, _) = generate(&json!({"format": "jsonl"}));
    let in_csv = json!({"row: wrong number of fields": jsonl.corrupt_by_reason["row: not a JSON object"]});
    let mut by_reason = jsonl.corrupt_by_reason.clone();
    by_reason.remove("row: not a JSON object");
    by_reason.extend(serde_json::from_value::<BTreeMap<_, _>>(in_csv).unwrap());
    assert_eq!(expected.corrupt_by_reason, by_reason);
    assert_eq!((jsonl.rows, jsonl.distinct_ids), (expected.rows, expected.distinct_ids));
}

/// Counts what the three days up to 2026-01-15 hold, by looking at the rows alone.
#[test]
fn the_expectation_is_exact_over_consecutive_days() {
    let mut delivered: HashMap<String, (String, &str)> = HashMap::new();
    for date in ["2026-01-13", "2026-01-14", "2026-01-15"] {
        let event = json!({"batch_date": date, "format": "csv", "first_date": "2026-01-13"});
        let (output, objects) = generate(&event);
        let (mut corrupt, mut distinct, mut duplicates, mut corrected, mut late) = (0, 0, 0, 0, 0);
        for line in transaction_lines(&objects).iter().skip(1) {
            let fields: Vec<&str> = line.split(',').collect();
            if !is_valid(&fields, date) {
                corrupt += 1;
                continue;
            }
            late += u64::from(!fields[4].starts_with(date));
            match delivered.get(fields[0]) {
                None => distinct += 1,
                Some((before, day)) if *day == date || before == line => duplicates += 1,
                Some(_) => corrected += 1,
            }
            delivered
                .entry(fields[0].to_owned())
                .or_insert_with(|| (line.clone(), date));
        }
        let expected = (
            output.corrupt_rows,
            output.distinct_ids,
            output.duplicate_rows,
            output.corrected_rows.values().sum(),
            output.late_rows,
        );
        assert_eq!((corrupt, distinct, duplicates, corrected, late), expected, "{date}");
        assert_eq!((output.late_rows, output.corrupt_rows), (250, 50));
        assert_eq!(corrected > 20, date != "2026-01-13");
    }
}

/// The rules of the contract, restated independently of it.
fn is_valid(fields: &[&str], date: &str) -> bool {
    let uuid = |text: &str| text.len() == 36 && uuid::Uuid::parse_str(text).is_ok();
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = |text: &str, prefix: &str| {
        let rest = text.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.len() >= 4 && digits(rest)) && text.len() <= 32
    };
    let money = |text: &str| {
        let parts = text.split_once('.');
        parts.is_some_and(|(whole, rest)| digits(whole) && whole.len() <= 16 && digits(rest) && rest.len() <= 2)
    };
    let [
        id,
        customer,
        card,
        merchant,
        timestamp,
        amount,
        currency,
        mcc,
        status,
        refund,
        channel,
    ] = fields
    else {
        return false;
    };
    let in_window = chrono::NaiveDateTime::parse_from_str(timestamp, "%Y-%m-%d %H:%M:%S").is_ok_and(|timestamp| {
        let late = date.parse::<chrono::NaiveDate>().unwrap() - timestamp.date();
        (-1..=2).contains(&late.num_days())
    });
    uuid(id)
        && number(customer, "CUS")
        && uuid(card)
        && number(merchant, "MER")
        && in_window
        && money(amount)
        && *currency == "KRW"
        && ["5411", "5812", "5999", "4121", "7011"].contains(mcc)
        && ["approved", "declined"].contains(status)
        && ["true", "false"].contains(refund)
        && ["online", "pos", "mobile"].contains(channel)
}

#[test]
fn corrections_follow_what_they_correct() {
    let (_, objects) =
        generate(&json!({"format": "csv", "duplicate_rate": 0.2, "late_rate": 0.0, "corrupt_rate": 0.0}));
    let mut first: HashMap<String, String> = HashMap::new();
    let (mut identical, mut amount, mut status) = (0, 0, 0);
    for line in transaction_lines(&objects).iter().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        match first.get(fields[0]) {
            None => drop(first.insert(fields[0].to_owned(), line.clone())),
            Some(original) if original == line => identical += 1,
            Some(original) => {
                let before: Vec<&str> = original.split(',').collect();
                amount += u32::from(before[5] != fields[5]);
                status += u32::from(before[8] != fields[8]);
            }
        }
    }
    assert!(
        identical > 300 && amount > 150 && status > 100,
        "{identical} {amount} {status}"
    );
}

#[test]
fn a_new_field_appears_on_its_day_and_not_in_older_rows() {
    let changes = json!({"drift_from": "2026-01-15", "corrupt_rate": 0.0});
    let (_, objects) = generate(&changes);
    for line in transaction_lines(&objects) {
        let row: Value = serde_json::from_str(&line).unwrap();
        let expected = row["txn_ts"].as_str().unwrap().starts_with("2026-01-15") && row["channel"] != "pos";
        assert_eq!(row.get("device_os").is_some(), expected, "{line}");
    }
    let (_, before) = generate(&json!({"drift_from": "2026-01-16", "corrupt_rate": 0.0}));
    assert!(
        transaction_lines(&before)
            .iter()
            .all(|line| !line.contains("device_os"))
    );
}

/// Rows of a dataset by the given column.
fn by_key(objects: &BTreeMap<String, Vec<u8>>, dataset: &str, date: &str, key: &str) -> BTreeMap<String, Value> {
    let object = objects.get(&format!("{dataset}/ingest_date={date}/{dataset}-00000.jsonl"));
    let text = object.map_or("", |bytes| std::str::from_utf8(bytes).unwrap());
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.map(|row| (row[key].as_str().unwrap().to_owned(), row)).collect()
}

#[test]
fn a_csv_reader_finds_the_names_of_the_json_lines_with_all_that_needs_quoting() {
    let size = json!({"corrupt_rate": 0.0});
    let (_, jsonl) = generate(&size);
    let mut csv_event = size.clone();
    csv_event["format"] = "csv".into();
    let (_, csv) = generate(&csv_event);
    let mut all_names = String::new();
    for (dataset, key) in [("customers", "customer_id"), ("merchants", "merchant_id")] {
        let rows = by_key(&jsonl, dataset, "2026-01-15", key);
        let object = &csv[&format!("{dataset}/ingest_date=2026-01-15/{dataset}-00000.csv")];
        let records = csv::Reader::from_reader(object.as_slice()).into_deserialize();
        let records: Vec<HashMap<String, String>> = records.map(Result::unwrap).collect();
        assert_eq!(records.len(), rows.len());
        for record in records {
            let row = &rows[&record[key]];
            for (column, value) in &record {
                assert_eq!(
                    row[column].as_str().unwrap_or_default(),
                    value,
                    "{column} of {}",
                    record[key]
                );
            }
            all_names.push_str(&record["name"]);
        }
    }
    for awkward in [",", "\"", "\n", "김", "é"] {
        assert!(all_names.contains(awkward), "no name has {awkward:?}");
    }
    assert!(
        all_names
            .chars()
            .any(|letter| ('\u{4E00}'..='\u{9FFF}').contains(&letter))
    );
}

#[test]
fn daily_changes_add_up_to_what_the_full_set_says() {
    let dates = ["2026-01-13", "2026-01-14", "2026-01-15", "2026-01-16"];
    for (dataset, key) in [
        ("customers", "customer_id"),
        ("cards", "card_id"),
        ("merchants", "merchant_id"),
    ] {
        let (mut known, mut changes) = (BTreeMap::new(), 0);
        for date in dates {
            let changes_only = json!({"batch_date": date, "first_date": dates[0], "rows": 20_000});
            let delivered = by_key(&generate(&changes_only).1, dataset, date, key);
            changes += if date == dates[0] { 0 } else { delivered.len() };
            known.extend(delivered);
            let full = json!({"batch_date": date, "rows": 20_000});
            assert_eq!(
                known,
                by_key(&generate(&full).1, dataset, date, key),
                "{dataset} {date}"
            );
        }
        assert!(changes < known.len() / 10, "{changes} changes of {dataset}");
    }
}

#[test]
fn before_the_first_day_nothing_was_delivered() {
    let known = |first_date: &str| generate(&json!({"first_date": first_date})).0;
    let days = |output: &GeneratorOutput| (output.redelivered_rows.len(), output.corrected_rows.len());
    let [third, second, first] = ["2026-01-13", "2026-01-14", "2026-01-15"].map(known);
    assert_eq!((days(&first), days(&second), days(&third)), ((0, 0), (1, 1), (2, 2)));
    assert_eq!(
        (first.duplicate_rows, first.late_rows, third.late_rows),
        (100, 250, 250)
    );
    let again = |output: &GeneratorOutput| -> u64 {
        let known = output.redelivered_rows.values().chain(output.corrected_rows.values());
        known.sum()
    };
    assert_eq!((again(&third), again(&first)), (125, 0));
    assert_eq!(first.distinct_ids, third.distinct_ids + 125);
}

#[test]
fn dimensions_hold_everybody_whom_transactions_name() {
    let (_, objects) = generate(&json!({"corrupt_rate": 0.0, "late_rate": 0.2}));
    let column = |dataset: &str, column: &str| -> HashSet<String> {
        let key = format!("{dataset}/ingest_date=2026-01-15/{dataset}-00000.jsonl");
        let text = std::str::from_utf8(&objects[&key]).unwrap();
        let values = text.lines().map(|line| {
            serde_json::from_str::<Value>(line).unwrap()[column]
                .as_str()
                .unwrap()
                .to_owned()
        });
        values.collect()
    };
    for (dataset, key) in [
        ("customers", "customer_id"),
        ("cards", "card_id"),
        ("merchants", "merchant_id"),
    ] {
        assert!(column("transactions", key).is_subset(&column(dataset, key)), "{key}");
    }
    assert!(column("cards", "customer_id").is_subset(&column("customers", "customer_id")));
}

#[test]
fn a_day_without_rows_has_no_transactions_and_all_the_rest() {
    let (output, objects) = generate(&json!({"rows": 0}));
    assert_eq!(output.rows["transactions"], 0);
    assert_eq!(objects.len(), 3);
}
