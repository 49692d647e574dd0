//! The page as a whole. That it looks well is for the eye and a browser; here: that it is complete, safe and alone.

use super::queries::QUERIES;
use super::*;
use crate::tests::warehouse::warehouse;
use cardlake_core::events::{DatasetBooks, TickStatus};
use cardlake_core::records::BatchCounts;
use cardlake_core::run_record::{Failure, RunOutcome};
use cardlake_dbt::Manifest;
use sqlparser::dialect::RedshiftSqlDialect;
use sqlparser::parser::Parser;
use std::collections::BTreeMap;

const DAY: &str = "2026-01-15";

fn relation(manifest: &Manifest) -> impl Fn(&str) -> Option<String> {
    |model| Some(manifest.by_name(model)?.model()?.relation.sql())
}

#[test]
fn every_query_has_its_model_and_redshift_can_parse_it() {
    let manifest = warehouse();
    let found = queries(relation(&manifest));
    assert_eq!(found.len(), QUERIES.len());
    for (panel, query) in found {
        let parsed = Parser::parse_sql(&RedshiftSqlDialect {}, &query);
        assert_eq!(parsed.map(|parsed| parsed.len()), Ok(1), "{panel}: {query}");
    }
    assert_eq!(queries(|_| None), []);
}

fn texts(rows: &[&[&str]]) -> Vec<Vec<Value>> {
    let row = |row: &&[&str]| row.iter().map(|text| Value::Text((*text).to_owned())).collect();
    rows.iter().map(row).collect()
}

fn answer(panel: &str, rows: &[&[&str]]) -> Answer {
    Answer {
        panel: panel.to_owned(),
        sql: format!("select '{panel}' as a where 1 < 2"),
        rows: texts(rows),
    }
}

fn answers() -> Vec<Answer> {
    vec![
        answer(
            "sales",
            &[&[DAY, "1200000.00", "40"], &["2026-01-13", "700000.00", "30"]],
        ),
        answer(
            "categories",
            &[&["groceries", "1900000.50", "60"], &["taxi", "-3.00", "1"]],
        ),
        answer("channels", &[&["online", "1900000.50", "60"]]),
        answer("segments", &[&["cannot_lose", "12", "99.00", "3"]]),
        answer("rfm-grid", &[&["5", "5", "9", "1.00"], &["9", "0", "1", "1.00"]]),
        answer(
            "lifetime-value",
            &[&["-1", "2", "0.00", "0.00"], &["10", "5", "7000.00", "9000.00"]],
        ),
        answer(
            "cohorts",
            &[
                &["2026-01-01", "0", "10", "10", "1.000000"],
                &["2026-01-01", "99", "10", "1", "0.1"],
            ],
        ),
        answer(
            "merchants",
            &[&["<b>Merchant</b> & sons", "taxi", "5.00", "3", "0.750000"]],
        ),
        answer(
            "fraud",
            &[&["often declined", "17", "400"], &["burst of attempts", "3", "90"]],
        ),
        answer("credit", &[&["high", "12", "5000.00", "0.910000", "0.250000"]]),
        answer("lateness", &[&["0", "90"], &["1", "8"], &["2", "2"]]),
        answer("currencies", &[&["KRW"]]),
    ]
}

fn page(answers: &[Answer]) -> String {
    let books = DatasetBooks {
        counts: BatchCounts {
            bronze_rows: 1000,
            silver_rows_added: 900,
            duplicates: 60,
            quarantined: 40,
            late_rows: 50,
            ..BatchCounts::default()
        },
        silver_rows: 2900,
        warehouse_rows: 2900,
        reasons: [("amount is <not> a number".to_owned(), 40)].into(),
        balanced: true,
    };
    let books = BalanceOutput {
        batch_date: DAY.parse().unwrap(),
        datasets: [("transactions".to_owned(), books)].into(),
    };
    let audits = [ValidatorOutput {
        dataset: "transactions".to_owned(),
        evaluated: 42,
        successful: 41,
        warnings: vec!["<i>amount</i> is high".to_owned()],
        result: None,
    }];
    let build = MartBuilderOutput {
        status: TickStatus::Succeeded,
        cursor: None,
        marts: BTreeMap::from([("mart_sales_daily".to_owned(), 1234)]),
        tests_passed: 117,
        warnings: Vec::new(),
        report: None,
    };
    let failure = Failure {
        stage: "Load".to_owned(),
        error: "Cardlake.LoadFailed".to_owned(),
        message: String::new(),
        advice: String::new(),
    };
    let run = RunRecord::new(
        DAY.parse().unwrap(),
        "run".to_owned(),
        Default::default(),
        RunOutcome::Failed(failure),
    );
    let runs = [run];
    let dashboard = Dashboard::new(DAY.parse().unwrap(), answers, &books, &audits, &build, &runs);
    let lineage = "<svg class=\"drawn\"></svg>".to_owned();
    dashboard.with_lineage(lineage).html().unwrap()
}

#[test]
fn the_page_has_every_panel_with_its_chart_numbers_and_query() {
    let page = page(&answers());
    for panel in [
        "sales",
        "categories",
        "channels",
        "segments",
        "rfm-grid",
        "lifetime-value",
        "cohorts",
        "merchants",
        "fraud",
        "credit",
        "lateness",
        "books",
        "quarantine",
        "quality",
        "runs",
        "marts",
    ] {
        assert_eq!(page.matches(&format!("<section id=\"{panel}\"")).count(), 1, "{panel}");
    }
    for text in [
        "1,200,000",
        "1,900,000.50",
        "cannot lose",
        "75.0 %",
        "10.0 % of all transactions came on a later day",
        "41 of 42 expectations, 117 data tests; 1 warning<",
        "Load: Cardlake.LoadFailed",
        "KRW",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert_eq!(page.matches("<svg viewBox").count() % 2, 0);
    assert!(page.contains("<svg class=\"drawn\">"));
    assert_eq!(page.matches("<summary>Query</summary>").count(), 11);
    // A day without sales counts for the mean: 700,000, nothing, 1,200,000.
    assert!(page.contains("633k as 7-day mean"), "{page}");
}

#[test]
fn values_are_escaped_and_nothing_is_loaded_from_elsewhere() {
    let page = page(&answers());
    for hostile in ["<b>Merchant", "<i>amount", "<not>"] {
        assert!(!page.contains(hostile), "{hostile}");
    }
    assert!(page.contains("&lt;b&gt;Merchant"));
    for foreign in ["http:", "https:", "//", "@import", "url(", "<script"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
}

#[test]
fn the_page_can_be_made_of_nothing() {
    let page = page(&[]);
    assert!(
        !page.contains("id=\"sales\"") && page.contains("id=\"books\""),
        "{page}"
    );
}
