//! The types of quotients and averages, and the calls that compute them exactly.

/// The widest decimal.
const MAX_PRECISION: i32 = 38;
/// The digits of a fraction that are never given up.
const MIN_SCALE: i32 = 4;

/// A number of exact digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Exact {
    precision: i32,
    scale: i32,
    decimal: bool,
}

/// Reads a type name of DuckDB's; `None` unless it is a decimal or an integer.
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
pub(crate) fn division(left: &str, right: &str) -> Option<String> {
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
pub(crate) fn average(total: &str) -> Option<String> {
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
