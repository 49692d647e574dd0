//! What a client sends, statement by statement: the simple protocol, where a message is a text of statements, and the extended
//! one, where statements are prepared and get values.
//!
//! A text of several statements is one transaction, unless it has transaction commands of its own. A statement alone is answered
//! while it runs.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Instant, SystemTime};

use async_trait::async_trait;
use cardlake_redshift_sql::{SqlError, Statement, statements, texts};
use futures::{Sink, SinkExt as _, StreamExt as _};
use pgwire::api::portal::{Format, Portal, PortalExecutionState};
use pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler};
use pgwire::api::results::{
    DescribePortalResponse, DescribeStatementResponse, FieldInfo, QueryResponse, Response, Tag,
};
use pgwire::api::stmt::{QueryParser, StoredStatement};
use pgwire::api::store::PortalStore;
use pgwire::api::{ClientInfo, ClientPortalStore, Type};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::data::DataRow;
use tokio::sync::mpsc;

use super::connection::Connection;
use super::failure::failure;
use super::relay::{self, Event, Relay};
use super::{encode, parameters};
use crate::history::Ended;
use crate::session::{Outcome, Session, Transaction};

/// Bytes that a message of statements may have: <https://docs.aws.amazon.com/redshift/latest/dg/c_redshift-sql.html>.
const MAX_STATEMENT_BYTES: usize = 16 * 1024 * 1024;

/// Answers the messages of all clients.
pub(super) struct Handler;

/// A statement with its text.
#[derive(Debug)]
pub(super) struct Prepared {
    statement: Statement,
    text: String,
    /// The types of its placeholders, as far as they are known.
    types: Vec<Option<Type>>,
}

/// How a statement ended.
pub(super) struct Done {
    tag: Tag,
    before: Transaction,
    after: Transaction,
}

impl Done {
    /// What the client is told of a statement without a result.
    fn response(self) -> Response {
        match (self.before, self.after) {
            (Transaction::None, Transaction::Open) => Response::TransactionStart(self.tag),
            (Transaction::Open | Transaction::Failed, Transaction::None) => Response::TransactionEnd(self.tag),
            _ => Response::Execution(self.tag),
        }
    }
}

/// Splits a text into its statements.
fn split(sql: &str) -> Result<Vec<Prepared>, SqlError> {
    if sql.len() > MAX_STATEMENT_BYTES {
        return Err(SqlError::classed(
            "54001",
            format!(
                "Statement is too large. Statement Size: {} bytes. Maximum Allowed: {MAX_STATEMENT_BYTES} bytes",
                sql.len()
            ),
        ));
    }
    let parsed = statements(sql, &Default::default(), &mut Default::default())?;
    let texts: Vec<String> = texts(sql, &parsed).into_iter().map(str::to_owned).collect();
    let both = parsed.into_iter().zip(texts);
    let prepared = both.map(|(statement, text)| Prepared {
        statement,
        text,
        types: Vec::new(),
    });
    Ok(prepared.collect())
}

/// The connection that authentication has given to the client.
fn connection<C: ClientInfo>(client: &C) -> PgWireResult<Arc<Connection>> {
    let connection = client.session_extensions().get::<Arc<Connection>>();
    let connection =
        connection.ok_or_else(|| failure(&SqlError::classed("08003", "the client is not authenticated")))?;
    Ok(Arc::clone(&connection))
}

/// Works with the session of a connection.
async fn work<T: Send + 'static>(
    connection: &Arc<Connection>,
    work: impl FnOnce(&mut Session) -> Result<T, SqlError> + Send + 'static,
) -> PgWireResult<T> {
    let connection = Arc::clone(connection);
    let outcome = tokio::task::spawn_blocking(move || connection.work(work)).await;
    outcome.map_err(|_| relay::lost())?.map_err(|error| failure(&error))
}

/// The error of a statement that was never started. It ends a transaction as one of a started statement does.
async fn refused(connection: &Arc<Connection>, error: &SqlError) -> PgWireError {
    let failed = work(connection, |session| {
        session.fail();
        Ok(())
    });
    match failed.await {
        Ok(()) => failure(error),
        Err(error) => error,
    }
}

/// Runs a statement and notes it in the history.
fn run(session: &mut Session, prepared: &Prepared, relay: &mut Relay<Done>) -> Result<Done, SqlError> {
    let engine = Arc::clone(&session.executor.engine);
    let (begun, query_id) = (Instant::now(), engine.next_query_id());
    session.executor.query_id = query_id;
    let before = session.transaction();
    let outcome = session.execute(&prepared.statement, relay);
    let error = outcome.as_ref().err().map(ToString::to_string);
    let ended = Ended {
        query_id,
        text: &prepared.text,
        status: match &outcome {
            Ok(_) => "success",
            Err(SqlError::Cancelled) => "canceled",
            Err(_) => "failed",
        },
        end: SystemTime::now(),
        elapsed: begun.elapsed(),
        rows: outcome.as_ref().map_or(-1, |outcome| outcome.rows),
        error: error.as_deref(),
    };
    engine.history.record(std::iter::once(ended));
    Ok(Done {
        tag: match prepared.statement.verb().as_str() {
            "COMMIT" if before == Transaction::Failed => Tag::new("ROLLBACK"),
            verb => tag(verb, &outcome?),
        },
        before,
        after: session.transaction(),
    })
}

