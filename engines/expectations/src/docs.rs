//! Data Docs: a validation result as one self-contained HTML page. No I/O.

use crate::phrase::phrase;
use crate::result::{ExpectationResult, ValidationResult};
use crate::suite::Severity;
use crate::text::{shown, thousands};
use cardlake_pages::{Page, PageError};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

const INDEX: Page<'_> = Page {
    template: include_str!("index.html.j2"),
    script: "",
};
const PAGE: Page<'_> = Page {
    template: include_str!("docs.html.j2"),
    script: "",
};
/// Examples of one expectation on the page.
const EXAMPLES: usize = 10;
/// Heading of the expectations on the table as a whole.
const TABLE: &str = "The table";
/// Arguments that the page shows elsewhere, or not at all.
const SHOWN_ELSEWHERE: [&str; 5] = ["column", "column_A", "column_B", "column_list", "batch_id"];

/// The template cannot be rendered.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct DocsError(#[from] PageError);

/// One run in the trend of a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrendPoint {
    /// Its label, such as a day.
    pub label: String,
    /// Rows that were validated.
    pub rows: u64,
    /// Expectations.
    pub evaluated: u64,
    /// Failed expectations of severity critical.
    pub critical: u64,
    /// Failed expectations of a lower severity.
    pub lesser: u64,
    /// What was expected and not met, by type and arguments.
    pub failed: BTreeSet<String>,
}

impl TrendPoint {
    /// The point of a result.
    #[must_use]
    pub fn new(label: String, result: &ValidationResult) -> Self {
        let critical = result.failures(Severity::Critical).count() as u64;
        Self {
            label,
            rows: result.rows(),
            evaluated: result.statistics.evaluated_expectations,
            critical,
            lesser: result.statistics.unsuccessful_expectations - critical,
            failed: result
                .results
                .iter()
                .filter(|each| !each.success)
                .map(identity)
                .collect(),
        }
    }
}

/// By what an expectation is known again in another run.
fn identity(result: &ExpectationResult) -> String {
    let configuration = &result.expectation_config;
    format!("{} {}", configuration.expectation_type, json!(configuration.kwargs))
}

/// The contents of a page.
#[derive(Debug)]
pub struct DocsPage<'a> {
    /// What was validated.
    pub title: String,
    /// A line below the title; may be empty.
    pub subtitle: String,
    /// A line below the counts; may be empty.
    pub note: String,
    /// The result.
    pub result: &'a ValidationResult,
    /// The last runs, this one last; empty: no trend is shown.
    pub trend: Vec<TrendPoint>,
}

/// A page that leads to other pages: the runs of a table, or tables.
#[derive(Debug)]
pub struct IndexPage {
    /// What is listed.
    pub title: String,
    /// A line below the title; may be empty.
    pub subtitle: String,
    /// What is listed, the first one at the top.
    pub rows: Vec<IndexRow>,
}

/// A line of an [`IndexPage`].
#[derive(Debug)]
pub struct IndexRow {
    /// Where it leads to, relative to the page.
    pub link: String,
    /// Its name.
    pub name: String,
    /// The run that it is about, if it is about one.
    pub run: Option<TrendPoint>,
}

impl IndexPage {
    /// Renders the page.
    ///
    /// # Errors
    /// The template cannot be rendered.
    pub fn html(&self) -> Result<String, DocsError> {
        let mut environment = cardlake_pages::environment()?;
        environment.add_filter("thousands", thousands);
        let rows = self.rows.iter().map(|row| {
            let run = row.run.as_ref().map(|run| {
                json!({
                    "rows": run.rows,
                    "evaluated": run.evaluated,
                    "failed": run.critical + run.lesser,
                    "status": status(run.critical, run.lesser),
                })
            });
            json!({"link": row.link, "name": row.name, "run": run})
        });
        let rows: Vec<Value> = rows.collect();
        let content = json!({"title": self.title, "subtitle": self.subtitle, "rows": rows});
        Ok(INDEX.html_with(environment, content)?)
    }
}

