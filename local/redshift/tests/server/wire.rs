//! The server as a client of PostgreSQL sees it: tokio-postgres, which asks for everything in the binary format.

use std::time::Duration;

use cardlake_local_redshift::{RedshiftOptions, WireOptions};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use futures::TryStreamExt as _;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use crate::support::Fixture;

const USER: &str = "cardlake";
const PASSWORD: &str = "a password; with 'signs'";

async fn fixture() -> Fixture {
    Fixture::start_with(serve).await
}

fn serve(options: &mut RedshiftOptions) {
    options.wire = Some(WireOptions {
        listen: "127.0.0.1:0".parse().unwrap(),
        or_any_port: false,
        user: USER.to_owned(),
        password: PASSWORD.to_owned(),
    });
}

fn config(fixture: &Fixture) -> Config {
    let mut config = Config::new();
    config
        .host("127.0.0.1")
        .port(fixture.server.wire_addr().unwrap().port());
    config.user(USER).password(PASSWORD).dbname("cardlake");
    config
}

async fn connect(fixture: &Fixture) -> Client {
    let (client, connection) = config(fixture).connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

fn state<T: std::fmt::Debug>(outcome: Result<T, tokio_postgres::Error>) -> SqlState {
    outcome.unwrap_err().code().unwrap().clone()
}

/// The rows of the last statement of a text, each as its values.
async fn simple(client: &Client, sql: &str) -> Vec<Vec<Option<String>>> {
    let messages = client.simple_query(sql).await.unwrap();
    let rows = messages.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|index| row.get(index).map(str::to_owned)).collect()),
        _ => None,
    });
    rows.collect()
}

