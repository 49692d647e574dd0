//! What the last successful run left: the project, its dashboard, and queries to the warehouse.

use crate::access::Access;
use crate::commands::sql::LOOK_EVERY;
use crate::environment::SILVER;
use crate::error::CliError;
use cardlake_aws::data_api::{DataApi as _, DataApiError, Warehouse, client_token};
use cardlake_aws::run_records;
use cardlake_core::assets::{AssetFolder, Assets};
use cardlake_core::run_record::{RunOutcome, RunRecord};
use cardlake_dbt::{CompiledProject, ProjectFile};
use cardlake_mart_builder::compile::{Request, compile};
use cardlake_mart_builder::dashboard::{self, EARLIER_RUNS, Page, PanelQuery, RunFacts};
use cardlake_report::{Answer, Dashboard, Live, Model, Query, Relation, Table};
use chrono::NaiveDate;
use std::path::PathBuf;
use std::time::Duration;

/// Folder of the dashboard inside the warehouse's.
const DASHBOARD: &str = "dashboard";

/// What the last successful run left.
pub(super) struct Lake {
    records: Vec<RunRecord>,
    pub(super) batch_date: NaiveDate,
    pub(super) dashboard: Dashboard,
    project: CompiledProject,
}

/// Why a query has no result.
pub(super) enum QueryError {
    /// The query is wrong, or takes too long.
    Query(String),
    /// The warehouse cannot be asked.
    Warehouse(DataApiError),
}

impl Lake {
    /// Reads the run records and the project.
    ///
    /// # Errors
    /// No run has succeeded yet, or the project cannot be read.
    pub(super) async fn read(access: &Access) -> Result<Self, CliError> {
        let records = run_records::last(access.storage(), SILVER, EARLIER_RUNS).await;
        let records = records.map_err(|error| CliError::caused("read the run records", &error))?;
        let succeeded = records.iter().find(|record| has_succeeded(record));
        let Some(batch_date) = succeeded.map(|record| record.batch_date) else {
            return Err(CliError::failed("no run has succeeded yet").hint("start one with `cardlake run`"));
        };
        let files = access.assets().list(AssetFolder::Warehouse);
        let files = files
            .map_err(|error| CliError::caused("read the project", &error))?
            .into_iter();
        let files: Vec<_> = files.map(|asset| ProjectFile::new(asset.path, asset.text)).collect();
        let dashboard = dashboard::definitions(&files);
        let dashboard = dashboard.map_err(|error| CliError::caused("read the dashboard", &error))?;
        let request = Request {
            batch_date,
            ..Request::default()
        };
        let project = compile(&files, &request).map_err(|error| CliError::caused("compile the project", &error))?;
        Ok(Self {
            records,
            batch_date,
            dashboard,
            project,
        })
    }

    /// Runs the queries of the panels and renders the page.
    ///
    /// # Errors
    /// The warehouse cannot be asked. A panel that fails is a warning.
    pub(super) async fn page(&self, access: &Access, live: Option<&Live>) -> Result<Page, CliError> {
        let queries = self.dashboard.queries(self.batch_date, &|name| self.relation(name));
        let answers = answers(queries, &access.warehouse()?).await;
        let answers = answers.map_err(|error| CliError::caused("ask the warehouse", &error))?;
        let succeeded = self.records.iter().find_map(|record| match &record.outcome {
            RunOutcome::Succeeded { books, audits, marts } => Some((books, audits, marts)),
            RunOutcome::Failed(_) => None,
        });
        let Some((books, audits, build)) = succeeded else {
            return Err(CliError::failed("no run has succeeded yet"));
        };
        let facts = RunFacts {
            batch_date: self.batch_date,
            books,
            audits,
            build,
            runs: &self.records,
            lineage: &self.project.lineage,
        };
        let page = dashboard::page(&self.dashboard, &answers, &facts, live);
        page.map_err(|error| CliError::caused("render the report", &error))
    }

