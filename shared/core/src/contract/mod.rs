//! Data contracts: the single source of columns, types, rules, keys and classifications.
//!
//! A contract is an Open Data Contract Standard file (version 3.1, <https://bitol-io.github.io/open-data-contract-standard/>).
//! [`odcs`] is the file as written; [`Contract`] is what the stages work with, checked once: parser, silver schema,
//! quarantine rules and warehouse DDL all come from it, so a new dataset needs a new file and no Rust.
//!
//! What the standard has no field for stands in documented `customProperties`:
//!
//! | where | property | value |
//! |---|---|---|
//! | table | `eventTime` | name of the timestamp column that says when the event happened |
//! | table | `lateWindowDays` | days that an event may lie before its ingest date (default 2) |
//! | table | `futureToleranceDays` | days that an event may lie after its ingest date (default 1) |
//! | table | `redshiftDistributionKey`, `redshiftSortKeys` | column, list of columns |
//! | column | `normalisation` | `lower` or `upper` |
//! | column | `derivation` | how silver fills a column that bronze does not have: see [`Derivation`] |

mod build;
pub mod odcs;

use crate::assets::{AssetError, AssetFolder, Assets};
use crate::error::{ErrorKind, StageError};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why a contract cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ContractError {
    /// The files cannot be read.
    #[error(transparent)]
    Assets(#[from] AssetError),
    /// The file is not a document of the standard.
    #[error("{file}: {cause}")]
    Syntax {
        /// The file.
        file: String,
        /// Where and what.
        cause: String,
    },
    /// A property says something that cannot be.
    #[error("{file}: {property}: {problem}")]
    Property {
        /// The file.
        file: String,
        /// Path of the property, e.g. `transactions.amount.physicalType`.
        property: String,
        /// What is wrong and what is allowed.
        problem: String,
    },
    /// There is no contract for a dataset.
    #[error("there is no contract for dataset '{dataset}': known are {known}")]
    UnknownDataset {
        /// The dataset.
        dataset: String,
        /// The datasets that have one.
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

/// The type of a column in silver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// Text.
    String,
    /// Whole number of 16, 32 or 64 bits.
    Integer {
        /// Width in bits.
        bits: u8,
    },
    /// Exact decimal number.
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: i8,
    },
    /// IEEE 754 double.
    Double,
    /// True or false.
    Boolean,
    /// Calendar day.
    Date,
    /// Instant in UTC, in microseconds.
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

/// How silver fills a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Derivation {
    /// Looked up by the text of another column: `{kind: lookup, from: mcc, values: {"5411": grocery, …}}`.
    Lookup {
        /// The column looked at.
        from: String,
        /// Result by text.
        values: BTreeMap<String, String>,
    },
    /// The UTC day of a timestamp column: `{kind: date, from: txn_ts}`.
    DateOf {
        /// The timestamp column.
        from: String,
    },
    /// Whole days from the day of a timestamp column to the ingest date: `{kind: days_late, from: txn_ts}`.
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
    /// The bronze object's own time: `{kind: ingest_ts}`.
    IngestTimestamp,
    /// The bronze object's key: `{kind: source_object}`.
    SourceObject,
    /// Number of the row in its object, the first is 1: `{kind: source_row}`.
    SourceRow,
    /// Fields that the contract does not know, as a JSON object: `{kind: extra}`.
    Extra,
    /// Hash over the delivered values, the same for rows that say the same: `{kind: row_hash}`. Nulls do not count, nor
    /// does the order of the columns, so that a column added to the contract leaves the hashes of old rows as they are.
    RowHash,
}

/// How personal a column is: what the classification of the contract means for silver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// Stored as it is.
    None,
    /// Stored as a keyed token (classification `personal`).
    Token,
    /// As `Token`, after the Luhn check (classification `card_number`).
    CardNumber,
}

/// Letter case that values are brought to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Normalisation {
    /// As delivered (trimmed all the same).
    None,
    /// Lower case.
    Lower,
    /// Upper case.
    Upper,
}

/// The text form that values must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFormat {
    /// 8-4-4-4-12 hexadecimal digits; stored in lower case.
    Uuid,
    /// Something with one `@`, a name before it and a domain with a dot behind it.
    Email,
}

/// What a value must satisfy.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {
    /// Regular expression that the whole text must match.
    pub pattern: Option<String>,
    /// Text form.
    pub format: Option<TextFormat>,
    /// Longest text, in bytes of UTF-8 (as Redshift counts).
    pub max_length: Option<u32>,
    /// Smallest number, as decimal text.
    pub minimum: Option<String>,
    /// Largest number, as decimal text.
    pub maximum: Option<String>,
    /// All values there are, after normalisation; empty: any.
    pub allowed: Vec<String>,
}

