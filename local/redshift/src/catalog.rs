//! What the database knows about its tables, for LIKE, COPY, ALTER TABLE and the catalog operations of the API.

use cardlake_redshift_sql::{
    Column, ColumnComment, CreateTable, Identity, MAX_VARCHAR_BYTES, RedshiftType, Relation, SqlError, TableStorage,
};
use duckdb::{Connection, params};

use crate::engine_error::translate;

/// A table as it is in the database.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) definition: CreateTable,
    /// DuckDB's number for it.
    pub(crate) oid: i64,
    /// Columns that take no values from an INSERT.
    pub(crate) identity_always: Vec<String>,
}

/// Looks a table up: a temporary one first, then along the search path.
pub(crate) fn table(connection: &Connection, relation: &Relation) -> Result<Table, SqlError> {
    find_table(connection, relation)?
        .ok_or_else(|| SqlError::classed("42P01", format!("relation \"{}\" does not exist", relation.name)))
}

/// Looks a table up; `None` if there is none.
pub(crate) fn find_table(connection: &Connection, relation: &Relation) -> Result<Option<Table>, SqlError> {
    let mut statement = connection
        .prepare(
            "SELECT database_name, schema_name, table_oid, comment FROM duckdb_tables() \
             WHERE lower(table_name) = ? AND (? IS NULL OR lower(schema_name) = ?) \
             ORDER BY database_name <> 'temp', list_position(current_schemas(false), schema_name) LIMIT 1",
        )
        .map_err(|error| translate(&error))?;
    let found = statement
        .query_map(params![relation.name, relation.schema, relation.schema], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, i64>(2)?,
                row.get::<_, Option<String>>(3)?,
            ))
        })
        .and_then(|mut rows| rows.next().transpose())
        .map_err(|error| translate(&error))?;
    let Some((database, schema, oid, comment)) = found else {
        return Ok(None);
    };
    let (columns, identity_always) = columns(connection, &database, &schema, &relation.name)?;
    let temporary = database == "temp";
    let storage = comment
        .and_then(|comment| serde_json::from_str::<TableStorage>(&comment).ok())
        .unwrap_or_default();
    let relation = Relation {
        schema: (!temporary).then_some(schema),
        name: relation.name.clone(),
    };
    Ok(Some(Table {
        definition: CreateTable {
            relation,
            temporary,
            if_not_exists: false,
            columns,
            storage,
        },
        oid,
        identity_always,
    }))
}

fn columns(
    connection: &Connection,
    database: &str,
    schema: &str,
    table: &str,
) -> Result<(Vec<Column>, Vec<String>), SqlError> {
    let mut statement = connection
        .prepare(
            "SELECT column_name, data_type, is_nullable, column_default, comment FROM duckdb_columns() \
             WHERE database_name = ? AND schema_name = ? AND lower(table_name) = ? ORDER BY column_index",
        )
        .map_err(|error| translate(&error))?;
    let rows = statement
        .query_map(params![database, schema, table], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, bool>(2)?,
                row.get::<_, Option<String>>(3)?,
                row.get::<_, Option<String>>(4)?,
            ))
        })
        .map_err(|error| translate(&error))?;
    let mut columns = Vec::new();
    let mut identity_always = Vec::new();
    for row in rows {
        let (name, duckdb_type, nullable, default, comment) = row.map_err(|error| translate(&error))?;
        let comment = comment.and_then(|comment| serde_json::from_str::<ColumnComment>(&comment).ok());
        let data_type = comment
            .as_ref()
            .and_then(|comment| RedshiftType::from_definition(&comment.definition))
            .or_else(|| RedshiftType::from_duckdb(&duckdb_type))
            .ok_or_else(|| SqlError::unsupported(format!("column \"{name}\" of the engine's type {duckdb_type}")))?;
        let identity = default.as_deref().is_some_and(|default| default.contains("nextval("));
        if comment.as_ref().is_some_and(|comment| comment.identity_always) {
            identity_always.push(name.clone());
        }
        columns.push(Column {
            name,
            data_type,
            not_null: !nullable,
            default: default.filter(|_| !identity),
            // The seed is only needed to make a table; here it says that there is one.
            identity: identity.then_some(Identity {
                seed: 1,
                step: 1,
                by_default: true,
            }),
            encoding: comment.and_then(|comment| comment.encode),
        });
    }
    Ok((columns, identity_always))
}

/// A table or view, for ListTables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) schema: String,
    pub(crate) name: String,
    /// `TABLE` or `VIEW`.
    pub(crate) kind: String,
}

/// The schemas whose name is like a pattern with `%` and `_`.
pub(crate) fn schemas(connection: &Connection, pattern: &str) -> Result<Vec<String>, SqlError> {
    let mut statement = connection
        .prepare(
            "SELECT schema_name FROM main.svv_redshift_schemas WHERE schema_name LIKE ? \
             UNION ALL SELECT n FROM (VALUES ('information_schema'), ('pg_catalog')) t(n) WHERE n LIKE ? ORDER BY 1",
        )
        .map_err(|error| translate(&error))?;
    statement
        .query_map(params![pattern, pattern], |row| row.get(0))
        .and_then(Iterator::collect)
        .map_err(|error| translate(&error))
}

/// The tables and views whose schema and name are like two patterns.
pub(crate) fn members(connection: &Connection, schema: &str, table: &str) -> Result<Vec<Member>, SqlError> {
    let mut statement = connection
        .prepare(
            "SELECT schema_name, table_name, table_type FROM main.svv_redshift_tables \
             WHERE schema_name LIKE ? AND table_name LIKE ? ORDER BY 1, 2",
        )
        .map_err(|error| translate(&error))?;
    statement
        .query_map(params![schema, table], |row| {
            Ok(Member {
                schema: row.get(0)?,
                name: row.get(1)?,
                kind: row.get(2)?,
            })
        })
        .and_then(Iterator::collect)
        .map_err(|error| translate(&error))
}

/// A column, for DescribeTable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Description {
    pub(crate) name: String,
    pub(crate) data_type: RedshiftType,
    pub(crate) default: Option<String>,
    pub(crate) nullable: bool,
}

/// The columns of a table or view. Empty if there is no such table.
pub(crate) fn describe(connection: &Connection, schema: &str, table: &str) -> Result<Vec<Description>, SqlError> {
    let mut statement = connection
        .prepare(
            "SELECT column_name, definition, column_default, is_nullable FROM main.rs_columns \
             WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position",
        )
        .map_err(|error| translate(&error))?;
    let rows = statement
        .query_map(params![schema, table], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get(2)?,
                row.get(3)?,
            ))
        })
        .map_err(|error| translate(&error))?;
    let mut columns = Vec::new();
    for row in rows {
        let (name, definition, default, nullable) = row.map_err(|error| translate(&error))?;
        let data_type = RedshiftType::from_definition(&definition).unwrap_or(RedshiftType::Varchar(MAX_VARCHAR_BYTES));
        columns.push(Description {
            name,
            data_type,
            default,
            nullable,
        });
    }
    Ok(columns)
}
