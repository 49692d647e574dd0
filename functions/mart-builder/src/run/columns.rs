//! The columns of a model's query, where they have to be known before the model can be built.

use super::{Run, seconds};
use crate::error::MartBuilderError;
use crate::manifest::{ModelNode, Node};
use crate::materialize::{Column, wants_columns};
use crate::state::{Batch, Status};
use cardlake_aws::data_api::{StatementOutcome, Value};

impl Run<'_> {
    /// Whether the warehouse has to be asked for the columns first.
    pub(super) fn lacks_columns(&self, node: &Node, model: &ModelNode) -> bool {
        let known = self
            .state
            .nodes
            .get(&node.id)
            .is_some_and(|state| state.columns.is_some());
        !known && wants_columns(&model.config, self.existing(model), self.is_incremental(node))
    }

    /// Takes the answer in; the model can then be submitted.
    pub(super) async fn remember_columns(
        &mut self,
        batch: &Batch,
        statements: &[StatementOutcome],
    ) -> Result<(), MartBuilderError> {
        // The last statement drops the table that was asked about.
        let asked = statements.iter().rev().nth(1).map(|statement| statement.id.as_str());
        let result = self
            .context
            .warehouse
            .results(asked.unwrap_or(&batch.statement))
            .await?;
        let columns: Vec<_> = result.rows.iter().filter_map(|row| column(row)).collect();
        for id in &batch.nodes {
            if let Some(node) = self.state.nodes.get_mut(id) {
                node.status = Status::Pending;
                node.seconds += seconds(statements);
                node.columns = Some(columns.clone());
            }
        }
        Ok(())
    }
}

/// A row of `information_schema.columns`: name, type, length, precision, scale.
fn column(row: &[Value]) -> Option<Column> {
    let [name, data_type, length, precision, scale] = row else {
        return None;
    };
    let data_type = data_type.display();
    let data_type = match (length.integer(), precision.integer(), scale.integer()) {
        (Some(length), ..) if data_type.starts_with("character") => format!("{data_type}({length})"),
        (_, Some(precision), Some(scale)) if data_type == "numeric" => format!("numeric({precision},{scale})"),
        _ => data_type,
    };
    Some(Column {
        name: name.display(),
        data_type,
    })
}
