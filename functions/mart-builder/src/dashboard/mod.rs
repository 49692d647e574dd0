//! The dashboard: one page of HTML that needs nothing else, made from the marts and from what the run knows. Pure: no I/O.
//!
//! The caller asks the warehouse ([`queries`]), adds books, audits and earlier runs, and gets the page. Charts are SVG
//! inside the page; each has a text alternative, a table with its numbers, and the query behind it.

mod charts;
mod panels;
mod queries;
#[cfg(test)]
mod tests;

pub use queries::queries;

use cardlake_aws::data_api::Value;
use cardlake_core::events::{BalanceOutput, MartBuilderOutput, ValidatorOutput};
use cardlake_core::run_record::RunRecord;
use cardlake_core::text::thousands;
use chrono::NaiveDate;
use minijinja::{Environment, UndefinedBehavior};
use serde_json::json;

const TEMPLATE: &str = include_str!("page.html.j2");
/// How many earlier runs the page shows.
pub const EARLIER_RUNS: usize = 30;

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum DashboardError {
    /// A chart cannot be drawn; a defect.
    #[error("a chart of the dashboard cannot be drawn: {0}")]
    Chart(String),
    /// The page cannot be put together; a defect.
    #[error("the dashboard cannot be put together: {0}")]
    Template(String),
}

/// The answer to one of the [`queries`].
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The panel that it is for.
    pub panel: String,
    /// The query.
    pub sql: String,
    /// The rows.
    pub rows: Vec<Vec<Value>>,
}

/// Everything that the page shows.
#[derive(Debug)]
pub struct Dashboard<'a> {
    batch_date: NaiveDate,
    answers: &'a [Answer],
    books: &'a BalanceOutput,
    audits: &'a [ValidatorOutput],
    build: &'a MartBuilderOutput,
    runs: &'a [RunRecord],
    /// Of all amounts, as people write it.
    currency: String,
    /// What comes from what, as SVG.
    lineage: Option<String>,
}

impl<'a> Dashboard<'a> {
    /// From the answers of the warehouse; the books and audits of the day; what the build came to; and earlier runs, the
    /// latest first.
    #[must_use]
    pub fn new(
        batch_date: NaiveDate,
        answers: &'a [Answer],
        books: &'a BalanceOutput,
        audits: &'a [ValidatorOutput],
        build: &'a MartBuilderOutput,
        runs: &'a [RunRecord],
    ) -> Self {
        let currencies = answers.iter().filter(|answer| answer.panel == queries::CURRENCIES);
        let names: Vec<String> = currencies
            .flat_map(|answer| &answer.rows)
            .filter_map(|row| row.first().map(Value::display))
            .collect();
        Self {
            batch_date,
            answers,
            books,
            audits,
            build,
            runs,
            currency: if names.is_empty() {
                "the card's currency".to_owned()
            } else {
                names.join(" + ")
            },
            lineage: None,
        }
    }

    /// Adds what comes from what, as SVG.
    #[must_use]
    pub fn with_lineage(self, lineage: String) -> Self {
        Self {
            lineage: Some(lineage),
            ..self
        }
    }

    fn answer(&self, panel: &str) -> Option<&Answer> {
        self.answers.iter().find(|answer| answer.panel == panel)
    }

    /// What did not stop the run, and somebody should know.
    fn warnings(&self) -> Vec<&str> {
        let audits = self.audits.iter().flat_map(|audit| &audit.warnings);
        audits.chain(&self.build.warnings).map(String::as_str).collect()
    }

    /// The page.
    ///
    /// # Errors
    /// See [`DashboardError`]; data of whatever kind is no reason.
    pub fn html(&self) -> Result<String, DashboardError> {
        let marts = self.build.marts.iter();
        let context = json!({
            "batch_date": self.batch_date.to_string(),
            "version": env!("CARGO_PKG_VERSION"),
            "tiles": self.tiles(),
            "panels": self.panels()?,
            "warnings": self.warnings(),
            "lineage": self.lineage,
            "marts": marts.map(|(name, rows)| json!({"name": name, "rows": thousands(*rows)})).collect::<Vec<_>>(),
        });
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment
            .render_named_str("page.html", TEMPLATE, minijinja::value::Serde(context))
            .map_err(|error| DashboardError::Template(format!("{error:#}")))
    }
}
