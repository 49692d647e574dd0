//! The context object that `$$` reads.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::data::steps::{Step, descend};

/// What a state knows about its execution. Cloning is cheap: the input of the execution is shared.
#[derive(Debug, Clone, Default)]
pub(crate) struct Context {
    /// `Id`, `Name`, `Input`, `StartTime`, `RoleArn`.
    pub(crate) execution: Arc<Value>,
    /// `Id` and `Name`.
    pub(crate) state_machine: Arc<Value>,
    /// `Name`, `EnteredTime`, and `RetryCount` where the state can be retried.
    pub(crate) state: Value,
    /// `Index` and `Value` of the innermost map.
    pub(crate) map_item: Option<Arc<Value>>,
}

impl Context {
    /// This context inside an iteration of a map.
    pub(crate) fn with_item(&self, index: usize, value: Value) -> Self {
        let item = Map::from_iter([("Index".to_owned(), Value::from(index)), ("Value".to_owned(), value)]);
        Self {
            map_item: Some(Arc::new(Value::Object(item))),
            ..self.clone()
        }
    }

    /// Follows `steps` without building the whole object.
    pub(crate) fn select(&self, steps: &[Step]) -> Option<Value> {
        let Some((Step::Key(first), rest)) = steps.split_first() else {
            return steps.is_empty().then(|| self.to_value());
        };
        match first.as_str() {
            "Execution" => descend(&self.execution, rest).cloned(),
            "StateMachine" => descend(&self.state_machine, rest).cloned(),
            "State" => descend(&self.state, rest).cloned(),
            "Map" => match (rest, &self.map_item) {
                ([Step::Key(item), rest @ ..], Some(value)) if item == "Item" => descend(value, rest).cloned(),
                ([], Some(value)) => Some(json!({ "Item": **value })),
                _ => None,
            },
            _ => None,
        }
    }

    /// The whole object.
    pub(crate) fn to_value(&self) -> Value {
        let mut members = Map::new();
        members.insert("Execution".to_owned(), (*self.execution).clone());
        members.insert("State".to_owned(), self.state.clone());
        members.insert("StateMachine".to_owned(), (*self.state_machine).clone());
        if let Some(item) = &self.map_item {
            members.insert("Map".to_owned(), json!({ "Item": **item }));
        }
        Value::Object(members)
    }
}
