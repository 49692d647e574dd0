//! ExecuteStatement and BatchExecuteStatement.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use cardlake_redshift_sql::statements;

use super::shared::{check_target, pid, session_id, wait_time};
use crate::error::ApiError;
use crate::locks::lock;
use crate::protocol::{ExecuteRequest, ExecuteResponse};
use crate::service::Service;
use crate::statement::{ConnectionFields, SessionSlot, Submission};

/// Statements of a batch at most.
const MAX_BATCH: usize = 40;
/// Bytes of a statement at most.
const MAX_SQL_BYTES: usize = 100 * 1024;
/// Bytes of a statement's name at most.
const MAX_NAME_BYTES: usize = 2048;
/// Seconds that a session may be kept.
const MAX_SESSION_SECONDS: u64 = 86_400;

/// Submits a statement or a batch.
pub(crate) async fn execute(
    service: &Service,
    request: ExecuteRequest,
    batch: bool,
) -> Result<ExecuteResponse, ApiError> {
    let sqls = statements_of(&request, batch)?;
    let wait = wait_time(request.wait_time_seconds)?;
    let auto_commit = match request.execution_mode.as_deref() {
        None | Some("TRANSACTION") => false,
        Some("AUTO_COMMIT") if batch => true,
        Some(other) => {
            return Err(ApiError::validation(format!(
                "ExecutionMode '{other}' is not one of [TRANSACTION, AUTO_COMMIT]"
            )));
        }
    };
    if request
        .client_token
        .as_ref()
        .is_some_and(|token| token.is_empty() || token.len() > 64)
    {
        return Err(ApiError::validation("ClientToken must have 1 to 64 characters"));
    }
    if request
        .statement_name
        .as_ref()
        .is_some_and(|name| name.len() > MAX_NAME_BYTES)
    {
        return Err(ApiError::validation(format!(
            "StatementName must have at most {MAX_NAME_BYTES} characters"
        )));
    }
    let parameters = parameters(&request)?;
    check_parameters(&sqls, &parameters)?;
    let (connection, session) = connection(service, &request)?;
    let submission = Submission {
        sqls,
        batch,
        auto_commit,
        parameters,
        name: request.statement_name,
        format: request.result_format,
        connection,
        session,
    };
    let entry = service.statements.submit(submission, request.client_token)?;
    if let Some(wait) = wait {
        entry.wait(wait).await;
    }
    let state = entry.state();
    Ok(ExecuteResponse {
        id: entry.id.clone(),
        created_at: entry.created.into(),
        connection: entry.submission.connection.clone(),
        db_groups: Vec::new(),
        session_id: session_id(&entry),
        status: state.status.name(),
        redshift_pid: pid(&entry),
        has_result_set: state.parts.iter().any(|part| part.result.is_some()),
    })
}

fn statements_of(request: &ExecuteRequest, batch: bool) -> Result<Vec<String>, ApiError> {
    let sqls = match (batch, &request.sql, &request.sqls) {
        (false, Some(sql), None) => vec![sql.clone()],
        (true, None, Some(sqls)) => sqls.clone(),
        (false, ..) => return Err(ApiError::validation("Sql is required")),
        (true, ..) => return Err(ApiError::validation("Sqls is required")),
    };
    if sqls.is_empty() || sqls.len() > MAX_BATCH {
        return Err(ApiError::validation(format!(
            "Sqls must have 1 to {MAX_BATCH} members, got {}",
            sqls.len()
        )));
    }
    if sqls.iter().any(|sql| sql.len() > MAX_SQL_BYTES) {
        return Err(ApiError::validation("Cannot process query string larger than 100kB"));
    }
    Ok(sqls)
}

fn parameters(request: &ExecuteRequest) -> Result<BTreeMap<String, String>, ApiError> {
    let mut parameters = BTreeMap::new();
    for parameter in &request.parameters {
        let is_symbol = |symbol: char| symbol.is_ascii_alphanumeric() || symbol == '_';
        if parameter.name.is_empty() || !parameter.name.chars().all(is_symbol) {
            return Err(ApiError::validation(format!(
                "invalid parameter name '{}'",
                parameter.name
            )));
        }
        if parameter.value.is_empty() {
            return Err(ApiError::validation(format!(
                "the value of parameter {} is empty",
                parameter.name
            )));
        }
        if parameters
            .insert(parameter.name.clone(), parameter.value.clone())
            .is_some()
        {
            return Err(ApiError::validation(format!(
                "parameter {} is given twice",
                parameter.name
            )));
        }
    }
    Ok(parameters)
}

fn check_parameters(sqls: &[String], parameters: &BTreeMap<String, String>) -> Result<(), ApiError> {
    let mut used = BTreeSet::new();
    for sql in sqls {
        // A statement that cannot be read fails when it runs.
        let _ = statements(sql, parameters, &mut used);
    }
    let unused: Vec<&str> = parameters
        .keys()
        .filter(|name| !used.contains(*name))
        .map(String::as_str)
        .collect();
    if unused.is_empty() {
        Ok(())
    } else {
        Err(ApiError::validation(format!(
            "Parameters list contains unused parameters. Unused parameters: [{}]",
            unused.join(", ")
        )))
    }
}

type Place = (ConnectionFields, Option<Arc<SessionSlot>>);

fn connection(service: &Service, request: &ExecuteRequest) -> Result<Place, ApiError> {
    let keep_alive = request.session_keep_alive_seconds;
    if keep_alive.is_some_and(|seconds| seconds > MAX_SESSION_SECONDS) {
        return Err(ApiError::validation(format!(
            "SessionKeepAliveSeconds must be at most {MAX_SESSION_SECONDS}"
        )));
    }
    if let Some(id) = &request.session_id {
        let slot = service
            .statements
            .session(id)
            .ok_or_else(|| ApiError::not_found(id, format!("Session {id} does not exist or has ended")))?;
        if let Some(seconds) = keep_alive {
            *lock(&slot.keep_alive) = Duration::from_secs(seconds);
        }
        return Ok((slot.connection.clone(), Some(slot)));
    }
    check_target(service, &request.target)?;
    let connection = ConnectionFields::from(request.target.clone());
    match keep_alive {
        Some(seconds) if seconds > 0 => {
            let slot = service
                .statements
                .open_session(Duration::from_secs(seconds), connection.clone())?;
            Ok((connection, Some(slot)))
        }
        _ => Ok((connection, None)),
    }
}
