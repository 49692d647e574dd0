//! ListStatements and ListSessions.

use std::sync::atomic::Ordering;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::shared::{format_name, session_id, with_token};
use crate::error::ApiError;
use crate::locks::lock;
use crate::protocol::{ListSessionsRequest, ListStatementsRequest, Parameter, Seconds, page};
use crate::service::Service;
use crate::statement::SessionSlot;

/// Lists statements, newest first; finished ones unless a status is asked for.
pub(crate) fn statements(service: &Service, request: &ListStatementsRequest) -> Result<Value, ApiError> {
    let wanted = request.status.as_deref().unwrap_or("FINISHED");
    if !matches!(
        wanted,
        "ALL" | "SUBMITTED" | "PICKED" | "STARTED" | "FINISHED" | "FAILED" | "ABORTED"
    ) {
        return Err(ApiError::validation(format!("Status '{wanted}' is not known")));
    }
    if request.cluster_identifier.is_some() && request.workgroup_name.is_some() {
        return Err(ApiError::validation(
            "ClusterIdentifier and WorkgroupName exclude each other",
        ));
    }
    let same = |asked: &Option<String>, has: &Option<String>| asked.is_none() || asked == has;
    let entries = service.statements.list().into_iter().filter(|entry| {
        let connection = &entry.submission.connection;
        (wanted == "ALL" || entry.state().status.name() == wanted)
            && request.statement_name.as_ref().is_none_or(|prefix| {
                entry
                    .submission
                    .name
                    .as_ref()
                    .is_some_and(|name| name.starts_with(prefix.as_str()))
            })
            && same(&request.database, &connection.database)
            && same(&request.cluster_identifier, &connection.cluster_identifier)
            && same(&request.workgroup_name, &connection.workgroup_name)
    });
    let (page, next) = page(
        entries.collect(),
        request.next_token.as_deref(),
        request.max_results,
        100,
    )?;
    let statements: Vec<Value> = page
        .iter()
        .map(|entry| {
            let submission = &entry.submission;
            let state = entry.state();
            let mut data = json!({
                "Id": entry.id,
                "Status": state.status.name(),
                "CreatedAt": Seconds::from(entry.created),
                "UpdatedAt": Seconds::from(state.updated),
                "IsBatchStatement": submission.batch,
                "ResultFormat": format_name(submission.format),
            });
            if submission.batch {
                data["QueryStrings"] = json!(submission.sqls);
            } else {
                data["QueryString"] = json!(submission.sqls[0]);
            }
            for (member, value) in [
                ("StatementName", submission.name.clone()),
                ("SecretArn", submission.connection.secret_arn.clone()),
                ("SessionId", session_id(entry)),
            ] {
                if let Some(value) = value {
                    data[member] = json!(value);
                }
            }
            if !submission.parameters.is_empty() {
                data["QueryParameters"] = json!(Parameter::list(&submission.parameters));
            }
            data
        })
        .collect();
    Ok(with_token(json!({ "Statements": statements }), next))
}

/// Lists the sessions, those that have ended included.
pub(crate) fn sessions(service: &Service, request: &ListSessionsRequest) -> Result<Value, ApiError> {
    let wanted = request.status.as_deref();
    if wanted.is_some_and(|status| !matches!(status, "AVAILABLE" | "BUSY" | "CLOSED")) {
        return Err(ApiError::validation("Status is not one of [AVAILABLE, BUSY, CLOSED]"));
    }
    let same = |asked: &Option<String>, has: &Option<String>| asked.is_none() || asked == has;
    let sessions = service.statements.sessions().into_iter().filter(|(slot, _)| {
        let connection = &slot.connection;
        request.session_id.as_ref().is_none_or(|id| *id == slot.id)
            && same(&request.database, &connection.database)
            && same(&request.cluster_identifier, &connection.cluster_identifier)
            && same(&request.workgroup_name, &connection.workgroup_name)
    });
    let sessions = sessions.map(|(slot, open)| session(&slot, open));
    let sessions = sessions.filter(|data| wanted.is_none_or(|status| data["Status"] == json!(status)));
    let (page, next) = page(
        sessions.collect(),
        request.next_token.as_deref(),
        request.max_results,
        100,
    )?;
    Ok(with_token(json!({ "Sessions": page }), next))
}

fn session(slot: &SessionSlot, open: bool) -> Value {
    let busy = slot.busy.load(Ordering::Acquire);
    let keep_alive = *lock(&slot.keep_alive);
    let used = SystemTime::now() - lock(&slot.used).elapsed();
    let mut data = json!({
        "SessionId": slot.id,
        "Status": match (open, busy) {
            (false, _) => "CLOSED",
            (true, true) => "BUSY",
            (true, false) => "AVAILABLE",
        },
        "CreatedAt": Seconds::from(slot.created),
        "UpdatedAt": Seconds::from(used),
        "SessionAliveSeconds": keep_alive.as_secs(),
        "SessionTtl": Seconds::from(used + keep_alive),
    });
    let connection = &slot.connection;
    let current = lock(&slot.statement).clone().filter(|_| open && busy);
    for (member, value) in [
        ("Database", &connection.database),
        ("DbUser", &connection.db_user),
        ("ClusterIdentifier", &connection.cluster_identifier),
        ("WorkgroupName", &connection.workgroup_name),
        ("CurrentStatementId", &current),
    ] {
        if let Some(value) = value {
            data[member] = json!(value);
        }
    }
    data
}
