//! TO_CHAR of numbers, a number format as calls of the macro that writes digits, and TO_NUMBER.
//!
//! The elements are 9, 0, the point, the comma, D, G, FM, `$` or L in front, and S or PR for the sign. Any other one is an
//! error that names the format.

use sqlparser::ast::{BinaryOperator, Expr, Value};

use crate::build::{self, binary, cast, number, string};
use crate::error::SqlError;
use crate::types::RedshiftType;

/// How the sign of a number is written.
enum Sign {
    /// A minus in front of a negative number, a blank in front of another one.
    Minus,
    /// Plus or minus in front (S at the start).
    Before,
    /// Plus or minus behind (S at the end).
    After,
    /// Angle brackets around a negative number (PR).
    Brackets,
}

/// The text of a number in a format.
pub(crate) fn to_char(value: &Expr, format: &str) -> Result<Expr, SqlError> {
    let unsupported = || SqlError::unsupported(format!("TO_CHAR with the number format '{format}'"));
    let plain = format.to_uppercase().replace('D', ".").replace('G', ",");
    let (fill, rest) = match plain.strip_prefix("FM") {
        Some(rest) => (false, rest),
        None => (true, plain.as_str()),
    };
    let (currency, rest) = match rest.strip_prefix(['$', 'L']) {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let (sign, pattern) = if let Some(rest) = rest.strip_prefix('S') {
        (Sign::Before, rest)
    } else if let Some(rest) = rest.strip_suffix('S') {
        (Sign::After, rest)
    } else if let Some(rest) = rest.strip_suffix("PR") {
        (Sign::Brackets, rest)
    } else {
        (Sign::Minus, rest)
    };
    let (whole, fraction) = match pattern.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (pattern, None),
    };
    let is_digit = |symbol: char| symbol == '9' || symbol == '0';
    let groups: Vec<&str> = whole.split(',').collect();
    let grouped = groups.len() > 1;
    let thousands = !grouped || groups[1..].iter().all(|group| group.len() == 3);
    let digits: String = groups.concat();
    if !thousands || !digits.chars().all(is_digit) || !fraction.unwrap_or_default().chars().all(is_digit) {
        return Err(unsupported());
    }
    let zeros = digits.find('0').map_or(0, |first| digits.len() - first);
    let decimals = fraction.map_or(0, str::len);
    if decimals > 30 || !fill && fraction.is_some_and(|fraction| fraction.contains('0')) {
        return Err(unsupported());
    }
    let exact = RedshiftType::Decimal {
        precision: 38,
        scale: u8::try_from(decimals).unwrap_or_default(),
    };
    let rounded = build::call("round", vec![value.clone(), number(decimals)]);
    let negative = binary(rounded.clone(), BinaryOperator::Lt, number(0));
    let text = cast(
        cast(build::call("abs", vec![rounded]), exact.duckdb_ast()),
        RedshiftType::Varchar(1).duckdb_ast(),
    );
    let truth = |value: bool| Expr::Value(Value::Boolean(value).into());
    let overflow = format!(" {}", pattern.replace(is_digit, "#"));
    // The macro leaves a column for the sign of a positive number and writes a minus for a negative one.
    let written = |minus: Expr| {
        build::call(
            "rs_to_char_number",
            vec![
                text.clone(),
                minus,
                number(digits.len()),
                number(zeros),
                truth(fraction.is_some()),
                truth(grouped),
                truth(fill),
                number(whole.len()),
                string(overflow.clone()),
            ],
        )
    };
    let concat = |left, right| binary(left, BinaryOperator::StringConcat, right);
    let choose = |if_negative: Expr, otherwise: Expr| build::call("if", vec![negative.clone(), if_negative, otherwise]);
    let plus_for_minus = |expr| build::call("translate", vec![expr, string("-"), string("+")]);
    let result = match sign {
        Sign::Minus => written(negative.clone()),
        Sign::Before => choose(written(truth(true)), plus_for_minus(written(truth(true)))),
        Sign::After => {
            let unsigned = written(truth(false));
            let unsigned = if fill {
                build::call("substring", vec![unsigned, number(2)])
            } else {
                unsigned
            };
            concat(unsigned, choose(string("-"), string("+")))
        }
        Sign::Brackets => {
            let brackets = build::call("translate", vec![written(truth(true)), string("-"), string("<")]);
            let blank = string(if fill { " " } else { "" });
            choose(concat(brackets, string(">")), concat(written(truth(false)), blank))
        }
    };
    Ok(if currency { concat(string("$"), result) } else { result })
}

/// The number that a text holds in a format, as a decimal with the digits of the format.
///
/// Blanks, group separators and currency signs are left out. A sign may stand behind the digits, and angle brackets mean minus.
/// Fails on a format with other elements than those of [`to_char`] and MI, and on more than 38 digits.
pub(crate) fn to_number(value: Expr, format: &str) -> Result<Expr, SqlError> {
    let unsupported = || SqlError::unsupported(format!("TO_NUMBER with the number format '{format}'"));
    let plain = format
        .to_uppercase()
        .replace('D', ".")
        .replace("PR", "")
        .replace("MI", "");
    let is_digit = |symbol: &char| matches!(symbol, '9' | '0');
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain.as_str(), ""));
    let known = |text: &str, signs: &str| text.chars().all(|symbol| is_digit(&symbol) || signs.contains(symbol));
    if !known(whole, "FM$LSG, ") || !known(fraction, "S") {
        return Err(unsupported());
    }
    let digits = |text: &str| u8::try_from(text.chars().filter(is_digit).count()).map_err(|_| unsupported());
    let scale = digits(fraction)?;
    let precision = digits(whole)?.saturating_add(scale);
    if !(1..=38).contains(&precision) {
        return Err(unsupported());
    }
    let bare = build::call(
        "regexp_replace",
        vec![value, string("[,$\\s]"), string(""), string("g")],
    );
    let negative = build::call(
        "regexp_replace",
        vec![bare, string("^(?:<(.*)>|(.*[^+-])-)$"), string("-\\1\\2")],
    );
    let number = build::call(
        "regexp_replace",
        vec![negative, string("^([^+-].*)\\+$"), string("\\1")],
    );
    let prototype = cast(
        Expr::Value(Value::Null.into()),
        RedshiftType::Decimal { precision, scale }.duckdb_ast(),
    );
    Ok(build::call("rs_text_to_decimal", vec![number, prototype]))
}
