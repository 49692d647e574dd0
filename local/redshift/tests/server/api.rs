//! The protocol: states, results, errors, sessions.

use aws_sdk_redshiftdata::error::ProvideErrorMetadata;
use aws_sdk_redshiftdata::types::{ResultFormatString, SqlParameter, StatusString};
use cardlake_local_redshift::start;

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_finishes_and_its_result_is_typed() {
    let fixture = Fixture::start().await;
    let description = fixture
        .run("select 1::smallint as a, 12345678901 as b, 1.50::decimal(18,2) as c, true as d, null as e, 'x' as f, \
              date '2026-01-13' as g, timestamp '2026-01-13 01:02:03.25' as h, 2.5::float8 as i, json_parse('{\"k\":1}') as j")
        .await;
    assert_eq!(description.has_result_set(), Some(true));
    assert_eq!(description.result_rows(), 1);
    assert!(description.duration() > 0);
    let result = fixture
        .client
        .get_statement_result()
        .id(description.id())
        .send()
        .await
        .unwrap();
    assert_eq!(result.total_num_rows(), 1);
    let types: Vec<_> = result
        .column_metadata()
        .iter()
        .map(|column| column.type_name().unwrap())
        .collect();
    assert_eq!(
        types,
        [
            "int2",
            "int8",
            "numeric",
            "bool",
            "int4",
            "varchar",
            "date",
            "timestamp",
            "float8",
            "super"
        ]
    );
    assert_eq!(result.column_metadata()[2].precision(), 18);
    assert_eq!(result.column_metadata()[2].scale(), 2);
    assert_eq!(
        fixture.rows(description.id()).await,
        "1|12345678901|1.50|true|∅|x|2026-01-13|2026-01-13 01:02:03.25|2.5|{\"k\":1}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sql_error_shows_in_the_description_and_not_in_the_call() {
    let fixture = Fixture::start().await;
    assert_eq!(
        fixture.error("select * from nowhere").await,
        "ERROR: relation \"nowhere\" does not exist"
    );
    assert!(fixture.error("selec 1").await.starts_with("ERROR: syntax error"));
    assert_eq!(fixture.error("select 1 / 0").await, "ERROR: Divide by zero");
    assert_eq!(
        fixture.error("select 1; select 2").await,
        "ERROR: cannot insert multiple commands into a prepared statement"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_result_comes_in_pages() {
    let fixture = Fixture::start().await;
    fixture.run("create table numbers (n bigint)").await;
    fixture
        .run("insert into numbers values (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)")
        .await;
    let sql = "select a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n as n, 'some text to fill the page' as filler \
               from numbers a, numbers b, numbers c, numbers d, numbers e order by 1";
    let description = fixture.run(sql).await;
    assert_eq!(description.result_rows(), 100_000);
    let first = fixture
        .client
        .get_statement_result()
        .id(description.id())
        .send()
        .await
        .unwrap();
    assert!(first.next_token().is_some());
    assert!(first.records().len() < 100_000);
    let rows = fixture.rows(description.id()).await;
    assert_eq!(rows.lines().count(), 100_000);
    assert!(rows.ends_with("99999|some text to fill the page"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_beyond_the_limit_fails_its_statement_and_no_other() {
    let limit = 50_000;
    let fixture = Fixture::start_with(|options| options.max_result_bytes = Some(limit)).await;
    // A page of one row: the text, and [[{"stringValue":""}]] around it.
    let fits = limit - 22;
    fixture.run(&format!("select repeat('x', {fits})")).await;
    let expected = format!("ERROR: the result is larger than {limit} bytes: add a LIMIT, or UNLOAD it");
    assert_eq!(
        fixture.error(&format!("select repeat('x', {})", fits + 1)).await,
        expected
    );
    // What a statement reads does not count, what it gives does.
    fixture
        .run("create table texts as select repeat('x', 20000) as text")
        .await;
    fixture
        .run("insert into texts select repeat('y', 20000) union all select repeat('z', 20000)")
        .await;
    assert_eq!(fixture.error("select text from texts").await, expected);
    fixture.run("select text from texts limit 2").await;
    assert_eq!(
        fixture.query("select count(*), max(length(text)) from texts").await,
        "3|20000"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_results_come_from_the_second_version() {
    let fixture = Fixture::start().await;
    let submitted = fixture
        .client
        .execute_statement()
        .workgroup_name("local")
        .database("cardlake")
        .sql("select 1 as a, 'b,c' as b, null as c")
        .result_format(ResultFormatString::Csv)
        .wait_time_seconds(30)
        .send()
        .await
        .unwrap();
    let id = submitted.id().unwrap();
    let result = fixture.client.get_statement_result_v2().id(id).send().await.unwrap();
    assert_eq!(result.records()[0].as_csv_records().unwrap(), "1,\"b,c\",\r\n");
    let error = fixture.client.get_statement_result().id(id).send().await.unwrap_err();
    assert_eq!(error.code(), Some("ValidationException"));
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_are_values() {
    let fixture = Fixture::start().await;
    let parameter = |name: &str, value: &str| SqlParameter::builder().name(name).value(value).build().unwrap();
    let execute = |sql: &str, parameters: Vec<SqlParameter>| {
        fixture
            .client
            .execute_statement()
            .workgroup_name("local")
            .database("cardlake")
            .sql(sql)
            .set_parameters(Some(parameters))
            .wait_time_seconds(30)
            .send()
    };
    let submitted = execute(
        "select :text as a, ':text' as b, 5 + :number as c -- :comment",
        vec![parameter("text", "it's"), parameter("number", "3")],
    )
    .await
    .unwrap();
    let id = submitted.id().unwrap();
    wait_until(&fixture.client, id, &StatusString::Finished).await;
    assert_eq!(fixture.rows(id).await, "it's|:text|8");
    let error = execute("select 1", vec![parameter("unused", "1")]).await.unwrap_err();
    assert_eq!(error.code(), Some("ValidationException"));
    assert!(error.message().unwrap().contains("Unused parameters: [unused]"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_token_runs_a_statement_once() {
    let fixture = Fixture::start().await;
    fixture.run("create table t (a int)").await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let submitted = fixture
            .client
            .execute_statement()
            .workgroup_name("local")
            .database("cardlake")
            .sql("insert into t values (1)")
            .client_token("the-same")
            .wait_time_seconds(30)
            .send()
            .await
            .unwrap();
        ids.push(submitted.id().unwrap().to_owned());
    }
    assert_eq!(ids[0], ids[1]);
    assert_eq!(fixture.query("select count(*) from t").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_statement_can_be_cancelled() {
    let fixture = Fixture::start().await;
    fixture.run("create table numbers (n bigint)").await;
    fixture
        .run("insert into numbers values (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)")
        .await;
    let sql = "select sum(a.n * b.n + c.n * d.n + e.n * f.n + g.n * h.n + i.n * j.n) from numbers a, numbers b, numbers c, \
               numbers d, numbers e, numbers f, numbers g, numbers h, numbers i, numbers j, numbers k, numbers l";
    let submitted = fixture
        .client
        .execute_statement()
        .workgroup_name("local")
        .database("cardlake")
        .sql(sql)
        .send()
        .await
        .unwrap();
    let id = submitted.id().unwrap();
    wait_until(&fixture.client, id, &StatusString::Started).await;
    let cancelled = fixture.client.cancel_statement().id(id).send().await.unwrap();
    assert_eq!(cancelled.status(), Some(true));
    let description = wait_until(&fixture.client, id, &StatusString::Aborted).await;
    assert_eq!(description.error(), Some("ERROR: Query cancelled on user's request"));
    let error = fixture.client.cancel_statement().id(id).send().await.unwrap_err();
    assert_eq!(error.code(), Some("ValidationException"));
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_those_of_the_service_model() {
    let fixture = Fixture::start().await;
    let missing = "00000000-0000-0000-0000-000000000000";
    let error = fixture
        .client
        .describe_statement()
        .id(missing)
        .send()
        .await
        .unwrap_err();
    assert!(error.as_service_error().unwrap().is_resource_not_found_exception());
    let error = fixture
        .client
        .execute_statement()
        .database("cardlake")
        .sql("select 1")
        .send()
        .await
        .unwrap_err();
    assert!(error.as_service_error().unwrap().is_validation_exception());
    let long = format!("select '{}'", "x".repeat(110_000));
    let error = fixture
        .client
        .execute_statement()
        .workgroup_name("local")
        .database("cardlake")
        .sql(long)
        .send()
        .await
        .unwrap_err();
    assert!(error.message().unwrap().contains("100kB"));
    let description = fixture.run("create table t (a int)").await;
    let error = fixture
        .client
        .get_statement_result()
        .id(description.id())
        .send()
        .await
        .unwrap_err();
    assert!(error.as_service_error().unwrap().is_resource_not_found_exception());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_must_exist_and_a_signature_must_be_right() {
    let fixture = Fixture::start().await;
    let with_secret = |secret: &str| {
        fixture
            .client
            .execute_statement()
            .workgroup_name("local")
            .database("cardlake")
            .secret_arn(secret)
            .sql("select 1")
            .wait_time_seconds(30)
            .send()
    };
    assert!(with_secret(SECRET_NAME).await.is_ok());
    assert_eq!(
        with_secret("another").await.unwrap_err().code(),
        Some("ValidationException")
    );
    let wrong = data_api(&fixture.server, "wrong");
    let error = wrong.list_statements().send().await.unwrap_err();
    assert_eq!(error.code(), Some("InvalidSignatureException"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalog_operations_list_schemas_tables_and_columns() {
    let fixture = Fixture::start().await;
    fixture.run("create schema raw").await;
    fixture
        .run("create table raw.t (id bigint not null, name varchar(20) default 'x', amount decimal(18,2))")
        .await;
    fixture.run("create view raw.v as select id from raw.t").await;
    let schemas = fixture
        .client
        .list_schemas()
        .workgroup_name("local")
        .database("cardlake")
        .send()
        .await
        .unwrap();
    assert_eq!(schemas.schemas(), ["information_schema", "pg_catalog", "public", "raw"]);
    let tables = fixture
        .client
        .list_tables()
        .workgroup_name("local")
        .database("cardlake")
        .schema_pattern("raw")
        .send()
        .await
        .unwrap();
    let listed: Vec<_> = tables
        .tables()
        .iter()
        .map(|table| (table.name().unwrap(), table.r#type().unwrap()))
        .collect();
    assert_eq!(listed, [("t", "TABLE"), ("v", "VIEW")]);
    let table = fixture
        .client
        .describe_table()
        .workgroup_name("local")
        .database("cardlake")
        .schema("raw")
        .table("t")
        .send()
        .await
        .unwrap();
    let columns: Vec<_> = table
        .column_list()
        .iter()
        .map(|column| {
            (
                column.name().unwrap(),
                column.type_name().unwrap(),
                column.length(),
                column.nullable(),
            )
        })
        .collect();
    assert_eq!(
        columns,
        [
            ("id", "int8", 0, 0),
            ("name", "varchar", 20, 1),
            ("amount", "numeric", 0, 1)
        ]
    );
    let databases = fixture
        .client
        .list_databases()
        .workgroup_name("local")
        .database("cardlake")
        .send()
        .await
        .unwrap();
    assert_eq!(databases.databases(), ["cardlake"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_are_listed_by_status_and_name() {
    let fixture = Fixture::start().await;
    fixture.run("select 1").await;
    fixture.error("select 1/0").await;
    fixture
        .client
        .execute_statement()
        .workgroup_name("local")
        .database("cardlake")
        .sql("select 2")
        .statement_name("load-7")
        .wait_time_seconds(30)
        .send()
        .await
        .unwrap();
    let list = fixture.client.list_statements().send().await.unwrap();
    assert_eq!(list.statements().len(), 2);
    let list = fixture
        .client
        .list_statements()
        .status(StatusString::Failed)
        .send()
        .await
        .unwrap();
    assert_eq!(list.statements()[0].query_string(), Some("select 1/0"));
    let list = fixture
        .client
        .list_statements()
        .statement_name("load")
        .send()
        .await
        .unwrap();
    assert_eq!(list.statements().len(), 1);
    let first = fixture
        .client
        .list_statements()
        .status(StatusString::All)
        .max_results(2)
        .send()
        .await
        .unwrap();
    assert_eq!(first.statements().len(), 2);
    let rest = fixture
        .client
        .list_statements()
        .status(StatusString::All)
        .max_results(2)
        .next_token(first.next_token().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!((rest.statements().len(), rest.next_token()), (1, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_survives_a_restart() {
    let mut fixture = Fixture::start().await;
    fixture.run("create schema raw").await;
    fixture.run("create table raw.t (name varchar(3))").await;
    fixture.run("insert into raw.t values ('abc')").await;
    fixture.server.shutdown().await.unwrap();
    fixture.server = start(options(&fixture.folder, &fixture.s3)).await.unwrap();
    fixture.client = data_api(&fixture.server, SECRET);
    assert_eq!(fixture.query("select * from t").await, "abc");
    assert!(
        fixture
            .error("insert into raw.t values ('abcd')")
            .await
            .contains("character varying(3)")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_in_use_is_named() {
    let fixture = Fixture::start().await;
    let error = start(options(&fixture.folder, &fixture.s3)).await.unwrap_err();
    let expected = format!("it is held by process {}", std::process::id());
    assert!(error.to_string().contains("warehouse.duckdb is in use"), "{error}");
    assert!(error.to_string().contains(&expected), "{error}");
    fixture.run("select 1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_of_a_killed_process_are_removed() {
    let mut fixture = Fixture::start().await;
    fixture.server.shutdown().await.unwrap();
    let leftover = fixture.folder.path().join("redshift-staging/dead");
    std::fs::create_dir_all(&leftover).unwrap();
    std::fs::write(leftover.join("0.parquet"), b"half").unwrap();
    fixture.server = start(options(&fixture.folder, &fixture.s3)).await.unwrap();
    assert!(!leftover.exists());
}

/// What a crash leaves: the file and its log as they are on disk at a moment.
#[tokio::test(flavor = "multi_thread")]
async fn the_database_survives_a_crash() {
    let mut fixture = Fixture::start().await;
    fixture.run("create schema raw").await;
    fixture.run("create table raw.t (id bigint identity(1, 1), name varchar(3) not null default 'x', at timestamp default getdate(), d decimal(18,2) default 1.0 / 4) sortkey (id)").await;
    fixture.run("insert into raw.t (name) values ('abc')").await;
    fixture.run("create view stg as select name, avg(d) as d, max(trunc(at)) as day from raw.t group by name with no schema binding").await;
    fixture.run("create or replace view stg as select name, avg(d) / 2 as d, max(trunc(at)) as day from raw.t group by name with no schema binding").await;
    fixture.run("create table raw.u (a int)").await;
    fixture
        .run("alter table raw.u add column b varchar(9) default 'y'")
        .await;
    fixture.run("alter table raw.u rename to v").await;
    fixture.run("create table raw.w as select sum(a) as a from raw.v").await;
    fixture
        .batch(&[
            "create table raw.w2 as select 1 as a",
            "drop table raw.w",
            "alter table raw.w2 rename to w",
        ])
        .await;
    fixture.run("truncate raw.w").await;
    let crashed = tempfile::tempdir().unwrap();
    for name in ["warehouse.duckdb", "warehouse.duckdb.wal"] {
        std::fs::copy(fixture.folder.path().join(name), crashed.path().join(name)).unwrap();
    }
    fixture.server = start(options(&crashed, &fixture.s3)).await.unwrap();
    fixture.client = data_api(&fixture.server, SECRET);
    assert_eq!(
        fixture
            .query("select name, d, day = trunc(getdate()) or true from stg")
            .await,
        "abc|0.1250|true"
    );
    fixture.run("insert into raw.t (name) values ('def')").await;
    assert_eq!(
        fixture.query("select id, name from raw.t order by id").await,
        "1|abc\n2|def"
    );
    assert_eq!(fixture.query("select count(*) from raw.w").await, "0");
    assert!(
        fixture
            .error("insert into raw.v values (1, '0123456789')")
            .await
            .contains("character varying(9)")
    );
}
