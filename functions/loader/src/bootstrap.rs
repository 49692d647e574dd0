//! What the stages need in the warehouse before their first statement: users, schemas, grants, and the group of readers.
//!
//! Input: the users, by name. Output: what was missing. Users, groups and memberships are looked up and made where they are
//! missing, since Redshift has no IF NOT EXISTS for them; schemas and grants are statements that change nothing when they are
//! repeated. So it can be run at any time, also during a load or a build.
//!
//! Unlike a load this waits for its statements: whoever deploys the stack calls once, and has no state machine. A workgroup
//! that sleeps takes a minute to wake up.

use crate::context::Context;
use crate::error::LoaderError;
use crate::sql::RAW;
use cardlake_aws::data_api::{
    DataApiErrorKind, MAX_BATCH_STATEMENTS, StatementOutcome, StatementState, Submission, Value, client_token,
};
use cardlake_core::events::{BootstrapEvent, BootstrapOutput};
use cardlake_core::sql::{identifier, literal};
use std::collections::BTreeSet;
use std::time::Duration;
use uuid::Uuid;

#[cfg(test)]
mod tests;

/// Group of the users who read the marts.
pub(crate) const READERS: &str = "cardlake_readers";
/// Schema of the ledger.
const OPS: &str = "ops";
/// Schema of the marts.
const ANALYTICS: &str = "analytics";
/// Attempts, for what helps itself: a role that is new, a concurrent transaction.
const MAX_ATTEMPTS: u32 = 8;
/// Time between two of them.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);
/// Time between two looks at a statement.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Makes what is missing.
pub(crate) async fn bootstrap(event: &BootstrapEvent, context: &Context) -> Result<BootstrapOutput, LoaderError> {
    with_attempts(event, context, RETRY_INTERVAL).await
}

async fn with_attempts(
    event: &BootstrapEvent,
    context: &Context,
    interval: Duration,
) -> Result<BootstrapOutput, LoaderError> {
    let mut attempt = 1;
    loop {
        match once(event, context).await {
            Err(Failure::Passing(error)) if attempt < MAX_ATTEMPTS => {
                tracing::warn!(attempt, error = %error, "the warehouse is prepared once more");
                attempt += 1;
                tokio::time::sleep(interval).await;
            }
            Err(Failure::Passing(error) | Failure::Final(error)) => return Err(error),
            Ok(output) => {
                tracing::info!(?output, "the warehouse is prepared");
                return Ok(output);
            }
        }
    }
}

/// A failed attempt.
enum Failure {
    /// Another one may succeed.
    Passing(LoaderError),
    /// It would fail again.
    Final(LoaderError),
}

impl<E: Into<LoaderError>> From<E> for Failure {
    fn from(error: E) -> Self {
        match error.into() {
            // IAM takes some seconds to know a role that was made a moment ago, and Terraform calls at once.
            error @ LoaderError::DataApi(_) if is_refused(&error) => Self::Passing(error),
            error => Self::Final(error),
        }
    }
}

fn is_refused(error: &LoaderError) -> bool {
    matches!(error, LoaderError::DataApi(error) if error.kind == DataApiErrorKind::Refused)
}

/// Looks at what is there and makes the rest.
async fn once(event: &BootstrapEvent, context: &Context) -> Result<BootstrapOutput, Failure> {
    let state = look(context).await?;
    let (output, statements) = plan(event, &context.database, &state);
    for (index, batch) in statements.chunks(MAX_BATCH_STATEMENTS).enumerate() {
        run(context, &format!("step {}", index + 1), batch).await?;
    }
    Ok(output)
}

/// What is there. Redshift folds names to lower case unless it is told not to, so they are compared in lower case.
#[derive(Debug, Default)]
struct State {
    users: BTreeSet<String>,
    has_group: bool,
    readers: BTreeSet<String>,
}

