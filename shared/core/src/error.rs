//! Error names of the state machine.
//!
//! Step Functions matches `Retry` and `Catch` against the `errorType` of a failed function. The names are a contract with
//! `statemachine/*.asl.json`: they are defined in one enum, independent of Rust type names. Every stage has its own error enum
//! and implements [`StageError::kind`]; the runtime converts it to the error response.

use std::fmt;

/// Kinds of errors that an operator or the state machine distinguishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Invalid event: unknown field, malformed date, missing value. Not retryable.
    InvalidEvent,
    /// An environment variable or a packaged file (contract, suite, model) is missing or invalid.
    Configuration,
    /// Temporary failure of a service (throttling, 5xx, lost connection, timeout). Retryable.
    Transient,
    /// Permanent failure of a service: access denied, no such bucket, malformed request.
    Service,
    /// A required object, record or table version does not exist.
    NotFound,
    /// Another writer committed to the Delta log first. Reconcile again.
    CommitConflict,
    /// A bronze object of the batch has neither an object record nor a rejection.
    IncompleteBatch,
    /// More rows were quarantined, or objects rejected, than the threshold allows.
    QuarantineThreshold,
    /// The delivery of a day is not what a contract expects, and the contract says to fail then.
    DeliveryFailed,
    /// A critical expectation failed: nothing of the batch becomes visible.
    ExpectationFailed,
    /// A statement failed in the warehouse.
    StatementFailed,
    /// A model could not be built, or a data test of severity error failed.
    BuildFailed,
    /// Row counts do not match: rows were lost or added between two layers.
    BooksImbalance,
    /// A stored document or file violates its format: external modification, or an internal bug.
    Corrupt,
    /// Internal bug.
    Internal,
}

impl ErrorKind {
    /// All kinds, for checks against the state machine files.
    pub const ALL: [Self; 15] = [
        Self::InvalidEvent,
        Self::Configuration,
        Self::Transient,
        Self::Service,
        Self::NotFound,
        Self::CommitConflict,
        Self::IncompleteBatch,
        Self::QuarantineThreshold,
        Self::DeliveryFailed,
        Self::ExpectationFailed,
        Self::StatementFailed,
        Self::BuildFailed,
        Self::BooksImbalance,
        Self::Corrupt,
        Self::Internal,
    ];

    /// The `errorType` used by `Retry` and `Catch`.
    #[must_use]
    pub const fn error_type(self) -> &'static str {
        match self {
            Self::InvalidEvent => "Cardlake.InvalidEvent",
            Self::Configuration => "Cardlake.Configuration",
            Self::Transient => "Cardlake.Transient",
            Self::Service => "Cardlake.Service",
            Self::NotFound => "Cardlake.NotFound",
            Self::CommitConflict => "Cardlake.CommitConflict",
            Self::IncompleteBatch => "Cardlake.IncompleteBatch",
            Self::QuarantineThreshold => "Cardlake.QuarantineThreshold",
            Self::DeliveryFailed => "Cardlake.DeliveryFailed",
            Self::ExpectationFailed => "Cardlake.ExpectationFailed",
            Self::StatementFailed => "Cardlake.StatementFailed",
            Self::BuildFailed => "Cardlake.BuildFailed",
            Self::BooksImbalance => "Cardlake.BooksImbalance",
            Self::Corrupt => "Cardlake.Corrupt",
            Self::Internal => "Cardlake.Internal",
        }
    }

    /// Whether a retry may succeed without intervention.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        matches!(self, Self::Transient)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.error_type())
    }
}

/// An error of a stage.
pub trait StageError: std::error::Error {
    /// Kind reported to the state machine.
    fn kind(&self) -> ErrorKind;
}

/// The message of an error followed by those of its sources, separated by `: `; a source whose text is already part of
/// the message is not repeated.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

impl<E: StageError + ?Sized> StageError for &E {
    fn kind(&self) -> ErrorKind {
        (**self).kind()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assets::{AssetFolder, Assets};
    use std::collections::HashSet;
    use std::path::PathBuf;

    fn project() -> PathBuf {
        [env!("CARGO_MANIFEST_DIR"), "..", ".."].iter().collect()
    }

    #[test]
    fn error_types_are_unique_and_prefixed() {
        let names: HashSet<_> = ErrorKind::ALL.iter().map(|kind| kind.error_type()).collect();
        assert_eq!(names.len(), ErrorKind::ALL.len());
        assert!(names.iter().all(|name| name.starts_with("Cardlake.")));
    }

    /// Every error name that the state machines match on.
    fn matched_names(value: &serde_json::Value, names: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(fields) => {
                for (field, value) in fields {
                    if field == "ErrorEquals" || field == "Error" {
                        let listed = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
                        names.extend(listed.iter().filter_map(|name| name.as_str().map(str::to_owned)));
                    } else {
                        matched_names(value, names);
                    }
                }
            }
            serde_json::Value::Array(items) => items.iter().for_each(|item| matched_names(item, names)),
            _ => {}
        }
    }

    #[test]
    fn the_state_machines_match_on_known_names_only() {
        let known: HashSet<_> = ErrorKind::ALL.iter().map(|kind| kind.error_type()).collect();
        let mut names = Vec::new();
        for asset in Assets::Folder(project()).list(AssetFolder::StateMachines).unwrap() {
            matched_names(&serde_json::from_str(&asset.text).unwrap(), &mut names);
        }
        let ours: HashSet<_> = names
            .iter()
            .map(String::as_str)
            .filter(|name| name.starts_with("Cardlake."))
            .collect();
        assert!(
            ours.contains(ErrorKind::Transient.error_type()),
            "transient errors are retried nowhere"
        );
        assert!(
            ours.contains(ErrorKind::CommitConflict.error_type()),
            "commit conflicts are caught nowhere"
        );
        assert!(ours.is_subset(&known), "{:?}", ours.difference(&known));
    }
}
