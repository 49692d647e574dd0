//! Submits ready nodes: a model in a transaction of its own, tests many at a time.

use super::build::Run;
use crate::error::MartBuilderError;
use crate::state::Batch;
use cardlake_aws::data_api::DataApiErrorKind;
use cardlake_dbt::Task;

/// Concurrent submissions.
const MAX_RUNNING: usize = 8;

impl Run<'_> {
    /// Submits tasks until no slot is free or no node is ready.
    pub(super) async fn submit_ready(&mut self) -> Result<(), MartBuilderError> {
        loop {
            let free = MAX_RUNNING.saturating_sub(self.state.running.len());
            let (schedule, states) = self.schedule();
            let tasks = if free == 0 {
                Vec::new()
            } else {
                schedule.tasks(states, free)
            };
            if tasks.is_empty() {
                return Ok(());
            }
            for task in tasks {
                self.start(task).await?;
            }
        }
    }

    async fn start(&mut self, mut task: Task) -> Result<(), MartBuilderError> {
        let first = task.nodes.first().and_then(|id| self.state.nodes.get(id));
        let attempt = first.map_or(0, |node| node.attempts) + 1;
        let statements = std::mem::take(&mut task.statements);
        match self.submit(&task.name, attempt, statements).await {
            Ok(statement) => {
                task.started(&mut self.state.nodes);
                self.state.running.push(Batch {
                    statement,
                    nodes: task.nodes,
                    probe: task.probe,
                });
                Ok(())
            }
            // A query that is too long is a mistake of the model, not of the service.
            Err(MartBuilderError::DataApi(error)) if error.kind == DataApiErrorKind::Limit => {
                task.refused(&mut self.state.nodes, &error.source.to_string());
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}