async fn look(context: &Context) -> Result<State, Failure> {
    let group = literal(READERS);
    let statements = [
        "select usename from pg_user".to_owned(),
        format!("select groname from pg_group where groname = {group}"),
        format!("select usename from pg_user, pg_group where usesysid = any(grolist) and groname = {group}"),
    ];
    let outcomes = run(context, "look", &statements).await?;
    let [users, groups, readers] = outcomes.as_slice() else {
        return Err(LoaderError::Result {
            what: "users",
            problem: format!("there are {} results for three queries", outcomes.len()),
        }
        .into());
    };
    Ok(State {
        users: names(context, users).await?,
        has_group: !names(context, groups).await?.is_empty(),
        readers: names(context, readers).await?,
    })
}

async fn names(context: &Context, outcome: &StatementOutcome) -> Result<BTreeSet<String>, Failure> {
    let result = context.warehouse.results(&outcome.id).await?;
    let names = result.rows.iter().filter_map(|row| row.first().map(Value::display));
    Ok(names.map(|name| name.to_lowercase()).collect())
}

/// The statements that make what is missing, and what that is. Pure.
fn plan(event: &BootstrapEvent, database: &str, state: &State) -> (BootstrapOutput, Vec<String>) {
    let (loader, builder) = (identifier(&event.loader), identifier(&event.mart_builder));
    let (raw, ops, analytics) = (identifier(RAW), identifier(OPS), identifier(ANALYTICS));
    let readers = identifier(READERS);
    let mut output = BootstrapOutput::default();
    let mut statements = Vec::new();
    let mut known = state.users.clone();
    for user in [&event.loader, &event.mart_builder].into_iter().chain(&event.readers) {
        if known.insert(user.to_lowercase()) {
            statements.push(format!("create user {} password disable", identifier(user)));
            output.created_users.push(user.clone());
        }
    }
    if !state.has_group {
        statements.push(format!("create group {readers}"));
    }
    statements.extend([
        format!("grant create on database {} to {loader}, {builder}", identifier(database)),
        format!("create schema if not exists {raw} authorization {loader}"),
        format!("create schema if not exists {ops} authorization {loader}"),
        format!("create schema if not exists {analytics} authorization {builder}"),
        format!("grant usage on schema {raw} to {builder}"),
        format!("grant select on all tables in schema {raw} to {builder}"),
        format!("alter default privileges for user {loader} in schema {raw} grant select on tables to {builder}"),
        // A mart is swapped in as a new table at every build, so the second one counts.
        format!("grant usage on schema {analytics} to group {readers}"),
        format!("grant select on all tables in schema {analytics} to group {readers}"),
        format!(
            "alter default privileges for user {builder} in schema {analytics} grant select on tables to group {readers}"
        ),
    ]);
    let mut wanted = BTreeSet::new();
    for reader in &event.readers {
        if wanted.insert(reader.to_lowercase()) && !state.readers.contains(&reader.to_lowercase()) {
            statements.push(format!("alter group {readers} add user {}", identifier(reader)));
            output.added_readers.push(reader.clone());
        }
    }
    for reader in state.readers.difference(&wanted) {
        statements.push(format!("alter group {readers} drop user {}", identifier(reader)));
        output.removed_readers.push(reader.clone());
    }
    (output, statements)
}

/// Runs statements in one transaction, to its end.
async fn run(context: &Context, step: &str, statements: &[String]) -> Result<Vec<StatementOutcome>, Failure> {
    let submission = Submission {
        name: format!("cardlake bootstrap {step}"),
        // Every attempt is to run anew.
        token: client_token(&["bootstrap", &Uuid::new_v4().to_string()]),
        statements: statements.to_vec(),
    };
    let id = context.warehouse.submit(&submission).await?;
    loop {
        match context.warehouse.poll(&id).await? {
            StatementState::Running => tokio::time::sleep(POLL_INTERVAL).await,
            StatementState::Finished { statements } => return Ok(statements),
            StatementState::Failed { error, failed, .. } => {
                let statement = failed.and_then(|index| statements.get(index)).cloned();
                let is_concurrency = error.kind.is_concurrency();
                let error = LoaderError::StatementFailed {
                    statement: statement.unwrap_or(submission.name),
                    error: error.message,
                    details: Vec::new(),
                };
                return Err(if is_concurrency {
                    Failure::Passing(error)
                } else {
                    Failure::Final(error)
                });
            }
        }
    }
}
