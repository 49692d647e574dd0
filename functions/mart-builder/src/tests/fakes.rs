//! What a build finds in the warehouse, and in-memory buckets.

use crate::files::{Answer as FilesAnswer, Files};
use cardlake_aws::data_api::{ResultSet, Value};
use cardlake_aws::storage::{StorageError, StorageErrorKind};
use cardlake_core::run_record::RunRecord;
use cardlake_test_support::fake_warehouse::{self, Script};
use chrono::NaiveDate;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Relations of the target schema, and what data tests find.
#[derive(Debug, Clone, Default)]
pub(super) struct Relations {
    /// Failing rows of tests whose queries contain a text.
    pub(super) findings: Vec<(&'static str, i64)>,
    /// Relations in the target schema: name and kind.
    pub(super) existing: Vec<(&'static str, &'static str)>,
    /// The mark of the last build.
    pub(super) mark: Option<String>,
    /// Versions of datasets in the loader's ledger.
    pub(super) ledger: Vec<(&'static str, &'static str)>,
}

pub(super) type FakeWarehouse = fake_warehouse::FakeWarehouse<Relations>;

impl Script for Relations {
    fn execute(&mut self, statement: &str) -> Result<ResultSet, String> {
        if let Some((_, mark)) = statement.split_once("insert into \"ops\".\"builds\" (build) values ('") {
            self.mark = Some(mark.trim_end_matches("')").to_owned());
        }
        Ok(self.result(statement))
    }
}

impl Relations {
    fn result(&self, statement: &str) -> ResultSet {
        let text = |text: &str| Value::Text(text.to_owned());
        let rows = if statement.starts_with("select build from") {
            self.mark.iter().map(|mark| vec![text(mark)]).collect()
        } else if statement.contains("from \"ops\".\"loads\"") {
            let ledger = self.ledger.iter();
            ledger
                .map(|(dataset, version)| vec![text(dataset), text(version)])
                .collect()
        } else if statement.contains("information_schema.tables") {
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

#[derive(Clone, Default)]
pub(super) struct FakeFiles {
    pub(super) objects: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    /// Number of writes to refuse, as if the function was killed before.
    pub(super) lost_writes: Arc<Mutex<usize>>,
    /// The newest day of which a run succeeded.
    pub(super) newest_day: Arc<Mutex<Option<NaiveDate>>>,
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

    fn newest_day<'a>(&'a self, _: &'a str) -> FilesAnswer<'a, Option<NaiveDate>> {
        Box::pin(async { Ok(*self.newest_day.lock().unwrap()) })
    }
}
