//! A build on its way: looks at what runs, submits what has become ready.

mod columns;
mod outcome;
mod publish;
mod submit;

use crate::error::MartBuilderError;
use crate::graph::Graph;
use crate::handler::Context;
use crate::manifest::{Manifest, Node};
use crate::materialize::Existing;
use crate::state::{Batch, BuildState, Phase, Status};
use cardlake_aws::data_api::{
    ResultSet, StatementOutcome, StatementState, Submission, Value, client_token, is_conflict,
};
use cardlake_core::events::MartBuilderEvent;
use cardlake_core::sql::{identifier, literal};
use std::collections::BTreeSet;

/// How often a model is submitted when transactions of others get in its way.
const MAX_ATTEMPTS: u32 = 4;

/// A build in one tick.
pub(crate) struct Run<'a> {
    pub(crate) event: &'a MartBuilderEvent,
    pub(crate) context: &'a Context,
    pub(crate) manifest: &'a Manifest,
    pub(crate) graph: &'a Graph,
    pub(crate) state: BuildState,
}

impl<'a> Run<'a> {
    /// Goes as far as is possible without waiting.
    pub(crate) async fn advance(&mut self) -> Result<(), MartBuilderError> {
        if self.state.phase == Phase::Inspecting {
            self.inspect().await?;
        }
        if self.state.phase == Phase::Building {
            self.look_at_running().await?;
            self.skip_and_settle();
            self.submit_ready().await?;
            self.end_building().await?;
        }
        if self.state.phase == Phase::Publishing {
            self.publish().await?;
        }
        Ok(())
    }

    /// Hands statements over; the same step of the same build gives the same id, however often it is submitted.
    async fn submit(&self, step: &str, attempt: u32, statements: Vec<String>) -> Result<String, MartBuilderError> {
        let submission = Submission {
            name: self.submission_name(step),
            token: self.submission_token(step, attempt),
            statements,
        };
        Ok(self.context.warehouse.submit(&submission).await?)
    }

    fn submission_name(&self, step: &str) -> String {
        format!("cardlake build {} {step}", self.state.batch_date)
    }

    fn submission_token(&self, step: &str, attempt: u32) -> String {
        let generation = self.state.generation.to_string();
        client_token(&[&self.state.run_id, &generation, step, &attempt.to_string()])
    }

    /// Makes the schemas and asks which relations are there, with which columns.
    async fn inspect(&mut self) -> Result<(), MartBuilderError> {
        let Some(statement) = self.state.inspection.clone() else {
            let schemas = self.manifest.schemas();
            let names = schemas
                .iter()
                .map(|schema| literal(schema))
                .collect::<Vec<_>>()
                .join(", ");
            let mut statements: Vec<_> = schemas
                .iter()
                .map(|schema| format!("create schema if not exists {}", identifier(schema)))
                .collect();
            statements.push(format!(
                "select table_schema, table_name, table_type from information_schema.tables\n\
                 where table_schema in ({names}) order by table_schema, table_name"
            ));
            statements.push(format!(
                "select table_schema, table_name, column_name from information_schema.columns\n\
                 where table_schema in ({names}) order by table_schema, table_name, ordinal_position"
            ));
            self.state.inspections += 1;
            let statement = self.submit("inspection", self.state.inspections, statements).await?;
            self.state.inspection = Some(statement);
            return Ok(());
        };
        match self.context.warehouse.poll(&statement).await? {
            StatementState::Running => Ok(()),
            StatementState::Failed { error, .. } => {
                // Two first builds at once may both try to make the schema.
                let made_by_another = error.to_ascii_lowercase().contains("already exists");
                if (is_conflict(&error) || made_by_another) && self.state.inspections < MAX_ATTEMPTS {
                    self.state.inspection = None;
                } else {
                    self.fail("inspection of the target schema", error);
                }
                Ok(())
            }
            StatementState::Finished { statements } => {
                if let [.., tables, columns] = statements.as_slice() {
                    let tables = self.context.warehouse.results(&tables.id).await?;
                    let columns = self.context.warehouse.results(&columns.id).await?;
                    self.remember(&tables, &columns);
                }
                self.state.phase = Phase::Building;
                Ok(())
            }
        }
    }

    fn remember(&mut self, tables: &ResultSet, columns: &ResultSet) {
        for row in &tables.rows {
            if let [schema, name, kind] = row.as_slice() {
                let existing = Existing {
                    is_view: kind.display().to_ascii_uppercase().contains("VIEW"),
                    columns: Vec::new(),
                };
                let key = format!("{}.{}", schema.display(), name.display());
                self.state.existing.insert(key, existing);
            }
        }
        for row in &columns.rows {
            if let [schema, name, column] = row.as_slice()
                && let Some(existing) = self
                    .state
                    .existing
                    .get_mut(&format!("{}.{}", schema.display(), name.display()))
            {
                existing.columns.push(column.display());
            }
        }
    }

    async fn look_at_running(&mut self) -> Result<(), MartBuilderError> {
        for batch in std::mem::take(&mut self.state.running) {
            match self.context.warehouse.poll(&batch.statement).await? {
                StatementState::Running => self.state.running.push(batch),
                StatementState::Finished { statements } => self.finished(&batch, &statements).await?,
                StatementState::Failed { error, statements, .. } => self.failed(&batch, &error, &statements),
            }
        }
        Ok(())
    }

