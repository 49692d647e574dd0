//! Statements and sessions as clients know them: what was submitted, and its state.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use duckdb::InterruptHandle;
use tokio::sync::watch;
use uuid::Uuid;

use crate::locks::lock;
use crate::results::{ResultFormat, ResultSet};
use crate::session::Session;

/// The state of a statement or of a part of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Submitted,
    Started,
    Finished,
    Failed,
    Aborted,
}

impl Status {
    /// The name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Submitted => "SUBMITTED",
            Self::Started => "STARTED",
            Self::Finished => "FINISHED",
            Self::Failed => "FAILED",
            Self::Aborted => "ABORTED",
        }
    }

    /// Whether nothing more will happen.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Finished | Self::Failed | Self::Aborted)
    }
}

/// What was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Submission {
    pub(crate) sqls: Vec<String>,
    pub(crate) batch: bool,
    /// BatchExecuteStatement with AUTO_COMMIT.
    pub(crate) auto_commit: bool,
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) name: Option<String>,
    pub(crate) format: ResultFormat,
    pub(crate) connection: ConnectionFields,
    pub(crate) session: Option<Arc<SessionSlot>>,
}

/// The members of a request that say where to run; given back in responses.
#[derive(Debug, Clone, Default, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ConnectionFields {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cluster_identifier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) workgroup_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) database: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) db_user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret_arn: Option<String>,
}

/// A session of a client, which runs one statement at a time.
pub(crate) struct SessionSlot {
    pub(crate) id: String,
    pub(crate) connection: ConnectionFields,
    pub(crate) session: Mutex<Option<Session>>,
    pub(crate) busy: AtomicBool,
    pub(crate) keep_alive: Mutex<Duration>,
    pub(crate) used: Mutex<Instant>,
    pub(crate) created: SystemTime,
    /// The statement that it ran last, or runs.
    pub(crate) statement: Mutex<Option<String>>,
}

impl SessionSlot {
    /// The statement has ended: the session takes the next one.
    pub(crate) fn release(&self) {
        *lock(&self.used) = Instant::now();
        self.busy.store(false, Ordering::Release);
    }
}

impl std::fmt::Debug for SessionSlot {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("SessionSlot")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A statement that was submitted.
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) number: i64,
    pub(crate) submission: Submission,
    pub(crate) created: SystemTime,
    state: Mutex<State>,
    done: watch::Sender<bool>,
    pub(crate) interrupt: Mutex<Option<Arc<InterruptHandle>>>,
    pub(crate) cancelled: AtomicBool,
}

/// What is known about a statement at a moment.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) status: Status,
    pub(crate) error: Option<String>,
    pub(crate) updated: SystemTime,
    pub(crate) duration: Duration,
    /// One for each statement of a batch, or one for a single statement.
    pub(crate) parts: Vec<Part>,
}

/// A statement of a batch, or the single statement.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) status: Status,
    pub(crate) error: Option<String>,
    pub(crate) rows: i64,
    pub(crate) duration: Duration,
    pub(crate) updated: SystemTime,
    pub(crate) result: Option<Arc<ResultSet>>,
}

impl SessionSlot {
    /// A new session, whose connection opens with its first statement.
    pub(crate) fn new(keep_alive: Duration, connection: ConnectionFields) -> Self {
        Self {
            id: Uuid::new_v4().to_string(),
            connection,
            session: Mutex::default(),
            busy: AtomicBool::new(false),
            keep_alive: Mutex::new(keep_alive),
            used: Mutex::new(Instant::now()),
            created: SystemTime::now(),
            statement: Mutex::default(),
        }
    }
}

impl Entry {
    /// A statement that waits to run.
    pub(crate) fn new(number: i64, submission: Submission) -> Self {
        let now = SystemTime::now();
        let part = Part {
            status: Status::Submitted,
            error: None,
            rows: -1,
            duration: Duration::ZERO,
            updated: now,
            result: None,
        };
        Self {
            id: Uuid::new_v4().to_string(),
            number,
            created: now,
            state: Mutex::new(State {
                status: Status::Submitted,
                error: None,
                updated: now,
                duration: Duration::ZERO,
                parts: vec![part; submission.sqls.len()],
            }),
            submission,
            done: watch::Sender::new(false),
            interrupt: Mutex::default(),
            cancelled: AtomicBool::new(false),
        }
    }

    /// The bytes of its results.
    pub(crate) fn result_size(&self) -> usize {
        let state = lock(&self.state);
        let results = state.parts.iter().filter_map(|part| part.result.as_ref());
        results.map(|result| result.size).sum()
    }

    /// Wakes those who wait for the end of the statement.
    pub(crate) fn finish(&self) {
        self.done.send_replace(true);
    }

    /// Whether [`Self::finish`] was called.
    pub(crate) fn is_finished(&self) -> bool {
        *self.done.borrow()
    }

    /// What is known now.
    pub(crate) fn state(&self) -> State {
        lock(&self.state).clone()
    }

    /// Waits until the statement has ended, or for `timeout`.
    pub(crate) async fn wait(&self, timeout: Duration) {
        let mut done = self.done.subscribe();
        let _ = tokio::time::timeout(timeout, done.wait_for(|done| *done)).await;
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut State)) {
        let mut state = lock(&self.state);
        change(&mut state);
        state.updated = SystemTime::now();
    }
}
