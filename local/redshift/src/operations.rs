//! The operations of the Redshift Data API.

mod catalog;
mod describe;
mod execute;
mod lists;
mod shared;

use serde_json::{Value, json};

use crate::error::ApiError;
use crate::protocol::{StatementRequest, read};
use crate::results::ResultFormat;
use crate::service::Service;
use crate::statements::Statements;

use shared::find;

/// Serves one request and gives the body of the response.
pub(crate) async fn dispatch(service: &Service, operation: &str, body: &[u8]) -> Result<String, ApiError> {
    match operation {
        "ExecuteStatement" => json_body(&execute::execute(service, read(body)?, false).await?),
        "BatchExecuteStatement" => json_body(&execute::execute(service, read(body)?, true).await?),
        "DescribeStatement" => json_body(&describe::describe(service, read(body)?).await?),
        "GetStatementResult" => json_body(&describe::result(service, read(body)?, ResultFormat::Json).await?),
        "GetStatementResultV2" => json_body(&describe::result(service, read(body)?, ResultFormat::Csv).await?),
        "CancelStatement" => json_body(&cancel(service, &read(body)?)?),
        "ListStatements" => json_body(&lists::statements(service, &read(body)?)?),
        "ListSessions" => json_body(&lists::sessions(service, &read(body)?)?),
        "ListDatabases" | "ListSchemas" | "ListTables" | "DescribeTable" => {
            json_body(&catalog::serve(service, operation, read(body)?).await?)
        }
        _ => Err(ApiError::new(
            "UnknownOperationException",
            format!("unknown operation {operation}"),
        )),
    }
}

fn json_body(value: &impl serde::Serialize) -> Result<String, ApiError> {
    serde_json::to_string(value).map_err(|error| {
        ApiError::new(
            "InternalServerException",
            format!("the response cannot be written: {error}"),
        )
    })
}

fn cancel(service: &Service, request: &StatementRequest) -> Result<Value, ApiError> {
    let (entry, _) = find(service, &request.id)?;
    if Statements::cancel(&entry) {
        Ok(json!({ "Status": true }))
    } else {
        Err(ApiError::validation(format!(
            "Could not cancel a query that is already in {} state",
            entry.state().status.name()
        )))
    }
}
