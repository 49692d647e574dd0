//! Table and view definitions, and the DuckDB statements that create them.
//!
//! A column's Redshift type and encoding and the table's distribution are stored in DuckDB comments as JSON: they are part
//! of the transaction, follow renames and disappear with the table. Keys are informational in Redshift and are dropped;
//! NOT NULL and the length of strings (in bytes) are enforced.

use serde::{Deserialize, Serialize};

use crate::error::SqlError;
use crate::names::{Relation, literal, quoted};
use crate::storage::{Identity, TableStorage};
use crate::types::RedshiftType;

/// A column of a table definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The name, in lower case.
    pub name: String,
    /// The type.
    pub data_type: RedshiftType,
    /// NOT NULL.
    pub not_null: bool,
    /// The default as DuckDB SQL.
    pub default: Option<String>,
    /// IDENTITY, with seed and step.
    pub identity: Option<Identity>,
    /// ENCODE, as written.
    pub encoding: Option<String>,
}

/// A `CREATE TABLE` with columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateTable {
    /// The table.
    pub relation: Relation,
    /// TEMPORARY, or a name that begins with `#`.
    pub temporary: bool,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// The columns.
    pub columns: Vec<Column>,
    /// Distribution and sort order.
    pub storage: TableStorage,
}

/// A `CREATE TABLE` from a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateTableAs {
    /// The table.
    pub relation: Relation,
    /// TEMPORARY, or a name that begins with `#`.
    pub temporary: bool,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// Names for the columns; those of the query when empty.
    pub columns: Vec<String>,
    /// The query, as DuckDB SQL.
    pub query: String,
    /// Distribution and sort order.
    pub storage: TableStorage,
}

/// A `CREATE TABLE (LIKE …)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateTableLike {
    /// The table.
    pub relation: Relation,
    /// TEMPORARY, or a name that begins with `#`.
    pub temporary: bool,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// The table to copy the columns from.
    pub source: Relation,
    /// INCLUDING DEFAULTS.
    pub including_defaults: bool,
}

/// A `CREATE VIEW`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The view.
    pub relation: Relation,
    /// OR REPLACE.
    pub or_replace: bool,
    /// Names for the columns; empty for those of the query.
    pub columns: Vec<String>,
    /// The query, as DuckDB SQL.
    pub query: String,
}

/// The content of a column's DuckDB comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnComment {
    /// [`RedshiftType::definition`].
    #[serde(rename = "type")]
    pub definition: String,
    /// [`Column::encoding`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encode: Option<String>,
    /// An IDENTITY column that takes no values from an INSERT.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub identity_always: bool,
}

impl CreateTable {
    /// The DuckDB statements that create the table. Sequences of IDENTITY columns are named after `sequence_prefix`.
    pub fn statements(&self, sequence_prefix: &str) -> Result<Vec<String>, SqlError> {
        let mut statements = Vec::new();
        let mut columns = Vec::new();
        for (index, column) in self.columns.iter().enumerate() {
            let mut text = format!("{} {}", quoted(&column.name), column.data_type.duckdb());
            if column.not_null {
                text.push_str(" NOT NULL");
            }
            if let Some(limit) = column.data_type.byte_limit() {
                text.push_str(&format!(" CHECK (strlen({}) <= {limit})", quoted(&column.name)));
            }
            if let Some(identity) = &column.identity {
                let sequence = quoted(&format!("{sequence_prefix}_{index}"));
                statements.push(format!(
                    "CREATE SEQUENCE main.{sequence} START {} INCREMENT {} {}",
                    identity.seed, identity.step, "MINVALUE -9223372036854775808 MAXVALUE 9223372036854775807",
                ));
                text.push_str(&format!(" DEFAULT nextval('main.{sequence}')"));
            } else if let Some(default) = &column.default {
                text.push_str(&format!(" DEFAULT {default}"));
            }
            columns.push(text);
        }
        let temporary = if self.temporary { "TEMP " } else { "" };
        let name = self.relation.sql();
        statements.push(format!("CREATE {temporary}TABLE {name} ({})", columns.join(", ")));
        statements.extend(table_comment(&self.relation, &self.storage)?);
        for column in &self.columns {
            statements.push(column.comment(&self.relation)?);
        }
        Ok(statements)
    }
}

impl Column {
    /// The statement that stores what DuckDB does not know about the column.
    pub fn comment(&self, relation: &Relation) -> Result<String, SqlError> {
        let comment = ColumnComment {
            definition: self.data_type.definition(),
            encode: self.encoding.clone(),
            identity_always: self.identity.as_ref().is_some_and(|identity| !identity.by_default),
        };
        let name = format!("{}.{}", relation.sql(), quoted(&self.name));
        Ok(format!("COMMENT ON COLUMN {name} IS {}", literal(&json(&comment)?)))
    }
}

impl View {
    /// The DuckDB statement that creates the view over `query`, which is [`Self::query`] without pending arithmetic.
    pub fn statement(&self, query: &str) -> String {
        let columns = if self.columns.is_empty() {
            String::new()
        } else {
            let names: Vec<_> = self.columns.iter().map(|name| quoted(name)).collect();
            format!(" ({})", names.join(", "))
        };
        let replace = if self.or_replace { "OR REPLACE " } else { "" };
        format!("CREATE {replace}VIEW {}{columns} AS {query}", self.relation.sql())
    }
}

/// The statement that stores the distribution and sort order of a table; `None` if it has the default.
pub fn table_comment(relation: &Relation, storage: &TableStorage) -> Result<Option<String>, SqlError> {
    if *storage == TableStorage::default() {
        return Ok(None);
    }
    Ok(Some(format!(
        "COMMENT ON TABLE {} IS {}",
        relation.sql(),
        literal(&json(storage)?)
    )))
}

fn json(value: &impl Serialize) -> Result<String, SqlError> {
    serde_json::to_string(value).map_err(|error| SqlError::redshift(format!("catalog entry: {error}")))
}
