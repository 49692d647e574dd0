//! Redshift's column types, and their names in DuckDB, in the catalog and in the Data API.

use sqlparser::ast::{BinaryLength, CharacterLength, DataType, ExactNumberInfo, Ident, ObjectName, TimezoneInfo};

use crate::error::SqlError;

/// The length of VARCHAR without a length in a table definition, in bytes.
pub(crate) const DEFAULT_VARCHAR_BYTES: u32 = 256;
/// The length of VARCHAR(MAX), in bytes.
pub const MAX_VARCHAR_BYTES: u32 = 65_535;
/// The length of CHAR at most, in bytes.
const MAX_CHAR_BYTES: u32 = 4096;

/// A Redshift column type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedshiftType {
    /// BOOLEAN.
    Boolean,
    /// SMALLINT.
    SmallInt,
    /// INTEGER.
    Integer,
    /// BIGINT.
    BigInt,
    /// DECIMAL or NUMERIC.
    Decimal {
        /// All digits, 1 to 38.
        precision: u8,
        /// The digits after the point, 0 to 37.
        scale: u8,
    },
    /// REAL.
    Real,
    /// DOUBLE PRECISION.
    Double,
    /// CHAR, with its length in bytes.
    Char(u32),
    /// VARCHAR, with its length in bytes.
    Varchar(u32),
    /// DATE.
    Date,
    /// TIME.
    Time,
    /// TIMETZ.
    TimeTz,
    /// TIMESTAMP.
    Timestamp,
    /// TIMESTAMPTZ.
    TimestampTz,
    /// SUPER.
    Super,
    /// VARBYTE, with its length in bytes.
    Varbyte(u32),
    /// INTERVAL, of either kind.
    Interval,
}

