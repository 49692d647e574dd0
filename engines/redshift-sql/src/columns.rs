//! The names of columns without an alias, which are Redshift's and not the engine's.

use sqlparser::ast::{Expr, Ident, ObjectNamePart, Query, SelectItem, SetExpr};

use crate::functions;
use crate::types::{MAX_VARCHAR_BYTES, RedshiftType};

/// Gives the unnamed columns of the outermost query the name that Redshift gives them.
pub(crate) fn name_columns(query: &mut Query) {
    let mut body = query.body.as_mut();
    loop {
        match body {
            SetExpr::Select(select) => {
                for item in &mut select.projection {
                    if let SelectItem::UnnamedExpr(expr) = item
                        && !matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
                        // A function is one that the rewrite has put there: the others have their names by now.
                        && (matches!(expr, Expr::Function(_)) || default_name(expr).is_none())
                    {
                        *item = SelectItem::ExprWithAlias {
                            expr: expr.clone(),
                            alias: Ident::with_quote('"', "?column?"),
                        };
                    }
                }
                return;
            }
            SetExpr::Query(inner) => body = inner.body.as_mut(),
            SetExpr::SetOperation { left, .. } => body = left.as_mut(),
            _ => return,
        }
    }
}

/// The name Redshift gives a column without an alias; `None` where DuckDB gives the same or it is `?column?`.
pub(crate) fn default_name(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Function(function) => match function.name.0.last() {
            Some(ObjectNamePart::Identifier(ident)) => Some(function_column(&ident.value)),
            _ => None,
        },
        Expr::Identifier(ident) if ident.quote_style.is_none() && ident.value == "sysdate" => {
            Some("timestamp".to_owned())
        }
        Expr::Identifier(ident) if ident.quote_style.is_none() && functions::is_user(&ident.value) => {
            Some("current_user".to_owned())
        }
        Expr::Cast { expr, data_type, .. }
        | Expr::Convert {
            expr,
            data_type: Some(data_type),
            ..
        } => match expr.as_ref() {
            Expr::Identifier(ident) => Some(ident.value.clone()),
            Expr::CompoundIdentifier(parts) => parts.last().map(|ident| ident.value.clone()),
            inner => default_name(inner).or_else(|| {
                let data_type = RedshiftType::from_ast(data_type, MAX_VARCHAR_BYTES).ok()?;
                Some(data_type.data_api_name().to_owned())
            }),
        },
        Expr::Nested(inner) => default_name(inner),
        Expr::Case { else_result, .. } => Some(
            else_result
                .as_deref()
                .and_then(column_name)
                .unwrap_or_else(|| "case".to_owned()),
        ),
        Expr::Extract { .. } => Some("date_part".to_owned()),
        Expr::Substring { .. } => Some("substring".to_owned()),
        Expr::Trim { .. } => Some("btrim".to_owned()),
        Expr::Position { .. } => Some("position".to_owned()),
        Expr::Exists { .. } => Some("exists".to_owned()),
        Expr::Floor { .. } => Some("floor".to_owned()),
        Expr::Ceil { .. } => Some("ceil".to_owned()),
        _ => None,
    }
}

/// The name of the column of a function call: some functions are others by another name.
fn function_column(name: &str) -> String {
    let column = match name {
        "current_date" => "date",
        "dateadd" => "date_add",
        "datediff" => "date_diff",
        "date_part" | "datepart" => "pgdate_part",
        "decode" => "case",
        "getdate" => "timestamp",
        "isnull" | "nvl" => "coalesce",
        "log" => "dlog10",
        "trim" => "btrim",
        _ => name,
    };
    column.to_owned()
}

fn column_name(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(ident) => Some(ident.value.clone()),
        Expr::CompoundIdentifier(parts) => parts.last().map(|ident| ident.value.clone()),
        _ => None,
    }
}
