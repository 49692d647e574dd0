//! Translation of CREATE TABLE, ALTER TABLE and DROP.

use sqlparser::ast::{
    self, AlterColumnOperation, AlterTable, AlterTableOperation, ColumnDef, ColumnOption, CreateTableLikeDefaults,
    CreateTableLikeKind, RenameTableNameKind, Statement, TableConstraint,
};

use crate::columns;
use crate::command::Command;
use crate::definition::{Column, CreateTable, CreateTableAs, CreateTableLike};
use crate::error::SqlError;
use crate::names::{Relation, quoted};
use crate::rewrite;
use crate::storage::Storage;
use crate::types::{DEFAULT_VARCHAR_BYTES, RedshiftType};

/// Reads a `CREATE TABLE`, whose physical clauses have been taken out.
pub(crate) fn create_table(table: ast::CreateTable, storage: Storage, database: &str) -> Result<Command, SqlError> {
    if table.or_replace || table.external || table.clone.is_some() || table.inherits.is_some() {
        return Err(SqlError::unsupported(
            "CREATE TABLE with OR REPLACE, EXTERNAL, CLONE or INHERITS",
        ));
    }
    let relation = Relation::new(&table.name, database)?;
    let temporary = table.temporary || relation.name.starts_with('#');
    if temporary && relation.schema.is_some() {
        return Err(SqlError::redshift(
            "cannot create temporary relation in non-temporary schema",
        ));
    }
    let if_not_exists = table.if_not_exists;
    if let Some(mut query) = table.query {
        rewrite::query(&mut query, database)?;
        columns::name_columns(&mut query);
        return Ok(Command::CreateTableAs(CreateTableAs {
            relation,
            temporary,
            if_not_exists,
            columns: table.columns.into_iter().map(|column| column.name.value).collect(),
            query: query.to_string(),
            storage: storage.table,
        }));
    }
    if let Some(CreateTableLikeKind::Plain(like) | CreateTableLikeKind::Parenthesized(like)) = table.like {
        return Ok(Command::CreateTableLike(CreateTableLike {
            relation,
            temporary,
            if_not_exists,
            source: Relation::new(&like.name, database)?,
            including_defaults: matches!(like.defaults, Some(CreateTableLikeDefaults::Including)),
        }));
    }
    for constraint in &table.constraints {
        check_constraint(constraint)?;
    }
    let columns = table
        .columns
        .into_iter()
        .map(|column| self::column(column, &storage, database));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    if columns.is_empty() {
        return Err(SqlError::Syntax(format!("table {} has no columns", relation.sql())));
    }
    Ok(Command::CreateTable(CreateTable {
        relation,
        temporary,
        if_not_exists,
        columns,
        storage: storage.table,
    }))
}

/// Keys are informational; anything else does not exist in Redshift.
fn check_constraint(constraint: &TableConstraint) -> Result<(), SqlError> {
    match constraint {
        TableConstraint::PrimaryKey(_) | TableConstraint::Unique(_) | TableConstraint::ForeignKey(_) => Ok(()),
        other => Err(SqlError::unsupported(format!("the constraint {other}"))),
    }
}

fn column(column: ColumnDef, storage: &Storage, database: &str) -> Result<Column, SqlError> {
    let name = column.name.value;
    let identity = storage
        .identities
        .iter()
        .find(|(of, _)| *of == name)
        .map(|(_, identity)| identity.clone());
    let encoding = storage
        .encodings
        .iter()
        .find(|(of, _)| *of == name)
        .map(|(_, encoding)| encoding.clone());
    let data_type = RedshiftType::from_ast(&column.data_type, DEFAULT_VARCHAR_BYTES)?;
    let mut read = Column {
        name,
        data_type,
        not_null: identity.is_some(),
        default: None,
        identity,
        encoding,
    };
    for option in column.options {
        match option.option {
            ColumnOption::Null => read.not_null = false,
            ColumnOption::NotNull => read.not_null = true,
            ColumnOption::Default(mut default) => {
                rewrite::expression(&mut default, database)?;
                read.default = Some(default.to_string());
            }
            // A primary key is informational, but its columns are NOT NULL.
            ColumnOption::PrimaryKey(_) => read.not_null = true,
            ColumnOption::Unique(_) | ColumnOption::ForeignKey(_) => {}
            other => return Err(SqlError::unsupported(format!("the column option {other}"))),
        }
    }
    if read.identity.is_some() && !matches!(read.data_type, RedshiftType::Integer | RedshiftType::BigInt) {
        return Err(SqlError::redshift(format!(
            "IDENTITY column \"{}\" must be INTEGER or BIGINT",
            read.name
        )));
    }
    Ok(read)
}

