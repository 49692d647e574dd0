//! What goes to gold: every model with the tag `mart`, one snapshot for each batch date. Pure: no I/O.

use crate::manifest::{Manifest, Node};
use crate::state::BuildState;
use cardlake_core::paths;
use cardlake_core::sql::literal;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// The tag of models that are published.
const PUBLISHED: &str = "mart";

/// The pointer to a mart's newest snapshot: which day's it is, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Latest {
    pub(crate) batch_date: NaiveDate,
    /// Key prefix of its files in the gold bucket, with a `/` at its end.
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

/// The models to publish: those that were built in this run and carry the tag.
pub(crate) fn published<'a>(manifest: &'a Manifest, state: &'a BuildState) -> impl Iterator<Item = &'a Node> {
    let built = state.nodes.keys().filter_map(|id| manifest.nodes.get(id));
    built.filter(|node| node.model().is_some() && !node.is_ephemeral() && node.tags.iter().any(|tag| tag == PUBLISHED))
}

/// Writes a mart as Parquet in the place of what an earlier run of the day left there, and counts it.
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
            "unload ({}) to {} iam_role {role} format as parquet cleanpath",
            literal(&format!("select * from {relation}")),
            literal(&target)
        ),
        format!("select count(*) from {relation}"),
    ]
}
