//! A scripted Redshift Data API: a [`DataApi`] that runs statements against a [`Script`], remembers every submission, and
//! fails on demand.
//!
//! As the service does, it runs a submission as one transaction, gives the same id for the same client token and runs
//! nothing twice, and keeps each statement's result as it was when the statement ran.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cardlake_aws::data_api::{
    Answer, DataApi, DataApiError, DataApiErrorKind, ResultSet, StatementOutcome, StatementState, Submission,
};

/// What the statements of a stage do. A clone is taken before each submission and restored if a statement fails.
pub trait Script: Clone + Send + 'static {
    /// Executes a statement and gives its result; one without columns and rows counts as none.
    ///
    /// # Errors
    /// Redshift's error, which rolls the submission back.
    fn execute(&mut self, statement: &str) -> Result<ResultSet, String>;
}

/// An error to inject into a matching statement.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Whether a statement fails.
    pub matches: fn(statement: &str, text: &str) -> bool,
    /// The text to match.
    pub text: &'static str,
    /// Redshift's error.
    pub error: &'static str,
    /// How many statements fail.
    pub times: usize,
}

impl Failure {
    /// Fails the next statement that starts with `text`.
    #[must_use]
    pub fn starting_with(text: &'static str, error: &'static str) -> Self {
        Self {
            matches: |statement, text| statement.starts_with(text),
            text,
            error,
            times: 1,
        }
    }

    /// Fails the next statement that contains `text`.
    #[must_use]
    pub fn containing(text: &'static str, error: &'static str) -> Self {
        Self {
            matches: |statement, text| statement.contains(text),
            text,
            error,
            times: 1,
        }
    }

    /// Fails this many statements.
    #[must_use]
    pub fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }
}

/// The warehouse. Clones share one state.
#[derive(Debug, Default)]
pub struct FakeWarehouse<S>(Arc<Mutex<State<S>>>);

impl<S> Clone for FakeWarehouse<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// The state of a [`FakeWarehouse`], for tests to read and to prepare.
#[derive(Debug, Default)]
pub struct State<S> {
    /// The contents, and what statements do.
    pub script: S,
    /// The submissions that were run, in order; a submission's index is its id.
    pub submissions: Vec<Submission>,
    /// Errors to inject, first match first.
    pub failures: Vec<Failure>,
    /// How many submissions to refuse as throttled.
    pub throttled: usize,
    /// How many polls to answer with "running".
    pub slow_polls: usize,
    /// Submissions whose name contains this text run for ever.
    pub stuck: Option<&'static str>,
    /// Redshift's number of each query.
    pub query_id: Option<i64>,
    /// The ids of cancelled statements, in order.
    pub cancelled: Vec<String>,
    outcomes: Vec<StatementState>,
    /// By statement id, and by submission id the last one's.
    results: BTreeMap<String, ResultSet>,
}

impl<S> FakeWarehouse<S> {
    /// The state, locked.
    pub fn state(&self) -> MutexGuard<'_, State<S>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Script> State<S> {
    /// Runs a transaction: all of it, or up to the statement that fails.
    fn run(&mut self, id: usize, submission: &Submission) -> StatementState {
        let before = self.script.clone();
        let mut statements: Vec<_> = (1..=submission.statements.len())
            .map(|number| StatementOutcome {
                id: format!("{id}:{number}"),
                query_id: self.query_id,
                ..StatementOutcome::default()
            })
            .collect();
        for (index, statement) in submission.statements.iter().enumerate() {
            match self.execute(statement) {
                Ok(result) => {
                    statements[index].has_result = result != ResultSet::default();
                    self.results.insert(statements[index].id.clone(), result.clone());
                    self.results.insert(id.to_string(), result);
                }
                Err(error) => {
                    self.script = before;
                    statements[index].error = Some(error.clone());
                    return StatementState::Failed {
                        error: error.into(),
                        failed: Some(index),
                        statements,
                    };
                }
            }
        }
        StatementState::Finished { statements }
    }

    fn execute(&mut self, statement: &str) -> Result<ResultSet, String> {
        let failure = self
            .failures
            .iter_mut()
            .find(|failure| failure.times > 0 && (failure.matches)(statement, failure.text));
        if let Some(failure) = failure {
            failure.times -= 1;
            return Err(failure.error.to_owned());
        }
        self.script.execute(statement)
    }
}