/// The tag of a statement that has ended: its verb, and the rows that it has changed.
fn tag(verb: &str, outcome: &Outcome) -> Tag {
    let rows = usize::try_from(outcome.rows);
    match (verb, rows) {
        ("INSERT", Ok(rows)) => Tag::new(verb).with_oid(0).with_rows(rows),
        ("UPDATE" | "DELETE" | "MERGE", Ok(rows)) => Tag::new(verb).with_rows(rows),
        // Redshift's tags of COPY and UNLOAD have no numbers.
        _ => Tag::new(verb),
    }
}

/// Starts a statement, and waits for its columns or its end.
async fn start(connection: &Arc<Connection>, prepared: Arc<Prepared>, format: &Format) -> PgWireResult<Response> {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let backlog = Arc::new(AtomicUsize::new(0));
    let is_fetch = prepared.statement.verb() == "FETCH";
    let mut relay = Relay::new(sender, Arc::clone(&backlog), Arc::clone(connection), format.clone());
    let worker = Arc::clone(connection);
    tokio::task::spawn_blocking(move || {
        let outcome = worker.work(|session| run(session, &prepared, &mut relay));
        relay.end(outcome);
    });
    match receiver.recv().await {
        Some(Event::Columns(columns)) => {
            let fields = encode::fields(columns, format).map_err(|error| failure(&error))?;
            let mut response = QueryResponse::new(Arc::new(fields), relay::rows(receiver, backlog));
            if is_fetch {
                response.set_command_tag("FETCH");
            }
            Ok(Response::Query(response))
        }
        Some(Event::Ended(Ok(done))) => Ok(done.response()),
        Some(Event::Ended(Err(error))) => Err(failure(&error)),
        Some(Event::Rows(..)) | None => Err(relay::lost()),
    }
}

