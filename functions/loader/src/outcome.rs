//! Outcomes of submitted transactions, and the next step.

use crate::cursor::{Cursor, Loading, Step};
use crate::error::LoaderError;
use crate::sql::{Role, load_errors};
use crate::tick::{MAX_ATTEMPTS, Tick};
use cardlake_aws::data_api::{ResultSet, StatementError, StatementErrorKind, StatementOutcome, StatementState, Value};
use cardlake_aws::metrics::{self, Metric, Subject};

impl Tick<'_> {
    /// Polls a transaction that widens a table ahead of its load.
    pub(crate) async fn look_at_widening(
        &self,
        cursor: &Cursor,
        index: usize,
        statement: String,
    ) -> Result<Step, LoaderError> {
        match self.context.warehouse.poll(&statement).await? {
            StatementState::Running => Ok(Step::Widening { statement }),
            StatementState::Finished { .. } => Ok(Step::Waiting),
            StatementState::Failed { error, .. } => {
                if error.kind.is_concurrency() && cursor.attempt < MAX_ATTEMPTS {
                    return Ok(Step::Waiting);
                }
                Err(LoaderError::StatementFailed {
                    statement: format!("{} {}", Role::Define.title(), cursor.datasets[index].dataset),
                    error: error.message,
                    details: Vec::new(),
                })
            }
        }
    }

    /// Polls the transaction of a load.
    pub(crate) async fn look_at_load(
        &self,
        cursor: &Cursor,
        index: usize,
        loading: Loading,
    ) -> Result<Step, LoaderError> {
        match self.context.warehouse.poll(&loading.statement).await? {
            StatementState::Running => Ok(Step::Loading(loading)),
            StatementState::Finished { statements } => self.loaded(cursor, index, loading, &statements).await,
            StatementState::Failed {
                error,
                failed,
                statements,
            } => {
                let failed = failed.and_then(|at| Some((loading.roles.get(at).copied()?, statements.get(at)?)));
                self.failed(cursor, index, loading, error, failed).await
            }
        }
    }

    async fn loaded(
        &self,
        cursor: &Cursor,
        index: usize,
        loading: Loading,
        statements: &[StatementOutcome],
    ) -> Result<Step, LoaderError> {
        let entry = &cursor.datasets[index];
        let Loading {
            version, silver_rows, ..
        } = loading;
        let copied_rows = self.number(&loading.roles, statements, Role::CheckRows).await?;
        let warehouse_rows = self.number(&loading.roles, statements, Role::Count).await?;
        if entry.target.is_some() && warehouse_rows != silver_rows {
            return Err(LoaderError::Imbalance {
                dataset: entry.dataset.clone(),
                version,
                differences: vec![format!("the warehouse has {warehouse_rows} rows, silver {silver_rows}")],
            });
        }
        tracing::info!(dataset = entry.dataset, version, copied_rows, warehouse_rows, "loaded");
        let figures = [
            (Metric::RowsLoaded, copied_rows),
            (Metric::WarehouseRows, warehouse_rows),
        ];
        metrics::record(&Subject::Dataset(entry.dataset.clone()), &figures);
        Ok(Step::Done {
            version: entry.target.map(|_| version),
            copied_rows,
            warehouse_rows,
            compared: loading.compared,
        })
    }

    /// `failed`: the statement that failed, when the service says which one.
    async fn failed(
        &self,
        cursor: &Cursor,
        index: usize,
        loading: Loading,
        error: StatementError,
        failed: Option<(Role, &StatementOutcome)>,
    ) -> Result<Step, LoaderError> {
        let entry = &cursor.datasets[index];
        let role = failed.map(|(role, _)| role);
        let moved = role == Some(Role::CheckLedger);
        if (moved || error.kind == StatementErrorKind::SerializationConflict) && cursor.attempt < MAX_ATTEMPTS {
            tracing::warn!(dataset = entry.dataset, %error, "another load was faster, planning anew");
            return Ok(Step::Waiting);
        }
        let title = role.map_or("load of", Role::title);
        let statement = format!("{title} {}", entry.dataset);
        let details = match failed {
            Some((Role::Copy, outcome)) => {
                let question = vec![load_errors(outcome.query_id, &format!("/{}/", entry.dataset))];
                let step = format!("{} load errors", entry.dataset);
                return Ok(Step::Diagnosing {
                    statement: self.submit(cursor, &step, question).await?,
                    failed: statement,
                    error: error.message,
                });
            }
            Some((Role::CheckBalance, _)) => {
                let contract = self.context.contracts.get(&entry.dataset)?;
                // The transaction is rolled back: the table is what it was before the load.
                let expected = self.touched(cursor, index, &loading).await?;
                if let Some(expected) = expected {
                    let step = format!("{} books", entry.dataset);
                    let question = vec![expected.question(contract)];
                    return Ok(Step::Comparing {
                        statement: self.submit(cursor, &step, question).await?,
                        loading,
                    });
                }
                Vec::new()
            }
            Some((Role::CheckRows, _)) => vec!["COPY read another number of rows than the Delta log says".to_owned()],
            Some((Role::CheckLedger, _)) => vec!["other loads keep changing the ledger".to_owned()],
            _ => Vec::new(),
        };
        Err(LoaderError::StatementFailed {
            statement,
            error: error.message,
            details,
        })
    }

    /// The number that the statement with the given role returns; 0 if there is no such statement.
    async fn number(&self, roles: &[Role], outcomes: &[StatementOutcome], role: Role) -> Result<u64, LoaderError> {
        // A load without new files has no COPY whose rows could be counted.
        let Some(index) = roles.iter().position(|other| *other == role) else {
            return Ok(0);
        };
        let outcome = outcomes.get(index).ok_or_else(|| LoaderError::Result {
            what: "statements of the transaction",
            problem: format!(
                "statement {index} ({}) is missing from {} of them",
                role.title(),
                outcomes.len()
            ),
        })?;
        let result = self.context.warehouse.results(&outcome.id).await?;
        Ok(result.count(role.title())?)
    }

    /// Ends the load with what Redshift noted about the failed COPY, as far as it did.
    pub(crate) async fn look_at_diagnosis(
        &self,
        statement: String,
        failed: String,
        error: String,
    ) -> Result<Step, LoaderError> {
        let details = match self.context.warehouse.poll(&statement).await? {
            StatementState::Running => {
                return Ok(Step::Diagnosing {
                    statement,
                    failed,
                    error,
                });
            }
            StatementState::Finished { .. } => describe(&self.context.warehouse.results(&statement).await?),
            StatementState::Failed { error, .. } => vec![format!("the load errors cannot be read: {error}")],
        };
        Err(LoaderError::StatementFailed {
            statement: failed,
            error,
            details,
        })
    }

    /// Ends the load with the partitions that were wrong before it; if there are none, the load itself is.
    pub(crate) async fn look_at_comparison(
        &self,
        cursor: &Cursor,
        index: usize,
        statement: String,
        loading: Loading,
    ) -> Result<Step, LoaderError> {
        let dataset = &cursor.datasets[index].dataset;
        let mut differences = match self.context.warehouse.poll(&statement).await? {
            StatementState::Running => return Ok(Step::Comparing { statement, loading }),
            StatementState::Finished { .. } => {
                let answer = self.context.warehouse.results(&statement).await?;
                let before = u64::try_from(loading.from).ok();
                let files = match before {
                    Some(version) => self.context.silver.files(dataset, version).await?,
                    None => Vec::new(),
                };
                let expected = self.touched(cursor, index, &loading).await?;
                match expected {
                    Some(expected) => expected.differences(&answer, &files, loading.from)?,
                    None => Vec::new(),
                }
            }
            StatementState::Failed { error, .. } => vec![format!("the table cannot be counted: {error}")],
        };
        if differences.is_empty() {
            differences.push(format!(
                "rows, keys or checksums of its partitions are not those of the data files, and before the load, at \
                 version {}, the counts were right",
                loading.from
            ));
        }
        Err(LoaderError::Imbalance {
            dataset: dataset.clone(),
            version: loading.version,
            differences,
        })
    }
}

/// One sentence per load error.
fn describe(result: &ResultSet) -> Vec<String> {
    let sentence = |row: &Vec<Value>| {
        // For people only: a value that is missing is shown as nothing.
        let text = |index: usize| row.get(index).map(Value::display).unwrap_or_default();
        format!("file {}, row {}, column {}: {}", text(0), text(1), text(2), text(3))
    };
    result.rows.iter().map(sentence).collect()
}
