//! Observers of an execution.

use crate::task::TaskFailure;
use std::time::Duration;

/// Location and type of a state, for observers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateEvent<'a> {
    /// The names of the states from the outside in, separated by `/`; an item of a map stands in brackets, by its
    /// value where that is a short string and by its index otherwise: `TransformDatasets[transactions]/Transform`.
    pub path: &'a str,
    /// The state's own name.
    pub name: &'a str,
    /// `Task`, `Choice`, ...
    pub state_type: &'a str,
}

/// Progress of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapProgress {
    /// All items (batches, with `ItemBatcher`).
    pub total: usize,
    /// Items that succeeded.
    pub succeeded: usize,
    /// Items that failed.
    pub failed: usize,
}

/// Follows an execution: for a progress display or for timings. Every method does nothing by default.
pub trait Observer: Send + Sync {
    /// A state begins.
    fn state_entered(&self, _event: StateEvent<'_>) {}

    /// A state ended well or its error was caught; `failure` is `None` or the error. `duration` includes retries.
    fn state_exited(&self, _event: StateEvent<'_>, _duration: Duration, _failure: Option<&TaskFailure>) {}

    /// A state failed and starts again after `delay`; `attempt` counts retries from 1.
    fn state_retried(&self, _event: StateEvent<'_>, _failure: &TaskFailure, _attempt: u32, _delay: Duration) {}

    /// An item of a map ended, or the map learnt how many items it has.
    fn map_progressed(&self, _event: StateEvent<'_>, _progress: MapProgress) {}
}

/// An observer that ignores every event.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {}
