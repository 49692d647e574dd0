//! Reads the fields of one JSON object of a definition, and rejects unknown ones.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::data::paths::{Path, PathError};
use crate::data::template::Template;
use crate::definition::error::DefinitionError;

/// The fields of an object that are not read yet.
#[derive(Debug)]
pub(crate) struct Fields {
    /// What the object is, for messages: ``state `Load` `` or ``state `Load`, Retry[0]``.
    owner: String,
    members: Map<String, Value>,
}

impl Fields {
    /// Starts to read `value`, which must be an object.
    pub(crate) fn new(owner: impl Into<String>, value: Value) -> Result<Self, DefinitionError> {
        let owner = owner.into();
        match value {
            Value::Object(members) => Ok(Self { owner, members }),
            _ => Err(DefinitionError::Invalid {
                owner,
                problem: "must be an object".to_owned(),
            }),
        }
    }

    pub(crate) fn owner(&self) -> &str {
        &self.owner
    }

    pub(crate) fn has(&self, field: &str) -> bool {
        self.members.contains_key(field)
    }

    /// The name of the first field that is left.
    pub(crate) fn first_name(&self) -> Option<String> {
        self.members.keys().next().cloned()
    }

    /// An error about `field`.
    #[expect(clippy::needless_pass_by_value, reason = "callers pass errors and texts alike")]
    pub(crate) fn fault(&self, field: &str, problem: impl ToString) -> DefinitionError {
        DefinitionError::Field {
            owner: self.owner.clone(),
            field: field.to_owned(),
            problem: problem.to_string(),
        }
    }

    pub(crate) fn take(&mut self, field: &str) -> Option<Value> {
        // Not `swap_remove`: the order of the rest decides which unknown field is reported.
        self.members.shift_remove(field)
    }

    pub(crate) fn optional<T: DeserializeOwned>(&mut self, field: &str) -> Result<Option<T>, DefinitionError> {
        self.take(field)
            .map(|value| serde_json::from_value(value).map_err(|error| self.fault(field, error)))
            .transpose()
    }

    pub(crate) fn required<T: DeserializeOwned>(&mut self, field: &str) -> Result<T, DefinitionError> {
        self.optional(field)?.ok_or_else(|| self.fault(field, "is missing"))
    }

    /// A string that `parse` turns into a path.
    pub(crate) fn path(
        &mut self,
        field: &str,
        parse: fn(&str) -> Result<Path, PathError>,
    ) -> Result<Option<Path>, DefinitionError> {
        let text: Option<String> = self.optional(field)?;
        text.map(|text| parse(&text).map_err(|error| self.fault(field, error)))
            .transpose()
    }

    pub(crate) fn template(&mut self, field: &str) -> Result<Option<Template>, DefinitionError> {
        self.take(field)
            .map(|value| Template::parse(value).map_err(|error| self.fault(field, error)))
            .transpose()
    }

    /// Ends the reading: a field that is left is one the interpreter does not know here.
    pub(crate) fn finish(self) -> Result<(), DefinitionError> {
        match self.members.keys().next() {
            None => Ok(()),
            Some(field) => Err(self.fault(field, "is not known or not supported here")),
        }
    }
}
