//! Values of parameters as SQL: a statement with `$1` becomes one with the value in its place.
//!
//! Input: texts, or PostgreSQL's binary formats, with the types that the client has named. Output: SQL expressions that have
//! these types; a value without a type is a literal in quotes, whose type the statement decides, as in PostgreSQL.

use cardlake_redshift_sql::{SqlError, Statement};
use chrono::{DateTime, NaiveDate, TimeDelta};
use pgwire::api::Type;
use pgwire::api::portal::Portal;
use pgwire::api::results::FieldFormat;

use super::encode::{EPOCH_DAYS, EPOCH_MICROS};

/// The types of a statement's placeholders: those that the client has named, or else that of a cast around the placeholder.
pub(super) fn types(statement: &Statement, named: &[Option<Type>]) -> Vec<Option<Type>> {
    let casts = statement.placeholder_types().into_iter().enumerate();
    casts
        .map(|(index, cast)| {
            named
                .get(index)
                .cloned()
                .flatten()
                .or_else(|| cast.and_then(named_type))
        })
        .collect()
}

/// The values that a client has bound to the placeholders, whose types these are.
///
/// Fails on another number of values, and on one that is none of its type.
pub(super) fn bound<S>(portal: &Portal<S>, types: &[Option<Type>]) -> Result<Vec<String>, SqlError> {
    let (given, wanted) = (portal.parameters.len(), types.len());
    if given != wanted {
        return Err(SqlError::classed(
            "08P01",
            format!("bind message supplies {given} parameters, but prepared statement requires {wanted}"),
        ));
    }
    let formats = super::encode::formats(&portal.parameter_format, given)?;
    let values = portal.parameters.iter().zip(formats).enumerate();
    values
        .map(|(index, (value, format))| {
            let data_type = types.get(index).and_then(Option::as_ref);
            match value {
                None => Ok(null(data_type)),
                Some(bytes) => expression(data_type.unwrap_or(&Type::UNKNOWN), format, bytes),
            }
        })
        .collect()
}

/// What stands for a value of a type while a statement is described: of the kind that the value will be.
pub(super) fn stand_in(data_type: Option<&Type>) -> String {
    match data_type {
        Some(&Type::NUMERIC) => "0.0".to_owned(),
        Some(data_type) if name(data_type).is_some() => null(Some(data_type)),
        // A text that is also a number, for those places that take nothing else.
        _ => "'0'".to_owned(),
    }
}

/// A NULL of a type.
fn null(data_type: Option<&Type>) -> String {
    match data_type.and_then(name) {
        Some(name) => format!("(null::{name})"),
        None => "null".to_owned(),
    }
}

/// The type of a name in SQL; `None` for one whose values are texts.
fn named_type(name: &str) -> Option<Type> {
    Some(match name {
        "bool" | "boolean" => Type::BOOL,
        "int2" | "smallint" => Type::INT2,
        "int" | "int4" | "integer" => Type::INT4,
        "bigint" | "int8" => Type::INT8,
        "float4" | "real" => Type::FLOAT4,
        "double" | "float" | "float8" => Type::FLOAT8,
        "decimal" | "numeric" => Type::NUMERIC,
        "date" => Type::DATE,
        "time" => Type::TIME,
        "timestamp" => Type::TIMESTAMP,
        "timestamptz" => Type::TIMESTAMPTZ,
        _ => return None,
    })
}

/// The type's name in SQL, where a value has to be told its type.
fn name(data_type: &Type) -> Option<&'static str> {
    Some(match *data_type {
        Type::BOOL => "boolean",
        Type::INT2 => "smallint",
        Type::INT4 => "integer",
        Type::INT8 => "bigint",
        Type::FLOAT4 => "real",
        Type::FLOAT8 => "double precision",
        Type::DATE => "date",
        Type::TIME => "time",
        Type::TIMESTAMP => "timestamp",
        Type::TIMESTAMPTZ => "timestamptz",
        _ => return None,
    })
}

fn expression(data_type: &Type, format: FieldFormat, bytes: &[u8]) -> Result<String, SqlError> {
    match format {
        FieldFormat::Text => {
            let text = text(bytes)?;
            match *data_type {
                Type::INT2 | Type::INT4 | Type::INT8 | Type::OID => integer(text, data_type),
                Type::NUMERIC => Ok(decimal(text).unwrap_or_else(|| typed(text, "double precision"))),
                _ => Ok(name(data_type).map_or_else(|| literal(text), |name| typed(text, name))),
            }
        }
        FieldFormat::Binary => binary(data_type, bytes),
    }
}

fn text(bytes: &[u8]) -> Result<&str, SqlError> {
    std::str::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains('\0'))
        .ok_or_else(|| SqlError::classed("22021", "invalid byte sequence for encoding \"UTF8\""))
}

