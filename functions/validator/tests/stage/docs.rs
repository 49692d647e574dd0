//! The page of a validation result: its structure, and how a browser shows it.

use cardlake_expectations::{DocsPage, TrendPoint, ValidationResult};
use cardlake_test_support::browser::assert_shown_well;
use regex::Regex;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const NASTY: &str = "<img src=x onerror=alert(1)> \"&' </code>";

fn entry(kind: &str, kwargs: &Value, severity: &str, success: bool, result: &Value) -> Value {
    json!({
        "success": success, "result": result, "meta": {}, "exception_info": {"raised_exception": false},
        "expectation_config": {"type": kind, "kwargs": kwargs, "meta": {}, "id": null, "severity": severity,
            "description": "Ärger, wenn nicht & so weiter"},
    })
}

/// A result with everything that a page can show, long and nasty values included.
fn result(good: bool) -> ValidationResult {
    let long = "x".repeat(500);
    let examples = json!({
        "element_count": 1_234_567, "unexpected_count": 7654, "partial_unexpected_list": [NASTY, long, null],
        "partial_unexpected_counts": [{"value": NASTY, "count": 2}, {"value": long, "count": 1}, {"value": null, "count": 1}],
    });
    let between = json!({"column": "amount", "min_value": 0, "max_value": 1e8, "mostly": 0.99});
    let in_set = json!({"column": NASTY, "value_set": [NASTY, "b"]});
    let results = json!([
        entry(
            "expect_column_values_to_be_between",
            &between,
            "critical",
            good,
            &examples
        ),
        entry("expect_column_values_to_be_in_set", &in_set, "warning", good, &examples),
        entry(
            "expect_compound_columns_to_be_unique",
            &json!({"column_list": ["a", "b"]}),
            "info",
            good,
            &json!({"partial_unexpected_list": [{"a": 1, "b": "c"}]})
        ),
        entry(
            "expect_table_row_count_to_be_between",
            &json!({"min_value": 1}),
            "critical",
            true,
            &json!({"observed_value": 5})
        ),
        entry(
            "expect_column_to_exist",
            &json!({"column": "a_column_with_quite_a_long_name_that_does_not_break"}),
            "critical",
            true,
            &json!({})
        ),
    ]);
    let met = if good { 5 } else { 2 };
    serde_json::from_value(json!({
        "success": good, "results": results, "suite_name": "transactions_suite", "suite_parameters": {}, "id": null,
        "statistics": {"evaluated_expectations": 5, "successful_expectations": met,
            "unsuccessful_expectations": 5 - met, "success_percent": 100},
        "meta": {"rows": 1_234_567},
    }))
    .unwrap()
}

fn page(result: &ValidationResult) -> String {
    let point = |day: u64| TrendPoint {
        label: format!("01-{day:02}"),
        rows: day * 90_000,
        evaluated: 5,
        critical: u64::from(day == 4),
        lesser: u64::from(day.is_multiple_of(5)),
        failed: BTreeSet::new(),
    };
    let mut trend: Vec<TrendPoint> = (1..14).map(point).collect();
    trend.push(TrendPoint::new("01-14".to_owned(), result));
    let page = DocsPage {
        title: "transactions".to_owned(),
        subtitle: "batch of 2026-01-14, candidate 2f025903cff7da2b7b48ce53d9b8efe3".to_owned(),
        note: "10 rows read = 7 added + 2 duplicates + 1 < 2 left out".to_owned(),
        result,
        trend,
    };
    page.html().unwrap()
}

/// Fails unless every element is closed in its order.
fn assert_well_formed(html: &str) {
    let style = Regex::new("(?s)<style>.*</style>").unwrap();
    let html = style.replace(html, "");
    let tag = Regex::new(r#"<(/?)([a-z0-9]+)((?: [a-z-]+(?:="[^"<>]*")?)*)>"#).unwrap();
    let mut open: Vec<&str> = Vec::new();
    for found in tag.captures_iter(&html) {
        let name = found.get(2).unwrap().as_str();
        if &found[1] == "/" {
            assert_eq!(open.pop(), Some(name), "</{name}> closes something else");
        } else if !matches!(name, "link" | "meta" | "input") {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "not closed: {open:?}");
    let rest = tag.replace_all(&html, "").replace("<!doctype html>", "");
    assert!(!rest.contains(['<', '>']), "what is no element is escaped");
}

#[test]
fn a_page_is_well_formed_escapes_values_and_needs_nothing_else() {
    for good in [true, false] {
        let html = page(&result(good));
        assert_well_formed(&html);
        assert!(!html.contains("<img"), "values are escaped");
        assert!(good || html.contains("&lt;img"), "values are shown");
        for outside in [
            "http:", "https:", "src=", "href=", "url(", "@import", "<script", "<link",
        ] {
            // The icon is none, and one link leads to the page's own contents.
            let inside = html.replace("<link rel=\"icon\" href=\"data:,\">", "");
            let inside = inside.replace("href=\"#main\"", "").replace("&lt;img src", "");
            assert!(!inside.contains(outside), "{outside}");
        }
    }
}

#[test]
fn a_page_says_what_was_found() {
    let html = page(&result(false));
    for told in [
        "failed",
        "1,234,567",
        "of 5 expectations met",
        "10 rows read = 7 added + 2 duplicates + 1 &lt; 2 left out",
        "amount must be between 0 and 100000000.0, in at least 99 % of cases",
        "7,654 of 1,234,567 values",
        "Not met in 1 of the last 14 runs",
        "7,654 of 1,234,567 values",
        "max_value: <code>100000000.0</code>",
        "a, b must be unique",
        "Ärger, wenn nicht &amp; so weiter",
        "01-14: 1,234,567 rows, 3 of 5 expectations not met",
    ] {
        assert!(html.contains(told), "{told}\n{html}");
    }
    // The counts are those of three examples: nobody is told that they are those of 7,654 values.
    assert!(
        !html.contains(">times<") && !html.contains("<td class=\"number\">2</td>"),
        "{html}"
    );
    let html = page(&result(true));
    assert!(
        html.contains("Every expectation was met.") && html.contains(">passed<"),
        "{html}"
    );
}

#[test]
fn a_browser_shows_a_page_on_a_phone_without_complaint_and_without_scrolling_sideways() {
    let folder = tempfile::tempdir().unwrap();
    let pages = [("good.html", result(true)), ("bad.html", result(false))].map(|(name, result)| {
        let path = folder.path().join(name);
        std::fs::write(&path, page(&result)).unwrap();
        path
    });
    assert_shown_well(&[&pages[0], &pages[1]]);
}
