//! What several operations need: checks of the target and of waits, look-ups, and parts of responses.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::error::ApiError;
use crate::protocol::Target;
use crate::results::ResultFormat;
use crate::service::Service;
use crate::statement::Entry;

/// Seconds that a request may wait.
const MAX_WAIT_SECONDS: u64 = 30;

/// A serverless workgroup or a cluster, a database, and a secret that exists.
pub(crate) fn check_target(service: &Service, target: &Target) -> Result<(), ApiError> {
    match (&target.cluster_identifier, &target.workgroup_name) {
        (Some(_), Some(_)) => {
            return Err(ApiError::validation(
                "ClusterIdentifier and WorkgroupName exclude each other",
            ));
        }
        (None, None) if target.secret_arn.is_none() => {
            return Err(ApiError::validation(
                "either ClusterIdentifier or WorkgroupName is required",
            ));
        }
        (None, Some(_)) if target.db_user.is_some() => {
            return Err(ApiError::validation(
                "DbUser goes with ClusterIdentifier, not with WorkgroupName",
            ));
        }
        _ => {}
    }
    if let Some(name) = &target.cluster_identifier
        && !is_cluster_identifier(name)
    {
        return Err(ApiError::validation(format!("invalid ClusterIdentifier '{name}'")));
    }
    if let Some(name) = &target.workgroup_name
        && !is_workgroup(name)
    {
        return Err(ApiError::validation(format!("invalid WorkgroupName '{name}'")));
    }
    if let Some(workgroup) = &service.workgroup {
        let names_it = |name: &String| {
            let of_arn = |id: &str| id.split('/').any(|part| part == workgroup);
            name == workgroup || name.rsplit_once(":workgroup/").is_some_and(|(_, id)| of_arn(id))
        };
        if !target.workgroup_name.as_ref().is_none_or(names_it) {
            // As the service says it: https://github.com/aws/aws-cdk/issues/30536
            return Err(ApiError::validation("Redshift endpoint doesn't exist in this region."));
        }
    }
    if target.database.as_ref().is_none_or(String::is_empty) {
        return Err(ApiError::validation("Database is required"));
    }
    if target.db_user.is_some() && target.secret_arn.is_some() {
        return Err(ApiError::validation("DbUser and SecretArn exclude each other"));
    }
    match &target.secret_arn {
        Some(secret) if !service.known_secrets.contains(secret) => Err(ApiError::validation(format!(
            "Secrets Manager can't find the specified secret {secret}"
        ))),
        _ => Ok(()),
    }
}

/// Lower-case letters and digits in parts between hyphens, a letter first.
fn is_cluster_identifier(name: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|symbol| symbol.is_ascii_lowercase() || symbol.is_ascii_digit())
    };
    name.len() <= 63 && name.starts_with(|first: char| first.is_ascii_lowercase()) && name.split('-').all(is_part)
}

/// A name, or an ARN of a workgroup.
fn is_workgroup(name: &str) -> bool {
    let is_symbol = |symbol: char| symbol.is_ascii_lowercase() || symbol.is_ascii_digit() || symbol == '-';
    let is_name = (3..=63).contains(&name.len()) && name.chars().all(is_symbol);
    is_name || name.len() <= 128 && name.starts_with("arn:aws") && name.contains(":workgroup/")
}

pub(crate) fn wait_time(seconds: Option<u64>) -> Result<Option<Duration>, ApiError> {
    match seconds {
        Some(seconds) if !(1..=MAX_WAIT_SECONDS).contains(&seconds) => Err(ApiError::validation(format!(
            "WaitTimeSeconds must be between 1 and {MAX_WAIT_SECONDS}"
        ))),
        seconds => Ok(seconds.map(Duration::from_secs)),
    }
}

pub(crate) fn session_id(entry: &Entry) -> Option<String> {
    entry.submission.session.as_ref().map(|slot| slot.id.clone())
}

/// A process id, as Redshift has one per connection.
pub(crate) fn pid(entry: &Entry) -> i64 {
    1_073_741_824 + entry.number
}

/// Finds a statement by its id, and the part of a batch that an id with a suffix names.
pub(crate) fn find(service: &Service, id: &str) -> Result<(Arc<Entry>, Option<usize>), ApiError> {
    let not_found = || ApiError::not_found(id, "Query does not exist.");
    let invalid = || ApiError::validation(format!("invalid Id {id}"));
    let (statement, part) = match id.split_once(':') {
        Some((_, number)) if number.len() > 2 => return Err(invalid()),
        Some((statement, number)) => {
            let number: usize = number.parse().map_err(|_| invalid())?;
            (statement, Some(number.checked_sub(1).ok_or_else(not_found)?))
        }
        None => (id, None),
    };
    if statement.len() != 36 || uuid::Uuid::try_parse(statement).is_err() {
        return Err(invalid());
    }
    let entry = service.statements.get(statement).ok_or_else(not_found)?;
    if part.is_some_and(|part| !entry.submission.batch || part >= entry.submission.sqls.len()) {
        return Err(not_found());
    }
    Ok((entry, part))
}

pub(crate) fn format_name(format: ResultFormat) -> &'static str {
    match format {
        ResultFormat::Json => "JSON",
        ResultFormat::Csv => "CSV",
    }
}

pub(crate) fn with_token(mut response: Value, next: Option<String>) -> Value {
    if let Some(next) = next {
        response["NextToken"] = json!(next);
    }
    response
}