async fn number(client: &Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn only_the_user_with_the_password_gets_in() {
    let fixture = fixture().await;
    let refused = |change: fn(&mut Config) -> &mut Config| {
        let mut config = config(&fixture);
        let _ = change(&mut config);
        async move { state(config.connect(NoTls).await.map(drop)) }
    };
    assert_eq!(
        refused(|config| config.password("wrong")).await,
        SqlState::INVALID_PASSWORD
    );
    assert_eq!(
        refused(|config| config.user("someone")).await,
        SqlState::INVALID_PASSWORD
    );
    assert_eq!(
        refused(|config| config.dbname("other")).await,
        SqlState::INVALID_CATALOG_NAME
    );
    assert_eq!(number(&connect(&fixture).await, "select 1::bigint").await, 1);
}

#[tokio::test]
async fn values_arrive_in_both_formats() {
    let fixture = fixture().await;
    let client = connect(&fixture).await;
    let sql = "select true as b, 7::smallint as s, -7 as i, 12345678901::bigint as l, 1.5::real as r, 0.1::float8 as d,
               'é'::varchar(9) as v, date '2026-01-13' as day, timestamp '2026-01-13 01:02:03.5' as ts,
               timestamptz '1999-12-31 23:59:59+00' as tz, time '01:02:03' as t, null::int as n, -12.50::numeric(9,2) as m";
    let row = client.query_one(sql, &[]).await.unwrap();
    assert!(row.get::<_, bool>("b"));
    assert_eq!(
        (row.get::<_, i16>("s"), row.get::<_, i32>("i"), row.get::<_, i64>("l")),
        (7, -7, 12_345_678_901)
    );
    assert_eq!(
        (row.get::<_, f32>("r"), row.get::<_, f64>("d"), row.get::<_, &str>("v")),
        (1.5, 0.1, "é")
    );
    let day = NaiveDate::from_ymd_opt(2026, 1, 13).unwrap();
    assert_eq!(row.get::<_, NaiveDate>("day"), day);
    assert_eq!(
        row.get::<_, NaiveDateTime>("ts"),
        day.and_hms_milli_opt(1, 2, 3, 500).unwrap()
    );
    assert_eq!(
        row.get::<_, DateTime<Utc>>("tz").to_rfc3339(),
        "1999-12-31T23:59:59+00:00"
    );
    assert_eq!(row.get::<_, NaiveTime>("t"), NaiveTime::from_hms_opt(1, 2, 3).unwrap());
    assert_eq!(row.get::<_, Option<i32>>("n"), None);
    assert_eq!(*row.columns()[12].type_(), Type::NUMERIC);

    let texts = simple(&client, sql).await.remove(0);
    let texts: Vec<&str> = texts.iter().map(|text| text.as_deref().unwrap_or("NULL")).collect();
    assert_eq!(
        texts,
        [
            "t",
            "7",
            "-7",
            "12345678901",
            "1.5",
            "0.1",
            "é",
            "2026-01-13",
            "2026-01-13 01:02:03.5",
            "1999-12-31 23:59:59+00",
            "01:02:03",
            "NULL",
            "-12.50"
        ]
    );
}

#[tokio::test]
async fn parameters_are_values_and_nothing_else() {
    let fixture = fixture().await;
    let client = connect(&fixture).await;
    let hostile = "'; drop table t; -- $1 \\n \\' % \n \\\\ \\";
    let day = NaiveDate::from_ymd_opt(2026, 3, 1).unwrap();
    let sql = "select $2::bigint + $1, $3 as text, $4::date - 1 as day, $5 = true as yes, $6 is null as nothing";
    let parameters: [(&(dyn ToSql + Sync), Type); 6] = [
        (&-1_i64, Type::INT8),
        (&5_i64, Type::INT8),
        (&hostile, Type::VARCHAR),
        (&day, Type::DATE),
        (&true, Type::BOOL),
        (&None::<i32>, Type::INT4),
    ];
    let row = client.query_typed(sql, &parameters).await.unwrap().remove(0);
    assert_eq!((row.get::<_, i64>(0), row.get::<_, &str>(1)), (4, hostile));
    assert_eq!(row.get::<_, NaiveDate>(2).to_string(), "2026-02-28");
    assert!(row.get::<_, bool>(3) && row.get::<_, bool>(4));
    // Prepared once, used twice.
    let statement = client.prepare_typed("select 10 - $1", &[Type::INT4]).await.unwrap();
    for (given, expected) in [(-5, 15), (3, 7)] {
        assert_eq!(
            client.query_one(&statement, &[&given]).await.unwrap().get::<_, i32>(0),
            expected
        );
    }
}

#[tokio::test]
async fn rows_are_counted_and_tables_described() {
    let fixture = fixture().await;
    let client = connect(&fixture).await;
    client
        .batch_execute("create table t (a int, b varchar(5))")
        .await
        .unwrap();
    assert_eq!(
        client
            .execute("insert into t values (1, 'x'), (2, 'y')", &[])
            .await
            .unwrap(),
        2
    );
    assert_eq!(
        client.execute("update t set b = 'z' where a = 1", &[]).await.unwrap(),
        1
    );
    assert_eq!(client.execute("delete from t", &[]).await.unwrap(), 2);
    let statement = client.prepare("select * from t").await.unwrap();
    let columns: Vec<_> = statement
        .columns()
        .iter()
        .map(|column| (column.name(), column.type_().clone()))
        .collect();
    assert_eq!(columns, [("a", Type::INT4), ("b", Type::VARCHAR)]);
    assert!(client.query(&statement, &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn errors_have_classes_and_end_a_transaction() {
    let fixture = fixture().await;
    let client = connect(&fixture).await;
    assert_eq!(state(client.query("selec 1", &[]).await), SqlState::SYNTAX_ERROR);
    assert_eq!(
        state(client.query("select * from nowhere", &[]).await),
        SqlState::UNDEFINED_TABLE
    );
    assert_eq!(
        state(client.query("select 1 where 'x", &[]).await),
        SqlState::SYNTAX_ERROR
    );
    // A cluster's nodes tell no class.
    assert_eq!(
        state(client.simple_query("select 1 / 0").await),
        SqlState::INTERNAL_ERROR
    );
    // Nothing is left of it: the connection goes on.
    client.batch_execute("create table t (a int)").await.unwrap();
    client.batch_execute("begin").await.unwrap();
    client.batch_execute("insert into t values (1)").await.unwrap();
    assert_eq!(state(client.query("selec 1", &[]).await), SqlState::SYNTAX_ERROR);
    assert_eq!(
        state(client.query("select 1", &[]).await),
        SqlState::IN_FAILED_SQL_TRANSACTION
    );
    client.batch_execute("rollback").await.unwrap();
    assert_eq!(number(&client, "select count(*) from t").await, 0);
}

#[tokio::test]
async fn a_text_of_statements_is_one_transaction() {
    let fixture = fixture().await;
    let client = connect(&fixture).await;
    client
        .batch_execute("create table t (a int); insert into t values (1)")
        .await
        .unwrap();
    let failed = client
        .simple_query("insert into t values (2); select 1 / 0; insert into t values (3)")
        .await;
    assert_eq!(state(failed), SqlState::INTERNAL_ERROR);
    assert_eq!(number(&client, "select count(*) from t").await, 1);
    let rows = simple(
        &client,
        "select 1; insert into t values (4); select a from t order by a",
    )
    .await;
    assert_eq!(rows.concat(), ["1", "1", "4"].map(|text| Some(text.to_owned())));
    // With commands of its own it is what they say.
    let failed = client
        .simple_query("begin; insert into t values (5); commit; select 1 / 0")
        .await;
    assert_eq!(state(failed), SqlState::INTERNAL_ERROR);
    assert_eq!(number(&client, "select count(*) from t").await, 3);
    assert!(client.simple_query(" ; ").await.unwrap().len() <= 1);
}

#[tokio::test]
async fn connections_have_transactions_and_temporary_tables_of_their_own() {
    let fixture = fixture().await;
    let (mut one, other) = (connect(&fixture).await, connect(&fixture).await);
    one.batch_execute("create temp table mine (a int); create table t (a int)")
        .await
        .unwrap();
    let transaction = one.transaction().await.unwrap();
    transaction.execute("insert into t values (1)", &[]).await.unwrap();
    assert_eq!(number(&other, "select count(*) from t").await, 0);
    transaction.commit().await.unwrap();
    assert_eq!(number(&other, "select count(*) from t").await, 1);
    assert_eq!(
        state(other.query("select * from mine", &[]).await),
        SqlState::UNDEFINED_TABLE
    );
    // The Data API reads the same database.
    assert_eq!(fixture.query("select a from t").await, "1");
}

#[tokio::test]
async fn portals_give_some_rows_at_a_time() {
    let fixture = fixture().await;
    let mut client = connect(&fixture).await;
    let transaction = client.transaction().await.unwrap();
    let series = "select 1::bigint as n union all select 2 union all select 3 order by n";
    let portal = transaction.bind(series, &[]).await.unwrap();
    let first: Vec<i64> = transaction
        .query_portal(&portal, 2)
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    let rest: Vec<i64> = transaction
        .query_portal(&portal, 2)
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!((first, rest), (vec![1, 2], vec![3]));
    transaction.commit().await.unwrap();
}

/// A table of a million rows, made without a generator, which Redshift lacks.
async fn million(client: &Client) {
    client
        .batch_execute("create table digits (d int); insert into digits values (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)")
        .await
        .unwrap();
    let sql = "create table million as select a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d + 100000 * f.d as n
               from digits a, digits b, digits c, digits d, digits e, digits f";
    client.batch_execute(sql).await.unwrap();
}

#[tokio::test]
async fn large_results_are_streamed() {
    let fixture = Fixture::start_with(|options| {
        serve(options);
        // Less than the result: it is never kept.
        options.max_result_bytes = Some(1_000_000);
    })
    .await;
    let client = connect(&fixture).await;
    million(&client).await;
    let rows = client
        .query_raw(
            "select n, 'some text to make it longer' from million",
            Vec::<i32>::new(),
        )
        .await
        .unwrap();
    let sum = rows.try_fold((0_i64, 0_i64), async |(count, sum), row| {
        Ok((count + 1, sum + i64::from(row.get::<_, i32>(0))))
    });
    assert_eq!(sum.await.unwrap(), (1_000_000, 499_999_500_000));
    // Several statements have to be kept, and are refused with a reason.
    let kept = client.simple_query("select n from million; select 1").await;
    let error = kept.unwrap_err();
    assert!(
        error.as_db_error().unwrap().message().contains("send them one by one"),
        "{error:?}"
    );
}

#[tokio::test]
async fn statements_are_cancelled_and_connections_closed() {
    let fixture = fixture().await;
    let client = connect(&fixture).await;
    million(&client).await;
    let token = client.cancel_token();
    let long = "select count(*) from million a, million b where a.n % 7 = b.n % 11";
    let cancel = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        token.cancel_query(NoTls).await.unwrap();
    };
    let (outcome, ()) = tokio::join!(client.query(long, &[]), cancel);
    assert_eq!(state(outcome), SqlState::QUERY_CANCELED);
    assert_eq!(number(&client, "select count(*) from digits").await, 10);

    // A client that goes away in the middle holds nobody up.
    let other = connect(&fixture).await;
    let mut rows = Box::pin(
        other
            .query_raw("select * from million a, million b", Vec::<i32>::new())
            .await
            .unwrap(),
    );
    assert!(rows.try_next().await.unwrap().is_some());
    drop((rows, other));
    // Neither does one whose statement runs when the server stops.
    let running = tokio::spawn(async move { client.query(long, &[]).await.map(drop) });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let stopped = tokio::time::timeout(Duration::from_secs(20), fixture.server.shutdown()).await;
    stopped.unwrap().unwrap();
    assert!(running.await.unwrap().is_err());
}

#[tokio::test]
async fn what_runs_over_the_wire_is_in_the_history() {
    let fixture = fixture().await;
    let client = connect(&fixture).await;
    client
        .batch_execute("create table t (a int); insert into t values (1)")
        .await
        .unwrap();
    assert!(client.query("select b from t", &[]).await.is_err());
    let history = "select query_type, status, query_text from sys_query_history order by query_id";
    assert_eq!(
        fixture.query(history).await,
        "DDL|success|create table t (a int)\nINSERT|success|insert into t values (1)"
    );
}

#[tokio::test]
async fn read_only_transactions_change_nothing() {
    let fixture = fixture().await;
    let client = connect(&fixture).await;
    client.batch_execute("create table t (a int)").await.unwrap();
    client.batch_execute("begin read only").await.unwrap();
    assert_eq!(number(&client, "select count(*) from t").await, 0);
    let refused = client.simple_query("insert into t values (1)").await;
    assert_eq!(state(refused), SqlState::READ_ONLY_SQL_TRANSACTION);
    client
        .batch_execute("rollback; begin; insert into t values (1); commit")
        .await
        .unwrap();
    assert_eq!(number(&client, "select count(*) from t").await, 1);
    for sql in [
        "set session characteristics as transaction read only",
        "set default_transaction_read_only to on",
    ] {
        assert_eq!(
            state(client.simple_query(sql).await),
            SqlState::FEATURE_NOT_SUPPORTED,
            "{sql}"
        );
    }
}

#[tokio::test]
async fn statements_and_cursors_are_kept_by_name() {
    let fixture = fixture().await;
    let client = connect(&fixture).await;
    million(&client).await;
    client
        .batch_execute("prepare p (int) as select n from million where n = $1")
        .await
        .unwrap();
    assert_eq!(
        simple(&client, "execute p (6 * 7)").await.concat(),
        [Some("42".to_owned())]
    );
    assert_eq!(state(client.simple_query("execute p").await), SqlState::SYNTAX_ERROR);
    assert_eq!(
        state(client.simple_query("prepare p as select 1").await),
        SqlState::DUPLICATE_PSTATEMENT
    );
    client.batch_execute("deallocate p").await.unwrap();
    assert_eq!(
        state(client.simple_query("execute p (1)").await),
        SqlState::INVALID_SQL_STATEMENT_NAME
    );

    assert_eq!(
        state(client.simple_query("declare c cursor for select 1").await),
        SqlState::NO_ACTIVE_SQL_TRANSACTION
    );
    client
        .batch_execute("begin; declare c cursor for select n, n from million order by n desc")
        .await
        .unwrap();
    let mut expected = 1_000_000;
    // In the order of the query, across what DuckDB works on at a time.
    for count in [1, 3, 250_000, 749_990] {
        let rows = simple(&client, &format!("fetch forward {count} from c")).await;
        assert_eq!(rows.len(), count);
        for row in rows {
            expected -= 1;
            let value = Some(expected.to_string());
            assert_eq!(row, [value.clone(), value]);
        }
    }
    assert_eq!(simple(&client, "fetch all from c").await.len(), 6);
    assert!(simple(&client, "fetch next from c").await.is_empty());
    // The table behind it is nobody's.
    assert!(
        simple(&client, "select 1 from svv_tables where table_name like 'rs%'")
            .await
            .is_empty()
    );
    client.batch_execute("commit").await.unwrap();
    assert_eq!(
        state(client.simple_query("fetch next from c").await),
        SqlState::INVALID_CURSOR_NAME
    );
}

#[tokio::test]
async fn one_message_has_a_size() {
    let fixture = fixture().await;
    let client = connect(&fixture).await;
    let text = format!("select '{}'", "x".repeat(16 * 1024 * 1024));
    let error = client.simple_query(&text).await.unwrap_err();
    assert!(
        error
            .as_db_error()
            .unwrap()
            .message()
            .starts_with("Statement is too large"),
        "{error:?}"
    );
    // As many statements as a script has, each with its own text.
    let script = "insert into t values (1);\n".repeat(500);
    client
        .batch_execute(&format!("create table t (a int); {script}"))
        .await
        .unwrap();
    let history = "select count(*) from sys_query_history where query_text = 'insert into t values (1)'";
    assert_eq!(number(&client, history).await, 500);
}
