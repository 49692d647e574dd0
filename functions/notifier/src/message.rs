//! The words that people get about a run.

use crate::record::{Outcome, RunRecord};
use std::fmt::Write;

/// SNS takes subjects of up to 100 characters of ASCII without line breaks.
const MAX_SUBJECT: usize = 100;

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) subject: String,
    pub(crate) body: String,
}

impl Message {
    /// What to say about a run whose record lies at `record_url`.
    pub(crate) fn about(record: &RunRecord, record_url: &str) -> Self {
        let mut body = String::new();
        let subject = match &record.outcome {
            Outcome::Succeeded { books, audits, marts } => {
                for (dataset, books) in &books.datasets {
                    let counts = &books.counts;
                    // Writing to a String cannot fail.
                    let _ = writeln!(
                        body,
                        "{dataset}: {} rows in, {} added, {} duplicates, {} quarantined, {} late; {} rows in the warehouse",
                        counts.bronze_rows,
                        counts.silver_rows_added,
                        counts.duplicates,
                        counts.quarantined,
                        counts.late_rows,
                        books.warehouse_rows
                    );
                }
                let _ = writeln!(
                    body,
                    "{} marts built, {} data tests passed",
                    marts.marts.len(),
                    marts.tests_passed
                );
                let warnings: Vec<_> = audits
                    .iter()
                    .flat_map(|audit| &audit.warnings)
                    .chain(&marts.warnings)
                    .collect();
                for warning in &warnings {
                    let _ = writeln!(body, "warning: {warning}");
                }
                match warnings.len() {
                    0 => format!("cardlake {}: succeeded", record.batch_date),
                    1 => format!("cardlake {}: succeeded with 1 warning", record.batch_date),
                    number => format!("cardlake {}: succeeded with {number} warnings", record.batch_date),
                }
            }
            Outcome::Failed { stage, error, message } => {
                let _ = writeln!(body, "stage {stage} failed: {message}\nerror: {error}");
                format!("cardlake {}: {stage} failed", record.batch_date)
            }
        };
        let _ = writeln!(body, "run: {}\nrecord: {record_url}", record.run_id);
        let ascii = |character: char| {
            if character.is_ascii_graphic() || character == ' ' {
                character
            } else {
                '?'
            }
        };
        Self {
            subject: subject.chars().map(ascii).take(MAX_SUBJECT).collect(),
            body,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cardlake_shared::events::NotifierEvent;
    use serde_json::json;

    fn message(event: serde_json::Value) -> Message {
        let event: NotifierEvent = serde_json::from_value(event).unwrap();
        Message::about(&RunRecord::new(event), "s3://silver/_runs/r.json")
    }

    #[test]
    fn a_success_tells_the_books_and_the_warnings() {
        let message = message(json!({
            "outcome": "succeeded", "batch_date": "2026-01-15", "run_id": "r",
            "books": {"batch_date": "2026-01-15", "datasets": {"transactions": {
                "bronze_rows": 10, "silver_rows_added": 7, "duplicates": 1, "quarantined": 2, "late_rows": 3, "replaced": 0,
                "rejected_objects": 0, "silver_rows": 70, "warehouse_rows": 70, "balanced": true}}},
            "audits": [{"dataset": "transactions", "evaluated": 2, "successful": 1, "warnings": ["few rows"], "result": null}],
            "marts": {"status": "succeeded", "cursor": null, "marts": {"mart_sales_daily": 5}, "tests_passed": 9,
                "warnings": [], "report": "report/index.html"},
        }));
        insta::assert_snapshot!(format!("{}\n\n{}", message.subject, message.body), @r"
        cardlake 2026-01-15: succeeded with 1 warning

        transactions: 10 rows in, 7 added, 1 duplicates, 2 quarantined, 3 late; 70 rows in the warehouse
        1 marts built, 9 data tests passed
        warning: few rows
        run: r
        record: s3://silver/_runs/r.json
        ");
    }

    #[test]
    fn a_failure_tells_stage_and_cause() {
        let message = message(json!({
            "outcome": "failed", "batch_date": "2026-01-15", "run_id": "r", "stage": "Validate\u{e9}",
            "error": "Cardlake.ExpectationFailed",
            "cause": "{\"errorType\":\"x\",\"errorMessage\":\"transaction_id is not unique\"}",
        }));
        insta::assert_snapshot!(format!("{}\n\n{}", message.subject, message.body), @r"
        cardlake 2026-01-15: Validate? failed

        stage Validateé failed: transaction_id is not unique
        error: Cardlake.ExpectationFailed
        run: r
        record: s3://silver/_runs/r.json
        ");
    }
}
