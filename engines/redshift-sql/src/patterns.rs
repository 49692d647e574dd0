//! Regular expression functions: Redshift's positions, occurrences and parameters as arguments that DuckDB knows.
//!
//! Redshift's POSIX dialect is close to DuckDB's RE2. Its PCRE dialect (parameter `p`) has operators that RE2 lacks, so it is
//! refused.

use sqlparser::ast::{BinaryOperator, Expr};

use crate::build::{self, binary, number, string, string_literal};
use crate::error::SqlError;

/// The replacement of a call of a regular expression function.
pub(crate) fn rewrite(name: &str, args: Vec<Expr>) -> Result<Expr, SqlError> {
    let given = args.len();
    let mut args = args.into_iter();
    let (Some(value), Some(pattern)) = (args.next(), args.next()) else {
        return Err(SqlError::redshift(format!(
            "function {name} needs at least 2 arguments, got {given}"
        )));
    };
    let rest: Vec<Expr> = args.collect();
    match (name, rest.as_slice()) {
        ("regexp_count", [] | [_] | [_, _]) => {
            let (pattern, _) = with_parameters(name, pattern, rest.get(1))?;
            Ok(build::call(
                "rs_regexp_count",
                vec![value, pattern, position(rest.first())],
            ))
        }
        ("regexp_substr", [] | [_] | [_, _] | [_, _, _]) => {
            let (pattern, group) = with_parameters(name, pattern, rest.get(2))?;
            let occurrence = rest.get(1).cloned().unwrap_or_else(|| number(1));
            let args = vec![
                value,
                pattern,
                position(rest.first()),
                occurrence,
                number(u8::from(group)),
            ];
            Ok(build::call("rs_regexp_substr", args))
        }
        ("regexp_instr", []) => Ok(build::call("rs_regexp_instr", vec![value, pattern])),
        ("regexp_instr", [_] | [_, _] | [_, _, _] | [_, _, _, _]) => {
            let (pattern, _) = with_parameters(name, pattern, rest.get(3))?;
            let option = rest.get(2).cloned().unwrap_or_else(|| number(0));
            Ok(build::call(
                "rs_regexp_instr_nth",
                vec![value, pattern, position(rest.first()), position(rest.get(1)), option],
            ))
        }
        ("regexp_replace", [] | [_] | [_, _] | [_, _, _]) => {
            let (pattern, _) = with_parameters(name, pattern, rest.get(2))?;
            Ok(replace(value, pattern, rest.first(), rest.get(1)))
        }
        _ => Err(SqlError::unsupported(format!(
            "{} with {given} arguments",
            name.to_uppercase()
        ))),
    }
}

fn position(given: Option<&Expr>) -> Expr {
    given.cloned().unwrap_or_else(|| number(1))
}

/// The pattern with its parameters in it, and whether a subexpression is asked for.
fn with_parameters(name: &str, pattern: Expr, parameters: Option<&Expr>) -> Result<(Expr, bool), SqlError> {
    let function = name.to_uppercase();
    let Some(parameters) = parameters else {
        return Ok((pattern, false));
    };
    let Some(parameters) = string_literal(parameters) else {
        return Err(SqlError::unsupported(format!(
            "{function} with parameters that are not a literal"
        )));
    };
    if parameters.contains('p') {
        return Err(SqlError::unsupported(format!("{function} with a PCRE pattern (p)")));
    }
    let known = if name == "regexp_substr" { "cie" } else { "ci" };
    if let Some(unknown) = parameters.chars().find(|parameter| !known.contains(*parameter)) {
        return Err(SqlError::unsupported(format!(
            "{function} with the parameter '{unknown}'"
        )));
    }
    let pattern = if parameters.contains('i') {
        binary(string("(?i)"), BinaryOperator::StringConcat, pattern)
    } else {
        pattern
    };
    Ok((pattern, parameters.contains('e')))
}

/// Redshift replaces every match and writes groups as `$1`; DuckDB wants to be told `g` and `\1`.
fn replace(value: Expr, pattern: Expr, replacement: Option<&Expr>, from: Option<&Expr>) -> Expr {
    let replacement = replacement.cloned().unwrap_or_else(|| string(""));
    let replacement = match string_literal(&replacement) {
        Some(text) => {
            let mut translated = String::with_capacity(text.len());
            for symbol in text.chars() {
                match symbol {
                    '$' => translated.push('\\'),
                    '\\' => translated.push_str("\\\\"),
                    other => translated.push(other),
                }
            }
            string(translated)
        }
        None => replacement,
    };
    let replaced = |text| build::call("regexp_replace", vec![text, pattern, replacement, string("g")]);
    match from {
        None => replaced(value),
        Some(from) => {
            let before = binary(from.clone(), BinaryOperator::Minus, number(1));
            binary(
                build::call("left", vec![value.clone(), before]),
                BinaryOperator::StringConcat,
                replaced(build::call("substring", vec![value, from.clone()])),
            )
        }
    }
}
