//! The validated model of a contract.

use super::limits::ObjectLimits;
use super::source::{SourceFormat, TimestampFormat};
use crate::assets::AssetError;
use crate::error::{ErrorKind, StageError};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An invalid or missing contract.
#[derive(Debug, thiserror::Error)]
pub enum ContractError {
    /// The files cannot be read.
    #[error(transparent)]
    Assets(#[from] AssetError),
    /// The file is not a document of the standard.
    #[error("{file}: {cause}")]
    Syntax {
        /// File.
        file: String,
        /// Location and cause.
        cause: String,
    },
    /// A property is invalid.
    #[error("{file}: {property}: {problem}")]
    Property {
        /// File.
        file: String,
        /// Path of the property, e.g. `transactions.amount.physicalType`.
        property: String,
        /// Problem and allowed values.
        problem: String,
    },
    /// A dataset without a contract.
    #[error("there is no contract for dataset '{dataset}': known are {known}")]
    UnknownDataset {
        /// Dataset.
        dataset: String,
        /// Datasets with a contract.
        known: String,
    },
}

impl StageError for ContractError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::UnknownDataset { .. } => ErrorKind::InvalidEvent,
            _ => ErrorKind::Configuration,
        }
    }
}

/// Type of a column in silver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// Text.
    String,
    /// Integer of 16, 32 or 64 bits.
    Integer {
        /// Width in bits.
        bits: u8,
    },
    /// Exact decimal number.
    Decimal {
        /// Total digits.
        precision: u8,
        /// Fractional digits.
        scale: i8,
    },
    /// IEEE 754 double.
    Double,
    /// Boolean.
    Boolean,
    /// Date.
    Date,
    /// Timestamp in UTC, in microseconds.
    Timestamp,
}

impl ColumnType {
    /// The Arrow type of data files.
    #[must_use]
    pub fn arrow(self) -> DataType {
        match self {
            Self::String => DataType::Utf8,
            Self::Integer { bits: 16 } => DataType::Int16,
            Self::Integer { bits: 32 } => DataType::Int32,
            Self::Integer { .. } => DataType::Int64,
            Self::Decimal { precision, scale } => DataType::Decimal128(precision, scale),
            Self::Double => DataType::Float64,
            Self::Boolean => DataType::Boolean,
            Self::Date => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        }
    }
}

/// Derivation of a column in silver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Derivation {
    /// Lookup by the text of another column: `{kind: lookup, from: mcc, values: {"5411": grocery, …}}`.
    Lookup {
        /// Source column.
        from: String,
        /// Result by text.
        values: BTreeMap<String, String>,
    },
    /// Date of a timestamp column in the zone of the source: `{kind: date, from: txn_ts}`.
    DateOf {
        /// The timestamp column.
        from: String,
    },
    /// Whole days from the date of a timestamp column to the ingest date: `{kind: days_late, from: txn_ts}`.
    DaysLate {
        /// The timestamp column.
        from: String,
    },
    /// The last four digits of a card number: `{kind: last_four, from: card_number}`.
    LastFour {
        /// The column of the card number.
        from: String,
    },
    /// The day of delivery: `{kind: ingest_date}`.
    IngestDate,
    /// Last modification of the bronze object: `{kind: ingest_ts}`.
    IngestTimestamp,
    /// The bronze object's key: `{kind: source_object}`.
    SourceObject,
    /// Row number within the object, from 1: `{kind: source_row}`.
    SourceRow,
    /// Unknown fields as a JSON object: `{kind: extra}`.
    Extra,
    /// Hash over the delivered values: `{kind: row_hash}`. It ignores nulls and the order of columns, so that adding a column to
    /// the contract does not change the hashes of old rows.
    RowHash,
}

/// Protection of a column in silver, from its classification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// Stored in the clear.
    None,
    /// Stored as a keyed token (classification `personal`).
    Token,
    /// As `Token`, after the Luhn check (classification `card_number`).
    CardNumber,
}

