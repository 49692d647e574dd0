//! The warehouse: statements through the Redshift Data API, one tick at a time.
//!
//! A stage submits a [`Submission`] (one statement, or several in one transaction), keeps the id that it gets, and asks
//! later how it went. Nothing here sleeps or waits. A submission carries a client token made from what it is part of:
//! submitting it again, because an answer was lost or a function was killed, gives the same id and runs nothing twice
//! (the service remembers tokens for eight hours).
//!
//! Only this module and [`crate::clients`] name the SDK. Its errors are sorted here, once, into what callers can act on;
//! retries of transient errors are the SDK's. [`DataApi`] is the port; [`Warehouse`] is the service.

use aws_sdk_redshiftdata::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_redshiftdata::types::{Field, StatementStatusString, StatusString};
use cardlake_core::config::{WarehouseConfig, WarehouseTarget};
use cardlake_core::error::{ErrorKind, StageError, with_causes};
use sha2::{Digest, Sha256};
use std::pin::Pin;
use std::time::Duration;

/// Longest text of a statement, in bytes (the service: 100 KB).
pub const MAX_STATEMENT_BYTES: usize = 100_000;
/// Most statements of one submission.
pub const MAX_BATCH_STATEMENTS: usize = 40;
/// Longest name of a submission, in bytes (the service: 2048; longer ones are cut).
const MAX_NAME_BYTES: usize = 512;

/// What went wrong with a request (not with a statement: that is [`StatementState::Failed`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataApiErrorKind {
    /// The service cannot answer for now: throttled, too many active statements, 5xx, connection lost.
    Transient,
    /// The service does not know the statement: results are kept for 24 hours.
    NotFound,
    /// The service refuses for good: access denied, no such workgroup, malformed request.
    Refused,
    /// A statement is too long, or there are too many of them.
    Limit,
    /// A result has another shape than the statement asked for.
    Result,
}

/// A failed request.
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot {operation} {subject}: {cause}")]
pub struct DataApiError {
    /// The sort of failure.
    pub kind: DataApiErrorKind,
    /// What was tried, as a verb.
    pub operation: &'static str,
    /// Name of the submission, or id of the statement.
    pub subject: String,
    /// What the service or the network said.
    pub cause: String,
}

impl StageError for DataApiError {
    fn kind(&self) -> ErrorKind {
        match self.kind {
            DataApiErrorKind::Transient => ErrorKind::Transient,
            DataApiErrorKind::NotFound => ErrorKind::NotFound,
            DataApiErrorKind::Refused => ErrorKind::Service,
            DataApiErrorKind::Limit => ErrorKind::Configuration,
            DataApiErrorKind::Result => ErrorKind::Internal,
        }
    }
}

/// Statements to run; more than one run in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// What people see in the statement list, e.g. `cardlake load transactions`.
    pub name: String,
    /// See [`client_token`].
    pub token: String,
    /// The statements, without semicolons at their ends.
    pub statements: Vec<String>,
}

/// The client token of a step: the same parts give the same token, other parts another.
#[must_use]
pub fn client_token(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hex::encode(hash.finalize())
}

/// One statement of a submission that has ended, or was never reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatementOutcome {
    /// Id to fetch results with.
    pub id: String,
    /// Rows returned or changed; none when the service does not say.
    pub rows: Option<u64>,
    /// Whether there is a result to fetch.
    pub has_result: bool,
    /// Redshift's own number of the query, as in its system views.
    pub query_id: Option<i64>,
    /// How long it ran.
    pub duration: Duration,
    /// Redshift's error, if it failed.
    pub error: Option<String>,
}

/// Where a submission stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatementState {
    /// Waiting or running.
    Running,
    /// Committed.
    Finished {
        /// Each statement, in order.
        statements: Vec<StatementOutcome>,
    },
    /// Rolled back.
    Failed {
        /// Redshift's error.
        error: String,
        /// Which statement failed; none when the service does not say (no connection, cancelled).
        failed: Option<usize>,
        /// Each statement, in order.
        statements: Vec<StatementOutcome>,
    },
}

/// A value of a result.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Null.
    Null,
    /// SMALLINT, INTEGER, BIGINT.
    Integer(i64),
    /// REAL, DOUBLE PRECISION.
    Double(f64),
    /// BOOLEAN.
    Boolean(bool),
    /// Everything else, DECIMAL, dates and timestamps included.
    Text(String),
}