/// A text as a string of Redshift's SQL, where a backslash takes what comes after it for itself.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', "''"))
}

fn typed(text: &str, name: &str) -> String {
    format!("({}::{name})", literal(text))
}

/// A number, which is not taken for the rest of a subtraction if it is negative.
fn number(value: impl std::fmt::Display) -> String {
    format!("({value})")
}

/// A whole number of exactly its type, so that results have the types that they were described with.
fn whole(value: impl std::fmt::Display, data_type: &Type) -> String {
    let name = name(data_type).unwrap_or("bigint");
    format!("(({value})::{name})")
}

fn integer(text: &str, data_type: &Type) -> Result<String, SqlError> {
    text.trim()
        .parse()
        .map(|value: i64| whole(value, data_type))
        .map_err(|_| {
            let name = name(data_type).unwrap_or("bigint");
            SqlError::classed("22P02", format!("invalid input syntax for type {name}: \"{text}\""))
        })
}

/// A decimal keeps its digits when it stands as a number; `None` for one with an exponent, and for NaN.
fn decimal(text: &str) -> Option<String> {
    let digits = text.trim();
    let unsigned = digits.strip_prefix('-').unwrap_or(digits);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(whole) && is_number(fraction)).then(|| number(digits))
}

fn binary(data_type: &Type, bytes: &[u8]) -> Result<String, SqlError> {
    Ok(match *data_type {
        Type::BOOL => (u8::from_be_bytes(exactly(bytes)?) != 0).to_string(),
        Type::INT2 => whole(i16::from_be_bytes(exactly(bytes)?), data_type),
        Type::INT4 => whole(i32::from_be_bytes(exactly(bytes)?), data_type),
        Type::OID => whole(u32::from_be_bytes(exactly(bytes)?), data_type),
        Type::INT8 => whole(i64::from_be_bytes(exactly(bytes)?), data_type),
        Type::FLOAT4 => typed(&f32::from_be_bytes(exactly(bytes)?).to_string(), "real"),
        Type::FLOAT8 => typed(&f64::from_be_bytes(exactly(bytes)?).to_string(), "double precision"),
        Type::NUMERIC => numeric(bytes)?,
        Type::DATE => {
            let days = i32::from_be_bytes(exactly(bytes)?).checked_add(EPOCH_DAYS);
            let date = days.and_then(NaiveDate::from_epoch_days).ok_or_else(out_of_range)?;
            typed(&date.to_string(), "date")
        }
        Type::TIME => {
            let micros = TimeDelta::microseconds(i64::from_be_bytes(exactly(bytes)?));
            let time = DateTime::UNIX_EPOCH
                .checked_add_signed(micros)
                .ok_or_else(out_of_range)?;
            typed(&time.time().to_string(), "time")
        }
        Type::TIMESTAMP | Type::TIMESTAMPTZ => {
            let micros = i64::from_be_bytes(exactly(bytes)?).checked_add(EPOCH_MICROS);
            let moment = micros
                .and_then(DateTime::from_timestamp_micros)
                .ok_or_else(out_of_range)?;
            let name = name(data_type).unwrap_or_default();
            let zone = if *data_type == Type::TIMESTAMPTZ { "+00" } else { "" };
            typed(&format!("{}{zone}", moment.naive_utc()), name)
        }
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::JSON => literal(text(bytes)?),
        _ => {
            return Err(SqlError::unsupported(format!(
                "a binary parameter of type {}",
                data_type.name()
            )));
        }
    })
}

fn exactly<const LENGTH: usize>(bytes: &[u8]) -> Result<[u8; LENGTH], SqlError> {
    bytes
        .try_into()
        .map_err(|_| SqlError::classed("22P03", "incorrect binary data format in bind parameter"))
}

fn out_of_range() -> SqlError {
    SqlError::classed("22008", "date or timestamp out of range")
}

