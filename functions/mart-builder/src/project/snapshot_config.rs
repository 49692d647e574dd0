//! Configuration of a snapshot. Pure: no I/O.

use super::config::Settings;
use crate::error::ProjectError;
use serde_json::Value;

/// How a changed row is told from one that stayed as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ChangeStrategy {
    /// It has a later time than the version that is kept.
    Timestamp,
    /// One of these columns has another value; none: any column.
    Check(Option<Vec<String>>),
}

/// The checked configuration of a snapshot; its key is the model's `unique_key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SnapshotConfig {
    pub(crate) strategy: ChangeStrategy,
    /// Expression with the time of a version; none, for the check strategy alone: the batch date.
    pub(crate) updated_at: Option<String>,
    /// What stands in `dbt_valid_to` of the version that is valid now; none: null.
    pub(crate) valid_to_current: Option<String>,
    /// The versions of rows that are gone come to an end, on the batch date.
    pub(crate) ends_deleted: bool,
}

impl SnapshotConfig {
    pub(super) fn read(settings: &Settings<'_>, unique_key: &[String]) -> Result<Self, ProjectError> {
        if unique_key.is_empty() {
            return Err(settings.wrong("unique_key", "a column or a list of columns, which a snapshot needs"));
        }
        let updated_at = settings.text("updated_at")?;
        let strategy = match settings.text("strategy")?.as_deref() {
            Some("timestamp") if updated_at.is_none() => {
                return Err(settings.wrong("updated_at", "a column, which strategy timestamp needs"));
            }
            Some("timestamp") => ChangeStrategy::Timestamp,
            Some("check") => match settings.get("check_cols") {
                Some(Value::String(all)) if all == "all" => ChangeStrategy::Check(None),
                Some(Value::Array(columns)) if !columns.is_empty() => {
                    ChangeStrategy::Check(Some(settings.texts("check_cols")?))
                }
                _ => return Err(settings.wrong("check_cols", "all, or a list of columns, which strategy check needs")),
            },
            _ => return Err(settings.wrong("strategy", "timestamp, check")),
        };
        let ends_deleted = match settings.text("hard_deletes")?.as_deref() {
            None => settings.truth("invalidate_hard_deletes")?.unwrap_or(false),
            Some("ignore") => false,
            Some("invalidate") => true,
            Some(_) => return Err(settings.wrong("hard_deletes", "ignore, invalidate (new_record is not supported)")),
        };
        Ok(Self {
            strategy,
            updated_at,
            valid_to_current: settings.text("dbt_valid_to_current")?,
            ends_deleted,
        })
    }
}
