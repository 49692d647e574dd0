//! Messages: a subject and a few lines of text.
//!
//! Messages leave the account (mail, chat), so anything that looks like personal data in another stage's text is masked.

use cardlake_core::error::ErrorKind;
use cardlake_core::events::{BalanceOutput, DatasetBooks, MartBuilderOutput, PlanOutput, UnreadFile, ValidatorOutput};
use cardlake_core::pii::{MASK, mask_card_numbers};
use cardlake_core::run_record::Failure;
use chrono::NaiveDate;
use regex::Regex;
use serde::Deserialize;
use std::fmt::Write;
use std::sync::LazyLock;

/// Maximum length of an SNS subject, in ASCII characters.
const SUBJECT_CHARACTERS: usize = 100;
/// Maximum length of a failure in a message; the run record and the logs contain all of it. SNS's limit is 256 KB.
const FAILURE_CHARACTERS: usize = 4000;
/// Objects named in a message that are not input; the run record names more.
const IGNORED_FILES: usize = 5;

/// Error response of a Lambda function, as passed on by Step Functions.
#[derive(Deserialize)]
struct Cause {
    #[serde(rename = "errorType")]
    error_type: Option<String>,
    #[serde(rename = "errorMessage")]
    error_message: Option<String>,
}

/// Builds the failure from the failed state, the error name and the cause. The cause is the JSON error response of a function,
/// or plain text.
pub(crate) fn failure(stage: &str, error: &str, cause: &str) -> Failure {
    let parsed = serde_json::from_str::<Cause>(cause).ok();
    let (error_type, message) = match parsed {
        Some(Cause {
            error_type,
            error_message: Some(message),
        }) => (error_type, message),
        _ => (None, cause.trim().to_owned()),
    };
    // A failed map reports a generic error name; the function's error type is more specific.
    let error = match error_type {
        Some(name) if name.starts_with("Cardlake.") => name,
        _ => error.to_owned(),
    };
    let message = if message.is_empty() {
        Failure::without_cause(&error).to_owned()
    } else {
        masked(&message)
    };
    Failure {
        stage: stage.to_owned(),
        advice: advice(&error, stage),
        error,
        message,
    }
}

/// Advice by error name.
fn advice(error: &str, stage: &str) -> String {
    let kind = ErrorKind::ALL.into_iter().find(|kind| kind.error_type() == error);
    let text = match kind {
        Some(ErrorKind::InvalidEvent) => "correct the input of the execution and start it again",
        Some(ErrorKind::Configuration) => {
            "correct the setting or project file that is named, deploy, and run the day again"
        }
        Some(ErrorKind::Transient) => "a service did not answer in time, retries included: run the day again",
        Some(ErrorKind::Service) => {
            "a service refused: check the permissions of the function's role and the name of the resource"
        }
        Some(ErrorKind::NotFound) => {
            "check that the named object exists; if it was removed, run the day again from the start"
        }
        Some(ErrorKind::CommitConflict) => {
            "another process writes to the table: find and stop it, then run the day again"
        }
        Some(ErrorKind::IncompleteBatch) => {
            "look into the logs of the transformer for the named object, then run the day again"
        }
        Some(ErrorKind::QuarantineThreshold) => {
            "look at the rows and reasons under _quarantine/ in the silver bucket; ask the sender for corrected files, or \
             raise the threshold"
        }
        Some(ErrorKind::DeliveryFailed) => {
            "nothing of the batch is visible; ask the sender for what is missing, or look for it among the objects that are \
             not read, then run the day again"
        }
        Some(ErrorKind::ExpectationFailed) => {
            "nothing of the batch is visible; look at the validation result, correct the data or the suite, and run the day \
             again"
        }
        Some(ErrorKind::StatementFailed) => {
            "look at the statement in the warehouse's query history, then run the day again"
        }
        Some(ErrorKind::BuildFailed) => "look at run_results.json of the run for the model or test that is named",
        Some(ErrorKind::BooksImbalance) => {
            "rows were lost or added between two layers: keep the run's records and compare them"
        }
        Some(ErrorKind::Corrupt) => {
            "the named file is damaged or was changed by another process: restore or delete it, then run the day again"
        }
        Some(ErrorKind::Internal) => "internal error: keep the input and the logs of the stage, and report a bug",
        // The state machine reports a function's timeout as Sandbox.Timedout.
        None if error.ends_with("Timeout") || error.ends_with("Timedout") => {
            return format!("{stage} took longer than it may: look into its logs, then run the day again");
        }
        None => return format!("look into the logs of {stage}"),
    };
    text.to_owned()
}

