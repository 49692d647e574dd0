//! Result sets: how DuckDB's are read, and how the Data API sends them.
//!
//! [`read`] gives rows to a [`RowSink`] while DuckDB makes them, so that no more of a result is in memory than its reader keeps.
//! The Data API's sink encodes them once, page by page: a page is the JSON of its rows, or CSV text.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cardlake_redshift_sql::{MAX_VARCHAR_BYTES, RedshiftType, SqlError};
use chrono::DateTime;
use duckdb::core::LogicalTypeId;
use duckdb::types::{TimeUnit, ValueRef};
use duckdb::{Row, Statement};
use serde::Serialize;

use crate::engine_error;

/// A page is closed when its encoded rows reach this many bytes.
const PAGE_BYTES: usize = 1024 * 1024;
/// A result may have this many bytes at most, like in Redshift.
pub(crate) const MAX_RESULT_BYTES: usize = 500 * 1024 * 1024;

/// How rows are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ResultFormat {
    /// Lists of typed fields.
    #[default]
    Json,
    /// Text, for GetStatementResultV2.
    Csv,
}

/// A result set.
#[derive(Debug, Default)]
pub(crate) struct ResultSet {
    pub(crate) columns: Vec<ColumnMetadata>,
    /// The encoded rows; never empty.
    pub(crate) pages: Vec<String>,
    pub(crate) rows: i64,
    /// Bytes of all pages.
    pub(crate) size: usize,
}

/// `ColumnMetadata` of the Data API.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ColumnMetadata {
    pub(crate) column_default: Option<String>,
    pub(crate) is_case_sensitive: bool,
    pub(crate) is_currency: bool,
    pub(crate) is_signed: bool,
    pub(crate) label: String,
    pub(crate) length: i32,
    pub(crate) name: String,
    pub(crate) nullable: i32,
    pub(crate) precision: i32,
    pub(crate) scale: i32,
    pub(crate) schema_name: String,
    pub(crate) table_name: String,
    pub(crate) type_name: String,
}

impl ColumnMetadata {
    /// The description of a column of a type.
    pub(crate) fn new(name: &str, data_type: RedshiftType) -> Self {
        let (precision, scale) = data_type.precision_and_scale();
        Self {
            is_case_sensitive: data_type.is_text(),
            is_signed: data_type.is_signed(),
            label: name.to_owned(),
            name: name.to_owned(),
            nullable: 1,
            precision,
            scale,
            type_name: data_type.data_api_name().to_owned(),
            ..Self::default()
        }
    }
}

/// Takes a result set while it is read.
pub(crate) trait RowSink {
    /// The names and types of the columns, before the first row.
    fn columns(&mut self, columns: Vec<(String, RedshiftType)>) -> Result<(), SqlError>;

    /// One row, with a value for each column.
    fn row(&mut self, row: &Row<'_>) -> Result<(), SqlError>;
}

/// Runs a prepared query, gives its rows to a sink, and says how many there were.
pub(crate) fn read(statement: &mut Statement<'_>, sink: &mut dyn RowSink) -> Result<i64, SqlError> {
    let failed = |error: duckdb::Error| engine_error::translate(&error);
    // Only starts it: the rows are made as they are read.
    statement.stream_arrow([]).map(drop).map_err(failed)?;
    sink.columns(columns(statement))?;
    let mut rows = statement.raw_query();
    let mut count = 0;
    while let Some(row) = rows.next().map_err(failed)? {
        sink.row(row)?;
        count += 1;
    }
    Ok(count)
}

/// A value of a row that a sink was given.
pub(crate) fn value<'row>(row: &'row Row<'_>, index: usize) -> Result<ValueRef<'row>, SqlError> {
    row.get_ref(index).map_err(|error| engine_error::translate(&error))
}

/// The sink of the Data API: pages of text, up to a number of bytes.
pub(crate) struct Pages {
    result: ResultSet,
    types: Vec<RedshiftType>,
    page: Page,
    limit: usize,
}

impl Pages {
    /// No pages yet; all of them may have `limit` bytes.
    pub(crate) fn new(format: ResultFormat, limit: usize) -> Self {
        Self {
            result: ResultSet::default(),
            types: Vec::new(),
            page: Page::new(format),
            limit,
        }
    }

