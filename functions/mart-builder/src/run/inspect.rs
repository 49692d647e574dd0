//! The first phase: creates the schemas and lists existing relations and their columns.

use super::build::{Run, rows};
use crate::error::MartBuilderError;
use crate::state::Phase;
use cardlake_aws::data_api::StatementState;
use cardlake_dbt::{MAX_ATTEMPTS, Schedule, existing_relations};

impl Run<'_> {
    pub(super) async fn inspect(&mut self) -> Result<(), MartBuilderError> {
        let Some(statement) = self.state.inspection.clone() else {
            self.state.inspections += 1;
            let statements = Schedule::inspection(self.manifest);
            let statement = self.submit("inspection", self.state.inspections, statements).await?;
            self.state.inspection = Some(statement);
            return Ok(());
        };
        match self.context.warehouse.poll(&statement).await? {
            StatementState::Running => Ok(()),
            StatementState::Failed { error, .. } => {
                // Two concurrent first builds may both try to create the schema.
                if error.kind.is_concurrency() && self.state.inspections < MAX_ATTEMPTS {
                    self.state.inspection = None;
                } else {
                    self.fail("inspection of the target schema", error.message);
                }
                Ok(())
            }
            StatementState::Finished { statements } => {
                if let [.., tables, columns] = statements.as_slice() {
                    let tables = self.context.warehouse.results(&tables.id).await?;
                    let columns = self.context.warehouse.results(&columns.id).await?;
                    self.state.existing = existing_relations(&rows(tables), &rows(columns));
                }
                self.state.phase = Phase::Building;
                Ok(())
            }
        }
    }
}