/// Masks e-mail addresses, phone numbers and card numbers.
pub(crate) fn masked(text: &str) -> String {
    static PERSONAL: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let mail = r"[^\s@\x22'<>,;:]+@[^\s@\x22'<>,;:]+\.[A-Za-z]+";
        let telephone = r"\+?\b[0-9]{2,3}-[0-9]{2,4}-[0-9]{3,4}-[0-9]{4}\b";
        Regex::new(&format!("{mail}|{telephone}")).ok()
    });
    let Some(personal) = PERSONAL.as_ref() else {
        return String::new();
    };
    personal.replace_all(&mask_card_numbers(text), MASK).into_owned()
}

/// Severity of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Success.
    Good,
    /// Success with warnings.
    Warning,
    /// Failure.
    Bad,
}

/// A message, independent of the receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) tone: Tone,
    pub(crate) subject: String,
    pub(crate) text: String,
}

impl Message {
    fn new(tone: Tone, subject: &str, text: String) -> Self {
        let ascii = subject.chars().map(|each| {
            if each.is_ascii_graphic() || each == ' ' {
                each
            } else {
                '?'
            }
        });
        Self {
            tone,
            subject: ascii.take(SUBJECT_CHARACTERS).collect(),
            text,
        }
    }

    /// Message of a successful run.
    pub(crate) fn succeeded(
        stack: &str,
        batch_date: NaiveDate,
        run_id: &str,
        books: &BalanceOutput,
        audits: &[ValidatorOutput],
        marts: &MartBuilderOutput,
        record: &str,
    ) -> Self {
        let mut text = format!("The run {run_id} for {batch_date} succeeded.\n");
        for (dataset, books) in &books.datasets {
            line(&mut text, &books_line(dataset, books));
        }
        if books.datasets.is_empty() {
            line(&mut text, "There were no files for this day.");
        }
        not_read(&mut text, &books.ignored, books.ignored_objects);
        let (evaluated, successful) = audits.iter().fold((0, 0), |(evaluated, successful), audit| {
            (evaluated + audit.evaluated, successful + audit.successful)
        });
        line(&mut text, &format!("Expectations met: {successful} of {evaluated}."));
        if !marts.marts.is_empty() {
            let marts = marts.marts.iter().map(|(name, rows)| format!("{name} ({rows})"));
            line(
                &mut text,
                &format!("Marts (rows): {}.", marts.collect::<Vec<_>>().join(", ")),
            );
        }
        line(&mut text, &format!("Data tests passed: {}.", marts.tests_passed));
        let warnings: Vec<&String> = books
            .warnings
            .iter()
            .chain(audits.iter().flat_map(|audit| &audit.warnings))
            .chain(&marts.warnings)
            .collect();
        for warning in &warnings {
            line(&mut text, &format!("Warning: {}", masked(warning)));
        }
        if let Some(report) = &marts.report {
            line(&mut text, &format!("Report: {report}"));
        }
        line(&mut text, &format!("Run record: {record}"));
        let suffix = match warnings.len() {
            0 => String::new(),
            1 => ", 1 warning".to_owned(),
            count => format!(", {count} warnings"),
        };
        let tone = if warnings.is_empty() { Tone::Good } else { Tone::Warning };
        Self::new(tone, &format!("{stack} {batch_date}: succeeded{suffix}"), text)
    }

    /// Message of a failed run; `plan` is what it found in bronze, if it came to that.
    pub(crate) fn failed(
        stack: &str,
        batch_date: NaiveDate,
        run_id: &str,
        failure: &Failure,
        plan: Option<&PlanOutput>,
        record: &str,
    ) -> Self {
        let shown: String = failure.message.chars().take(FAILURE_CHARACTERS).collect();
        let more = if shown.len() < failure.message.len() {
            " […]"
        } else {
            ""
        };
        let mut text = format!("The run {run_id} for {batch_date} failed at {}.\n", failure.stage);
        line(&mut text, &format!("What: {} ({})", shown + more, failure.error));
        line(&mut text, &format!("What to do: {}.", failure.advice));
        if let Some(plan) = plan {
            not_read(&mut text, &plan.ignored, plan.ignored_objects);
        }
        line(&mut text, &format!("Run record: {record}"));
        Self::new(
            Tone::Bad,
            &format!("{stack} {batch_date}: failed at {} ({})", failure.stage, failure.error),
            text,
        )
    }
}

