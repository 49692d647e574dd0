//! What the last complete build left: relations and test results by code and inputs, published snapshots, the report. A document in
//! silver, and a mark in the warehouse that says to which state of it the document belongs.
//!
//! A build first removes from the document what it is about to run, and writes mark and document when everything has
//! succeeded. So a build that was killed, a warehouse that was replaced, or a document that was lost lead to more work, never to
//! less than is due.

use crate::context::Context;
use crate::error::MartBuilderError;
use cardlake_core::paths::LAST_BUILD;
use cardlake_core::sql::literal;
use cardlake_dbt::{Built, Cell, Row, SourceVersions};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the document.
const FORMAT_VERSION: u32 = 1;
/// The schema of the tables that the loader writes. Only these have versions.
const LOADED_SCHEMA: &str = "raw";

/// The document.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LastBuild {
    format_version: u32,
    /// The build's mark in the warehouse.
    pub(crate) build: String,
    pub(crate) built: Built,
    /// By mart.
    #[serde(default)]
    pub(crate) published: BTreeMap<String, Published>,
    /// Hash of what the report shows; `None`: there is none, or one of its panels failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) report: Option<String>,
}

/// A mart's snapshot in gold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Published {
    pub(crate) bucket: String,
    pub(crate) batch_date: NaiveDate,
    pub(crate) rows: u64,
}

/// Reads the document; the default if there is none that can be used: everything runs then.
pub(crate) async fn load(context: &Context) -> Result<LastBuild, MartBuilderError> {
    let Some(bytes) = context.files.get(&context.silver_bucket, LAST_BUILD).await? else {
        return Ok(LastBuild::default());
    };
    match serde_json::from_slice::<LastBuild>(&bytes) {
        Ok(last) if last.format_version == FORMAT_VERSION => Ok(last),
        Ok(last) => {
            let found = last.format_version;
            tracing::warn!(found, "{LAST_BUILD} is of another version: everything is built");
            Ok(LastBuild::default())
        }
        Err(error) => {
            tracing::warn!(%error, "{LAST_BUILD} cannot be read: everything is built");
            Ok(LastBuild::default())
        }
    }
}

/// Writes the document.
pub(crate) async fn save(context: &Context, last: LastBuild) -> Result<(), MartBuilderError> {
    let last = LastBuild {
        format_version: FORMAT_VERSION,
        ..last
    };
    let bytes = serde_json::to_vec(&last).map_err(|error| MartBuilderError::Internal {
        what: "the state of the last build",
        cause: error.to_string(),
    })?;
    Ok(context.files.put(&context.silver_bucket, LAST_BUILD, bytes).await?)
}

/// Makes the table of the mark, and reads it (the last statement).
pub(crate) fn read_mark() -> Vec<String> {
    vec![
        "create schema if not exists \"ops\"".to_owned(),
        "create table if not exists \"ops\".\"builds\" (build varchar(64) not null) diststyle all".to_owned(),
        "select build from \"ops\".\"builds\"".to_owned(),
    ]
}

/// Sets the mark.
pub(crate) fn set_mark(build: &str) -> Vec<String> {
    vec![
        "delete from \"ops\".\"builds\"".to_owned(),
        format!("insert into \"ops\".\"builds\" (build) values ({})", literal(build)),
    ]
}

/// Asks the loader's ledger for the versions of the raw tables. Every load adds a row, also one that loads a version anew.
pub(crate) fn source_versions() -> String {
    "select dataset, cast(max(case when is_current then version end) as varchar) || '.' || cast(count(*) as varchar) \
     as version\nfrom \"ops\".\"loads\" group by dataset"
        .to_owned()
}

/// The mark from the result of [`read_mark`]; `None` unless there is one.
pub(crate) fn mark(rows: &[Row]) -> Option<String> {
    match rows {
        [row] => match row.as_slice() {
            [Cell::Text(build)] => Some(build.trim().to_owned()),
            _ => None,
        },
        _ => None,
    }
}

/// Versions from the result of [`source_versions`]. A dataset that was never loaded has none.
pub(crate) fn versions(rows: &[Row]) -> SourceVersions {
    let version = |row: &Row| match row.as_slice() {
        [Cell::Text(dataset), Cell::Text(version)] => {
            Some((format!("{LOADED_SCHEMA}.{dataset}").to_lowercase(), version.clone()))
        }
        _ => None,
    };
    rows.iter().filter_map(version).collect()
}
