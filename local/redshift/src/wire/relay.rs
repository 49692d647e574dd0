//! Rows on their way from a statement to its client.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use cardlake_redshift_sql::{RedshiftType, SqlError};
use duckdb::Row;
use futures::Stream;
use futures::stream;
use pgwire::api::portal::Format;
use pgwire::api::results::FieldFormat;
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::data::DataRow;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use super::connection::Connection;
use super::encode;
use super::failure::failure;
use crate::results::{self, RowSink};

/// Rows are handed over when they have this many bytes.
const BATCH_BYTES: usize = 64 * 1024;
/// A statement waits when its client is this many bytes behind.
const WINDOW_BYTES: usize = 16 * 1024 * 1024;
/// How long it waits before it looks again.
const WAIT: Duration = Duration::from_millis(1);

/// What a statement has to say.
pub(super) enum Event<D> {
    /// It has a result with these columns.
    Columns(Vec<(String, RedshiftType)>),
    /// Some rows, and their bytes.
    Rows(Vec<DataRow>, usize),
    /// It has ended.
    Ended(Result<D, SqlError>),
}

/// The sink of a statement that runs for a client.
pub(super) struct Relay<D> {
    sender: UnboundedSender<Event<D>>,
    backlog: Arc<AtomicUsize>,
    connection: Arc<Connection>,
    format: Format,
    types: Vec<(RedshiftType, FieldFormat)>,
    buffer: BytesMut,
    rows: Vec<DataRow>,
    bytes: usize,
}

impl<D> Relay<D> {
    pub(super) fn new(
        sender: UnboundedSender<Event<D>>,
        backlog: Arc<AtomicUsize>,
        connection: Arc<Connection>,
        format: Format,
    ) -> Self {
        Self {
            sender,
            backlog,
            connection,
            format,
            types: Vec::new(),
            buffer: BytesMut::new(),
            rows: Vec::new(),
            bytes: 0,
        }
    }

    /// Sends the rows that are left, and the end.
    pub(super) fn end(mut self, outcome: Result<D, SqlError>) {
        let outcome = outcome.and_then(|done| self.hand_over().map(|()| done));
        // Nobody listens any more.
        let _ = self.sender.send(Event::Ended(outcome));
    }

    fn hand_over(&mut self) -> Result<(), SqlError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        self.wait_for_the_client()?;
        let bytes = std::mem::take(&mut self.bytes);
        self.backlog.fetch_add(bytes, Ordering::AcqRel);
        let sent = self.sender.send(Event::Rows(std::mem::take(&mut self.rows), bytes));
        sent.map_err(|_| SqlError::Cancelled)
    }

    /// A client that is far behind is waited for, unless it waits itself, for its next statement: then the rest is kept, up to the
    /// limit of a result.
    fn wait_for_the_client(&self) -> Result<(), SqlError> {
        let limit = self.connection.engine.max_result_bytes;
        while self.backlog.load(Ordering::Acquire) > WINDOW_BYTES {
            if self.sender.is_closed() || self.connection.is_cancelled() {
                return Err(SqlError::Cancelled);
            }
            if self.connection.is_awaited() {
                if self.backlog.load(Ordering::Acquire) > limit {
                    return Err(SqlError::redshift(format!(
                        "more than {limit} bytes of the result are not read: read them before the next statement, or UNLOAD them"
                    )));
                }
                return Ok(());
            }
            std::thread::sleep(WAIT);
        }
        Ok(())
    }
}

impl<D> RowSink for Relay<D> {
    fn columns(&mut self, columns: Vec<(String, RedshiftType)>) -> Result<(), SqlError> {
        let formats = encode::formats(&self.format, columns.len())?;
        self.types = columns.iter().map(|(_, data_type)| *data_type).zip(formats).collect();
        let sent = self.sender.send(Event::Columns(columns));
        sent.map_err(|_| SqlError::Cancelled)
    }

    fn row(&mut self, row: &Row<'_>) -> Result<(), SqlError> {
        for (index, (data_type, format)) in self.types.iter().enumerate() {
            encode::value(results::value(row, index)?, *data_type, *format, &mut self.buffer)?;
        }
        let count = i16::try_from(self.types.len())
            .map_err(|_| SqlError::classed("54011", "target lists can have at most 1664 entries"))?;
        let data = self.buffer.split();
        self.bytes += data.len();
        self.rows.push(DataRow::new(data, count));
        if self.bytes >= BATCH_BYTES {
            self.hand_over()?;
            self.buffer.reserve(BATCH_BYTES);
        }
        Ok(())
    }
}

/// The rows that arrive, until the statement has ended.
pub(super) fn rows<D: Send + 'static>(
    receiver: UnboundedReceiver<Event<D>>,
    backlog: Arc<AtomicUsize>,
) -> impl Stream<Item = PgWireResult<DataRow>> + Send + 'static {
    let arrived: VecDeque<DataRow> = VecDeque::new();
    stream::unfold(Some((receiver, arrived)), move |state| {
        let backlog = Arc::clone(&backlog);
        async move {
            let (mut receiver, mut arrived) = state?;
            loop {
                if let Some(row) = arrived.pop_front() {
                    return Some((Ok(row), Some((receiver, arrived))));
                }
                match receiver.recv().await {
                    Some(Event::Rows(rows, bytes)) => {
                        backlog.fetch_sub(bytes, Ordering::AcqRel);
                        arrived = rows.into();
                    }
                    Some(Event::Columns(_)) => {}
                    Some(Event::Ended(Ok(_))) => return None,
                    Some(Event::Ended(Err(error))) => return Some((Err(failure(&error)), None)),
                    None => return Some((Err(lost()), None)),
                }
            }
        }
    })
}

/// The error of a statement whose thread ended without a word: the rows that came may not be all.
pub(super) fn lost() -> PgWireError {
    failure(&SqlError::redshift("internal error: the statement's thread panicked"))
}
