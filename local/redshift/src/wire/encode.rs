//! Values of results as PostgreSQL's text and binary formats, and the types that clients are told.
//!
//! Formats: <https://www.postgresql.org/docs/current/protocol-overview.html#PROTOCOL-FORMAT-CODES>, and the `…_send` functions of
//! PostgreSQL's types. Numbers of types that PostgreSQL lacks are those of Redshift's Python driver (`RedshiftOID`).

use std::fmt::Write as _;

use bytes::{BufMut as _, BytesMut};
use cardlake_redshift_sql::{MAX_VARCHAR_BYTES, RedshiftType, SqlError};
use duckdb::types::{TimeUnit, ValueRef};
use pgwire::api::Type;
use pgwire::api::portal::Format;
use pgwire::api::results::{FieldFormat, FieldInfo};

use crate::results;

/// Days from 1970-01-01 to 2000-01-01, where PostgreSQL's binary dates begin.
pub(super) const EPOCH_DAYS: i32 = 10_957;
/// The same in microseconds.
pub(super) const EPOCH_MICROS: i64 = EPOCH_DAYS as i64 * 86_400_000_000;
/// The number of SUPER.
const SUPER: u32 = 4000;
/// The number of VARBYTE.
const VARBYTE: u32 = 6551;
/// What a length or precision is raised by in a type's modifier.
const MODIFIER_OFFSET: i32 = 4;

/// The formats that a client wants for its columns.
///
/// Fails if it names another number of them.
pub(super) fn formats(format: &Format, columns: usize) -> Result<Vec<FieldFormat>, SqlError> {
    if let Format::Individual(codes) = format
        && codes.len() != columns
    {
        return Err(SqlError::classed(
            "08P01",
            format!(
                "bind message has {} result formats but query has {columns} columns",
                codes.len()
            ),
        ));
    }
    Ok((0..columns).map(|index| format.format_for(index)).collect())
}

/// The descriptions of columns.
pub(super) fn fields(columns: Vec<(String, RedshiftType)>, format: &Format) -> Result<Vec<FieldInfo>, SqlError> {
    let formats = formats(format, columns.len())?;
    let described = columns.into_iter().zip(formats).map(|((name, data_type), format)| {
        FieldInfo::new(name, None, None, wire_type(data_type), format)
            .with_type_size(size(data_type))
            .with_type_modifier(modifier(data_type))
    });
    Ok(described.collect())
}

/// The type as clients know it.
fn wire_type(data_type: RedshiftType) -> Type {
    match data_type {
        RedshiftType::Boolean => Type::BOOL,
        RedshiftType::SmallInt => Type::INT2,
        RedshiftType::Integer => Type::INT4,
        RedshiftType::BigInt => Type::INT8,
        RedshiftType::Decimal { .. } => Type::NUMERIC,
        RedshiftType::Real => Type::FLOAT4,
        RedshiftType::Double => Type::FLOAT8,
        RedshiftType::Char(_) => Type::BPCHAR,
        RedshiftType::Varchar(_) => Type::VARCHAR,
        RedshiftType::Date => Type::DATE,
        RedshiftType::Time => Type::TIME,
        RedshiftType::TimeTz => Type::TIMETZ,
        RedshiftType::Timestamp => Type::TIMESTAMP,
        RedshiftType::TimestampTz => Type::TIMESTAMPTZ,
        RedshiftType::Interval => Type::INTERVAL,
        RedshiftType::Super => own("super", SUPER),
        RedshiftType::Varbyte(_) => own("varbyte", VARBYTE),
    }
}

fn own(name: &str, number: u32) -> Type {
    Type::new(
        name.to_owned(),
        number,
        Type::TEXT.kind().clone(),
        "pg_catalog".to_owned(),
    )
}

/// The bytes of a binary value; -1 where they differ.
fn size(data_type: RedshiftType) -> i16 {
    match data_type {
        RedshiftType::Boolean => 1,
        RedshiftType::SmallInt => 2,
        RedshiftType::Integer | RedshiftType::Real | RedshiftType::Date => 4,
        RedshiftType::BigInt
        | RedshiftType::Double
        | RedshiftType::Time
        | RedshiftType::Timestamp
        | RedshiftType::TimestampTz => 8,
        RedshiftType::TimeTz => 12,
        RedshiftType::Interval => 16,
        _ => -1,
    }
}

/// Length, or precision and scale; -1 where there is none.
fn modifier(data_type: RedshiftType) -> i32 {
    match data_type {
        // The length of an expression is not known.
        RedshiftType::Char(MAX_VARCHAR_BYTES) | RedshiftType::Varchar(MAX_VARCHAR_BYTES) => -1,
        RedshiftType::Char(length) | RedshiftType::Varchar(length) => {
            i32::try_from(length).unwrap_or(i32::MAX - MODIFIER_OFFSET) + MODIFIER_OFFSET
        }
        RedshiftType::Decimal { precision, scale } => {
            ((i32::from(precision) << 16) | i32::from(scale)) + MODIFIER_OFFSET
        }
        _ => -1,
    }
}