/// One column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Name, in bronze, silver and the warehouse.
    pub name: String,
    /// What it means.
    pub description: String,
    /// Type in silver.
    pub column_type: ColumnType,
    /// Type in Redshift, e.g. `DECIMAL(18,2)`.
    pub physical_type: String,
    /// Whether null breaks the contract.
    pub required: bool,
    /// How silver fills it; none: read from bronze.
    pub derivation: Option<Derivation>,
    /// What must not be stored in the clear.
    pub protection: Protection,
    /// Letter case.
    pub normalisation: Normalisation,
    /// What values must satisfy.
    pub rules: Rules,
}

/// The column that says when the event happened, and how far it may lie from the ingest date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventTime {
    /// The timestamp column.
    pub column: String,
    /// Days that an event may lie before its ingest date.
    pub late_window_days: u32,
    /// Days that an event may lie after its ingest date.
    pub future_tolerance_days: u32,
}

/// A checked contract.
#[derive(Debug, Clone, PartialEq)]
pub struct Contract {
    /// The dataset: table name in silver and in the warehouse.
    pub dataset: String,
    /// What one row is.
    pub description: String,
    /// Version of the contract.
    pub version: String,
    /// All columns of the silver table, in order.
    pub columns: Vec<Column>,
    /// Names of the key columns, in order; at least one.
    pub primary_key: Vec<String>,
    /// Names of the partition columns, in order; they are not in the data files.
    pub partition_columns: Vec<String>,
    /// Event time, for datasets that have late rows.
    pub event_time: Option<EventTime>,
    /// Redshift distribution key.
    pub distribution_key: Option<String>,
    /// Redshift sort keys.
    pub sort_keys: Vec<String>,
    /// SHA-256 over the file, in hexadecimal.
    pub fingerprint: String,
}

impl Contract {
    /// Reads and checks a contract.
    ///
    /// # Errors
    /// Names file and property, and what is allowed there.
    pub fn from_yaml(file: &str, text: &str) -> Result<Self, ContractError> {
        build::contract(file, text)
    }

    /// A column by name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Columns that are read from bronze.
    pub fn source_columns(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.derivation.is_none())
    }

    /// Columns of the data files, in the order of the files: all but the partition columns.
    pub fn file_columns(&self) -> impl Iterator<Item = &Column> {
        self.columns
            .iter()
            .filter(|column| !self.partition_columns.contains(&column.name))
    }

    /// Arrow schema of the silver table. Every field may be null: what is required is checked on the way in, and a
    /// column that is added later is null in old files.
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

/// All contracts of the project.
#[derive(Debug, Clone)]
pub struct Contracts {
    by_dataset: BTreeMap<String, Arc<Contract>>,
}

impl Contracts {
    /// Reads and checks `contracts/*.yaml`.
    ///
    /// # Errors
    /// A file that cannot be read or is wrong, or two contracts for one dataset.
    pub fn load(assets: &Assets) -> Result<Self, ContractError> {
        let mut by_dataset = BTreeMap::new();
        for asset in assets.list(AssetFolder::Contracts)? {
            if !asset.path.ends_with(".yaml") && !asset.path.ends_with(".yml") {
                continue;
            }
            let file = format!("contracts/{}", asset.path);
            let contract = Contract::from_yaml(&file, &asset.text)?;
            if let Some(other) = by_dataset.insert(contract.dataset.clone(), Arc::new(contract)) {
                return Err(ContractError::Property {
                    file,
                    property: "schema[0].name".to_owned(),
                    problem: format!(
                        "another contract describes '{}' already: one for each dataset",
                        other.dataset
                    ),
                });
            }
        }
        Ok(Self { by_dataset })
    }

    /// The contract of a dataset.
    ///
    /// # Errors
    /// There is none.
    pub fn get(&self, dataset: &str) -> Result<&Arc<Contract>, ContractError> {
        self.by_dataset
            .get(dataset)
            .ok_or_else(|| ContractError::UnknownDataset {
                dataset: dataset.to_owned(),
                known: self
                    .by_dataset
                    .keys()
                    .map(String::as_str)
                    .collect::<Vec<_>>()
                    .join(", "),
            })
    }

    /// All contracts, by dataset.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Contract>> {
        self.by_dataset.values()
    }
}

#[cfg(test)]
mod tests;
