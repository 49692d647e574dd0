//! The connections of clients: each has a session, and runs one statement at a time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use async_trait::async_trait;
use cardlake_redshift_sql::SqlError;
use duckdb::InterruptHandle;
use pgwire::api::cancel::CancelHandler;
use pgwire::messages::cancel::CancelRequest;
use pgwire::messages::startup::SecretKey;

use crate::engine::Engine;
use crate::locks::lock;
use crate::session::Session;

/// Connections that may be open at once; Redshift's own limit.
const MAX_CONNECTIONS: usize = 500;
/// How often a statement that is to stop is interrupted: an interrupt is lost when it falls between two queries.
const INTERRUPT_INTERVAL: Duration = Duration::from_millis(20);

/// A client's connection.
pub(super) struct Connection {
    pub(super) engine: Arc<Engine>,
    /// Opened by the first statement.
    session: Mutex<Option<Session>>,
    /// Interrupts the statement that runs, if one does.
    running: Mutex<Option<Arc<InterruptHandle>>>,
    cancelled: AtomicBool,
    /// Statements that wait for the one that runs.
    waiting: AtomicUsize,
}

impl Connection {
    fn new(engine: &Arc<Engine>) -> Self {
        Self {
            engine: Arc::clone(engine),
            session: Mutex::default(),
            running: Mutex::default(),
            cancelled: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Works with the session, on a blocking thread.
    pub(super) fn work<T>(&self, work: impl FnOnce(&mut Session) -> Result<T, SqlError>) -> Result<T, SqlError> {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        let mut session = lock(&self.session);
        self.waiting.fetch_sub(1, Ordering::AcqRel);
        let session = match session.as_mut() {
            Some(session) => session,
            None => session.insert(Session::open(&self.engine)?),
        };
        self.cancelled.store(false, Ordering::Release);
        *lock(&self.running) = Some(session.executor.connection.interrupt_handle());
        let _running = Running(&self.running);
        work(session)
    }

    /// Whether the statement that runs is to stop.
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    /// Whether a statement waits for the one that runs.
    pub(super) fn is_awaited(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    fn is_running(&self) -> bool {
        lock(&self.running).is_some()
    }

    /// Interrupts the statement that runs, until it has stopped.
    async fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
        loop {
            match lock(&self.running).as_ref() {
                // Another statement has begun.
                Some(_) if !self.is_cancelled() => return,
                Some(handle) => handle.interrupt(),
                None => return,
            }
            tokio::time::sleep(INTERRUPT_INTERVAL).await;
        }
    }
}

/// Marks that a statement runs; the mark goes when it is dropped, also by a panic.
struct Running<'a>(&'a Mutex<Option<Arc<InterruptHandle>>>);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        *lock(self.0) = None;
    }
}

/// All open connections.
#[derive(Default)]
pub(super) struct Connections {
    open: Mutex<Vec<Weak<Connection>>>,
    /// By process number, with the key that a request to cancel has to name.
    by_process: Mutex<HashMap<i32, (SecretKey, Weak<Connection>)>>,
}

impl std::fmt::Debug for Connections {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Connections")
    }
}

impl Connections {
    /// Opens a connection; `None` if there are too many.
    pub(super) fn open(self: &Arc<Self>, engine: &Arc<Engine>) -> Option<Slot> {
        let mut open = lock(&self.open);
        open.retain(|connection| connection.strong_count() > 0);
        if open.len() >= MAX_CONNECTIONS {
            return None;
        }
        let connection = Arc::new(Connection::new(engine));
        open.push(Arc::downgrade(&connection));
        Some(Slot {
            connection,
            connections: Arc::clone(self),
            process: Mutex::default(),
        })
    }

    /// Interrupts everything that runs; `false` if something did not stop in time.
    pub(super) async fn close(&self, timeout: Duration) -> bool {
        let open: Vec<Weak<Connection>> = lock(&self.open).clone();
        let all = futures::future::join_all(open.into_iter().filter_map(|connection| {
            let connection = connection.upgrade()?;
            Some(async move {
                while connection.is_running() {
                    connection.cancel().await;
                }
            })
        }));
        tokio::time::timeout(timeout, all).await.is_ok()
    }
}

#[async_trait]
impl CancelHandler for Connections {
    async fn on_cancel_request(&self, request: CancelRequest) {
        let known = lock(&self.by_process).get(&request.pid).cloned();
        if let Some((key, connection)) = known
            && key.eq_value(&request.secret_key)
            && let Some(connection) = connection.upgrade()
        {
            tokio::spawn(async move { connection.cancel().await });
        }
    }
}

/// A connection's place among the open ones, which it gives up when it is dropped.
pub(super) struct Slot {
    connection: Arc<Connection>,
    connections: Arc<Connections>,
    process: Mutex<Option<i32>>,
}

impl Slot {
    /// The connection.
    pub(super) fn connection(&self) -> Arc<Connection> {
        Arc::clone(&self.connection)
    }

    /// Notes under which process number the client may cancel.
    pub(super) fn register(&self, process: i32, key: SecretKey) {
        *lock(&self.process) = Some(process);
        let entry = (key, Arc::downgrade(&self.connection));
        lock(&self.connections.by_process).insert(process, entry);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(process) = *lock(&self.process) {
            lock(&self.connections.by_process).remove(&process);
        }
    }
}
