//! A build within one tick.

use crate::context::Context;
use crate::error::MartBuilderError;
use crate::state::{BuildState, Phase};
use cardlake_aws::data_api::{
    MAX_BATCH_STATEMENTS, MAX_STATEMENT_BYTES, ResultSet, StatementOutcome, Submission, Value, client_token,
};
use cardlake_core::events::MartBuilderEvent;
use cardlake_dbt::{Cell, Graph, Limits, Manifest, Node, NodeStates, Row, Schedule};

/// Limits of the Data API.
const LIMITS: Limits = Limits {
    statement_bytes: MAX_STATEMENT_BYTES,
    statements: MAX_BATCH_STATEMENTS,
};

/// A build within one tick.
pub(crate) struct Run<'a> {
    pub(crate) event: &'a MartBuilderEvent,
    pub(crate) context: &'a Context,
    pub(crate) manifest: &'a Manifest,
    pub(crate) graph: &'a Graph,
    pub(crate) state: BuildState,
}

impl Run<'_> {
    /// The engine's schedule, and the states of the nodes that it works on.
    pub(super) const fn schedule(&mut self) -> (Schedule<'_>, &mut NodeStates) {
        let schedule = Schedule {
            manifest: self.manifest,
            graph: self.graph,
            existing: &self.state.existing,
            limits: LIMITS,
        };
        (schedule, &mut self.state.nodes)
    }

    /// Whether a node is built incrementally.
    pub(super) fn is_incremental(&self, node: &Node) -> bool {
        let schedule = Schedule {
            manifest: self.manifest,
            graph: self.graph,
            existing: &self.state.existing,
            limits: LIMITS,
        };
        schedule.is_incremental(node)
    }

    /// Submits statements; the same step of the same build gets the same id, however often it is submitted.
    pub(super) async fn submit(
        &self,
        step: &str,
        attempt: u32,
        statements: Vec<String>,
    ) -> Result<String, MartBuilderError> {
        let submission = Submission {
            name: self.submission_name(step),
            token: self.submission_token(step, attempt),
            statements,
        };
        Ok(self.context.warehouse.submit(&submission).await?)
    }

    /// Name of a step in the warehouse's statement list.
    pub(super) fn submission_name(&self, step: &str) -> String {
        format!("cardlake build {} {step}", self.state.batch_date)
    }

    /// Client token of an attempt of a step.
    pub(super) fn submission_token(&self, step: &str, attempt: u32) -> String {
        let generation = self.state.generation.to_string();
        client_token(&[&self.state.run_id, &generation, step, &attempt.to_string()])
    }

    /// Fails the build because of a statement that belongs to no node.
    pub(super) fn fail(&mut self, statement: &str, error: String) {
        self.state.failure = Some((statement.to_owned(), error));
        self.state.phase = Phase::Failed;
    }
}

/// Total duration of the statements.
pub(super) fn seconds(statements: &[StatementOutcome]) -> f64 {
    statements
        .iter()
        .map(|statement| statement.duration.as_secs_f64())
        .sum()
}

/// The number in a result's first column and row.
pub(super) fn first_number(result: &ResultSet) -> Option<u64> {
    let value = result.rows.first()?.first().and_then(Value::integer)?;
    u64::try_from(value).ok()
}

/// A result as the engine reads it.
pub(crate) fn rows(result: ResultSet) -> Vec<Row> {
    let cell = |value| match value {
        Value::Null => Cell::Null,
        Value::Integer(number) => Cell::Integer(number),
        Value::Double(number) => Cell::Double(number),
        Value::Boolean(truth) => Cell::Boolean(truth),
        Value::Text(text) => Cell::Text(text),
    };
    let rows = result.rows.into_iter();
    rows.map(|row| row.into_iter().map(cell).collect()).collect()
}
