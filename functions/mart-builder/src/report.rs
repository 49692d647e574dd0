//! The report: one page of HTML that needs nothing else. Pure: no I/O.

use crate::error::MartBuilderError;
use crate::manifest::{Manifest, Node, model_id};
use crate::state::{BuildState, Status};
use cardlake_shared::data_api::{ResultSet, Value};
use minijinja::{Environment, UndefinedBehavior};
use serde_json::json;

const TEMPLATE: &str = include_str!("report.html.j2");

/// A table of the report.
struct Section {
    title: &'static str,
    note: &'static str,
    model: &'static str,
    columns: &'static [&'static str],
    /// Everything but `from`, which is `{}`.
    select: &'static str,
}

const SECTIONS: [Section; 3] = [
    Section {
        title: "Sales per day",
        note: "Approved transactions of the last 31 days with sales; refunds are negative.",
        model: "mart_sales_daily",
        columns: &["Day", "Gross sales", "Transactions"],
        select: "select day, sum(gross_sales) as gross_sales, sum(txn_count) as txn_count from {} \
                 group by day order by day desc limit 31",
    },
    Section {
        title: "Sales per merchant category and channel",
        note: "All days together.",
        model: "mart_sales_daily",
        columns: &["Category", "Channel", "Gross sales", "Transactions"],
        select: "select merchant_category, channel, sum(gross_sales) as gross_sales, sum(txn_count) as txn_count \
                 from {} group by merchant_category, channel order by gross_sales desc, merchant_category, channel",
    },
    Section {
        title: "Customer segments",
        note: "By recency, frequency and monetary value.",
        model: "mart_rfm_customer",
        columns: &[
            "Segment",
            "Customers",
            "Monetary value",
            "Days since last purchase, on average",
        ],
        select: "select segment, count(*) as customers, sum(monetary) as monetary, avg(recency_days) as recency_days \
                 from {} group by segment order by monetary desc, segment",
    },
];

/// The sections whose models are part of the build, with their models.
fn sections<'a>(manifest: &'a Manifest, state: &'a BuildState) -> impl Iterator<Item = (&'static Section, &'a Node)> {
    SECTIONS.iter().filter_map(|section| {
        let id = model_id(&manifest.engine.invocation.project, section.model);
        state.nodes.contains_key(&id).then_some(())?;
        Some((section, manifest.nodes.get(&id)?))
    })
}

/// The queries that the report is made of; none when the project has none of its models.
pub(crate) fn queries(manifest: &Manifest, state: &BuildState) -> Vec<String> {
    let found = sections(manifest, state);
    let queries = found.filter_map(|(section, node)| {
        let relation = &node.model()?.relation;
        Some(section.select.replace("{}", &relation.sql()))
    });
    queries.collect()
}

/// The page. `results` belong to [`queries`], in order.
pub(crate) fn page(manifest: &Manifest, state: &BuildState, results: &[ResultSet]) -> Result<String, MartBuilderError> {
    let tables = sections(manifest, state).zip(results).map(|((section, _), result)| {
        let rows: Vec<Vec<String>> = result
            .rows
            .iter()
            .map(|row| row.iter().map(Value::display).collect())
            .collect();
        json!({"title": section.title, "note": section.note, "columns": section.columns, "rows": rows})
    });
    let marts = state
        .publications
        .iter()
        .map(|(name, publication)| json!({"name": name, "rows": publication.rows}));
    let warnings = state.nodes.values().filter(|node| node.status == Status::Warn);
    let context = json!({
        "batch_date": state.batch_date.to_string(),
        "tables": tables.collect::<Vec<_>>(),
        "marts": marts.collect::<Vec<_>>(),
        "tests_passed": state.count(Status::Pass),
        "warnings": warnings.filter_map(|node| node.message.clone()).collect::<Vec<_>>(),
    });
    let internal = |error: minijinja::Error| MartBuilderError::Internal {
        what: "the report",
        cause: format!("{error:#}"),
    };
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment
        .render_named_str("report.html", TEMPLATE, minijinja::value::Serde(context))
        .map_err(internal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::tests::warehouse;
    use crate::state::{FORMAT_VERSION, NodeState, Phase, Publication};
    use sqlparser::dialect::RedshiftSqlDialect;
    use sqlparser::parser::Parser;
    use std::collections::BTreeMap;

    fn state(manifest: &Manifest) -> BuildState {
        let ids = manifest.nodes.keys();
        BuildState {
            format_version: FORMAT_VERSION,
            run_id: "run".to_owned(),
            generation: 1,
            batch_date: "2026-01-15".parse().unwrap(),
            select: None,
            full_refresh: false,
            project: String::new(),
            phase: Phase::Publishing,
            inspection: None,
            inspections: 0,
            failure: None,
            existing: BTreeMap::new(),
            nodes: ids.map(|id| (id.clone(), NodeState::pending())).collect(),
            running: Vec::new(),
            publications: BTreeMap::from([(
                "mart_sales_daily".to_owned(),
                Publication {
                    statement: "1".to_owned(),
                    rows: Some(12),
                },
            )]),
            report: None,
        }
    }

    #[test]
    fn redshift_can_parse_the_queries() {
        let manifest = warehouse();
        let queries = queries(&manifest, &state(&manifest));
        assert_eq!(queries.len(), SECTIONS.len());
        for query in queries {
            let parsed = Parser::parse_sql(&RedshiftSqlDialect {}, &query);
            assert_eq!(parsed.map(|parsed| parsed.len()), Ok(1), "{query}");
        }
    }

    #[test]
    fn values_are_escaped_and_nothing_is_loaded_from_elsewhere() {
        let manifest = warehouse();
        let hostile = ResultSet {
            columns: Vec::new(),
            rows: vec![vec![Value::Text("<script>alert(1)</script>".to_owned()), Value::Null]],
        };
        let page = page(
            &manifest,
            &state(&manifest),
            &[hostile.clone(), hostile.clone(), hostile],
        )
        .unwrap();
        assert!(!page.contains("<script>alert"), "{page}");
        assert!(page.contains("&lt;script&gt;alert(1)&lt;&#x2f;script&gt;"), "{page}");
        assert!(page.contains("2026-01-15") && page.contains("mart_sales_daily"));
        assert!(!page.contains("http"), "{page}");
    }

    #[test]
    fn a_build_of_other_models_has_no_report() {
        let manifest = warehouse();
        let state = BuildState {
            nodes: BTreeMap::new(),
            ..state(&manifest)
        };
        assert_eq!(queries(&manifest, &state), [""; 0]);
    }
}