/// What happens to personal data where no column of it is: in free text and in unknown fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnPersonalData {
    /// It is replaced by `***` (`mask`).
    #[default]
    Mask,
    /// The row goes to the quarantine (`quarantine`); in unknown fields it is masked.
    Quarantine,
    /// It is stored in the clear (`allow`).
    Allow,
}

/// Normalisation of letter case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Normalisation {
    /// None (values are trimmed in any case).
    None,
    /// Lower case.
    Lower,
    /// Upper case.
    Upper,
}

/// Required text format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFormat {
    /// UUID as 8-4-4-4-12 hexadecimal digits; stored in lowercase.
    Uuid,
    /// E-mail address: a name, one `@`, and a domain with a dot.
    Email,
}

/// Validation rules of a column.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {
    /// Regular expression that the whole text must match.
    pub pattern: Option<String>,
    /// Text format.
    pub format: Option<TextFormat>,
    /// Maximum length in bytes of UTF-8, as in Redshift.
    pub max_length: Option<u32>,
    /// Minimum, as decimal text.
    pub minimum: Option<String>,
    /// Maximum, as decimal text.
    pub maximum: Option<String>,
    /// Allowed values, after normalisation; empty if any value is allowed.
    pub allowed: Vec<String>,
}

/// One column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Name, in bronze, silver and the warehouse.
    pub name: String,
    /// Description.
    pub description: String,
    /// Type in silver.
    pub column_type: ColumnType,
    /// Type in Redshift, e.g. `DECIMAL(18,2)`.
    pub physical_type: String,
    /// Whether null violates the contract.
    pub required: bool,
    /// Derivation; `None` if the column is read from bronze.
    pub derivation: Option<Derivation>,
    /// Protection of personal data.
    pub protection: Protection,
    /// Letter case.
    pub normalisation: Normalisation,
    /// Texts that are read as null, besides the empty one.
    pub null_values: Vec<String>,
    /// How timestamps are written.
    pub timestamp_format: TimestampFormat,
    /// Validation rules.
    pub rules: Rules,
}

/// The event time column, and its allowed distance from the ingest date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventTime {
    /// The timestamp column.
    pub column: String,
    /// Days that an event may be before its ingest date.
    pub late_window_days: u32,
    /// Days that an event may be after its ingest date.
    pub future_tolerance_days: u32,
}

/// A pattern of file names: `*` stands for any characters, `{date}` for the ingest date as `YYYY-MM-DD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePattern(String);

impl FilePattern {
    /// Any text is a pattern.
    #[must_use]
    pub fn new(pattern: impl Into<String>) -> Self {
        Self(pattern.into())
    }

    /// Whether a name, including subfolders, matches on a day.
    #[must_use]
    pub fn matches(&self, name: &str, ingest_date: NaiveDate) -> bool {
        let pattern = self.0.replace("{date}", &ingest_date.to_string());
        let mut parts = pattern.split('*');
        let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
            return false;
        };
        let parts: Vec<&str> = parts.collect();
        let Some((last, middle)) = parts.split_last() else {
            return rest.is_empty();
        };
        for part in middle {
            match rest.split_once(part) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

impl std::fmt::Display for FilePattern {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What a contract expects of the delivery of a day. What is not met is a warning of the run, or fails it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeliveryRules {
    /// Least number of rows.
    pub min_rows: Option<u64>,
    /// Largest share of rows (0 to 1) that may be duplicates.
    pub max_duplicate_share: Option<f64>,
    /// Patterns that a file has to match each.
    pub files: Vec<FilePattern>,
    /// Rules that fail a run instead of warning.
    pub fail: BTreeSet<DeliveryRule>,
}

/// A rule about the delivery of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeliveryRule {
    /// Every pattern has a file.
    ExpectedFiles,
    /// There are so many rows.
    MinRows,
    /// No more rows are duplicates.
    MaxDuplicateShare,
}

impl DeliveryRule {
    /// All rules.
    pub const ALL: [Self; 3] = [Self::ExpectedFiles, Self::MinRows, Self::MaxDuplicateShare];

    /// Name of the contract's property.
    #[must_use]
    pub const fn property(self) -> &'static str {
        match self {
            Self::ExpectedFiles => "expectedFiles",
            Self::MinRows => "minRows",
            Self::MaxDuplicateShare => "maxDuplicateShare",
        }
    }
}

/// Totals that the sender of an object counts, in a file beside it or in its last line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ControlTotals {
    /// Column whose values are added up: a decimal or integer that is read from bronze. `None`: rows are counted alone.
    pub sum: Option<String>,
    /// Whether an object without such a file is rejected.
    pub required: bool,
    /// The last line of every file, if it is no row. A file without it is rejected.
    pub trailer: Option<Trailer>,
}

