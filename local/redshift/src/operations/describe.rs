//! DescribeStatement, GetStatementResult and GetStatementResultV2.

use md5::Digest as _;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use super::shared::{find, format_name, pid, session_id, wait_time};
use crate::error::ApiError;
use crate::protocol::{
    DescribeResponse, Parameter, ResultResponse, StatementRequest, SubStatement, nanoseconds, position,
};
use crate::results::{ResultFormat, ResultSet};
use crate::service::Service;
use crate::statement::{Entry, Part, Status};

/// Describes a statement, a batch, or a statement of a batch.
pub(crate) async fn describe(service: &Service, request: StatementRequest) -> Result<DescribeResponse, ApiError> {
    let (entry, part) = find(service, &request.id)?;
    if let Some(wait) = wait_time(request.wait_time_seconds)? {
        entry.wait(wait).await;
    }
    let state = entry.state();
    let submission = &entry.submission;
    let whole = Part {
        status: state.status,
        error: state.error.clone(),
        rows: -1,
        duration: state.duration,
        updated: state.updated,
        result: None,
    };
    let (described, text) = match part {
        Some(index) => (&state.parts[index], &submission.sqls[index]),
        None if submission.batch => (&whole, &submission.sqls[0]),
        None => (&state.parts[0], &submission.sqls[0]),
    };
    let batch = submission.batch && part.is_none();
    let has_result_set = if batch {
        state.parts.iter().any(|part| part.result.is_some())
    } else {
        described.result.is_some()
    };
    // The statement as a whole ends a moment after its last part.
    let shown = if part.is_some() { described } else { &whole };
    Ok(DescribeResponse {
        id: request.id,
        status: shown.status.name(),
        error: shown.error.clone(),
        duration: nanoseconds(shown.duration),
        created_at: entry.created.into(),
        updated_at: shown.updated.into(),
        has_result_set,
        result_rows: described.rows,
        result_size: size(described),
        query_string: if batch {
            submission.sqls.join(";\n")
        } else {
            text.clone()
        },
        query_parameters: Parameter::list(&submission.parameters),
        sub_statements: if batch {
            sub_statements(&entry, &state.parts)
        } else {
            Vec::new()
        },
        redshift_pid: pid(&entry),
        redshift_query_id: if state.status == Status::Submitted {
            0
        } else {
            entry.number
        },
        redshift_query_uuid: query_uuid(&entry.id, state.status),
        result_format: format_name(submission.format),
        session_id: session_id(&entry),
        execution_mode: submission.batch.then_some(if submission.auto_commit {
            "AUTO_COMMIT"
        } else {
            "TRANSACTION"
        }),
        connection: submission.connection.clone(),
    })
}

fn sub_statements(entry: &Entry, parts: &[Part]) -> Vec<SubStatement> {
    let texts = entry.submission.sqls.iter();
    parts
        .iter()
        .zip(texts)
        .enumerate()
        .map(|(index, (part, text))| SubStatement {
            id: format!("{}:{}", entry.id, index + 1),
            status: part.status.name(),
            error: part.error.clone(),
            duration: nanoseconds(part.duration),
            created_at: entry.created.into(),
            updated_at: part.updated.into(),
            query_string: text.clone(),
            result_rows: part.rows,
            result_size: size(part),
            redshift_query_id: entry.number,
            redshift_query_uuid: query_uuid(&format!("{}:{}", entry.id, index + 1), part.status),
            has_result_set: part.result.is_some(),
        })
        .collect()
}

/// What the engine would call the query of a statement; none before it has begun.
fn query_uuid(id: &str, status: Status) -> Option<String> {
    let begun = status != Status::Submitted;
    begun.then(|| {
        let digest: [u8; 16] = md5::Md5::digest(id.as_bytes()).into();
        uuid::Builder::from_md5_bytes(digest).into_uuid().to_string()
    })
}

fn size(part: &Part) -> i64 {
    part.result
        .as_ref()
        .map_or(-1, |result| i64::try_from(result.size).unwrap_or(i64::MAX))
}

/// Gives a page of a result.
pub(crate) async fn result(
    service: &Service,
    request: StatementRequest,
    format: ResultFormat,
) -> Result<ResultResponse, ApiError> {
    let (entry, part) = find(service, &request.id)?;
    if let Some(wait) = wait_time(request.wait_time_seconds)? {
        entry.wait(wait).await;
    }
    let state = entry.state();
    let submission = &entry.submission;
    if submission.format != format {
        return Err(ApiError::validation(format!(
            "the result format of statement {} is {}",
            request.id,
            format_name(submission.format)
        )));
    }
    if submission.batch && part.is_none() {
        return Err(ApiError::validation(format!(
            "statement {} is a batch: use the Id of a sub-statement, {}:1 for the first",
            request.id, entry.id
        )));
    }
    let part = &state.parts[part.unwrap_or_default()];
    let not_there = || {
        ApiError::not_found(
            &request.id,
            "Query does not have result. Please check query status with DescribeStatement.",
        )
    };
    if part.status != Status::Finished || state.status != Status::Finished && !submission.auto_commit {
        return Err(not_there());
    }
    let result = part.result.as_ref().ok_or_else(not_there)?;
    let index = position(request.next_token.as_deref())?;
    let text = result
        .pages
        .get(index)
        .ok_or_else(|| ApiError::validation("NextToken is not one that this service gave"))?;
    Ok(ResultResponse {
        records: records(text, format)?,
        column_metadata: result.columns.clone(),
        total_num_rows: result.rows,
        result_format: (format == ResultFormat::Csv).then_some("CSV"),
        next_token: next_page(result, index),
    })
}

fn next_page(result: &ResultSet, index: usize) -> Option<String> {
    (index + 1 < result.pages.len()).then(|| (index + 1).to_string())
}

fn records(text: &str, format: ResultFormat) -> Result<Box<RawValue>, ApiError> {
    let raw = match format {
        ResultFormat::Json => RawValue::from_string(text.to_owned()),
        ResultFormat::Csv => to_raw_value(&json!([{ "CSVRecords": text }])),
    };
    raw.map_err(|error| {
        ApiError::new(
            "InternalServerException",
            format!("the result cannot be written: {error}"),
        )
    })
}