impl Value {
    /// As people read it; null is empty.
    #[must_use]
    pub fn display(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Integer(number) => number.to_string(),
            Self::Double(number) => number.to_string(),
            Self::Boolean(truth) => truth.to_string(),
            Self::Text(text) => text.clone(),
        }
    }

    /// The number, whether it came as one or as text (SUM gives DECIMAL, which travels as text).
    #[must_use]
    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// The truth value, whether it came as one or as a number.
    #[must_use]
    pub const fn boolean(&self) -> Option<bool> {
        match self {
            Self::Boolean(truth) => Some(*truth),
            Self::Integer(number) => Some(*number != 0),
            _ => None,
        }
    }
}

/// The result of one statement, all pages together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ResultSet {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Rows; each has as many values as there are columns.
    pub rows: Vec<Vec<Value>>,
}

impl ResultSet {
    /// The only value of the only row, as a number that is not negative: what `select count(*)` gives.
    ///
    /// # Errors
    /// The result has another shape; `subject` says whose it is.
    pub fn count(&self, subject: &str) -> Result<u64, DataApiError> {
        let value = match self.rows.as_slice() {
            [row] => row.first().and_then(Value::integer),
            _ => None,
        };
        value
            .and_then(|number| u64::try_from(number).ok())
            .ok_or_else(|| DataApiError {
                kind: DataApiErrorKind::Result,
                operation: "understand",
                subject: subject.to_owned(),
                cause: format!("a count was expected, there are {} rows", self.rows.len()),
            })
    }
}

/// An answer that takes a while.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, DataApiError>> + Send + 'a>>;

/// What stages need of the Data API.
pub trait DataApi: Send + Sync {
    /// Hands statements over to the warehouse; gives the id to ask with.
    fn submit<'a>(&'a self, submission: &'a Submission) -> Answer<'a, String>;
    /// Where a submission stands.
    fn poll<'a>(&'a self, id: &'a str) -> Answer<'a, StatementState>;
    /// The result of a statement that has one.
    fn results<'a>(&'a self, id: &'a str) -> Answer<'a, ResultSet>;
    /// Stops a submission that is waiting or running, soon; one that has ended is an error.
    fn cancel<'a>(&'a self, id: &'a str) -> Answer<'a, ()>;
}

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
        check_limits(submission)?;
        let name = cut(&submission.name);
        if let [statement] = submission.statements.as_slice() {
            let request = connect!(self.client.execute_statement(), self.config)
                .sql(statement)
                .statement_name(name)
                .client_token(&submission.token);
            let output = request.send().await;
            let output = output.map_err(|error| failure("submit", &submission.name, &error))?;
            return Ok(output.id().unwrap_or_default().to_owned());
        }
        let request = connect!(self.client.batch_execute_statement(), self.config)
            .set_sqls(Some(submission.statements.clone()))
            .statement_name(name)
            .client_token(&submission.token);
        let output = request.send().await;
        let output = output.map_err(|error| failure("submit", &submission.name, &error))?;
        Ok(output.id().unwrap_or_default().to_owned())
    }

    async fn describe(&self, id: &str) -> Result<StatementState, DataApiError> {
        let output = self.client.describe_statement().id(id).send().await;
        let output = output.map_err(|error| failure("look up statement", id, &error))?;
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
                StatementState::Failed {
                    error: said.unwrap_or_else(|| format!("the statement was {}", status.as_str().to_lowercase())),
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
            let page = page.map_err(|error| failure("fetch the result of", id, &error))?;
            if result.columns.is_empty() {
                let names = page.column_metadata().iter();
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
            cancelled.map_err(|error| failure("cancel statement", id, &error))?;
            Ok(())
        })
    }
}

fn check_limits(submission: &Submission) -> Result<(), DataApiError> {
    let limit = |cause| DataApiError {
        kind: DataApiErrorKind::Limit,
        operation: "submit",
        subject: submission.name.clone(),
        cause,
    };
    let count = submission.statements.len();
    if count == 0 || count > MAX_BATCH_STATEMENTS {
        return Err(limit(format!(
            "{count} statements; a submission takes 1 to {MAX_BATCH_STATEMENTS}"
        )));
    }
    let longest = submission.statements.iter().map(String::len).max().unwrap_or_default();
    if longest > MAX_STATEMENT_BYTES {
        return Err(limit(format!(
            "a statement has {longest} bytes; the Data API takes {MAX_STATEMENT_BYTES}"
        )));
    }
    Ok(())
}

fn cut(name: &str) -> &str {
    &name[..name.floor_char_boundary(MAX_NAME_BYTES)]
}

/// The service says -1 for "not known".
fn known(rows: i64) -> Option<u64> {
    u64::try_from(rows).ok()
}

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
                operation: "understand the result of",
                subject: id.to_owned(),
                cause: "a column is binary: cast it to text in the statement".to_owned(),
            });
        }
    })
}

