//! `InputPath`, `OutputPath` and `ResultPath`: which part of the data a state takes, passes on and replaces.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::data::context::Context;
use crate::data::paths::{Path, ReferencePath};
use crate::definition::error::DefinitionError;
use crate::definition::fields::Fields;
use crate::failure::{Failure, RESULT_PATH_MATCH_FAILURE};

/// `InputPath` and `OutputPath`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum InputPath {
    Everything,
    Nothing,
    Path(Path),
}

impl InputPath {
    pub(crate) fn read(fields: &mut Fields, field: &str) -> Result<Self, DefinitionError> {
        match fields.take(field) {
            None => Ok(Self::Everything),
            Some(Value::Null) => Ok(Self::Nothing),
            Some(Value::String(text)) if text == "$" => Ok(Self::Everything),
            Some(Value::String(text)) => Path::parse(&text)
                .map(Self::Path)
                .map_err(|error| fields.fault(field, error)),
            Some(_) => Err(fields.fault(field, "must be a path or null")),
        }
    }

    /// The part of `value` that the path selects.
    pub(crate) fn apply<'v>(
        &self,
        value: &'v Value,
        context: &Context,
        field: &str,
    ) -> Result<Cow<'v, Value>, Failure> {
        match self {
            Self::Everything => Ok(Cow::Borrowed(value)),
            Self::Nothing => Ok(Cow::Owned(json!({}))),
            Self::Path(path) => match path.select_reference(value) {
                Some(selected) => Ok(Cow::Borrowed(selected)),
                None => path.require(value, context, field).map(Cow::Owned),
            },
        }
    }
}

/// `ResultPath`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ResultPath {
    Replace,
    Discard,
    At(ReferencePath),
}

impl ResultPath {
    pub(crate) fn read(fields: &mut Fields) -> Result<Self, DefinitionError> {
        match fields.take("ResultPath") {
            None => Ok(Self::Replace),
            Some(Value::Null) => Ok(Self::Discard),
            Some(Value::String(text)) if text == "$" => Ok(Self::Replace),
            Some(Value::String(text)) => ReferencePath::parse(&text)
                .map(Self::At)
                .map_err(|error| fields.fault("ResultPath", error)),
            Some(_) => Err(fields.fault("ResultPath", "must be a path or null")),
        }
    }

    /// `input` with `result` where the path puts it.
    pub(crate) fn apply(&self, input: Value, result: Value) -> Result<Value, Failure> {
        match self {
            Self::Replace => Ok(result),
            Self::Discard => Ok(input),
            Self::At(path) => path.place(input, result).ok_or_else(|| {
                let cause = format!("ResultPath `{}` does not fit into the input of the state", path.text());
                Failure::new(RESULT_PATH_MATCH_FAILURE, cause)
            }),
        }
    }
}
