//! The end of a build: marts, artifacts and report go to gold.

use super::build::{Run, first_number};
use super::output::succeeded;
use super::results::run_results_json;
use crate::dashboard::{self, EARLIER_RUNS, PanelQuery, RunFacts};
use crate::error::MartBuilderError;
use crate::last_build;
use crate::publication::{self as gold, Latest};
use crate::state::{Phase, Publication};
use cardlake_aws::data_api::StatementState;
use cardlake_core::events::BalanceOutput;
use cardlake_core::paths;
use cardlake_dbt::{Compiled, docs, manifest_json};
use cardlake_report::{Answer, Query, Relation};
use serde::Serialize;
use std::collections::BTreeMap;

impl Run<'_> {
    pub(super) async fn publish(&mut self) -> Result<(), MartBuilderError> {
        self.submit_publications().await?;
        let mut is_done = self.is_marked().await?;
        for (name, publication) in self.state.publications.clone() {
            if publication.rows.is_some() {
                continue;
            }
            let Some(statement) = &publication.statement else {
                continue;
            };
            match self.context.warehouse.poll(statement).await? {
                StatementState::Running => is_done = false,
                StatementState::Failed { error, .. } => {
                    self.fail(&format!("publication of {name}"), error.message);
                    return Ok(());
                }
                StatementState::Finished { statements } => {
                    let count = match statements.last() {
                        Some(statement) => first_number(&self.context.warehouse.results(&statement.id).await?),
                        None => None,
                    };
                    let rows = Some(count.ok_or_else(|| uncounted(&name))?);
                    tracing::info!(mart = name, rows, "mart published");
                    let publication = Publication { rows, ..publication };
                    self.state.publications.insert(name, publication);
                }
            }
        }
        if is_done && self.write_report().await? {
            self.write_artifacts().await?;
            self.point_to_latest().await?;
            self.remember().await?;
            self.state.phase = Phase::Succeeded;
        }
        Ok(())
    }

    /// Submits the marts and the queries of the panels, all at once; those submitted before stay as they are.
    async fn submit_publications(&mut self) -> Result<(), MartBuilderError> {
        let published: Vec<_> = gold::published(self.manifest, &self.state).collect();
        let mut submitted = Vec::new();
        for node in published {
            let Some(model) = node
                .model()
                .filter(|_| !self.state.publications.contains_key(&node.name))
            else {
                continue;
            };
            let statements = gold::statements(
                node,
                &model.relation.sql(),
                &self.context.gold_bucket,
                self.state.batch_date,
                self.context.copy_role_arn.as_deref(),
            );
            let statement = self.submit(&format!("publish {}", node.name), 1, statements).await?;
            submitted.push((
                node.name.clone(),
                Publication {
                    statement: Some(statement),
                    rows: None,
                },
            ));
        }
        self.state.publications.extend(submitted);
        if self.state.panels.is_empty() && !self.state.keeps_report {
            let mut panels = BTreeMap::new();
            for query in self.panel_queries() {
                let step = format!("panel {}", query.name);
                let (name, token) = (self.submission_name(&step), self.submission_token(&step, 1));
                let panel = PanelQuery::submit(&query, name, token, &*self.context.warehouse).await?;
                panels.insert(query.name, panel);
            }
            self.state.panels = panels;
        }
        Ok(())
    }

    /// Marks the warehouse as this build leaves it, if it changed anything; false: not yet.
    async fn is_marked(&mut self) -> Result<bool, MartBuilderError> {
        if !self.state.ran {
            return Ok(true);
        }
        let Some(statement) = &self.state.mark else {
            let statements = last_build::set_mark(&self.manifest.invocation().invocation_id);
            self.state.mark = Some(self.submit("mark", 1, statements).await?);
            return Ok(false);
        };
        match self.context.warehouse.poll(statement).await? {
            StatementState::Running => Ok(false),
            StatementState::Finished { .. } => Ok(true),
            StatementState::Failed { error, .. } => {
                // The next build then runs everything.
                tracing::warn!(%error, "the warehouse could not be marked as built");
                Ok(true)
            }
        }
    }

    /// Writes the report once all queries of its panels have ended; false: not yet.
    async fn write_report(&mut self) -> Result<bool, MartBuilderError> {
        if self.state.panels.is_empty() {
            return Ok(true);
        }
        let mut results = BTreeMap::new();
        for (name, panel) in &self.state.panels {
            let Some(result) = panel.result(&*self.context.warehouse).await? else {
                return Ok(false);
            };
            results.insert(name.clone(), result);
        }
        let queries = self.panel_queries().into_iter();
        let answers = queries.filter_map(|query| {
            let result = results.remove(&query.name)?;
            Some(Answer {
                name: query.name,
                sql: query.sql.ok(),
                result,
            })
        });
        let answers: Vec<Answer> = answers.collect();
        let runs = self.context.files.runs(&self.context.silver_bucket, EARLIER_RUNS);
        let runs = runs.await?;
        let (event, build) = (self.event, succeeded(self));
        let no_books = BalanceOutput {
            batch_date: event.batch_date,
            ..BalanceOutput::default()
        };
        let facts = RunFacts {
            batch_date: event.batch_date,
            books: event.books.as_ref().unwrap_or(&no_books),
            audits: &event.audits,
            build: &build,
            runs: &runs,
            lineage: &docs::lineage(self.manifest)?,
        };
        let page = dashboard::page(&self.context.dashboard, &answers, &facts, None)?;
        for warning in &page.warnings {
            tracing::warn!(warning, "a panel of the report failed");
        }
        self.put_gold(paths::REPORT, page.html.into_bytes()).await?;
        self.state.panel_warnings = page.warnings;
        Ok(true)
    }

    /// The queries of the panels whose models are all part of this build.
    fn panel_queries(&self) -> Vec<Query> {
        let relation = |name: &str| match self.manifest.by_name(name) {
            None => Relation::Unknown,
            Some(node) if !self.state.nodes.contains_key(&node.id) => Relation::LeftOut,
            Some(node) => node
                .model()
                .map_or(Relation::Unknown, |model| Relation::Known(model.relation.sql())),
        };
        self.context.dashboard.queries(self.state.batch_date, &relation)
    }

    /// The last thing that a build does: readers who follow the pointers see whole snapshots that passed their tests. A
    /// rebuild of an old day leaves a newer day's pointer alone.
    async fn point_to_latest(&self) -> Result<(), MartBuilderError> {
        for (name, publication) in &self.state.publications {
            let key = paths::mart_latest(name);
            let stored = self.context.files.get(&self.context.gold_bucket, &key).await?;
            let stored: Option<Latest> = stored.and_then(|bytes| serde_json::from_slice(&bytes).ok());
            if stored.is_some_and(|stored| stored.batch_date > self.state.batch_date) {
                continue;
            }
            let rows = publication.rows.ok_or_else(|| uncounted(name))?;
            let latest = Latest::new(name, self.state.batch_date, rows);
            self.put_gold(&key, bytes(&latest)?).await?;
        }
        Ok(())
    }

    async fn write_artifacts(&self) -> Result<(), MartBuilderError> {
        let mut compiled = Compiled::new();
        for id in self.state.nodes.keys() {
            if let Some(node) = self.manifest.nodes.get(id) {
                compiled.insert(id.clone(), self.manifest.compile(node, self.is_incremental(node))?);
            }
        }
        let manifest = manifest_json(self.manifest, &compiled);
        self.put_gold(paths::DBT_MANIFEST, bytes(&manifest)?).await?;
        let results = run_results_json(self.manifest, &self.state, &compiled);
        self.put_gold(paths::DBT_RUN_RESULTS, bytes(&results)?).await
    }

    async fn put_gold(&self, key: &str, bytes: Vec<u8>) -> Result<(), MartBuilderError> {
        Ok(self.context.files.put(&self.context.gold_bucket, key, bytes).await?)
    }
}

/// The warehouse gave no row count of a published mart.
fn uncounted(mart: &str) -> MartBuilderError {
    MartBuilderError::Statement {
        statement: format!("publication of {mart}"),
        error: "its row count is missing in the answer; run the day again".to_owned(),
    }
}

pub(super) fn bytes(document: &impl Serialize) -> Result<Vec<u8>, MartBuilderError> {
    serde_json::to_vec_pretty(document).map_err(|error| MartBuilderError::Internal {
        what: "a document of the build",
        cause: error.to_string(),
    })
}
