//! Checks of a definition as a whole: names are unique, targets exist, every state is reachable, and some path ends.

use std::collections::BTreeSet;

use crate::definition::error::DefinitionError;
use crate::definition::model::{Flow, Kind, State};

/// The longest name of a state, in characters.
const MAX_NAME_CHARACTERS: usize = 80;

/// Checks the top-level flow of a state machine and every flow inside it.
pub(crate) fn check(flow: &Flow) -> Result<(), DefinitionError> {
    check_flow("the state machine", flow, &mut BTreeSet::new())
}

fn check_flow<'a>(owner: &str, flow: &'a Flow, names: &mut BTreeSet<&'a str>) -> Result<(), DefinitionError> {
    if !flow.states.contains_key(&flow.start_at) {
        return Err(missing(owner, "StartAt", &flow.start_at));
    }
    for state in flow.states.values() {
        let owner = state.owner();
        if state.name.chars().count() > MAX_NAME_CHARACTERS {
            return Err(invalid(
                &owner,
                format!("the name is longer than {MAX_NAME_CHARACTERS} characters"),
            ));
        }
        if !names.insert(&state.name) {
            return Err(invalid(
                &owner,
                "the name is used twice in the state machine".to_owned(),
            ));
        }
        if let Some((field, target)) = targets(state).find(|(_, target)| !flow.states.contains_key(*target)) {
            return Err(missing(&owner, field, target));
        }
        for inner in state.flows() {
            check_flow(&owner, inner, names)?;
        }
    }
    check_reachable(owner, flow)
}

fn check_reachable(owner: &str, flow: &Flow) -> Result<(), DefinitionError> {
    let mut reached = BTreeSet::from([flow.start_at.as_str()]);
    let mut waiting = vec![flow.start_at.as_str()];
    let mut ends = false;
    while let Some(state) = waiting.pop().and_then(|name| flow.states.get(name)) {
        ends |= match &state.kind {
            Kind::Succeed | Kind::Fail { .. } => true,
            Kind::Choice { .. } => false,
            _ => state.next.is_none(),
        };
        waiting.extend(
            targets(state)
                .map(|(_, target)| target)
                .filter(|target| reached.insert(target)),
        );
    }
    if let Some(state) = flow
        .states
        .values()
        .find(|state| !reached.contains(state.name.as_str()))
    {
        return Err(invalid(&state.owner(), "no other state leads here".to_owned()));
    }
    if ends {
        Ok(())
    } else {
        Err(invalid(
            owner,
            "no state ends: one needs `\"End\": true`, Succeed or Fail".to_owned(),
        ))
    }
}

/// The states that `state` may lead to, with the field that says so.
fn targets(state: &State) -> impl Iterator<Item = (&'static str, &str)> {
    let (rules, default) = match &state.kind {
        Kind::Choice { rules, default } => (rules.as_slice(), default.as_deref()),
        _ => ([].as_slice(), None),
    };
    let next = state.next.as_deref().map(|target| ("Next", target));
    let catch = state.catch.iter().map(|catcher| ("Catch", catcher.next.as_str()));
    let choices = rules.iter().map(|rule| ("Choices", rule.next.as_str()));
    next.into_iter()
        .chain(catch)
        .chain(choices)
        .chain(default.map(|target| ("Default", target)))
}

fn missing(owner: &str, field: &str, target: &str) -> DefinitionError {
    let problem = format!("there is no state `{target}` beside it");
    DefinitionError::Field {
        owner: owner.to_owned(),
        field: field.to_owned(),
        problem,
    }
}

fn invalid(owner: &str, problem: String) -> DefinitionError {
    DefinitionError::Invalid {
        owner: owner.to_owned(),
        problem,
    }
}
