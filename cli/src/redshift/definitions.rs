//! Definitions that need a look at the catalog: CREATE TABLE with its comments, AS, LIKE, and changes of columns.

use uuid::Uuid;

use super::catalog;
use super::engine_error::translate;
use super::session::Session;
use super::sql::ddl::{self, Column, CreateTable, CreateTableAs, CreateTableLike};
use super::sql::names::{Relation, literal, quoted};
use super::sql::types::RedshiftType;
use super::sql::{Command, SqlError};

/// Runs a definition. The caller has opened a transaction.
pub(crate) fn run(session: &Session, command: &Command) -> Result<(), SqlError> {
    match command {
        Command::Definitions(statements) => statements.iter().try_for_each(|sql| session.batch(sql)),
        Command::CreateTable(table) => {
            if table.if_not_exists && exists(session, &table.relation, table.temporary)? {
                return Ok(());
            }
            create(session, table)
        }
        Command::CreateTableAs(table) => create_as(session, table),
        Command::CreateTableLike(table) => create_like(session, table),
        Command::Rename { relation, new_name } => rename(session, relation, new_name),
        Command::AddColumn { relation, column } => add_column(session, relation, column),
        Command::ResizeColumn {
            relation,
            column,
            data_type,
        } => resize(session, relation, column, *data_type),
        other => Err(SqlError::redshift(format!("not a definition: {other:?}"))),
    }
}

fn exists(session: &Session, relation: &Relation, temporary: bool) -> Result<bool, SqlError> {
    let mut wanted = relation.clone();
    if !temporary && wanted.schema.is_none() {
        // A new permanent table goes to the first schema of the search path.
        wanted.schema = Some(first_schema(session)?);
    }
    let found = catalog::find_table(&session.connection, &wanted)?;
    Ok(found.is_some_and(|table| table.definition.temporary == temporary))
}

fn first_schema(session: &Session) -> Result<String, SqlError> {
    session
        .connection
        .query_row("SELECT current_schema()", [], |row| row.get(0))
        .map_err(|error| translate(&error))
}

fn create(session: &Session, table: &CreateTable) -> Result<(), SqlError> {
    let prefix = format!("rs_identity_{}", Uuid::new_v4().simple());
    let mut table = table.clone();
    for column in &mut table.columns {
        settle_default(session, column)?;
    }
    table.statements(&prefix)?.iter().try_for_each(|sql| session.batch(sql))
}

/// Computes a default once, unless it is the current time.
///
/// A default that called a function of the prelude would tie the table to it, and the prelude is written anew at each start.
fn settle_default(session: &Session, column: &mut Column) -> Result<(), SqlError> {
    let Some(default) = &column.default else { return Ok(()) };
    let now = "CAST(now() AS TIMESTAMP)";
    let builtin = default
        .replace("getdate()", &format!("date_trunc('second', {now})"))
        .replace("sysdate()", now);
    column.default = Some(if builtin.contains("now()") {
        if builtin.contains("rs_") {
            return Err(SqlError::unsupported(format!(
                "the default of column \"{}\"",
                column.name
            )));
        }
        builtin
    } else {
        let data_type = column.data_type.duckdb();
        let sql = session.resolve(&format!("SELECT CAST(CAST({builtin} AS {data_type}) AS VARCHAR)"));
        let value: Option<String> = session
            .connection
            .query_row(&sql, [], |row| row.get(0))
            .map_err(|error| translate(&error))?;
        value.map_or_else(
            || "NULL".to_owned(),
            |value| format!("CAST({} AS {data_type})", literal(&value)),
        )
    });
    Ok(())
}

fn create_as(session: &Session, table: &CreateTableAs) -> Result<(), SqlError> {
    if table.if_not_exists && exists(session, &table.relation, table.temporary)? {
        return Ok(());
    }
    let query = with_redshift_types(session, &table.query, &table.columns)?;
    let temporary = if table.temporary { "TEMP " } else { "" };
    session.batch(&format!("CREATE {temporary}TABLE {} AS {query}", table.relation.sql()))?;
    match ddl::table_comment(&table.relation, &table.storage)? {
        Some(comment) => session.batch(&comment),
        None => Ok(()),
    }
}

/// Names and DuckDB types of a query's columns.
pub(crate) fn described(session: &Session, query: &str) -> Result<Vec<(String, String)>, SqlError> {
    let describe = format!("DESCRIBE {query}");
    let mut statement = session
        .connection
        .prepare(&describe)
        .map_err(|error| translate(&error))?;
    statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .and_then(Iterator::collect)
        .map_err(|error| translate(&error))
}