impl DocsPage<'_> {
    /// Renders the page.
    ///
    /// # Errors
    /// The template cannot be rendered.
    pub fn html(&self) -> Result<String, DocsError> {
        let mut environment = cardlake_pages::environment()?;
        environment.add_filter("thousands", thousands);
        Ok(PAGE.html_with(environment, self.content())?)
    }

    fn content(&self) -> Value {
        let result = self.result;
        let count = |severity| result.failures(severity).count() as u64;
        let (critical, warnings, infos) = (
            count(Severity::Critical),
            count(Severity::Warning),
            count(Severity::Info),
        );
        let failures = [Severity::Critical, Severity::Warning, Severity::Info]
            .into_iter()
            .flat_map(|severity| result.failures(severity))
            .map(|result| self.entry(result));
        json!({
            "title": self.title,
            "subtitle": self.subtitle,
            "suite": result.suite_name,
            "status": status(critical, warnings + infos),
            "rows": result.rows(),
            "evaluated": result.statistics.evaluated_expectations,
            "met": result.statistics.successful_expectations,
            "critical": critical,
            "warnings": warnings,
            "infos": infos,
            "note": self.note,
            "trend": self.trend(),
            "most_rows": self.trend.iter().map(|point| point.rows).max(),
            "failures": failures.collect::<Vec<_>>(),
            "groups": self.groups(),
        })
    }

    /// An expectation, with the runs in which it was not met.
    fn entry(&self, result: &ExpectationResult) -> Value {
        let identity = identity(result);
        let run = |point: &TrendPoint| json!({"label": point.label, "failed": point.failed.contains(&identity)});
        entry(result, &self.trend.iter().map(run).collect::<Vec<_>>())
    }

    /// The bars of the trend; their height is the number of rows.
    fn trend(&self) -> Vec<Value> {
        let most = self.trend.iter().map(|point| point.rows).max().unwrap_or(0).max(1);
        let bar = |point: &TrendPoint| {
            json!({
                "label": point.label,
                "rows": point.rows,
                "evaluated": point.evaluated,
                "failed": point.critical + point.lesser,
                "status": status(point.critical, point.lesser),
                // A bar of height zero would be invisible.
                "height": (point.rows * 100 / most).max(2),
            })
        };
        self.trend.iter().map(bar).collect()
    }

    /// All expectations grouped by columns: those on the table first, then in the order of the suite.
    fn groups(&self) -> Vec<Value> {
        let mut order: Vec<String> = vec![TABLE.to_owned()];
        let mut groups: BTreeMap<String, Vec<&ExpectationResult>> = BTreeMap::new();
        for result in &self.result.results {
            let kwargs = &result.expectation_config.kwargs;
            let of_columns = ["column", "column_A"].iter().any(|name| kwargs.contains_key(*name));
            let name = if of_columns { result.columns() } else { TABLE.to_owned() };
            if !order.contains(&name) {
                order.push(name.clone());
            }
            groups.entry(name).or_default().push(result);
        }
        let groups = order.into_iter().filter_map(|name| {
            let results = groups.remove(&name)?;
            let failed = results.iter().filter(|result| !result.success).count();
            let entries: Vec<Value> = results.into_iter().map(|result| self.entry(result)).collect();
            Some(json!({"name": name, "failed": failed, "entries": entries}))
        });
        groups.collect()
    }
}

const fn status(critical: u64, lesser: u64) -> &'static str {
    match (critical, lesser) {
        (0, 0) => "passed",
        (0, _) => "warned",
        _ => "failed",
    }
}

/// One expectation.
fn entry(result: &ExpectationResult, runs: &[Value]) -> Value {
    let configuration = &result.expectation_config;
    let name = &configuration.expectation_type;
    let arguments = configuration.kwargs.iter();
    let arguments = arguments.filter(|(name, value)| !SHOWN_ELSEWHERE.contains(&name.as_str()) && !value.is_null());
    json!({
        "type": name,
        "what": phrase(configuration, &result.columns()),
        "column": result.columns(),
        "description": configuration.description.as_ref().and_then(Value::as_str),
        "severity": configuration.severity.name(),
        "success": result.success,
        "found": result.found(),
        "arguments": arguments.map(|(name, value)| json!({"name": name, "value": shown(value)})).collect::<Vec<_>>(),
        "examples": examples(&result.result),
        "counted": counted(&result.result),
        "share": share(&result.result),
        "failed_runs": runs.iter().filter(|run| run["failed"] == true).count(),
        "runs": runs,
    })
}

/// The most frequent unexpected values, with their counts if the result has them.
fn examples(result: &Map<String, Value>) -> Vec<Value> {
    let list = |name: &str| {
        result
            .get(name)
            .and_then(Value::as_array)
            .filter(|list| !list.is_empty())
    };
    if let Some(counts) = list("partial_unexpected_counts") {
        let counts = counts.iter().take(EXAMPLES);
        return counts
            .map(|each| json!({"value": shown(&each["value"]), "count": each["count"]}))
            .collect();
    }
    let values = list("partial_unexpected_list").into_iter().flatten().take(EXAMPLES);
    values
        .map(|value| json!({"value": shown(value), "count": null}))
        .collect()
}

/// Whether the counts of [`examples`] are those of all unexpected values, not just of the first ones.
fn counted(result: &Map<String, Value>) -> bool {
    let listed = |name: &str| result.get(name).and_then(Value::as_array).map(|list| list.len() as u64);
    let examined = listed("unexpected_list").or_else(|| listed("partial_unexpected_list"));
    examined.is_some() && examined == result.get("unexpected_count").and_then(Value::as_u64)
}

/// The share of unexpected values, in percent.
fn share(result: &Map<String, Value>) -> Option<String> {
    let share = result
        .get("unexpected_percent")
        .and_then(Value::as_f64)
        .filter(|share| *share > 0.0)?;
    Some(if share < 0.1 {
        "less than 0.1 %".to_owned()
    } else {
        format!("{share:.1} %")
    })
}
