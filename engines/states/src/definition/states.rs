//! Reads flows and states.

use serde_json::{Map, Value};

use crate::data::intrinsics::Expression;
use crate::data::paths::Path;
use crate::data::timestamp::timestamp;
use crate::definition::amount::Amount;
use crate::definition::choice::Rule;
use crate::definition::error::DefinitionError;
use crate::definition::fields::Fields;
use crate::definition::io_paths::{InputPath, ResultPath};
use crate::definition::map::{read_map, read_mode};
use crate::definition::model::{Flow, Kind, MapState, State, Task, Wait};
use crate::definition::retry::{Catcher, Retrier};

/// The quota for `Seconds` of a `Wait`: about three years.
const MAX_WAIT_SECONDS: u64 = 99_999_999;

/// Checks `QueryLanguage`: only `JSONPath` is supported.
pub(crate) fn read_query_language(fields: &mut Fields) -> Result<(), DefinitionError> {
    let language: Option<String> = fields.optional("QueryLanguage")?;
    match language.as_deref() {
        None | Some("JSONPath") => Ok(()),
        Some(_) => Err(fields.fault("QueryLanguage", "must be JSONPath")),
    }
}

/// Reads `StartAt` and `States`.
pub(crate) fn read_flow(fields: &mut Fields) -> Result<Flow, DefinitionError> {
    let start_at = fields.required("StartAt")?;
    let states: Map<String, Value> = fields.required("States")?;
    let read = |(name, value)| Ok((String::clone(&name), read_state(name, value)?));
    Ok(Flow {
        start_at,
        states: states.into_iter().map(read).collect::<Result<_, _>>()?,
    })
}

fn read_state(name: String, value: Value) -> Result<State, DefinitionError> {
    let mut fields = Fields::new(format!("state `{name}`"), value)?;
    let state_type: String = fields.required("Type")?;
    fields.optional::<String>("Comment")?;
    read_query_language(&mut fields)?;
    let mut state = State {
        name,
        kind: Kind::Succeed,
        input_path: InputPath::Everything,
        output_path: InputPath::Everything,
        parameters: None,
        result_selector: None,
        result_path: ResultPath::Replace,
        retry: Vec::new(),
        catch: Vec::new(),
        next: None,
    };
    if state_type != "Fail" {
        state.input_path = InputPath::read(&mut fields, "InputPath")?;
        state.output_path = InputPath::read(&mut fields, "OutputPath")?;
    }
    if matches!(state_type.as_str(), "Task" | "Parallel" | "Map" | "Pass") {
        state.result_path = ResultPath::read(&mut fields)?;
    }
    if matches!(state_type.as_str(), "Task" | "Parallel" | "Pass") {
        state.parameters = fields.template("Parameters")?;
    }
    if matches!(state_type.as_str(), "Task" | "Parallel" | "Map") {
        state.result_selector = fields.template("ResultSelector")?;
        state.retry = read_list(&mut fields, "Retry", Retrier::read)?;
        state.catch = read_list(&mut fields, "Catch", Catcher::read)?;
    }
    if matches!(state_type.as_str(), "Task" | "Parallel" | "Map" | "Pass" | "Wait") {
        state.next = read_transition(&mut fields)?;
    }
    state.kind = match state_type.as_str() {
        "Task" => Kind::Task(read_task(&mut fields)?),
        "Choice" => read_choice(&mut fields)?,
        "Wait" => Kind::Wait(read_wait(&mut fields)?),
        "Pass" => Kind::Pass {
            result: fields.take("Result"),
        },
        "Map" => Kind::Map(Box::new(read_map_state(&mut fields)?)),
        "Parallel" => Kind::Parallel {
            branches: read_branches(&mut fields)?,
        },
        "Succeed" => Kind::Succeed,
        "Fail" => Kind::Fail {
            error: read_text(&mut fields, "Error")?,
            cause: read_text(&mut fields, "Cause")?,
        },
        other => return Err(fields.fault("Type", format!("`{other}` is not a type of state"))),
    };
    fields.finish()?;
    Ok(state)
}

fn read_list<T>(
    fields: &mut Fields,
    field: &str,
    read: fn(String, Value, bool) -> Result<T, DefinitionError>,
) -> Result<Vec<T>, DefinitionError> {
    let entries: Vec<Value> = fields.optional(field)?.unwrap_or_default();
    let count = entries.len();
    let read = |(index, value)| {
        read(
            format!("{}, {field}[{index}]", fields.owner()),
            value,
            index + 1 == count,
        )
    };
    entries.into_iter().enumerate().map(read).collect()
}