/// Wraps a query so that its columns have types that Redshift has, and the given names.
///
/// SUM over integers is wider in DuckDB than Redshift's BIGINT; a value that does not fit is an error.
pub(crate) fn with_redshift_types(session: &Session, query: &str, names: &[String]) -> Result<String, SqlError> {
    let query = &session.resolve(query);
    let columns = described(session, query)?;
    if !names.is_empty() && names.len() != columns.len() {
        return Err(SqlError::redshift(format!(
            "CREATE TABLE AS specifies {} column names, the query has {} columns",
            names.len(),
            columns.len()
        )));
    }
    for (index, (name, _)) in columns.iter().enumerate() {
        if columns[..index]
            .iter()
            .any(|(before, _)| before.eq_ignore_ascii_case(name))
        {
            return Err(SqlError::redshift(format!("column name \"{name}\" is duplicated")));
        }
    }
    let wide = |data_type: &str| matches!(data_type, "HUGEINT" | "UHUGEINT" | "UBIGINT");
    if names.is_empty() && !columns.iter().any(|(_, data_type)| wide(data_type)) {
        return Ok(query.to_owned());
    }
    let items = columns.iter().enumerate().map(|(index, (name, data_type))| {
        let new_name = quoted(names.get(index).unwrap_or(name));
        let name = quoted(name);
        if wide(data_type) {
            format!("CAST({name} AS BIGINT) AS {new_name}")
        } else {
            format!("{name} AS {new_name}")
        }
    });
    Ok(format!(
        "SELECT {} FROM ({query}) AS q",
        items.collect::<Vec<_>>().join(", ")
    ))
}

fn create_like(session: &Session, table: &CreateTableLike) -> Result<(), SqlError> {
    if table.if_not_exists && exists(session, &table.relation, table.temporary)? {
        return Ok(());
    }
    let mut definition = catalog::table(&session.connection, &table.source)?.definition;
    definition.relation = table.relation.clone();
    definition.temporary = table.temporary;
    for column in &mut definition.columns {
        // LIKE copies no identity, and defaults only on request.
        column.identity = None;
        if !table.including_defaults {
            column.default = None;
        }
    }
    create(session, &definition)
}

fn rename(session: &Session, relation: &Relation, new_name: &str) -> Result<(), SqlError> {
    let kind = if catalog::find_table(&session.connection, relation)?.is_some() {
        "TABLE"
    } else {
        "VIEW"
    };
    session.batch(&format!(
        "ALTER {kind} {} RENAME TO {}",
        relation.sql(),
        quoted(new_name)
    ))
}

fn add_column(session: &Session, relation: &Relation, column: &Column) -> Result<(), SqlError> {
    let mut column = column.clone();
    settle_default(session, &mut column)?;
    let table = catalog::table(&session.connection, relation)?;
    if table
        .definition
        .columns
        .iter()
        .any(|existing| existing.name == column.name)
    {
        return Err(SqlError::redshift(format!(
            "column \"{}\" of relation \"{}\" already exists",
            column.name, relation.name
        )));
    }
    if column.identity.is_some() {
        return Err(SqlError::unsupported("ADD COLUMN with IDENTITY"));
    }
    if column.not_null && column.default.is_none() {
        return Err(SqlError::redshift(
            "ALTER TABLE ADD COLUMN defined as NOT NULL must have a non-null default expression",
        ));
    }
    if column.data_type.byte_limit().is_none() && !column.not_null {
        let default = column
            .default
            .as_ref()
            .map(|default| format!(" DEFAULT {default}"))
            .unwrap_or_default();
        let (name, data_type) = (quoted(&column.name), column.data_type.duckdb());
        session.batch(&format!(
            "ALTER TABLE {} ADD COLUMN {name} {data_type}{default}",
            relation.sql()
        ))?;
        return session.batch(&column.comment(relation)?);
    }
    // DuckDB adds no column with a constraint, so the table is written anew.
    let mut definition = table.definition;
    let value = column.default.clone().unwrap_or_else(|| "NULL".to_owned());
    let select = definition
        .columns
        .iter()
        .map(|column| quoted(&column.name))
        .chain([value])
        .collect::<Vec<_>>();
    definition.columns.push(column);
    replace(session, &definition, &select)
}

fn resize(session: &Session, relation: &Relation, name: &str, data_type: RedshiftType) -> Result<(), SqlError> {
    let mut definition = catalog::table(&session.connection, relation)?.definition;
    let Some(column) = definition.columns.iter_mut().find(|column| column.name == name) else {
        return Err(SqlError::redshift(format!(
            "column \"{name}\" of relation \"{}\" does not exist",
            relation.name
        )));
    };
    if !matches!(column.data_type, RedshiftType::Varchar(_)) {
        return Err(SqlError::redshift(format!(
            "cannot alter type of column \"{name}\": it is not a VARCHAR column"
        )));
    }
    column.data_type = data_type;
    let select = definition
        .columns
        .iter()
        .map(|column| quoted(&column.name))
        .collect::<Vec<_>>();
    replace(session, &definition, &select)
}

/// Puts a table with a new definition in the place of the old one.
fn replace(session: &Session, definition: &CreateTable, select: &[String]) -> Result<(), SqlError> {
    if definition.columns.iter().any(|column| column.identity.is_some()) {
        return Err(SqlError::unsupported(
            "a change of VARCHAR columns in a table with an IDENTITY column",
        ));
    }
    let old = definition.relation.sql();
    let mut new = definition.clone();
    new.relation.name = format!("rs_new_{}", Uuid::new_v4().simple());
    create(session, &new)?;
    session.write(&format!(
        "INSERT INTO {} SELECT {} FROM {old}",
        new.relation.sql(),
        select.join(", ")
    ))?;
    session.batch(&format!("DROP TABLE {old}"))?;
    let name = quoted(&definition.relation.name);
    session.batch(&format!("ALTER TABLE {} RENAME TO {name}", new.relation.sql()))
}
