//! What a load costs depends on the days that it touches, not on the days that the table holds: the rows that DuckDB reads for the
//! loader's statements, in its wording, are counted over a short and a long history.

use crate::support::*;
use serde_json::Value;

/// Rows of a day: one of DuckDB's row groups, so that days lie apart as they do on Redshift's blocks.
const ROWS_OF_A_DAY: usize = 122_880;
const STATEMENTS: [&str; 3] = [
    "create temp table compared as select staged.* from incoming as staged left join \"raw\".\"transactions\" as held \
     on held.\"transaction_id\" = staged.\"transaction_id\" and held.\"txn_date\" between DAYS \
     where case when held.\"amount\" = staged.\"amount\" and held.\"transaction_id\" is not null then false else true end",
    "merge into \"raw\".\"transactions\" using incoming on \"raw\".\"transactions\".\"transaction_id\" = \
     incoming.\"transaction_id\" and \"raw\".\"transactions\".\"txn_date\" between DAYS \
     when matched then update set \"amount\" = incoming.\"amount\" \
     when not matched then insert (\"transaction_id\", \"txn_date\", \"amount\") \
     values (incoming.\"transaction_id\", incoming.\"txn_date\", incoming.\"amount\")",
    "select \"txn_date\", count(*), count(distinct \"transaction_id\"), coalesce(sum(\"amount\"), 0) \
     from \"raw\".\"transactions\" where \"txn_date\" between DAYS group by \"txn_date\"",
];

/// Rows of `raw.transactions` that each statement reads when the last two of so many days are touched.
async fn rows_read(days: usize) -> Vec<u64> {
    let fixture = Fixture::start().await;
    fixture.run("create schema raw").await;
    fixture
        .run(
            "create table raw.transactions (transaction_id varchar(36) not null, txn_date date not null, \
             amount decimal(18,2), primary key (transaction_id)) compound sortkey (txn_date)",
        )
        .await;
    let database = fixture.folder.path().join("warehouse.duckdb");
    fixture.server.shutdown().await.unwrap();
    let connection = duckdb::Connection::open_in_memory().unwrap();
    let run = |sql: &str| connection.execute_batch(sql).unwrap();
    run(&format!("attach '{}' as cardlake; use cardlake", database.display()));
    for day in 0..days {
        run(&format!(
            "insert into raw.transactions select md5(({day} * {ROWS_OF_A_DAY} + n)::varchar), \
             date '2026-01-01' + {day}::integer, n from range({ROWS_OF_A_DAY}) as numbers(n)"
        ));
    }
    run(&format!(
        "create temp table incoming as select transaction_id, txn_date, amount + 1 as amount from raw.transactions \
         where txn_date >= date '2026-01-01' + {}::integer and amount < 1000",
        days - 2
    ));
    let touched: String = connection
        .query_row(
            "select concat('''', min(txn_date), ''' and ''', max(txn_date), '''') from incoming",
            [],
            |row| row.get(0),
        )
        .unwrap();
    let mut read = Vec::new();
    for statement in STATEMENTS {
        let sql = format!("explain (analyze, format json) {}", statement.replace("DAYS", &touched));
        let plan: String = connection.query_row(&sql, [], |row| row.get(1)).unwrap();
        read.push(scanned(&serde_json::from_str(&plan).unwrap()));
    }
    read
}

/// Rows that the scans of the table under a node of a plan read.
fn scanned(node: &Value) -> u64 {
    let table = node["extra_info"]["Table"].as_str().unwrap_or_default();
    let own = if table.ends_with("transactions") {
        node["operator_rows_scanned"].as_u64().unwrap()
    } else {
        0
    };
    let children = node["children"].as_array().into_iter().flatten();
    own + children.map(scanned).sum::<u64>()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_reads_the_days_that_it_touches_whatever_the_history() {
    let (short, long) = (rows_read(4).await, rows_read(16).await);
    assert_eq!(short, long);
    let two_days = 2 * ROWS_OF_A_DAY as u64;
    assert_eq!(long, [two_days; 3]);
}
