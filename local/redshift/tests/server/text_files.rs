//! COPY and UNLOAD of text.
use aws_sdk_redshiftdata::types::StatusString;

use crate::support::*;

impl Fixture {
    /// Loads one object into a new table `t` and gives its rows, or the error and the filed load errors.
    async fn copy(&self, columns: &str, body: &str, options: &str) -> String {
        self.run("drop table if exists t").await;
        self.run(&format!("create table t ({columns})")).await;
        self.put("in/data", body.as_bytes().to_vec()).await;
        let done = self
            .describe(&format!("copy t from 's3://lake/in/data' iam_role default {options}"))
            .await;
        if done.status() == Some(&StatusString::Finished) {
            return self.query("select * from t order by 1").await;
        }
        let details = "select line_number, column_name, error_message from sys_load_error_detail where query_id = ";
        let details = self
            .query(&format!("{details}{} order by 1", done.redshift_query_id()))
            .await;
        format!("{}\n{details}", done.error().unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_is_read_with_quotes_headers_and_empty_fields() {
    let fixture = Fixture::start().await;
    let columns = "id int, name varchar(8), price decimal(8,2), day date, good boolean";
    let body = "id,name,price,day,good\n1,\"a,\"\"b\"\"\",1.239,2026-01-15,t\n2,,,,0\n3,\\N,-2,2026-01-16,yes\n";
    let rows = fixture.copy(columns, body, "csv ignoreheader 1").await;
    assert_eq!(
        rows,
        "1|a,\"b\"|1.23|2026-01-15|true\n2||∅|∅|false\n3|∅|-2.00|2026-01-16|true"
    );
    let rows = fixture
        .copy("id int, name varchar(8)", "1,\n2, \n", "csv emptyasnull")
        .await;
    assert_eq!(rows, "1|∅\n2| ");
    let rows = fixture
        .copy("id int, v varchar(3)", "1|abcdef\n2|x y\n", "truncatecolumns")
        .await;
    assert_eq!(rows, "1|abc\n2|x y");
    let rows = fixture
        .copy(
            "d date, at timestamp",
            "15.01.2026;1768471200\n",
            "delimiter ';' dateformat 'DD.MM.YYYY' timeformat 'epochsecs'",
        )
        .await;
    assert_eq!(rows, "2026-01-15|2026-01-15 10:00:00.0");
    let rows = fixture
        .copy("id int, a varchar(8), b int", "1\n2,x\n", "csv fillrecord")
        .await;
    assert_eq!(rows, "1|∅|∅\n2|x|∅");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_rows_are_filed_with_line_column_and_reason() {
    let fixture = Fixture::start().await;
    let body = "1,abc\nx2,abc\n3,abcdef\n4,abc\n";
    let error = fixture.copy("id int not null, v varchar(3)", body, "csv").await;
    assert_eq!(
        error,
        "ERROR: Load into table 't' failed.  Check 'sys_load_error_detail' system table for details.\n\
         2|id|Invalid digit, Value 'x', Pos 0, Type: Integer\n\
         3|v|String length exceeds DDL length"
    );
    assert_eq!(fixture.query("select count(*) from t").await, "0");
    let rows = fixture
        .copy("id int not null, v varchar(3)", body, "csv maxerror 3")
        .await;
    assert_eq!(rows, "1|abc\n4|abc");
    let error = fixture.copy("id int not null", "1\n\\N\n", "csv").await;
    assert!(error.ends_with("2|id|Missing data for not-null field"), "{error}");
    let error = fixture.copy("a int, b int", "1,2\n3\n", "csv").await;
    assert!(error.starts_with("ERROR: Delimiter not found"), "{error}");
    let error = fixture.copy("a int", "1\n", "csv escape").await;
    assert!(
        error.starts_with("ERROR: the COPY option ESCAPE is not supported"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn json_goes_to_columns_by_name_by_path_or_whole() {
    let fixture = Fixture::start().await;
    let body = "{\"id\": 1, \"Name\": \"a\", \"tags\": [1, {\"k\": 2}], \"at\": {\"city\": \"Seoul\"}}\n{\"id\": 2}\n";
    let rows = fixture
        .copy("id int, name varchar(8), tags super", body, "format json 'auto'")
        .await;
    assert_eq!(rows, "1|∅|[1,{\"k\":2}]\n2|∅|∅");
    let rows = fixture
        .copy("id int, name varchar(8)", body, "json 'auto ignorecase'")
        .await;
    assert_eq!(rows, "1|a\n2|∅");
    let paths = r#"{"jsonpaths": ["$.id", "$['at']['city']", "$.tags[1].k"]}"#;
    fixture.put("paths.json", paths.into()).await;
    let rows = fixture
        .copy("id int, city varchar(8), k int", body, "json 's3://lake/paths.json'")
        .await;
    assert_eq!(rows, "1|Seoul|2\n2|∅|∅");
    let rows = fixture.copy("whole super", "{\"id\": 2}", "json 'noshred'").await;
    assert_eq!(rows, "{\"id\": 2}");
}

#[tokio::test(flavor = "multi_thread")]
async fn text_is_unloaded_as_it_is_asked_for() {
    let fixture = Fixture::start().await;
    fixture
        .run("create table t (id int, name varchar(8), good boolean)")
        .await;
    fixture
        .run("insert into t values (1, 'a,\"b', true), (2, null, false)")
        .await;
    let unload = async |options: &str| {
        let to = "to 's3://lake/out/' iam_role default parallel off cleanpath";
        fixture
            .run(&format!("unload ('select * from t order by id') {to} {options}"))
            .await;
        let keys = fixture.keys().await;
        let text = String::from_utf8(fixture.get(&keys[0]).await).unwrap();
        format!("{}\n{text}", keys.join(" "))
    };
    assert_eq!(
        unload("format csv header").await,
        "out/000\nid,name,good\n1,\"a,\"\"b\",t\n2,,f\n"
    );
    assert_eq!(
        unload("null as 'none' extension 'txt'").await,
        "out/000.txt\n1|a,\"b|t\n2|none|f\n"
    );
    assert_eq!(
        unload("format json").await,
        "out/000\n{\"id\":1,\"name\":\"a,\\\"b\",\"good\":true}\n{\"id\":2,\"name\":null,\"good\":false}\n"
    );
    // And back again.
    fixture
        .run("unload ('select * from t') to 's3://lake/z/' iam_role default format csv gzip")
        .await;
    fixture.run("create table back (like t)").await;
    fixture
        .run("copy back from 's3://lake/z/' iam_role default csv gzip emptyasnull")
        .await;
    assert_eq!(
        fixture.query("select * from back order by 1").await,
        "1|a,\"b|true\n2|∅|false"
    );
    let error = fixture
        .error("unload ('select 1') to 's3://lake/e/' iam_role default format parquet header")
        .await;
    assert_eq!(error, "ERROR: HEADER is not supported for UNLOAD to PARQUET");
}
