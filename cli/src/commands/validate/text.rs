//! A validation result as a table for the terminal.

use crate::table::{bad, good, new_table};
use cardlake_core::text::thousands;
use cardlake_expectations::{Severity, ValidationResult};
use comfy_table::Cell;
use std::fmt::Write as _;

/// The table of failures (or of all expectations) and a summary line.
pub(super) fn table(result: &ValidationResult, rows: u64, seconds: f64, all: bool) -> String {
    let mut table = new_table(&["", "severity", "expectation", "column", "found"]);
    let mut shown = 0;
    for each in &result.results {
        if !each.success || all {
            shown += 1;
            let name = &each.expectation_config.expectation_type;
            table.add_row([
                if each.success {
                    good(Cell::new("met"))
                } else if each.refused {
                    bad(Cell::new("NOT CHECKED"))
                } else {
                    bad(Cell::new("NOT MET"))
                },
                Cell::new(each.severity().name()),
                Cell::new(name.strip_prefix("expect_").unwrap_or(name)),
                Cell::new(short(&each.columns(), 40)),
                Cell::new(short(&each.found(), 90)),
            ]);
        }
    }
    let mut text = String::new();
    if shown > 0 {
        let _ = writeln!(text, "{table}");
    }
    let statistics = &result.statistics;
    let _ = write!(
        text,
        "{}: {} of {} expectations met over {} row{} ({seconds:.2} s)",
        result.suite_name,
        thousands(statistics.successful_expectations),
        thousands(statistics.evaluated_expectations),
        thousands(rows),
        if rows == 1 { "" } else { "s" },
    );
    let failures = [Severity::Critical, Severity::Warning, Severity::Info].map(|severity| {
        let count = result.failures(severity).count() as u64;
        (count > 0).then(|| format!("{} {}", thousands(count), severity.name()))
    });
    let failures: Vec<String> = failures.into_iter().flatten().collect();
    if failures.is_empty() {
        text.push_str(".\n");
    } else {
        let _ = writeln!(text, "; not met: {}.", failures.join(", "));
    }
    text
}

/// Shortens a text to a number of characters.
fn short(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