    /// What the page can do while it is served.
    pub(super) fn live(&self, access: &Access) -> Live {
        let nodes = self.project.manifest["nodes"].as_object();
        let nodes = nodes.into_iter().flat_map(|nodes| nodes.values());
        let models = nodes.filter(|node| node["resource_type"] == "model");
        let mut models: Vec<Model> = models
            .filter_map(|node| {
                let columns = node["columns"].as_object();
                Some(Model {
                    name: node["name"].as_str()?.to_owned(),
                    columns: columns
                        .into_iter()
                        .flat_map(|columns| columns.keys().cloned())
                        .collect(),
                })
            })
            .collect();
        models.sort_by(|a, b| a.name.cmp(&b.name));
        Live {
            saves_to: dashboard_folder(access).map(|folder| folder.display().to_string()),
            models,
        }
    }

    /// The relation of a model, as the project's manifest says.
    pub(super) fn relation(&self, model: &str) -> Relation {
        let nodes = self.project.manifest["nodes"].as_object();
        let mut nodes = nodes.into_iter().flat_map(|nodes| nodes.values());
        let node = nodes.find(|node| node["name"] == model && node["resource_type"] != "test");
        let relation = node.and_then(|node| node["relation_name"].as_str());
        relation.map_or(Relation::Unknown, |sql| Relation::Known(sql.to_owned()))
    }
}

fn has_succeeded(record: &RunRecord) -> bool {
    matches!(record.outcome, RunOutcome::Succeeded { .. })
}

/// The folder of the dashboard's files; `None` if they are embedded in the command.
pub(super) fn dashboard_folder(access: &Access) -> Option<PathBuf> {
    match access.assets() {
        Assets::Folder(root) => Some(root.join(AssetFolder::Warehouse.name()).join(DASHBOARD)),
        Assets::Embedded(_) => None,
    }
}

/// The files of the dashboard, as name and text.
///
/// # Errors
/// They cannot be read.
pub(super) fn dashboard_files(access: &Access) -> Result<Vec<(String, String)>, CliError> {
    let files = access.assets().list(AssetFolder::Warehouse);
    let files = files.map_err(|error| CliError::caused("read the project", &error))?;
    let named = files.into_iter().filter_map(|asset| {
        let name = asset.path.strip_prefix(DASHBOARD)?.strip_prefix('/')?.to_owned();
        Some((name, asset.text))
    });
    Ok(named.collect())
}

/// Runs a query; cancels it after `limit`.
///
/// # Errors
/// See [`QueryError`].
pub(super) async fn ask(query: &Query, warehouse: &Warehouse, limit: Duration) -> Result<Table, QueryError> {
    let token = client_token(&[&uuid::Uuid::new_v4().to_string()]);
    let name = format!("cardlake report {}", query.name);
    let submitted = PanelQuery::submit(query, name, token, warehouse).await;
    let submitted = submitted.map_err(QueryError::Warehouse)?;
    match tokio::time::timeout(limit, result(&submitted, warehouse)).await {
        Ok(result) => result.map_err(QueryError::Warehouse)?.map_err(QueryError::Query),
        Err(_) => {
            if let PanelQuery::Statement(id) = &submitted {
                warehouse.cancel(id).await.map_err(QueryError::Warehouse)?;
            }
            let limit = limit.as_secs();
            Err(QueryError::Query(format!(
                "the query was cancelled after {limit} seconds"
            )))
        }
    }
}

/// Runs the queries side by side.
async fn answers(queries: Vec<Query>, warehouse: &Warehouse) -> Result<Vec<Answer>, DataApiError> {
    let mut submitted = Vec::with_capacity(queries.len());
    for query in queries {
        let token = client_token(&[&uuid::Uuid::new_v4().to_string()]);
        let name = format!("cardlake report {}", query.name);
        let panel = PanelQuery::submit(&query, name, token, warehouse).await?;
        submitted.push((query, panel));
    }
    let mut answers = Vec::with_capacity(submitted.len());
    for (query, panel) in submitted {
        let result = result(&panel, warehouse).await?;
        answers.push(Answer {
            name: query.name,
            sql: query.sql.ok(),
            result,
        });
    }
    Ok(answers)
}

/// Waits for the result of a query.
async fn result(panel: &PanelQuery, warehouse: &Warehouse) -> Result<Result<Table, String>, DataApiError> {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    loop {
        match panel.result(warehouse).await? {
            Some(result) => return Ok(result),
            None => ticks.tick().await,
        };
    }
}
