//! Definitions that need a look at the catalog: CREATE TABLE with its comments, AS, LIKE, and changes of columns.

use cardlake_redshift_sql::{
    Column, Command, CreateTable, CreateTableAs, CreateTableLike, RedshiftType, Relation, SqlError, View, is_pending,
    literal, quoted, table_comment,
};
use uuid::Uuid;

use crate::catalog;
use crate::engine_error::translate;
use crate::executor::Executor;
use crate::query_types::with_redshift_types;

/// Runs a definition. The caller has opened a transaction.
pub(crate) fn run(executor: &Executor, command: &Command) -> Result<(), SqlError> {
    match command {
        Command::Definitions(statements) => statements.iter().try_for_each(|sql| executor.batch(sql)),
        Command::CreateTable(table) => {
            if table.if_not_exists && exists(executor, &table.relation, table.temporary)? {
                return Ok(());
            }
            create(executor, table)
        }
        Command::CreateTableAs(table) => create_as(executor, table),
        Command::CreateTableLike(table) => create_like(executor, table),
        Command::CreateView(view) => create_view(executor, view),
        Command::Rename { relation, new_name } => rename(executor, relation, new_name),
        Command::AddColumn { relation, column } => add_column(executor, relation, column),
        Command::ResizeColumn {
            relation,
            column,
            data_type,
        } => resize(executor, relation, column, *data_type),
        other => Err(SqlError::redshift(format!("not a definition: {other:?}"))),
    }
}

fn exists(executor: &Executor, relation: &Relation, temporary: bool) -> Result<bool, SqlError> {
    let mut wanted = relation.clone();
    if !temporary && wanted.schema.is_none() {
        // A new permanent table goes to the first schema of the search path.
        wanted.schema = Some(first_schema(executor)?);
    }
    let found = catalog::find_table(&executor.connection, &wanted)?;
    Ok(found.is_some_and(|table| table.definition.temporary == temporary))
}

fn first_schema(executor: &Executor) -> Result<String, SqlError> {
    executor
        .connection
        .query_row("SELECT current_schema()", [], |row| row.get(0))
        .map_err(|error| translate(&error))
}

fn create(executor: &Executor, table: &CreateTable) -> Result<(), SqlError> {
    let prefix = format!("rs_identity_{}", Uuid::new_v4().simple());
    let mut table = table.clone();
    for column in &mut table.columns {
        compute_default(executor, column)?;
    }
    table
        .statements(&prefix)?
        .iter()
        .try_for_each(|sql| executor.batch(sql))
}

/// Computes a default once, unless it is the current time.
///
/// A default that called a function of the prelude would tie the table to it, and the prelude is written anew at each start.
fn compute_default(executor: &Executor, column: &mut Column) -> Result<(), SqlError> {
    let Some(default) = &column.default else { return Ok(()) };
    let now = "CAST(now() AS TIMESTAMP)";
    let builtin = default
        .replace("getdate()", &format!("date_trunc('second', {now})"))
        .replace("sysdate()", now);
    column.default = Some(if builtin.contains("now()") {
        if builtin.contains("rs_") || is_pending(&builtin) {
            return Err(SqlError::unsupported(format!(
                "the default of column \"{}\"",
                column.name
            )));
        }
        builtin
    } else {
        let data_type = column.data_type.duckdb();
        let sql = executor.resolve(&format!("SELECT CAST(CAST({builtin} AS {data_type}) AS VARCHAR)"));
        let value: Option<String> = executor
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

fn create_as(executor: &Executor, table: &CreateTableAs) -> Result<(), SqlError> {
    if table.if_not_exists && exists(executor, &table.relation, table.temporary)? {
        return Ok(());
    }
    let query = with_redshift_types(executor, &table.query, &table.columns)?;
    let temporary = if table.temporary { "TEMP " } else { "" };
    executor.batch(&format!("CREATE {temporary}TABLE {} AS {query}", table.relation.sql()))?;
    match table_comment(&table.relation, &table.storage)? {
        Some(comment) => executor.batch(&comment),
        None => Ok(()),
    }
}

fn create_view(executor: &Executor, view: &View) -> Result<(), SqlError> {
    let query = executor.resolve(&view.query);
    executor.batch(&view.statement(&query))
}

fn create_like(executor: &Executor, table: &CreateTableLike) -> Result<(), SqlError> {
    if table.if_not_exists && exists(executor, &table.relation, table.temporary)? {
        return Ok(());
    }
    let mut definition = catalog::table(&executor.connection, &table.source)?.definition;
    definition.relation = table.relation.clone();
    definition.temporary = table.temporary;
    for column in &mut definition.columns {
        // LIKE copies no identity, and defaults only on request.
        column.identity = None;
        if !table.including_defaults {
            column.default = None;
        }
    }
    create(executor, &definition)
}

fn rename(executor: &Executor, relation: &Relation, new_name: &str) -> Result<(), SqlError> {
    let kind = if catalog::find_table(&executor.connection, relation)?.is_some() {
        "TABLE"
    } else {
        "VIEW"
    };
    executor.batch(&format!(
        "ALTER {kind} {} RENAME TO {}",
        relation.sql(),
        quoted(new_name)
    ))
}

fn add_column(executor: &Executor, relation: &Relation, column: &Column) -> Result<(), SqlError> {
    let mut column = column.clone();
    compute_default(executor, &mut column)?;
    let table = catalog::table(&executor.connection, relation)?;
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
        executor.batch(&format!(
            "ALTER TABLE {} ADD COLUMN {name} {data_type}{default}",
            relation.sql()
        ))?;
        return executor.batch(&column.comment(relation)?);
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
    replace(executor, &definition, &select)
}

fn resize(executor: &Executor, relation: &Relation, name: &str, data_type: RedshiftType) -> Result<(), SqlError> {
    let mut definition = catalog::table(&executor.connection, relation)?.definition;
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
    replace(executor, &definition, &select)
}

/// Puts a table with a new definition in the place of the old one.
fn replace(executor: &Executor, definition: &CreateTable, select: &[String]) -> Result<(), SqlError> {
    if definition.columns.iter().any(|column| column.identity.is_some()) {
        return Err(SqlError::unsupported(
            "a change of VARCHAR columns in a table with an IDENTITY column",
        ));
    }
    let old = definition.relation.sql();
    let mut new = definition.clone();
    new.relation.name = format!("rs_new_{}", Uuid::new_v4().simple());
    create(executor, &new)?;
    executor.write(&format!(
        "INSERT INTO {} SELECT {} FROM {old}",
        new.relation.sql(),
        select.join(", ")
    ))?;
    executor.batch(&format!("DROP TABLE {old}"))?;
    let name = quoted(&definition.relation.name);
    executor.batch(&format!("ALTER TABLE {} RENAME TO {name}", new.relation.sql()))
}