    /// The result set.
    pub(crate) fn finish(mut self, rows: i64) -> Result<ResultSet, SqlError> {
        if self.result.pages.is_empty() || self.page.has_rows {
            self.close()?;
        }
        self.result.rows = rows;
        Ok(self.result)
    }

    fn close(&mut self) -> Result<(), SqlError> {
        let text = self.page.take();
        self.result.size += text.len();
        if self.result.size > self.limit {
            return Err(SqlError::redshift(format!(
                "the result is larger than {} bytes: add a LIMIT, or UNLOAD it",
                self.limit
            )));
        }
        self.result.pages.push(text);
        Ok(())
    }
}

impl RowSink for Pages {
    fn columns(&mut self, columns: Vec<(String, RedshiftType)>) -> Result<(), SqlError> {
        let described = columns
            .iter()
            .map(|(name, data_type)| ColumnMetadata::new(name, *data_type));
        self.result.columns = described.collect();
        self.types = columns.into_iter().map(|(_, data_type)| data_type).collect();
        Ok(())
    }

    fn row(&mut self, row: &Row<'_>) -> Result<(), SqlError> {
        self.page.begin_row();
        for (index, data_type) in self.types.iter().enumerate() {
            self.page.value(index, value(row, index)?, *data_type)?;
        }
        self.page.end_row();
        if self.page.text.len() >= PAGE_BYTES {
            self.close()?;
        }
        Ok(())
    }
}

fn columns(statement: &Statement<'_>) -> Vec<(String, RedshiftType)> {
    let names = statement.column_names().into_iter();
    names
        .enumerate()
        .map(|(index, name)| (name, column_type(statement, index)))
        .collect()
}

fn column_type(statement: &Statement<'_>, index: usize) -> RedshiftType {
    let logical = statement.column_logical_type(index);
    if logical.get_alias().is_some_and(|alias| alias == "JSON") {
        return RedshiftType::Super;
    }
    match logical.id() {
        LogicalTypeId::Boolean => RedshiftType::Boolean,
        LogicalTypeId::Tinyint | LogicalTypeId::Smallint | LogicalTypeId::UTinyint => RedshiftType::SmallInt,
        LogicalTypeId::Integer | LogicalTypeId::USmallint => RedshiftType::Integer,
        LogicalTypeId::Bigint | LogicalTypeId::UInteger | LogicalTypeId::UBigint | LogicalTypeId::Hugeint => {
            RedshiftType::BigInt
        }
        LogicalTypeId::Decimal => RedshiftType::Decimal {
            precision: logical.decimal_width(),
            scale: logical.decimal_scale(),
        },
        LogicalTypeId::Float => RedshiftType::Real,
        LogicalTypeId::Double => RedshiftType::Double,
        LogicalTypeId::Date => RedshiftType::Date,
        LogicalTypeId::Time => RedshiftType::Time,
        LogicalTypeId::Timestamp
        | LogicalTypeId::TimestampS
        | LogicalTypeId::TimestampMs
        | LogicalTypeId::TimestampNs => RedshiftType::Timestamp,
        LogicalTypeId::TimestampTZ => RedshiftType::TimestampTz,
        LogicalTypeId::Blob => RedshiftType::Varbyte(MAX_VARCHAR_BYTES),
        LogicalTypeId::Interval => RedshiftType::Interval,
        LogicalTypeId::List | LogicalTypeId::Struct | LogicalTypeId::Map | LogicalTypeId::Array => RedshiftType::Super,
        _ => RedshiftType::Varchar(MAX_VARCHAR_BYTES),
    }
}

struct Page {
    format: ResultFormat,
    text: String,
    has_rows: bool,
}

impl Page {
    fn new(format: ResultFormat) -> Self {
        let mut page = Self {
            format,
            text: String::new(),
            has_rows: false,
        };
        page.open();
        page
    }

    fn open(&mut self) {
        if self.format == ResultFormat::Json {
            self.text.push('[');
        }
    }

