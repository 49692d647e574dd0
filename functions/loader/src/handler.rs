//! One tick of a load.

use crate::cursor::{Cursor, DatasetCursor, FORMAT_VERSION, Step};
use crate::error::LoaderError;
use crate::manifest::manifest;
use crate::plan::{Need, WarehouseState, need};
use crate::silver::{Lake, Silver};
use crate::sql::{CopySource, Load, Role, count, define, load_errors, prepare};
use cardlake_shared::assets::Assets;
use cardlake_shared::aws::Aws;
use cardlake_shared::config::{LakeConfig, Variables, WarehouseConfig};
use cardlake_shared::contract::Contracts;
use cardlake_shared::data_api::{
    DataApi, ResultSet, StatementOutcome, StatementState, Submission, Value, Warehouse, client_token, is_conflict,
};
use cardlake_shared::events::{LoadedDataset, LoaderEvent, LoaderOutput, TickStatus};
use cardlake_shared::{env, paths};
use uuid::Uuid;

/// How often a load is planned anew after a conflict, before it counts as failed.
const MAX_ATTEMPTS: u32 = 6;

/// Settings and clients of the stage, made once.
pub struct Context {
    pub(crate) contracts: Contracts,
    pub(crate) silver_bucket: String,
    pub(crate) copy_role_arn: Option<String>,
    pub(crate) silver: Box<dyn Silver>,
    pub(crate) warehouse: Box<dyn DataApi>,
}

impl Context {
    /// From the settings.
    ///
    /// # Errors
    /// A variable is missing or wrong, or a contract is.
    pub async fn new(mut variables: Variables, aws: Aws) -> Result<Self, LoaderError> {
        let lake = LakeConfig::read(&mut variables);
        let config = WarehouseConfig::read(&mut variables);
        let assets = Assets::from_setting(variables.optional(env::ASSETS_DIR));
        let config = variables.finish(config)?;
        Ok(Self {
            contracts: Contracts::load(&assets)?,
            copy_role_arn: config.copy_role_arn.clone(),
            silver: Box::new(Lake::new(&aws, &lake.silver_bucket)?),
            silver_bucket: lake.silver_bucket,
            warehouse: Box::new(Warehouse::new(aws.redshift_data(), config)),
        })
    }
}

