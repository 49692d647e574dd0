//! Plans loads from the ledger and submits their transactions.

use crate::copy_manifest::copy_manifest;
use crate::cursor::{Cursor, Loading, Step};
use crate::days::Days;
use crate::error::LoaderError;
use crate::load::{CopySource, Load};
use crate::plan::{Need, WarehouseState, need};
use crate::quarantine;
use crate::silver_file::SilverFile;
use crate::sql::{NEVER, Role, count, define, prepare};
use crate::staging::groups;
use crate::tick::{MAX_ATTEMPTS, Tick};
use cardlake_aws::data_api::{MAX_BATCH_STATEMENTS, StatementState};
use cardlake_core::contract::Contract;
use cardlake_core::paths;

impl Tick<'_> {
    /// Submits the query of the ledger.
    pub(crate) async fn ask_ledger(&self, cursor: &mut Cursor) -> Result<(), LoaderError> {
        cursor.attempt += 1;
        let datasets: Vec<_> = cursor.datasets.iter().map(|entry| entry.dataset.as_str()).collect();
        let statements = prepare(&datasets, self.event.batch_date);
        cursor.ledger = Some(self.submit(cursor, "ledger", statements).await?);
        Ok(())
    }

    /// Polls the query of the ledger; starts the waiting loads once it has an answer.
    pub(crate) async fn look_at_ledger(&self, cursor: &mut Cursor, statement: &str) -> Result<(), LoaderError> {
        match self.context.warehouse.poll(statement).await? {
            StatementState::Running => Ok(()),
            StatementState::Failed { error, .. } => {
                // Two first loads may create the ledger concurrently.
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
                let state = WarehouseState::new(&ledger, &columns)?;
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
            if state.version(dataset) > ledger_version(dataset, pinned)? {
                let version = self.context.silver.version(dataset).await?;
                newest = version.ok_or_else(|| LoaderError::NoSilverTable {
                    dataset: dataset.to_owned(),
                })?;
            }
            let full_refresh =
                cursor.full_refresh || self.has_withdrawn(dataset, state.version(dataset), pinned).await?;
            match need(dataset, state, pinned, newest, full_refresh)? {
                Need::Nothing { version: held } => {
                    version = held;
                    let files = self.context.silver.files(dataset, held).await?;
                    silver_rows = rows(&files);
                }
                Need::Files { from, to } => {
                    version = to;
                    let files = self.context.silver.files(dataset, to).await?;
                    silver_rows = rows(&files);
                    let changes = self.context.silver.changes(dataset, from, to).await?;
                    let new = changes.added;
                    let removed = changes.removed.as_deref();
                    let days = removed.and_then(|removed| Days::touched(contract, &new, removed));
                    let expected = self.expected(contract, &new, &files).await?;
                    let load = Load {
                        contract,
                        batch_date: self.event.batch_date,
                        ledger_version: state.version(dataset),
                        version: to,
                        full_refresh,
                        days: days.as_ref(),
                        sources: &self.sources(contract, &new, from, to).await?,
                        role_arn: self.context.copy_role_arn.as_deref(),
                        expected: expected.as_ref(),
                    };
                    work = load.statements()?;
                    compared = expected.map(|expected| expected.summary());
                }
            }
            let batch_date = self.event.batch_date;
            let quarantined = self.context.silver.quarantine(dataset, batch_date).await?;
            let (bucket, role) = (&self.context.silver_bucket, self.context.copy_role_arn.as_deref());
            work.extend(quarantine::statements(&quarantined, bucket, dataset, batch_date, role));
            work.push((Role::Count, count(dataset)));
        }
        if definitions.len() + work.len() > MAX_BATCH_STATEMENTS && !definitions.is_empty() {
            // What does not fit into one submission goes first: a wider table is correct for every load.
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

    /// Whether rows left the silver table between the loaded version and the one to reach: new files do not tell which, so the
    /// table is loaded anew.
    async fn has_withdrawn(&self, dataset: &str, loaded: i64, pinned: u64) -> Result<bool, LoaderError> {
        // What was never loaded has nothing to lose, and what is ahead stays as it is.
        if loaded == NEVER || loaded >= ledger_version(dataset, pinned)? {
            return Ok(false);
        }
        let Some(version) = self.context.silver.withdrawn_at(dataset, pinned).await? else {
            return Ok(false);
        };
        let withdrawn = ledger_version(dataset, version)? > loaded;
        if withdrawn {
            tracing::info!(
                dataset,
                version,
                "rows were withdrawn from silver: the table is loaded anew"
            );
        }
        Ok(withdrawn)
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
        let from = match from {
            Some(from) => ledger_version(dataset, from)?,
            None => NEVER,
        };
        tracing::info!(dataset, from, to, files = files.len(), "loading");
        let bucket = &self.context.silver_bucket;
        let contents = self.context.silver.contents(dataset, files, &[]).await?;
        let mut sources = Vec::new();
        for (index, group) in groups(contract, files, &contents)?.into_iter().enumerate() {
            let key = paths::load_manifest(dataset, from, to, index);
            let text = copy_manifest(bucket, dataset, &group.files)?;
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

/// The version as the ledger holds it.
fn ledger_version(dataset: &str, version: u64) -> Result<i64, LoaderError> {
    i64::try_from(version).map_err(|_| LoaderError::Version {
        dataset: dataset.to_owned(),
        version,
    })
}
