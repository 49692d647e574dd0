//! The parsed state machine: flows, states and what each type of state holds.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::data::intrinsics::Expression;
use crate::data::paths::Path;
use crate::data::template::Template;
use crate::definition::amount::Amount;
use crate::definition::choice::Rule;
use crate::definition::io_paths::{InputPath, ResultPath};
use crate::definition::retry::{Catcher, Retrier};

/// A start and the states that follow: a machine, a branch, or what a map does with an item.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Flow {
    pub(crate) start_at: String,
    pub(crate) states: BTreeMap<String, State>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct State {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) input_path: InputPath,
    pub(crate) output_path: InputPath,
    pub(crate) parameters: Option<Template>,
    pub(crate) result_selector: Option<Template>,
    pub(crate) result_path: ResultPath,
    pub(crate) retry: Vec<Retrier>,
    pub(crate) catch: Vec<Catcher>,
    /// `None` for `End`, and for the states that have no `Next`.
    pub(crate) next: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Task(Task),
    Choice {
        rules: Vec<Rule>,
        default: Option<String>,
    },
    Wait(Wait),
    Pass {
        result: Option<Value>,
    },
    Map(Box<MapState>),
    Parallel {
        branches: Vec<Flow>,
    },
    Succeed,
    Fail {
        error: Option<Expression>,
        cause: Option<Expression>,
    },
}

impl Kind {
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Task(_) => "Task",
            Self::Choice { .. } => "Choice",
            Self::Wait(_) => "Wait",
            Self::Pass { .. } => "Pass",
            Self::Map(_) => "Map",
            Self::Parallel { .. } => "Parallel",
            Self::Succeed => "Succeed",
            Self::Fail { .. } => "Fail",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Task {
    pub(crate) resource: String,
    pub(crate) timeout: Option<Amount>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wait {
    Seconds(Amount),
    Until(Expression),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MapState {
    pub(crate) processor: Flow,
    pub(crate) distributed: bool,
    pub(crate) items: Items,
    pub(crate) selector: Option<Template>,
    pub(crate) batcher: Option<Batcher>,
    pub(crate) max_concurrency: Option<Amount>,
    pub(crate) tolerated_count: Option<Amount>,
    pub(crate) tolerated_percentage: Option<Percentage>,
    pub(crate) label: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Items {
    Path(Path),
    ListObjects {
        parameters: Template,
        max_items: Option<Amount>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Batcher {
    pub(crate) max_items: Option<Amount>,
    pub(crate) max_bytes: Option<Amount>,
    pub(crate) batch_input: Option<Template>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Percentage {
    Literal(f64),
    Path(Path),
}

impl State {
    /// The flows inside the state.
    pub(crate) fn flows(&self) -> impl Iterator<Item = &Flow> {
        let (map, branches) = match &self.kind {
            Kind::Map(map) => (Some(&map.processor), [].as_slice()),
            Kind::Parallel { branches } => (None, branches.as_slice()),
            _ => (None, [].as_slice()),
        };
        map.into_iter().chain(branches)
    }

    pub(crate) fn owner(&self) -> String {
        format!("state `{}`", self.name)
    }
}