/// A decimal from groups of four digits; see `encode`.
fn numeric(bytes: &[u8]) -> Result<String, SqlError> {
    let words: Vec<i16> = bytes
        .chunks(2)
        .map(|word| exactly(word).map(i16::from_be_bytes))
        .collect::<Result<_, _>>()?;
    let [count, weight, sign, scale, groups @ ..] = words.as_slice() else {
        return Err(SqlError::classed(
            "22P03",
            "incorrect binary data format in bind parameter",
        ));
    };
    let sign = match *sign {
        0 => "",
        0x4000 => "-",
        _ => return Ok(typed("NaN", "double precision")),
    };
    let in_range = |group: &i16| (0..10_000).contains(group);
    if usize::try_from(*count).ok() != Some(groups.len()) || !groups.iter().all(in_range) {
        return Err(SqlError::classed(
            "22P03",
            "incorrect binary data format in bind parameter",
        ));
    }
    // The first group stands this many groups before the point, or behind it. A decimal has 38 digits at most.
    let before = i32::from(*weight) + 1;
    let scale = usize::try_from(*scale).unwrap_or(usize::MAX);
    if !(-10..=10).contains(&before) || scale > 38 {
        return Err(SqlError::classed("22003", "numeric field overflow"));
    }
    let group = |place: i32| {
        usize::try_from(place + before)
            .ok()
            .and_then(|index| groups.get(index))
            .unwrap_or(&0)
    };
    let whole: String = (-before..0).map(|place| format!("{:04}", group(place))).collect();
    let mut fraction: String = (0..10).map(|place| format!("{:04}", group(place))).collect();
    fraction.truncate(scale);
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = if scale > 0 { "." } else { "" };
    Ok(number(format!("{sign}{whole}{point}{fraction}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_expressions_of_their_types() {
        let text = |data_type: Type, value: &str| expression(&data_type, FieldFormat::Text, value.as_bytes()).unwrap();
        assert_eq!(text(Type::INT4, "-5"), "((-5)::integer)");
        assert_eq!(text(Type::UNKNOWN, r"it's \n"), r"'it''s \\n'");
        assert_eq!(text(Type::NUMERIC, "-12.50"), "(-12.50)");
        assert_eq!(text(Type::NUMERIC, "1e3"), "('1e3'::double precision)");
        assert_eq!(text(Type::DATE, "2026-01-13"), "('2026-01-13'::date)");
        let binary = |data_type: Type, value: &[u8]| expression(&data_type, FieldFormat::Binary, value).unwrap();
        assert_eq!(binary(Type::INT8, &(-7_i64).to_be_bytes()), "((-7)::bigint)");
        assert_eq!(
            binary(Type::FLOAT8, &0.1_f64.to_be_bytes()),
            "('0.1'::double precision)"
        );
        assert_eq!(binary(Type::BOOL, &[1]), "true");
        assert_eq!(binary(Type::DATE, &9509_i32.to_be_bytes()), "('2026-01-13'::date)");
        let second = 1_000_000_i64.to_be_bytes();
        assert_eq!(binary(Type::TIMESTAMP, &second), "('2000-01-01 00:00:01'::timestamp)");
        assert_eq!(
            binary(Type::TIMESTAMPTZ, &second),
            "('2000-01-01 00:00:01+00'::timestamptz)"
        );
        assert_eq!(binary(Type::TIME, &second), "('00:00:01'::time)");
    }

    #[test]
    fn binary_decimals_are_read_as_they_are_written() {
        let words = |words: &[i16]| -> Vec<u8> { words.iter().flat_map(|word| word.to_be_bytes()).collect() };
        for (given, expected) in [
            (&[0, 0, 0, 0][..], "(0)"),
            (&[0, 0, 0, 2], "(0.00)"),
            (&[2, 0, 0, 2, 12, 5000], "(12.50)"),
            (&[2, 1, 0x4000, 0, 1, 2345], "(-12345)"),
            (&[1, 1, 0, 1, 3], "(30000.0)"),
            (&[1, -1, 0, 4, 5], "(0.0005)"),
            (&[1, -2, 0, 8, 7], "(0.00000007)"),
            (&[3, 1, 0, 3, 1, 0, 120], "(10000.012)"),
        ] {
            assert_eq!(numeric(&words(given)).unwrap(), expected, "{given:?}");
        }
        assert_eq!(numeric(&words(&[0, 100, 0, 0])).unwrap_err().state(), "22003");
        assert_eq!(numeric(&words(&[2, 0, 0, 0, 1])).unwrap_err().state(), "22P03");
        assert_eq!(numeric(&[0, 1, 2]).unwrap_err().state(), "22P03");
    }

    #[test]
    fn what_is_no_value_of_its_type_is_refused() {
        let refused =
            |data_type: Type, format, value: &[u8]| expression(&data_type, format, value).unwrap_err().state();
        assert_eq!(refused(Type::INT4, FieldFormat::Text, b"1; drop table t"), "22P02");
        assert_eq!(refused(Type::TEXT, FieldFormat::Text, b"a\0b"), "22021");
        assert_eq!(refused(Type::TEXT, FieldFormat::Binary, b"\xff"), "22021");
        assert_eq!(refused(Type::INT4, FieldFormat::Binary, b"\0"), "22P03");
        assert_eq!(
            refused(Type::TIMESTAMP, FieldFormat::Binary, &i64::MAX.to_be_bytes()),
            "22008"
        );
        assert_eq!(refused(Type::INT4_ARRAY, FieldFormat::Binary, b""), "0A000");
    }
}
