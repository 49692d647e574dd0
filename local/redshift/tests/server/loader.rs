//! The statements of the loader, in its order and its wording.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, StringArray};
use aws_sdk_redshiftdata::types::StatusString;

use crate::load::{manifest, parquet};
use crate::support::*;

const PREPARE: &[&str] = &[
    "create schema if not exists \"raw\"",
    "create schema if not exists \"ops\"",
    "create table if not exists \"ops\".\"loads\" (
  dataset varchar(128) not null,
  version bigint not null,
  files bigint not null,
  copied_rows bigint not null,
  full_refresh boolean not null,
  is_current boolean not null
) diststyle all",
    "insert into \"ops\".\"loads\" (dataset, version, files, copied_rows, full_refresh, is_current)
select 'transactions', -1, 0, 0, false, true
where not exists (select 1 from \"ops\".\"loads\" where dataset = 'transactions')
union all
select 'o''x', -1, 0, 0, false, true
where not exists (select 1 from \"ops\".\"loads\" where dataset = 'o''x')",
    "select dataset, version from \"ops\".\"loads\" where is_current order by dataset",
    "create table if not exists \"raw\".\"transactions\" (
  \"transaction_id\" VARCHAR(36) not null encode zstd,
  \"mcc\" VARCHAR(4) encode zstd,
  \"is_refund\" BOOLEAN encode raw,
  \"merchant_category\" VARCHAR(32) encode zstd,
  \"load_version\" BIGINT not null encode az64,
  primary key (\"transaction_id\")
) diststyle key distkey (\"transaction_id\") compound sortkey (\"mcc\", \"transaction_id\")",
    "select table_name, column_name from information_schema.columns where table_schema = 'raw' order by table_name, ordinal_position",
];

/// The batch that brings one version, from a planned one.
fn load(planned: i64, version: i64, rows: usize) -> Vec<String> {
    vec![
        format!(
            "select cast(case when min(version) = {planned} and max(version) = {planned} then '1' \
             else 'the ledger has moved' end as integer) as planned\nfrom \"ops\".\"loads\" \
             where dataset = 'transactions' and is_current"
        ),
        "update \"ops\".\"loads\" set is_current = false where dataset = 'transactions' and is_current".to_owned(),
        "create temp table \"staged_transactions\" (\n  \"transaction_id\" VARCHAR(36),\n  \"mcc\" VARCHAR(4),\n  \
         \"is_refund\" BOOLEAN,\n  \"row_hash\" BIGINT\n)"
            .to_owned(),
        "copy \"staged_transactions\" from 's3://lake/manifest.json' iam_role default format as parquet manifest"
            .to_owned(),
        format!(
            "select cast(case when count(*) = {rows} then '{rows}' else 'the log says {rows} rows' end as bigint) \
             as copied_rows from \"staged_transactions\""
        ),
        "create temp table \"derived_transactions\" as\nselect\n  \"transaction_id\",\n  \"mcc\",\n  \"is_refund\",\n  \
         cast(case \"mcc\" when '4121' then 'taxi' when '5411' then 'grocery' end as VARCHAR(32)) as \
         \"merchant_category\",\n  \"row_hash\"\nfrom \"staged_transactions\""
            .to_owned(),
        format!(
            "merge into \"raw\".\"transactions\" using \"derived_transactions\" as incoming on \
             \"raw\".\"transactions\".\"transaction_id\" = incoming.\"transaction_id\"\nwhen matched then update set\n  \
             \"mcc\" = incoming.\"mcc\",\n  \"merchant_category\" = incoming.\"merchant_category\",\n  \
             \"load_version\" = {version}\nwhen not matched then insert (\"transaction_id\", \"mcc\", \"is_refund\", \
             \"merchant_category\", \"load_version\")\nvalues (incoming.\"transaction_id\", incoming.\"mcc\", \
             incoming.\"is_refund\", incoming.\"merchant_category\", {version})"
        ),
        format!(
            "insert into \"ops\".\"loads\" (dataset, version, files, copied_rows, full_refresh, is_current)\n\
             select 'transactions', {version}, 1, (select count(*) from \"staged_transactions\"), false, true"
        ),
    ]
}

async fn put(fixture: &Fixture, ids: &[&str], codes: &[&str]) {
    let bytes = parquet(vec![
        ("transaction_id", Arc::new(StringArray::from(ids.to_vec())) as ArrayRef),
        ("mcc", Arc::new(StringArray::from(codes.to_vec()))),
        ("is_refund", Arc::new(BooleanArray::from(vec![false; ids.len()]))),
        ("row_hash", Arc::new(Int64Array::from(vec![7; ids.len()]))),
    ]);
    fixture
        .put("manifest.json", manifest(&[("1.parquet", bytes.len())]))
        .await;
    fixture.put("1.parquet", bytes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_loaded_once_and_in_order() {
    let fixture = Fixture::start().await;
    for _ in 0..2 {
        let prepared = fixture.batch(PREPARE).await;
        assert_eq!(
            prepared.status(),
            Some(&StatusString::Finished),
            "{:?}",
            prepared.error()
        );
        assert_eq!(
            fixture.rows(prepared.sub_statements()[4].id()).await,
            "o'x|-1\ntransactions|-1"
        );
        assert_eq!(prepared.sub_statements()[6].result_rows(), 5);
    }
    let run = async |statements: Vec<String>| {
        fixture
            .batch(&statements.iter().map(String::as_str).collect::<Vec<_>>())
            .await
    };
    put(&fixture, &["a", "b"], &["5411", "4121"]).await;
    let first = run(load(-1, 3, 2)).await;
    assert_eq!(first.status(), Some(&StatusString::Finished), "{:?}", first.error());
    put(&fixture, &["b", "c"], &["5411", "9999"]).await;
    let second = run(load(3, 4, 2)).await;
    assert_eq!(second.status(), Some(&StatusString::Finished), "{:?}", second.error());
    assert_eq!(
        fixture
            .query("select transaction_id, merchant_category, load_version from raw.transactions order by 1")
            .await,
        "a|grocery|3\nb|grocery|4\nc|∅|4"
    );
    let repeated = run(load(3, 4, 2)).await;
    assert_eq!(repeated.status(), Some(&StatusString::Failed));
    assert_eq!(repeated.sub_statements()[0].status().unwrap().as_str(), "FAILED");
    assert_eq!(
        repeated.error(),
        Some("ERROR: Invalid digit, Value 't', Pos 0, Type: Integer")
    );
    assert_eq!(
        fixture
            .query("select version, copied_rows, is_current from ops.loads where dataset = 'transactions' order by 1")
            .await,
        "-1|0|false\n3|2|false\n4|2|true"
    );
}
