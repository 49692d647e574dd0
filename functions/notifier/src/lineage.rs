//! OpenLineage events of a run: inputs and outputs of each stage, times, row counts and errors.
//!
//! The events are derived from the run record after the run: all times come from the state machine, and the same record
//! yields the same bytes. The run is the parent of its stages. IDs are derived from the address of the run record (UUID
//! version 5 of `s3://SILVER/_runs/…json`, with the suffix `#<stage>` for a stage). Datasets follow OpenLineage's naming
//! rules: `s3://<bucket>` and the folder, `redshift://<workgroup or cluster>.<region>:<port>` and
//! `<database>.<schema>.<table>`. The namespace of jobs is the silver bucket's name, which is unique to a deployment.
//!
//! Intermediate results (`_objects`, `_candidates`) are datasets, too, so that lineage is complete from the raw file to the
//! mart. The state machine reports the start of a stage only when it ends: both events of a failed stage, and the end of the
//! stage before it, carry the time at which the run ended.

use crate::locations::Locations;
use crate::message::masked;
use cardlake_core::events::{DatasetBooks, ValidatorOutput};
use cardlake_core::paths;
use cardlake_core::run_record::{Failure, RunOutcome, RunRecord, StageSpan};
use chrono::{DateTime, Days, NaiveDate, NaiveTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use sha1::{Digest, Sha1};
use uuid::{Builder, Uuid};

const SPECIFICATION: &str = "https://openlineage.io/spec";
/// Prefix of job names: the state machine.
const JOB: &str = "daily";
/// Default port of Redshift; only part of the dataset's name.
const REDSHIFT_PORT: u16 = 5439;
/// Schema of the loader's tables.
const RAW_SCHEMA: &str = "raw";
/// Schema of the models.
const MART_SCHEMA: &str = "analytics";

/// A table in the warehouse.
fn warehouse_table(locations: &Locations, schema: &str, table: &str) -> Dataset {
    let warehouse = &locations.warehouse;
    let name = warehouse.rsplit_once('/').map_or(warehouse.as_str(), |(_, name)| name);
    Dataset::new(
        format!("redshift://{name}.{}:{REDSHIFT_PORT}", locations.region),
        format!("{}.{schema}.{table}", locations.database),
    )
}

/// A dataset with its facets in one run.
struct Dataset {
    namespace: String,
    name: String,
    facets: Map<String, Value>,
}

impl Dataset {
    fn new(namespace: String, name: String) -> Self {
        Self {
            namespace,
            name,
            facets: Map::new(),
        }
    }

    fn folder(bucket: &str, folder: impl Into<String>) -> Self {
        Self::new(format!("s3://{bucket}"), folder.into())
    }

    fn with(mut self, name: &str, facet: Option<Value>) -> Self {
        self.facets.extend(facet.map(|facet| (name.to_owned(), facet)));
        self
    }

    fn rows_read(self, rows: Option<u64>) -> Self {
        let facet = rows.map(|rows| facet("1-0-0/InputStatisticsInputDatasetFacet", json!({ "rowCount": rows })));
        self.with("inputStatistics", facet)
    }

    fn rows_written(self, rows: Option<u64>) -> Self {
        let facet = rows.map(|rows| facet("1-0-2/OutputStatisticsOutputDatasetFacet", json!({ "rowCount": rows })));
        self.with("outputStatistics", facet)
    }

    fn assertions(self, assertions: Option<Vec<Value>>) -> Self {
        let facet =
            assertions.map(|list| facet("1-1-0/DataQualityAssertionsDatasetFacet", json!({ "assertions": list })));
        self.with("dataQualityAssertions", facet)
    }

    fn json(self, facets: &str) -> Value {
        json!({ "namespace": self.namespace, "name": self.name, facets: self.facets })
    }
}

/// Inputs and outputs of a stage.
#[derive(Default)]
struct Data {
    inputs: Vec<Dataset>,
    outputs: Vec<Dataset>,
}

/// Events of a run, in order, for its `datasets`. Empty if the start or end time of the run is unknown.
pub(crate) fn events(record: &RunRecord, datasets: &[String], locations: &Locations) -> Vec<Value> {
    let (Some(began), Some(ended)) = (record.execution.started_at, record.execution.ended_at) else {
        return Vec::new();
    };
    let run = Run {
        record,
        datasets,
        locations,
    };
    let mut events = vec![run.event("START", began, None, Data::default())];
    for span in run.spans(ended) {
        let (stage, end) = (span.name.as_str(), span.ended_at.unwrap_or(ended));
        let mut data = run.data(stage);
        let end_type = match run.failure(Some(stage)) {
            None => "COMPLETE",
            Some(_) => {
                data.outputs.clear();
                "FAIL"
            }
        };
        events.push(run.event("START", span.entered_at, Some(stage), Data::default()));
        events.push(run.event(end_type, end, Some(stage), data));
    }
    let end_type = run.failure(None).map_or("COMPLETE", |_| "FAIL");
    events.push(run.event(end_type, ended, None, Data::default()));
    events
}

struct Run<'a> {
    record: &'a RunRecord,
    datasets: &'a [String],
    locations: &'a Locations,
}

