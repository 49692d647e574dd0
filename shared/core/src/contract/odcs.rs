//! The parts of an Open Data Contract Standard document that cardlake reads, as they are written.
//!
//! Fields of the standard that say nothing about the data (team, price, support, …) are let through unread.

use serde::Deserialize;
use serde_json::Value;

/// A document.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// Version of the standard, e.g. `v3.1.0`.
    pub api_version: String,
    /// Always `DataContract`.
    pub kind: String,
    /// Version of this contract.
    pub version: String,
    /// The tables; cardlake takes one.
    #[serde(default)]
    pub schema: Vec<SchemaObject>,
}

/// A table.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SchemaObject {
    /// Logical name.
    pub name: String,
    /// What one row is.
    #[serde(default)]
    pub description: String,
    /// The columns.
    #[serde(default)]
    pub properties: Vec<Property>,
    /// Settings outside the standard.
    #[serde(default)]
    pub custom_properties: Vec<CustomProperty>,
}

/// A column.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Property {
    /// Name.
    pub name: String,
    /// What it means.
    #[serde(default)]
    pub description: String,
    /// string, date, timestamp, number, integer or boolean.
    #[serde(default)]
    pub logical_type: Option<String>,
    /// Type in Redshift.
    #[serde(default)]
    pub physical_type: Option<String>,
    /// Whether null is wrong.
    #[serde(default)]
    pub required: bool,
    /// Whether it is part of the key.
    #[serde(default)]
    pub primary_key: bool,
    /// Place in the key, from 1.
    #[serde(default)]
    pub primary_key_position: Option<i64>,
    /// Whether the table is partitioned by it.
    #[serde(default)]
    pub partitioned: bool,
    /// Place among the partition columns, from 1.
    #[serde(default)]
    pub partition_key_position: Option<i64>,
    /// How confidential it is.
    #[serde(default)]
    pub classification: Option<String>,
    /// Limits of the values.
    #[serde(default)]
    pub logical_type_options: Option<LogicalTypeOptions>,
    /// Data quality rules.
    #[serde(default)]
    pub quality: Vec<Quality>,
    /// Settings outside the standard.
    #[serde(default)]
    pub custom_properties: Vec<CustomProperty>,
}

/// Limits of the values of a column.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogicalTypeOptions {
    /// Regular expression.
    pub pattern: Option<String>,
    /// Text form.
    pub format: Option<String>,
    /// Smallest number.
    pub minimum: Option<Value>,
    /// Largest number.
    pub maximum: Option<Value>,
    /// Longest text.
    pub max_length: Option<u32>,
}

/// A data quality rule.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quality {
    /// `library`, `sql`, `text` or `custom`.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// Name of a rule of the library, e.g. `invalidValues`.
    #[serde(default)]
    pub metric: Option<String>,
    /// Its arguments, e.g. `{validValues: […]}`.
    #[serde(default)]
    pub arguments: Option<Value>,
}

/// A setting outside the standard.
#[derive(Debug, Clone, Deserialize)]
pub struct CustomProperty {
    /// Its name.
    pub property: String,
    /// Its value.
    pub value: Value,
}
