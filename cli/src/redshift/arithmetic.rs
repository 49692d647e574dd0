//! Decimal arithmetic by Redshift's rules, which depend on the types of the operands.
//!
//! The translator does not know types, so it writes a division as a call of a function that does not exist
//! ([`rewrite::division_marker`]). Before a statement runs, DuckDB's binder is asked: a call that fits no function is refused
//! with the types of its arguments. Then the call is replaced by one that computes exactly, in whole numbers.
//!
//! DECIMAL(p1,s1) / DECIMAL(p2,s2) has the scale max(4, s1+p2-s2+1) and the precision p1-s1+s2+scale; a precision above 38
//! takes digits off the scale, down to four. Surplus digits are cut off. Integers count as decimals without fraction.

use duckdb::Connection;

use super::sql::rewrite::{average_marker, division_marker};

/// The widest decimal.
const MAX_PRECISION: i32 = 38;
/// The digits of a fraction that are never given up.
const MIN_SCALE: i32 = 4;

/// Replaces the markers of a statement.
pub(crate) fn resolve(connection: &Connection, sql: &str) -> String {
    let mut sql = sql.to_owned();
    // Inner divisions have lower numbers: their types are settled when the outer ones are asked for.
    for number in 1.. {
        let division = division_marker(number);
        let average = average_marker(number);
        if sql.contains(&division) {
            let call = match operand_types(connection, &sql, &division, number).as_deref() {
                Some([left, right]) => divide(left, right),
                _ => None,
            };
            sql = sql.replace(&format!("{division}("), call.as_deref().unwrap_or("rs_div("));
        } else if sql.contains(&average) {
            let types = operand_types(connection, &sql, &average, number).unwrap_or_default();
            let call = match types.as_slice() {
                [_, total, _] => average_of(total),
                _ => None,
            };
            sql = sql.replace(&format!("{average}("), call.as_deref().unwrap_or("rs_avg_double("));
        } else {
            return sql;
        }
    }
    sql
}

/// The types of the arguments of a marker, as DuckDB's binder names them; `None` if the statement fails otherwise.
fn operand_types(connection: &Connection, sql: &str, marker: &str, number: usize) -> Option<Vec<String>> {
    let mut probe = sql.replace(&format!("{marker}("), "strlen(1, ");
    // Outer calls do not matter yet, they only have to bind.
    for outer in number + 1.. {
        let (division, average) = (division_marker(outer), average_marker(outer));
        if probe.contains(&division) {
            probe = probe.replace(&format!("{division}("), "rs_div(");
        } else if probe.contains(&average) {
            probe = probe.replace(&format!("{average}("), "rs_avg_double(");
        } else {
            break;
        }
    }
    let message = connection.prepare(&probe).err()?.to_string();
    let (_, arguments) = message.split_once("'strlen(INTEGER_LITERAL, ")?;
    let (arguments, _) = arguments.split_once(")'")?;
    let mut types = vec![String::new()];
    let mut depth = 0;
    for symbol in arguments.chars() {
        match symbol {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                types.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(current) = types.last_mut()
            && (symbol != ' ' || !current.is_empty())
        {
            current.push(symbol);
        }
    }
    Some(types)
}

/// A number of exact digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Exact {
    precision: i32,
    scale: i32,
    decimal: bool,
}

fn exact(name: &str) -> Option<Exact> {
    let integer = |precision| {
        Some(Exact {
            precision,
            scale: 0,
            decimal: false,
        })
    };
    match name {
        "TINYINT" | "SMALLINT" | "UTINYINT" => integer(5),
        "INTEGER" | "INTEGER_LITERAL" | "USMALLINT" => integer(10),
        "BIGINT" | "HUGEINT" | "UINTEGER" | "UBIGINT" => integer(19),
        _ => {
            let (precision, scale) = name.strip_prefix("DECIMAL(")?.strip_suffix(')')?.split_once(',')?;
            Some(Exact {
                precision: precision.trim().parse().ok()?,
                scale: scale.trim().parse().ok()?,
                decimal: true,
            })
        }
    }
}

/// The beginning of the call that divides; `None` if the result is no decimal.
fn divide(left: &str, right: &str) -> Option<String> {
    let (left, right) = (exact(left)?, exact(right)?);
    if !left.decimal && !right.decimal {
        return None;
    }
    let scale = MIN_SCALE.max(left.scale + right.precision - right.scale + 1);
    let precision = left.precision - left.scale + right.scale + scale;
    let surplus = (precision - MAX_PRECISION).max(0);
    let scale = MIN_SCALE.max(scale - surplus).min(MAX_PRECISION - 1);
    Some(exact_division(
        "rs_divide_decimal",
        left.scale,
        right.scale,
        precision.min(MAX_PRECISION),
        scale,
    ))
}

/// The beginning of the call that gives an average; `None` for floating point.
fn average_of(total: &str) -> Option<String> {
    let total = exact(total)?;
    if total.decimal {
        Some(exact_division(
            "rs_avg_decimal",
            total.scale,
            0,
            MAX_PRECISION,
            total.scale,
        ))
    } else {
        Some("rs_avg_integer(".to_owned())
    }
}

/// Both operands as whole numbers, the shift that gives the quotient its digits, the value of its last digit, its type.
fn exact_division(name: &str, left: i32, right: i32, precision: i32, scale: i32) -> String {
    let power = |digits: i32| {
        format!(
            "CAST(1{} AS HUGEINT)",
            "0".repeat(usize::try_from(digits).unwrap_or_default())
        )
    };
    let shift = scale + right - left;
    let unit = format!(
        "CAST('{}1' AS DECIMAL({}, {scale}))",
        if scale == 0 {
            String::new()
        } else {
            format!("0.{}", "0".repeat(usize::try_from(scale - 1).unwrap_or_default()))
        },
        scale + 1
    );
    format!(
        "{name}({}, {}, {}, {}, {unit}, CAST(NULL AS DECIMAL({precision}, {scale})), ",
        power(left),
        power(right),
        power(shift.max(0)),
        power((-shift).max(0)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result_type(left: &str, right: &str) -> Option<String> {
        let call = divide(left, right)?;
        let start = call.find("CAST(NULL AS ")? + 13;
        Some(call[start..].trim_end_matches("), ").to_owned())
    }

    #[test]
    fn the_scale_of_a_quotient_follows_the_documented_rule() {
        // The example of Redshift's documentation.
        assert_eq!(result_type("DECIMAL(8,2)", "DECIMAL(8,2)").unwrap(), "DECIMAL(17, 9)");
        assert_eq!(result_type("DECIMAL(38,2)", "BIGINT").unwrap(), "DECIMAL(38, 4)");
        assert_eq!(result_type("DECIMAL(18,2)", "INTEGER").unwrap(), "DECIMAL(29, 13)");
        assert_eq!(result_type("BIGINT", "INTEGER"), None);
        assert_eq!(result_type("DECIMAL(18,2)", "DOUBLE"), None);
    }
}