/// `Next`, or `None` for `End`.
fn read_transition(fields: &mut Fields) -> Result<Option<String>, DefinitionError> {
    let next: Option<String> = fields.optional("Next")?;
    let end: Option<bool> = fields.optional("End")?;
    match (next, end) {
        (Some(next), None | Some(false)) => Ok(Some(next)),
        (None, Some(true)) => Ok(None),
        (Some(_), Some(true)) => Err(fields.fault("Next", "excludes `End`")),
        (None, None | Some(false)) => Err(fields.fault("Next", "is missing, and so is `\"End\": true`")),
    }
}

fn read_task(fields: &mut Fields) -> Result<Task, DefinitionError> {
    let resource: String = fields.required("Resource")?;
    if resource.ends_with(".waitForTaskToken") {
        return Err(fields.fault("Resource", "callbacks with a task token are not supported"));
    }
    let timeout = Amount::read(fields, "TimeoutSeconds")?;
    if timeout == Some(Amount::Literal(0)) {
        return Err(fields.fault("TimeoutSeconds", "must be 1 or more"));
    }
    Ok(Task { resource, timeout })
}

fn read_choice(fields: &mut Fields) -> Result<Kind, DefinitionError> {
    let choices: Vec<Value> = fields.required("Choices")?;
    if choices.is_empty() {
        return Err(fields.fault("Choices", "must hold one rule or more"));
    }
    let read = |(index, value)| Rule::read(&format!("{}, Choices[{index}]", fields.owner()), value);
    let rules = choices.into_iter().enumerate().map(read).collect::<Result<_, _>>()?;
    Ok(Kind::Choice {
        rules,
        default: fields.optional("Default")?,
    })
}

fn read_wait(fields: &mut Fields) -> Result<Wait, DefinitionError> {
    let seconds = Amount::read(fields, "Seconds")?;
    if matches!(seconds, Some(Amount::Literal(seconds)) if seconds > MAX_WAIT_SECONDS) {
        return Err(fields.fault("Seconds", format!("must be at most {MAX_WAIT_SECONDS}")));
    }
    let seconds = seconds.map(Wait::Seconds);
    let literal: Option<String> = fields.optional("Timestamp")?;
    if literal.as_deref().is_some_and(|text| timestamp(text).is_none()) {
        return Err(fields.fault("Timestamp", "must look like 2026-01-15T02:00:00Z"));
    }
    let literal = literal.map(|text| Wait::Until(Expression::Literal(Value::String(text))));
    let path = fields
        .path("TimestampPath", Path::parse_definite)?
        .map(|path| Wait::Until(Expression::Path(path)));
    let mut given = [seconds, literal, path].into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(wait), None) => Ok(wait),
        _ => Err(fields.fault(
            "Seconds",
            "exactly one of Seconds, SecondsPath, Timestamp, TimestampPath must be given",
        )),
    }
}

/// A literal, or with `Path` at the end of the name a path or an intrinsic function.
fn read_text(fields: &mut Fields, field: &str) -> Result<Option<Expression>, DefinitionError> {
    let path_field = format!("{field}Path");
    let literal: Option<String> = fields.optional(field)?;
    let path: Option<String> = fields.optional(&path_field)?;
    match (literal, path) {
        (Some(_), Some(_)) => Err(fields.fault(&path_field, format!("excludes `{field}`"))),
        (Some(text), None) => Ok(Some(Expression::Literal(Value::String(text)))),
        (None, Some(text)) => Expression::parse(&text)
            .map(Some)
            .map_err(|error| fields.fault(&path_field, error)),
        (None, None) => Ok(None),
    }
}

/// Reads a `Map`: its processor here, as it holds states, and the other fields in [`read_map`].
fn read_map_state(fields: &mut Fields) -> Result<MapState, DefinitionError> {
    let processor_field = if fields.has("Iterator") {
        "Iterator"
    } else {
        "ItemProcessor"
    };
    let value: Value = fields.required(processor_field)?;
    let mut processor = Fields::new(format!("{}, {processor_field}", fields.owner()), value)?;
    let distributed = read_mode(&mut processor)?;
    processor.optional::<String>("Comment")?;
    let flow = read_flow(&mut processor)?;
    processor.finish()?;
    read_map(fields, flow, distributed)
}

fn read_branch(owner: String, value: Value) -> Result<Flow, DefinitionError> {
    let mut fields = Fields::new(owner, value)?;
    fields.optional::<String>("Comment")?;
    let flow = read_flow(&mut fields)?;
    fields.finish()?;
    Ok(flow)
}

fn read_branches(fields: &mut Fields) -> Result<Vec<Flow>, DefinitionError> {
    let branches: Vec<Value> = fields.required("Branches")?;
    if branches.is_empty() {
        return Err(fields.fault("Branches", "must hold one branch or more"));
    }
    let read = |(index, value)| read_branch(format!("{}, Branches[{index}]", fields.owner()), value);
    branches.into_iter().enumerate().map(read).collect()
}
