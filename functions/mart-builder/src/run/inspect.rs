//! The first phase: creates the schemas and lists existing relations and their columns.

use super::build::{Run, rows};
use crate::error::MartBuilderError;
use crate::last_build;
use crate::state::Phase;
use cardlake_aws::data_api::{StatementErrorKind, StatementState};
use cardlake_dbt::{MAX_ATTEMPTS, Schedule, existing_relations};

impl Run<'_> {
    pub(super) async fn inspect(&mut self) -> Result<(), MartBuilderError> {
        let Some(statement) = self.state.inspection.clone() else {
            self.state.inspections += 1;
            let mut statements = last_build::read_mark();
            statements.extend(Schedule::inspection(self.manifest));
            let statement = self.submit("inspection", self.state.inspections, statements).await?;
            self.state.inspection = Some(statement);
            let ledger = vec![last_build::source_versions()];
            let ledger = self.submit("source versions", self.state.inspections, ledger).await?;
            self.state.ledger = Some(ledger);
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
                if !self.read_source_versions().await? {
                    return Ok(());
                }
                let mut mark = None;
                if let [_, _, build, .., tables, columns] = statements.as_slice() {
                    let build = self.context.warehouse.results(&build.id).await?;
                    let tables = self.context.warehouse.results(&tables.id).await?;
                    let columns = self.context.warehouse.results(&columns.id).await?;
                    mark = last_build::mark(&rows(build));
                    self.state.existing = existing_relations(&rows(tables), &rows(columns));
                }
                self.skip_unchanged(mark.as_deref()).await?;
                self.state.phase = Phase::Building;
                Ok(())
            }
        }
    }

    /// Reads the versions of the source tables; false: they are not there yet.
    async fn read_source_versions(&mut self) -> Result<bool, MartBuilderError> {
        let Some(statement) = &self.state.ledger else {
            return Ok(true);
        };
        match self.context.warehouse.poll(statement).await? {
            StatementState::Running => return Ok(false),
            // A warehouse without a loader: what reads sources always runs.
            StatementState::Failed { error, .. } if error.kind == StatementErrorKind::DoesNotExist => {}
            StatementState::Failed { error, .. } => {
                tracing::warn!(%error, "the versions of the sources are unknown: what reads them is built");
            }
            StatementState::Finished { .. } => {
                let ledger = self.context.warehouse.results(statement).await?;
                self.state.sources = last_build::versions(&rows(ledger));
            }
        }
        Ok(true)
    }
}
