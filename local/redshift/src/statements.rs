//! The statements that the server knows: their states, results and how they are run.
//!
//! States: `SUBMITTED` → `STARTED` → `FINISHED` or `FAILED`, or `ABORTED` when the client cancelled. A statement runs on a
//! blocking thread with a connection of its own, or with that of its session. Finished statements are kept, newest first,
//! up to [`MAX_STATEMENTS`] and [`MAX_RESULT_BYTES`].

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cardlake_loopback::NoSpaceLog;
use tokio::sync::{Notify, Semaphore};

use crate::engine::Engine;
use crate::engine_error;
use crate::error::ApiError;
use crate::locks::lock;
use crate::runner::run;
use crate::statement::{ConnectionFields, Entry, SessionSlot, Status, Submission};

/// Statements that may be waiting or running at once.
const MAX_ACTIVE: usize = 200;
/// Statements that run at once; the others wait.
const MAX_RUNNING: usize = 8;
/// Sessions that may be open at once, and ended ones that are remembered.
const MAX_SESSIONS: usize = 500;
/// Statements that are remembered.
const MAX_STATEMENTS: usize = 10_000;
/// How often a statement that is being cancelled is interrupted.
const INTERRUPT_INTERVAL: Duration = Duration::from_millis(20);
/// Bytes of results that are kept.
const MAX_RESULT_BYTES: usize = 256 * 1024 * 1024;

/// All statements and sessions.
pub(crate) struct Statements {
    engine: Arc<Engine>,
    inner: Mutex<Inner>,
    running: Arc<Semaphore>,
    idle: Notify,
    no_space: NoSpaceLog,
}

#[derive(Default)]
struct Inner {
    entries: HashMap<String, Arc<Entry>>,
    order: VecDeque<String>,
    tokens: HashMap<String, String>,
    sessions: HashMap<String, Arc<SessionSlot>>,
    /// Sessions that have ended, oldest first.
    closed: VecDeque<Arc<SessionSlot>>,
    active: usize,
}

