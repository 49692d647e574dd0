//! Figures of an invocation as CloudWatch metrics.
//!
//! A stage notes its figures with [`record`] where it has them; [`collect`], around the handler of a Lambda function, takes
//! them up, those of an invocation that fails as well. Nothing collects them in the `cardlake` command, where they vanish.
//!
//! They go to CloudWatch in its embedded metric format (AWS, "Specification: Embedded metric format"): a JSON document, alone
//! on a line of standard output, which CloudWatch Logs makes metrics of, without a request and without a permission. With
//! Lambda's JSON log format the lines of a function that runs on an OS-only runtime stay what they are when they are JSON, so
//! the document is still the root of its log event, as it has to be. (Logs proper go to standard error; see
//! [`crate::telemetry`].) Such a line has no level and passes for one of level INFO: an application log level above that, set
//! on the function, would drop the metrics.
//!
//! Every combination of metric and dimensions is billed for the hours in which it occurs. So there are two dimensions at the
//! most: the function, whose name tells deployment and stage, and the dataset or the stage that the figure is about.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::future::Future;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

/// Namespace of all metrics.
pub const NAMESPACE: &str = "Cardlake";
/// Dimension with the name of the function: every metric has it.
pub const FUNCTION_DIMENSION: &str = "FunctionName";

macro_rules! metrics {
    ($($(#[$documentation:meta])+ $name:ident: $unit:ident,)+) => {
        /// What is measured. The names are those in CloudWatch.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Metric {
            $($(#[$documentation])+ $name,)+
        }

        impl Metric {
            /// Every metric.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its name in CloudWatch.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// Its unit, as CloudWatch calls it.
            #[must_use]
            pub const fn unit(self) -> &'static str {
                match self { $(Self::$name => stringify!($unit),)+ }
            }
        }
    };
}

metrics! {
    /// Generator: rows written to bronze.
    RowsGenerated: Count,
    /// Transformer: rows of the objects that were transformed.
    RowsRead: Count,
    /// Transformer: rows among these that went to data files.
    RowsValid: Count,
    /// Transformer: rows among these that break the contract.
    RowsQuarantined: Count,
    /// Transformer: rows among these that another one of the same object replaces.
    RowsDuplicate: Count,
    /// Transformer: valid rows whose event day lies before the day of delivery.
    RowsLate: Count,
    /// Transformer: objects that cannot be read at all.
    ObjectsRejected: Count,
    /// Reconciler: rows of the batch, so far, that entered the table.
    RowsAdded: Count,
    /// Reconciler: rows of the batch that lost against another row with the same key, across objects and days.
    RowsLost: Count,
    /// Reconciler: rows of other batches that rows of this one replaced.
    RowsReplaced: Count,
    /// Reconciler: rows of the table.
    TableRows: Count,
    /// Validator: expectations that were evaluated.
    ExpectationsEvaluated: Count,
    /// Validator: expectations that were not met, of whatever severity.
    ExpectationsFailed: Count,
    /// Loader: rows taken over by COPY.
    RowsLoaded: Count,
    /// Loader: rows of the warehouse table.
    WarehouseRows: Count,
    /// Mart builder: models, seeds and snapshots that were built.
    ModelsBuilt: Count,
    /// Mart builder: models, seeds, snapshots and tests whose statement failed.
    BuildErrors: Count,
    /// Mart builder: data tests that passed.
    TestsPassed: Count,
    /// Mart builder: data tests that found something, of whatever severity.
    TestsFailed: Count,
    /// Notifier: how long a stage of the run took.
    StageDuration: Seconds,
    /// Notifier: how long the run took.
    RunDuration: Seconds,
}

/// What a figure is about, beside the function.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Nothing in particular.
    All,
    /// A dataset.
    Dataset(String),
    /// A stage of the run.
    Stage(String),
}

impl Subject {
    /// Name and value of the dimension.
    fn dimension(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::All => None,
            Self::Dataset(name) => Some(("Dataset", name)),
            Self::Stage(name) => Some(("Stage", name)),
        }
    }
}

/// Figures of an invocation. What was noted more than once is added up: an event of S3 may be about several objects.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures(BTreeMap<Subject, BTreeMap<Metric, f64>>);

tokio::task_local! {
    static COLLECTED: Mutex<Figures>;
}

