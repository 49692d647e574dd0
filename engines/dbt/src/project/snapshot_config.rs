//! Configuration of a snapshot. No I/O.

use super::settings::Settings;
use crate::error::ProjectError;
use serde_json::Value;

/// Strategy to detect changed rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ChangeStrategy {
    /// Its time is later than the current version's.
    Timestamp,
    /// One of these columns differs; `None`: any column.
    Check(Option<Vec<String>>),
}

/// The validated configuration of a snapshot; its key is the `unique_key` of [`super::config::ModelConfig`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SnapshotConfig {
    pub(crate) strategy: ChangeStrategy,
    /// Expression of a version's time; `None` (check strategy only): the batch date.
    pub(crate) updated_at: Option<String>,
    /// `dbt_valid_to` of current versions; `None`: null.
    pub(crate) valid_to_current: Option<String>,
    /// Versions of deleted rows end on the batch date.
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
