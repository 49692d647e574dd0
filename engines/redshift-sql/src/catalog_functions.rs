//! The functions by which clients ask PostgreSQL's catalog.

use sqlparser::ast::{DataType, Expr, Ident, ObjectName, TableFactor, Value};

use crate::build::{call, cast, string};
use crate::error::SqlError;
use crate::names::last_part;
use crate::types::RedshiftType;

/// The one function that stands for a table, with the names and types of its columns in the alias: a view of this server does, too.
pub(crate) fn table(factor: &mut TableFactor) {
    if let TableFactor::Table { name, alias, args, .. } = factor
        && args.as_ref().is_some_and(|args| args.args.is_empty())
        && last_part(name) == "pg_get_late_binding_view_cols"
    {
        *name = ObjectName::from(
            ["main", "rs_late_binding_view_cols"]
                .map(|part| Ident::with_quote('"', part))
                .to_vec(),
        );
        *args = None;
        for column in alias.iter_mut().flat_map(|alias| &mut alias.columns) {
            column.data_type = None;
        }
    }
}

/// The replacement of a call of such a function with its arguments; `None` for any other. `user` is that of every connection.
pub(crate) fn rewrite(name: &str, arguments: Vec<Expr>, user: &str) -> Result<Option<Expr>, SqlError> {
    let no_text = || cast(Expr::Value(Value::Null.into()), DataType::Varchar(None));
    let mut given = Some(arguments).filter(|arguments| !arguments.is_empty());
    let mut arguments = || {
        given
            .take()
            .ok_or_else(|| SqlError::redshift(format!("function {name}() does not exist")))
    };
    Ok(Some(match name {
        "format_type" => call("rs_format_type", arguments()?),
        "pg_get_viewdef" => call("rs_view_definition", arguments()?.into_iter().take(1).collect()),
        // Defaults are kept as texts.
        "pg_get_expr" => arguments()?.swap_remove(0),
        "format_encoding" => string("none"),
        "pg_encoding_to_char" => string("UNICODE"),
        // How much a table takes is not measured.
        "pg_relation_size" | "pg_table_size" | "pg_total_relation_size" => {
            cast(Expr::Value(Value::Null.into()), RedshiftType::BigInt.duckdb_ast())
        }
        "pg_size_pretty" => cast(arguments()?.swap_remove(0), DataType::Varchar(None)),
        "pg_get_userbyid" => string(user),
        "array_to_string" => call(name, arguments()?),
        // No object has a comment, and no table a constraint that the catalog knows.
        "col_description" | "obj_description" | "pg_get_constraintdef" => no_text(),
        "pg_table_is_visible" | "pg_type_is_visible" => Expr::Value(Value::Boolean(true).into()),
        // A number of its own for each connection.
        "pg_backend_pid" => cast(
            call("current_connection_id", Vec::new()),
            RedshiftType::Integer.duckdb_ast(),
        ),
        _ => return Ok(None),
    }))
}