/// The last line of a CSV file, which holds totals of the rows before it. Fields are counted from 1, the marker's included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trailer {
    /// The text that the line begins with.
    pub marker: String,
    /// Field with the number of rows.
    pub rows: Option<usize>,
    /// Field with the sum of the column of [`ControlTotals::sum`].
    pub sum: Option<usize>,
}

/// A validated contract.
#[derive(Debug, Clone, PartialEq)]
pub struct Contract {
    /// The dataset: table name in silver and in the warehouse.
    pub dataset: String,
    /// Description of the grain.
    pub description: String,
    /// Version of the contract.
    pub version: String,
    /// All columns of the silver table, in order.
    pub columns: Vec<Column>,
    /// Names of the key columns, in order; at least one.
    pub primary_key: Vec<String>,
    /// Names of the partition columns, in order; they are not in the data files.
    pub partition_columns: Vec<String>,
    /// Event time, for datasets with late rows.
    pub event_time: Option<EventTime>,
    /// Redshift distribution key.
    pub distribution_key: Option<String>,
    /// Redshift sort keys.
    pub sort_keys: Vec<String>,
    /// What happens to personal data in free text and unknown fields.
    pub on_personal_data: OnPersonalData,
    /// Whether figures of a day that are unlike those of the days before are warnings.
    pub anomaly_warnings: bool,
    /// How the files in bronze are written.
    pub source: SourceFormat,
    /// Expectations about the delivery of a day.
    pub delivery: DeliveryRules,
    /// Control totals of an object; `None`: files with totals are not looked for.
    pub control_totals: Option<ControlTotals>,
    /// How much one object may ask for.
    pub limits: ObjectLimits,
    /// SHA-256 over the file, in hexadecimal.
    pub fingerprint: String,
}

impl Contract {
    /// A column by name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The last line of every file, if it is no row.
    #[must_use]
    pub fn trailer(&self) -> Option<&Trailer> {
        self.control_totals.as_ref()?.trailer.as_ref()
    }

    /// Columns read from bronze.
    pub fn source_columns(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.derivation.is_none())
    }

    /// Columns of the data files, in file order: all except partition columns.
    pub fn file_columns(&self) -> impl Iterator<Item = &Column> {
        self.columns
            .iter()
            .filter(|column| !self.partition_columns.contains(&column.name))
    }

    /// Arrow schema of the silver table. Every field is nullable: required columns are validated by the transformer, and a column
    /// added later is null in old files.
    #[must_use]
    pub fn table_schema(&self) -> SchemaRef {
        schema(self.columns.iter())
    }

    /// Arrow schema of the data files.
    #[must_use]
    pub fn file_schema(&self) -> SchemaRef {
        schema(self.file_columns())
    }
}

fn schema<'a>(columns: impl Iterator<Item = &'a Column>) -> SchemaRef {
    let fields = columns.map(|column| Field::new(&column.name, column.column_type.arrow(), true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}
