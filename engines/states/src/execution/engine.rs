//! What the parts of an execution share.

use std::sync::atomic::AtomicU64;

use futures::future::BoxFuture;
use serde_json::Value;

use crate::data::context::Context;
use crate::definition::model::{Flow, State};
use crate::execution::clock::Clock;
use crate::execution::history::Recorder;
use crate::failure::Failure;
use crate::observer::{Observer, StateEvent};
use crate::random::Random;
use crate::task::TaskInvoker;

/// What all states of an execution share.
pub(crate) struct Engine<'a> {
    pub(crate) invoker: &'a dyn TaskInvoker,
    pub(crate) observer: &'a dyn Observer,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) max_concurrency: usize,
    /// Billed transitions so far.
    pub(crate) transitions: AtomicU64,
}

/// The surroundings of a flow.
#[derive(Clone)]
pub(crate) struct Scope<'a> {
    pub(crate) context: Context,
    /// The path of the surrounding state with a trailing `/`, or empty.
    pub(crate) prefix: String,
    pub(crate) recorder: &'a Recorder,
}

/// One entry of a state.
pub(crate) struct Visit<'a> {
    pub(crate) state: &'a State,
    pub(crate) path: &'a str,
    pub(crate) scope: &'a Scope<'a>,
    pub(crate) context: Context,
}

impl Visit<'_> {
    pub(crate) fn event(&self) -> StateEvent<'_> {
        StateEvent {
            path: self.path,
            name: &self.state.name,
            state_type: self.state.kind.type_name(),
        }
    }
}

/// Runs the states of a flow one after the other. A state that contains flows is given one: it does not know how states
/// run.
pub(crate) trait FlowRunner: Sync {
    /// Runs `flow` from its start to its end and returns the output of its last state.
    fn run_flow<'s>(&'s self, flow: &'s Flow, input: Value, scope: Scope<'s>) -> BoxFuture<'s, Result<Value, Failure>>;
}
