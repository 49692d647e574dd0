//! The validator's answer to an event: an audit of a candidate.

use crate::docs::{DocsPage, TrendPoint};
use crate::error::Error;
use crate::evaluate::evaluate;
use crate::expectations::looks_beside;
use crate::quarantine::failing_rows;
use crate::result::{ExpectationResult, ResultFormat, ValidationResult};
use crate::source::{Location, ParquetTable, Source, TableFile};
use crate::suite::{Severity, Suite};
use crate::trend;
use arrow::datatypes::Schema;
use cardlake_aws::clients::Aws;
use cardlake_aws::metrics::{self, Metric, Subject};
use cardlake_aws::runtime::Resources;
use cardlake_aws::storage::Storage;
use cardlake_core::assets::{AssetFolder, Assets};
use cardlake_core::contract::{Contract, Contracts};
use cardlake_core::env;
use cardlake_core::events::{ValidatorEvent, ValidatorOutput};
use cardlake_core::paths;
use cardlake_core::pii::mask_card_numbers;
use cardlake_core::records::{BatchCounts, Candidate, FORMAT_VERSION};
use cardlake_lake::delta::{DeltaStore, DeltaTable};
use futures::future::BoxFuture;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Failures that an error tells in full; the result has them all. The cause of a failed state holds 32,768 characters.
const FAILURES_TOLD: usize = 5;

/// Settings, clients and project files of the stage.
#[derive(Debug, Clone)]
pub struct Context {
    aws: Aws,
    storage: Storage,
    silver_bucket: String,
    assets: Assets,
    contracts: Contracts,
}

impl Context {
    /// Reads the settings and the contracts, and makes the clients.
    ///
    /// # Errors
    /// All mistakes in the settings; a contract that cannot be used.
    #[expect(clippy::unused_async, reason = "all stages are made alike")]
    pub async fn new(resources: Resources) -> Result<Self, Error> {
        let Resources {
            mut variables,
            aws,
            assets,
        } = resources;
        let silver_bucket = variables.required(env::SILVER_BUCKET, "the bucket of the Delta tables");
        variables.finish(())?;
        Ok(Self {
            storage: Storage::new(aws.s3()),
            aws,
            silver_bucket,
            contracts: Contracts::load(&assets)?,
            assets,
        })
    }
}

/// Audits a candidate: the suite of its dataset over the files that it adds, and its books. Writes the validation result,
/// whatever it says.
///
/// # Errors
/// A critical expectation that is not met, books that do not balance, or something that cannot be read or written.
pub async fn handle(event: ValidatorEvent, context: &Context) -> Result<ValidatorOutput, Error> {
    // Behind a pointer: the futures of the SDK and of the Parquet reader nest deeper than the compiler follows.
    let audit: BoxFuture<'_, _> = Box::pin(audit(event, context));
    audit.await
}

async fn audit(event: ValidatorEvent, context: &Context) -> Result<ValidatorOutput, Error> {
    let contract = context.contracts.get(&event.dataset)?;
    let nothing = |dataset| ValidatorOutput {
        dataset,
        evaluated: 0,
        successful: 0,
        warnings: Vec::new(),
        result: None,
    };
    let Some(key) = &event.candidate else {
        return Ok(nothing(event.dataset));
    };
    let candidate = context.candidate(&event, key).await?;
    let table = context.table(&candidate, contract).await?;
    check_books(&candidate, &table)?;
    if candidate.add.is_empty() {
        return Ok(nothing(event.dataset));
    }
    let file = format!("{}.json", event.dataset);
    let asset = context.assets.read(AssetFolder::Expectations, &file)?;
    let suite = Suite::from_json(&format!("{}/{file}", AssetFolder::Expectations.name()), &asset.text)?;
    let table = if looks_beside(&suite) {
        table.beside(context.staying(&candidate).await?).await?
    } else {
        table
    };
    let meta = meta(&suite, &candidate, &table);
    let result = evaluate(&suite, &table, ResultFormat::Summary, meta).await?;
    context.keep(&candidate, &result).await?;
    tracing::info!(
        dataset = event.dataset,
        batch_date = %event.batch_date,
        rows = table.rows(),
        rows_beside = table.rows_beside(),
        evaluated = result.statistics.evaluated_expectations,
        successful = result.statistics.successful_expectations,
        "candidate audited"
    );
    let statistics = &result.statistics;
    let figures = [
        (Metric::ExpectationsEvaluated, statistics.evaluated_expectations),
        (Metric::ExpectationsFailed, statistics.unsuccessful_expectations),
    ];
    metrics::record(&Subject::Dataset(event.dataset.clone()), &figures);
    let result_key = paths::validation_result(&event.dataset, event.batch_date, &candidate.id);
    let critical: Vec<String> = result.failures(Severity::Critical).map(told).collect();
    if !critical.is_empty() {
        return Err(Error::ExpectationFailed {
            rows: context.address(&context.quarantine(&candidate, &table, &result).await?),
            dataset: event.dataset,
            batch_date: event.batch_date,
            count: critical.len() as u64,
            evaluated: result.statistics.evaluated_expectations,
            failures: critical[..critical.len().min(FAILURES_TOLD)].join("; "),
            result: context.address(&result_key),
        });
    }
    let lower = [Severity::Warning, Severity::Info];
    Ok(ValidatorOutput {
        dataset: event.dataset,
        evaluated: result.statistics.evaluated_expectations,
        successful: result.statistics.successful_expectations,
        warnings: lower
            .iter()
            .flat_map(|severity| result.failures(*severity))
            .map(told)
            .collect(),
        result: Some(result_key),
    })
}