impl Run<'_> {
    /// The failure of the run (no stage), or of the given stage.
    fn failure(&self, stage: Option<&str>) -> Option<&Failure> {
        match &self.record.outcome {
            RunOutcome::Failed(failure) => {
                let is_this = stage.is_none_or(|stage| failure.stage.eq_ignore_ascii_case(stage));
                is_this.then_some(failure)
            }
            RunOutcome::Succeeded { .. } => None,
        }
    }

    /// Spans of the stages, including a failed one.
    fn spans(&self, ended: DateTime<Utc>) -> Vec<StageSpan> {
        let mut spans = self.record.execution.spans();
        if let Some(failure) = self.failure(None) {
            let failed = failure.stage.to_ascii_lowercase();
            match spans.iter_mut().find(|span| span.name == failed) {
                Some(span) => span.ended_at = Some(ended),
                None => spans.push(StageSpan {
                    name: failed,
                    entered_at: ended,
                    ended_at: Some(ended),
                }),
            }
        }
        spans
    }

    fn run_id(&self, stage: Option<&str>) -> String {
        let key = paths::run_record(self.record.batch_date, &self.record.run_id);
        let record = format!("s3://{}/{key}", self.locations.silver_bucket);
        let name = stage.map_or_else(|| record.clone(), |stage| format!("{record}#{stage}"));
        name_based_id(&name).to_string()
    }

    fn job(&self, stage: Option<&str>) -> Value {
        let name = stage.map_or_else(|| JOB.to_owned(), |stage| format!("{JOB}.{stage}"));
        json!({ "namespace": self.locations.silver_bucket, "name": name })
    }

    /// One event; `stage` is `None` for the run itself.
    fn event(&self, event_type: &str, time: DateTime<Utc>, stage: Option<&str>, data: Data) -> Value {
        let mut facets = json!({
            "nominalTime": facet("1-0-1/NominalTimeRunFacet", nominal_time(self.record.batch_date)),
            "processing_engine": facet(
                "1-1-1/ProcessingEngineRunFacet",
                json!({ "version": self.record.version, "name": "cardlake" }),
            ),
        });
        if stage.is_some() {
            let parent = json!({ "run": { "runId": self.run_id(None) }, "job": self.job(None) });
            facets["parent"] = facet("1-2-0/ParentRunFacet", parent);
        }
        if let Some(failure) = self.failure(stage).filter(|_| event_type == "FAIL") {
            let message = format!("{}: {}; {}", failure.error, failure.message, failure.advice);
            let error = json!({ "message": message, "programmingLanguage": "RUST" });
            facets["errorMessage"] = facet("1-0-1/ErrorMessageRunFacet", error);
        }
        let mut job = self.job(stage);
        let job_type = if stage.is_some() { "TASK" } else { "DAG" };
        let job_type = json!({ "processingType": "BATCH", "integration": "CARDLAKE", "jobType": job_type });
        job["facets"] = json!({ "jobType": facet("2-0-4/JobTypeJobFacet", job_type) });
        let inputs = data.inputs.into_iter().map(|dataset| dataset.json("inputFacets"));
        let outputs = data.outputs.into_iter().map(|dataset| dataset.json("outputFacets"));
        json!({
            "eventType": event_type,
            "eventTime": text(time),
            "run": { "runId": self.run_id(stage), "facets": facets },
            "job": job,
            "inputs": inputs.collect::<Vec<_>>(),
            "outputs": outputs.collect::<Vec<_>>(),
            "producer": producer(),
            "schemaURL": format!("{SPECIFICATION}/2-0-2/OpenLineage.json#/$defs/RunEvent"),
        })
    }

    /// Inputs and outputs of a stage, with row counts. The committed table, which the reconciler reads as well, is left out:
    /// it would make every table its own input.
    fn data(&self, stage: &str) -> Data {
        let silver = &self.locations.silver_bucket;
        let bronze = |dataset: &str| Dataset::folder(&self.locations.bronze_bucket, dataset);
        let table = |dataset: &str| Dataset::folder(silver, dataset);
        let objects = |dataset: &str| Dataset::folder(silver, format!("_objects/{dataset}"));
        let candidates = |dataset: &str| Dataset::folder(silver, format!("_candidates/{dataset}"));
        let quarantine = |dataset: &str| Dataset::folder(silver, format!("_quarantine/{dataset}"));
        let raw = |dataset: &str| warehouse_table(self.locations, RAW_SCHEMA, dataset);
        let mut data = Data::default();
        let Data { inputs, outputs } = &mut data;
        for dataset in self.datasets {
            let books = self.books(dataset);
            let count = |of: fn(&DatasetBooks) -> u64| books.map(of);
            match stage {
                "generate" => outputs.push(bronze(dataset)),
                "transform" => {
                    inputs.push(bronze(dataset).rows_read(count(|books| books.counts.bronze_rows)));
                    outputs.push(objects(dataset));
                    outputs.push(quarantine(dataset).rows_written(count(|books| books.counts.quarantined)));
                }
                "reconcile" => {
                    inputs.push(objects(dataset));
                    outputs.push(candidates(dataset).rows_written(count(|books| books.counts.silver_rows_added)));
                }
                "validate" => inputs.push(candidates(dataset).assertions(self.audit(dataset).map(expectations))),
                "publish" => {
                    inputs.push(candidates(dataset));
                    outputs.push(table(dataset).rows_written(count(|books| books.counts.silver_rows_added)));
                }
                "load" => {
                    inputs.push(table(dataset));
                    outputs.push(raw(dataset));
                }
                "balance" => {
                    inputs.push(table(dataset).rows_read(count(|books| books.silver_rows)));
                    let read = raw(dataset).rows_read(count(|books| books.warehouse_rows));
                    inputs.push(read.assertions(books.map(same_rows)));
                }
                "build" => inputs.push(raw(dataset)),
                _ => {}
            }
        }
        if let (RunOutcome::Succeeded { marts, .. }, "build") = (&self.record.outcome, stage) {
            for (mart, rows) in &marts.marts {
                outputs.push(warehouse_table(self.locations, MART_SCHEMA, mart).rows_written(Some(*rows)));
                outputs.push(Dataset::folder(&self.locations.gold_bucket, mart).rows_written(Some(*rows)));
            }
            let report = marts.report.iter();
            outputs.extend(report.map(|report| Dataset::folder(&self.locations.gold_bucket, report)));
        }
        data
    }

    fn books(&self, dataset: &str) -> Option<&DatasetBooks> {
        match &self.record.outcome {
            RunOutcome::Succeeded { books, .. } => books.datasets.get(dataset),
            RunOutcome::Failed(_) => None,
        }
    }

    fn audit(&self, dataset: &str) -> Option<&ValidatorOutput> {
        match &self.record.outcome {
            RunOutcome::Succeeded { audits, .. } => audits.iter().find(|audit| audit.dataset == dataset),
            RunOutcome::Failed(_) => None,
        }
    }
}

