//! Faults at the n-th request.

use cardlake_loopback::{HookDecision, RequestHook};
use std::sync::Mutex;
use tokio::sync::Notify;

/// What happens at the n-th request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is refused for now; the ones after it go through.
    Refused,
    /// It is carried out and the answer gets lost; the ones after it go through.
    AnswerLost,
    /// It is carried out, and the process ends.
    Killed,
}

impl Fault {
    pub const ALL: [Self; 3] = [Self::Refused, Self::AnswerLost, Self::Killed];
}

/// Counts requests, and brings the fault at one of them.
#[derive(Debug)]
pub struct FaultAt {
    fault: Fault,
    /// From 0.
    at: usize,
    seen: Mutex<Vec<String>>,
    killed: Notify,
}

impl FaultAt {
    pub fn new(fault: Fault, at: usize) -> Self {
        Self {
            fault,
            at,
            seen: Mutex::default(),
            killed: Notify::new(),
        }
    }

    /// Only counts.
    pub fn never() -> Self {
        Self::new(Fault::Refused, usize::MAX)
    }

    /// The operations so far.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    pub fn happened(&self) -> bool {
        self.seen.lock().unwrap().len() > self.at
    }

    /// Waits until the process is to end.
    pub async fn killed(&self) {
        self.killed.notified().await;
    }
}

impl RequestHook for FaultAt {
    fn before(&self, operation: &str, _bucket: &str, _key: &str) -> HookDecision {
        let number = {
            let mut seen = self.seen.lock().unwrap();
            seen.push(operation.to_owned());
            seen.len() - 1
        };
        if number < self.at || (number > self.at && self.fault != Fault::Killed) {
            return HookDecision::Proceed;
        }
        if self.fault == Fault::Killed {
            self.killed.notify_one();
        }
        match self.fault {
            _ if number > self.at => HookDecision::Drop,
            Fault::Refused => HookDecision::Fail(500),
            Fault::AnswerLost | Fault::Killed => HookDecision::DropAfter,
        }
    }
}