/// Runs the statements of one message, up to the first that fails.
async fn run_all(connection: &Arc<Connection>, all: Vec<Prepared>) -> PgWireResult<Vec<Response>> {
    let controls = |prepared: &Prepared| matches!(prepared.statement.verb().as_str(), "BEGIN" | "COMMIT" | "ROLLBACK");
    let controls = all.iter().any(controls);
    let is_own = work(connection, move |session| {
        let is_own = !controls && session.transaction() == Transaction::None;
        if is_own {
            session.begin()?;
        }
        Ok(is_own)
    });
    let is_own = is_own.await?;
    let mut responses = Vec::with_capacity(all.len());
    let mut room = connection.engine.max_result_bytes;
    let mut failed = None;
    for prepared in all {
        let response = match start(connection, Arc::new(prepared), &Format::UnifiedText).await {
            Ok(Response::Query(response)) => collected(response, &mut room).await,
            other => other,
        };
        match response {
            Ok(response) => responses.push(response),
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    if is_own {
        let commits = failed.is_none();
        let ended = work(
            connection,
            move |session| if commits { session.commit() } else { session.roll_back() },
        );
        if let Err(error) = ended.await {
            failed.get_or_insert(error);
        }
    }
    if let Some(error) = failed {
        // What came before it is answered, too.
        responses.push(Response::Error(Box::new(error.into())));
    }
    Ok(responses)
}

/// A result that is complete before it is sent: the next statement has to have the session.
async fn collected(mut response: QueryResponse, room: &mut usize) -> PgWireResult<Response> {
    let mut rows: Vec<PgWireResult<DataRow>> = Vec::new();
    while let Some(row) = response.data_rows().next().await {
        let row = row?;
        *room = room.checked_sub(row.data.len()).ok_or_else(|| {
            failure(&SqlError::redshift(
                "the results of the statements are too large to be kept: send them one by one",
            ))
        })?;
        rows.push(Ok(row));
    }
    let mut all = QueryResponse::new(response.row_schema(), futures::stream::iter(rows));
    all.set_command_tag(response.command_tag());
    Ok(Response::Query(all))
}

#[async_trait]
impl SimpleQueryHandler for Handler {
    async fn do_query<C>(&self, client: &mut C, query: &str) -> PgWireResult<Vec<Response>>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let connection = connection(client)?;
        let mut all = match split(query) {
            Ok(all) => all,
            Err(error) => return Err(refused(&connection, &error).await),
        };
        for prepared in &all {
            if let Some(name) = prepared.statement.deallocated() {
                client.portal_store().rm_statement(&name);
            }
        }
        match all.pop() {
            None => Ok(vec![Response::EmptyQuery]),
            Some(only) if all.is_empty() => {
                let response = start(&connection, Arc::new(only), &Format::UnifiedText).await;
                Ok(vec![response?])
            }
            Some(last) => {
                all.push(last);
                run_all(&connection, all).await
            }
        }
    }
}

/// The statement of a Parse message.
pub(super) struct Parser;

#[async_trait]
impl QueryParser for Parser {
    type Statement = Arc<Prepared>;

    async fn parse_sql<C>(&self, client: &C, sql: &str, types: &[Option<Type>]) -> PgWireResult<Option<Arc<Prepared>>>
    where
        C: ClientInfo + Unpin + Send + Sync,
    {
        let several = || SqlError::classed("42601", "cannot insert multiple commands into a prepared statement");
        let one = split(sql).and_then(|mut all| {
            let last = all.pop();
            if all.is_empty() { Ok(last) } else { Err(several()) }
        });
        match one {
            Ok(one) => Ok(one.map(|mut prepared| {
                prepared.types = parameters::types(&prepared.statement, types);
                Arc::new(prepared)
            })),
            Err(error) => Err(refused(&connection(client)?, &error).await),
        }
    }

    // `Handler` describes statements itself: it needs the session.
    fn get_parameter_types(&self, _statement: &Arc<Prepared>) -> PgWireResult<Vec<Type>> {
        Ok(Vec::new())
    }

    fn get_result_schema(&self, _statement: &Arc<Prepared>, _format: Option<&Format>) -> PgWireResult<Vec<FieldInfo>> {
        Ok(Vec::new())
    }
}

/// The statement of a portal, with its values.
async fn bound(connection: &Arc<Connection>, portal: &Portal<Arc<Prepared>>) -> PgWireResult<Prepared> {
    let prepared = &portal.statement.statement;
    let values = parameters::bound(portal, &prepared.types);
    match values.and_then(|values| prepared.statement.bind(&values)) {
        Ok(statement) => Ok(Prepared {
            statement,
            text: prepared.text.clone(),
            types: Vec::new(),
        }),
        Err(error) => Err(refused(connection, &error).await),
    }
}

/// The columns of a statement's result; none if it has no result.
async fn describe(connection: &Arc<Connection>, statement: Statement, format: Format) -> PgWireResult<Vec<FieldInfo>> {
    let fields = work(connection, move |session| {
        let described = session
            .describe(&statement)
            .and_then(|columns| encode::fields(columns.unwrap_or_default(), &format));
        if described.is_err() {
            session.fail();
        }
        described
    });
    fields.await
}

#[async_trait]
impl ExtendedQueryHandler for Handler {
    type Statement = Arc<Prepared>;
    type QueryParser = Parser;

    fn query_parser(&self) -> Arc<Parser> {
        Arc::new(Parser)
    }

    async fn do_describe_statement<C>(
        &self,
        client: &mut C,
        target: &StoredStatement<Arc<Prepared>>,
    ) -> PgWireResult<DescribeStatementResponse>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Arc<Prepared>>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let connection = connection(client)?;
        let prepared = &target.statement;
        let values: Vec<String> = prepared
            .types
            .iter()
            .map(Option::as_ref)
            .map(parameters::stand_in)
            .collect();
        let types = prepared
            .types
            .iter()
            .map(|known| known.clone().unwrap_or(Type::VARCHAR))
            .collect();
        let bound = match prepared.statement.bind(&values) {
            Ok(bound) => bound,
            Err(error) => return Err(refused(&connection, &error).await),
        };
        let fields = describe(&connection, bound, Format::UnifiedText).await?;
        Ok(DescribeStatementResponse::new(types, fields))
    }

    async fn do_describe_portal<C>(
        &self,
        client: &mut C,
        target: &Portal<Arc<Prepared>>,
    ) -> PgWireResult<DescribePortalResponse>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Arc<Prepared>>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let connection = connection(client)?;
        let bound = bound(&connection, target).await?;
        let fields = describe(&connection, bound.statement, target.result_column_format.clone()).await?;
        Ok(DescribePortalResponse::new(fields))
    }

    async fn do_query<C>(
        &self,
        client: &mut C,
        portal: &Portal<Arc<Prepared>>,
        max_rows: usize,
    ) -> PgWireResult<Response>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Arc<Prepared>>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let connection = connection(client)?;
        let bound = bound(&connection, portal).await?;
        if let Some(name) = bound.statement.deallocated() {
            client.portal_store().rm_statement(&name);
        }
        let mut response = match start(&connection, Arc::new(bound), &portal.result_column_format).await? {
            Response::Query(response) if max_rows == 0 => response,
            other => return Ok(other),
        };
        // The library would collect all rows before it sends the first.
        let mut rows = 0;
        while let Some(row) = response.data_rows().next().await {
            client.feed(PgWireBackendMessage::DataRow(row?)).await?;
            rows += 1;
        }
        *portal.state().lock().await = PortalExecutionState::Finished;
        Ok(Response::Execution(Tag::new(response.command_tag()).with_rows(rows)))
    }
}
