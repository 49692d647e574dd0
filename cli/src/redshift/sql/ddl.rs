//! Table definitions: CREATE TABLE, CREATE TABLE AS, LIKE, ALTER TABLE.
//!
//! A column's Redshift type, encoding and the table's distribution live in DuckDB comments as JSON: they are part of the
//! transaction, follow renames and go away with the table. Keys are informational in Redshift and are dropped; NOT NULL
//! and the length of strings (in bytes) are enforced.

use serde::{Deserialize, Serialize};
use sqlparser::ast::{
    self, AlterColumnOperation, AlterTable, AlterTableOperation, ColumnDef, ColumnOption, CreateTableLikeDefaults,
    CreateTableLikeKind, RenameTableNameKind, Statement, TableConstraint,
};

use super::Command;
use super::columns;
use super::error::SqlError;
use super::names::{Relation, literal, quoted};
use super::rewrite;
use super::storage::{Identity, Storage, TableStorage};
use super::types::{DEFAULT_VARCHAR_BYTES, RedshiftType};

/// A column of a table definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) data_type: RedshiftType,
    pub(crate) not_null: bool,
    /// The default as DuckDB SQL.
    pub(crate) default: Option<String>,
    pub(crate) identity: Option<Identity>,
    pub(crate) encoding: Option<String>,
}

/// A `CREATE TABLE` with columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CreateTable {
    pub(crate) relation: Relation,
    pub(crate) temporary: bool,
    pub(crate) if_not_exists: bool,
    pub(crate) columns: Vec<Column>,
    pub(crate) storage: TableStorage,
}

/// A `CREATE TABLE` from a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CreateTableAs {
    pub(crate) relation: Relation,
    pub(crate) temporary: bool,
    pub(crate) if_not_exists: bool,
    /// Names for the columns; those of the query when empty.
    pub(crate) columns: Vec<String>,
    pub(crate) query: String,
    pub(crate) storage: TableStorage,
}

/// A `CREATE TABLE (LIKE …)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CreateTableLike {
    pub(crate) relation: Relation,
    pub(crate) temporary: bool,
    pub(crate) if_not_exists: bool,
    pub(crate) source: Relation,
    pub(crate) including_defaults: bool,
}

/// What a column's comment says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ColumnComment {
    /// [`RedshiftType::definition`].
    #[serde(rename = "type")]
    pub(crate) definition: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) encode: Option<String>,
    /// An IDENTITY column that takes no values from an INSERT.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) identity_always: bool,
}

impl CreateTable {
    /// The DuckDB statements that make the table.
    pub(crate) fn statements(&self, sequence_prefix: &str) -> Result<Vec<String>, SqlError> {
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
    /// The statement that records what DuckDB does not know about the column.
    pub(crate) fn comment(&self, relation: &Relation) -> Result<String, SqlError> {
        let comment = ColumnComment {
            definition: self.data_type.definition(),
            encode: self.encoding.clone(),
            identity_always: self.identity.as_ref().is_some_and(|identity| !identity.by_default),
        };
        let name = format!("{}.{}", relation.sql(), quoted(&self.name));
        Ok(format!("COMMENT ON COLUMN {name} IS {}", literal(&json(&comment)?)))
    }
}

/// The statement that records how Redshift would store the table; none when there is nothing to say.
pub(crate) fn table_comment(relation: &Relation, storage: &TableStorage) -> Result<Option<String>, SqlError> {
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
