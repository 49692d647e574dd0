//! The page as a whole. That it looks well is for the eye and a browser; here: that it is complete, safe and alone.

use super::*;
use crate::tests::warehouse::warehouse;
use cardlake_core::assets::AssetFolder;
use cardlake_core::events::{
    BalanceOutput, DatasetBooks, ExecutionFacts, MartBuilderOutput, TickStatus, ValidatorOutput,
};
use cardlake_core::records::BatchCounts;
use cardlake_core::run_record::{Failure, RunOutcome, RunRecord};
use cardlake_dbt::Manifest;
use cardlake_report::{Relation, Table, Value};
use serde_json::json;
use sqlparser::dialect::RedshiftSqlDialect;
use sqlparser::parser::Parser;
use std::collections::BTreeMap;

const DAY: &str = "2026-01-15";
/// Panels with a query, the explorer, and values of the page.
const QUERIES: usize = 13;

fn embedded() -> Dashboard {
    let files = cardlake_assets::embedded()
        .list(AssetFolder::Warehouse)
        .unwrap()
        .into_iter();
    let files: Vec<_> = files.map(|asset| ProjectFile::new(asset.path, asset.text)).collect();
    definitions(&files).unwrap()
}

fn relation(manifest: &Manifest) -> impl Fn(&str) -> Relation {
    |name| {
        let model = manifest.by_name(name).and_then(|node| node.model());
        model.map_or(Relation::Unknown, |model| Relation::Known(model.relation.sql()))
    }
}

#[test]
fn every_query_has_its_model_and_redshift_can_parse_it() {
    let manifest = warehouse();
    let day = DAY.parse().unwrap();
    let found = embedded().queries(day, &relation(&manifest));
    assert_eq!(found.len(), QUERIES);
    for query in found {
        let sql = query.sql.unwrap();
        let parsed = Parser::parse_sql(&RedshiftSqlDialect {}, &sql);
        assert_eq!(parsed.map(|parsed| parsed.len()), Ok(1), "{}: {sql}", query.name);
    }
    assert_eq!(embedded().queries(day, &|_| Relation::LeftOut), []);
    let without_models = embedded().queries(day, &|_| Relation::Unknown);
    assert_eq!(without_models.len(), QUERIES);
    assert!(
        without_models.iter().all(|query| query.sql.is_err()),
        "{without_models:?}"
    );
}

fn texts(rows: &[&[&str]]) -> Vec<Vec<Value>> {
    let row = |row: &&[&str]| row.iter().map(|text| Value::Text((*text).to_owned())).collect();
    rows.iter().map(row).collect()
}

fn answer(name: &str, columns: &[&str], rows: &[&[&str]]) -> Answer {
    Answer {
        name: name.to_owned(),
        sql: (!name.contains('.')).then(|| format!("select '{name}' as a where 1 < 2")),
        result: Ok(Table {
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            rows: texts(rows),
        }),
    }
}

