//! One tick of a load.

use crate::checksums::{Expected, MAX_SUMMED_ROWS, Scope, sum_columns};
use crate::copy_manifest::manifest;
use crate::cursor::{Cursor, DatasetCursor, FORMAT_VERSION, Loading, Step};
use crate::error::LoaderError;
use crate::load::{CopySource, Load};
use crate::plan::{Need, WarehouseState, need};
use crate::silver::{Lake, Silver, SilverFile};
use crate::sql::{Role, count, define, prepare};
use crate::staging::groups;
use cardlake_aws::data_api::{DataApi, MAX_BATCH_STATEMENTS, StatementState, Submission, Warehouse, client_token};
use cardlake_aws::lease::Lease;
use cardlake_aws::runtime::Resources;
use cardlake_aws::storage::Storage;
use cardlake_core::config::{LakeConfig, WarehouseConfig};
use cardlake_core::contract::{Contract, Contracts};
use cardlake_core::events::{LoadedDataset, LoaderEvent, LoaderOutput, TickStatus};
use cardlake_core::paths;
use uuid::Uuid;

/// How often a load is planned anew after a conflict, before it counts as failed.
pub(crate) const MAX_ATTEMPTS: u32 = 20;

/// Settings and clients of the stage, made once.
pub struct Context {
    pub(crate) contracts: Contracts,
    pub(crate) silver_bucket: String,
    pub(crate) copy_role_arn: Option<String>,
    pub(crate) silver: Box<dyn Silver>,
    pub(crate) warehouse: Box<dyn DataApi>,
    /// Loads and builds of one warehouse follow one another: what a build reads must not change while it runs.
    pub(crate) lease: Option<Lease>,
}

impl Context {
    /// From the settings.
    ///
    /// # Errors
    /// A variable is missing or wrong, or a contract is.
    pub async fn new(resources: Resources) -> Result<Self, LoaderError> {
        let Resources {
            mut variables,
            aws,
            assets,
        } = resources;
        let lake = LakeConfig::read(&mut variables);
        let config = WarehouseConfig::read(&mut variables);
        let config = variables.finish(config)?;
        let storage = Storage::new(aws.s3());
        Ok(Self {
            lease: Some(Lease::new(storage, &lake.silver_bucket, paths::WAREHOUSE_LEASE)),
            contracts: Contracts::load(&assets)?,
            copy_role_arn: config.copy_role_arn.clone(),
            silver: Box::new(Lake::new(&aws, &lake.silver_bucket)?),
            silver_bucket: lake.silver_bucket,
            warehouse: Box::new(Warehouse::new(aws.redshift_data(), config)),
        })
    }
}

/// Does what can be done now and says whether to come back. While another run loads or builds, that is nothing.
///
/// # Errors
/// A statement failed, a service refused, a table is missing: see [`LoaderError`].
pub async fn handle(event: LoaderEvent, context: &Context) -> Result<LoaderOutput, LoaderError> {
    let Some(lease) = &context.lease else {
        return tick(&event, context).await;
    };
    let by_hand = || format!("load of {} by hand", event.batch_date);
    let holder = event.run_id.clone().unwrap_or_else(by_hand);
    let has_ended = |output: &LoaderOutput| output.status == TickStatus::Succeeded;
    let output = lease.tick(&holder, tick(&event, context), has_ended).await?;
    Ok(output.unwrap_or_else(|| running(event.cursor)))
}

async fn tick(event: &LoaderEvent, context: &Context) -> Result<LoaderOutput, LoaderError> {
    let tick = Tick { event, context };
    let mut cursor = match &event.cursor {
        None => begin(event, context).await?,
        Some(cursor) => Cursor::read(cursor)?,
    };
    tick.advance(&mut cursor).await?;
    output(&cursor)
}

/// Chooses the datasets and pins the versions to reach.
async fn begin(event: &LoaderEvent, context: &Context) -> Result<Cursor, LoaderError> {
    let named = event.datasets.as_deref().unwrap_or_default();
    for dataset in named {
        context.contracts.get(dataset)?;
    }
    let mut datasets = Vec::new();
    for contract in context.contracts.iter() {
        let dataset = contract.dataset.clone();
        let wanted = event.datasets.is_none() || named.contains(&dataset);
        let target = if wanted {
            context.silver.version(&dataset).await?
        } else {
            None
        };
        if target.is_none() && named.contains(&dataset) {
            return Err(LoaderError::NoSilverTable { dataset });
        }
        datasets.push(DatasetCursor {
            dataset,
            target,
            step: Step::Waiting,
        });
    }
    Ok(Cursor {
        format_version: FORMAT_VERSION,
        run: Uuid::new_v4().simple().to_string(),
        full_refresh: event.full_refresh,
        ledger: None,
        attempt: 0,
        datasets,
    })
}

/// An event in a context.
pub(crate) struct Tick<'a> {
    pub(crate) event: &'a LoaderEvent,
    pub(crate) context: &'a Context,
}

