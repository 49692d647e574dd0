//! OpenLineage events of a run: what each stage read and wrote, when, how many rows, and what failed.
//!
//! The events are made when the run is over, from its record: every time in them is the state machine's, and the same record
//! gives the same bytes. A run is the parent of its stages; identifiers follow from the address of the run record (UUID
//! version 5 of `s3://SILVER/_runs/…json`, for a stage with `#<stage>` behind it). Datasets are named as OpenLineage's naming
//! rules want them: `s3://<bucket>` and the folder, `redshift://<workgroup or cluster>.<region>:<port>` and
//! `<database>.<schema>.<table>`. Jobs are in a namespace of the silver bucket's name, which no other deployment has.
//!
//! What a stage gets from the one before it is a dataset as well (`_objects`, `_candidates`), so that a row can be followed
//! from the raw file to the mart. The state machine knows when a stage began only once it has ended: of one that failed, both
//! events, and the end of the stage before it, have the time at which the run came to its end.

use crate::message::masked;
use cardlake_core::events::{DatasetBooks, ValidatorOutput};
use cardlake_core::paths;
use cardlake_core::run_record::{Failure, RunOutcome, RunRecord, StageSpan};
use chrono::{DateTime, Days, NaiveDate, NaiveTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use sha1::{Digest, Sha1};
use uuid::{Builder, Uuid};

const SPECIFICATION: &str = "https://openlineage.io/spec";
/// What job names begin with: the state machine.
const JOB: &str = "daily";
/// Port of Redshift unless somebody changes it; it is a part of the warehouse's name here and nothing connects to it.
const REDSHIFT_PORT: u16 = 5439;
/// Schema of the loader's tables, and of the models.
const RAW_SCHEMA: &str = "raw";
const MART_SCHEMA: &str = "analytics";

/// Where the layers are.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    pub(crate) bronze_bucket: String,
    pub(crate) silver_bucket: String,
    pub(crate) gold_bucket: String,
    /// Name, or ARN of which the last part is the name.
    pub(crate) warehouse: String,
    pub(crate) region: String,
    pub(crate) database: String,
}

impl Places {
    fn table(&self, schema: &str, table: &str) -> Dataset {
        let warehouse = self.warehouse.rsplit('/').next().unwrap_or_default();
        Dataset::new(
            format!("redshift://{warehouse}.{}:{REDSHIFT_PORT}", self.region),
            format!("{}.{schema}.{table}", self.database),
        )
    }
}

/// A dataset with what is known about it in one run.
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

/// What a stage read and wrote.
#[derive(Default)]
struct Data {
    inputs: Vec<Dataset>,
    outputs: Vec<Dataset>,
}

/// The events of a run, in order; `datasets` are those that it was about. A run whose times are not known has none.
pub(crate) fn events(record: &RunRecord, datasets: &[String], places: &Places) -> Vec<Value> {
    let (Some(began), Some(ended)) = (record.execution.started_at, record.execution.ended_at) else {
        return Vec::new();
    };
    let run = Run {
        record,
        datasets,
        places,
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
    places: &'a Places,
}

impl Run<'_> {
    /// What failed, if it was the run (no stage) or this stage of it.
    fn failure(&self, stage: Option<&str>) -> Option<&Failure> {
        match &self.record.outcome {
            RunOutcome::Failed(failure) => {
                let is_this = stage.is_none_or(|stage| failure.stage.eq_ignore_ascii_case(stage));
                is_this.then_some(failure)
            }
            RunOutcome::Succeeded { .. } => None,
        }
    }

    /// The stages, the failed one among them.
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
        let record = format!("s3://{}/{key}", self.places.silver_bucket);
        let name = stage.map_or_else(|| record.clone(), |stage| format!("{record}#{stage}"));
        name_based_id(&name).to_string()
    }

    fn job(&self, stage: Option<&str>) -> Value {
        let name = stage.map_or_else(|| JOB.to_owned(), |stage| format!("{JOB}.{stage}"));
        json!({ "namespace": self.places.silver_bucket, "name": name })
    }

    /// `stage`: none for the run itself.
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

    /// What a stage reads and writes, with the counts that the books have. The reconciler also reads what is committed: as
    /// an input that would tell nobody anything.
    fn data(&self, stage: &str) -> Data {
        let silver = &self.places.silver_bucket;
        let bronze = |dataset: &str| Dataset::folder(&self.places.bronze_bucket, dataset);
        let table = |dataset: &str| Dataset::folder(silver, dataset);
        let objects = |dataset: &str| Dataset::folder(silver, format!("_objects/{dataset}"));
        let candidates = |dataset: &str| Dataset::folder(silver, format!("_candidates/{dataset}"));
        let quarantine = |dataset: &str| Dataset::folder(silver, format!("_quarantine/{dataset}"));
        let raw = |dataset: &str| self.places.table(RAW_SCHEMA, dataset);
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
                outputs.push(self.places.table(MART_SCHEMA, mart).rows_written(Some(*rows)));
                outputs.push(Dataset::folder(&self.places.gold_bucket, mart).rows_written(Some(*rows)));
            }
            let report = marts.report.iter();
            outputs.extend(report.map(|report| Dataset::folder(&self.places.gold_bucket, report)));
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

/// The suite as a whole, then what of it was not met. Whatever is critical was met, or the run had failed.
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

/// That the warehouse has the rows of silver.
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

/// A facet with where its definition is: `specification` is version and name.
fn facet(specification: &str, fields: Value) -> Value {
    let name = specification.rsplit('/').next().unwrap_or_default();
    let mut facet = Map::new();
    facet.insert("_producer".to_owned(), producer().into());
    let schema = format!("{SPECIFICATION}/facets/{specification}.json#/$defs/{name}");
    facet.insert("_schemaURL".to_owned(), schema.into());
    if let Value::Object(fields) = fields {
        facet.extend(fields);
    }
    Value::Object(facet)
}

/// The day that the run is about, whenever it ran.
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
