//! The explorer as a browser shows it: a page with made-up numbers, and the bundle that it carries.
#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use cardlake_report::{Answer, Dashboard, Facts, Relation, Table, Value};
use chrono::NaiveDate;
use std::path::{Path, PathBuf};
use std::process::Command;

const PAGE: &str = "
title: Shop
note: As of {{ batch_date }}
values:
  currency: {sql: select 1, otherwise: KRW}
explore: explore
panels: [orders]
";

const ORDERS: &str = "
title: Orders by kind
sql: select 1
chart:
  bars: {name: kind, value: n, alternative: \"{{ points | listing }}\"}
table:
  - {column: kind, title: Kind}
  - {column: n, title: Orders}
";

const EXPLORE: &str = "
title: Explore
note: In {{ currency }}
sql: select 1
date: {column: day, title: Day}
dimensions:
  - {column: category, title: Category}
  - {column: channel, title: Channel}
measures:
  - {column: sales, title: Sales, unit: \"{{ currency }}\"}
  - {column: orders, title: Orders, unit: orders}
  - {column: sales, over: orders, title: Average order, unit: \"{{ currency }} per order\"}
  - {column: returned, over: orders, title: Returned, format: percent, unit: of all orders}
details:
  - id: shops
    title: Shops
    sql: \"select 1 where {{ filters }}\"
    table: [{column: n, title: N}]
";

/// A name that would end the script it stands in, and one that does not fit in a line.
const CATEGORIES: [&str; 4] = [
    "books",
    "</script><script>alert(1)</script>",
    "health, personal care and everything for the drugstore around the corner",
    "",
];
const CHANNELS: [&str; 3] = ["online", "in_store", "phone"];
const DAYS: u32 = 100;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs scripts/web.sh, which shows what it does and skips.
fn web(arguments: &[&str], page: Option<&Path>) {
    let mut command = Command::new(root().join("scripts/web.sh"));
    command.args(arguments);
    if let Some(page) = page {
        command.env("EXPLORE_PAGE", page);
    }
    assert!(command.status().unwrap().success(), "web.sh {arguments:?}");
}

/// 100 days to 10 April 2026: on each, sales of every category and channel but one that is never sold by phone.
fn cells() -> Table {
    let first: NaiveDate = "2026-01-01".parse().unwrap();
    let mut rows = Vec::new();
    for (index, day) in first.iter_days().take(DAYS as usize).enumerate() {
        for (category, name) in CATEGORIES.iter().enumerate() {
            for (channel, other) in CHANNELS.iter().enumerate() {
                if (category, channel) == (0, 2) {
                    continue;
                }
                let orders = 100 + 10 * (index as i64 % 7) + 5 * category as i64 + channel as i64 + index as i64;
                let name = if name.is_empty() {
                    Value::Null
                } else {
                    Value::Text((*name).to_owned())
                };
                rows.push(vec![
                    Value::Text(day.to_string()),
                    name,
                    Value::Text((*other).to_owned()),
                    Value::Text(format!("{}.50", orders * 400_000)),
                    Value::Integer(orders),
                    Value::Integer(orders / 20),
                ]);
            }
        }
    }
    Table {
        columns: ["day", "category", "channel", "sales", "orders", "returned"]
            .map(str::to_owned)
            .into(),
        rows,
    }
}

fn page() -> String {
    let files = [("page.yml", PAGE), ("orders.yml", ORDERS), ("explore.yml", EXPLORE)];
    let dashboard = Dashboard::parse(files).unwrap();
    let day = "2026-04-10".parse().unwrap();
    let queries = dashboard.queries(day, &|_| Relation::Unknown);
    let answers: Vec<Answer> = queries
        .into_iter()
        .map(|query| Answer {
            result: Ok(match query.name.as_str() {
                "explore" => cells(),
                "orders" => Table {
                    columns: vec!["kind".to_owned(), "n".to_owned()],
                    rows: vec![vec![Value::Text("new".to_owned()), Value::Integer(7)]],
                },
                _ => Table::default(),
            }),
            name: query.name,
            sql: query.sql.ok(),
        })
        .collect();
    let panels = dashboard.draw(day, &answers, None);
    assert_eq!(panels.failures(), []);
    panels.page(Facts::default()).unwrap().html
}

#[test]
fn the_bundle_is_what_its_source_makes() {
    web(&["check"], None);
}

#[test]
fn every_control_works_in_a_browser() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("explorer.html");
    std::fs::write(&path, page()).unwrap();
    web(&["test", "snapshot"], Some(&path));
}
