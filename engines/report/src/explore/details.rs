//! Details: tables of what the page's filters select, from the warehouse.

use super::definition::{DetailDefinition, ExploreDefinition};
use crate::definition::Dashboard;
use crate::panel::written;
use crate::query::Query;
use crate::relation::Relation;
use crate::table::{Table, Value};
use crate::template;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the page filters by.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filters {
    /// First day.
    pub from: NaiveDate,
    /// Last day, inclusive.
    pub to: NaiveDate,
    /// By column of a dimension or key of an earlier detail: the values to keep. The empty text stands for NULL as well.
    #[serde(default)]
    pub values: BTreeMap<String, Vec<String>>,
}

/// Rows of a detail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DetailRows {
    /// Headings.
    pub columns: Vec<String>,
    /// Rows, as the page shows them.
    pub rows: Vec<Vec<String>>,
    /// Whether each column holds numbers.
    pub numeric: Vec<bool>,
    /// For each row the value to filter the next detail by; empty if there is none.
    pub keys: Vec<String>,
    /// Whether there are more rows than these.
    pub is_cut: bool,
}

/// Why a detail cannot be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DetailError {
    /// The definition has no such detail.
    #[error("there is no detail '{0}'")]
    Unknown(String),
    /// A filter names something else than a dimension or the key of an earlier detail.
    #[error("there is no filter '{0}'")]
    Filter(String),
    /// A value that is not put into SQL.
    #[error("'{0}' cannot be filtered by: it holds a backslash or a control character")]
    Value(String),
    /// The query cannot be rendered, or needs a model that there is not.
    #[error("{0}")]
    Query(String),
    /// The result lacks a column that the definition names.
    #[error("the result has no column '{column}'; it has {}", .columns.join(", "))]
    Column {
        /// As the definition names it.
        column: String,
        /// Those that there are.
        columns: Vec<String>,
    },
}

impl Dashboard {
    /// The query of a detail under the page's filters.
    ///
    /// # Errors
    /// See [`DetailError`].
    pub fn detail_query(
        &self,
        id: &str,
        filters: &Filters,
        batch_date: NaiveDate,
        relation: &dyn Fn(&str) -> Relation,
    ) -> Result<Query, DetailError> {
        let (explore, detail) = self.detail(id)?;
        let condition = condition(explore, detail, filters)?;
        let sql = template::filtered_sql(&detail.sql, batch_date, Some(&condition), relation);
        let sql = sql.map_err(DetailError::Query)?;
        let sql = sql.ok_or_else(|| DetailError::Query("a model of the query is not built".to_owned()))?;
        Ok(Query {
            name: format!("detail.{id}"),
            // One row more than are shown tells that there are more.
            sql: Ok(format!("{sql}\nlimit {}", detail.rows.saturating_add(1))),
        })
    }

    /// The result of such a query as the page shows it.
    ///
    /// # Errors
    /// [`DetailError::Unknown`] and [`DetailError::Column`].
    pub fn detail_rows(&self, id: &str, table: &Table) -> Result<DetailRows, DetailError> {
        let (_, detail) = self.detail(id)?;
        let column = |name: &str| {
            let index = table.columns.iter().position(|column| column == name);
            index.ok_or_else(|| DetailError::Column {
                column: name.to_owned(),
                columns: table.columns.clone(),
            })
        };
        let indices = detail.table.iter().map(|shown| Ok((shown, column(&shown.column)?)));
        let indices: Vec<_> = indices.collect::<Result<_, DetailError>>()?;
        let key = detail.key.as_ref().map(|key| column(&key.column)).transpose()?;
        let null = Value::Null;
        let value = |row: &[Value], index: usize| row.get(index).unwrap_or(&null).clone();
        let shown = table.rows.get(..detail.rows).unwrap_or(&table.rows);
        let rows = shown.iter().map(|row| {
            let texts = indices.iter();
            texts
                .map(|(shown, index)| written(&value(row, *index), shown.format))
                .collect()
        });
        let numeric = indices.iter().map(|(_, index)| {
            let mut values = table.rows.iter().map(|row| value(row, *index));
            values.all(|value| is_number(&value)) && !table.rows.is_empty()
        });
        let keys = key.map(|index| shown.iter().map(|row| value(row, index).display()).collect());
        Ok(DetailRows {
            columns: detail.table.iter().map(|shown| shown.title.clone()).collect(),
            rows: rows.collect(),
            numeric: numeric.collect(),
            keys: keys.unwrap_or_default(),
            is_cut: shown.len() < table.rows.len(),
        })
    }

    /// The SQL of a question: as of a panel.
    ///
    /// # Errors
    /// The template cannot be rendered, or names a model that there is not.
    pub fn question(
        sql: &str,
        batch_date: NaiveDate,
        relation: &dyn Fn(&str) -> Relation,
    ) -> Result<Query, DetailError> {
        let sql = template::sql(sql, batch_date, relation).map_err(DetailError::Query)?;
        let sql = sql.ok_or_else(|| DetailError::Query("a model of the query is not built".to_owned()))?;
        Ok(Query {
            name: "question".to_owned(),
            sql: Ok(sql),
        })
    }

    fn detail(&self, id: &str) -> Result<(&ExploreDefinition, &DetailDefinition), DetailError> {
        let unknown = || DetailError::Unknown(id.to_owned());
        let explore = &self.explore.as_ref().ok_or_else(unknown)?.definition;
        let detail = explore.details.iter().find(|detail| detail.id == id);
        Ok((explore, detail.ok_or_else(unknown)?))
    }
}

/// Whether a value is a number or spells one.
pub(crate) fn is_number(value: &Value) -> bool {
    match value {
        Value::Integer(_) | Value::Double(_) | Value::Null => true,
        Value::Text(text) => crate::text::decimal(text).is_some(),
        Value::Boolean(_) => false,
    }
}

/// The filters as a condition. Names of columns are those of the definition, which are plain; values are literals.
fn condition(explore: &ExploreDefinition, detail: &DetailDefinition, filters: &Filters) -> Result<String, DetailError> {
    let earlier = explore.details.iter().take_while(|earlier| earlier.id != detail.id);
    let keys = earlier.filter_map(|earlier| earlier.key.as_ref());
    let known: Vec<&str> = explore
        .dimensions
        .iter()
        .chain(keys)
        .map(|dimension| dimension.column.as_str())
        .collect();
    let day = &explore.date.column;
    let mut conditions = vec![format!(
        "\"{day}\" between date '{}' and date '{}'",
        filters.from, filters.to
    )];
    for (column, values) in &filters.values {
        if !known.contains(&column.as_str()) {
            return Err(DetailError::Filter(column.clone()));
        }
        let literals = values.iter().map(|value| literal(value));
        let literals: Vec<String> = literals.collect::<Result<_, _>>()?;
        let mut either = Vec::new();
        if !literals.is_empty() {
            either.push(format!("\"{column}\" in ({})", literals.join(", ")));
        }
        if values.iter().any(String::is_empty) {
            either.push(format!("\"{column}\" is null"));
        }
        match either.as_slice() {
            // No value is kept.
            [] => conditions.push("1 = 0".to_owned()),
            either => conditions.push(format!("({})", either.join(" or "))),
        }
    }
    Ok(conditions.join(" and "))
}

/// A string literal. Redshift takes a backslash in one as the beginning of an escape, so there is none.
fn literal(value: &str) -> Result<String, DetailError> {
    if value.contains(|letter: char| letter == '\\' || letter.is_control()) {
        return Err(DetailError::Value(value.to_owned()));
    }
    Ok(format!("'{}'", value.replace('\'', "''")))
}
