//! Running the queries of panels: one submission each, so that a failing one rolls back nothing but itself.

use cardlake_aws::data_api::{DataApi, DataApiError, DataApiErrorKind, ResultSet, StatementState, Submission, Value};
use cardlake_report::{Query, Table};
use serde::{Deserialize, Serialize};

/// The query of a panel on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PanelQuery {
    /// Id of the submitted statement.
    Statement(String),
    /// Why there is none.
    Failed(String),
}

impl PanelQuery {
    /// Submits a query. One that has no SQL, or too much of it, has failed.
    ///
    /// # Errors
    /// The service refuses or cannot answer.
    pub async fn submit(
        query: &Query,
        name: String,
        token: String,
        warehouse: &dyn DataApi,
    ) -> Result<Self, DataApiError> {
        let sql = match &query.sql {
            Ok(sql) => sql.clone(),
            Err(problem) => return Ok(Self::Failed(problem.clone())),
        };
        let submission = Submission {
            name,
            token,
            statements: vec![sql],
        };
        match warehouse.submit(&submission).await {
            Ok(id) => Ok(Self::Statement(id)),
            Err(error) if error.kind == DataApiErrorKind::Limit => Ok(Self::Failed(error.source.to_string())),
            Err(error) => Err(error),
        }
    }

    /// Its result, or why there is none; `None` while it runs.
    ///
    /// # Errors
    /// The service refuses or cannot answer.
    pub async fn result(&self, warehouse: &dyn DataApi) -> Result<Option<Result<Table, String>>, DataApiError> {
        let id = match self {
            Self::Statement(id) => id,
            Self::Failed(problem) => return Ok(Some(Err(problem.clone()))),
        };
        Ok(Some(match warehouse.poll(id).await? {
            StatementState::Running => return Ok(None),
            StatementState::Failed { error, .. } => Err(error.message),
            StatementState::Finished { statements } if !statements.iter().any(|statement| statement.has_result) => {
                Err("the query returns no rows: it is no SELECT".to_owned())
            }
            StatementState::Finished { .. } => match warehouse.results(id).await {
                Ok(result) => Ok(table(result)),
                // A type that the Data API does not deliver.
                Err(error) if error.kind == DataApiErrorKind::Result => Err(error.source.to_string()),
                Err(error) => return Err(error),
            },
        }))
    }

    /// Id of the statement, if there is one.
    pub(crate) fn statement(&self) -> Option<&String> {
        match self {
            Self::Statement(id) => Some(id),
            Self::Failed(_) => None,
        }
    }
}

fn table(result: ResultSet) -> Table {
    let value = |value| match value {
        Value::Null => cardlake_report::Value::Null,
        Value::Integer(number) => cardlake_report::Value::Integer(number),
        Value::Double(number) => cardlake_report::Value::Double(number),
        Value::Boolean(truth) => cardlake_report::Value::Boolean(truth),
        Value::Text(text) => cardlake_report::Value::Text(text),
    };
    let rows = result.rows.into_iter();
    Table {
        columns: result.columns,
        rows: rows.map(|row| row.into_iter().map(value).collect()).collect(),
    }
}
