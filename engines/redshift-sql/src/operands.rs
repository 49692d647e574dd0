//! What an operand may be, as far as its expression tells: its type is known to the database alone.

use sqlparser::ast::{
    BinaryOperator, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Value,
};

use crate::build::{call, string_literal};

/// Functions of DuckDB and of the prelude that give numbers.
const NUMERIC: &[&str] = &[
    "abs",
    "ceil",
    "ceiling",
    "count",
    "date_part",
    "datediff",
    "dense_rank",
    "exp",
    "floor",
    "length",
    "ln",
    "log10",
    "ntile",
    "power",
    "random",
    "rank",
    "round",
    "row_number",
    "rs_div",
    "rs_mod",
    "rs_strpos",
    "rs_text_to_decimal",
    "rs_text_to_double",
    "rs_text_to_integer",
    "rs_to_decimal",
    "rs_to_double",
    "rs_to_integer",
    "rs_trunc",
    "sqrt",
    "strlen",
    "sum",
];
/// Functions of DuckDB and of the prelude that give text.
const TEXT: &[&str] = &[
    "concat",
    "initcap",
    "json_serialize",
    "lower",
    "ltrim",
    "md5",
    "regexp_replace",
    "replace",
    "reverse",
    "rs_cut",
    "rs_lpad",
    "rs_regexp_substr",
    "rs_repeat",
    "rs_rpad",
    "rs_split_part",
    "rs_substring",
    "rs_text",
    "rs_to_varchar",
    "rs_varchar",
    "rtrim",
    "sha1",
    "sha256",
    "strftime",
    "string_agg",
    "translate",
    "trim",
    "upper",
];

/// Functions that give what their arguments are.
const AS_OPERANDS: &[&str] = &["coalesce", "greatest", "least", "nullif"];

/// Whether a rewritten expression may be text: not a number, an arithmetic operation or a cast to something else.
pub(crate) fn may_be_text(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => matches!(
            value.value,
            Value::SingleQuotedString(_) | Value::EscapedStringLiteral(_) | Value::Placeholder(_)
        ),
        Expr::Nested(inner) => may_be_text(inner),
        Expr::BinaryOp { op, .. } => matches!(
            op,
            BinaryOperator::StringConcat | BinaryOperator::Arrow | BinaryOperator::LongArrow
        ),
        Expr::UnaryOp { .. } | Expr::Extract { .. } => false,
        // Only a cast to VARCHAR is a call of the prelude.
        Expr::Cast { data_type, .. } => is_varchar(data_type),
        Expr::Function(function) => {
            let name = function.name.to_string();
            // A pending division or average.
            !name.starts_with('"') && !NUMERIC.contains(&name.as_str())
        }
        _ => true,
    }
}

/// Makes text of an operand that may be something else: a number, a date, or a SUPER value, whose quotation marks are no part
/// of the text.
pub(crate) fn make_text(expr: &mut Expr) {
    if !is_text(expr) {
        let inner = std::mem::replace(expr, Expr::Value(Value::Null.into()));
        *expr = call("rs_text", vec![inner]);
    }
}

/// Makes a string literal that is compared with a part of a SUPER value a string, not JSON.
pub(crate) fn compare_as_text(literal: &mut Expr, other: &Expr) {
    if string_literal(literal).is_some() && may_navigate(other) {
        let text = std::mem::replace(literal, Expr::Value(Value::Null.into()));
        *literal = call("rs_literal_like", vec![text, other.clone()]);
    }
}

/// Whether an expression may be a path into a SUPER value; `a.b` and `a.b.c` may be columns of a table too.
fn may_navigate(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::CompoundFieldAccess { .. } | Expr::JsonAccess { .. } | Expr::CompoundIdentifier(_)
    )
}

/// Whether an expression is text for certain, or NULL.
pub(crate) fn is_text(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => value.value == Value::Null || string_literal(expr).is_some(),
        Expr::Nested(inner) => is_text(inner),
        Expr::BinaryOp { op, .. } => *op == BinaryOperator::StringConcat,
        Expr::Trim { .. } => true,
        Expr::Cast { data_type, .. } => is_varchar(data_type),
        Expr::Function(function) => {
            let name = function.name.to_string();
            TEXT.contains(&name.as_str()) || (AS_OPERANDS.contains(&name.as_str()) && arguments(function).all(is_text))
        }
        _ => false,
    }
}

/// The positional arguments of a call; none if there are others.
fn arguments(function: &Function) -> impl Iterator<Item = &Expr> {
    let list = match &function.args {
        FunctionArguments::List(list) => list.args.as_slice(),
        FunctionArguments::None | FunctionArguments::Subquery(_) => &[],
    };
    list.iter().filter_map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    })
}

fn is_varchar(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Custom(name, _) if name.to_string() == "VARCHAR")
}