impl Statements {
    /// No statements yet.
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self {
            engine,
            inner: Mutex::default(),
            running: Arc::new(Semaphore::new(MAX_RUNNING)),
            idle: Notify::new(),
            no_space: NoSpaceLog::default(),
        }
    }

    /// Statements that failed for lack of space.
    pub(crate) fn no_space(&self) -> &NoSpaceLog {
        &self.no_space
    }

    /// The database.
    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Finds a statement.
    pub(crate) fn get(&self, id: &str) -> Option<Arc<Entry>> {
        lock(&self.inner).entries.get(id).cloned()
    }

    /// All statements, newest first.
    pub(crate) fn list(&self) -> Vec<Arc<Entry>> {
        let inner = lock(&self.inner);
        inner
            .order
            .iter()
            .rev()
            .filter_map(|id| inner.entries.get(id).cloned())
            .collect()
    }

    /// Accepts a statement and starts it; the same client token gives the same statement and runs nothing again.
    pub(crate) fn submit(
        self: &Arc<Self>,
        submission: Submission,
        client_token: Option<String>,
    ) -> Result<Arc<Entry>, ApiError> {
        let mut inner = lock(&self.inner);
        if let Some(entry) = client_token
            .as_ref()
            .and_then(|token| inner.tokens.get(token))
            .and_then(|id| inner.entries.get(id))
        {
            return Ok(Arc::clone(entry));
        }
        if inner.active >= MAX_ACTIVE {
            return Err(ApiError::new(
                "ActiveStatementsExceededException",
                format!("more than {MAX_ACTIVE} statements are waiting or running"),
            ));
        }
        if let Some(slot) = &submission.session
            && slot.busy.swap(true, Ordering::AcqRel)
        {
            return Err(ApiError::validation(format!(
                "Session {} is busy: it runs one statement at a time",
                slot.id
            )));
        }
        let entry = Arc::new(Entry::new(self.engine.next_query_id(), submission));
        if let Some(slot) = &entry.submission.session {
            *lock(&slot.statement) = Some(entry.id.clone());
        }
        inner.entries.insert(entry.id.clone(), Arc::clone(&entry));
        inner.order.push_back(entry.id.clone());
        if let Some(token) = client_token {
            inner.tokens.insert(token, entry.id.clone());
        }
        inner.active += 1;
        inner.forget_old();
        drop(inner);
        let statements = Arc::clone(self);
        let started = Arc::clone(&entry);
        tokio::spawn(async move { statements.drive(started).await });
        Ok(entry)
    }

    async fn drive(self: Arc<Self>, entry: Arc<Entry>) {
        // The semaphore is never closed; without a permit the statement would only run at once.
        let permit = Arc::clone(&self.running).acquire_owned().await.ok();
        let worker = Arc::clone(&entry);
        let engine = Arc::clone(&self.engine);
        let outcome = tokio::task::spawn_blocking(move || run(&engine, &worker)).await;
        drop(permit);
        match outcome {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                if let Some(reason) = engine_error::no_space(&error) {
                    self.no_space.record(reason);
                }
            }
            Err(_) => {
                if let Some(slot) = &entry.submission.session {
                    slot.release();
                }
                entry.update(|state| {
                    state.status = Status::Failed;
                    state.error = Some("ERROR: internal error: the statement's thread panicked".to_owned());
                });
            }
        }
        {
            let mut inner = lock(&self.inner);
            inner.active -= 1;
            inner.forget_old();
        }
        entry.finish();
        self.idle.notify_waiters();
    }

    /// Cancels a statement; `false` if it has ended.
    pub(crate) fn cancel(entry: &Arc<Entry>) -> bool {
        if entry.state().status.is_final() {
            return false;
        }
        if entry.cancelled.swap(true, Ordering::AcqRel) {
            return true;
        }
        let entry = Arc::clone(entry);
        // An interrupt is lost when it falls between two queries of the statement, so it is repeated.
        tokio::spawn(async move {
            while !entry.is_finished() {
                if let Some(handle) = lock(&entry.interrupt).as_ref() {
                    handle.interrupt();
                }
                entry.wait(INTERRUPT_INTERVAL).await;
            }
        });
        true
    }

    /// Opens a session for a client.
    pub(crate) fn open_session(
        &self,
        keep_alive: Duration,
        connection: ConnectionFields,
    ) -> Result<Arc<SessionSlot>, ApiError> {
        self.close_idle_sessions();
        let mut inner = lock(&self.inner);
        if inner.sessions.len() >= MAX_SESSIONS {
            return Err(ApiError::new(
                "ActiveSessionsExceededException",
                format!("more than {MAX_SESSIONS} sessions are open"),
            ));
        }
        let slot = Arc::new(SessionSlot::new(keep_alive, connection));
        inner.sessions.insert(slot.id.clone(), Arc::clone(&slot));
        Ok(slot)
    }

    /// Finds an open session.
    pub(crate) fn session(&self, id: &str) -> Option<Arc<SessionSlot>> {
        self.close_idle_sessions();
        lock(&self.inner).sessions.get(id).cloned()
    }

    /// The sessions, oldest first, and whether each is still open.
    pub(crate) fn sessions(&self) -> Vec<(Arc<SessionSlot>, bool)> {
        self.close_idle_sessions();
        let inner = lock(&self.inner);
        let open = inner.sessions.values().map(|slot| (Arc::clone(slot), true));
        let closed = inner.closed.iter().map(|slot| (Arc::clone(slot), false));
        let mut sessions: Vec<_> = open.chain(closed).collect();
        sessions.sort_by_key(|(slot, _)| slot.created);
        sessions
    }

    fn close_idle_sessions(&self) {
        let mut inner = lock(&self.inner);
        let idle: Vec<String> = inner
            .sessions
            .values()
            .filter(|slot| !slot.busy.load(Ordering::Acquire) && lock(&slot.used).elapsed() >= *lock(&slot.keep_alive))
            .map(|slot| slot.id.clone())
            .collect();
        for id in idle {
            if let Some(slot) = inner.sessions.remove(&id) {
                *lock(&slot.session) = None;
                inner.closed.push_back(slot);
            }
        }
        while inner.closed.len() > MAX_SESSIONS {
            inner.closed.pop_front();
        }
    }

    /// Cancels everything, waits until it has stopped and closes the sessions; `false` if something did not stop in time.
    pub(crate) async fn shut_down(&self, timeout: Duration) -> bool {
        for entry in self.list() {
            Self::cancel(&entry);
        }
        let deadline = tokio::time::Instant::now() + timeout;
        loop {
            let notified = self.idle.notified();
            if lock(&self.inner).active == 0 {
                break;
            }
            if tokio::time::timeout_at(deadline, notified).await.is_err() {
                return false;
            }
        }
        let mut inner = lock(&self.inner);
        inner.sessions.clear();
        inner.closed.clear();
        inner.entries.clear();
        true
    }
}

impl Inner {
    fn forget_old(&mut self) {
        let mut bytes: usize = self.entries.values().map(|entry| entry.result_size()).sum();
        while self.order.len() > MAX_STATEMENTS || bytes > MAX_RESULT_BYTES {
            // The newest is always kept: its result is what somebody is waiting for.
            let Some(oldest) = self
                .order
                .iter()
                .take(self.order.len().saturating_sub(1))
                .position(|id| self.entries.get(id).is_none_or(|entry| entry.state().status.is_final()))
            else {
                return;
            };
            let removed = self.order.remove(oldest).and_then(|id| self.entries.remove(&id));
            if let Some(entry) = removed {
                bytes -= entry.result_size();
                self.tokens.retain(|_, id| *id != entry.id);
            }
        }
    }
}
