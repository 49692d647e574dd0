//! Report of a build: a JSON document or a table.

use crate::error::CliError;
use crate::table::{bad, good, new_table, notable, right};
use cardlake_core::events::MartBuilderOutput;
use cardlake_core::text::thousands;
use cardlake_mart_builder::MartBuilderError;
use cardlake_mart_builder::progress::NodeProgress;
use chrono::NaiveDate;
use comfy_table::Cell;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// Status of a node that did not run, since nothing has changed.
const UNCHANGED: &str = "unchanged";
/// Status of a node that did not run, since it depends on one that failed.
const SKIPPED: &str = "skipped";
/// Columns of the table where there is no terminal.
const WIDTH: u16 = 100;

/// A finished build.
#[derive(Debug, Serialize)]
pub(super) struct BuildReport {
    batch_date: NaiveDate,
    run_id: String,
    status: &'static str,
    /// Wall time.
    seconds: f64,
    nodes: Vec<NodeProgress>,
    /// Rows of the marts that were published.
    marts: BTreeMap<String, u64>,
    tests_passed: u64,
    /// Models, snapshots and seeds that did not run, since neither their SQL nor their inputs have changed.
    unchanged_models: u64,
    /// Data tests that did not run for the same reason: their results hold.
    unchanged_tests: u64,
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

impl BuildReport {
    /// `silver`: where a reader finds the objects of the silver bucket.
    pub(super) fn new(
        as_of: NaiveDate,
        run_id: &str,
        elapsed: Duration,
        mut nodes: Vec<NodeProgress>,
        outcome: Result<MartBuilderOutput, MartBuilderError>,
        silver: &str,
    ) -> Self {
        for node in &mut nodes {
            node.seconds = rounded(node.seconds);
        }
        let count =
            |is_meant: &dyn Fn(&NodeProgress) -> bool| nodes.iter().filter(|node| is_meant(node)).count() as u64;
        let (marts, warnings, failure) = match outcome {
            Ok(output) => (output.marts, output.warnings, None),
            Err(MartBuilderError::BuildFailed(failures)) => {
                (BTreeMap::new(), Vec::new(), Some(failures.message(silver)))
            }
            Err(error) => (BTreeMap::new(), Vec::new(), Some(error.to_string())),
        };
        Self {
            batch_date: as_of,
            run_id: run_id.to_owned(),
            status: if failure.is_none() { "succeeded" } else { "failed" },
            seconds: rounded(elapsed.as_secs_f64()),
            tests_passed: count(&|node| node.kind == "test" && (node.status == "pass" || node.status == UNCHANGED)),
            unchanged_models: count(&|node| node.kind != "test" && node.status == UNCHANGED),
            unchanged_tests: count(&|node| node.kind == "test" && node.status == UNCHANGED),
            nodes,
            marts,
            warnings,
            failure,
        }
    }

    pub(super) fn failure(&self) -> Option<CliError> {
        self.failure.clone().map(CliError::failed)
    }

    pub(super) fn text(&self) -> String {
        let mut table = new_table(&["kind", "name", "status", "seconds", "what happened"]);
        if table.width().is_none() {
            table.set_width(WIDTH);
        }
        let is_notable = |node: &&NodeProgress| node.kind != "test" || !matches!(node.status, "pass" | UNCHANGED);
        let mut shown: Vec<&NodeProgress> = self.nodes.iter().filter(is_notable).collect();
        let skipped = shown.len();
        shown.retain(|node| node.status != SKIPPED);
        let skipped = skipped - shown.len();
        // What somebody has to look at stands first.
        shown.sort_by_key(|node| match node.status {
            "error" | "fail" => 0,
            "warn" => 1,
            _ => 2,
        });
        for node in shown {
            table.add_row(vec![
                Cell::new(node.kind),
                Cell::new(&node.name),
                status(node.status),
                right(format!("{:.2}", node.seconds)),
                Cell::new(message(node)),
            ]);
        }
        let mut text = format!("{table}\n");
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "As of {}: {} tests passed, {} s",
            self.batch_date, self.tests_passed, self.seconds
        );
        if skipped > 0 {
            let _ = writeln!(
                text,
                "Skipped, since they depend on what failed: {skipped} models and tests"
            );
        }
        if self.unchanged_models + self.unchanged_tests > 0 {
            let _ = writeln!(
                text,
                "Unchanged since the last build, so that they did not run: {} models, {} tests",
                self.unchanged_models, self.unchanged_tests
            );
        }
        let rows = self
            .marts
            .iter()
            .map(|(mart, rows)| format!("{mart} {}", thousands(*rows)));
        let rows = rows.collect::<Vec<_>>().join(", ");
        if !rows.is_empty() {
            let _ = writeln!(text, "Published (rows): {rows}");
        }
        for warning in &self.warnings {
            let _ = writeln!(text, "Warning: {warning}");
        }
        text
    }
}

/// Why it failed, or what a test found; the status says all of a node that did not run.
fn message(node: &NodeProgress) -> &str {
    let message = node.message.as_deref().filter(|_| node.status != UNCHANGED);
    message.unwrap_or_default()
}

fn status(status: &str) -> Cell {
    let cell = Cell::new(status);
    match status {
        "success" | "pass" | UNCHANGED => good(cell),
        "error" | "fail" => bad(cell),
        _ => notable(cell),
    }
}

fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
