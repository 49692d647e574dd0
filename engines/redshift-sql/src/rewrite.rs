//! The rewrite of queries and expressions: a walk over the AST that leaves DuckDB's dialect behind.
//!
//! Input: a parsed statement. Output: the same statement, changed in place so that it prints as DuckDB SQL with Redshift's
//! meaning. Fails on the first construct that has no counterpart, naming it.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, CastKind, DataType, DateTimeField, Distinct, Expr, Ident, LimitClause, ObjectName,
    PivotValueSource, Query, Select, SelectFlavor, SelectItem, SetExpr, Statement, TableFactor, TopQuantity,
    UnaryOperator, Value, VisitMut, VisitorMut,
};

use crate::arithmetic::placeholder::Kind;
use crate::build::{call, cast, number, string, string_literal};
use crate::catalog_functions;
use crate::columns;
use crate::dates;
use crate::error::SqlError;
use crate::exact;
use crate::functions;
use crate::names;
use crate::operands;
use crate::scopes::Scopes;
use crate::types::{MAX_VARCHAR_BYTES, RedshiftType};
use crate::unnest;

/// Rewrites a statement in place.
pub(crate) fn statement(statement: &mut Statement, database: &str) -> Result<(), SqlError> {
    rewrite(statement, database)
}

/// Rewrites a query in place.
pub(crate) fn query(query: &mut Query, database: &str) -> Result<(), SqlError> {
    rewrite(query, database)
}

/// Rewrites an expression in place.
pub(crate) fn expression(expr: &mut Expr, database: &str) -> Result<(), SqlError> {
    rewrite(expr, database)
}

fn rewrite(tree: &mut impl VisitMut, database: &str) -> Result<(), SqlError> {
    match tree.visit(&mut Rewriter::new(database)) {
        ControlFlow::Continue(()) => {
            exact::texts(tree);
            Ok(())
        }
        ControlFlow::Break(error) => Err(error),
    }
}

struct Rewriter<'a> {
    database: &'a str,
    scopes: Scopes,
}

impl<'a> Rewriter<'a> {
    fn new(database: &'a str) -> Self {
        Self {
            database,
            scopes: Scopes::default(),
        }
    }

    /// Puts a placeholder in the place of a division or an average.
    fn mark(&self, expr: &mut Expr) {
        let scope = self.scopes.current();
        match expr {
            Expr::BinaryOp {
                left,
                op: BinaryOperator::Divide,
                right,
            } => *expr = call(&Kind::Division.placeholder(scope), vec![take(left), take(right)]),
            Expr::Function(function) if function.name.to_string().eq_ignore_ascii_case("avg") => {
                let operands = functions::average_operands(function);
                *expr = call(&Kind::Average.placeholder(scope), operands);
            }
            _ => {}
        }
    }
}