/// Notes figures, if anybody [`collect`]s them.
#[expect(clippy::cast_precision_loss, reason = "CloudWatch holds values as such numbers")]
pub fn record(subject: &Subject, figures: &[(Metric, u64)]) {
    let figures: Vec<_> = figures.iter().map(|(metric, value)| (*metric, *value as f64)).collect();
    record_numbers(subject, &figures);
}

/// The same for figures that are no whole numbers.
pub fn record_numbers(subject: &Subject, figures: &[(Metric, f64)]) {
    // Outside of `collect` there is nothing to note them in, which is no mistake.
    let _ = COLLECTED.try_with(|collected| {
        let mut collected = collected.lock().unwrap_or_else(PoisonError::into_inner);
        let of_subject = collected.0.entry(subject.clone()).or_default();
        for (metric, value) in figures {
            *of_subject.entry(*metric).or_default() += value;
        }
    });
}

/// Runs a future, and gives what was noted in it. What it spawns as tasks of their own is not seen.
pub async fn collect<F: Future>(future: F) -> (F::Output, Figures) {
    COLLECTED
        .scope(Mutex::default(), async {
            let output = future.await;
            let figures = COLLECTED.with(|collected| {
                let mut collected = collected.lock().unwrap_or_else(PoisonError::into_inner);
                std::mem::take(&mut *collected)
            });
            (output, figures)
        })
        .await
}

impl Figures {
    /// A figure, if it was noted.
    #[must_use]
    pub fn get(&self, subject: &Subject, metric: Metric) -> Option<f64> {
        self.0.get(subject)?.get(&metric).copied()
    }

    /// The documents for CloudWatch, one for each subject: a dimension has one value in a document.
    #[must_use]
    pub fn documents(&self, function: &str, time: DateTime<Utc>) -> Vec<Value> {
        let documents = self.0.iter().map(|(subject, figures)| {
            let dimension = subject.dimension();
            let dimensions: Vec<_> = [FUNCTION_DIMENSION]
                .into_iter()
                .chain(dimension.map(|(name, _)| name))
                .collect();
            let metrics: Vec<_> = figures
                .keys()
                .map(|metric| json!({ "Name": metric.name(), "Unit": metric.unit() }))
                .collect();
            let mut document = json!({
                "_aws": {
                    "Timestamp": time.timestamp_millis(),
                    "CloudWatchMetrics": [{
                        "Namespace": NAMESPACE,
                        "Dimensions": [dimensions],
                        "Metrics": metrics,
                    }],
                },
                FUNCTION_DIMENSION: function,
            });
            if let Some((name, value)) = dimension {
                document[name] = Value::from(value);
            }
            for (metric, value) in figures {
                document[metric.name()] = Value::from(*value);
            }
            document
        });
        documents.collect()
    }

