//! A recording warehouse with failures on demand, and in-memory buckets.

use crate::files::{Answer as FilesAnswer, Files};
use cardlake_aws::data_api::{
    Answer, DataApi, DataApiError, DataApiErrorKind, ResultSet, StatementOutcome, StatementState, Submission, Value,
};
use cardlake_aws::storage::{StorageError, StorageErrorKind};
use cardlake_core::run_record::RunRecord;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

#[derive(Default)]
pub(super) struct Inner {
    pub(super) submissions: Vec<Submission>,
    outcomes: Vec<StatementState>,
    results: BTreeMap<String, ResultSet>,
    /// Errors for statements that contain a text: text, error, number of times.
    pub(super) fail: Vec<(&'static str, &'static str, usize)>,
    /// Failing rows of tests whose queries contain a text.
    pub(super) findings: Vec<(&'static str, i64)>,
    /// Relations in the target schema: name and kind.
    pub(super) existing: Vec<(&'static str, &'static str)>,
    /// Number of polls that return "running".
    pub(super) slow: usize,
    /// Statements whose name contains this text run for ever.
    pub(super) stuck: Option<&'static str>,
    pub(super) throttle: usize,
    /// Cancelled statements.
    pub(super) cancelled: Vec<String>,
}

#[derive(Clone, Default)]
pub(super) struct FakeWarehouse(pub(super) Arc<Mutex<Inner>>);

impl Inner {
    fn run(&mut self, id: usize, submission: &Submission) -> StatementState {
        let mut statements = Vec::new();
        for (index, statement) in submission.statements.iter().enumerate() {
            let mut outcome = StatementOutcome {
                id: format!("{id}:{}", index + 1),
                has_result: true,
                ..StatementOutcome::default()
            };
            let mut failing = self.fail.iter_mut();
            let failing = failing.find(|(text, _, times)| *times > 0 && statement.contains(text));
            if let Some((_, error, times)) = failing {
                *times -= 1;
                let error = (*error).to_owned();
                outcome.error = Some(error.clone());
                statements.push(outcome);
                return StatementState::Failed {
                    error: error.into(),
                    failed: Some(index),
                    statements,
                };
            }
            let result = self.result(statement);
            self.results.insert(outcome.id.clone(), result.clone());
            self.results.insert(id.to_string(), result);
            statements.push(outcome);
        }
        StatementState::Finished { statements }
    }

    fn result(&self, statement: &str) -> ResultSet {
        let text = |text: &str| Value::Text(text.to_owned());
        let rows = if statement.contains("information_schema.tables") {
            let relations = self.existing.iter();
            relations
                .map(|(name, kind)| vec![text("analytics"), text(name), text(kind)])
                .collect()
        } else if statement.contains("character_maximum_length") {
            let column = |name: &str| {
                vec![
                    text(name),
                    text("integer"),
                    Value::Null,
                    Value::Integer(32),
                    Value::Integer(0),
                ]
            };
            vec![column("id"), column("new")]
        } else if statement.contains("information_schema.columns") {
            let relations = self.existing.iter();
            relations
                .map(|(name, _)| vec![text("analytics"), text(name), text("id")])
                .collect()
        } else if statement.contains("dbt_internal_test") {
            let tests = statement.split("\nunion all\nselect\n  ").enumerate();
            let rows = tests.map(|(index, test)| {
                let found = self.findings.iter().find(|(text, _)| test.contains(text));
                let failures = found.map_or(0, |(_, rows)| *rows);
                let (place, bad) = (i64::try_from(index).unwrap(), Value::Boolean(failures > 0));
                vec![Value::Integer(place), Value::Integer(failures), bad.clone(), bad]
            });
            rows.collect()
        } else {
            vec![vec![Value::Integer(42)]]
        };
        ResultSet {
            // Only panels read columns by name, and all of them this one.
            columns: vec!["n".to_owned()],
            rows,
        }
    }
}

impl DataApi for FakeWarehouse {
    fn submit<'a>(&'a self, submission: &'a Submission) -> Answer<'a, String> {
        Box::pin(async move {
            let mut inner = self.0.lock().unwrap();
            if inner.throttle > 0 {
                inner.throttle -= 1;
                return Err(DataApiError {
                    kind: DataApiErrorKind::Transient,
                    operation: "submit",
                    subject: submission.name.clone(),
                    source: "throttled".into(),
                });
            }
            let mut known = inner.submissions.iter();
            if let Some(id) = known.position(|other| other.token == submission.token) {
                return Ok(id.to_string());
            }
            let id = inner.submissions.len();
            inner.submissions.push(submission.clone());
            let outcome = inner.run(id, submission);
            inner.outcomes.push(outcome);
            Ok(id.to_string())
        })
    }

    fn poll<'a>(&'a self, id: &'a str) -> Answer<'a, StatementState> {
        Box::pin(async move {
            let mut inner = self.0.lock().unwrap();
            if inner.slow > 0 {
                inner.slow -= 1;
                return Ok(StatementState::Running);
            }
            let index = id.parse::<usize>().unwrap();
            if inner
                .stuck
                .is_some_and(|text| inner.submissions[index].name.contains(text))
            {
                return Ok(StatementState::Running);
            }
            Ok(inner.outcomes[index].clone())
        })
    }

    fn results<'a>(&'a self, id: &'a str) -> Answer<'a, ResultSet> {
        Box::pin(async move { Ok(self.0.lock().unwrap().results[id].clone()) })
    }

    fn cancel<'a>(&'a self, id: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            self.0.lock().unwrap().cancelled.push(id.to_owned());
            Ok(())
        })
    }
}

#[derive(Clone, Default)]
pub(super) struct FakeFiles {
    pub(super) objects: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    /// Number of writes to refuse, as if the function was killed before.
    pub(super) lost_writes: Arc<Mutex<usize>>,
}

impl Files for FakeFiles {
    fn get<'a>(&'a self, bucket: &'a str, key: &'a str) -> FilesAnswer<'a, Option<Vec<u8>>> {
        Box::pin(async move { Ok(self.objects.lock().unwrap().get(&format!("{bucket}/{key}")).cloned()) })
    }

    fn put<'a>(&'a self, bucket: &'a str, key: &'a str, bytes: Vec<u8>) -> FilesAnswer<'a, ()> {
        Box::pin(async move {
            let mut lost = self.lost_writes.lock().unwrap();
            if *lost > 0 {
                *lost -= 1;
                return Err(StorageError {
                    kind: StorageErrorKind::Transient,
                    operation: "write",
                    bucket: bucket.to_owned(),
                    key: key.to_owned(),
                    source: "cut off".into(),
                });
            }
            self.objects.lock().unwrap().insert(format!("{bucket}/{key}"), bytes);
            Ok(())
        })
    }

    fn runs<'a>(&'a self, _: &'a str, _: usize) -> FilesAnswer<'a, Vec<RunRecord>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}