impl RedshiftType {
    /// The type that a data type of a table definition or a cast stands for.
    ///
    /// `varchar_bytes` is the length of VARCHAR and TEXT without a length: 256 in a definition, unlimited in a cast.
    pub(crate) fn from_ast(data_type: &DataType, varchar_bytes: u32) -> Result<Self, SqlError> {
        Ok(match data_type {
            DataType::Bool | DataType::Boolean => Self::Boolean,
            DataType::SmallInt(None) | DataType::Int2(None) => Self::SmallInt,
            DataType::Int(None) | DataType::Integer(None) | DataType::Int4(None) => Self::Integer,
            DataType::BigInt(None) | DataType::Int8(None) => Self::BigInt,
            DataType::Decimal(info) | DataType::Numeric(info) => decimal(info)?,
            DataType::Real | DataType::Float4 => Self::Real,
            DataType::Float(ExactNumberInfo::Precision(bits)) if *bits <= 24 => Self::Real,
            DataType::Float(_) | DataType::Float8 | DataType::DoublePrecision => Self::Double,
            DataType::Char(length) | DataType::Character(length) => {
                Self::Char(bytes(length.as_ref(), 1, MAX_CHAR_BYTES, "CHAR")?)
            }
            DataType::Varchar(length)
            | DataType::CharacterVarying(length)
            | DataType::CharVarying(length)
            | DataType::Nvarchar(length) => {
                Self::Varchar(bytes(length.as_ref(), varchar_bytes, MAX_VARCHAR_BYTES, "VARCHAR")?)
            }
            DataType::Text => Self::Varchar(varchar_bytes),
            DataType::Date => Self::Date,
            DataType::Time(None, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => Self::Time,
            DataType::Time(None, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone) => Self::TimeTz,
            DataType::Timestamp(None, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => Self::Timestamp,
            DataType::Timestamp(None, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone) => Self::TimestampTz,
            DataType::Interval { .. } => Self::Interval,
            DataType::Varbinary(length) => Self::Varbyte(match length {
                Some(BinaryLength::IntegerLength { length }) => u32::try_from(*length).unwrap_or(MAX_VARCHAR_BYTES),
                _ => MAX_VARCHAR_BYTES,
            }),
            DataType::Custom(name, modifiers) => custom(name, modifiers, data_type)?,
            _ => return Err(SqlError::unsupported(format!("the data type {data_type}"))),
        })
    }

    /// The type of a column or an expression of a DuckDB type; `None` for a type without a counterpart.
    ///
    /// Wide integers become BIGINT: they are the type of SUM over integers in DuckDB, and BIGINT is in Redshift.
    pub fn from_duckdb(name: &str) -> Option<Self> {
        Some(match name {
            "BOOLEAN" => Self::Boolean,
            "TINYINT" | "SMALLINT" | "UTINYINT" => Self::SmallInt,
            "INTEGER" | "USMALLINT" => Self::Integer,
            "BIGINT" | "UINTEGER" | "HUGEINT" | "UBIGINT" | "UHUGEINT" => Self::BigInt,
            "FLOAT" => Self::Real,
            "DOUBLE" => Self::Double,
            "VARCHAR" | "UUID" => Self::Varchar(MAX_VARCHAR_BYTES),
            "DATE" => Self::Date,
            "TIME" => Self::Time,
            "TIME WITH TIME ZONE" => Self::TimeTz,
            "TIMESTAMP" | "TIMESTAMP_S" | "TIMESTAMP_MS" | "TIMESTAMP_NS" => Self::Timestamp,
            "TIMESTAMP WITH TIME ZONE" => Self::TimestampTz,
            "JSON" => Self::Super,
            "BLOB" => Self::Varbyte(MAX_VARCHAR_BYTES),
            "INTERVAL" => Self::Interval,
            _ => {
                let arguments = name.strip_prefix("DECIMAL(")?.strip_suffix(')')?;
                let (precision, scale) = arguments.split_once(',')?;
                Self::Decimal {
                    precision: precision.trim().parse().ok()?,
                    scale: scale.trim().parse().ok()?,
                }
            }
        })
    }

    /// The type as DuckDB spells it.
    pub fn duckdb(self) -> String {
        match self {
            Self::Boolean => "BOOLEAN".to_owned(),
            Self::SmallInt => "SMALLINT".to_owned(),
            Self::Integer => "INTEGER".to_owned(),
            Self::BigInt => "BIGINT".to_owned(),
            Self::Decimal { precision, scale } => format!("DECIMAL({precision}, {scale})"),
            Self::Real => "FLOAT".to_owned(),
            Self::Double => "DOUBLE".to_owned(),
            Self::Char(_) | Self::Varchar(_) => "VARCHAR".to_owned(),
            Self::Date => "DATE".to_owned(),
            Self::Time => "TIME".to_owned(),
            Self::TimeTz => "TIME WITH TIME ZONE".to_owned(),
            Self::Timestamp => "TIMESTAMP".to_owned(),
            Self::TimestampTz => "TIMESTAMP WITH TIME ZONE".to_owned(),
            Self::Super => "JSON".to_owned(),
            Self::Varbyte(_) => "BLOB".to_owned(),
            Self::Interval => "INTERVAL".to_owned(),
        }
    }

    /// The type as an AST node that prints DuckDB's spelling.
    pub(crate) fn duckdb_ast(self) -> DataType {
        DataType::Custom(ObjectName::from(vec![Ident::new(self.duckdb())]), Vec::new())
    }

    /// The type as the catalog views spell it, with its length: `character varying(200)`, `numeric(18,2)`.
    pub fn definition(self) -> String {
        match self {
            Self::Decimal { precision, scale } => format!("numeric({precision},{scale})"),
            Self::Char(length) => format!("character({length})"),
            Self::Varchar(length) => format!("character varying({length})"),
            Self::Varbyte(length) => format!("binary varying({length})"),
            other => other.catalog_name().to_owned(),
        }
    }

    /// The inverse of [`Self::definition`].
    pub fn from_definition(definition: &str) -> Option<Self> {
        let (name, arguments) = match definition.split_once('(') {
            Some((name, rest)) => (name, rest.trim_end_matches(')')),
            None => (definition, ""),
        };
        Some(match name {
            "boolean" => Self::Boolean,
            "smallint" => Self::SmallInt,
            "integer" => Self::Integer,
            "bigint" => Self::BigInt,
            "real" => Self::Real,
            "double precision" => Self::Double,
            "date" => Self::Date,
            "time without time zone" => Self::Time,
            "time with time zone" => Self::TimeTz,
            "timestamp without time zone" => Self::Timestamp,
            "timestamp with time zone" => Self::TimestampTz,
            "super" => Self::Super,
            "interval" => Self::Interval,
            "character" => Self::Char(arguments.parse().ok()?),
            "character varying" => Self::Varchar(arguments.parse().ok()?),
            "binary varying" => Self::Varbyte(arguments.parse().ok()?),
            "numeric" => {
                let (precision, scale) = arguments.split_once(',')?;
                Self::Decimal {
                    precision: precision.parse().ok()?,
                    scale: scale.parse().ok()?,
                }
            }
            _ => return None,
        })
    }

    /// The type's name in `information_schema.columns` and `SVV_COLUMNS`.
    pub fn catalog_name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::SmallInt => "smallint",
            Self::Integer => "integer",
            Self::BigInt => "bigint",
            Self::Decimal { .. } => "numeric",
            Self::Real => "real",
            Self::Double => "double precision",
            Self::Char(_) => "character",
            Self::Varchar(_) => "character varying",
            Self::Date => "date",
            Self::Time => "time without time zone",
            Self::TimeTz => "time with time zone",
            Self::Timestamp => "timestamp without time zone",
            Self::TimestampTz => "timestamp with time zone",
            Self::Super => "super",
            Self::Varbyte(_) => "binary varying",
            Self::Interval => "interval",
        }
    }