    /// Writes the documents to standard output. Metrics that cannot be written are no reason to fail.
    pub(crate) fn print(&self, function: &str) {
        let lines: String = self
            .documents(function, Utc::now())
            .iter()
            .map(|document| format!("{document}\n"))
            .collect();
        if let Err(error) = std::io::stdout().lock().write_all(lines.as_bytes()) {
            tracing::warn!(%error, "metrics cannot be written");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex::Regex;
    use std::collections::BTreeSet;
    use std::path::Path;

    /// What the specification says about a document; its schema takes these units among others.
    fn check(document: &Value) {
        assert!(document["_aws"]["Timestamp"].is_i64(), "{document}");
        let directives = document["_aws"]["CloudWatchMetrics"].as_array().unwrap();
        for directive in directives {
            assert!((1..=255).contains(&directive["Namespace"].as_str().unwrap().len()));
            let metrics = directive["Metrics"].as_array().unwrap();
            assert!((1..=100).contains(&metrics.len()), "{document}");
            for metric in metrics {
                let target = &document[metric["Name"].as_str().unwrap()];
                assert!(target.is_number(), "{metric}: {document}");
                assert!(
                    ["Count", "Seconds"].contains(&metric["Unit"].as_str().unwrap()),
                    "{metric}"
                );
            }
            for set in directive["Dimensions"].as_array().unwrap() {
                let set = set.as_array().unwrap();
                assert!(set.len() <= 30);
                for name in set {
                    let target = document[name.as_str().unwrap()].as_str().unwrap();
                    assert!((1..=1024).contains(&target.len()) && target.is_ascii(), "{document}");
                }
            }
        }
        assert!(document.to_string().len() < 256 * 1024 && !document.to_string().contains('\n'));
    }

    #[tokio::test]
    async fn figures_of_an_invocation_become_documents_that_keep_to_the_specification() {
        let transactions = Subject::Dataset("transactions".to_owned());
        let work = async {
            record(&transactions, &[(Metric::RowsRead, 10), (Metric::RowsQuarantined, 1)]);
            record(&transactions, &[(Metric::RowsRead, 5)]);
            record(&Subject::All, &[(Metric::ModelsBuilt, 19)]);
            record_numbers(&Subject::Stage("load".to_owned()), &[(Metric::StageDuration, 12.5)]);
            "done"
        };
        let (output, figures) = collect(work).await;
        assert_eq!(output, "done");
        assert_eq!(figures.get(&transactions, Metric::RowsRead), Some(15.0));
        let documents = figures.documents("cardlake-dev-transformer", DateTime::UNIX_EPOCH);
        documents.iter().for_each(check);
        let lines: Vec<_> = documents.iter().map(Value::to_string).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        {"_aws":{"Timestamp":0,"CloudWatchMetrics":[{"Namespace":"Cardlake","Dimensions":[["FunctionName"]],"Metrics":[{"Name":"ModelsBuilt","Unit":"Count"}]}]},"FunctionName":"cardlake-dev-transformer","ModelsBuilt":19.0}
        {"_aws":{"Timestamp":0,"CloudWatchMetrics":[{"Namespace":"Cardlake","Dimensions":[["FunctionName","Dataset"]],"Metrics":[{"Name":"RowsRead","Unit":"Count"},{"Name":"RowsQuarantined","Unit":"Count"}]}]},"FunctionName":"cardlake-dev-transformer","Dataset":"transactions","RowsRead":15.0,"RowsQuarantined":1.0}
        {"_aws":{"Timestamp":0,"CloudWatchMetrics":[{"Namespace":"Cardlake","Dimensions":[["FunctionName","Stage"]],"Metrics":[{"Name":"StageDuration","Unit":"Seconds"}]}]},"FunctionName":"cardlake-dev-transformer","Stage":"load","StageDuration":12.5}
        "#);
    }

    #[tokio::test]
    async fn every_metric_fits_into_one_document_with_a_unit_that_cloudwatch_knows() {
        let all: Vec<_> = Metric::ALL.iter().map(|metric| (*metric, 1)).collect();
        let (_, figures) = collect(async { record(&Subject::All, &all) }).await;
        let documents = figures.documents("f", Utc::now());
        assert_eq!(documents.len(), 1);
        check(&documents[0]);
    }

    #[tokio::test]
    async fn figures_vanish_when_nobody_collects_them_and_invocations_see_their_own() {
        record(&Subject::All, &[(Metric::RowsRead, 1)]);
        let one = |rows| collect(async move { record(&Subject::All, &[(Metric::RowsRead, rows)]) });
        let ((_, first), (_, second), (_, none)) = tokio::join!(one(2), one(3), collect(async {}));
        assert_eq!(first.get(&Subject::All, Metric::RowsRead), Some(2.0));
        assert_eq!(second.get(&Subject::All, Metric::RowsRead), Some(3.0));
        assert!(none.documents("f", Utc::now()).is_empty());
    }

    #[test]
    fn alarms_and_dashboard_look_at_metrics_that_there_are() {
        let infra = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra");
        let text = std::fs::read_to_string(infra.join("metrics.tf")).unwrap();
        let quoted = Regex::new(r#""([A-Z][A-Za-z]+)""#).unwrap();
        let told: BTreeSet<_> = quoted.captures_iter(&text).map(|found| found[1].to_owned()).collect();
        let mut known: BTreeSet<_> = Metric::ALL.iter().map(|metric| metric.name().to_owned()).collect();
        known.extend([NAMESPACE, FUNCTION_DIMENSION, "Dataset", "Stage"].map(str::to_owned));
        assert!(told.contains("RowsQuarantined") && told.contains(NAMESPACE), "{told:?}");
        assert!(told.is_subset(&known), "{:?}", told.difference(&known));
    }
}
