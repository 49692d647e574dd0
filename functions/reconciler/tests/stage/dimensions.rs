//! Datasets without event time or partitions go through the same code.

use crate::common::{BRONZE, Lake, SILVER, date};
use arrow::array::{ArrayRef, Date32Array, Int64Array, RecordBatch, StringArray, new_null_array};
use cardlake_core::contract::Contracts;
use cardlake_core::events::ReconcilerEvent;
use cardlake_core::paths::BronzeKey;
use cardlake_core::records::{BatchCounts, DataFile, FORMAT_VERSION, ObjectRecord, RowCounts, SourceObject};
use cardlake_lake::delta::{DeltaStore, DeltaTable};
use cardlake_lake::parquet::{column_statistics, writer_properties};
use cardlake_reconciler::Output;
use parquet::arrow::ArrowWriter;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Delivers customers, by id and city, as the transformer would.
async fn deliver(lake: &Lake, day: u32, rows: &[(&str, &str)]) {
    let contracts = Contracts::load(&cardlake_assets::embedded()).unwrap();
    let contract = contracts.get("customers").unwrap();
    let bronze = BronzeKey {
        dataset: "customers".into(),
        ingest_date: date(day),
        name: "c.csv".into(),
    };
    lake.storage
        .put(BRONZE, &bronze.key(), format!("{rows:?}").into_bytes())
        .await
        .unwrap();
    let meta = lake.storage.head(BRONZE, &bronze.key()).await.unwrap().unwrap();
    let (count, schema) = (rows.len(), contract.file_schema());
    let columns = schema.fields().iter().map(|field| -> ArrayRef {
        match field.name().as_str() {
            "customer_id" => Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.0))),
            "city" => Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.1))),
            "ingest_date" => Arc::new(Date32Array::from(vec![day as i32; count])),
            "source_object" => Arc::new(StringArray::from(vec![bronze.key(); count])),
            "source_row" => Arc::new(Int64Array::from_iter_values(1..=count as i64)),
            "row_hash" => Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.1.len() as i64))),
            _ => new_null_array(field.data_type(), count),
        }
    });
    let batch = RecordBatch::try_new(schema.clone(), columns.collect()).unwrap();
    let mut content = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut content, schema, Some(writer_properties(contract))).unwrap();
    writer.write(&batch).unwrap();
    let metadata = writer.close().unwrap();
    let file = DataFile {
        path: format!("part-{day}.parquet"),
        size: content.len() as u64,
        rows: count as u64,
        partition_values: BTreeMap::new(),
        modification_time: 0,
        columns: column_statistics(contract, &metadata).unwrap(),
        bundle: None,
    };
    lake.storage
        .put(SILVER, &format!("customers/{}", file.path), content)
        .await
        .unwrap();
    let record = ObjectRecord {
        format_version: FORMAT_VERSION,
        dataset: "customers".into(),
        ingest_date: date(day),
        source: SourceObject {
            key: bronze.key(),
            etag: meta.etag,
            size: meta.size,
            last_modified: meta.last_modified,
        },
        rules: "r".into(),
        counts: RowCounts {
            bronze_rows: count as u64,
            silver_rows: count as u64,
            ..RowCounts::default()
        },
        files: vec![file],
        text: None,
        drift: BTreeMap::new(),
        quarantine: None,
        late_window_days: None,
        rejection: None,
    };
    lake.storage
        .put_json(SILVER, &bronze.object_record(), &record)
        .await
        .unwrap();
}

async fn run(lake: &Lake, day: u32) -> BatchCounts {
    let (batch_date, dataset) = (date(day), "customers".to_owned());
    let event = ReconcilerEvent::Reconcile {
        batch_date,
        dataset: dataset.clone(),
        late_window_days: None,
    };
    let Output::Reconcile(reconciled) = lake.handle(event).await.unwrap() else {
        panic!("not a reconciliation")
    };
    let event = ReconcilerEvent::Publish {
        batch_date,
        dataset,
        candidate: reconciled.candidate,
    };
    let Output::Publish(published) = lake.handle(event).await.unwrap() else {
        panic!("not a publication")
    };
    published.counts
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_keep_their_latest_version_however_old_the_one_before_is() {
    let lake = Lake::start().await;
    deliver(
        &lake,
        1,
        &[("CUS0001", "Seoul"), ("CUS0002", "Busan"), ("CUS00020", "Ulsan")],
    )
    .await;
    run(&lake, 1).await;
    deliver(
        &lake,
        28,
        &[("CUS0002", "Incheon"), ("CUS00020", "Ulsan"), ("CUS0003", "Jeju")],
    )
    .await;
    let counts = run(&lake, 28).await;
    assert_eq!(
        counts,
        BatchCounts {
            bronze_rows: 3,
            silver_rows_added: 2,
            duplicates: 1,
            replaced: 1,
            ..BatchCounts::default()
        }
    );
    let store = DeltaStore::new(&lake.aws, SILVER).unwrap();
    let table = DeltaTable::open(&store, "customers").await.unwrap();
    assert_eq!(table.rows().await.unwrap(), 4);
    let files = table.active_files().await.unwrap();
    assert!(
        files
            .iter()
            .all(|file| !file.path.contains('/') && file.partition_values.is_empty())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn files_whose_keys_lie_apart_are_not_read() {
    let lake = Lake::start().await;
    deliver(&lake, 1, &[("CUS0001", "Seoul"), ("CUS0002", "Busan")]).await;
    run(&lake, 1).await;
    deliver(&lake, 2, &[("CUS0003", "Seoul"), ("CUS0004", "Busan")]).await;
    let event = ReconcilerEvent::Reconcile {
        batch_date: date(2),
        dataset: "customers".into(),
        late_window_days: None,
    };
    let Output::Reconcile(reconciled) = lake.handle(event).await.unwrap() else {
        panic!("not a reconciliation")
    };
    assert_eq!((reconciled.bytes_read, reconciled.files_added), (0, 1));
}
