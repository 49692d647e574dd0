//! The model of a state machine: flows, states, and what each kind of state holds.

use crate::choice::Rule;
use crate::definition_error::DefinitionError;
use crate::field_types::{Amount, InputPath, ResultPath};
use crate::intrinsics::Expression;
use crate::paths::Path;
use crate::retry::{Catcher, Retrier};
use crate::template::Template;
use serde_json::Value;
use std::collections::BTreeMap;

/// A state machine that was read and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct StateMachine {
    pub(crate) comment: Option<String>,
    pub(crate) flow: Flow,
    pub(crate) timeout_seconds: Option<u64>,
}

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

impl StateMachine {
    /// The machine's comment.
    pub fn comment(&self) -> Option<&str> {
        self.comment.as_deref()
    }

    /// Every `Resource` of a task, without repetition, in alphabetical order.
    pub fn resources(&self) -> Vec<&str> {
        let mut resources = Vec::new();
        self.flow.collect_resources(&mut resources);
        resources.sort_unstable();
        resources.dedup();
        resources
    }

    /// Checks that tasks of every resource can be carried out.
    ///
    /// # Errors
    /// The first state whose resource `supports` says no to.
    pub fn check_resources(&self, supports: impl Fn(&str) -> bool) -> Result<(), DefinitionError> {
        self.flow.check_resources(&supports)
    }
}

impl Flow {
    fn collect_resources<'a>(&'a self, resources: &mut Vec<&'a str>) {
        for state in self.states.values() {
            if let Kind::Task(task) = &state.kind {
                resources.push(&task.resource);
            }
            state.flows().for_each(|flow| flow.collect_resources(resources));
        }
    }

    fn check_resources(&self, supports: &impl Fn(&str) -> bool) -> Result<(), DefinitionError> {
        for state in self.states.values() {
            if let Kind::Task(task) = &state.kind
                && !supports(&task.resource)
            {
                let problem = format!("`{}` is not supported here", task.resource);
                return Err(DefinitionError::Field {
                    owner: state.owner(),
                    field: "Resource".to_owned(),
                    problem,
                });
            }
            state.flows().try_for_each(|flow| flow.check_resources(supports))?;
        }
        Ok(())
    }
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