/// Does what can be done now and says whether to come back.
///
/// # Errors
/// A statement failed, a service refused, a table is missing: see [`LoaderError`].
pub async fn handle(event: LoaderEvent, context: &Context) -> Result<LoaderOutput, LoaderError> {
    let tick = Tick { event: &event, context };
    let mut cursor = match &event.cursor {
        None => begin(&event, context).await?,
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

struct Tick<'a> {
    event: &'a LoaderEvent,
    context: &'a Context,
}

impl Tick<'_> {
    async fn advance(&self, cursor: &mut Cursor) -> Result<(), LoaderError> {
        if let Some(statement) = cursor.ledger.clone() {
            self.look_at_ledger(cursor, &statement).await?;
        }
        for index in 0..cursor.datasets.len() {
            match cursor.datasets[index].step.clone() {
                Step::Loading {
                    statement,
                    roles,
                    version,
                } => {
                    let step = self.look_at_load(cursor, index, statement, roles, version).await?;
                    cursor.datasets[index].step = step;
                }
                Step::Diagnosing {
                    statement,
                    failed,
                    error,
                } => self.look_at_diagnosis(&statement, failed, error).await?,
                Step::Waiting | Step::Done { .. } => {}
            }
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

    async fn submit(&self, cursor: &Cursor, step: &str, statements: Vec<String>) -> Result<String, LoaderError> {
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
                let made_by_another = error.to_ascii_lowercase().contains("already exists");
                if (is_conflict(&error) || made_by_another) && cursor.attempt < MAX_ATTEMPTS {
                    cursor.ledger = None;
                    return Ok(());
                }
                Err(LoaderError::StatementFailed {
                    statement: "ledger of all datasets".to_owned(),
                    error,
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
        let mut work: Vec<_> = define(contract, state.columns(dataset))
            .into_iter()
            .map(|statement| (Role::Define, statement))
            .collect();
        let mut version = 0;
        if let Some(pinned) = entry.target {
            let mut newest = pinned;
            if state.version(dataset) > i64::try_from(pinned).unwrap_or(i64::MAX) {
                newest = self.context.silver.version(dataset).await?.unwrap_or_default();
            }
            match need(dataset, state, pinned, newest, cursor.full_refresh)? {
                Need::Nothing { version: held } => version = held,
                Need::Files { from, to } => {
                    version = to;
                    work.extend(self.load(cursor, dataset, state, from, to).await?);
                }
            }
            work.push((Role::Count, count(dataset)));
        }
        if work.is_empty() {
            return Ok(Step::Done {
                version: None,
                copied_rows: 0,
                warehouse_rows: 0,
            });
        }
        let (roles, statements) = work.into_iter().unzip();
        Ok(Step::Loading {
            statement: self.submit(cursor, dataset, statements).await?,
            roles,
            version,
        })
    }

    async fn load(
        &self,
        cursor: &Cursor,
        dataset: &str,
        state: &WarehouseState,
        from: Option<u64>,
        to: u64,
    ) -> Result<Vec<(Role, String)>, LoaderError> {
        let files = self.context.silver.new_files(dataset, from, to).await?;
        let from_version = from.and_then(|from| i64::try_from(from).ok()).unwrap_or(-1);
        let key = paths::load_manifest(dataset, from_version, to);
        if !files.is_empty() {
            let text = manifest(&self.context.silver_bucket, dataset, &files);
            self.context.silver.put(&key, text).await?;
        }
        tracing::info!(dataset, from_version, to_version = to, files = files.len(), "loading");
        let manifest = format!("s3://{}/{key}", self.context.silver_bucket);
        let load = Load {
            contract: self.context.contracts.get(dataset)?,
            batch_date: self.event.batch_date,
            ledger_version: state.version(dataset),
            version: to,
            full_refresh: cursor.full_refresh,
            files: files.len(),
            rows: files.iter().map(|file| file.rows).sum(),
            source: CopySource {
                manifest: &manifest,
                role_arn: self.context.copy_role_arn.as_deref(),
            },
        };
        load.statements()
    }

    async fn look_at_load(
        &self,
        cursor: &Cursor,
        index: usize,
        statement: String,
        roles: Vec<Role>,
        version: u64,
    ) -> Result<Step, LoaderError> {
        let entry = &cursor.datasets[index];
        match self.context.warehouse.poll(&statement).await? {
            StatementState::Running => Ok(Step::Loading {
                statement,
                roles,
                version,
            }),
            StatementState::Finished { statements } => {
                let copied_rows = self.number(&roles, &statements, Role::CheckRows).await?;
                let warehouse_rows = self.number(&roles, &statements, Role::Count).await?;
                tracing::info!(dataset = entry.dataset, version, copied_rows, warehouse_rows, "loaded");
                Ok(Step::Done {
                    version: entry.target.map(|_| version),
                    copied_rows,
                    warehouse_rows,
                })
            }
            StatementState::Failed {
                error,
                failed,
                statements,
            } => {
                let role = failed.and_then(|index| roles.get(index).copied());
                let moved = role == Some(Role::CheckLedger);
                if (moved || is_conflict(&error)) && cursor.attempt < MAX_ATTEMPTS {
                    tracing::warn!(dataset = entry.dataset, error, "another load was faster, planning anew");
                    return Ok(Step::Waiting);
                }
                let title = role.map_or("load of", Role::title);
                let failed_statement = format!("{title} {}", entry.dataset);
                if role == Some(Role::Copy) {
                    let query_id = failed
                        .and_then(|index| statements.get(index))
                        .and_then(|outcome| outcome.query_id);
                    let folder = format!("/{}/", entry.dataset);
                    let question = vec![load_errors(query_id, &folder)];
                    let step = format!("{} load errors", entry.dataset);
                    return Ok(Step::Diagnosing {
                        statement: self.submit(cursor, &step, question).await?,
                        failed: failed_statement,
                        error,
                    });
                }
                let details = match role {
                    Some(Role::CheckRows) => {
                        vec!["COPY read another number of rows than the Delta log says".to_owned()]
                    }
                    Some(Role::CheckLedger) => vec!["other loads keep changing the ledger".to_owned()],
                    _ => Vec::new(),
                };
                Err(LoaderError::StatementFailed {
                    statement: failed_statement,
                    error,
                    details,
                })
            }
        }
    }

    /// The number that the statement with the given role gives; 0 when there is none.
    async fn number(&self, roles: &[Role], outcomes: &[StatementOutcome], role: Role) -> Result<u64, LoaderError> {
        let outcome = roles
            .iter()
            .position(|other| *other == role)
            .and_then(|index| outcomes.get(index));
        let Some(outcome) = outcome else { return Ok(0) };
        let result = self.context.warehouse.results(&outcome.id).await?;
        Ok(result.count(role.title())?)
    }

    /// Ends the load with what Redshift noted about the failed COPY, as far as it did.
    async fn look_at_diagnosis(&self, statement: &str, failed: String, error: String) -> Result<(), LoaderError> {
        let details = match self.context.warehouse.poll(statement).await? {
            StatementState::Running => return Ok(()),
            StatementState::Finished { .. } => describe(&self.context.warehouse.results(statement).await?),
            StatementState::Failed { error, .. } => vec![format!("the load errors cannot be read: {error}")],
        };
        Err(LoaderError::StatementFailed {
            statement: failed,
            error,
            details,
        })
    }
}

/// One sentence for each noted load error.
fn describe(result: &ResultSet) -> Vec<String> {
    let sentence = |row: &Vec<Value>| {
        let text = |index: usize| row.get(index).map(Value::display).unwrap_or_default();
        format!("file {}, row {}, column {}: {}", text(0), text(1), text(2), text(3))
    };
    result.rows.iter().map(sentence).collect()
}

fn output(cursor: &Cursor) -> Result<LoaderOutput, LoaderError> {
    let mut datasets = Vec::new();
    let mut running = false;
    for entry in &cursor.datasets {
        match &entry.step {
            Step::Done {
                version,
                copied_rows,
                warehouse_rows,
            } => datasets.extend(version.map(|version| LoadedDataset {
                dataset: entry.dataset.clone(),
                version,
                copied_rows: *copied_rows,
                warehouse_rows: *warehouse_rows,
            })),
            _ => running = true,
        }
    }
    if running {
        return Ok(LoaderOutput {
            status: TickStatus::Running,
            cursor: Some(cursor.write()?),
            datasets: Vec::new(),
        });
    }
    Ok(LoaderOutput {
        status: TickStatus::Succeeded,
        cursor: None,
        datasets,
    })
}