    async fn finished(&mut self, batch: &Batch, statements: &[StatementOutcome]) -> Result<(), MartBuilderError> {
        if batch.probe {
            return self.remember_columns(batch, statements).await;
        }
        let seconds = seconds(statements);
        if let [id] = batch.nodes.as_slice()
            && self.manifest.nodes.get(id).is_some_and(|node| node.model().is_some())
        {
            tracing::info!(node = id, seconds, "model built");
            if let Some(node) = self.state.nodes.get_mut(id) {
                node.status = Status::Success;
                node.seconds += seconds;
                node.message = None;
            }
            return Ok(());
        }
        // A test that keeps its failing rows counts them in its last statement.
        let counted = match statements {
            [.., last] if statements.len() > 1 => &last.id,
            _ => &batch.statement,
        };
        let result = self.context.warehouse.results(counted).await?;
        for row in &result.rows {
            let [place, failures, should_warn, should_error] = row.as_slice() else {
                continue;
            };
            let id = place
                .integer()
                .and_then(|place| batch.nodes.get(usize::try_from(place).ok()?));
            let Some(id) = id else { continue };
            let test = self.manifest.nodes.get(id).and_then(Node::test);
            let warn_only = test.is_some_and(|test| test.config.warn_only);
            let failures = failures
                .integer()
                .and_then(|count| u64::try_from(count).ok())
                .unwrap_or_default();
            let status = if !warn_only && should_error.boolean() == Some(true) {
                Status::Fail
            } else if should_warn.boolean() == Some(true) {
                Status::Warn
            } else {
                Status::Pass
            };
            if let Some(node) = self.state.nodes.get_mut(id) {
                node.status = status;
                node.failures = Some(failures);
                // The warehouse only knows how long all tests of the statement took together.
                node.seconds = seconds / f64::from(u32::try_from(batch.nodes.len()).unwrap_or(u32::MAX));
                node.message = (status != Status::Pass).then(|| {
                    let kept = test.and_then(|test| test.stored_in.as_ref());
                    let kept = kept.map(|table| format!(", see {}", table.sql())).unwrap_or_default();
                    format!("{failures} rows should not be there{kept}")
                });
            }
        }
        // A test without a row in the result would wait for ever.
        for id in &batch.nodes {
            if self.state.status(id) == Some(Status::Running) {
                self.set(
                    id,
                    Status::Error,
                    "the statement of the tests gave no row for it".to_owned(),
                );
            }
        }
        Ok(())
    }

    fn failed(&mut self, batch: &Batch, error: &str, statements: &[StatementOutcome]) {
        let seconds = seconds(statements);
        let shared = batch.nodes.len() > 1;
        for id in &batch.nodes {
            let Some(node) = self.state.nodes.get_mut(id) else {
                continue;
            };
            if shared || is_conflict(error) && node.attempts < MAX_ATTEMPTS {
                tracing::warn!(node = id, error, "submitting once more");
                node.status = Status::Pending;
            } else {
                node.status = Status::Error;
                node.seconds = seconds;
                node.message = Some(error.trim().to_owned());
            }
        }
    }

    fn set(&mut self, id: &str, status: Status, message: String) {
        if let Some(node) = self.state.nodes.get_mut(id) {
            node.status = status;
            node.message = Some(message);
        }
    }

    /// Nodes that wait for a failed one are skipped; ephemeral models are done as soon as nothing holds them back.
    fn skip_and_settle(&mut self) {
        let selected: BTreeSet<String> = self.state.nodes.keys().cloned().collect();
        let bad = self.state.nodes.iter();
        let bad: Vec<_> = bad
            .filter(|(_, node)| node.status.is_failure())
            .map(|(id, _)| id.clone())
            .collect();
        for failed in bad {
            for id in self.graph.dependants(&failed, &selected) {
                if self.state.status(&id) == Some(Status::Pending) {
                    self.set(&id, Status::Skipped, format!("{failed} failed"));
                }
            }
        }
        loop {
            let ready = self.ready();
            let ephemeral: Vec<_> = ready.into_iter().filter(|node| node.is_ephemeral()).collect();
            if ephemeral.is_empty() {
                return;
            }
            for node in ephemeral {
                if let Some(state) = self.state.nodes.get_mut(&node.id) {
                    state.status = Status::Success;
                }
            }
        }
    }

    /// Pending nodes that wait for nothing any more, models first. What is not part of the build counts as done.
    fn ready(&self) -> Vec<&'a Node> {
        let nodes = &self.manifest.nodes;
        let is_good = |id: &String| self.state.status(id).is_none_or(Status::is_good);
        let pending = self.state.nodes.iter();
        let pending = pending.filter(|(_, node)| node.status == Status::Pending);
        let ready = pending.filter(|(id, _)| {
            let waits = self.graph.waits_for.get(*id);
            waits.is_none_or(|waits| waits.iter().all(is_good))
        });
        ready.filter_map(|(id, _)| nodes.get(id)).collect()
    }

    async fn end_building(&mut self) -> Result<(), MartBuilderError> {
        if !self.state.running.is_empty() || !self.state.nodes.values().all(|node| node.status.is_over()) {
            return Ok(());
        }
        self.keep_results().await?;
        self.measure();
        if self.state.nodes.values().any(|node| node.status.is_failure()) {
            self.keep_compiled().await?;
            self.state.phase = Phase::Failed;
        } else {
            self.state.phase = Phase::Publishing;
        }
        Ok(())
    }

    /// Ends the build because of something that belongs to no model.
    fn fail(&mut self, statement: &str, error: String) {
        self.state.failure = Some((statement.to_owned(), error));
        self.state.phase = Phase::Failed;
    }
}

/// How long all statements took together.
fn seconds(statements: &[StatementOutcome]) -> f64 {
    statements
        .iter()
        .map(|statement| statement.duration.as_secs_f64())
        .sum()
}

/// The number in a result's first column and row.
fn first_number(result: &ResultSet) -> Option<u64> {
    let value = result.rows.first()?.first().and_then(Value::integer)?;
    u64::try_from(value).ok()
}