impl<S: Script> DataApi for FakeWarehouse<S> {
    fn submit<'a>(&'a self, submission: &'a Submission) -> Answer<'a, String> {
        Box::pin(async move {
            let mut state = self.state();
            if state.throttled > 0 {
                state.throttled -= 1;
                return Err(DataApiError {
                    kind: DataApiErrorKind::Transient,
                    operation: "submit",
                    subject: submission.name.clone(),
                    source: "throttled".into(),
                });
            }
            let mut known = state.submissions.iter();
            if let Some(id) = known.position(|other| other.token == submission.token) {
                assert_eq!(state.submissions[id], *submission, "one token, one text");
                return Ok(id.to_string());
            }
            let id = state.submissions.len();
            state.submissions.push(submission.clone());
            let outcome = state.run(id, submission);
            state.outcomes.push(outcome);
            Ok(id.to_string())
        })
    }

    fn poll<'a>(&'a self, id: &'a str) -> Answer<'a, StatementState> {
        Box::pin(async move {
            let mut state = self.state();
            if state.slow_polls > 0 {
                state.slow_polls -= 1;
                return Ok(StatementState::Running);
            }
            let index = id.parse::<usize>().unwrap();
            let is_stuck = |text| state.submissions[index].name.contains(text);
            if state.stuck.is_some_and(is_stuck) {
                return Ok(StatementState::Running);
            }
            Ok(state.outcomes[index].clone())
        })
    }

    fn results<'a>(&'a self, id: &'a str) -> Answer<'a, ResultSet> {
        Box::pin(async move { Ok(self.state().results[id].clone()) })
    }

    fn cancel<'a>(&'a self, id: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            self.state().cancelled.push(id.to_owned());
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cardlake_aws::data_api::Value;

    /// Counts its statements; the result is the count.
    #[derive(Debug, Clone, Default)]
    struct Counter(i64);

    impl Script for Counter {
        fn execute(&mut self, _: &str) -> Result<ResultSet, String> {
            self.0 += 1;
            Ok(ResultSet {
                columns: vec!["count".to_owned()],
                rows: vec![vec![Value::Integer(self.0)]],
            })
        }
    }

    fn submission(token: &str, statements: &[&str]) -> Submission {
        Submission {
            name: "a test".to_owned(),
            token: token.to_owned(),
            statements: statements.iter().map(|text| (*text).to_owned()).collect(),
        }
    }

    #[tokio::test]
    async fn a_token_runs_once_and_results_stay() {
        let warehouse = FakeWarehouse::<Counter>::default();
        let first = submission("a", &["one", "two"]);
        let id = warehouse.submit(&first).await.unwrap();
        assert_eq!(warehouse.submit(&first).await.unwrap(), id);
        assert_eq!(warehouse.state().script.0, 2);
        let StatementState::Finished { statements } = warehouse.poll(&id).await.unwrap() else {
            panic!("it failed")
        };
        let of_the_first = warehouse.results(&statements[0].id).await.unwrap();
        assert_eq!(of_the_first.rows, [[Value::Integer(1)]]);
    }

    #[tokio::test]
    async fn a_failure_rolls_back_and_counts() {
        let warehouse = FakeWarehouse::<Counter>::default();
        warehouse.state().failures = vec![Failure::starting_with("two", "ERROR: no").times(1)];
        let id = warehouse
            .submit(&submission("a", &["one", "two", "three"]))
            .await
            .unwrap();
        let StatementState::Failed { failed, statements, .. } = warehouse.poll(&id).await.unwrap() else {
            panic!("it succeeded")
        };
        assert_eq!((failed, statements.len()), (Some(1), 3));
        assert_eq!(warehouse.state().script.0, 0, "rolled back");
        warehouse.submit(&submission("b", &["one", "two"])).await.unwrap();
        assert_eq!(warehouse.state().script.0, 2, "failed once only");
        assert_eq!(warehouse.state().submissions.len(), 2);
    }

    #[tokio::test]
    async fn throttling_slow_polls_and_cancellation_are_on_demand() {
        let warehouse = FakeWarehouse::<Counter>::default();
        warehouse.state().throttled = 1;
        warehouse.state().slow_polls = 1;
        let only = submission("a", &["one"]);
        let refused = warehouse.submit(&only).await.unwrap_err();
        assert_eq!(refused.kind, DataApiErrorKind::Transient);
        let id = warehouse.submit(&only).await.unwrap();
        assert_eq!(warehouse.poll(&id).await.unwrap(), StatementState::Running);
        assert_ne!(warehouse.poll(&id).await.unwrap(), StatementState::Running);
        warehouse.state().stuck = Some("test");
        assert_eq!(warehouse.poll(&id).await.unwrap(), StatementState::Running);
        warehouse.cancel(&id).await.unwrap();
        assert_eq!(warehouse.state().cancelled, [id]);
    }
}
