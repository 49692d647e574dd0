//! Function calls: Redshift's names, arguments and results, as DuckDB calls.
//!
//! A function that is neither renamed nor rewritten here must be in the list of [`crate::function_names`], so that a DuckDB function which
//! Redshift lacks is an error here as it is there.

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    ArrayElemTypeDef, BinaryOperator, CaseWhen, DataType, DuplicateTreatment, Expr, Function, FunctionArg,
    FunctionArgExpr, FunctionArgumentClause, FunctionArgumentList, FunctionArguments, OrderBySort, Value, WindowType,
};

use crate::build::{self, binary, cast, function, number, number_literal, string, string_literal};
use crate::catalog_functions;
use crate::dates;
use crate::error::SqlError;
use crate::function_names::{FRAMED, PASS_THROUGH, RENAMED, TEXT_ARGUMENT};
use crate::types::RedshiftType;
use crate::{number_format, operands, patterns};

/// The replacement of a function call, if it needs one.
///
/// The arguments have been rewritten already. Fails on a function that Redshift or this server does not have.
pub(crate) fn rewrite(call: &mut Function) -> Result<Option<Expr>, SqlError> {
    let name = call.name.to_string().to_lowercase();
    let name = name.strip_prefix("pg_catalog.").unwrap_or(&name);
    move_null_treatment(call);
    check_frame(name, call)?;
    if TEXT_ARGUMENT.contains(&name)
        && let Some(text) = first_argument(call)
    {
        operands::make_text(text);
    }
    if let Some((_, renamed)) = RENAMED.iter().find(|(redshift, _)| *redshift == name) {
        call.name = function(renamed, Vec::new()).name;
        return Ok(None);
    }
    if PASS_THROUGH.contains(&name) {
        return Ok(None);
    }
    let replacement = match name {
        // Not DuckDB's functions without parentheses: the alias that has their name would stand for itself.
        "current_date" => build::call("rs_current_date", Vec::new()),
        "current_timestamp" => build::call("now", Vec::new()),
        "current_database" | "current_schema" => build::call(name, Vec::new()),
        _ if is_user(name) => string(USER),
        "version" => string(VERSION),
        // Replaced when the type of its argument is known.
        "avg" => return Ok(None),
        "concat" => {
            let [mut left, mut right] = exact(name, call)?;
            operands::make_text(&mut left);
            operands::make_text(&mut right);
            binary(left, BinaryOperator::StringConcat, right)
        }
        "decode" => decode(call)?,
        "listagg" => return list_aggregate(call).map(Some),
        "percentile_cont" | "percentile_disc" => return percentile(name, call),
        "ratio_to_report" => ratio_to_report(call)?,
        "dateadd" | "date_add" => {
            let [part, amount, date] = exact(name, call)?;
            build::call(
                &format!("rs_dateadd_{}", part_of(&part)?),
                vec![amount, timestamp_literal(date)],
            )
        }
        "datediff" | "date_diff" => {
            let [part, from, to] = exact(name, call)?;
            let part = string(part_of(&part)?);
            build::call("datediff", vec![part, timestamp_literal(from), timestamp_literal(to)])
        }
        "date_part" | "datepart" | "pgdate_part" => {
            let [part, date] = exact(name, call)?;
            let part = part_value(part_of(&part)?, timestamp_literal(date));
            cast(part, RedshiftType::Double.duckdb_ast())
        }
        "date_trunc" => {
            let [part, date] = exact(name, call)?;
            date_trunc(part_of(&part)?, timestamp_literal(date))
        }
        "date_part_year" => {
            let [date] = exact(name, call)?;
            let year = build::call("date_part", vec![string("year"), timestamp_literal(date)]);
            cast(year, RedshiftType::Integer.duckdb_ast())
        }
        "add_months" | "convert_timezone" | "last_day" | "months_between" => {
            build::call(name, with_timestamps(name, arguments(call)?))
        }
        "repeat" | "replicate" => build::call("rs_repeat", arguments(call)?),
        "split_part" => build::call("rs_split_part", arguments(call)?),
        "next_day" => next_day(call)?,
        "to_char" => to_char(call)?,
        "to_date" | "to_timestamp" => {
            let (parse, [value, format]) = parser(name, call)?;
            let format = literal(&format, name, "format")?;
            let parsed = build::call(parse, vec![value, string(dates::parse_format(format)?)]);
            let result = if name == "to_date" {
                RedshiftType::Date
            } else {
                RedshiftType::TimestampTz
            };
            cast(parsed, result.duckdb_ast())
        }
        "lpad" | "rpad" => {
            let mut args = arguments(call)?;
            if args.len() == 2 {
                args.push(string(" "));
            }
            build::call(&format!("rs_{name}"), args)
        }
        "regexp_count" | "regexp_instr" | "regexp_replace" | "regexp_substr" => {
            patterns::rewrite(name, arguments(call)?)?
        }
        "array" => build::call("json_array", arguments(call)?),
        "object" => build::call("json_object", arguments(call)?),
        "has_schema_privilege" | "has_table_privilege" | "has_database_privilege" => {
            Expr::Value(Value::Boolean(true).into())
        }
        "timestamp_cmp" | "timestamp_cmp_date" | "date_cmp_timestamp" => build::call("date_cmp", arguments(call)?),
        "to_number" => to_number(call)?,
        "to_hex" => build::call("rs_to_hex", arguments(call)?),
        "sha2" => {
            let [value, bits] = exact(name, call)?;
            match number_literal(&bits) {
                Some("0" | "256") => build::call("sha256", vec![value]),
                _ => return Err(SqlError::unsupported("SHA2 with other than 256 bits")),
            }
        }
        "json_extract_path_text" => json_extract_path_text(call)?,
        "date" => {
            let [value] = exact(name, call)?;
            cast(value, RedshiftType::Date.duckdb_ast())
        }
        // Functions of this server itself, from views it has translated before.
        _ if name.starts_with("rs_") || matches!(name, "strptime" | "cast_to_type") => {
            return Err(SqlError::redshift(format!("function {name} does not exist")));
        }
        _ => {
            return match catalog_functions::rewrite(name, arguments(call)?, USER)? {
                None => Err(SqlError::unsupported(format!("function {name}"))),
                replacement => Ok(replacement),
            };
        }
    };
    Ok(Some(replacement))
}