    /// The type's name in `ColumnMetadata.typeName`.
    pub fn data_api_name(self) -> &'static str {
        match self {
            Self::Boolean => "bool",
            Self::SmallInt => "int2",
            Self::Integer => "int4",
            Self::BigInt => "int8",
            Self::Decimal { .. } => "numeric",
            Self::Real => "float4",
            Self::Double => "float8",
            Self::Char(_) => "bpchar",
            Self::Varchar(_) => "varchar",
            Self::Date => "date",
            Self::Time => "time",
            Self::TimeTz => "timetz",
            Self::Timestamp => "timestamp",
            Self::TimestampTz => "timestamptz",
            Self::Super => "super",
            Self::Varbyte(_) => "varbyte",
            Self::Interval => "interval",
        }
    }

    /// Precision and scale as the Data API reports them.
    pub fn precision_and_scale(self) -> (i32, i32) {
        match self {
            Self::Boolean => (1, 0),
            Self::SmallInt => (5, 0),
            Self::Integer => (10, 0),
            Self::BigInt => (19, 0),
            Self::Decimal { precision, scale } => (i32::from(precision), i32::from(scale)),
            Self::Real => (8, 8),
            Self::Double => (17, 17),
            Self::Char(length) | Self::Varchar(length) | Self::Varbyte(length) => {
                (i32::try_from(length).unwrap_or(i32::MAX), 0)
            }
            Self::Date => (13, 0),
            Self::Time | Self::TimeTz => (15, 6),
            Self::Timestamp => (29, 6),
            Self::TimestampTz => (35, 6),
            Self::Super | Self::Interval => (0, 0),
        }
    }

    /// Whether the type is a signed number.
    pub fn is_signed(self) -> bool {
        matches!(
            self,
            Self::SmallInt | Self::Integer | Self::BigInt | Self::Decimal { .. } | Self::Real | Self::Double
        )
    }

    /// Whether a column of an integer or decimal type takes a string literal: DuckDB also reads fractions and exponents as
    /// integers, hexadecimal digits, and underscores between digits.
    ///
    /// # Errors
    /// Names the first character that is no part of a number.
    pub fn check_text(self, text: &str) -> Result<(), SqlError> {
        let (data_type, points) = match self {
            Self::SmallInt => ("Short", 0),
            Self::Integer => ("Integer", 0),
            Self::BigInt => ("Long", 0),
            Self::Decimal { .. } => ("Decimal", 1),
            _ => return Ok(()),
        };
        match first_invalid(text, points) {
            Some((position, symbol)) => Err(SqlError::redshift(format!(
                "Invalid digit, Value '{symbol}', Pos {position}, Type: {data_type}"
            ))),
            None => Ok(()),
        }
    }

    /// Whether the type holds text, which is case-sensitive.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Char(_) | Self::Varchar(_))
    }

    /// The maximum length of values, in bytes.
    pub fn byte_limit(self) -> Option<u32> {
        match self {
            Self::Char(length) | Self::Varchar(length) => Some(length),
            _ => None,
        }
    }
}