fn failure<E>(operation: &'static str, subject: &str, error: &SdkError<E>) -> DataApiError
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    DataApiError {
        kind: classify(error.code().unwrap_or_default(), status),
        operation,
        subject: subject.to_owned(),
        cause: match error.message() {
            Some(message) => format!("{}: {message}", error.code().unwrap_or("error")),
            None => with_causes(error),
        },
    }
}

/// `status` is none when no answer came at all.
fn classify(code: &str, status: Option<u16>) -> DataApiErrorKind {
    match (code, status) {
        ("ResourceNotFoundException", _) => DataApiErrorKind::NotFound,
        (
            "ActiveStatementsExceededException"
            | "ActiveSessionsExceededException"
            | "ActiveWaitingRequestsExceededException"
            | "ExecuteStatementException"
            | "BatchExecuteStatementException"
            | "DatabaseConnectionException"
            | "InternalServerException"
            | "QueryTimeoutException"
            | "ThrottlingException"
            | "TooManyRequestsException",
            _,
        )
        | (_, Some(429 | 500..=599) | None) => DataApiErrorKind::Transient,
        _ => DataApiErrorKind::Refused,
    }
}

/// Whether Redshift rolled a transaction back because of another one that ran at the same time: the way out is to look
/// at the tables again and submit anew. (1023: serializable isolation violation; 1018: a table was replaced.)
#[must_use]
pub fn is_conflict(error: &str) -> bool {
    let said: String = error.chars().filter(|letter| !letter.is_whitespace()).collect();
    let said = said.to_ascii_lowercase();
    let signs = [
        "error:1023",
        "error:1018",
        "serializableisolationviolation",
        "conflictwithconcurrenttransaction",
    ];
    signs.iter().any(|sign| said.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submission(statements: &[&str]) -> Submission {
        Submission {
            name: "test".to_owned(),
            token: client_token(&["test"]),
            statements: statements.iter().map(|text| (*text).to_owned()).collect(),
        }
    }

    #[test]
    fn a_token_fits_the_service_and_tells_steps_apart() {
        let token = client_token(&["run", "load transactions", "1"]);
        assert_eq!(token.len(), 64);
        assert_eq!(token, client_token(&["run", "load transactions", "1"]));
        assert_ne!(token, client_token(&["run", "load transactions", "2"]));
        assert_ne!(client_token(&["ab", "c"]), client_token(&["a", "bc"]));
    }

    #[test]
    fn the_limits_of_the_service_are_refused_before_a_request() {
        assert!(check_limits(&submission(&["select 1"])).is_ok());
        let long = "x".repeat(MAX_STATEMENT_BYTES + 1);
        for refused in [submission(&[]), submission(&["select 1"; 41]), submission(&[&long])] {
            assert_eq!(check_limits(&refused).unwrap_err().kind, DataApiErrorKind::Limit);
        }
    }

    #[test]
    fn errors_are_sorted_by_what_helps() {
        for (code, status, kind) in [
            ("ThrottlingException", Some(400), DataApiErrorKind::Transient),
            (
                "ActiveStatementsExceededException",
                Some(400),
                DataApiErrorKind::Transient,
            ),
            ("", Some(503), DataApiErrorKind::Transient),
            ("", None, DataApiErrorKind::Transient),
            ("ResourceNotFoundException", Some(400), DataApiErrorKind::NotFound),
            ("ValidationException", Some(400), DataApiErrorKind::Refused),
            ("AccessDeniedException", Some(400), DataApiErrorKind::Refused),
        ] {
            assert_eq!(classify(code, status), kind, "{code} {status:?}");
        }
    }

    #[test]
    fn a_count_is_read_from_numbers_and_from_decimal_text() {
        let one = |value| ResultSet {
            columns: vec!["count".to_owned()],
            rows: vec![vec![value]],
        };
        assert_eq!(one(Value::Integer(7)).count("t").unwrap(), 7);
        assert_eq!(one(Value::Text("7".to_owned())).count("t").unwrap(), 7);
        assert!(one(Value::Integer(-1)).count("t").is_err());
        assert!(ResultSet::default().count("t").is_err());
    }

    #[test]
    fn a_conflict_is_told_from_a_mistake() {
        assert!(is_conflict(
            "ERROR: 1023 DETAIL: Serializable isolation violation on table in Redshift"
        ));
        assert!(is_conflict("ERROR:1018 DETAIL: Relation does not exist."));
        assert!(!is_conflict("ERROR: value 1023 is out of range"));
        assert!(!is_conflict("ERROR: column \"x\" does not exist"));
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        assert!(cut(&"é".repeat(600)).len() <= MAX_NAME_BYTES);
    }
}
