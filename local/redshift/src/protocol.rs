//! Requests and responses of the Redshift Data API (service model 2019-12-20), as JSON 1.1.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::error::ApiError;
use crate::results::{ColumnMetadata, ResultFormat};
use crate::statement::ConnectionFields;

/// Where a request runs; part of most requests.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Target {
    pub(crate) cluster_identifier: Option<String>,
    pub(crate) workgroup_name: Option<String>,
    pub(crate) database: Option<String>,
    pub(crate) db_user: Option<String>,
    pub(crate) secret_arn: Option<String>,
}

impl From<Target> for ConnectionFields {
    fn from(target: Target) -> Self {
        Self {
            cluster_identifier: target.cluster_identifier,
            workgroup_name: target.workgroup_name,
            database: target.database,
            db_user: target.db_user,
            secret_arn: target.secret_arn,
        }
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct SqlParameter {
    pub(crate) name: String,
    pub(crate) value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ExecuteRequest {
    /// ExecuteStatement.
    pub(crate) sql: Option<String>,
    /// BatchExecuteStatement.
    pub(crate) sqls: Option<Vec<String>>,
    #[serde(flatten)]
    pub(crate) target: Target,
    pub(crate) statement_name: Option<String>,
    #[serde(default)]
    pub(crate) parameters: Vec<SqlParameter>,
    pub(crate) client_token: Option<String>,
    #[serde(default, deserialize_with = "result_format")]
    pub(crate) result_format: ResultFormat,
    pub(crate) session_keep_alive_seconds: Option<u64>,
    pub(crate) session_id: Option<String>,
    pub(crate) wait_time_seconds: Option<u64>,
    pub(crate) execution_mode: Option<String>,
}

fn result_format<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ResultFormat, D::Error> {
    match Option::<String>::deserialize(deserializer)?.as_deref() {
        None | Some("JSON") => Ok(ResultFormat::Json),
        Some("CSV") => Ok(ResultFormat::Csv),
        Some(other) => Err(serde::de::Error::custom(format!(
            "ResultFormat '{other}' is not one of [JSON, CSV]"
        ))),
    }
}

/// DescribeStatement, GetStatementResult, GetStatementResultV2 and CancelStatement.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct StatementRequest {
    pub(crate) id: String,
    pub(crate) next_token: Option<String>,
    pub(crate) wait_time_seconds: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListStatementsRequest {
    pub(crate) next_token: Option<String>,
    pub(crate) max_results: Option<usize>,
    pub(crate) statement_name: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) database: Option<String>,
    pub(crate) cluster_identifier: Option<String>,
    pub(crate) workgroup_name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListSessionsRequest {
    pub(crate) next_token: Option<String>,
    pub(crate) max_results: Option<usize>,
    pub(crate) session_id: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) database: Option<String>,
    pub(crate) cluster_identifier: Option<String>,
    pub(crate) workgroup_name: Option<String>,
}

/// ListDatabases, ListSchemas, ListTables and DescribeTable.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CatalogRequest {
    #[serde(flatten)]
    pub(crate) target: Target,
    pub(crate) connected_database: Option<String>,
    pub(crate) schema_pattern: Option<String>,
    pub(crate) table_pattern: Option<String>,
    pub(crate) schema: Option<String>,
    pub(crate) table: Option<String>,
    pub(crate) next_token: Option<String>,
    pub(crate) max_results: Option<usize>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ExecuteResponse {
    pub(crate) id: String,
    pub(crate) created_at: Seconds,
    #[serde(flatten)]
    pub(crate) connection: ConnectionFields,
    pub(crate) db_groups: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) session_id: Option<String>,
    pub(crate) status: &'static str,
    pub(crate) redshift_pid: i64,
    pub(crate) has_result_set: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeResponse {
    pub(crate) id: String,
    pub(crate) status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// Nanoseconds.
    pub(crate) duration: i64,
    pub(crate) created_at: Seconds,
    pub(crate) updated_at: Seconds,
    pub(crate) has_result_set: bool,
    pub(crate) result_rows: i64,
    pub(crate) result_size: i64,
    pub(crate) query_string: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) query_parameters: Vec<Parameter>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) sub_statements: Vec<SubStatement>,
    pub(crate) redshift_pid: i64,
    pub(crate) redshift_query_id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) redshift_query_uuid: Option<String>,
    pub(crate) result_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) session_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) execution_mode: Option<&'static str>,
    #[serde(flatten)]
    pub(crate) connection: ConnectionFields,
}

#[derive(Debug, Serialize)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl Parameter {
    pub(crate) fn list(parameters: &BTreeMap<String, String>) -> Vec<Self> {
        parameters
            .iter()
            .map(|(name, value)| Self {
                name: name.clone(),
                value: value.clone(),
            })
            .collect()
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SubStatement {
    pub(crate) id: String,
    pub(crate) status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// Nanoseconds.
    pub(crate) duration: i64,
    pub(crate) created_at: Seconds,
    pub(crate) updated_at: Seconds,
    pub(crate) query_string: String,
    pub(crate) result_rows: i64,
    pub(crate) result_size: i64,
    pub(crate) redshift_query_id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) redshift_query_uuid: Option<String>,
    pub(crate) has_result_set: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ResultResponse {
    pub(crate) records: Box<RawValue>,
    pub(crate) column_metadata: Vec<ColumnMetadata>,
    pub(crate) total_num_rows: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) result_format: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_token: Option<String>,
}

/// Seconds since 1970 with a fraction, as JSON 1.1 writes timestamps.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(transparent)]
pub(crate) struct Seconds(f64);

impl From<SystemTime> for Seconds {
    fn from(time: SystemTime) -> Self {
        let milliseconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        #[expect(
            clippy::cast_precision_loss,
            reason = "milliseconds since 1970 fit into 53 bits for 285,000 years"
        )]
        let seconds = milliseconds as f64 / 1000.0;
        Self(seconds)
    }
}

/// A duration as the API counts it.
pub(crate) fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// Reads a request.
pub(crate) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, ApiError> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| ApiError::validation(format!("the request cannot be read: {error}")))
}

/// Cuts a page out of a list; the token is the position of the next page.
pub(crate) fn page<T>(
    items: Vec<T>,
    next_token: Option<&str>,
    max_results: Option<usize>,
    limit: usize,
) -> Result<(Vec<T>, Option<String>), ApiError> {
    let start = position(next_token)?;
    let size = match max_results {
        None | Some(0) => limit,
        Some(size) if size <= limit => size,
        Some(size) => {
            return Err(ApiError::validation(format!(
                "MaxResults {size} must be less than or equal to {limit}"
            )));
        }
    };
    let total = items.len();
    let page: Vec<T> = items.into_iter().skip(start).take(size).collect();
    let next = start + page.len();
    Ok((page, (next < total).then(|| next.to_string())))
}

/// The position that a paging token stands for.
pub(crate) fn position(next_token: Option<&str>) -> Result<usize, ApiError> {
    next_token.map_or(Ok(0), |token| {
        token
            .parse()
            .map_err(|_| ApiError::validation("NextToken is not one that this service gave"))
    })
}
