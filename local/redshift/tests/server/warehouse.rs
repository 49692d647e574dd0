//! What the loader, the mart builder and the models do.

use aws_sdk_redshiftdata::types::StatusString;

use crate::support::*;

const TRANSACTIONS: &str = "create table if not exists raw.transactions (
    transaction_id varchar(36) not null encode zstd,
    customer_id varchar(32) encode lzo distkey,
    txn_ts timestamp encode az64,
    amount decimal(18,2) encode az64,
    is_refund boolean encode raw,
    extra super,
    primary key (transaction_id)
) diststyle key distkey (customer_id) compound sortkey (txn_ts, customer_id)";

#[tokio::test(flavor = "multi_thread")]
async fn tables_keep_their_redshift_definition() {
    let fixture = Fixture::start().await;
    fixture.run("create schema if not exists raw").await;
    fixture.run("create schema if not exists raw").await;
    fixture.run(TRANSACTIONS).await;
    fixture.run(TRANSACTIONS).await;
    assert_eq!(
        fixture
            .query(
                "select column_name, data_type, character_maximum_length, numeric_precision, numeric_scale, is_nullable \
                 from svv_columns where table_schema = 'raw' and table_name = 'transactions' order by ordinal_position"
            )
            .await,
        "transaction_id|character varying|36|∅|∅|NO\n\
         customer_id|character varying|32|∅|∅|YES\n\
         txn_ts|timestamp without time zone|∅|∅|∅|YES\n\
         amount|numeric|∅|18|2|YES\n\
         is_refund|boolean|∅|∅|∅|YES\n\
         extra|super|∅|∅|∅|YES"
    );
    assert_eq!(
        fixture
            .query("select count(*) from \"information_schema\".\"columns\" where table_name = 'transactions'")
            .await,
        "6"
    );
    assert_eq!(
        fixture
            .query("select diststyle, sortkey1, sortkey_num from svv_table_info where \"table\" = 'transactions'")
            .await,
        "KEY(customer_id)|txn_ts|2"
    );
    assert_eq!(
        fixture.query("select \"column\", encoding, distkey, sortkey from pg_table_def where tablename = 'transactions' and sortkey > 0 order by sortkey").await,
        "txn_ts|az64|false|1\ncustomer_id|lzo|true|2"
    );
    // Keys are informational.
    fixture
        .run("insert into raw.transactions (transaction_id) values ('a'), ('a')")
        .await;
    assert_eq!(
        fixture
            .error("insert into raw.transactions (customer_id) values ('c')")
            .await,
        "ERROR: Cannot insert a NULL value into column transaction_id"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_is_added_with_its_length() {
    let fixture = Fixture::start().await;
    fixture.run("create schema raw").await;
    fixture
        .run("create table raw.t (a int not null, b varchar(2)) sortkey (a)")
        .await;
    fixture.run("insert into raw.t values (1, 'é')").await;
    fixture
        .run("alter table raw.t add column c varchar(3) encode zstd")
        .await;
    fixture.run("alter table raw.t add column d decimal(18,2)").await;
    assert_eq!(fixture.query("select * from raw.t").await, "1|é|∅|∅");
    assert!(
        fixture
            .error("insert into raw.t values (2, 'x', 'four', 1)")
            .await
            .contains("character varying(3)")
    );
    assert!(
        fixture
            .error("insert into raw.t values (2, 'éa', 'x', 1)")
            .await
            .contains("character varying(2)")
    );
    fixture.run("alter table raw.t alter column c type varchar(4)").await;
    fixture.run("insert into raw.t values (2, 'x', 'four', 1)").await;
    fixture.run("alter table raw.t rename to u").await;
    assert_eq!(
        fixture
            .query("select \"column\", type, encoding, \"notnull\" from pg_table_def where tablename = 'u'")
            .await,
        "a|integer|none|true\nb|character varying(2)|none|false\nc|character varying(4)|zstd|false\nd|numeric(18,2)|none|false"
    );
    assert_eq!(
        fixture
            .query("select sortkey1 from svv_table_info where \"table\" = 'u'")
            .await,
        "a"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_one_transaction_and_one_connection() {
    let fixture = Fixture::start().await;
    fixture.run("create table t (k int, v varchar(10))").await;
    fixture.run("insert into t values (1, 'old'), (2, 'old')").await;
    let done = fixture
        .batch(&[
            "begin",
            "create temp table stage (like t)",
            "insert into stage values (2, 'new'), (3, 'new')",
            "merge into t using stage as s on t.k = s.k when matched then update set v = s.v \
             when not matched then insert (k, v) values (s.k, s.v)",
            "select count(*) from t",
            "commit",
        ])
        .await;
    assert_eq!(done.status(), Some(&StatusString::Finished), "{:?}", done.error());
    assert_eq!(done.sub_statements().len(), 6);
    assert_eq!(done.sub_statements()[3].result_rows(), 2);
    assert_eq!(fixture.rows(done.sub_statements()[4].id()).await, "3");
    assert_eq!(
        fixture.query("select k, v from t order by k").await,
        "1|old\n2|new\n3|new"
    );

    let failed = fixture
        .batch(&["delete from t", "select 1 / 0", "insert into t values (9, 'x')"])
        .await;
    assert_eq!(failed.status(), Some(&StatusString::Failed));
    assert_eq!(failed.error(), Some("ERROR: Divide by zero"));
    let statuses: Vec<_> = failed
        .sub_statements()
        .iter()
        .map(|part| part.status().unwrap().as_str())
        .collect();
    assert_eq!(statuses, ["FINISHED", "FAILED", "ABORTED"]);
    assert_eq!(fixture.query("select count(*) from t").await, "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn truncate_commits_what_came_before() {
    let fixture = Fixture::start().await;
    fixture.run("create table t (a int)").await;
    fixture.run("create table u (a int)").await;
    fixture.run("insert into t values (1)").await;
    fixture
        .batch(&[
            "insert into u values (1)",
            "truncate table t",
            "insert into u values (2)",
            "select 1/0",
        ])
        .await;
    assert_eq!(
        fixture
            .query("select (select count(*) from t), (select count(*) from u)")
            .await,
        "0|1"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_insert_does_not_read_the_rows_that_it_inserts() {
    let fixture = Fixture::start().await;
    fixture.run("create table t (a int, b varchar(3))").await;
    fixture.run("insert into t values (1, 'x')").await;
    fixture
        .run("insert into T (b, a) select b, a from t union all select b, a from public.t")
        .await;
    assert_eq!(fixture.query("select count(*), max(a), max(b) from t").await, "3|1|x");
    fixture
        .run("insert into t with u as (select * from t) select * from u union all select * from u")
        .await;
    assert_eq!(fixture.query("select count(*) from t").await, "9");
}

#[tokio::test(flavor = "multi_thread")]
async fn merge_refuses_several_matches() {
    let fixture = Fixture::start().await;
    fixture.run("create table t (k int, v int)").await;
    fixture.run("insert into t values (1, 0)").await;
    fixture.run("create table s (k int, v int)").await;
    fixture.run("insert into s values (1, 1), (1, 2)").await;
    let merge = "merge into t using s on t.k = s.k when matched then update set v = s.v \
                 when not matched then insert values (s.k, s.v)";
    assert_eq!(
        fixture.error(merge).await,
        "ERROR: Found multiple matches to update the same tuple."
    );
    assert_eq!(fixture.query("select * from t").await, "1|0");
    fixture.run("merge into t using s on t.k = s.k remove duplicates").await;
    assert_eq!(fixture.query("select * from t order by v").await, "1|1\n1|2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_binding_view_outlives_its_table() {
    let fixture = Fixture::start().await;
    fixture.run("create schema raw").await;
    fixture.run("create table raw.t (a int)").await;
    fixture.run("insert into raw.t values (1)").await;
    fixture
        .run("create view stg as select a, nvl(a, 0) / 2.0 as half from raw.t with no schema binding")
        .await;
    fixture.run("drop table if exists raw.t cascade").await;
    fixture.run("create table raw.t (b varchar(9), a decimal(18,2))").await;
    fixture.run("insert into raw.t values ('x', 5)").await;
    assert_eq!(fixture.query("select a from stg").await, "5.00");
    assert_eq!(
        fixture
            .error("create view v as select * from t with no schema binding")
            .await,
        "ERROR: All the relation names inside should be qualified when creating views with no schema binding."
    );
    fixture.run("create or replace view stg as select 7 as a").await;
    assert_eq!(fixture.query("select * from stg").await, "7");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_built_beside_and_swapped_in_one_transaction() {
    let fixture = Fixture::start().await;
    fixture.run("create schema marts").await;
    fixture.run("create table marts.m as select 1 as old").await;
    let swap = fixture
        .batch(&[
            "create table \"cardlake\".\"marts\".\"m__dbt_tmp\" diststyle even compound sortkey (day) as \
             (select date '2026-01-13' as day, count(*) as rows_, sum(1) as total, avg(5) as average)",
            "alter table \"cardlake\".\"marts\".\"m\" rename to \"m__dbt_backup\"",
            "alter table marts.m__dbt_tmp rename to m",
            "drop table if exists marts.m__dbt_backup cascade",
        ])
        .await;
    assert_eq!(swap.status(), Some(&StatusString::Finished), "{:?}", swap.error());
    assert_eq!(fixture.query("select * from m").await, "2026-01-13|1|1|5");
    assert_eq!(
        fixture
            .query("select column_name, data_type from svv_columns where table_name = 'm' order by ordinal_position")
            .await,
        "day|date\nrows_|bigint\ntotal|bigint\naverage|bigint"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn unqualified_names_are_found_in_any_schema() {
    let fixture = Fixture::start().await;
    fixture.run("create schema a").await;
    fixture.run("create schema b").await;
    fixture.run("create table a.only_in_a as select 1 as x").await;
    fixture.run("create table b.only_in_b as select 2 as x").await;
    assert_eq!(
        fixture.query("select a.x + b.x from only_in_a a, only_in_b b").await,
        "3"
    );
    fixture.run("create table landed (x int)").await;
    assert_eq!(
        fixture
            .query("select table_schema from svv_tables where table_name = 'landed'")
            .await,
        "public"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_writes_to_the_same_rows_are_a_serializable_violation() {
    let fixture = Fixture::start().await;
    fixture.run("create table t (k int, v int)").await;
    fixture.run("insert into t values (1, 0)").await;
    let session = |sql: &'static str| {
        fixture
            .client
            .execute_statement()
            .workgroup_name("local")
            .database("cardlake")
            .sql(sql)
            .session_keep_alive_seconds(60)
            .wait_time_seconds(30)
            .send()
    };
    let (first, second) = (session("begin").await.unwrap(), session("begin").await.unwrap());
    let next = |id: Option<&str>, sql: &'static str| {
        fixture
            .client
            .execute_statement()
            .session_id(id.unwrap())
            .sql(sql)
            .wait_time_seconds(30)
            .send()
    };
    for session in [&first, &second] {
        next(session.session_id(), "select * from t").await.unwrap();
    }
    let update = "update t set v = v + 1 where k = 1";
    assert_eq!(
        next(first.session_id(), update)
            .await
            .unwrap()
            .status()
            .unwrap()
            .as_str(),
        "FINISHED"
    );
    let refused = next(second.session_id(), update).await.unwrap();
    let description = fixture
        .client
        .describe_statement()
        .id(refused.id().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(
        description.error(),
        Some("ERROR: 1023 DETAIL: Serializable isolation violation on table in Redshift")
    );
    next(first.session_id(), "commit").await.unwrap();
    assert_eq!(fixture.query("select v from t").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_column_counts() {
    let fixture = Fixture::start().await;
    fixture
        .run("create table t (id bigint identity(10, 5), name varchar(9))")
        .await;
    fixture.run("insert into t (name) values ('a')").await;
    fixture.run("insert into t values ('b')").await;
    assert_eq!(fixture.query("select id, name from t order by id").await, "10|a\n15|b");
    assert!(
        fixture
            .error("insert into t (id, name) values (1, 'c')")
            .await
            .contains("identity column")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn housekeeping_is_accepted() {
    let fixture = Fixture::start().await;
    fixture.run("create table t (a int)").await;
    for sql in [
        "analyze t",
        "vacuum full t",
        "grant select on t to public",
        "comment on table t is 'text'",
        "set query_group to 'x'",
        "alter table t alter diststyle even",
        "alter table t owner to admin",
    ] {
        fixture.run(sql).await;
    }
    assert!(
        fixture
            .error("set timezone to 'Asia/Seoul'")
            .await
            .contains("not supported")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_describes_queries_and_changes_and_runs_none() {
    let fixture = Fixture::start().await;
    fixture
        .run("create table t (id bigint identity(1, 1), x decimal(18, 2))")
        .await;
    for statement in [
        "select x / 3 from t",
        "insert into t (x) select x / 3 from t",
        "insert into t values (1.5)",
        "insert into t default values",
        "update t set x = x / 3",
        "delete from t where x / 3 > 1",
    ] {
        let plan = fixture.query(&format!("explain {statement}")).await;
        assert!(!plan.is_empty(), "{statement}");
    }
    assert_eq!(fixture.query("select count(*) from t").await, "0");
    let refused = fixture.error("explain insert into t (id, x) values (1, 2)").await;
    assert!(refused.contains("identity column"), "{refused}");
    let refused = fixture.error("explain create table u (x integer)").await;
    assert_eq!(
        refused,
        "ERROR: EXPLAIN of this statement is not supported by the local Redshift"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn views_and_statements_that_change_rows_divide_exactly() {
    let fixture = Fixture::start().await;
    fixture
        .run("create table t (id integer, x decimal(8, 2), y decimal(8, 2), q varchar(50))")
        .await;
    fixture.run("create table s (id integer, x decimal(8, 2))").await;
    // The number of digits is that of the quotient's type.
    fixture
        .run("insert into t values (1, 10, 3, cast(10.00::decimal(8, 2) / 3.00::decimal(8, 2) as varchar))")
        .await;
    assert_eq!(fixture.query("select q from t").await, "3.333333333");
    fixture.run("insert into s select id, x from t").await;
    fixture
        .run("update t set q = cast(s.x / (t.y + 4) as varchar) from s where s.id = t.id")
        .await;
    assert_eq!(fixture.query("select q from t").await, "1.42857142857142");
    fixture
        .run(
            "merge into t using s on t.id = s.id when matched then update set q = cast(s.x / 7 as varchar) \
             when not matched then insert (id, q) values (s.id, cast(s.x / 9 as varchar))",
        )
        .await;
    assert_eq!(fixture.query("select q from t").await, "1.4285714285714");
    fixture
        .run("create view v as select x / y as q, avg(x / y) over () as a from t")
        .await;
    let types = "select data_type from svv_redshift_columns where table_name = 'v' order by 1";
    assert_eq!(fixture.query(types).await, "numeric(17,9)\nnumeric(38,9)");
    fixture.run("delete from t where x / y = 3.333333333").await;
    assert_eq!(fixture.query("select count(*) from t").await, "0");
}
