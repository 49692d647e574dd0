//! What came of the days: one JSON document for machines, one table for people.

use crate::error::CliError;
use crate::outcome::{DayOutcome, StageTime};
use crate::table::{bad, count, faint, fit, new_table, notable, numbers_from, right};
use cardlake_core::events::{DatasetBooks, UnreadFile};
use cardlake_core::text::{printable, thousands};
use chrono::NaiveDate;
use comfy_table::{Cell, Table};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// A stage has a column of its own if it takes more than this share of a day.
const LONG: f64 = 0.05;

/// The most warnings that are listed.
const WARNINGS: usize = 12;

/// All days of a call.
#[derive(Debug, Serialize)]
pub struct RunsReport {
    runs: Vec<RunReport>,
    /// Files of the input folder that were not taken.
    ignored: Vec<UnreadFile>,
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
    /// The first objects of the day that are not input, and how many there are.
    ignored: Vec<UnreadFile>,
    ignored_objects: u64,
    /// Of the delivery, the expectations, the data tests and the dashboard.
    warnings: Vec<String>,
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
    /// From the outcomes, in order, and the files of the input folder that were not taken.
    #[must_use]
    pub fn new(outcomes: Vec<DayOutcome>, ignored: Vec<UnreadFile>) -> Self {
        let runs = outcomes.into_iter().map(|outcome| {
            let books = outcome.books.unwrap_or_default();
            RunReport {
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
                datasets: books.datasets,
                ignored: outcome.ignored,
                ignored_objects: outcome.ignored_objects,
                warnings: books.warnings.into_iter().chain(outcome.warnings).collect(),
                marts: outcome.marts,
                report: outcome.report,
                failure: outcome.failure.map(|failure| FailureReport {
                    stage: failure.stage,
                    error: failure.error,
                    message: failure.message,
                }),
            }
        });
        Self {
            runs: runs.collect(),
            ignored,
        }
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

    /// The tables for people, and where things are.
    #[must_use]
    pub fn table(&self, data_dir: &Path) -> String {
        let (rows, left_out) = self.rows_table();
        let mut text = format!("{rows}\n{left_out}\n{}\n\n", self.seconds_table());
        let marts = self.runs.iter().rev().find(|run| !run.marts.is_empty());
        if let Some(run) = marts {
            let mut table = new_table(&["mart", "rows"]);
            for (mart, rows) in &run.marts {
                table.add_row([Cell::new(mart), count(*rows)]);
            }
            numbers_from(&mut table, 1);
            let _ = writeln!(text, "{table}\n");
        }
        // Writing to a String cannot fail.
        if let Some(balanced) = self.are_balanced() {
            let _ = writeln!(text, " Books   {balanced}");
        }
        for run in &self.runs {
            if let Some(first) = run.ignored.first() {
                let more = run.ignored_objects.saturating_sub(1);
                let more = if more == 0 {
                    String::new()
                } else {
                    format!(" and {more} more objects")
                };
                let line = format!(
                    " Ignored {} ({}){more}\n",
                    printable(&first.file),
                    printable(&first.reason)
                );
                // What lies outside of all days is found by the run of each day.
                if !text.contains(&line) {
                    text.push_str(&line);
                }
            }
        }
        text.push_str(&self.warnings());
        if let Some(report) = self.runs.iter().rev().find_map(|run| run.report.as_ref()) {
            let _ = writeln!(text, " Report  {}", within(report, data_dir).display());
        }
        let _ = writeln!(text, " Data    {}", data_dir.display());
        text
    }

    /// A line for each of the first warnings, and how many more there are.
    fn warnings(&self) -> String {
        let mut text = String::new();
        let mut seen = BTreeSet::new();
        let all = self
            .runs
            .iter()
            .flat_map(|run| run.warnings.iter().map(move |warning| (run.batch_date, warning)));
        // What lies outside of all days is found by the run of each day.
        let all: Vec<_> = all.filter(|(_, warning)| seen.insert(*warning)).collect();
        let number = all.len();
        let label = console::style("Warning").yellow();
        for (day, warning) in all.into_iter().take(WARNINGS) {
            // Writing to a String cannot fail.
            let _ = writeln!(text, " {label} {day}: {}", printable(warning));
        }
        if number > WARNINGS {
            let more = thousands((number - WARNINGS) as u64);
            let _ = writeln!(
                text,
                " {label} and {more} more: --json has all, the report the last day's"
            );
        }
        text
    }

    /// Whether every row is accounted for; none when no books were made.
    fn are_balanced(&self) -> Option<String> {
        let all = || {
            self.runs
                .iter()
                .flat_map(|run| run.datasets.iter().map(move |(dataset, books)| (run, dataset, books)))
        };
        let off = all().filter(|(_, _, books)| !books.balanced);
        let off: Vec<String> = off
            .map(|(run, dataset, _)| format!("{dataset} of {}", run.batch_date))
            .collect();
        all().next()?;
        let rejected: u64 = all().map(|(_, _, books)| books.counts.rejected_objects).sum();
        Some(if off.is_empty() && rejected == 0 {
            let balanced = console::style("balanced").green();
            format!("{balanced}: every row is in the warehouse, a duplicate, or in quarantine")
        } else if off.is_empty() {
            let without = console::style(format!("{rejected} rejected")).yellow();
            format!(
                "{without}: no row of {} is counted; every other row is in the warehouse, a duplicate, or in quarantine",
                if rejected == 1 { "this object" } else { "these objects" }
            )
        } else {
            format!("{}: {}", console::style("NOT BALANCED").red().bold(), off.join(", "))
        })
    }

    /// What became of the rows of each day, and which columns are missing.
    fn rows_table(&self) -> (Table, &'static str) {
        let mut table = new_table(&[
            "day",
            "dataset",
            "bronze",
            "silver +",
            "duplicates",
            "quarantined",
            "late",
            "replaced",
            "warehouse",
        ]);
        for run in &self.runs {
            let mut day = Cell::new(run.batch_date);
            for (dataset, books) in &run.datasets {
                let [bronze, added, duplicates, quarantined, late, replaced, _, warehouse] = books.columns();
                let plain = |number: u64| {
                    if number == 0 {
                        faint(count(number))
                    } else {
                        count(number)
                    }
                };
                let quarantined = match quarantined {
                    0 => plain(0),
                    rows => notable(count(rows)),
                };
                table.add_row(vec![
                    std::mem::replace(&mut day, Cell::new("")),
                    Cell::new(dataset),
                    plain(bronze),
                    plain(added),
                    plain(duplicates),
                    quarantined,
                    plain(late),
                    plain(replaced),
                    plain(warehouse),
                ]);
            }
            if run.datasets.is_empty() {
                let what = run
                    .failure
                    .as_ref()
                    .map_or_else(|| Cell::new("no input"), |_| bad(Cell::new("FAILED")));
                table.add_row(vec![day, what]);
            }
        }
        numbers_from(&mut table, 2);
        // Replaced, late, duplicates, quarantined.
        let left_out = fit(&mut table, &[7, 6, 4, 5]);
        (table, left_out)
    }

    /// How long the stages took; those that never take long stand together.
    fn seconds_table(&self) -> Table {
        let seconds = |run: &RunReport, name: &str| {
            let stage = run.stages.iter().find(|stage| stage.name == name);
            stage.map_or(0.0, |stage| stage.seconds)
        };
        let is_long = |name: &str| self.runs.iter().any(|run| seconds(run, name) > LONG * run.seconds);
        let mut names: Vec<&str> = Vec::new();
        for stage in self.runs.iter().flat_map(|run| &run.stages) {
            if !names.contains(&stage.name.as_str()) && is_long(&stage.name) {
                names.push(&stage.name);
            }
        }
        let mut table = new_table(&[["seconds"].as_slice(), &names, &["other", "all"]].concat());
        for run in &self.runs {
            let named: f64 = names.iter().map(|name| seconds(run, name)).sum();
            let other = (run.seconds - named).max(0.0);
            let times = names.iter().map(|name| seconds(run, name)).chain([other, run.seconds]);
            let cells = times.map(|time| right(format!("{time:.2}")));
            table.add_row(std::iter::once(Cell::new(run.batch_date)).chain(cells));
        }
        numbers_from(&mut table, 1);
        table
    }
}

/// A path as the person wrote the folder that it is in.
fn within(path: &Path, folder: &Path) -> PathBuf {
    let canonical = folder.canonicalize();
    let below = canonical
        .as_ref()
        .ok()
        .and_then(|folder| path.strip_prefix(folder).ok());
    below.map_or_else(|| path.to_owned(), |below| folder.join(below))
}

fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
