//! Publication of marts in gold: every model tagged `mart`, one snapshot per batch date. No I/O.

use crate::state::BuildState;
use cardlake_core::paths;
use cardlake_core::sql::literal;
use cardlake_dbt::{Manifest, Node};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// The tag of models that are published.
const PUBLISHED: &str = "mart";

/// Pointer to a mart's newest snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Latest {
    pub(crate) batch_date: NaiveDate,
    /// Key prefix of its files in the gold bucket, with a trailing `/`.
    pub(crate) prefix: String,
    pub(crate) rows: u64,
}

impl Latest {
    pub(crate) fn new(mart: &str, batch_date: NaiveDate, rows: u64) -> Self {
        Self {
            batch_date,
            prefix: paths::mart_prefix(mart, batch_date),
            rows,
        }
    }
}

/// The tagged models of this build.
pub(crate) fn published<'a>(manifest: &'a Manifest, state: &'a BuildState) -> impl Iterator<Item = &'a Node> {
    let built = state.nodes.keys().filter_map(|id| manifest.nodes.get(id));
    built.filter(|node| node.model().is_some() && !node.is_ephemeral() && node.tags.iter().any(|tag| tag == PUBLISHED))
}

/// Unloads a mart as Parquet, replacing an earlier snapshot of the day, and counts its rows.
///
/// `encrypted auto`: with the KMS key of the bucket, which files would have without UNLOAD; its own default is a key of S3's.
/// Source: Amazon Redshift, UNLOAD, parameter ENCRYPTED.
pub(crate) fn statements(
    node: &Node,
    relation: &str,
    bucket: &str,
    batch_date: NaiveDate,
    role_arn: Option<&str>,
) -> Vec<String> {
    let target = format!("s3://{bucket}/{}", paths::mart_prefix(&node.name, batch_date));
    let role = role_arn.map_or_else(|| "default".to_owned(), literal);
    vec![
        format!(
            "unload ({}) to {} iam_role {role} format as parquet encrypted auto cleanpath",
            literal(&format!("select * from {relation}")),
            literal(&target)
        ),
        format!("select count(*) from {relation}"),
    ]
}