/// A line that names the first objects that are not input, if there are any.
fn not_read(text: &mut String, files: &[UnreadFile], objects: u64) {
    let named: Vec<String> = files
        .iter()
        .take(IGNORED_FILES)
        .map(|file| format!("{} ({})", file.file, file.reason))
        .collect();
    let more = match objects.saturating_sub(named.len() as u64) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    if !named.is_empty() {
        line(text, &format!("Not read: {}{more}.", masked(&named.join(", "))));
    }
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn books_line(dataset: &str, books: &DatasetBooks) -> String {
    let counts = &books.counts;
    let mut text = format!(
        "{dataset}: {} rows received = {} added + {} duplicates + {} quarantined; {} late, {} replaced; table {}, warehouse {}",
        counts.bronze_rows,
        counts.silver_rows_added,
        counts.duplicates,
        counts.quarantined,
        counts.late_rows,
        counts.replaced,
        books.silver_rows,
        books.warehouse_rows
    );
    // Writing to a string is infallible.
    let _ = match (books.balanced, counts.rejected_objects) {
        (false, _) => write!(text, "; NOT BALANCED."),
        (true, 0) => write!(text, "; balanced."),
        (true, 1) => write!(text, "; balanced without the rows of 1 rejected file."),
        (true, files) => write!(text, "; balanced without the rows of {files} rejected files."),
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reply_of_a_function_becomes_a_sentence() {
        let cause = r#"{"errorType":"Cardlake.ExpectationFailed","errorMessage":"1 of 76 expectations failed"}"#;
        let known = failure("Validate", "Cardlake.ExpectationFailed", cause);
        assert_eq!(known.message, "1 of 76 expectations failed");
        assert!(
            known.advice.starts_with("nothing of the batch is visible"),
            "{}",
            known.advice
        );
        // The state machine may only know that a map failed.
        assert_eq!(
            failure("Datasets", "States.TaskFailed", cause).error,
            "Cardlake.ExpectationFailed"
        );
    }

    #[test]
    fn other_causes_are_reported_verbatim() {
        for (cause, message) in [
            ("The execution ran out of time", "The execution ran out of time"),
            ("", "it took longer than the state machine lets it"),
            (r#"{"Input":"{}"}"#, r#"{"Input":"{}"}"#),
        ] {
            assert_eq!(failure("Load", "States.Timeout", cause).message, message);
        }
        assert_eq!(
            failure("Load", "States.Timeout", "").advice,
            "Load took longer than it may: look into its logs, then run the day again"
        );
        let unknown = failure("Load", "Lambda.Unknown", "");
        assert_eq!(
            (unknown.message.as_str(), unknown.advice.as_str()),
            ("no cause was given", "look into the logs of Load")
        );
    }

    #[test]
    fn every_kind_of_error_has_advice_of_its_own() {
        let advice: std::collections::HashSet<_> = ErrorKind::ALL
            .iter()
            .map(|kind| advice(kind.error_type(), "Load"))
            .collect();
        assert_eq!(advice.len(), ErrorKind::ALL.len());
    }

    #[test]
    fn what_looks_personal_is_masked() {
        assert_eq!(
            masked("value 'kim.1@example.com' of 4111111111111111 (+82-10-1561-9938) on 2026-01-15, row 100000"),
            "value '***' of *** (***) on 2026-01-15, row 100000"
        );
    }

    #[test]
    fn subjects_are_short_and_plain() {
        let failure = failure(&"Prüfen\n".repeat(40), "E", "x");
        let message = Message::failed("cardlake", "2026-01-15".parse().unwrap(), "run", &failure, None, "r");
        assert!(message.subject.len() == 100 && message.subject.is_ascii() && !message.subject.contains('\n'));
    }
}