/// The user of every connection.
pub(crate) const USER: &str = "cardlake";

/// Whether a name without parentheses is the user's.
pub(crate) fn is_user(name: &str) -> bool {
    matches!(name, "current_user" | "session_user" | "user")
}

/// In the form of Redshift's, which clients take apart. No release has this number.
const VERSION: &str = "PostgreSQL 8.0.2 on x86_64-pc-linux-gnu, Redshift 1.0.0 (cardlake, DuckDB)";
/// Redshift has no default frame.
fn check_frame(name: &str, call: &Function) -> Result<(), SqlError> {
    match &call.over {
        Some(WindowType::WindowSpec(window))
            if !window.order_by.is_empty() && window.window_frame.is_none() && FRAMED.contains(&name) =>
        {
            Err(SqlError::redshift(
                "Aggregate window functions with an ORDER BY clause require a frame clause",
            ))
        }
        _ => Ok(()),
    }
}

fn first_argument(call: &mut Function) -> Option<&mut Expr> {
    match &mut call.args {
        FunctionArguments::List(list) => match list.args.first_mut()? {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
            _ => None,
        },
        _ => None,
    }
}

/// DuckDB wants IGNORE NULLS inside the parentheses, Redshift takes it behind them too.
fn move_null_treatment(call: &mut Function) {
    if let FunctionArguments::List(list) = &mut call.args
        && let Some(treatment) = call.null_treatment.take()
    {
        list.clauses
            .push(FunctionArgumentClause::IgnoreOrRespectNulls(treatment));
    }
}

/// A part of a date as a number. Milliseconds and microseconds are those of the second, without the second itself.
pub(crate) fn part_value(part: &str, date: Expr) -> Expr {
    let value = build::call("date_part", vec![string(part), date]);
    match part {
        "millisecond" => binary(value, BinaryOperator::Modulo, number(1000)),
        "microsecond" => binary(value, BinaryOperator::Modulo, number(1_000_000)),
        _ => value,
    }
}

/// The start of a part of a date. Centuries and millennia begin with the year one, for DuckDB with the year nought.
fn date_trunc(part: &'static str, date: Expr) -> Expr {
    let trunc = |date| build::call("date_trunc", vec![string(part), date]);
    if !matches!(part, "century" | "millennium") {
        return trunc(date);
    }
    let year = || build::call("to_years", vec![number(1)]);
    binary(
        trunc(binary(date, BinaryOperator::Minus, year())),
        BinaryOperator::Plus,
        year(),
    )
}

/// The positional arguments of a call.
fn arguments(call: &Function) -> Result<Vec<Expr>, SqlError> {
    match &call.args {
        FunctionArguments::None => Ok(Vec::new()),
        FunctionArguments::List(list) => list
            .args
            .iter()
            .map(|arg| match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Ok(expr.clone()),
                other => Err(SqlError::Syntax(format!(
                    "unexpected argument {other} of function {}",
                    call.name
                ))),
            })
            .collect(),
        FunctionArguments::Subquery(_) => Err(SqlError::Syntax(format!(
            "unexpected subquery as the argument of function {}",
            call.name
        ))),
    }
}

