//! Expressions and functions: what a query gives.

use crate::support::*;

/// Runs queries, each on one row, and compares their text.
async fn check(cases: &[(&str, &str)]) {
    let fixture = Fixture::start().await;
    let mut wrong = Vec::new();
    for (sql, expected) in cases {
        let description = fixture.describe(sql).await;
        let found = match description.error() {
            Some(error) => error.to_owned(),
            None => fixture.rows(description.id()).await,
        };
        if found != *expected {
            wrong.push(format!("{sql}\n  expected {expected}\n  found    {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn dates() {
    check(&[
        ("select datediff(day, '2026-01-01', date '2026-02-01')", "31"),
        ("select datediff(month, date '2026-01-31', date '2026-02-01')", "1"),
        ("select dateadd(day, -30, date '2026-01-31')", "2026-01-01 00:00:00.0"),
        ("select dateadd(month, 1, '2026-01-31')", "2026-02-28 00:00:00.0"),
        ("select dateadd(hour, 1, timestamp '2026-01-31 23:30:00')", "2026-02-01 00:30:00.0"),
        ("select date_trunc('month', date '2026-01-31')", "2026-01-01 00:00:00.0"),
        ("select date_trunc('week', timestamp '2026-01-18 10:00:00')::date", "2026-01-12"),
        ("select date_part(dow, date '2026-01-18')", "0.0"),
        ("select extract(year from date '2026-01-18'), extract(epoch from timestamp '1970-01-02 00:00:00')", "2026|86400"),
        ("select trunc(timestamp '2026-01-18 10:00:00'), trunc(2.75), trunc(2.756, 2)", "2026-01-18|2|2.75"),
        ("select trunc(convert_timezone('UTC', 'Asia/Seoul', timestamp '2026-01-14 15:00:00'))", "2026-01-15"),
        ("select last_day(date '2026-02-03')", "2026-02-28"),
        ("select add_months(date '2026-01-31', 1), add_months('2026-02-28', 1)", "2026-02-28 00:00:00.0|2026-03-31 00:00:00.0"),
        ("select months_between('2026-03-31', '2026-02-28'), months_between(date '2026-02-15', date '2026-01-01')::decimal(10,4)", "1.0|1.4516"),
        ("select next_day('2026-01-13', 'Tue')", "2026-01-20"),
        ("select date '2026-01-31' + 1, date '2026-01-31' - date '2026-01-01'", "2026-02-01|30"),
        ("select to_char(timestamp '2026-01-05 07:08:09', 'YYYY-MM-DD HH24:MI:SS')", "2026-01-05 07:08:09"),
        ("select to_char(date '2026-01-05', 'DD Mon YYYY, Q'), to_char(date '2026-01-05', 'MON')", "05 Jan 2026, 1|JAN"),
        ("select to_date('05 Jan 2026', 'DD Mon YYYY')", "2026-01-05"),
        ("select to_timestamp('2026-01-05 07:08:09', 'YYYY-MM-DD HH24:MI:SS')", "2026-01-05 07:08:09+00"),
        ("select convert_timezone('Asia/Seoul', timestamp '2026-01-05 00:00:00')", "2026-01-05 09:00:00.0"),
        ("select getdate() <= sysdate, sysdate > '2020-01-01'", "true|true"),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers() {
    check(&[
        ("select 5 / 2, -5 / 2, 5.0 / 2, 5 % 3", "2|-2|2.500000000000|2"),
        ("select avg(x), sum(x) from (select 1 as x union all select 2 union all select 2)", "1|5"),
        ("select avg(x), sum(x) from (select 1.50::decimal(18,2) as x union all select 2)", "1.75|3.50"),
        ("select avg(x) over (partition by 1) from (select 1 as x union all select 4)", "2\n2"),
        ("select count(*) from (select 1) as t where 1 = 2", "0"),
        ("select 10.00::decimal(8,2) / 3.00::decimal(8,2), sum(x) / count(*), 2 / 3.0 from (select 2.00::decimal(18,2) as x union all select 3 union all select 3)", "3.333333333|2.6666|0.6666"),
        ("select avg(x / 2) / 2, 1.0::float8 / 3, 7 / 2 * 1.5 from (select 1.50::decimal(18,2) as x union all select 2.01)", "0.4387500000000|0.3333333333333333|4.5"),
        ("select 1.5::decimal(18,2) / 0", "ERROR: Divide by zero"),
        ("select avg(x), avg(y) from (select 1 as x, 1.5::decimal(9,2) as y where false)", "∅|∅"),
        ("select avg(9007199254740993)", "9007199254740993"),
        ("select sum(x) / nullif(sum(y), 0), round(sum(x) * 100.0 / count(*), 2) from (select 1.25::decimal(18,2) as x, 3 as y)", "0.4166|125.00"),
        ("select 1::decimal, 1.005::decimal(10,2)", "1|1.01"),
        ("select round(2.345, 2), ceil(1.2), floor(-1.2), mod(7, 3), power(2, 10)", "2.35|2|-2|1|1024.0"),
        ("select median(x) from (select 1 as x union all select 2)", "1.5"),
        ("select percentile_cont(0.5) within group (order by x) from (select 1 as x union all select 2)", "1.5"),
        ("select distinct percentile_cont(0.25) within group (order by x desc) over () from (select 1 as x union all select 5)", "4.0"),
        ("select ntile(2) over (order by x) from (select 1 as x union all select 2)", "1\n2"),
        ("select ratio_to_report(x) over () from (select 1 as x union all select 3) order by 1", "0.25\n0.75"),
        ("select approximate count(distinct x) from (select 1 as x union all select 1)", "1"),
        ("select strtol('ff', 16), strtol('101', 2)", "255|5"),
        ("select x from (select 1 as x union all select 2) qualify row_number() over (order by x desc) = 1", "2"),
        ("select x from (select 1 as x union all select null) order by x desc", "∅\n1"),
        ("select x from (select 1 as x union all select null) order by x", "1\n∅"),
        ("select top 1 x from (select 1 as x union all select 2) order by x desc", "2"),
        ("select 1 minus select 1", ""),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn text() {
    check(&[
        ("select nvl(null, 'a'), nvl2('x', 1, 2), decode(null, null, 'null', 'other'), decode(3, 1, 'a', 2, 'b')", "a|1|null|∅"),
        ("select listagg(x, ',') within group (order by x desc) from (select 'a' as x union all select 'b' union all select '' union all select null)", "b,a"),
        ("select listagg(distinct x, '-') within group (order by x) from (select 'b' as x union all select 'a' union all select 'a')", "a-b"),
        ("select len('añb'), octet_length('ñ'), split_part('a-b-c', '-', 2), charindex('c', 'abc')", "3|2|b|3"),
        ("select substring('abcdef', 2, 3), substring('abcdef', 0, 2), substring('abcdef' from 4), substr('abc', -1, 3)", "bcd|a|def|a"),
        ("select 'añ'::varchar(2), 'abc'::char(2), cast(12345 as varchar(3))", "a|ab|123"),
        ("select concat('a', null), 'a' || 'b'", "∅|ab"),
        ("select json_extract_path_text('{\"a\":{\"b\":[5,6]}}', 'a', 'b', '1'), json_extract_path_text('{\"a\":1}', 'x')", "6|∅"),
        ("select json_extract_path_text('no json', 'a', true)", "∅"),
        ("select is_valid_json('{\"a\":1}'), is_valid_json('{a'), json_typeof(json_parse('[1]'))", "true|false|array"),
        ("select s.a.b[0], s.a.c from (select json_parse('{\"a\":{\"b\":[7],\"c\":\"x\"}}') as s) t", "7|\"x\""),
        ("select 'abc' ~ 'b', 'abc' similar to '%b%', 'abc' similar to 'b'", "true|true|false"),
        ("select regexp_replace('a1b2', '[0-9]', '#'), regexp_substr('ab12cd', '[0-9]+'), regexp_count('a,b,c', ',')", "a#b#|12|2"),
        ("select lpad('7', 3, '0'), rpad('a', 2), lpad('abc', 2), initcap('hello wORLD')", "007|a |ab|Hello World"),
        ("select upper('a'), btrim(' a '), replace('aa', 'a', 'b'), translate('abc', 'ab', 'xy'), reverse('abc')", "A|a|bb|xyc|cba"),
        ("select md5('a'), sha2('a', 256)", "0cc175b9c0f1b6a831c399e269772661|ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
        ("select case when 1 = 1 then 'yes' else 'no' end, greatest(1, null, 3), coalesce(null, 2)", "yes|3|2"),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_redshift_lacks_is_refused() {
    check(&[
        (
            "select string_agg('a', ',')",
            "ERROR: function string_agg is not supported by the local Redshift",
        ),
        (
            "select * from (values (1)) t(x)",
            "ERROR: VALUES as a table is not supported by the local Redshift",
        ),
        (
            "select 1 is distinct from 2",
            "ERROR: syntax error at or near \"distinct\"",
        ),
        (
            "select * from range(3)",
            "ERROR: the table function range is not supported by the local Redshift",
        ),
        (
            "select to_char(date '2026-01-01', 'J')",
            "ERROR: the date format element at \"J\" is not supported by the local Redshift",
        ),
        (
            "create table t (a uuid)",
            "ERROR: the data type UUID is not supported by the local Redshift",
        ),
        (
            "create table t (a int, check (a > 1))",
            "ERROR: the constraint CHECK (a > 1) is not supported by the local Redshift",
        ),
        (
            "create materialized view v as select 1",
            "ERROR: CREATE MATERIALIZED VIEW is not supported by the local Redshift",
        ),
        (
            "pragma table_info('x')",
            "ERROR: the statement PRAGMA table_info('x') … is not supported by the local Redshift",
        ),
        (
            "select * from other.raw.t",
            "ERROR: the cross-database reference other.raw.t is not supported by the local Redshift",
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_are_named_as_redshift_names_them() {
    let fixture = Fixture::start().await;
    let description = fixture
        .run(
            "select count(*), sum(1), 1 + 1, 'x', max(a)::date, \"A\" as \"Mixed\", case when true then 1 end \
              from (select current_date as a) t group by a",
        )
        .await;
    let result = fixture
        .client
        .get_statement_result()
        .id(description.id())
        .send()
        .await
        .unwrap();
    let names: Vec<_> = result
        .column_metadata()
        .iter()
        .map(|column| column.name().unwrap())
        .collect();
    assert_eq!(names, ["count", "sum", "?column?", "?column?", "max", "mixed", "case"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn queries() {
    check(&[
        ("with a as (select 1 as x), b as (select x + 1 as y from a) select x, y from a, b where x < y", "1|2"),
        ("with recursive n(i) as (select 1 union all select i + 1 from n where i < 3) select sum(i) from n", "6"),
        ("select l.k, r.v from (select 1 as k union all select 2) l left join (select 1 as k, 'x' as v) r using (k) order by 1", "1|x\n2|∅"),
        ("select k from (select 1 as k union all select 2) t where exists (select 1 where t.k = 2)", "2"),
        ("select k, (select max(x) from (select 5 as x) where x > k) from (select 1 as k) t", "1|5"),
        ("select 1 union select 1 union all select 2 order by 1", "1\n2"),
        ("select 1 intersect select 1", "1"),
        ("select a, count(*) from (select 1 as a union all select 1 union all select 2) group by 1 having count(*) > 1", "1|2"),
        ("select a, sum(b) from (select 'x' as a, 1 as b union all select 'y', 2) group by rollup (a) order by 1", "x|1\ny|2\n∅|3"),
        ("select x, sum(x) over (order by x rows between unbounded preceding and current row) from (select 1 as x union all select 2)", "1|1\n2|3"),
        ("select x, lag(x) over (order by x), lead(x, 1) over (order by x) from (select 1 as x union all select 2) order by 1", "1|∅|2\n2|1|∅"),
        ("select last_value(x ignore nulls) over (order by k rows between unbounded preceding and current row) from (select 1 as k, 'a' as x union all select 2, null) order by k", "a\na"),
        ("select x from (select 1 as x union all select 2 union all select 3) order by x limit 1 offset 1", "2"),
        ("select case 2 when 1 then 'a' when 2 then 'b' end, true::int, 'a_b' like 'a\\\\_b', 5 between 1 and 9", "b|1|true|true"),
        ("select '2026-01-31'::date + interval '1 month', date '2026-01-31' - 1, '2026-01-01' < date '2026-01-02'", "2026-02-28 00:00:00.0|2026-01-30|true"),
        ("select timestamp '2026-01-01 00:00:00' at time zone 'Asia/Seoul'", "2025-12-31 15:00:00+00"),
        ("select 'n' || 1 || true, -2 * -3, not false, 7 is null, null is not null", "n1true|6|true|false|false"),
        ("select count(distinct x), count(x), count(*), min(x), bool_or(x > 1) from (select 1 as x union all select null)", "1|1|2|1|false"),
        ("select dense_rank() over (order by x desc), rank() over (partition by x order by x) from (select 1 as x union all select 1)", "1|1\n1|1"),
        ("select t.* from (select 1 as a, 2 as b) t", "1|2"),
        ("select distinct x from (select 1 as x union all select 1)", "1"),
        ("select max(x) - min(x) as spread, spread * 2 from (select 1 as x union all select 4)", "3|6"),
        ("select \"at\", \"show\" from (select 1 as at, 2 as show) t", "1|2"),
        ("select x from (select 1 as x) t where x not in (select 2) and x <> all (select 3)", "1"),
        ("select to_char(date '2026-01-13', 'Day') || '|', to_char(timestamp '2026-01-13 15:00:00', 'HH12:MI AM')", "Tuesday  ||03:00 PM"),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn quotients_are_exact_wherever_they_are() {
    let t = "(select 10.00::decimal(8,2) as x, 3 as n) as t";
    let third = "3.3333333333333";
    let queries = [
        (
            format!("select x / n from {t} group by t.x / n order by x / t.n"),
            third.to_owned(),
        ),
        (
            format!("select sum(x / n) from {t} group by n having sum(x / n) > 3.3333333333332"),
            third.to_owned(),
        ),
        (
            format!("select count(*) from {t} where x / n = 3.3333333333333"),
            "1".to_owned(),
        ),
        (
            format!(
                "select x / n from {t} group by x / n union all select x / n from (select 1.0::float8 as x, 4 as n) as u group by x / n order by 1 desc"
            ),
            format!("{third}\n0.25"),
        ),
        (
            format!("select substring('abcdef', n / 2, n / 1), x / n from {t}"),
            format!("abc|{third}"),
        ),
        (
            format!("select sum(x / n) over (order by x / n rows unbounded preceding) from {t}"),
            third.to_owned(),
        ),
        (
            format!("select a.x / (select sum(b.x / b.n) from {t} as b) from {t} as a").replace("as t as", "as"),
            "3.0000000000000300000".to_owned(),
        ),
        (
            "select '\"rs division 1\"(', 5.0 / 2".to_owned(),
            "\"rs division 1\"(|2.500000000000".to_owned(),
        ),
    ];
    let cases: Vec<_> = queries
        .iter()
        .map(|(sql, rows)| (sql.as_str(), rows.as_str()))
        .collect();
    check(&cases).await;
}
