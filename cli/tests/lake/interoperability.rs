//! What readers that share no code with the writer see in a silver table.

use crate::support::{
    DATASET, Lake, Options, after_the_retention, contract, deliver, row, transaction_id, write_contract,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use tempfile::TempDir;
use tokio::process::Command;

/// The day from which the contract has one more column.
const DEVICE_FROM: u32 = 21;
const LAST_DAY: u32 = 23;

/// What the table has to hold: amount, event day and device by number.
type Model = BTreeMap<u32, (u32, u32, Option<&'static str>)>;

fn rows(model: &Model) -> Value {
    let mut rows: Vec<(String, Value)> = model
        .iter()
        .map(|(number, (amount, day, device))| {
            let category = if number.is_multiple_of(2) { "taxi" } else { "grocery" };
            let day = format!("2026-01-{day:02}");
            let row = json!([transaction_id(*number), format!("{amount}.50"), day, category, device]);
            (transaction_id(*number), row)
        })
        .collect();
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    rows.into_iter().map(|(_, row)| row).collect()
}

/// Fourteen batches: every day three new rows and, after the first day, a correction of one of the day before; two late
/// rows now and then. The contract gains a column on the way. Gives the model after each version.
async fn fourteen_batches(root: &Path) -> Vec<Model> {
    let assets = root.join("assets");
    write_contract(&assets, &contract());
    let mut model = Model::new();
    let mut versions = Vec::new();
    for day in 10..=LAST_DAY {
        if day == DEVICE_FROM {
            let column = "      - name: device\n        logicalType: string\n        physicalType: VARCHAR(32)\n";
            let wider = contract().replace("      - name: extra\n", &format!("{column}      - name: extra\n"));
            write_contract(&assets, &wider);
        }
        let device = (day >= DEVICE_FROM).then_some("phone");
        let mut delivered: Vec<(u32, u32, u32)> = (0..3).map(|index| (day * 10 + index, day, day)).collect();
        if day > 10 {
            delivered.push(((day - 1) * 10, day - 1, 1000 + day));
        }
        if day % 4 == 0 {
            delivered.extend([(day * 10 + 5, day - 2, 7), (day * 10 + 6, day - 1, 8)]);
        }
        let mut lines = Vec::new();
        for (number, event_day, amount) in delivered {
            lines.push(row(number, event_day, amount));
            model.insert(number, (amount, event_day, device));
        }
        deliver(root, day, "a.csv", 0, &lines);
        if let Some(device) = device {
            crate::support::add_field(root, day, "a.csv", "device", device);
        }
        let options = Options {
            assets: Some(assets.clone()),
            ..Options::default()
        };
        let lake = Lake::open(root, options).await;
        let published = lake.run(day, None).await.unwrap();
        assert_eq!(published.version, u64::from(day - 10));
        assert_eq!(published.table_rows, model.len() as u64);
        lake.close().await;
        versions.push(model.clone());
    }
    versions
}

async fn run(command: &mut Command) -> String {
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn other_implementations_read_rows_schema_statistics_history_and_earlier_batches() {
    let folder = TempDir::new().unwrap();
    let versions = fourteen_batches(folder.path()).await;
    let table = folder.path().join("silver/transactions");
    let checkpoint = table.join("_delta_log/00000000000000000010.checkpoint.parquet");
    assert!(checkpoint.is_file(), "the history crosses a checkpoint");

    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let interpreter = run(&mut Command::new(project.join("scripts/python-env.sh"))).await;
    let options = Options {
        now: Some(after_the_retention()),
        ..Options::default()
    };
    let lake = Lake::open(folder.path(), options).await;
    let vacuumed = lake.vacuum(true).await.unwrap().data_files;
    let earlier = 4;
    let read = async |lake: &Lake, earlier: usize| -> Value {
        let printed = run(Command::new(interpreter.trim())
            .arg(project.join("tests/interoperability/read_table.py"))
            .arg(&table)
            .arg(earlier.to_string())
            .arg(lake.endpoint()))
        .await;
        serde_json::from_str(&printed).unwrap()
    };
    let seen = read(&lake, earlier).await;
    let merged = lake.optimize().await.unwrap();
    assert!(merged.files_removed > merged.files_added, "{merged:?}");
    let optimized = read(&lake, earlier).await;
    lake.close().await;
    // By then the log before its checkpoint is gone, and so are the files that were merged.
    let options = Options {
        now: Some(after_the_retention() + chrono::Duration::days(30)),
        ..Options::default()
    };
    let lake = Lake::open(folder.path(), options).await;
    let cleaned = lake.vacuum(false).await.unwrap();
    assert_eq!(cleaned.log_files.count, 10, "versions 0 to 9");
    assert!(cleaned.data_files.count >= merged.files_removed);
    let vacuumed_later = read(&lake, versions.len()).await;
    lake.close().await;
    for later in [&optimized, &vacuumed_later] {
        assert_eq!(later["version"], versions.len() as u64);
        for (reader, found) in later["rows"].as_object().unwrap() {
            assert_eq!(found, &rows(versions.last().unwrap()), "{reader}");
        }
        assert_eq!(later["statistics"]["wrong"], json!([]));
    }
    assert_eq!(optimized["earlier"]["rows"], seen["earlier"]["rows"]);
    assert_eq!(optimized["history"][0]["operation"], "OPTIMIZE");

    let last = versions.last().unwrap();
    assert_eq!(seen["version"], versions.len() as u64 - 1);
    assert_eq!(seen["partition_columns"], json!(["txn_date", "merchant_category"]));
    let readers = seen["rows"].as_object().unwrap();
    assert_eq!(readers.len(), 5, "{:?}", readers.keys());
    for (reader, found) in readers {
        assert_eq!(found, &rows(last), "{reader}");
    }
    for (column, expected) in [
        ("transaction_id", "string"),
        ("txn_ts", "timestamp"),
        ("amount", "decimal(18,2)"),
        ("is_refund", "boolean"),
        ("txn_date", "date"),
        ("days_late", "integer"),
        ("source_row", "long"),
        ("device", "string"),
    ] {
        let found = seen["schema"][column].as_str().unwrap_or_default().replace(' ', "");
        assert_eq!(found, expected, "{column}: {}", seen["schema"]);
    }

    let past = &seen["earlier"];
    assert_eq!(past["version"], earlier);
    for (reader, found) in past["rows"].as_object().unwrap() {
        assert_eq!(found, &rows(&versions[earlier]), "{reader}");
    }
    let columns = past["columns"].as_array().unwrap();
    assert!(
        !columns.contains(&json!("device")) && columns.contains(&json!("extra")),
        "{columns:?}"
    );
    let of_the_day = last.values().filter(|(_, day, _)| *day == 12).count();
    assert_eq!(seen["one_day"], of_the_day as u64);

    let history = seen["history"].as_array().unwrap();
    assert_eq!(history.len(), versions.len());
    for entry in history {
        let version = entry["version"].as_u64().unwrap();
        assert_eq!(entry["batch"], format!("2026-01-{}", 10 + version), "{entry}");
        let operation = if version == 0 { "CREATE TABLE" } else { "MERGE" };
        assert_eq!(entry["operation"], operation, "{entry}");
        assert!(entry["engine"].as_str().unwrap().contains("cardlake/"), "{entry}");
    }

    let orphans = seen["orphans"].as_array().unwrap().iter();
    let orphans: Vec<String> = orphans
        .map(|path| format!("{DATASET}/{}", path.as_str().unwrap()))
        .collect();
    assert!(orphans.len() > 10, "{orphans:?}");
    // The others leave folders alone whose names begin with `_`.
    let of_all: Vec<&String> = vacuumed.keys.iter().filter(|key| !key.contains("/_")).collect();
    assert_eq!(of_all, orphans.iter().collect::<Vec<_>>(), "both vacuums find the same");
    assert!(vacuumed.keys.len() > of_all.len(), "bundles are ours alone");

    let statistics = &seen["statistics"];
    assert_eq!(statistics["wrong"], json!([]));
    for what in [
        "num_records",
        "min.transaction_id",
        "max.txn_ts",
        "null_count.source_object",
        "max.ingest_date",
    ] {
        let compared = statistics["compared"][what].as_u64().unwrap_or_default();
        assert!(compared > 20, "{what}: {}", statistics["compared"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_implementations_read_partition_values_and_compact_files_between_two_corrections() {
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    let assets = root.join("assets");
    let (odd, even) = ("a b=c/d 25%", "커피 & tea");
    let text = contract()
        .replace("\"5411\": grocery", &format!("\"5411\": \"{odd}\""))
        .replace("\"4121\": taxi", &format!("\"4121\": \"{even}\""));
    assert!(text.contains(odd) && text.contains(even));
    write_contract(&assets, &text);
    let options = Options {
        assets: Some(assets),
        ..Options::default()
    };
    let lake = Lake::open(root, options).await;
    // Keys of both files of a partition lie between one another.
    deliver(
        root,
        13,
        "a.csv",
        0,
        &(0..20).map(|number| row(number, 13, 1)).collect::<Vec<_>>(),
    );
    lake.run(13, None).await.unwrap();
    deliver(
        root,
        14,
        "a.csv",
        0,
        &(20..40).map(|number| row(number, 13, 1)).collect::<Vec<_>>(),
    );
    lake.run(14, None).await.unwrap();

    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let interpreter = run(&mut Command::new(project.join("scripts/python-env.sh"))).await;
    let printed = run(Command::new(interpreter.trim())
        .arg(project.join("tests/interoperability/partitions_and_optimize.py"))
        .arg(root.join("silver/transactions")))
    .await;
    let printed: Value = serde_json::from_str(&printed).unwrap();
    let mut expected: Vec<(String, &str)> = (0..40)
        .map(|number: u32| {
            (
                transaction_id(number),
                if number.is_multiple_of(2) { even } else { odd },
            )
        })
        .collect();
    expected.sort();
    let seen = printed["seen"].as_object().unwrap();
    for (reader, found) in seen.iter().filter(|(reader, _)| *reader != "filtered") {
        assert_eq!(found, &json!(expected), "{reader}");
    }
    assert_eq!(seen["filtered"].as_array().unwrap().len(), 20);
    assert_eq!(printed["files"], json!([2, 4]));

    // What deltalake wrote is not sorted by key; a correction finds its rows all the same.
    let mut rows: Vec<String> = (0..40).step_by(3).map(|number| row(number, 13, 2)).collect();
    rows.push(row(100, 15, 1));
    deliver(root, 15, "a.csv", 0, &rows);
    let published = lake.run(15, None).await.unwrap();
    assert_eq!((published.counts.replaced, published.table_rows), (14, 41));
    // Far away, too.
    deliver(root, 20, "a.csv", 0, &[row(1, 20, 3), row(2, 20, 3)]);
    let published = lake.run(20, None).await.unwrap();
    assert_eq!((published.counts.replaced, published.table_rows), (2, 41));
    let rows = lake.rows().await;
    assert_eq!(rows.iter().filter(|row| row.contains("|2.50|")).count(), 14);
    assert_eq!(rows.iter().filter(|row| row.contains("|3.50|")).count(), 2);
    lake.close().await;
}