fn exact<const N: usize>(name: &str, call: &Function) -> Result<[Expr; N], SqlError> {
    <[Expr; N]>::try_from(arguments(call)?)
        .map_err(|given| SqlError::redshift(format!("function {name} needs {N} arguments, got {}", given.len())))
}

fn literal<'a>(expr: &'a Expr, name: &str, what: &str) -> Result<&'a str, SqlError> {
    string_literal(expr)
        .ok_or_else(|| SqlError::unsupported(format!("{} with a {what} that is not a literal", name.to_uppercase())))
}

/// The date part in an argument: a bare word or a string.
fn part_of(expr: &Expr) -> Result<&'static str, SqlError> {
    match expr {
        Expr::Identifier(ident) => dates::date_part(&ident.value),
        other => match string_literal(other) {
            Some(part) => dates::date_part(part),
            None => Err(SqlError::Syntax(format!("{other} is not a date part"))),
        },
    }
}

/// Date functions read a plain string as a timestamp.
fn timestamp_literal(expr: Expr) -> Expr {
    match string_literal(&expr) {
        Some(text) => cast(string(dates::iso(text)), RedshiftType::Timestamp.duckdb_ast()),
        None => expr,
    }
}

/// The arguments of a date function, those that are dates read as timestamps.
fn with_timestamps(name: &str, args: Vec<Expr>) -> Vec<Expr> {
    let last = args.len().saturating_sub(1);
    let is_date = |index: usize| match name {
        "convert_timezone" => index == last,
        "months_between" => true,
        _ => index == 0,
    };
    let read = |(index, arg)| if is_date(index) { timestamp_literal(arg) } else { arg };
    args.into_iter().enumerate().map(read).collect()
}

/// What reads the value of TO_DATE and TO_TIMESTAMP, and the value and the format.
///
/// Without the third argument, `is_strict`, Redshift carries a day or an hour that is out of range over to the next month
/// or day. Here that is always an error.
fn parser(name: &str, call: &Function) -> Result<(&'static str, [Expr; 2]), SqlError> {
    let mut args = arguments(call)?;
    let strict = match args.get(2) {
        Some(Expr::Value(value)) if value.value == Value::Boolean(true) => true,
        Some(Expr::Value(value)) if value.value == Value::Boolean(false) => false,
        Some(_) => {
            return Err(SqlError::unsupported(format!(
                "{} with is_strict that is not a literal",
                name.to_uppercase()
            )));
        }
        None => false,
    };
    args.truncate(2);
    let given = args.len();
    let args = <[Expr; 2]>::try_from(args)
        .map_err(|_| SqlError::redshift(format!("function {name} needs 2 arguments, got {given}")))?;
    Ok((if strict { "rs_strict_strptime" } else { "strptime" }, args))
}

/// What an average is computed from: the engine's own average, the sum and the count.
///
/// AVG of integers is a truncated BIGINT and of decimals a decimal; DuckDB says DOUBLE for both.
pub(crate) fn average_operands(call: &Function) -> Vec<Expr> {
    let with_name = |name: &str| {
        let mut renamed = call.clone();
        renamed.name = function(name, Vec::new()).name;
        Expr::Function(renamed)
    };
    vec![Expr::Function(call.clone()), with_name("sum"), with_name("count")]
}

fn decode(call: &Function) -> Result<Expr, SqlError> {
    let mut args = arguments(call)?.into_iter();
    let (Some(subject), true) = (args.next(), args.len() >= 2) else {
        return Err(SqlError::redshift("function decode needs at least 3 arguments"));
    };
    let rest: Vec<Expr> = args.collect();
    let mut pairs = rest.chunks_exact(2);
    let conditions = pairs
        .by_ref()
        .map(|pair| CaseWhen {
            // Unlike CASE, DECODE finds NULL equal to NULL.
            condition: Expr::IsNotDistinctFrom(Box::new(subject.clone()), Box::new(pair[0].clone())),
            result: pair[1].clone(),
        })
        .collect();
    Ok(Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions,
        else_result: pairs.remainder().first().cloned().map(Box::new),
    })
}