impl VisitorMut for Rewriter<'_> {
    type Break = SqlError;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<SqlError> {
        self.scopes.open_query(query);
        flow(limit_from_top(query))
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<SqlError> {
        self.scopes.close();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<SqlError> {
        self.scopes.open_select();
        flow(check_select(select))?;
        unnest::put_aside(select);
        // The names come from Redshift's spelling of the expressions, so this goes before they are rewritten.
        for item in &mut select.projection {
            if let SelectItem::UnnamedExpr(expr) = item
                && let Some(name) = columns::default_name(expr)
            {
                *item = SelectItem::ExprWithAlias {
                    expr: expr.clone(),
                    alias: Ident::with_quote('"', name),
                };
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<SqlError> {
        self.scopes.close();
        flow(unnest::replace(select))
    }

    fn pre_visit_relation(&mut self, relation: &mut ObjectName) -> ControlFlow<SqlError> {
        flow(names::relation(relation, self.database))
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<SqlError> {
        catalog_functions::table(factor);
        flow(check_table_factor(factor))
    }

    fn pre_visit_ident(&mut self, ident: &mut Ident) -> ControlFlow<SqlError> {
        names::quote_if_reserved(ident);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<SqlError> {
        if let Expr::CompoundIdentifier(parts) = expr {
            names::column(parts);
        }
        flow(rewrite_expression(expr))?;
        self.mark(expr);
        ControlFlow::Continue(())
    }
}

fn flow(result: Result<(), SqlError>) -> ControlFlow<SqlError> {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
    }
}

/// `SELECT TOP n` is `LIMIT n`.
fn limit_from_top(query: &mut Query) -> Result<(), SqlError> {
    let SetExpr::Select(select) = query.body.as_mut() else {
        return Ok(());
    };
    let Some(top) = select.top.take() else { return Ok(()) };
    if top.percent || top.with_ties {
        return Err(SqlError::unsupported("TOP with PERCENT or TIES"));
    }
    let limit = match top.quantity {
        Some(TopQuantity::Constant(rows)) => number(rows),
        Some(TopQuantity::Expr(expr)) => expr,
        None => return Err(SqlError::Syntax("TOP needs a number".to_owned())),
    };
    if query.limit_clause.is_some() {
        return Err(SqlError::Syntax("TOP and LIMIT exclude each other".to_owned()));
    }
    query.limit_clause = Some(LimitClause::LimitOffset {
        limit: Some(limit),
        offset: None,
        limit_by: Vec::new(),
    });
    Ok(())
}

fn check_select(select: &Select) -> Result<(), SqlError> {
    let unsupported = [
        (select.into.is_some(), "SELECT … INTO here"),
        (!select.connect_by.is_empty(), "CONNECT BY"),
        (!select.lateral_views.is_empty(), "LATERAL VIEW"),
        (matches!(select.distinct, Some(Distinct::On(_))), "SELECT DISTINCT ON"),
        (select.prewhere.is_some(), "PREWHERE"),
        (!select.cluster_by.is_empty(), "CLUSTER BY"),
        (!select.distribute_by.is_empty(), "DISTRIBUTE BY"),
        (!select.sort_by.is_empty(), "SORT BY"),
        (select.value_table_mode.is_some(), "SELECT AS VALUE"),
        (
            !matches!(select.flavor, SelectFlavor::Standard),
            "a query that begins with FROM",
        ),
    ];
    match unsupported.iter().find(|(found, _)| *found) {
        Some((_, construct)) => Err(SqlError::unsupported(*construct)),
        None => Ok(()),
    }
}

fn check_table_factor(factor: &TableFactor) -> Result<(), SqlError> {
    let construct = match factor {
        TableFactor::Table {
            args: None,
            version: None,
            json_path: None,
            sample: None,
            ..
        }
        | TableFactor::NestedJoin { .. } => return Ok(()),
        TableFactor::Derived {
            subquery, sample: None, ..
        } => match subquery.body.as_ref() {
            SetExpr::Values(_) => "VALUES as a table",
            _ => return Ok(()),
        },
        TableFactor::Table {
            name, args: Some(_), ..
        } => {
            return Err(SqlError::unsupported(format!("the table function {name}")));
        }
        TableFactor::Table { json_path: Some(_), .. } => "unnesting of a SUPER path in FROM",
        TableFactor::Table { .. } | TableFactor::Derived { .. } => "TABLESAMPLE or a table version",
        TableFactor::Pivot {
            aggregate_functions,
            value_source,
            default_on_null: None,
            ..
        } => {
            let averages = aggregate_functions
                .iter()
                .any(|aggregate| aggregate.expr.to_string().to_lowercase().starts_with("avg"));
            match value_source {
                _ if averages => "AVG in PIVOT",
                PivotValueSource::List(values) if !values.iter().any(|value| is_null(&value.expr)) => return Ok(()),
                PivotValueSource::List(_) => "NULL in the list of PIVOT",
                _ => "PIVOT without a list of values",
            }
        }
        TableFactor::Unpivot { .. } => return Ok(()),
        TableFactor::Pivot { .. } => "PIVOT with DEFAULT ON NULL",
        TableFactor::UnpivotExpr { .. } => "UNPIVOT of a SUPER object",
        _ => "this kind of table in FROM",
    };
    Err(SqlError::unsupported(construct))
}

fn is_null(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if value.value == Value::Null)
}

fn rewrite_expression(expr: &mut Expr) -> Result<(), SqlError> {
    let replacement = match expr {
        Expr::Function(function) => functions::rewrite(function)?,
        Expr::Identifier(ident) if ident.quote_style.is_none() && ident.value == "sysdate" => {
            Some(call("sysdate", Vec::new()))
        }
        Expr::Identifier(ident) if ident.quote_style.is_none() && functions::is_user(&ident.value) => {
            Some(string(functions::USER))
        }
        Expr::Cast {
            expr: inner,
            data_type: DataType::Regclass,
            ..
        } => Some(call("rs_class_number", vec![take(inner)])),
        Expr::Cast {
            kind,
            expr: inner,
            data_type,
            format: None,
        } => {
            if !matches!(kind, CastKind::Cast | CastKind::DoubleColon) {
                return Err(SqlError::unsupported("TRY_CAST"));
            }
            let target = RedshiftType::from_ast(data_type, MAX_VARCHAR_BYTES)?;
            Some(cast_to(typed_literal(take(inner), target), target))
        }
        Expr::Convert {
            expr: inner,
            data_type: Some(data_type),
            target_before_value: true,
            ..
        } => {
            let target = RedshiftType::from_ast(data_type, MAX_VARCHAR_BYTES)?;
            Some(cast_to(take(inner), target))
        }
        Expr::TypedString(typed) => {
            let target = RedshiftType::from_ast(&typed.data_type, MAX_VARCHAR_BYTES)?;
            let value = typed_literal(Expr::Value(typed.value.clone()), target);
            Some(cast(value, target.duckdb_ast()))
        }
        Expr::BinaryOp { left, op, right } => binary_operation(left, op, right)?,
        Expr::Interval(interval) => {
            // Redshift takes commas between the parts.
            if let Some(text) = string_literal(&interval.value) {
                *interval.value = string(text.replace(',', " "));
            }
            None
        }
        Expr::Extract { field, expr: inner, .. } => {
            let part = dates::date_part(&extract_field(field))?;
            let value = functions::part_value(part, take(inner));
            let result = if part == "epoch" {
                RedshiftType::BigInt
            } else {
                RedshiftType::Integer
            };
            Some(cast(value, result.duckdb_ast()))
        }
        Expr::Substring {
            expr: inner,
            substring_from,
            substring_for,
            ..
        } => {
            let mut args = vec![take(inner)];
            args.push(substring_from.as_deref_mut().map_or_else(|| number(1), take));
            args.extend(substring_for.as_deref_mut().map(take));
            Some(call("rs_substring", args))
        }
        Expr::InList { expr: inner, list, .. } => {
            list.iter_mut().for_each(|item| operands::compare_as_text(item, inner));
            None
        }
        Expr::Case {
            operand: Some(operand),
            conditions,
            ..
        } => {
            for when in conditions {
                operands::compare_as_text(&mut when.condition, operand);
            }
            None
        }
        Expr::Like {
            expr: inner,
            pattern,
            escape_char,
            ..
        }
        | Expr::ILike {
            expr: inner,
            pattern,
            escape_char,
            ..
        } => {
            operands::make_text(inner);
            // The backslash is Redshift's default; DuckDB has none.
            if escape_char.is_none() && string_literal(pattern).is_none_or(|text| text.contains('\\')) {
                *escape_char = Some(Box::new(string("\\")));
            }
            None
        }
        Expr::SimilarTo {
            negated,
            expr: inner,
            pattern,
            escape_char: None,
        } => {
            let Some(text) = string_literal(pattern) else {
                return Err(SqlError::unsupported("SIMILAR TO with a pattern that is not a literal"));
            };
            Some(matches_pattern(take(inner), string(similar_to(text)), *negated))
        }
        Expr::SimilarTo { .. } => return Err(SqlError::unsupported("SIMILAR TO with ESCAPE")),
        Expr::IsDistinctFrom(..) | Expr::IsNotDistinctFrom(..) => {
            return Err(SqlError::redshift("syntax error at or near \"distinct\""));
        }
        // `array[…]` passes: clients compare columns of the catalog with it. A result cannot have one.
        Expr::Map(_)
        | Expr::Dictionary(_)
        | Expr::Struct { .. }
        | Expr::Lambda(_)
        | Expr::MatchAgainst { .. }
        | Expr::InUnnest { .. }
        | Expr::RLike { .. }
        | Expr::Prior(_)
        | Expr::Collate { .. } => return Err(SqlError::unsupported(format!("the expression {expr}"))),
        _ => None,
    };
    if let Some(replacement) = replacement {
        *expr = replacement;
    }
    Ok(())
}

/// A literal of a type, in a spelling that DuckDB reads.
fn typed_literal(expr: Expr, target: RedshiftType) -> Expr {
    match (string_literal(&expr), target) {
        (Some(text), RedshiftType::Date | RedshiftType::Timestamp | RedshiftType::TimestampTz) => {
            string(dates::iso(text))
        }
        (Some(text), RedshiftType::Interval) => string(text.replace(',', " ")),
        _ => expr,
    }
}

/// Takes a node out of the tree, which is about to be replaced.
fn take(expr: &mut Expr) -> Expr {
    std::mem::replace(expr, Expr::Value(Value::Null.into()))
}

fn cast_to(inner: Expr, target: RedshiftType) -> Expr {
    let to_number = match target {
        RedshiftType::SmallInt | RedshiftType::Integer | RedshiftType::BigInt => {
            Some(("rs_text_to_integer", "rs_to_integer"))
        }
        RedshiftType::Decimal { .. } => Some(("rs_text_to_decimal", "rs_to_decimal")),
        RedshiftType::Real | RedshiftType::Double => Some(("rs_text_to_double", "rs_to_double")),
        _ => None,
    };
    match (target.byte_limit(), to_number) {
        (Some(limit), _) if limit < MAX_VARCHAR_BYTES && operands::is_text(&inner) => {
            call("rs_cut", vec![inner, number(limit)])
        }
        (Some(limit), _) if limit < MAX_VARCHAR_BYTES => call("rs_varchar", vec![inner, number(limit)]),
        (Some(_), _) if string_literal(&inner).is_none() => call("rs_to_varchar", vec![inner]),
        (_, Some((of_text, of_any))) if operands::may_be_text(&inner) => {
            let prototype = cast(Expr::Value(Value::Null.into()), target.duckdb_ast());
            let to_number = if operands::is_text(&inner) { of_text } else { of_any };
            call(to_number, vec![inner, prototype])
        }
        _ => cast(inner, target.duckdb_ast()),
    }
}

fn binary_operation(left: &mut Expr, op: &mut BinaryOperator, right: &mut Expr) -> Result<Option<Expr>, SqlError> {
    if matches!(
        op,
        BinaryOperator::Plus
            | BinaryOperator::Minus
            | BinaryOperator::Multiply
            | BinaryOperator::Divide
            | BinaryOperator::Modulo
    ) {
        // A plain string takes the type of the other operand.
        match (string_literal(left).is_some(), string_literal(right).is_some()) {
            (true, false) => *left = call("cast_to_type", vec![take(left), right.clone()]),
            (false, true) => *right = call("cast_to_type", vec![take(right), left.clone()]),
            _ => {}
        }
    }
    if matches!(op, BinaryOperator::Eq | BinaryOperator::NotEq) {
        operands::compare_as_text(left, right);
        operands::compare_as_text(right, left);
    }
    if matches!(op, BinaryOperator::StringConcat) {
        operands::make_text(left);
        operands::make_text(right);
    }
    Ok(match op {
        BinaryOperator::Modulo => Some(call("rs_mod", vec![take(left), take(right)])),
        BinaryOperator::PGExp => Some(call("power", vec![take(left), take(right)])),
        // DuckDB's ~ wants the whole string to match, Redshift's is content with a part of it.
        BinaryOperator::PGRegexMatch => Some(matches_pattern(take(left), take(right), false)),
        BinaryOperator::PGRegexNotMatch => Some(matches_pattern(take(left), take(right), true)),
        BinaryOperator::PGRegexIMatch | BinaryOperator::PGRegexNotIMatch => {
            return Err(SqlError::redshift(format!("operator {op} does not exist")));
        }
        BinaryOperator::DuckIntegerDivide | BinaryOperator::Arrow | BinaryOperator::LongArrow => {
            return Err(SqlError::redshift(format!("operator {op} does not exist")));
        }
        _ => None,
    })
}

fn matches_pattern(value: Expr, pattern: Expr, negated: bool) -> Expr {
    let matches = call("regexp_matches", vec![value, pattern]);
    if negated {
        Expr::UnaryOp {
            op: UnaryOperator::Not,
            expr: Box::new(matches),
        }
    } else {
        matches
    }
}

/// SQL's pattern as an anchored regular expression: `%` and `_` are wildcards, `|*+?(){}[]` mean what they mean there.
fn similar_to(pattern: &str) -> String {
    let mut regex = String::from("^(?s:");
    let mut symbols = pattern.chars();
    while let Some(symbol) = symbols.next() {
        match symbol {
            '%' => regex.push_str(".*"),
            '_' => regex.push('.'),
            '.' | '^' | '$' => {
                regex.push('\\');
                regex.push(symbol);
            }
            '\\' => {
                regex.push('\\');
                regex.extend(symbols.next());
            }
            other => regex.push(other),
        }
    }
    regex.push_str(")$");
    regex
}

fn extract_field(field: &DateTimeField) -> String {
    match field {
        DateTimeField::Custom(ident) => ident.value.trim_matches('\'').to_owned(),
        other => other.to_string().to_lowercase(),
    }
}
