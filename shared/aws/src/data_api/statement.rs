//! Submissions, their states, and the limits of the service.

use super::error::{DataApiError, DataApiErrorKind, StatementError};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// Longest statement, in bytes (the service: 100 KB).
pub const MAX_STATEMENT_BYTES: usize = 100_000;
/// Most statements of one submission.
pub const MAX_BATCH_STATEMENTS: usize = 40;

/// Statements to run; more than one run in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Name in the statement list, e.g. `cardlake load transactions`.
    pub name: String,
    /// See [`client_token`].
    pub token: String,
    /// The statements, without trailing semicolons.
    pub statements: Vec<String>,
}

impl Submission {
    /// Checks the limits of the service before a request.
    pub(crate) fn check_limits(&self) -> Result<(), DataApiError> {
        let limit = |problem: String| DataApiError {
            kind: DataApiErrorKind::Limit,
            operation: "submit",
            subject: self.name.clone(),
            source: problem.into(),
        };
        let count = self.statements.len();
        if count == 0 || count > MAX_BATCH_STATEMENTS {
            return Err(limit(format!(
                "{count} statements; a submission takes 1 to {MAX_BATCH_STATEMENTS}"
            )));
        }
        match self.statements.iter().map(String::len).max() {
            Some(longest) if longest > MAX_STATEMENT_BYTES => Err(limit(format!(
                "a statement has {longest} bytes; the Data API takes {MAX_STATEMENT_BYTES}"
            ))),
            _ => Ok(()),
        }
    }
}

/// The client token of a step: a hash over its parts.
#[must_use]
pub fn client_token(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hex::encode(hash.finalize())
}

/// One statement of a submission that has ended, or was never reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatementOutcome {
    /// Id to fetch results with.
    pub id: String,
    /// Rows returned or changed; `None` when the service does not say.
    pub rows: Option<u64>,
    /// Whether there is a result to fetch.
    pub has_result: bool,
    /// Redshift's own number of the query, as in its system views.
    pub query_id: Option<i64>,
    /// How long it ran.
    pub duration: Duration,
    /// Redshift's error, if it failed.
    pub error: Option<String>,
}

/// State of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatementState {
    /// Waiting or running.
    Running,
    /// Committed.
    Finished {
        /// Each statement, in order.
        statements: Vec<StatementOutcome>,
    },
    /// Rolled back.
    Failed {
        /// Redshift's error.
        error: StatementError,
        /// Index of the failed statement; `None` when the service does not say (no connection, cancelled).
        failed: Option<usize>,
        /// Each statement, in order.
        statements: Vec<StatementOutcome>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submission(statements: &[&str]) -> Submission {
        Submission {
            name: "test".to_owned(),
            token: client_token(&["test"]),
            statements: statements.iter().map(|text| (*text).to_owned()).collect(),
        }
    }

    #[test]
    fn a_token_fits_the_service_and_tells_steps_apart() {
        let token = client_token(&["run", "load transactions", "1"]);
        assert_eq!(token.len(), 64);
        assert_eq!(token, client_token(&["run", "load transactions", "1"]));
        assert_ne!(token, client_token(&["run", "load transactions", "2"]));
        assert_ne!(client_token(&["ab", "c"]), client_token(&["a", "bc"]));
    }

    #[test]
    fn the_limits_of_the_service_are_refused_before_a_request() {
        assert!(submission(&["select 1"]).check_limits().is_ok());
        let long = "x".repeat(MAX_STATEMENT_BYTES + 1);
        for refused in [submission(&[]), submission(&["select 1"; 41]), submission(&[&long])] {
            assert_eq!(refused.check_limits().unwrap_err().kind, DataApiErrorKind::Limit);
        }
    }
}
