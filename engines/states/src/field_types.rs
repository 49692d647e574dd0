//! Values of fields that several kinds of states have: amounts, input, output and result paths.

use crate::definition_error::DefinitionError;
use crate::fields::Fields;
use crate::paths::{Path, ReferencePath};
use serde_json::Value;

/// A whole number that is given, or read from the input (or the context object).
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Amount {
    Literal(u64),
    /// The path, and the field's name for messages.
    Path(Path, String),
}

impl Amount {
    /// Reads `field`, or `field` with `Path` at its end.
    pub(crate) fn read(fields: &mut Fields, field: &str) -> Result<Option<Self>, DefinitionError> {
        let path_field = format!("{field}Path");
        let literal: Option<u64> = fields.optional(field)?;
        let path = fields.path(&path_field, Path::parse_definite)?;
        match (literal, path) {
            (Some(_), Some(_)) => Err(fields.fault(&path_field, format!("excludes `{field}`"))),
            (Some(number), None) => Ok(Some(Self::Literal(number))),
            (None, Some(path)) => Ok(Some(Self::Path(path, path_field))),
            (None, None) => Ok(None),
        }
    }
}

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
}
