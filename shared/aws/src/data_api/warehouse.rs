//! The adapter: [`DataApi`] over the Redshift Data API.

use super::error::{DataApiError, DataApiErrorKind, StatementError};
use super::port::{Answer, DataApi};
use super::result::{ResultSet, Value};
use super::statement::{StatementOutcome, StatementState, Submission};
use aws_sdk_redshiftdata::types::{Field, StatementStatusString, StatusString};
use cardlake_core::config::{WarehouseConfig, WarehouseTarget};
use std::time::Duration;

/// Longest name of a submission, in bytes (the service: 2048); longer ones are cut.
const MAX_NAME_BYTES: usize = 512;

/// The Redshift Data API itself.
#[derive(Debug, Clone)]
pub struct Warehouse {
    client: aws_sdk_redshiftdata::Client,
    config: WarehouseConfig,
}

/// Sets the members that say where and as whom a statement runs; both Execute operations have the same ones.
macro_rules! connect {
    ($request:expr, $config:expr) => {{
        let request = $request
            .database(&$config.database)
            .set_secret_arn($config.secret_arn.clone())
            .set_db_user($config.db_user.clone());
        match &$config.target {
            WarehouseTarget::Workgroup(name) => request.workgroup_name(name),
            WarehouseTarget::Cluster(identifier) => request.cluster_identifier(identifier),
        }
    }};
}

impl Warehouse {
    /// On the given client and connection.
    #[must_use]
    pub const fn new(client: aws_sdk_redshiftdata::Client, config: WarehouseConfig) -> Self {
        Self { client, config }
    }

    /// The connection.
    #[must_use]
    pub const fn config(&self) -> &WarehouseConfig {
        &self.config
    }

    async fn execute(&self, submission: &Submission) -> Result<String, DataApiError> {
        submission.check_limits()?;
        let name = cut(&submission.name);
        if let [statement] = submission.statements.as_slice() {
            let request = connect!(self.client.execute_statement(), self.config)
                .sql(statement)
                .statement_name(name)
                .client_token(&submission.token);
            let output = request.send().await;
            let output = output.map_err(|error| DataApiError::of_request("submit", &submission.name, error))?;
            return id_of(output.id(), submission);
        }
        let request = connect!(self.client.batch_execute_statement(), self.config)
            .set_sqls(Some(submission.statements.clone()))
            .statement_name(name)
            .client_token(&submission.token);
        let output = request.send().await;
        let output = output.map_err(|error| DataApiError::of_request("submit", &submission.name, error))?;
        id_of(output.id(), submission)
    }

    async fn describe(&self, id: &str) -> Result<StatementState, DataApiError> {
        let output = self.client.describe_statement().id(id).send().await;
        let output = output.map_err(|error| DataApiError::of_request("look up statement", id, error))?;
        let statements: Vec<_> = if output.sub_statements().is_empty() {
            vec![StatementOutcome {
                id: id.to_owned(),
                rows: known(output.result_rows()),
                has_result: output.has_result_set().unwrap_or_default(),
                query_id: Some(output.redshift_query_id()).filter(|id| *id > 0),
                duration: nanoseconds(output.duration()),
                error: output.error().map(str::to_owned),
            }]
        } else {
            let outcome = |sub: &aws_sdk_redshiftdata::types::SubStatementData| StatementOutcome {
                id: sub.id().to_owned(),
                rows: known(sub.result_rows()),
                has_result: sub.has_result_set().unwrap_or_default(),
                query_id: Some(sub.redshift_query_id()).filter(|id| *id > 0),
                duration: nanoseconds(sub.duration()),
                error: (sub.status() == Some(&StatementStatusString::Failed))
                    .then(|| sub.error().unwrap_or("no reason given").to_owned()),
            };
            output.sub_statements().iter().map(outcome).collect()
        };
        Ok(match output.status() {
            Some(StatusString::Finished) => StatementState::Finished { statements },
            Some(status @ (StatusString::Failed | StatusString::Aborted)) => {
                let failed = statements.iter().position(|statement| statement.error.is_some());
                let said = failed.and_then(|index| statements[index].error.clone());
                let said = said.or_else(|| output.error().map(str::to_owned));
                let said = said.unwrap_or_else(|| format!("the statement was {}", status.as_str().to_lowercase()));
                StatementState::Failed {
                    error: StatementError::from(said),
                    failed,
                    statements,
                }
            }
            _ => StatementState::Running,
        })
    }

    async fn fetch(&self, id: &str) -> Result<ResultSet, DataApiError> {
        let mut pages = self.client.get_statement_result().id(id).into_paginator().send();
        let mut result = ResultSet::default();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| DataApiError::of_request("fetch the result of", id, error))?;
            if result.columns.is_empty() {
                let names = page.column_metadata().iter();
                // For display only: an expression may have no name.
                result.columns = names
                    .map(|column| column.name().unwrap_or_default().to_owned())
                    .collect();
            }
            for record in page.records() {
                let row = record.iter().map(|field| value(id, field));
                result.rows.push(row.collect::<Result<_, _>>()?);
            }
        }
        Ok(result)
    }
}

impl DataApi for Warehouse {
    fn submit<'a>(&'a self, submission: &'a Submission) -> Answer<'a, String> {
        Box::pin(self.execute(submission))
    }

    fn poll<'a>(&'a self, id: &'a str) -> Answer<'a, StatementState> {
        Box::pin(self.describe(id))
    }

    fn results<'a>(&'a self, id: &'a str) -> Answer<'a, ResultSet> {
        Box::pin(self.fetch(id))
    }

    fn cancel<'a>(&'a self, id: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let cancelled = self.client.cancel_statement().id(id).send().await;
            cancelled.map_err(|error| DataApiError::of_request("cancel statement", id, error))?;
            Ok(())
        })
    }
}

/// The id of a submission. Without one there is nothing to poll, and an empty one would be polled in vain.
fn id_of(id: Option<&str>, submission: &Submission) -> Result<String, DataApiError> {
    id.map(str::to_owned).ok_or_else(|| DataApiError {
        kind: DataApiErrorKind::Result,
        operation: "submit",
        subject: submission.name.clone(),
        source: "the answer has no statement id".into(),
    })
}

fn cut(name: &str) -> &str {
    &name[..name.floor_char_boundary(MAX_NAME_BYTES)]
}

/// The service says -1 for "not known".
fn known(rows: i64) -> Option<u64> {
    u64::try_from(rows).ok()
}

/// The service says -1 while a statement runs.
fn nanoseconds(count: i64) -> Duration {
    Duration::from_nanos(u64::try_from(count).unwrap_or_default())
}

fn value(id: &str, field: &Field) -> Result<Value, DataApiError> {
    Ok(match field {
        Field::IsNull(_) => Value::Null,
        Field::LongValue(number) => Value::Integer(*number),
        Field::DoubleValue(number) => Value::Double(*number),
        Field::BooleanValue(truth) => Value::Boolean(*truth),
        Field::StringValue(text) => Value::Text(text.clone()),
        _ => {
            return Err(DataApiError {
                kind: DataApiErrorKind::Result,
                operation: "read the result of",
                subject: id.to_owned(),
                source: "a column is binary: cast it to text in the statement".into(),
            });
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_between_characters() {
        assert!(cut(&"é".repeat(600)).len() <= MAX_NAME_BYTES);
    }
}
