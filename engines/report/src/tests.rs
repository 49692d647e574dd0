//! A dashboard from its files to the page.

use super::*;
use chrono::NaiveDate;

const PAGE: &str = "
title: Shop
note: As of {{ batch_date }}
values:
  currency: {sql: \"select c from {{ ref('facts') }}\", otherwise: money}
panels: [orders]
";

const ORDERS: &str = "
title: Orders <b>
note: In {{ currency }}, {{ rows | length }} rows
sql: |
  select kind, n
  from {{ ref('orders') }}
  where day = date '{{ batch_date }}'
tiles:
  - {label: Orders, value: \"{{ rows | map(attribute='n') | sum | grouped }}\"}
  - {label: None of these, value: \"{% if false %}1{% endif %}\"}
chart:
  bars:
    name: kind
    value: n
    legend: \"Bars: {{ rows | length }} kinds\"
    alternative: \"Orders: {{ points | listing }}.\"
table:
  - {column: kind, title: Kind}
  - {column: n, title: Orders}
";

fn day() -> NaiveDate {
    "2026-01-15".parse().unwrap()
}

fn parsed(files: &[(&str, &str)]) -> Result<Dashboard, String> {
    Dashboard::parse(files.iter().copied()).map_err(|error| error.to_string())
}

fn shop() -> Dashboard {
    parsed(&[("dashboard/page.yml", PAGE), ("dashboard/orders.yml", ORDERS)]).unwrap()
}

/// The error of a panel in which one text is replaced by another.
fn error(from: &str, to: &str) -> String {
    assert!(ORDERS.contains(from), "{from}");
    parsed(&[("page.yml", PAGE), ("orders.yml", &ORDERS.replace(from, to))]).unwrap_err()
}

fn known(name: &str) -> Relation {
    Relation::Known(format!("\"shop\".\"{name}\""))
}

fn answer(columns: &[&str], rows: &[&[Value]]) -> Answer {
    Answer {
        name: "orders".to_owned(),
        sql: Some("select 1 < 2".to_owned()),
        result: Ok(Table {
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            rows: rows.iter().map(|row| row.to_vec()).collect(),
        }),
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn html(dashboard: &Dashboard, answers: &[Answer]) -> String {
    dashboard
        .draw(day(), answers, None)
        .page(Facts::default())
        .unwrap()
        .html
}

fn problems(dashboard: &Dashboard, answers: &[Answer]) -> Vec<String> {
    let panels = dashboard.draw(day(), answers, None);
    panels.failures().iter().map(ToString::to_string).collect()
}

#[test]
fn queries_name_relations_and_the_date() {
    let sql = "select kind, n\nfrom \"shop\".\"orders\"\nwhere day = date '2026-01-15'";
    let query = |name: &str, sql: &str| Query {
        name: name.to_owned(),
        sql: Ok(sql.to_owned()),
    };
    let expected = [
        query("orders", sql),
        query("values.currency", "select c from \"shop\".\"facts\""),
    ];
    assert_eq!(shop().queries(day(), &known), expected);

    let only_facts = |name: &str| match name {
        "facts" => known(name),
        _ => Relation::LeftOut,
    };
    assert_eq!(shop().queries(day(), &only_facts), expected[1..]);

    let unknown = shop().queries(day(), &|_| Relation::Unknown);
    let problem = Err("ref('orders'): there is no model of that name".to_owned());
    assert_eq!(unknown[0].sql, problem);
}

#[test]
fn a_panel_has_tiles_chart_numbers_and_query() {
    let rows: [&[Value]; 2] = [&[text("new"), Value::Integer(1200)], &[text("<old>"), text("34.50")]];
    let page = html(&shop(), &[answer(&["kind", "n"], &rows)]);
    for text in [
        "<title>Shop, 2026-01-15</title>",
        "As of 2026-01-15",
        "Orders &lt;b&gt;",
        "In money, 2 rows",
        "<li>Orders<b>1,234.5</b>",
        "aria-label=\"Orders: new 1,200, &lt;old&gt; 34.50.\"",
        "<li class=\"first\">Bars: 2 kinds</li>",
        "<td>&lt;old&gt;</td><td>34.50</td>",
        "select 1 &lt; 2",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(!page.contains("None of these"), "a tile without a value is left out");
    assert_eq!(page.matches("<svg viewBox").count(), 2);
}

#[test]
fn a_panel_without_an_answer_or_rows_is_left_out() {
    for answers in [vec![], vec![answer(&["kind", "n"], &[])]] {
        assert!(!html(&shop(), &answers).contains("id=\"orders\""));
        assert_eq!(problems(&shop(), &answers), [""; 0]);
    }
}

#[test]
fn a_failing_panel_says_why() {
    let row: [&[Value]; 1] = [&[text("new"), Value::Integer(1)]];
    let failed = Answer {
        result: Err("ERROR: no\n".to_owned()),
        ..answer(&[], &[])
    };
    let renamed = answer(&["sort", "n"], &row);
    for (answer, problem) in [
        (failed, "ERROR: no"),
        (renamed, "the result has no column 'kind'; it has sort, n"),
    ] {
        let found = problems(&shop(), std::slice::from_ref(&answer));
        assert_eq!(found, [format!("panel orders (dashboard/orders.yml): {problem}")]);
        let page = html(&shop(), &[answer]);
        assert!(
            page.contains("This panel failed: ") && page.contains("select 1 &lt; 2"),
            "{page}"
        );
        assert!(page.contains("<h2>Warnings</h2>"), "{page}");
    }
    // A text that fails at this result only.
    let files = ORDERS.replace("{{ currency }}", "{{ rows[0].m }}");
    let dashboard = parsed(&[("page.yml", PAGE), ("orders.yml", &files)]).unwrap();
    let found = problems(&dashboard, &[answer(&["kind", "n"], &row)]);
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("panel orders (orders.yml): note: `rows[0].m` is undefined"),
        "{found:?}"
    );
}

#[test]
fn days_without_rows_count_as_zero() {
    let chart = "chart:\n  columns:\n    name: kind\n    name_text: \"{{ name | date('%-d %b') }}\"\n    value: n\n    every: day\n    \
                 mean: 2\n    x_title: day\n    y_title: \"{{ currency }}\"\n    legend: [orders, mean]\n    alternative: \"{% for p in \
                 points %}{{ p.label }}={{ p.value }}:{{ p.line }} {% endfor %}\"\ntable:";
    let (before, after) = (
        ORDERS.split_once("chart:").unwrap().0,
        ORDERS.split_once("table:").unwrap().1,
    );
    let file = format!("{before}{chart}{after}");
    let dashboard = parsed(&[("page.yml", PAGE), ("orders.yml", &file)]).unwrap();
    let rows: [&[Value]; 2] = [
        &[text("2026-01-15"), text("4.00")],
        &[text("2026-01-13"), Value::Integer(2)],
    ];
    let page = html(&dashboard, &[answer(&["kind", "n"], &rows)]);
    assert!(
        page.contains("aria-label=\"13 Jan=2.0:2.0 14 Jan=0.0:1.0 15 Jan=4.0:2.0\""),
        "{page}"
    );
    assert!(page.contains("<li class=\"second\">mean</li>"), "{page}");
    let rows: [&[Value]; 1] = [&[text("soon"), Value::Integer(2)]];
    let found = problems(&dashboard, &[answer(&["kind", "n"], &rows)]);
    assert_eq!(
        found,
        ["panel orders (orders.yml): chart.every: 'soon' in column 'kind' is not a day"]
    );
}

#[test]
fn null_is_an_empty_text() {
    let file = ORDERS.replace(
        "value: n",
        "value: n\n    text: \"{{ row.n | compact }}{{ row.n | percent }}{{ row.n | fixed(1) }}\"",
    );
    let dashboard = parsed(&[
        ("page.yml", PAGE),
        ("orders.yml", &file.replace("| map(attribute='n') | sum", "")),
    ])
    .unwrap();
    let rows: [&[Value]; 1] = [&[text("new"), Value::Null]];
    let answers = [answer(&["kind", "n"], &rows)];
    assert_eq!(problems(&dashboard, &answers), [""; 0]);
    assert!(html(&dashboard, &answers).contains("<td>new</td><td></td>"));
}

#[test]
fn facts_are_shown_after_the_panels() {
    let table = TextTable {
        columns: vec!["A".to_owned()],
        rows: vec![vec!["<1>".to_owned()]],
    };
    let section = |id: &str, in_menu, body| Section {
        id: id.to_owned(),
        title: format!("Title of {id}"),
        note: String::new(),
        in_menu,
        body,
    };
    let drawing = Body::Drawing {
        svg: "<svg class=\"mine\"></svg>".to_owned(),
        label: "A drawing".to_owned(),
        class: "drawn".to_owned(),
    };
    let facts = Facts {
        warnings: vec!["<careful>".to_owned()],
        sections: vec![
            section("first", true, Body::Table(table)),
            section("second", false, drawing),
        ],
        style: ".drawn { color: red }".to_owned(),
        footer: "the end".to_owned(),
        ..Facts::default()
    };
    let page = shop().draw(day(), &[], None).page(facts).unwrap().html;
    for text in [
        "<a href=\"#first\">",
        "<td>&lt;1&gt;</td>",
        "&lt;careful&gt;",
        "<svg class=\"mine\"></svg>",
        ".drawn { color: red }",
        "<footer>the end</footer>",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(!page.contains("<a href=\"#second\">"), "{page}");
}

#[test]
fn no_files_make_an_empty_dashboard() {
    let dashboard = parsed(&[("dashboard/README.md", "# how to")]).unwrap();
    assert!(dashboard.is_empty());
    assert_eq!(dashboard.queries(day(), &known), []);
}

#[test]
fn errors_name_file_and_field() {
    for (from, to, expected) in [
        ("title: Orders", "titel: Orders", "orders.yml: "),
        ("bars:", "pie:", "pie"),
        ("    name: kind\n", "", "name"),
        ("column: n,", "colum: n,", "colum"),
        ("column: n,", "column: n, format: euro,", "euro"),
        (
            "{{ currency }}",
            "{{ curency }}",
            "orders.yml: note: there is no variable 'curency' here",
        ),
        ("{{ currency }}", "{{ currency", "orders.yml: note: "),
        (
            "{{ currency }}",
            "{{ name }}",
            "orders.yml: note: there is no variable 'name' here",
        ),
        (
            "ref('orders')",
            "source('orders')",
            "orders.yml: sql: there is no variable 'source' here",
        ),
        (
            "value: n\n",
            "value: n\n    where: row.n >\n",
            "orders.yml: chart.where: ",
        ),
        (
            "value: n\n",
            "value: n\n    where: rows\n",
            "orders.yml: chart.where: there is no variable 'rows' here",
        ),
    ] {
        let found = error(from, to);
        assert!(found.contains(expected), "{from} -> {to}: {found}");
    }
    for (files, expected) in [
        (
            vec![("a/orders.yml", ORDERS)],
            "a/orders.yml: there is no page.yml beside it: it has the page's title",
        ),
        (
            vec![("page.yml", PAGE)],
            "page.yml: panels: 'orders' has no file orders.yml beside this one",
        ),
        (
            vec![("page.yml", PAGE), ("orders.yml", ORDERS), ("more.yml", ORDERS)],
            "more.yml: is not listed in 'panels' of page.yml: add 'more' there",
        ),
        (
            vec![
                ("page.yml", "title: a\npanels: [orders, orders]"),
                ("orders.yml", &ORDERS.replace("{{ currency }}", "")),
            ],
            "page.yml: panels: 'orders' is listed twice",
        ),
        (
            vec![
                ("page.yml", "title: a\npanels: [Or_ders]"),
                ("Or_ders.yml", &ORDERS.replace("{{ currency }}", "")),
            ],
            "Or_ders.yml: the file's name is part of links",
        ),
        (
            vec![(
                "page.yml",
                "title: a\nvalues: {rows: {sql: s, otherwise: o}}\npanels: []",
            )],
            "page.yml: values: 'rows' is a variable already",
        ),
    ] {
        let found = parsed(&files).unwrap_err();
        assert!(found.starts_with(expected), "{found}");
    }
}