fn answers() -> Vec<Answer> {
    vec![
        answer(
            "sales",
            &["day", "sales", "transactions"],
            &[&[DAY, "1200000.00", "40"], &["2026-01-13", "700000.00", "30"]],
        ),
        answer(
            "categories",
            &["merchant_category", "sales", "transactions"],
            &[&["groceries", "1900000.50", "60"], &["taxi", "-3.00", "1"]],
        ),
        answer(
            "channels",
            &["channel", "sales", "transactions"],
            &[&["online", "1900000.50", "60"]],
        ),
        answer(
            "segments",
            &["segment", "customers", "value", "days_since"],
            &[&["cannot_lose", "12", "99.00", "3"]],
        ),
        answer(
            "rfm-grid",
            &["recency_score", "frequency_score", "customers", "value"],
            &[&["5", "5", "9", "1.00"], &["9", "0", "1", "1.00"]],
        ),
        answer(
            "lifetime-value",
            &["class", "customers", "historic_value", "projected_value"],
            &[&["-1", "2", "0.00", "0.00"], &["10", "5", "7000.00", "9000.00"]],
        ),
        answer(
            "cohorts",
            &[
                "cohort_month",
                "months_since_first",
                "cohort_size",
                "active_customers",
                "retention_rate",
            ],
            &[
                &["2026-01-01", "0", "10", "10", "1.000000"],
                &["2026-01-01", "99", "10", "1", "0.1"],
            ],
        ),
        answer(
            "merchants",
            &[
                "merchant_name",
                "merchant_category",
                "net_sales",
                "approved_count",
                "approval_rate",
            ],
            &[&["<b>Merchant</b> & sons", "taxi", "5.00", "3", "0.750000"]],
        ),
        answer(
            "fraud",
            &["signal", "cards", "attempts"],
            &[&["often declined", "17", "400"], &["burst of attempts", "3", "90"]],
        ),
        answer(
            "credit",
            &["risk_band", "customers", "spend_30_days", "utilisation", "decline_rate"],
            &[&["high", "12", "5000.00", "0.910000", "0.250000"]],
        ),
        answer(
            "lateness",
            &["days_late", "transactions"],
            &[&["0", "90"], &["1", "8"], &["2", "2"]],
        ),
        answer("values.currency", &["currency"], &[&["KRW"]]),
        answer(
            "explore",
            &[
                "day",
                "merchant_category",
                "channel",
                "segment",
                "sales",
                "approved",
                "declined",
                "attempts",
            ],
            &[&[DAY, "<b>taxi", "online", "loyal", "1200000.00", "40", "2", "42"]],
        ),
    ]
}

fn page_with_warnings(answers: &[Answer]) -> Page {
    page_of(&[("transactions", 1000)], answers)
}

