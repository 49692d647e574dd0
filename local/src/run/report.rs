//! What came of the days: one JSON document for machines, one table for people.

use super::{DayOutcome, StageTime};
use crate::error::CliError;
use cardlake_shared::events::DatasetBooks;
use cardlake_shared::text::thousands;
use chrono::NaiveDate;
use comfy_table::{Cell, CellAlignment, Table, presets};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// All days of a call.
#[derive(Debug, Serialize)]
pub struct RunsReport {
    runs: Vec<RunReport>,
}

#[derive(Debug, Serialize)]
struct RunReport {
    batch_date: NaiveDate,
    status: &'static str,
    seconds: f64,
    stages: Vec<StageTime>,
    datasets: BTreeMap<String, DatasetBooks>,
    marts: BTreeMap<String, u64>,
    report: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureReport>,
}

#[derive(Debug, Serialize)]
struct FailureReport {
    stage: String,
    error: String,
    message: String,
}

impl RunsReport {
    /// From the outcomes, in order.
    #[must_use]
    pub fn new(outcomes: Vec<DayOutcome>) -> Self {
        let runs = outcomes.into_iter().map(|outcome| RunReport {
            batch_date: outcome.batch_date,
            status: if outcome.failure.is_none() {
                "succeeded"
            } else {
                "failed"
            },
            seconds: rounded(outcome.seconds),
            stages: outcome
                .stages
                .into_iter()
                .map(|stage| StageTime {
                    seconds: rounded(stage.seconds),
                    ..stage
                })
                .collect(),
            datasets: outcome.books.map(|books| books.datasets).unwrap_or_default(),
            marts: outcome.marts,
            report: outcome.report,
            failure: outcome.failure.map(|failure| FailureReport {
                stage: failure.stage,
                error: failure.error,
                message: failure.message,
            }),
        });
        Self { runs: runs.collect() }
    }

    /// The failure of the first day that failed, if one did.
    #[must_use]
    pub fn failure(&self) -> Option<CliError> {
        let (run, failure) = self.runs.iter().find_map(|run| Some((run, run.failure.as_ref()?)))?;
        let message = format!(
            "{} failed at {}: {} ({})",
            run.batch_date, failure.stage, failure.message, failure.error
        );
        Some(CliError::failed(message))
    }

    /// The table for people, and where things are.
    #[must_use]
    pub fn table(&self, data_dir: &Path) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", self.rows_table());
        let _ = writeln!(text, "{}", self.seconds_table());
        let marts = self.runs.iter().rev().find(|run| !run.marts.is_empty());
        if let Some(run) = marts {
            let rows = run
                .marts
                .iter()
                .map(|(mart, rows)| format!("{mart} {}", thousands(*rows)));
            let _ = writeln!(text, "Marts (rows): {}", rows.collect::<Vec<_>>().join(", "));
        }
        if let Some(report) = self.runs.iter().rev().find_map(|run| run.report.as_ref()) {
            let _ = writeln!(text, "Report:       {}", report.display());
        }
        let _ = writeln!(
            text,
            "Data:         {} (ask it: cardlake sql \"select * from mart_sales_daily limit 10\")",
            data_dir.display()
        );
        text
    }

    fn rows_table(&self) -> Table {
        let mut table = new_table(&[
            "day",
            "dataset",
            "bronze",
            "silver +",
            "duplicates",
            "quarantined",
            "late",
            "replaced",
            "silver",
            "warehouse",
            "books",
        ]);
        for run in &self.runs {
            for (dataset, books) in &run.datasets {
                let mut row = vec![Cell::new(run.batch_date), Cell::new(dataset)];
                row.extend(
                    books
                        .columns()
                        .map(|number| Cell::new(thousands(number)).set_alignment(CellAlignment::Right)),
                );
                row.push(Cell::new(if books.balanced { "balanced" } else { "NOT BALANCED" }));
                table.add_row(row);
            }
            if run.datasets.is_empty() {
                let what = run.failure.as_ref().map_or("no input", |_| "failed");
                table.add_row(vec![Cell::new(run.batch_date), Cell::new(what)]);
            }
        }
        table
    }

    fn seconds_table(&self) -> Table {
        let mut names: Vec<&str> = Vec::new();
        for stage in self.runs.iter().flat_map(|run| &run.stages) {
            if !names.contains(&stage.name.as_str()) {
                names.push(&stage.name);
            }
        }
        let mut header = vec!["seconds"];
        header.extend(&names);
        header.push("all");
        let mut table = new_table(&header);
        for run in &self.runs {
            let mut row = vec![Cell::new(run.batch_date)];
            for name in &names {
                let stage = run.stages.iter().find(|stage| stage.name == *name);
                let text = stage.map_or_else(String::new, |stage| format!("{:.2}", stage.seconds));
                row.push(Cell::new(text).set_alignment(CellAlignment::Right));
            }
            row.push(Cell::new(format!("{:.2}", run.seconds)).set_alignment(CellAlignment::Right));
            table.add_row(row);
        }
        table
    }
}

/// A table with a header and no lines down.
pub(crate) fn new_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_header(header);
    table
}

fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
