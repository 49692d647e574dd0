//! Callbacks that follow an execution.

use std::time::Duration;

use crate::task::TaskFailure;

/// The state that an observer is called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateEvent<'a> {
    /// The state names from the outermost state inwards, separated by `/`. An item of a map stands in brackets: its
    /// value if that is a short string, otherwise its index. Example: `TransformDatasets[transactions]/Transform`.
    pub path: &'a str,
    /// The state's own name.
    pub name: &'a str,
    /// `Task`, `Choice`, ...
    pub state_type: &'a str,
}

/// Progress of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapProgress {
    /// Total items (batches, with `ItemBatcher`).
    pub total: usize,
    /// Items that succeeded.
    pub succeeded: usize,
    /// Items that failed.
    pub failed: usize,
}

/// Follows an execution, for a progress display or for timings. Every method does nothing by default.
pub trait Observer: Send + Sync {
    /// A state was entered.
    fn state_entered(&self, _event: StateEvent<'_>) {}

    /// A state succeeded, failed, or its error was caught; `failure` is the error, if any. `duration` includes retries.
    fn state_exited(&self, _event: StateEvent<'_>, _duration: Duration, _failure: Option<&TaskFailure>) {}

    /// A state failed and is retried after `delay`; `attempt` counts retries from 1.
    fn state_retried(&self, _event: StateEvent<'_>, _failure: &TaskFailure, _attempt: u32, _delay: Duration) {}

    /// An item of a map completed. Also called once before the first item, when the total is known.
    fn map_progressed(&self, _event: StateEvent<'_>, _progress: MapProgress) {}
}

/// An [`Observer`] that ignores everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {}
