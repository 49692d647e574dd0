//! COPY and UNLOAD.

use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;

use crate::support::*;

pub(crate) fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn file(ids: &[&str], amounts: &[i128]) -> Vec<u8> {
    let times = TimestampMicrosecondArray::from(vec![1_768_262_400_000_000; ids.len()]).with_timezone("UTC");
    let amounts = Decimal128Array::from(amounts.to_vec())
        .with_precision_and_scale(18, 2)
        .unwrap();
    parquet(vec![
        ("id", Arc::new(StringArray::from(ids.to_vec()))),
        ("amount", Arc::new(amounts)),
        ("at", Arc::new(times)),
    ])
}

pub(crate) fn manifest(entries: &[(&str, usize)]) -> Vec<u8> {
    let entries: Vec<_> = entries
        .iter()
        .map(|(key, length)| {
            serde_json::json!({ "url": format!("s3://lake/{key}"), "mandatory": true, "meta": { "content_length": length } })
        })
        .collect();
    serde_json::json!({ "entries": entries }).to_string().into_bytes()
}

const COPY: &str =
    "copy t from 's3://lake/manifest.json' iam_role 'arn:aws:iam::000000000000:role/copy' format as parquet manifest";

#[tokio::test(flavor = "multi_thread")]
async fn copy_loads_the_files_of_a_manifest_by_position() {
    let fixture = Fixture::start().await;
    let (one, two) = (file(&["a", "b"], &[150, 250]), file(&["c"], &[-100]));
    fixture
        .put(
            "manifest.json",
            manifest(&[("1.parquet", one.len()), ("2.parquet", two.len())]),
        )
        .await;
    fixture.put("1.parquet", one).await;
    fixture.put("2.parquet", two).await;
    fixture
        .run("create table t (transaction_id varchar(36), amount decimal(18,2), txn_ts timestamp)")
        .await;
    let done = fixture.run(COPY).await;
    assert_eq!(done.result_rows(), 3);
    assert_eq!(
        fixture.query("select * from t order by 1").await,
        "a|1.50|2026-01-13 00:00:00.0\nb|2.50|2026-01-13 00:00:00.0\nc|-1.00|2026-01-13 00:00:00.0"
    );
    let staging = fixture.folder.path().join("redshift-staging");
    assert_eq!(std::fs::read_dir(staging).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn copy_refuses_another_number_of_columns() {
    let fixture = Fixture::start().await;
    let one = file(&["a"], &[1]);
    fixture
        .put("manifest.json", manifest(&[("1.parquet", one.len())]))
        .await;
    fixture.put("1.parquet", one).await;
    fixture
        .run("create table t (a varchar(36), b decimal(18,2), c timestamp, d int)")
        .await;
    let error = fixture.error(COPY).await;
    assert_eq!(
        error,
        "ERROR:  Spectrum Scan Error  DETAIL: error: Spectrum Scan Error  code: 15007  context: Unmatched number of columns \
         between table and file. Table columns: 4, Data columns: 3, File name: \
         https://s3.eu-central-1.amazonaws.com/lake/1.parquet"
    );
    assert_eq!(
        fixture
            .query("select file_name, table_name, error_message from sys_load_error_detail")
            .await,
        format!("s3://lake/1.parquet|t|{}", error.trim_start_matches("ERROR: "))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn copy_converts_nothing() {
    let fixture = Fixture::start().await;
    let one = parquet(vec![("n", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]);
    fixture
        .put("manifest.json", manifest(&[("1.parquet", one.len())]))
        .await;
    fixture.put("1.parquet", one).await;
    for data_type in ["varchar(20)", "int", "decimal(18,0)", "double precision"] {
        fixture.run("drop table if exists t").await;
        fixture.run(&format!("create table t (n {data_type})")).await;
        let error = fixture.error(COPY).await;
        assert!(
            error.contains("has an incompatible Parquet schema for column 's3://lake/1.parquet.n'"),
            "{error}"
        );
    }
    assert_eq!(
        fixture
            .query("select count(*), min(column_name) from sys_load_error_detail")
            .await,
        "4|n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn copy_checks_sizes_and_files_and_loads_all_or_nothing() {
    let fixture = Fixture::start().await;
    let one = file(&["a"], &[1]);
    let length = one.len();
    fixture.put("1.parquet", one).await;
    fixture.put("long.parquet", file(&["much too long"], &[1])).await;
    fixture
        .run("create table t (a varchar(3), b decimal(18,2), c timestamp)")
        .await;
    fixture
        .put("manifest.json", manifest(&[("1.parquet", length + 1)]))
        .await;
    assert!(fixture.error(COPY).await.contains("content_length"));
    fixture
        .put(
            "manifest.json",
            manifest(&[("1.parquet", length), ("missing.parquet", 1)]),
        )
        .await;
    assert!(fixture.error(COPY).await.contains("NoSuchKey"));
    let long = fixture.get("long.parquet").await.len();
    fixture
        .put(
            "manifest.json",
            manifest(&[("1.parquet", length), ("long.parquet", long)]),
        )
        .await;
    assert!(fixture.error(COPY).await.contains("character varying(3)"));
    assert_eq!(fixture.query("select count(*) from t").await, "0");
    // A file that is listed twice is loaded twice.
    fixture
        .put(
            "manifest.json",
            manifest(&[("1.parquet", length), ("1.parquet", length)]),
        )
        .await;
    fixture.run(COPY).await;
    assert_eq!(fixture.query("select count(*) from t").await, "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn unload_writes_parquet_that_copy_can_load() {
    let fixture = Fixture::start().await;
    fixture
        .run("create table t (id varchar(3), n int, amount decimal(18,2), day date)")
        .await;
    fixture
        .run("insert into t values ('a', 1, 1.5, '2026-01-13'), ('b', 2, 2.5, null)")
        .await;
    let unload = "unload ('select id, sum(n) as n, sum(amount) as amount, max(day) as day from t where id <> ''zz'' group by id order by id') \
                  to 's3://lake/gold/t/' iam_role default format parquet";
    let done = fixture.run(unload).await;
    assert_eq!(done.result_rows(), 2);
    assert_eq!(fixture.keys().await, ["gold/t/0000_part_00.parquet"]);
    assert!(
        fixture
            .error(unload)
            .await
            .contains("Specified unload destination on S3 is not empty")
    );
    let first = fixture.get("gold/t/0000_part_00.parquet").await;
    fixture.run(&format!("{unload} allowoverwrite")).await;
    assert_eq!(
        fixture.get("gold/t/0000_part_00.parquet").await,
        first,
        "the same rows give the same bytes"
    );
    fixture.put("gold/t/stale.parquet", b"old".to_vec()).await;
    fixture.run(&format!("{unload} cleanpath parallel off manifest")).await;
    assert_eq!(fixture.keys().await, ["gold/t/000.parquet", "gold/t/manifest"]);
    fixture
        .run("create table u (id varchar(3), n bigint, amount decimal(38,2), day date)")
        .await;
    fixture
        .run("copy u from 's3://lake/gold/t/manifest' iam_role default parquet manifest")
        .await;
    assert_eq!(
        fixture.query("select * from u order by id").await,
        "a|1|1.50|2026-01-13\nb|2|2.50|∅"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn unload_partitions_into_folders() {
    let fixture = Fixture::start().await;
    fixture.run("create table t (channel varchar(9), n int)").await;
    fixture
        .run("insert into t values ('pos', 1), ('online', 2), (null, 3)")
        .await;
    fixture
        .run("unload ('select n, channel from t') to 's3://lake/gold/t' iam_role default format parquet partition by (channel)")
        .await;
    assert_eq!(
        fixture.keys().await,
        [
            "gold/t/channel=__HIVE_DEFAULT_PARTITION__/0000_part_00.parquet",
            "gold/t/channel=online/0000_part_00.parquet",
            "gold/t/channel=pos/0000_part_00.parquet",
        ]
    );
}