    fn begin_row(&mut self) {
        if self.format == ResultFormat::Json {
            self.text.push_str(if self.has_rows { ",[" } else { "[" });
        }
        self.has_rows = true;
    }

    fn end_row(&mut self) {
        self.text.push_str(match self.format {
            ResultFormat::Json => "]",
            ResultFormat::Csv => "\r\n",
        });
    }

    fn take(&mut self) -> String {
        if self.format == ResultFormat::Json {
            self.text.push(']');
        }
        self.has_rows = false;
        let text = std::mem::take(&mut self.text);
        self.open();
        text
    }

    fn value(&mut self, index: usize, value: ValueRef<'_>, data_type: RedshiftType) -> Result<(), SqlError> {
        if index > 0 {
            self.text.push(',');
        }
        let field = Field::new(value, data_type)?;
        match self.format {
            ResultFormat::Json => self.json(&field),
            ResultFormat::Csv => self.csv(&field),
        }
    }

    fn json(&mut self, field: &Field) -> Result<(), SqlError> {
        let text = serde_json::to_string(field)
            .map_err(|error| SqlError::redshift(format!("a value cannot be encoded: {error}")))?;
        self.text.push_str(&text);
        Ok(())
    }

    fn csv(&mut self, field: &Field) -> Result<(), SqlError> {
        match field {
            Field::IsNull(_) => {}
            Field::BooleanValue(value) => self.text.push_str(if *value { "true" } else { "false" }),
            Field::LongValue(value) => self.text.push_str(&value.to_string()),
            Field::DoubleValue(value) => self.text.push_str(&value.to_string()),
            Field::BlobValue(value) => self.text.push_str(value),
            Field::StringValue(value) => {
                // An empty string is quoted, so that it is not taken for NULL.
                if value.is_empty() || value.contains([',', '"', '\n', '\r']) {
                    self.text.push('"');
                    self.text.push_str(&value.replace('"', "\"\""));
                    self.text.push('"');
                } else {
                    self.text.push_str(value);
                }
            }
        }
        Ok(())
    }
}

/// `Field` of the Data API.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
enum Field {
    IsNull(bool),
    BooleanValue(bool),
    LongValue(i64),
    DoubleValue(f64),
    StringValue(String),
    BlobValue(String),
}

impl Field {
    fn new(value: ValueRef<'_>, data_type: RedshiftType) -> Result<Self, SqlError> {
        let overflow = || SqlError::redshift("Overflow for the type BIGINT");
        Ok(match value {
            ValueRef::Null => Self::IsNull(true),
            ValueRef::Boolean(value) => Self::BooleanValue(value),
            ValueRef::TinyInt(value) => Self::LongValue(value.into()),
            ValueRef::SmallInt(value) => Self::LongValue(value.into()),
            ValueRef::Int(value) => Self::LongValue(value.into()),
            ValueRef::BigInt(value) => Self::LongValue(value),
            ValueRef::HugeInt(value) => Self::LongValue(i64::try_from(value).map_err(|_| overflow())?),
            ValueRef::UTinyInt(value) => Self::LongValue(value.into()),
            ValueRef::USmallInt(value) => Self::LongValue(value.into()),
            ValueRef::UInt(value) => Self::LongValue(value.into()),
            ValueRef::UBigInt(value) => Self::LongValue(i64::try_from(value).map_err(|_| overflow())?),
            ValueRef::Float(value) => double(value.into()),
            ValueRef::Double(value) => double(value),
            ValueRef::Decimal(value) => Self::StringValue(value.to_string()),
            ValueRef::Text(bytes) => Self::StringValue(String::from_utf8_lossy(bytes).into_owned()),
            ValueRef::Blob(bytes) => Self::BlobValue(BASE64_STANDARD.encode(bytes)),
            ValueRef::Date32(days) => Self::StringValue(date(days)?),
            ValueRef::Time64(unit, value) => Self::StringValue(time(unit.to_micros(value))),
            ValueRef::Timestamp(unit, value) => {
                Self::StringValue(timestamp(unit, value, data_type == RedshiftType::TimestampTz)?)
            }
            ValueRef::Interval { months, days, nanos } => Self::StringValue(interval(months, days, nanos)),
            other => {
                return Err(SqlError::unsupported(format!(
                    "a result column of type {:?}",
                    other.data_type()
                )));
            }
        })
    }
}

fn double(value: f64) -> Field {
    // JSON has no NaN and no infinity.
    if value.is_finite() {
        Field::DoubleValue(value)
    } else {
        Field::StringValue(value.to_string())
    }
}

/// A date as `2026-01-31`.
pub(crate) fn date(days: i32) -> Result<String, SqlError> {
    let date = DateTime::from_timestamp(i64::from(days) * 86_400, 0)
        .ok_or_else(|| SqlError::redshift(format!("the date {days} days from 1970-01-01 is out of range")))?;
    Ok(date.format("%Y-%m-%d").to_string())
}

/// A time of day in microseconds as `08:30:00`, with a fraction of as many digits as there are.
pub(crate) fn time(micros: i64) -> String {
    let seconds = micros / 1_000_000;
    let mut text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let fraction = micros % 1_000_000;
    if fraction != 0 {
        text.push_str(format!(".{fraction:06}").trim_end_matches('0'));
    }
    text
}

/// A moment as `2026-01-31 08:30:00`, and the digits of its fraction without zeros at the end.
pub(crate) fn moment(unit: TimeUnit, value: i64) -> Result<(String, String), SqlError> {
    let moment = match unit {
        TimeUnit::Nanosecond => Some(DateTime::from_timestamp_nanos(value)),
        TimeUnit::Second => DateTime::from_timestamp(value, 0),
        TimeUnit::Millisecond => DateTime::from_timestamp_millis(value),
        TimeUnit::Microsecond => DateTime::from_timestamp_micros(value),
    };
    let moment = moment.ok_or_else(|| SqlError::redshift(format!("the timestamp {value} is out of range")))?;
    let fraction = format!("{:06}", moment.timestamp_subsec_micros());
    Ok((
        moment.format("%Y-%m-%d %H:%M:%S").to_string(),
        fraction.trim_end_matches('0').to_owned(),
    ))
}

/// Like Java's: without a zone at least one digit of fraction.
fn timestamp(unit: TimeUnit, value: i64, zone: bool) -> Result<String, SqlError> {
    let (text, fraction) = moment(unit, value)?;
    Ok(match (zone, fraction.as_str()) {
        (false, "") => format!("{text}.0"),
        (false, _) => format!("{text}.{fraction}"),
        (true, "") => format!("{text}+00"),
        (true, _) => format!("{text}.{fraction}+00"),
    })
}

/// A span of time as `1 mons 2 days 03:00:00`.
pub(crate) fn interval(months: i32, days: i32, nanos: i64) -> String {
    let mut parts = Vec::new();
    if months != 0 {
        parts.push(format!("{months} mons"));
    }
    if days != 0 {
        parts.push(format!("{days} days"));
    }
    if nanos != 0 || parts.is_empty() {
        parts.push(time(nanos / 1000));
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_have_a_fraction_without_trailing_zeros() {
        let text = |micros| timestamp(TimeUnit::Microsecond, micros, false).unwrap();
        assert_eq!(text(1_645_488_000_000_000), "2022-02-22 00:00:00.0");
        assert_eq!(text(1_598_031_211_887_120), "2020-08-21 17:33:31.88712");
        assert_eq!(timestamp(TimeUnit::Second, 0, true).unwrap(), "1970-01-01 00:00:00+00");
    }

    #[test]
    fn csv_tells_null_from_the_empty_string() {
        let mut page = Page::new(ResultFormat::Csv);
        page.begin_row();
        page.value(0, ValueRef::Null, RedshiftType::Integer).unwrap();
        page.value(1, ValueRef::Text(b""), RedshiftType::Varchar(9)).unwrap();
        page.value(2, ValueRef::Text(b"a,\"b\""), RedshiftType::Varchar(9))
            .unwrap();
        page.end_row();
        assert_eq!(page.take(), ",\"\",\"a,\"\"b\"\"\"\r\n");
    }
}