/// What a message says of a failure. Messages leave the account: what looks like a card number is masked even here, where
/// silver has tokens in its place.
fn told(failure: &ExpectationResult) -> String {
    mask_card_numbers(&failure.sentence()).into_owned()
}

impl Context {
    async fn candidate(&self, event: &ValidatorEvent, key: &str) -> Result<Candidate, Error> {
        let bucket = &self.silver_bucket;
        let candidate: Option<Candidate> = self.storage.get_json(bucket, key).await?;
        let candidate = candidate.ok_or_else(|| Error::NoCandidate {
            bucket: bucket.clone(),
            key: key.to_owned(),
            dataset: event.dataset.clone(),
            batch_date: event.batch_date,
        })?;
        let problem = if candidate.format_version != FORMAT_VERSION {
            format!(
                "its format version is {}, this cardlake reads {FORMAT_VERSION}",
                candidate.format_version
            )
        } else if candidate.dataset != event.dataset || candidate.batch_date != event.batch_date {
            format!(
                "it is for {} of {}, asked for was {} of {}",
                candidate.dataset, candidate.batch_date, event.dataset, event.batch_date
            )
        } else {
            return Ok(candidate);
        };
        Err(Error::WrongCandidate {
            bucket: bucket.clone(),
            key: key.to_owned(),
            problem,
        })
    }

    /// The files that the candidate adds, as a table.
    async fn table(&self, candidate: &Candidate, contract: &Contract) -> Result<ParquetTable, Error> {
        let files = candidate.add.iter();
        let files = files.map(|file| self.file(&candidate.dataset, &file.path, file.size, &file.partition_values));
        let table_schema = contract.table_schema();
        let partitions = table_schema
            .fields()
            .iter()
            .filter(|field| contract.partition_columns.contains(field.name()));
        let partitions = Schema::new(partitions.cloned().collect::<Vec<_>>());
        Ok(ParquetTable::open(files.collect(), &partitions).await?)
    }

    fn file(
        &self,
        dataset: &str,
        path: &str,
        size: u64,
        partition_values: &BTreeMap<String, Option<String>>,
    ) -> TableFile {
        TableFile {
            location: Location::Object {
                storage: self.storage.clone(),
                bucket: self.silver_bucket.clone(),
                key: format!("{}{path}", paths::table_prefix(dataset)),
                size,
            },
            partition_values: partition_values.clone(),
        }
    }

    /// The files that stay in the partitions that the candidate adds to: its rows must be unique beside theirs.
    async fn staying(&self, candidate: &Candidate) -> Result<Vec<TableFile>, Error> {
        let Some(version) = candidate.base_version else {
            return Ok(Vec::new());
        };
        let store = DeltaStore::new(&self.aws, &self.silver_bucket)?;
        let table = DeltaTable::open(&store, &candidate.dataset).await?;
        let active = table.at_version(version).await?.active_files().await?;
        let touched: BTreeSet<_> = candidate.add.iter().map(|file| &file.partition_values).collect();
        let removed: BTreeSet<_> = candidate.remove.iter().collect();
        let staying = active
            .iter()
            .filter(|file| touched.contains(&file.partition_values) && !removed.contains(&file.path));
        let files = staying.map(|file| self.file(&candidate.dataset, &file.path, file.size, &file.partition_values));
        Ok(files.collect())
    }