/// Writes a value with its length before it.
pub(super) fn value(
    value: ValueRef<'_>,
    data_type: RedshiftType,
    format: FieldFormat,
    out: &mut BytesMut,
) -> Result<(), SqlError> {
    if matches!(value, ValueRef::Null) {
        out.put_i32(-1);
        return Ok(());
    }
    let begin = out.len();
    out.put_i32(0);
    match format {
        FieldFormat::Text => text(value, data_type, out)?,
        FieldFormat::Binary => binary(value, data_type, out)?,
    }
    let length = i32::try_from(out.len() - begin - 4)
        .map_err(|_| SqlError::classed("54000", "a value has more than 2147483647 bytes"))?;
    out[begin..begin + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

fn unsupported(value: &ValueRef<'_>) -> SqlError {
    SqlError::unsupported(format!("a result column of type {:?}", value.data_type()))
}

/// The value of any integer type.
fn integer(value: &ValueRef<'_>) -> Option<i128> {
    Some(match value {
        ValueRef::TinyInt(value) => (*value).into(),
        ValueRef::SmallInt(value) => (*value).into(),
        ValueRef::Int(value) => (*value).into(),
        ValueRef::BigInt(value) => (*value).into(),
        ValueRef::HugeInt(value) => *value,
        ValueRef::UTinyInt(value) => (*value).into(),
        ValueRef::USmallInt(value) => (*value).into(),
        ValueRef::UInt(value) => (*value).into(),
        ValueRef::UBigInt(value) => (*value).into(),
        _ => return None,
    })
}

fn in_range<T: TryFrom<i128>>(value: i128, data_type: RedshiftType) -> Result<T, SqlError> {
    let name = data_type.catalog_name().to_uppercase();
    T::try_from(value).map_err(|_| SqlError::classed("22003", format!("Overflow for the type {name}")))
}

fn text(value: ValueRef<'_>, data_type: RedshiftType, out: &mut BytesMut) -> Result<(), SqlError> {
    if let Some(number) = integer(&value) {
        let number: i64 = in_range(number, RedshiftType::BigInt)?;
        return write(out, format_args!("{number}"));
    }
    match value {
        ValueRef::Boolean(value) => out.put_u8(if value { b't' } else { b'f' }),
        ValueRef::Float(value) => float(out, f64::from(value), &value)?,
        ValueRef::Double(value) => float(out, value, &value)?,
        ValueRef::Decimal(value) => write(out, format_args!("{value}"))?,
        ValueRef::Text(bytes) => out.put_slice(bytes),
        // Redshift shows bytes as hexadecimal digits, without the prefix of PostgreSQL.
        ValueRef::Blob(bytes) => bytes
            .iter()
            .try_for_each(|byte| write(out, format_args!("{byte:02x}")))?,
        ValueRef::Date32(days) => out.put_slice(results::date(days)?.as_bytes()),
        ValueRef::Time64(unit, value) => out.put_slice(results::time(unit.to_micros(value)).as_bytes()),
        ValueRef::Timestamp(unit, value) => {
            let (moment, fraction) = results::moment(unit, value)?;
            out.put_slice(moment.as_bytes());
            if !fraction.is_empty() {
                write(out, format_args!(".{fraction}"))?;
            }
            if data_type == RedshiftType::TimestampTz {
                out.put_slice(b"+00");
            }
        }
        ValueRef::Interval { months, days, nanos } => out.put_slice(results::interval(months, days, nanos).as_bytes()),
        other => return Err(unsupported(&other)),
    }
    Ok(())
}

fn write(out: &mut BytesMut, text: std::fmt::Arguments<'_>) -> Result<(), SqlError> {
    out.write_fmt(text)
        .map_err(|_| SqlError::redshift("a value cannot be written"))
}

/// The shortest digits that are read back as the same number, with an exponent where PostgreSQL has one.
fn float(out: &mut BytesMut, size: f64, value: &(impl std::fmt::Display + std::fmt::LowerExp)) -> Result<(), SqlError> {
    let magnitude = size.abs();
    if size.is_nan() {
        out.put_slice(b"NaN");
    } else if size.is_infinite() {
        out.put_slice(if size > 0.0 { b"Infinity" } else { b"-Infinity" });
    } else if magnitude == 0.0 || (1e-4..1e15).contains(&magnitude) {
        write(out, format_args!("{value}"))?;
    } else {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(exponent) => ('-', exponent),
            None => ('+', exponent),
        };
        write(out, format_args!("{digits}e{sign}{exponent:0>2}"))?;
    }
    Ok(())
}

fn binary(value: ValueRef<'_>, data_type: RedshiftType, out: &mut BytesMut) -> Result<(), SqlError> {
    if let Some(number) = integer(&value) {
        match data_type {
            RedshiftType::SmallInt => out.put_i16(in_range(number, data_type)?),
            RedshiftType::Integer => out.put_i32(in_range(number, data_type)?),
            _ => out.put_i64(in_range(number, RedshiftType::BigInt)?),
        }
        return Ok(());
    }
    match value {
        ValueRef::Boolean(value) => out.put_u8(value.into()),
        ValueRef::Float(value) => out.put_f32(value),
        ValueRef::Double(value) => out.put_f64(value),
        ValueRef::Decimal(value) => numeric(value.value(), value.scale(), out),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => out.put_slice(bytes),
        ValueRef::Date32(days) => out.put_i32(days - EPOCH_DAYS),
        ValueRef::Time64(unit, value) => out.put_i64(unit.to_micros(value)),
        ValueRef::Timestamp(unit, value) => out.put_i64(micros(unit, value) - EPOCH_MICROS),
        ValueRef::Interval { months, days, nanos } => {
            out.put_i64(nanos / 1000);
            out.put_i32(days);
            out.put_i32(months);
        }
        other => return Err(unsupported(&other)),
    }
    Ok(())
}

fn micros(unit: TimeUnit, value: i64) -> i64 {
    match unit {
        TimeUnit::Second => value.saturating_mul(1_000_000),
        TimeUnit::Millisecond => value.saturating_mul(1_000),
        TimeUnit::Microsecond => value,
        TimeUnit::Nanosecond => value.div_euclid(1_000),
    }
}

/// A decimal as groups of four digits: their number, the weight of the first, sign, and scale.
fn numeric(unscaled: i128, scale: u8, out: &mut BytesMut) {
    let digits = unscaled.unsigned_abs().to_string();
    let scale = usize::from(scale);
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(scale));
    // Whole groups on both sides of the point.
    let whole = format!("{whole:0>width$}", width = whole.len().next_multiple_of(4));
    let fraction = format!("{fraction:0>scale$}");
    let fraction = format!("{fraction:0<width$}", width = scale.next_multiple_of(4));
    let all = whole.as_bytes().chunks(4).chain(fraction.as_bytes().chunks(4));
    let mut groups: Vec<i16> = all
        .map(|group| {
            group
                .iter()
                .fold(0, |value, digit| value * 10 + i16::from(digit - b'0'))
        })
        .collect();
    let leading = groups.iter().take_while(|group| **group == 0).count();
    groups.drain(..leading);
    while groups.last() == Some(&0) {
        groups.pop();
    }
    // The group before the point has the weight 0. A decimal has 38 digits at most, so nothing here is near a limit.
    let weight = if groups.is_empty() {
        0
    } else {
        (whole.len() / 4) as i16 - leading as i16 - 1
    };
    out.put_i16(groups.len() as i16);
    out.put_i16(weight);
    out.put_u16(if unscaled < 0 { 0x4000 } else { 0 });
    out.put_u16(scale as u16);
    for group in groups {
        out.put_i16(group);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads what `numeric` writes, by PostgreSQL's definition: the sum of group * 10000 ^ (weight - index).
    fn read_numeric(bytes: &[u8]) -> (i128, u16) {
        let word = |index: usize| i16::from_be_bytes([bytes[2 * index], bytes[2 * index + 1]]);
        let (count, weight, negative, scale) = (word(0), word(1), word(2) == 0x4000, word(3) as u16);
        let mut value = 0_i128;
        for index in 0..count {
            // In units of the last digit.
            let exponent = 4 * (i32::from(weight) - i32::from(index)) + i32::from(scale);
            let group = i128::from(word(4 + index as usize));
            value += if exponent >= 0 {
                group * 10_i128.pow(exponent as u32)
            } else {
                assert_eq!(group % 10_i128.pow(-exponent as u32), 0, "digits after the scale");
                group / 10_i128.pow(-exponent as u32)
            };
        }
        (if negative { -value } else { value }, scale)
    }

    #[test]
    fn decimals_in_binary_are_read_back() {
        let digits = 99_999_999_999_999_999_999_999_999_999_999_999_999_i128;
        for unscaled in [
            0,
            1,
            -1,
            5,
            10,
            9_999,
            10_000,
            12_345_678,
            -100_000_000,
            digits,
            -digits,
        ] {
            for scale in [0, 1, 2, 3, 4, 5, 8, 18, 37, 38] {
                let mut out = BytesMut::new();
                numeric(unscaled, scale, &mut out);
                assert_eq!(
                    read_numeric(&out),
                    (unscaled, scale.into()),
                    "{unscaled} with scale {scale}"
                );
            }
        }
    }
}
