//! Tables as the warehouse has them.

use crate::project::config::ModelConfig;
use crate::sql::{identifier, identifiers};
use serde::{Deserialize, Serialize};

/// A relation that exists in the warehouse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Existing {
    /// A view, not a table.
    pub is_view: bool,
    /// Columns in order; possibly incomplete for views.
    pub columns: Vec<String>,
}

/// A column of a query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its SQL type.
    pub data_type: String,
}

/// The distribution style and sort key of a table.
pub(crate) fn storage(config: &ModelConfig) -> String {
    let dist = match config.dist.as_deref() {
        None => String::new(),
        Some(style @ ("all" | "even" | "auto")) => format!("\ndiststyle {style}"),
        Some(column) => format!("\ndiststyle key distkey ({})", identifier(column)),
    };
    if config.sort.is_empty() {
        return dist;
    }
    let kind = if config.interleaved { "interleaved" } else { "compound" };
    let columns = identifiers(config.sort.iter().map(String::as_str));
    format!("{dist}\n{kind} sortkey ({columns})")
}