    fn address(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.silver_bucket)
    }

    /// Writes the result, as a document and as a page.
    async fn keep(&self, candidate: &Candidate, result: &ValidationResult) -> Result<(), Error> {
        let Candidate {
            dataset,
            batch_date,
            id,
            ..
        } = candidate;
        let bucket = &self.silver_bucket;
        let key = paths::validation_result(dataset, *batch_date, id);
        self.storage.put_json(bucket, &key, result).await?;
        let mut trend = trend::before(&self.storage, bucket, dataset, *batch_date).await?;
        trend.push(TrendPoint::new(trend::label(*batch_date), result));
        let page = DocsPage {
            title: dataset.clone(),
            subtitle: format!("batch of {batch_date}, candidate {id}"),
            result,
            trend,
        };
        let key = paths::validation_docs(dataset, *batch_date, id);
        Ok(self.storage.put(bucket, &key, page.html()?.into_bytes()).await?)
    }

    /// Keeps what stopped a candidate: the result and the failing rows. Gives the key of the rows.
    async fn quarantine(
        &self,
        candidate: &Candidate,
        table: &ParquetTable,
        result: &ValidationResult,
    ) -> Result<String, Error> {
        let Candidate {
            dataset,
            batch_date,
            id,
            ..
        } = candidate;
        let bucket = &self.silver_bucket;
        let key = paths::quarantined_result(dataset, *batch_date, id);
        self.storage.put_json(bucket, &key, result).await?;
        let key = paths::quarantined_rows(dataset, *batch_date, id);
        let rows = failing_rows(table, result).await?;
        self.storage.put(bucket, &key, rows).await?;
        Ok(key)
    }
}

/// The conservation law: every bronze row is accounted for, in each object and in all of them, and every file holds the rows that the candidate says. (Files
/// that were rewritten hold older rows too, so their sum is no count of the batch.)
fn check_books(candidate: &Candidate, table: &ParquetTable) -> Result<(), Error> {
    let imbalance = |problem: String| {
        Err(Error::Imbalance {
            dataset: candidate.dataset.clone(),
            batch_date: candidate.batch_date,
            problem,
        })
    };
    let counts = &candidate.counts;
    if !counts.balanced() {
        return imbalance(format!(
            "{} bronze rows are not {} added + {} duplicates + {} quarantined",
            counts.bronze_rows, counts.silver_rows_added, counts.duplicates, counts.quarantined
        ));
    }
    if counts.late_rows > counts.silver_rows_added {
        return imbalance(format!(
            "{} late rows among {} added",
            counts.late_rows, counts.silver_rows_added
        ));
    }
    let of_objects = candidate.objects.values().map(|object| object.counts);
    if !candidate.objects.is_empty() {
        let total = of_objects.fold(BatchCounts::default(), BatchCounts::plus);
        if total != *counts {
            return imbalance(format!(
                "the books of its {} objects add up to {total:?}, not to {counts:?}",
                candidate.objects.len()
            ));
        }
    }
    for (file, (_, rows)) in candidate.add.iter().zip(table.file_rows()) {
        if file.rows != rows {
            return imbalance(format!(
                "{} holds {rows} rows, the candidate says {}",
                file.path, file.rows
            ));
        }
    }
    // Without a table before, all that was added is in these files, and nothing else.
    if candidate.base_version.is_none() && table.rows() != counts.silver_rows_added {
        return imbalance(format!(
            "the first files of the table hold {} rows, {} were added",
            table.rows(),
            counts.silver_rows_added
        ));
    }
    Ok(())
}

/// What the result says about itself. No clock: the same candidate gives the same result.
fn meta(suite: &Suite, candidate: &Candidate, table: &ParquetTable) -> Map<String, Value> {
    let version = suite
        .meta
        .get("great_expectations_version")
        .cloned()
        .unwrap_or(Value::Null);
    let meta = [
        ("great_expectations_version", version),
        ("format_version", json!(FORMAT_VERSION)),
        (
            "active_batch_definition",
            json!({
                "datasource_name": "silver",
                "data_connector_name": "candidate",
                "data_asset_name": candidate.dataset,
                "batch_identifiers": {"batch_date": candidate.batch_date, "candidate": candidate.id},
            }),
        ),
        ("files", json!(candidate.add.len())),
        ("rows", json!(table.rows())),
        ("rows_beside", json!(table.rows_beside())),
        ("counts", json!(candidate.counts)),
    ];
    meta.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
