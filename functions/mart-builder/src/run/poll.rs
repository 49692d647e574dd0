//! Polls running statements and records their outcomes.

use super::build::{Run, rows, seconds};
use crate::error::MartBuilderError;
use crate::state::Batch;
use cardlake_aws::data_api::{StatementErrorKind, StatementOutcome, StatementState};
use cardlake_dbt::{Task, failed};

impl Run<'_> {
    pub(super) async fn poll_running(&mut self) -> Result<(), MartBuilderError> {
        for batch in std::mem::take(&mut self.state.running) {
            match self.context.warehouse.poll(&batch.statement).await? {
                StatementState::Running => self.state.running.push(batch),
                StatementState::Finished { statements } => self.finished(&batch, &statements).await?,
                StatementState::Failed { error, statements, .. } => {
                    let states = &mut self.state.nodes;
                    let is_conflict = error.kind == StatementErrorKind::SerializationConflict;
                    failed(states, &batch.nodes, &error.message, is_conflict, seconds(&statements));
                }
            }
        }
        Ok(())
    }

    async fn finished(&mut self, batch: &Batch, statements: &[StatementOutcome]) -> Result<(), MartBuilderError> {
        let seconds = seconds(statements);
        let (schedule, _) = self.schedule();
        let result = if schedule.has_result(&batch.nodes, batch.probe) {
            let index = Task::result_index(batch.probe, statements.len());
            let statement = index.and_then(|index| statements.get(index));
            let statement = statement.map_or(&batch.statement, |statement| &statement.id);
            rows(self.context.warehouse.results(statement).await?)
        } else {
            tracing::info!(node = batch.nodes.concat(), seconds, "model built");
            Vec::new()
        };
        let (schedule, states) = self.schedule();
        schedule.succeeded(states, &batch.nodes, batch.probe, &result, seconds);
        Ok(())
    }
}
