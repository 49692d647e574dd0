//! Where a load stands between two ticks: small enough for the state machine to carry.

use crate::error::LoaderError;
use crate::sql::Role;
use cardlake_core::events::ComparedPartitions;
use serde::{Deserialize, Serialize};

/// Version of the cursor's format.
pub(crate) const FORMAT_VERSION: u32 = 2;

/// State that the next tick needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cursor {
    pub(crate) format_version: u32,
    /// Identifies this load: part of every client token.
    pub(crate) run: String,
    pub(crate) full_refresh: bool,
    /// The ledger query under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ledger: Option<String>,
    /// How often the ledger was asked.
    pub(crate) attempt: u32,
    pub(crate) datasets: Vec<DatasetCursor>,
}

/// One dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DatasetCursor {
    pub(crate) dataset: String,
    /// The Delta version to reach, as of the first tick; none: there is no silver table, only make the empty one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) target: Option<u64>,
    pub(crate) step: Step,
}

/// Current step of a dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Step {
    /// The ledger has to be known first.
    Waiting,
    /// A transaction widens the table, since a load with all the new columns would have too many statements.
    Widening { statement: String },
    /// A transaction runs.
    Loading(Loading),
    /// COPY failed; a query asks where.
    Diagnosing {
        statement: String,
        failed: String,
        error: String,
    },
    /// The books do not balance; a query asks what the table held before.
    Comparing { statement: String, loading: Loading },
    /// Nothing more to do.
    Done {
        version: Option<u64>,
        copied_rows: u64,
        warehouse_rows: u64,
        compared: Option<ComparedPartitions>,
    },
}

/// A transaction under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Loading {
    pub(crate) statement: String,
    /// What each of its statements is for.
    pub(crate) roles: Vec<Role>,
    /// The version in the ledger before; -1: none.
    pub(crate) from: i64,
    /// The Delta version that the warehouse holds once it has committed.
    pub(crate) version: u64,
    /// Rows of that version.
    pub(crate) silver_rows: u64,
    /// What is equal once it has committed.
    pub(crate) compared: Option<ComparedPartitions>,
}

impl Cursor {
    /// Reads what an earlier tick gave.
    pub(crate) fn read(value: &serde_json::Value) -> Result<Self, LoaderError> {
        let cursor = Self::deserialize(value).map_err(|error| LoaderError::Cursor {
            cause: error.to_string(),
        })?;
        if cursor.format_version != FORMAT_VERSION {
            return Err(LoaderError::Cursor {
                cause: format!("its format version is {}, not {FORMAT_VERSION}", cursor.format_version),
            });
        }
        Ok(cursor)
    }

    /// To hand to the next tick.
    pub(crate) fn write(&self) -> Result<serde_json::Value, LoaderError> {
        serde_json::to_value(self).map_err(|error| LoaderError::Cursor {
            cause: error.to_string(),
        })
    }
}
