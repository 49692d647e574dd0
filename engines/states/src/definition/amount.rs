//! Whole numbers of a definition.

use serde_json::Value;

use crate::data::context::Context;
use crate::data::paths::Path;
use crate::definition::error::DefinitionError;
use crate::definition::fields::Fields;
use crate::failure::Failure;

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

    /// The number.
    pub(crate) fn evaluate(&self, input: &Value, context: &Context) -> Result<u64, Failure> {
        match self {
            Self::Literal(number) => Ok(*number),
            Self::Path(path, field) => {
                let value = path.require(input, context, field)?;
                value.as_u64().ok_or_else(|| {
                    Failure::runtime(format!("`{field}` must give a whole number of 0 or more, not {value}"))
                })
            }
        }
    }
}
