//! Faults at the n-th request.

use cardlake::s3_server::{HookDecision, RequestHook};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

/// What happens at the n-th request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is refused for now; the ones after it go through.
    Refused,
    /// It is carried out and the answer gets lost; the ones after it go through.
    AnswerLost,
    /// The process ends before it is carried out.
    KilledBefore,
    /// The process ends once it is carried out.
    KilledAfter,
}

impl Fault {
    pub const ALL: [Self; 4] = [Self::Refused, Self::AnswerLost, Self::KilledBefore, Self::KilledAfter];

    pub const fn kills(self) -> bool {
        matches!(self, Self::KilledBefore | Self::KilledAfter)
    }
}

/// Counts requests, and brings the fault at one of them.
#[derive(Debug)]
pub struct FaultAt {
    fault: Fault,
    /// From 0.
    at: usize,
    seen: AtomicUsize,
    killed: Notify,
}

impl FaultAt {
    pub fn new(fault: Fault, at: usize) -> Self {
        Self {
            fault,
            at,
            seen: AtomicUsize::new(0),
            killed: Notify::new(),
        }
    }

    /// Only counts.
    pub fn never() -> Self {
        Self::new(Fault::Refused, usize::MAX)
    }

    pub fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }

    pub fn happened(&self) -> bool {
        self.seen() > self.at
    }

    /// Waits until the process is to end.
    pub async fn killed(&self) {
        self.killed.notified().await;
    }
}

impl RequestHook for FaultAt {
    fn before(&self, _operation: &str, _bucket: &str, _key: &str) -> HookDecision {
        let number = self.seen.fetch_add(1, Ordering::SeqCst);
        if number < self.at || (number > self.at && !self.fault.kills()) {
            return HookDecision::Proceed;
        }
        if self.fault.kills() {
            self.killed.notify_one();
        }
        match self.fault {
            _ if number > self.at => HookDecision::Drop,
            Fault::Refused => HookDecision::Fail(500),
            Fault::AnswerLost | Fault::KilledAfter => HookDecision::DropAfter,
            Fault::KilledBefore => HookDecision::Drop,
        }
    }
}