impl Tick<'_> {
    async fn advance(&self, cursor: &mut Cursor) -> Result<(), LoaderError> {
        if let Some(statement) = cursor.ledger.clone() {
            self.look_at_ledger(cursor, &statement).await?;
        }
        for index in 0..cursor.datasets.len() {
            let step = match cursor.datasets[index].step.clone() {
                Step::Widening { statement } => self.look_at_widening(cursor, index, statement).await?,
                Step::Loading(loading) => self.look_at_load(cursor, index, loading).await?,
                Step::Diagnosing {
                    statement,
                    failed,
                    error,
                } => self.look_at_diagnosis(statement, failed, error).await?,
                Step::Comparing { statement, loading } => {
                    self.look_at_comparison(cursor, index, statement, loading).await?
                }
                step @ (Step::Waiting | Step::Done { .. }) => step,
            };
            cursor.datasets[index].step = step;
        }
        let waiting = cursor.datasets.iter().any(|dataset| dataset.step == Step::Waiting);
        if waiting && cursor.ledger.is_none() {
            self.ask_ledger(cursor).await?;
        }
        Ok(())
    }

    async fn ask_ledger(&self, cursor: &mut Cursor) -> Result<(), LoaderError> {
        cursor.attempt += 1;
        let datasets: Vec<_> = cursor.datasets.iter().map(|entry| entry.dataset.as_str()).collect();
        let statements = prepare(&datasets, self.event.batch_date);
        cursor.ledger = Some(self.submit(cursor, "ledger", statements).await?);
        Ok(())
    }

    pub(crate) async fn submit(
        &self,
        cursor: &Cursor,
        step: &str,
        statements: Vec<String>,
    ) -> Result<String, LoaderError> {
        let submission = Submission {
            name: format!("cardlake load {} {step}", self.event.batch_date),
            token: client_token(&[&cursor.run, step, &cursor.attempt.to_string()]),
            statements,
        };
        Ok(self.context.warehouse.submit(&submission).await?)
    }

    async fn look_at_ledger(&self, cursor: &mut Cursor, statement: &str) -> Result<(), LoaderError> {
        match self.context.warehouse.poll(statement).await? {
            StatementState::Running => Ok(()),
            StatementState::Failed { error, .. } => {
                // Two first loads at once may both try to make the ledger.
                if error.kind.is_concurrency() && cursor.attempt < MAX_ATTEMPTS {
                    cursor.ledger = None;
                    return Ok(());
                }
                Err(LoaderError::StatementFailed {
                    statement: "ledger of all datasets".to_owned(),
                    error: error.message,
                    details: Vec::new(),
                })
            }
            StatementState::Finished { statements } => {
                let [.., ledger, columns] = statements.as_slice() else {
                    return Err(LoaderError::Cursor {
                        cause: "its ledger statement is another one".to_owned(),
                    });
                };
                let ledger = self.context.warehouse.results(&ledger.id).await?;
                let columns = self.context.warehouse.results(&columns.id).await?;
                let state = WarehouseState::new(&ledger, &columns);
                cursor.ledger = None;
                for index in 0..cursor.datasets.len() {
                    if cursor.datasets[index].step == Step::Waiting {
                        let step = self.start(cursor, index, &state).await?;
                        cursor.datasets[index].step = step;
                    }
                }
                Ok(())
            }
        }
    }

    /// Plans a dataset and submits its transaction.
    async fn start(&self, cursor: &Cursor, index: usize, state: &WarehouseState) -> Result<Step, LoaderError> {
        let entry = &cursor.datasets[index];
        let dataset = entry.dataset.as_str();
        let contract = self.context.contracts.get(dataset)?;
        let definitions = define(contract, state.columns(dataset));
        let mut work: Vec<_> = Vec::new();
        let (mut version, mut silver_rows, mut compared) = (0, 0, None);
        if let Some(pinned) = entry.target {
            let mut newest = pinned;
            if state.version(dataset) > i64::try_from(pinned).unwrap_or(i64::MAX) {
                newest = self.context.silver.version(dataset).await?.unwrap_or_default();
            }
            match need(dataset, state, pinned, newest, cursor.full_refresh)? {
                Need::Nothing { version: held } => {
                    version = held;
                    let files = self.context.silver.files(dataset, held).await?;
                    silver_rows = rows(&files);
                }
                Need::Files { from, to } => {
                    version = to;
                    let files = self.context.silver.files(dataset, to).await?;
                    silver_rows = rows(&files);
                    let new = self.context.silver.new_files(dataset, from, to).await?;
                    let expected = self.expected(contract, &new, &files).await?;
                    let load = Load {
                        contract,
                        batch_date: self.event.batch_date,
                        ledger_version: state.version(dataset),
                        version: to,
                        full_refresh: cursor.full_refresh,
                        sources: &self.sources(contract, &new, from, to).await?,
                        role_arn: self.context.copy_role_arn.as_deref(),
                        expected: expected.as_ref(),
                    };
                    work = load.statements()?;
                    compared = expected.map(|expected| expected.summary());
                }
            }
            work.push((Role::Count, count(dataset)));
        }
        if definitions.len() + work.len() > MAX_BATCH_STATEMENTS && !definitions.is_empty() {
            // What does not fit into one batch yet goes ahead: a wider table is right for everybody.
            let first = definitions.into_iter().take(MAX_BATCH_STATEMENTS).collect();
            let statement = self.submit(cursor, &format!("{dataset} columns"), first).await?;
            return Ok(Step::Widening { statement });
        }
        let work: Vec<_> = definitions
            .into_iter()
            .map(|statement| (Role::Define, statement))
            .chain(work)
            .collect();
        if work.is_empty() {
            return Ok(Step::Done {
                version: None,
                copied_rows: 0,
                warehouse_rows: 0,
                compared: None,
            });
        }
        let (roles, statements) = work.into_iter().unzip();
        Ok(Step::Loading(Loading {
            statement: self.submit(cursor, dataset, statements).await?,
            roles,
            from: state.version(dataset),
            version,
            silver_rows,
            compared,
        }))
    }

    /// What the partitions of the new files have to hold at the version with the given files; none: there is no new file.
    pub(crate) async fn expected(
        &self,
        contract: &Contract,
        new: &[SilverFile],
        files: &[SilverFile],
    ) -> Result<Option<Expected>, LoaderError> {
        if new.is_empty() {
            return Ok(None);
        }
        let scope = Scope::new(contract, new, files);
        let mut sums = sum_columns(contract);
        if scope.rows() > MAX_SUMMED_ROWS {
            tracing::warn!(
                dataset = contract.dataset,
                rows = scope.rows(),
                "too many rows to add up"
            );
            sums.clear();
        }
        let names: Vec<String> = sums.iter().map(|column| column.name.clone()).collect();
        let contents = if names.is_empty() {
            vec![Default::default(); scope.files.len()]
        } else {
            let silver = &self.context.silver;
            silver.contents(&contract.dataset, &scope.files, &names).await?
        };
        Ok(Some(Expected::new(scope, &contents, sums)))
    }

    /// As [`Self::expected`], without the sums, for a load that was submitted before.
    pub(crate) async fn touched(
        &self,
        cursor: &Cursor,
        index: usize,
        loading: &Loading,
    ) -> Result<Option<Expected>, LoaderError> {
        let dataset = cursor.datasets[index].dataset.as_str();
        let from = u64::try_from(loading.from).ok().filter(|_| !cursor.full_refresh);
        let new = self.context.silver.new_files(dataset, from, loading.version).await?;
        if new.is_empty() {
            return Ok(None);
        }
        let files = self.context.silver.files(dataset, loading.version).await?;
        let scope = Scope::new(self.context.contracts.get(dataset)?, &new, &files);
        let contents = vec![Default::default(); scope.files.len()];
        Ok(Some(Expected::new(scope, &contents, Vec::new())))
    }

    /// Writes a manifest for each group of files that COPY can take together.
    async fn sources(
        &self,
        contract: &Contract,
        files: &[SilverFile],
        from: Option<u64>,
        to: u64,
    ) -> Result<Vec<CopySource>, LoaderError> {
        let dataset = contract.dataset.as_str();
        let from = from.and_then(|from| i64::try_from(from).ok()).unwrap_or(-1);
        tracing::info!(dataset, from, to, files = files.len(), "loading");
        let bucket = &self.context.silver_bucket;
        let contents = self.context.silver.contents(dataset, files, &[]).await?;
        let mut sources = Vec::new();
        for (index, group) in groups(contract, files, &contents)?.into_iter().enumerate() {
            let key = paths::load_manifest(dataset, from, to, index);
            let text = manifest(bucket, dataset, &group.files);
            self.context.silver.put(&key, text).await?;
            let manifest = format!("s3://{bucket}/{key}");
            sources.push(CopySource { manifest, group });
        }
        Ok(sources)
    }
}

fn rows(files: &[SilverFile]) -> u64 {
    files.iter().map(|file| file.rows).sum()
}

/// To be called again.
const fn running(cursor: Option<serde_json::Value>) -> LoaderOutput {
    LoaderOutput {
        status: TickStatus::Running,
        cursor,
        datasets: Vec::new(),
    }
}

fn output(cursor: &Cursor) -> Result<LoaderOutput, LoaderError> {
    let mut datasets = Vec::new();
    let mut is_running = false;
    for entry in &cursor.datasets {
        match &entry.step {
            Step::Done {
                version,
                copied_rows,
                warehouse_rows,
                compared,
            } => datasets.extend(version.map(|version| LoadedDataset {
                dataset: entry.dataset.clone(),
                version,
                copied_rows: *copied_rows,
                warehouse_rows: *warehouse_rows,
                compared: compared.clone(),
            })),
            _ => is_running = true,
        }
    }
    if is_running {
        return Ok(running(Some(cursor.write()?)));
    }
    Ok(LoaderOutput {
        status: TickStatus::Succeeded,
        cursor: None,
        datasets,
    })
}
