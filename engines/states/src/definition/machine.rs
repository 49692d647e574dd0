//! A state machine: what the caller loads and executes.

use std::collections::BTreeMap;

use crate::definition::check::check;
use crate::definition::error::DefinitionError;
use crate::definition::fields::Fields;
use crate::definition::model::{Flow, Kind};
use crate::definition::placeholders::substitute;
use crate::definition::states::{read_flow, read_query_language};
use crate::definition::unique_keys::UniqueKeys;

/// A state machine that was read and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct StateMachine {
    pub(crate) comment: Option<String>,
    pub(crate) flow: Flow,
    pub(crate) timeout_seconds: Option<u64>,
}

impl StateMachine {
    /// Reads a definition. Every `${name}` is replaced by its value in `substitutions`, as text, the way Terraform's
    /// `templatefile` does it (`$${` stands for a plain `${`).
    ///
    /// # Errors
    /// A placeholder without a value, text that is not JSON, a state, field, comparison or function that the
    /// interpreter does not know, a state that does not exist or cannot be reached. The message names the place.
    pub fn from_json(text: &str, substitutions: &BTreeMap<String, String>) -> Result<Self, DefinitionError> {
        let text = substitute(text, substitutions)?;
        let value: UniqueKeys =
            serde_json::from_str(&text).map_err(|error| DefinitionError::Json(error.to_string()))?;
        let mut fields = Fields::new("the state machine", value.0)?;
        let comment = fields.optional("Comment")?;
        let version: Option<String> = fields.optional("Version")?;
        if version.is_some_and(|version| version != "1.0") {
            return Err(fields.fault("Version", "must be 1.0"));
        }
        read_query_language(&mut fields)?;
        let timeout_seconds = fields.optional("TimeoutSeconds")?;
        let flow = read_flow(&mut fields)?;
        fields.finish()?;
        check(&flow)?;
        Ok(Self {
            comment,
            flow,
            timeout_seconds,
        })
    }

    /// Checks that tasks of every resource can be carried out.
    ///
    /// # Errors
    /// The first state whose resource `supports` says no to.
    pub(crate) fn check_resources(&self, supports: impl Fn(&str) -> bool) -> Result<(), DefinitionError> {
        check_resources(&self.flow, &supports)
    }
}

fn check_resources(flow: &Flow, supports: &impl Fn(&str) -> bool) -> Result<(), DefinitionError> {
    for state in flow.states.values() {
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
        state.flows().try_for_each(|flow| check_resources(flow, supports))?;
    }
    Ok(())
}