/// The first character of a text, with its position, that is no part of a number with so many points.
fn first_invalid(text: &str, points: usize) -> Option<(usize, char)> {
    let digits = text.trim_start().trim_start_matches(['+', '-']);
    let offset = text.chars().count() - digits.chars().count();
    let mut seen = 0;
    let mut symbols = digits.trim_end().chars().enumerate();
    let invalid = symbols.find(|(_, symbol)| {
        seen += usize::from(*symbol == '.');
        !symbol.is_ascii_digit() && (*symbol != '.' || seen > points)
    });
    invalid.map(|(position, symbol)| (offset + position, symbol))
}

fn decimal(info: &ExactNumberInfo) -> Result<RedshiftType, SqlError> {
    let (precision, scale) = match info {
        ExactNumberInfo::None => (18, 0),
        ExactNumberInfo::Precision(precision) => (*precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (*precision, *scale),
    };
    let valid = (1..=38).contains(&precision) && (0..=37).contains(&scale) && scale.unsigned_abs() <= precision;
    match (u8::try_from(precision), u8::try_from(scale)) {
        (Ok(precision), Ok(scale)) if valid => Ok(RedshiftType::Decimal { precision, scale }),
        _ => Err(SqlError::redshift(format!(
            "DECIMAL precision {precision} must be between 1 and 38 and scale {scale} between 0 and the precision"
        ))),
    }
}

fn bytes(length: Option<&CharacterLength>, default: u32, maximum: u32, name: &str) -> Result<u32, SqlError> {
    match length {
        None => Ok(default),
        Some(CharacterLength::Max) => Ok(maximum),
        Some(CharacterLength::IntegerLength { length, .. }) => match u32::try_from(*length) {
            Ok(length) if (1..=maximum).contains(&length) => Ok(length),
            _ => Err(SqlError::redshift(format!(
                "length for type {name} cannot exceed {maximum}"
            ))),
        },
    }
}

fn custom(name: &ObjectName, modifiers: &[String], data_type: &DataType) -> Result<RedshiftType, SqlError> {
    let length = || modifiers.first().and_then(|length| length.parse().ok());
    Ok(match name.to_string().to_lowercase().as_str() {
        "super" => RedshiftType::Super,
        "bpchar" => RedshiftType::Char(length().unwrap_or(DEFAULT_VARCHAR_BYTES)),
        "name" => RedshiftType::Varchar(128),
        "oid" => RedshiftType::Integer,
        "nchar" => RedshiftType::Char(length().unwrap_or(1)),
        "varbyte" => RedshiftType::Varbyte(length().unwrap_or(MAX_VARCHAR_BYTES)),
        _ => return Err(SqlError::unsupported(format!("the data type {data_type}"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_can_be_read_back() {
        for definition in [
            "character varying(200)",
            "character(3)",
            "numeric(18,2)",
            "timestamp without time zone",
            "super",
            "double precision",
            "binary varying(64)",
        ] {
            assert_eq!(
                RedshiftType::from_definition(definition).unwrap().definition(),
                definition
            );
        }
    }

    #[test]
    fn decimal_without_arguments_has_no_fraction() {
        assert_eq!(
            RedshiftType::from_ast(&DataType::Decimal(ExactNumberInfo::None), DEFAULT_VARCHAR_BYTES).unwrap(),
            RedshiftType::Decimal {
                precision: 18,
                scale: 0
            }
        );
    }

    #[test]
    fn a_type_that_redshift_lacks_is_named() {
        let error = RedshiftType::from_ast(&DataType::Uuid, DEFAULT_VARCHAR_BYTES).unwrap_err();
        assert_eq!(
            error.to_string(),
            "ERROR: the data type UUID is not supported by the local Redshift"
        );
    }
}
