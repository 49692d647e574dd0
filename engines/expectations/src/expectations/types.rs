//! The type of a column.
//!
//! Three sets of names are accepted: numpy and pandas (`int64`, `float64`, `str`, `datetime64[us, UTC]`), Arrow
//! (`int64`, `string`, `decimal128(18, 2)`, `date32`, `timestamp[us, tz=UTC]`) and Spark (`LongType`, `StringType`). The
//! observed type is named as in Arrow; for numbers that is the name in numpy as well.

use super::check::Check;
use super::schema::Decided;
use crate::arguments::Arguments;
use crate::result::Outcome;
use crate::table::{BuildError, Table};
use arrow::datatypes::{DataType, TimeUnit};

/// The name of a type, as pyarrow writes it.
fn name(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 => "string".to_owned(),
        DataType::LargeUtf8 => "large_string".to_owned(),
        DataType::Utf8View => "string_view".to_owned(),
        DataType::Boolean => "bool".to_owned(),
        DataType::Int8 => "int8".to_owned(),
        DataType::Int16 => "int16".to_owned(),
        DataType::Int32 => "int32".to_owned(),
        DataType::Int64 => "int64".to_owned(),
        DataType::UInt8 => "uint8".to_owned(),
        DataType::UInt16 => "uint16".to_owned(),
        DataType::UInt32 => "uint32".to_owned(),
        DataType::UInt64 => "uint64".to_owned(),
        DataType::Float16 => "float16".to_owned(),
        DataType::Float32 => "float32".to_owned(),
        DataType::Float64 => "float64".to_owned(),
        DataType::Date32 => "date32".to_owned(),
        DataType::Date64 => "date64".to_owned(),
        DataType::Decimal128(precision, scale) => format!("decimal128({precision}, {scale})"),
        DataType::Timestamp(unit, zone) => match zone {
            Some(zone) => format!("timestamp[{}, tz={zone}]", unit_name(*unit)),
            None => format!("timestamp[{}]", unit_name(*unit)),
        },
        other => other.to_string(),
    }
}

const fn unit_name(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    }
}

/// Other names for a type.
fn aliases(data_type: &DataType) -> Vec<String> {
    let fixed: &[&str] = match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => &[
            "string",
            "str",
            "object",
            "object_",
            "O",
            "utf8",
            "StringType",
            "VARCHAR",
            "TEXT",
        ],
        DataType::Boolean => &["boolean", "bool_", "BooleanType", "BOOLEAN"],
        DataType::Int8 => &["ByteType"],
        DataType::Int16 => &["ShortType", "SMALLINT"],
        DataType::Int32 => &["IntegerType", "INTEGER"],
        DataType::Int64 => &["int", "LongType", "BIGINT"],
        DataType::Float32 => &["float", "FloatType", "REAL"],
        DataType::Float64 => &["double", "float", "DoubleType", "DOUBLE_PRECISION"],
        DataType::Date32 | DataType::Date64 => &["date", "date32[day]", "DateType", "DATE"],
        DataType::Decimal128(..) => &["decimal", "decimal128", "Decimal", "DecimalType", "DECIMAL", "NUMERIC"],
        DataType::Timestamp(..) => &["timestamp", "datetime", "datetime64", "TimestampType", "TIMESTAMP"],
        _ => &[],
    };
    let mut names: Vec<String> = fixed.iter().map(|name| (*name).to_owned()).collect();
    match data_type {
        DataType::Decimal128(precision, scale) => names.push(format!("decimal({precision},{scale})")),
        DataType::Timestamp(unit, zone) => names.push(match zone {
            Some(zone) => format!("datetime64[{}, {zone}]", unit_name(*unit)),
            None => format!("datetime64[{}]", unit_name(*unit)),
        }),
        _ => {}
    }
    names
}

fn check(arguments: &Arguments<'_>, table: &Table, wanted: &[String]) -> Result<Box<dyn Check>, BuildError> {
    let column = arguments.text("column")?;
    arguments.mostly()?;
    let field = table.schema.field_with_name(column);
    let data_type = field
        .map_err(|_| BuildError::MissingColumn(column.to_owned()))?
        .data_type();
    let observed = name(data_type);
    let aliases = aliases(data_type);
    let success = wanted
        .iter()
        .any(|wanted| *wanted == observed || aliases.contains(wanted));
    Ok(Box::new(Decided(Outcome::observed(success, observed))))
}

pub(super) fn of_type(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    check(arguments, table, &[arguments.text("type_")?.to_owned()])
}

pub(super) fn in_type_list(arguments: &Arguments<'_>, table: &Table) -> Result<Box<dyn Check>, BuildError> {
    check(arguments, table, &arguments.texts("type_list")?)
}
