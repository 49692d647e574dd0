//! Source freshness: `freshness` and `loaded_at_field`. No I/O.

use super::yaml::{NodeProperties, SourceProperties};
use crate::error::ProjectError;
use serde::Deserialize;
use serde_json::Value;

/// A span of time, e.g. three days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Age {
    pub(crate) count: u32,
    pub(crate) period: Period,
}

/// Unit of an age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Period {
    Minute,
    Hour,
    Day,
}

impl Period {
    /// As in SQL's date functions.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

/// Freshness thresholds of a source table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Freshness {
    pub(crate) loaded_at_field: String,
    pub(crate) warn_after: Option<Age>,
    pub(crate) error_after: Option<Age>,
    /// Condition on the rows considered.
    pub(crate) filter: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    warn_after: Option<Age>,
    #[serde(default)]
    error_after: Option<Age>,
    #[serde(default)]
    filter: Option<String>,
}

impl Freshness {
    /// The table's own settings, else its source's. `None` without thresholds.
    pub(super) fn of(
        file: &str,
        source: &SourceProperties,
        table: &NodeProperties,
    ) -> Result<Option<Self>, ProjectError> {
        let in_config = |properties: &serde_json::Map<String, Value>, name: &str| properties.get(name).cloned();
        let written = in_config(&table.config, "freshness")
            .or_else(|| table.freshness.clone())
            .or_else(|| in_config(&source.config, "freshness"))
            .or_else(|| source.freshness.clone())
            .unwrap_or_default();
        let text = |value: Option<Value>| value.and_then(|value| value.as_str().map(str::to_owned));
        let field = text(in_config(&table.config, "loaded_at_field"))
            .or_else(|| table.loaded_at_field.clone())
            .or_else(|| text(in_config(&source.config, "loaded_at_field")))
            .or_else(|| source.loaded_at_field.clone());
        let wrong = |problem: String| {
            let place = format!("freshness of source {}.{}", source.name, table.name);
            ProjectError::new(file, format!("{place}: {problem}"))
        };
        let written = match written {
            Value::Null => Written::default(),
            other => Written::deserialize(other).map_err(|error| wrong(error.to_string()))?,
        };
        if written.warn_after.is_none() && written.error_after.is_none() {
            return Ok(None);
        }
        let loaded_at_field =
            field.ok_or_else(|| wrong("loaded_at_field is missing: name the column with the time".to_owned()))?;
        Ok(Some(Self {
            loaded_at_field,
            warn_after: written.warn_after,
            error_after: written.error_after,
            filter: written.filter,
        }))
    }
}