/// Reads an `ALTER TABLE`.
pub(crate) fn alter_table(table: AlterTable, storage: &Storage, database: &str) -> Result<Command, SqlError> {
    let relation = Relation::new(&table.name, database)?;
    let mut operations = table.operations.into_iter();
    let (Some(operation), None) = (operations.next(), operations.next()) else {
        return Err(SqlError::Syntax("ALTER TABLE takes one change at a time".to_owned()));
    };
    let name = relation.sql();
    Ok(match operation {
        AlterTableOperation::RenameTable {
            table_name: RenameTableNameKind::To(new) | RenameTableNameKind::As(new),
        } => {
            let new = Relation::new(&new, database)?;
            if new.schema.is_some() {
                return Err(SqlError::Syntax("RENAME TO takes a name without a schema".to_owned()));
            }
            Command::Rename {
                relation,
                new_name: new.name,
            }
        }
        AlterTableOperation::AddColumn {
            column_def,
            if_not_exists: false,
            ..
        } => Command::AddColumn {
            relation,
            column: column(column_def, storage, database)?,
        },
        AlterTableOperation::DropColumn {
            column_names,
            if_exists: false,
            ..
        } => match column_names.as_slice() {
            [column] => Command::Definition(format!("ALTER TABLE {name} DROP COLUMN {}", quoted(&column.value))),
            _ => return Err(SqlError::Syntax("DROP COLUMN takes one column".to_owned())),
        },
        AlterTableOperation::RenameColumn {
            old_column_name,
            new_column_name,
        } => Command::Definition(format!(
            "ALTER TABLE {name} RENAME COLUMN {} TO {}",
            quoted(&old_column_name.value),
            quoted(&new_column_name.value)
        )),
        AlterTableOperation::AlterColumn {
            column_name,
            op: AlterColumnOperation::SetDataType {
                data_type, using: None, ..
            },
        } => {
            let data_type = RedshiftType::from_ast(&data_type, DEFAULT_VARCHAR_BYTES)?;
            if !matches!(data_type, RedshiftType::Varchar(_)) {
                return Err(SqlError::redshift(
                    "ALTER COLUMN TYPE changes only the size of VARCHAR columns",
                ));
            }
            Command::ResizeColumn {
                relation,
                column: column_name.value,
                data_type,
            }
        }
        // Keys and owners change no result.
        AlterTableOperation::AddConstraint { constraint, .. } => {
            check_constraint(&constraint)?;
            Command::Accepted
        }
        AlterTableOperation::OwnerTo { .. }
        | AlterTableOperation::DropConstraint { .. }
        | AlterTableOperation::AlterSortKey { .. } => Command::Accepted,
        other => return Err(SqlError::unsupported(format!("ALTER TABLE … {other}"))),
    })
}

/// The DuckDB statements of a `DROP`, one for each name.
pub(crate) fn drop(statement: &Statement, database: &str) -> Result<Command, SqlError> {
    let Statement::Drop {
        object_type,
        if_exists,
        names,
        cascade,
        ..
    } = statement
    else {
        return Err(SqlError::Syntax("expected DROP".to_owned()));
    };
    if !matches!(
        object_type,
        ast::ObjectType::Table | ast::ObjectType::View | ast::ObjectType::Schema
    ) {
        return Err(SqlError::unsupported(format!("DROP {object_type}")));
    }
    let exists = if *if_exists { "IF EXISTS " } else { "" };
    let cascade = if *cascade { " CASCADE" } else { "" };
    let statements = names.iter().map(|name| {
        let name = Relation::new(name, database)?.sql();
        Ok(format!("DROP {object_type} {exists}{name}{cascade}"))
    });
    Ok(Command::Definitions(statements.collect::<Result<_, SqlError>>()?))
}