/// The page of a day on which these rows of each dataset were delivered.
fn page_of(delivered: &[(&str, u64)], answers: &[Answer]) -> Page {
    let books = |bronze_rows| DatasetBooks {
        counts: BatchCounts {
            bronze_rows,
            silver_rows_added: 900,
            duplicates: 60,
            quarantined: 40,
            late_rows: 50,
            ..BatchCounts::default()
        },
        silver_rows: 2900,
        warehouse_rows: 2900,
        reasons: [("amount is <not> a number".to_owned(), 40)].into(),
        rejected: Vec::new(),
        withdrawn: 0,
        taken_back: 0,
        balanced: true,
    };
    let books = BalanceOutput {
        batch_date: DAY.parse().unwrap(),
        datasets: delivered
            .iter()
            .map(|(name, rows)| ((*name).to_owned(), books(*rows)))
            .collect(),
        ..BalanceOutput::default()
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
        unchanged_models: 0,
        unchanged_tests: 0,
        warnings: vec!["panel of the page before".to_owned()],
        failed_panels: 1,
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
    let run = RunFacts {
        batch_date: DAY.parse().unwrap(),
        books: &books,
        audits: &audits,
        build: &build,
        runs: &runs,
        lineage: "<svg class=\"drawn\"></svg>",
    };
    super::page(&embedded(), answers, &run, None).unwrap()
}

fn page(answers: &[Answer]) -> String {
    let Page { html, warnings, .. } = page_with_warnings(answers);
    assert_eq!(warnings, [""; 0]);
    html
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
    assert_eq!(page.matches("<summary>Query</summary>").count(), 12);
    // A day without sales counts for the mean: 700,000, nothing, 1,200,000.
    assert!(page.contains("633k as 7-day mean"), "{page}");
}

#[test]
fn values_are_escaped_and_nothing_is_loaded_from_elsewhere() {
    let page = page(&answers());
    for hostile in ["<b>taxi", "<b>Merchant", "<i>amount", "<not>"] {
        assert!(!page.contains(hostile), "{hostile}");
    }
    assert!(page.contains("&lt;b&gt;Merchant"));
    // The explorer's script, which is tested where it is made.
    let (before, rest) = page.split_once("<script>").unwrap();
    let (_, after) = rest.split_once("</script>").unwrap();
    let page = [before, after]
        .concat()
        .replace("<script type=\"application/json\"", "");
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

#[test]
fn a_panel_that_fails_shows_its_error_and_the_others_stay() {
    let mut answers = answers();
    answers[0].result = Err("ERROR: column \"gross_sales\" does not exist <in> mart".to_owned());
    if let Ok(table) = &mut answers[2].result {
        table.columns[1] = "turnover".to_owned();
    }
    answers[11].result = Err("ERROR: permission denied".to_owned());
    let Page { html, warnings, .. } = page_with_warnings(&answers);
    assert_eq!(
        warnings,
        [
            "value currency (dashboard/page.yml): ERROR: permission denied",
            "panel sales (dashboard/sales.yml): ERROR: column \"gross_sales\" does not exist <in> mart",
            "panel channels (dashboard/channels.yml): the result has no column 'sales'; it has channel, turnover, transactions",
        ]
    );
    for text in [
        "<section id=\"sales\"",
        "This panel failed: ERROR: column",
        "does not exist &lt;in&gt; mart",
        "This panel failed: the result has no column &#x27;sales&#x27;",
        "<section id=\"categories\"",
        "In the card&#x27;s currency",
        "; 4 warnings<",
    ] {
        assert!(html.contains(text), "{text}: {html}");
    }
    assert!(!html.contains("Sales of the day"));
    assert_eq!(html.matches("<summary>Query</summary>").count(), 12);
}

#[test]
fn the_largest_delivery_is_drawn_whatever_its_dataset() {
    for (delivered, charted) in [
        (&[("till_slips", 7), ("vouchers", 900)][..], Some("vouchers")),
        (&[("till_slips", 7), ("vouchers", 7)], Some("till_slips")),
        (&[("vouchers", 0)], None),
    ] {
        let page = page_of(delivered, &[]).html;
        let (_, section) = page.split_once("<section id=\"books\"").unwrap();
        let section = section.split_once("</section>").unwrap().0;
        let note = charted.map(|dataset| format!("The chart shows {dataset}, the largest delivery."));
        assert_eq!(section.contains("The chart shows"), charted.is_some(), "{section}");
        assert_eq!(section.contains("<svg"), charted.is_some(), "{section}");
        assert!(note.is_none_or(|note| section.contains(&note)), "{section}");
    }
}

#[test]
fn without_anything_new_the_last_evaluation_is_shown_with_its_time() {
    let audit = |evaluated| ValidatorOutput {
        dataset: "transactions".to_owned(),
        evaluated,
        successful: evaluated,
        warnings: Vec::new(),
        result: None,
    };
    let build = json!({
        "status": "succeeded", "cursor": null, "marts": {}, "tests_passed": 117, "warnings": [], "report": null
    });
    let build: MartBuilderOutput = serde_json::from_value(build).unwrap();
    let execution = ExecutionFacts {
        started_at: Some("2026-01-16T02:14:00Z".parse().unwrap()),
        ..ExecutionFacts::default()
    };
    let earlier = |evaluated| {
        let outcome = RunOutcome::Succeeded {
            books: BalanceOutput::default(),
            audits: vec![audit(evaluated)],
            marts: build.clone(),
        };
        RunRecord::new(DAY.parse().unwrap(), "run".to_owned(), execution.clone(), outcome)
    };
    let checks = |audits: &[ValidatorOutput], runs: &[RunRecord]| {
        let run = RunFacts {
            batch_date: DAY.parse().unwrap(),
            books: &BalanceOutput::default(),
            audits,
            build: &build,
            runs,
            lineage: "",
        };
        let facts = run.facts(0);
        let tile = facts.tiles.iter().find(|tile| tile.label == "Checks");
        tile.unwrap().note.clone()
    };
    let last = checks(&[audit(0)], &[earlier(0), earlier(42)]);
    let expected = format!("42 of 42 expectations (for {DAY}, at 2026-01-16 02:14 UTC), 117 data tests; 0 warnings");
    assert_eq!(last, expected);
    let own = checks(&[audit(0), audit(7)], &[earlier(42)]);
    assert_eq!(own, "7 of 7 expectations, 117 data tests; 0 warnings");
}
