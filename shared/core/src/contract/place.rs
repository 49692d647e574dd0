//! A place in a contract file, and the settings outside the standard at that place.

use super::model::ContractError;
use super::odcs::CustomProperty;
use serde_json::Value;

/// Location in a file, for error messages.
pub(super) struct Place<'a> {
    pub(super) file: &'a str,
    pub(super) path: String,
}

impl Place<'_> {
    pub(super) fn wrong(&self, field: &str, problem: impl Into<String>) -> ContractError {
        ContractError::Property {
            file: self.file.to_owned(),
            property: format!("{}.{field}", self.path),
            problem: problem.into(),
        }
    }
}

/// The value of a setting.
pub(super) fn custom<'a>(properties: &'a [CustomProperty], name: &str) -> Option<&'a Value> {
    properties
        .iter()
        .find(|property| property.property == name)
        .map(|property| &property.value)
}

/// A setting that is text.
pub(super) fn custom_text(
    place: &Place<'_>,
    properties: &[CustomProperty],
    name: &str,
) -> Result<Option<String>, ContractError> {
    custom(properties, name)
        .map(|value| {
            value
                .as_str()
                .map(str::to_owned)
                .ok_or_else(|| place.wrong(name, format!("'{value}' is not text")))
        })
        .transpose()
}

/// A setting that is a list of names.
pub(super) fn custom_list(
    place: &Place<'_>,
    properties: &[CustomProperty],
    name: &str,
) -> Result<Vec<String>, ContractError> {
    let Some(value) = custom(properties, name) else {
        return Ok(Vec::new());
    };
    let texts = value
        .as_array()
        .map(|items| items.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    texts.ok_or_else(|| place.wrong(name, format!("'{value}' is not a list of names")))
}
