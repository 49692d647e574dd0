//! The explorer from its file to the data in the page, and its details.

use super::cube::MOST_CELLS;
use super::{DetailError, Filters, Live};
use crate::{Answer, Dashboard, Facts, Relation, Table, Value};
use chrono::NaiveDate;
use std::collections::BTreeMap;

const PAGE: &str = "
title: Shop
values: {currency: {sql: select 1, otherwise: <money>}}
explore: cube
panels: []
";

const CUBE: &str = "
title: Explore
note: In {{ currency }}
sql: select * from {{ ref('orders') }}
date: {column: day, title: Day}
dimensions:
  - {column: kind, title: Kind}
  - {column: place, title: Place}
measures:
  - {column: sales, title: Sales, unit: \"{{ currency }}\"}
  - {column: sales, over: n, title: Mean, format: grouped}
details:
  - id: shops
    title: Shops
    key: {column: shop, title: Shop}
    rows: 2
    sql: select shop, n from {{ ref('orders') }} where {{ filters }}
    table:
      - {column: shop, title: Shop}
      - {column: n, title: Orders}
  - id: orders
    title: Orders
    sql: select shop from {{ ref('orders') }} where {{ filters }}
    table: [{column: shop, title: Shop}]
";

fn day() -> NaiveDate {
    "2026-01-15".parse().unwrap()
}

fn parsed(cube: &str) -> Result<Dashboard, String> {
    Dashboard::parse([("page.yml", PAGE), ("cube.yml", cube)]).map_err(|error| error.to_string())
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn table(rows: &[[Value; 5]]) -> Table {
    Table {
        columns: ["day", "kind", "place", "sales", "n"].map(str::to_owned).into(),
        rows: rows.iter().map(|row| row.to_vec()).collect(),
    }
}

fn answer(result: Result<Table, String>) -> [Answer; 1] {
    [Answer {
        name: "cube".to_owned(),
        sql: Some("select 1 < 2".to_owned()),
        result,
    }]
}

fn page(table: Table, live: Option<&Live>) -> (String, String) {
    let panels = parsed(CUBE).unwrap().draw(day(), &answer(Ok(table)), live);
    assert_eq!(panels.failures(), []);
    let page = panels.page(Facts::default()).unwrap();
    (page.html, page.policy)
}

fn data(html: &str) -> serde_json::Value {
    let (_, data) = html.split_once("id=\"explore-data\">").unwrap();
    let (data, _) = data.split_once("</script>").unwrap();
    serde_json::from_str(data).unwrap()
}

fn three() -> Table {
    table(&[
        [
            text("2026-01-03"),
            text("</script><b>"),
            text("here"),
            text("12.50"),
            Value::Integer(3),
        ],
        [
            text("2026-01-01"),
            Value::Null,
            text("there"),
            text("7.00"),
            Value::Integer(1),
        ],
        [
            text("2026-01-01 00:00:00"),
            text("new"),
            text("here"),
            Value::Double(0.5),
            Value::Null,
        ],
    ])
}

#[test]
fn the_page_has_the_cells_by_day() {
    let (html, policy) = page(three(), None);
    let data = data(&html);
    assert_eq!(
        data["dimensions"][0]["values"],
        serde_json::json!(["", "</script><b>", "new"])
    );
    assert_eq!(data["dimensions"][0]["cells"], serde_json::json!([0, 2, 1]));
    assert_eq!(data["dimensions"][1]["cells"], serde_json::json!([1, 0, 0]));
    let expected = serde_json::json!({
        "first_day": "2026-01-01", "days": [0, 2], "counts": [2, 1],
        "columns": [["n", [1, 0, 3]], ["sales", [7, 0.5, 12.5]]],
    });
    assert_eq!(data["cells"], expected);
    assert_eq!(data["measures"][0]["unit"], "<money>");
    assert_eq!(data["measures"][1]["id"], "sales.n");
    assert_eq!(
        (&data["live"], &data["left_out_before"]),
        (&serde_json::Value::Null, &serde_json::Value::Null)
    );

    // Nothing of it is markup, and the script runs only by its hash.
    assert!(!html.contains("<b>") && !html.contains("<money>"), "{html}");
    assert!(
        html.contains("In &lt;money&gt;") && html.contains("select 1 &lt; 2"),
        "{html}"
    );
    assert_eq!(html.matches("<script").count(), 2);
    assert!(html.contains(&format!("<script>{}</script>", super::SCRIPT)));
    assert_eq!(policy, cardlake_pages::content_security_policy(&[super::SCRIPT], false));
    assert!(
        html.contains("script-src &#x27;sha256-") || html.contains("script-src 'sha256-"),
        "{html}"
    );
}

#[test]
fn a_page_that_is_served_may_ask_its_server() {
    let live = Live {
        saves_to: Some("/x/dashboard".to_owned()),
        models: Vec::new(),
    };
    let (html, policy) = page(three(), Some(&live));
    assert_eq!(data(&html)["live"]["saves_to"], "/x/dashboard");
    assert!(policy.ends_with("connect-src 'self'"), "{policy}");
}

#[test]
fn of_too_many_cells_the_older_days_are_left_out() {
    let row = |day: NaiveDate| {
        [
            Value::Text(day.to_string()),
            text("a"),
            text("b"),
            text("1"),
            Value::Integer(1),
        ]
    };
    let rows: Vec<[Value; 5]> = (0..=MOST_CELLS / 100)
        .rev()
        .flat_map(|back| vec![row(day() - chrono::Days::new(back as u64)); 100])
        .collect();
    let data = data(&page(table(&rows), None).0);
    let first = day() - chrono::Days::new((MOST_CELLS / 100 - 1) as u64);
    assert_eq!(data["left_out_before"], first.to_string());
    assert_eq!(data["cells"]["first_day"], first.to_string());
    assert_eq!(data["dimensions"][0]["cells"].as_array().unwrap().len(), MOST_CELLS);

    // A day that does not fit by itself leaves nothing, which the page survives.
    let data = self::data(&page(table(&vec![row(day()); MOST_CELLS + 1]), None).0);
    assert_eq!(data["cells"]["first_day"], serde_json::Value::Null);
}

#[test]
fn an_explorer_that_fails_says_why_and_one_without_rows_is_left_out() {
    let mut renamed = three();
    renamed.columns[1] = "sort".to_owned();
    let mut dated = three();
    dated.rows[0][0] = text("soon");
    let mut spelt = three();
    spelt.rows[0][3] = text("many");
    for (result, problem) in [
        (Err("ERROR: no\n".to_owned()), "ERROR: no"),
        (
            Ok(renamed),
            "the result has no column 'kind'; it has day, sort, place, sales, n",
        ),
        (Ok(dated), "date: 'soon' in column 'day' is not a day"),
        (Ok(spelt), "measures: 'many' in column 'sales' is not a number"),
    ] {
        let panels = parsed(CUBE).unwrap().draw(day(), &answer(result), None);
        let failures: Vec<String> = panels.failures().iter().map(ToString::to_string).collect();
        assert_eq!(failures, [format!("explorer cube (cube.yml): {problem}")]);
        let page = panels.page(Facts::default()).unwrap();
        assert!(page.html.contains("The explorer failed: ") && !page.html.contains("<script"));
        assert!(!page.policy.contains("script-src"), "{}", page.policy);
    }
    for answers in [&answer(Ok(table(&[])))[..], &[]] {
        let panels = parsed(CUBE).unwrap().draw(day(), answers, None);
        assert_eq!(panels.failures(), []);
        let page = panels.page(Facts::default()).unwrap();
        assert!(!page.html.contains("id=\"cube\"") && !page.html.contains("<script"));
    }
}

fn filters(values: &[(&str, &[&str])]) -> Filters {
    let values = values.iter().map(|(column, values)| {
        let values = values.iter().map(|&value| value.to_owned()).collect();
        ((*column).to_owned(), values)
    });
    Filters {
        from: "2026-01-01".parse().unwrap(),
        to: day(),
        values: values.collect::<BTreeMap<_, _>>(),
    }
}

fn detail(id: &str, values: &[(&str, &[&str])]) -> Result<String, DetailError> {
    let relation = |name: &str| match name {
        "orders" => Relation::Known("\"shop\".\"orders\"".to_owned()),
        _ => Relation::Unknown,
    };
    let query = parsed(CUBE)
        .unwrap()
        .detail_query(id, &filters(values), day(), &relation)?;
    Ok(query.sql.unwrap())
}

#[test]
fn details_are_narrowed_by_the_filters() {
    let start = "select shop, n from \"shop\".\"orders\" where \"day\" between date '2026-01-01' and date '2026-01-15'";
    for (values, more) in [
        (&[][..], ""),
        (&[("kind", &["a", "o'b"][..])], " and (\"kind\" in ('a', 'o''b'))"),
        (&[("kind", &[""][..])], " and (\"kind\" in ('') or \"kind\" is null)"),
        (&[("kind", &[][..])], " and 1 = 0"),
    ] {
        assert_eq!(detail("shops", values), Ok(format!("{start}{more}\nlimit 3")));
    }
    let narrowed = detail("orders", &[("place", &["x"]), ("shop", &["s1"])]).unwrap();
    assert!(
        narrowed.contains("(\"place\" in ('x')) and (\"shop\" in ('s1'))\nlimit 201"),
        "{narrowed}"
    );
    // A value is text, whatever it looks like.
    let hostile = detail("shops", &[("kind", &["') or ('{{ ref(1) }}' = '"])]).unwrap();
    assert!(hostile.contains("in (''') or (''{{ ref(1) }}'' = ''')"), "{hostile}");
}

#[test]
fn filters_that_are_none_are_refused() {
    // The key of a detail narrows those after it.
    for column in ["shop", "day", "1 = 1 or kind", "n"] {
        assert_eq!(
            detail("shops", &[(column, &["a"])]),
            Err(DetailError::Filter(column.to_owned()))
        );
    }
    for value in ["a\\", "a\0", "a\nb"] {
        assert_eq!(
            detail("shops", &[("kind", &[value])]),
            Err(DetailError::Value(value.to_owned()))
        );
    }
    assert_eq!(detail("more", &[]), Err(DetailError::Unknown("more".to_owned())));
}

#[test]
fn rows_of_a_detail_are_texts_with_their_keys() {
    let table = Table {
        columns: vec!["n".to_owned(), "shop".to_owned()],
        rows: ["a", "b", "c"]
            .map(|shop| vec![Value::Integer(1200), text(shop)])
            .into(),
    };
    let dashboard = parsed(CUBE).unwrap();
    let found = dashboard.detail_rows("shops", &table).unwrap();
    assert_eq!(found.columns, ["Shop", "Orders"]);
    assert_eq!(found.rows, [["a", "1,200"], ["b", "1,200"]]);
    assert_eq!(
        (found.keys, found.numeric, found.is_cut),
        (vec!["a".to_owned(), "b".to_owned()], vec![false, true], true)
    );
    let found = dashboard.detail_rows("orders", &table).unwrap();
    assert_eq!((found.keys, found.is_cut), (Vec::<String>::new(), false));
    let missing = dashboard.detail_rows("shops", &Table::default()).unwrap_err();
    assert!(
        missing.to_string().starts_with("the result has no column 'shop'"),
        "{missing}"
    );
}

#[test]
fn errors_name_file_and_field() {
    for (from, to, expected) in [
        ("title: Explore", "titel: Explore", "titel"),
        (
            "column: kind",
            "column: Kind",
            "cube.yml: dimensions[0].column: 'Kind' is part of links and of SQL",
        ),
        (
            "column: place",
            "column: kind",
            "cube.yml: dimensions[1].column: 'kind' is used twice",
        ),
        (
            "column: place",
            "column: day",
            "cube.yml: dimensions[1].column: 'day' is used twice",
        ),
        ("over: n, ", "", "cube.yml: measures[1]: 'sales' is used twice"),
        ("format: grouped", "format: euro", "euro"),
        (
            "unit: \"{{ currency }}\"",
            "unit: \"{{ rows }}\"",
            "cube.yml: measures[0].unit: there is no variable 'rows' here",
        ),
        (
            "ref('orders')",
            "source('orders')",
            "cube.yml: sql: there is no variable 'source' here",
        ),
        (
            "select * from",
            "select {{ filters }} from",
            "cube.yml: sql: there is no variable 'filters' here",
        ),
        (
            " where {{ filters }}",
            "",
            "cube.yml: details[0].sql: has no {{ filters }}",
        ),
        (
            "column: shop, title: Shop}\n    rows",
            "column: place, title: Shop}\n    rows",
            "details[0].key.column: 'place' is used twice",
        ),
        ("id: orders", "id: shops", "details[1].id: 'shops' is used twice"),
        (
            "table: [{column: shop, title: Shop}]",
            "table: []",
            "cube.yml: details[1].table: has no columns",
        ),
    ] {
        assert!(CUBE.contains(from), "{from}");
        let found = parsed(&CUBE.replace(from, to)).unwrap_err();
        assert!(found.contains(expected), "{from} -> {to}: {found}");
    }
    let missing = Dashboard::parse([("page.yml", PAGE)]).unwrap_err().to_string();
    assert_eq!(
        missing,
        "page.yml: explore: 'cube' has no file cube.yml beside this one"
    );
    let both = PAGE.replace("panels: []", "panels: [cube]");
    let both = Dashboard::parse([("page.yml", both.as_str()), ("cube.yml", CUBE)])
        .unwrap_err()
        .to_string();
    assert_eq!(both, "page.yml: panels: 'cube' has no file cube.yml beside this one");
}