/// The suite as a whole, then its failed expectations. Those are warnings: a failed critical expectation fails the run.
fn expectations(audit: &ValidatorOutput) -> Vec<Value> {
    let suite = json!({
        "assertion": "expectation_suite",
        "success": audit.successful == audit.evaluated,
        "severity": "warn",
        "name": audit.dataset,
        "expected": audit.evaluated.to_string(),
        "actual": audit.successful.to_string(),
    });
    let failed = audit.warnings.iter().map(|warning| {
        json!({
            "assertion": "expectation",
            "success": false,
            "severity": "warn",
            "description": masked(warning),
        })
    });
    [suite].into_iter().chain(failed).collect()
}

/// Asserts that the warehouse has the same number of rows as silver.
fn same_rows(books: &DatasetBooks) -> Vec<Value> {
    vec![json!({
        "assertion": "row_count",
        "success": books.balanced,
        "severity": "error",
        "name": "books_balance",
        "expected": books.silver_rows.to_string(),
        "actual": books.warehouse_rows.to_string(),
    })]
}

fn producer() -> String {
    format!("urn:x-cardlake:{}", env!("CARGO_PKG_VERSION"))
}

/// A facet with its schema URL; `specification` is version and name.
fn facet(specification: &str, fields: Value) -> Value {
    let name = specification.rsplit_once('/').map_or(specification, |(_, name)| name);
    let mut facet = Map::new();
    facet.insert("_producer".to_owned(), producer().into());
    let schema = format!("{SPECIFICATION}/facets/{specification}.json#/$defs/{name}");
    facet.insert("_schemaURL".to_owned(), schema.into());
    if let Value::Object(fields) = fields {
        facet.extend(fields);
    }
    Value::Object(facet)
}

/// The batch day, independent of the time of the run.
fn nominal_time(day: NaiveDate) -> Value {
    let midnight = |day: NaiveDate| text(day.and_time(NaiveTime::MIN).and_utc());
    let next = day.checked_add_days(Days::new(1));
    json!({ "nominalStartTime": midnight(day), "nominalEndTime": next.map(midnight) })
}

fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// RFC 9562, version 5, in the namespace of URLs.
fn name_based_id(url: &str) -> Uuid {
    let hash = Sha1::new()
        .chain_update(Uuid::NAMESPACE_URL.as_bytes())
        .chain_update(url.as_bytes())
        .finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    Builder::from_sha1_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_those_that_everybody_derives_from_the_address() {
        // Python: uuid.uuid5(uuid.NAMESPACE_URL, "s3://silver/_runs/r.json#load")
        assert_eq!(
            name_based_id("s3://silver/_runs/r.json#load").to_string(),
            "00cf478a-98d9-598e-9799-3c2d72448548"
        );
    }
}
