//! `explore.yml`: what can be explored.

use crate::definition::{Checker, DefinitionError, Format};
use serde::Deserialize;
use std::collections::BTreeSet;

/// The file of the explorer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExploreDefinition {
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) note: String,
    /// One row per day and combination of the dimensions.
    pub(crate) sql: String,
    pub(crate) date: DateDefinition,
    pub(crate) dimensions: Vec<DimensionDefinition>,
    pub(crate) measures: Vec<MeasureDefinition>,
    /// From coarse to fine.
    #[serde(default)]
    pub(crate) details: Vec<DetailDefinition>,
    /// The question that a page that is served begins with.
    #[serde(default)]
    pub(crate) question: Option<String>,
}

/// The column of days.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DateDefinition {
    pub(crate) column: String,
    pub(crate) title: String,
}

/// A column to filter and to compare by.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DimensionDefinition {
    pub(crate) column: String,
    pub(crate) title: String,
}

/// A sum, or a ratio of two sums.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MeasureDefinition {
    pub(crate) column: String,
    /// The column that the sum is divided by.
    #[serde(default)]
    pub(crate) over: Option<String>,
    pub(crate) title: String,
    #[serde(default = "compact")]
    pub(crate) format: Format,
    /// What one of it is: `EUR`, `transactions`.
    #[serde(default)]
    pub(crate) unit: String,
}

const fn compact() -> Format {
    Format::Compact
}

/// A table of what the filters select, from a query of its own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DetailDefinition {
    pub(crate) id: String,
    pub(crate) title: String,
    /// Without a limit of its own.
    pub(crate) sql: String,
    /// Rows that are shown.
    #[serde(default = "most_rows")]
    pub(crate) rows: usize,
    /// The column whose value a click on a row filters the next table by.
    #[serde(default)]
    pub(crate) key: Option<DimensionDefinition>,
    pub(crate) table: Vec<DetailColumn>,
}

const fn most_rows() -> usize {
    200
}

/// A column of such a table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DetailColumn {
    pub(crate) column: String,
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) format: Format,
}

impl ExploreDefinition {
    /// Checks names and templates.
    pub(crate) fn check(&self, checker: &Checker<'_>) -> Result<(), DefinitionError> {
        checker.sql("sql", &self.sql)?;
        checker.text("note", &self.note, &[])?;
        column(checker, "date.column", &self.date.column)?;
        let mut names = BTreeSet::from([self.date.column.clone()]);
        for (index, dimension) in self.dimensions.iter().enumerate() {
            let field = format!("dimensions[{index}].column");
            column(checker, &field, &dimension.column)?;
            unique(checker, &field, &dimension.column, &mut names)?;
        }
        if self.measures.is_empty() {
            return Err(checker.invalid("measures: has none; there is nothing to show"));
        }
        let mut measures = BTreeSet::new();
        for (index, measure) in self.measures.iter().enumerate() {
            let field = format!("measures[{index}]");
            column(checker, &format!("{field}.column"), &measure.column)?;
            if let Some(over) = &measure.over {
                column(checker, &format!("{field}.over"), over)?;
            }
            unique(checker, &field, &measure.id(), &mut measures)?;
            checker.text(&format!("{field}.unit"), &measure.unit, &[])?;
        }
        for (index, detail) in self.details.iter().enumerate() {
            let field = format!("details[{index}]");
            column(checker, &format!("{field}.id"), &detail.id)?;
            unique(checker, &format!("{field}.id"), &detail.id, &mut names)?;
            if let Some(key) = &detail.key {
                column(checker, &format!("{field}.key.column"), &key.column)?;
                unique(checker, &format!("{field}.key.column"), &key.column, &mut names)?;
            }
            checker.filtered_sql(&format!("{field}.sql"), &detail.sql)?;
            if detail.table.is_empty() {
                return Err(checker.invalid(format!("{field}.table: has no columns")));
            }
        }
        self.question
            .as_deref()
            .map_or(Ok(()), |sql| checker.sql("question", sql))
    }
}

impl MeasureDefinition {
    /// Identifies the measure in links: `sales`, `sales.transactions`.
    pub(crate) fn id(&self) -> String {
        match &self.over {
            None => self.column.clone(),
            Some(over) => format!("{}.{over}", self.column),
        }
    }
}

/// Filters put names of columns into SQL and links: they are plain.
fn column(checker: &Checker<'_>, field: &str, name: &str) -> Result<(), DefinitionError> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if name.starts_with(|first: char| first.is_ascii_lowercase()) && name.bytes().all(is_plain) {
        return Ok(());
    }
    Err(checker.invalid(format!(
        "{field}: '{name}' is part of links and of SQL: use lower-case letters, digits and underscores, a letter first"
    )))
}

fn unique(checker: &Checker<'_>, field: &str, name: &str, names: &mut BTreeSet<String>) -> Result<(), DefinitionError> {
    if names.insert(name.to_owned()) {
        return Ok(());
    }
    Err(checker.invalid(format!("{field}: '{name}' is used twice")))
}