/// LISTAGG leaves out NULL and empty strings.
fn list_aggregate(call: &Function) -> Result<Expr, SqlError> {
    let args = arguments(call)?;
    let Some(value) = args.first() else {
        return Err(SqlError::redshift("function listagg needs an argument"));
    };
    let separator = args.get(1).cloned().unwrap_or_else(|| string(""));
    let text = build::call(
        "nullif",
        vec![cast(value.clone(), RedshiftType::Varchar(1).duckdb_ast()), string("")],
    );
    let distinct = matches!(
        &call.args,
        FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: Some(DuplicateTreatment::Distinct),
            ..
        })
    );
    let order = call.within_group.clone();
    if distinct {
        for item in &order {
            if item.expr != *value {
                return Err(SqlError::unsupported(
                    "LISTAGG(DISTINCT …) ordered by something else than its argument",
                ));
            }
        }
    }
    // The values of DISTINCT keep their order as what they are, and become text afterwards.
    let mut aggregate = if distinct {
        function("list", vec![value.clone()])
    } else {
        function("string_agg", vec![text.clone(), separator.clone()])
    };
    if let FunctionArguments::List(list) = &mut aggregate.args {
        list.duplicate_treatment = distinct.then_some(DuplicateTreatment::Distinct);
        if !order.is_empty() {
            list.clauses.push(FunctionArgumentClause::OrderBy(order));
        }
    }
    aggregate.filter.clone_from(&call.filter);
    aggregate.over.clone_from(&call.over);
    if !distinct {
        return Ok(Expr::Function(aggregate));
    }
    let present = Expr::IsNotNull(Box::new(text));
    aggregate.filter = Some(Box::new(match aggregate.filter.take() {
        Some(filter) => binary(*filter, BinaryOperator::And, present),
        None => present,
    }));
    let texts = cast(
        Expr::Function(aggregate),
        DataType::Array(ArrayElemTypeDef::SquareBracket(
            Box::new(RedshiftType::Varchar(1).duckdb_ast()),
            None,
        )),
    );
    Ok(build::call("array_to_string", vec![texts, separator]))
}

/// DuckDB knows WITHIN GROUP for an aggregate and another function for a window.
fn percentile(name: &str, call: &Function) -> Result<Option<Expr>, SqlError> {
    if call.over.is_none() {
        return Ok(None);
    }
    let [fraction] = exact(name, call)?;
    let [order] = call.within_group.as_slice() else {
        return Err(SqlError::redshift(format!(
            "function {name} needs one ORDER BY expression"
        )));
    };
    let fraction = if matches!(order.options.sort, Some(OrderBySort::Desc)) {
        binary(number(1), BinaryOperator::Minus, fraction)
    } else {
        fraction
    };
    let quantile = if name == "percentile_cont" {
        "quantile_cont"
    } else {
        "quantile_disc"
    };
    let mut windowed = function(quantile, vec![order.expr.clone(), fraction]);
    windowed.over.clone_from(&call.over);
    Ok(Some(Expr::Function(windowed)))
}

fn ratio_to_report(call: &Function) -> Result<Expr, SqlError> {
    let [value] = exact("ratio_to_report", call)?;
    let Some(WindowType::WindowSpec(_) | WindowType::NamedWindow(_)) = &call.over else {
        return Err(SqlError::redshift("function ratio_to_report needs an OVER clause"));
    };
    let mut total = function("sum", vec![value.clone()]);
    total.over.clone_from(&call.over);
    let value = cast(value, RedshiftType::Double.duckdb_ast());
    Ok(build::call("rs_div", vec![value, Expr::Function(total)]))
}

fn next_day(call: &Function) -> Result<Expr, SqlError> {
    let [date, day] = exact("next_day", call)?;
    let name = literal(&day, "next_day", "day")?.to_lowercase();
    let names = ["su", "mo", "tu", "we", "th", "fr", "sa"];
    let index = names
        .iter()
        .position(|prefix| name.starts_with(prefix))
        .ok_or_else(|| SqlError::redshift(format!("unknown day of the week '{name}'")))?;
    Ok(build::call("rs_next_day", vec![date, number(index)]))
}

fn to_char(call: &Function) -> Result<Expr, SqlError> {
    let [value, format] = exact("to_char", call)?;
    let format = literal(&format, "to_char", "format")?;
    if format.contains(['9', '0']) {
        return number_format::to_char(&value, format);
    }
    dates::to_char(&timestamp_literal(value), format)
}

fn to_number(call: &Function) -> Result<Expr, SqlError> {
    let [mut text, format] = exact("to_number", call)?;
    operands::make_text(&mut text);
    number_format::to_number(text, literal(&format, "to_number", "format")?)
}

fn json_extract_path_text(call: &Function) -> Result<Expr, SqlError> {
    let mut args = arguments(call)?;
    let lenient = match args.last() {
        Some(Expr::Value(value)) if matches!(value.value, Value::Boolean(_)) => args.pop(),
        _ => None,
    };
    if args.len() < 2 {
        return Err(SqlError::redshift(
            "function json_extract_path_text needs a JSON string and a path",
        ));
    }
    let path = args.split_off(1);
    let mut pointer = String::new();
    for element in &path {
        let element = literal(element, "json_extract_path_text", "path element")?;
        pointer.push('/');
        pointer.push_str(&element.replace('~', "~0").replace('/', "~1"));
    }
    args.push(string(pointer));
    args.extend(lenient);
    Ok(build::call("rs_json_path_text", args))
}
