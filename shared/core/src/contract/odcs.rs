//! The supported part of an Open Data Contract Standard document.
//!
//! Fields of the standard that do not describe the data (team, price, support, …) are ignored.

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
    /// Description of the grain.
    #[serde(default)]
    pub description: String,
    /// Columns.
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
    /// Description.
    #[serde(default)]
    pub description: String,
    /// string, date, timestamp, number, integer or boolean.
    #[serde(default)]
    pub logical_type: Option<String>,
    /// Type in Redshift.
    #[serde(default)]
    pub physical_type: Option<String>,
    /// Whether null is invalid.
    #[serde(default)]
    pub required: bool,
    /// Whether the column is part of the key.
    #[serde(default)]
    pub primary_key: bool,
    /// Position in the key, from 1.
    #[serde(default)]
    pub primary_key_position: Option<i64>,
    /// Whether the table is partitioned by the column.
    #[serde(default)]
    pub partitioned: bool,
    /// Position among the partition columns, from 1.
    #[serde(default)]
    pub partition_key_position: Option<i64>,
    /// Classification.
    #[serde(default)]
    pub classification: Option<String>,
    /// Bounds of the values.
    #[serde(default)]
    pub logical_type_options: Option<LogicalTypeOptions>,
    /// Data quality rules.
    #[serde(default)]
    pub quality: Vec<Quality>,
    /// Settings outside the standard.
    #[serde(default)]
    pub custom_properties: Vec<CustomProperty>,
}

/// Bounds of a column's values.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogicalTypeOptions {
    /// Regular expression.
    pub pattern: Option<String>,
    /// Text format.
    pub format: Option<String>,
    /// Minimum.
    pub minimum: Option<Value>,
    /// Maximum.
    pub maximum: Option<Value>,
    /// Maximum length.
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
    /// Arguments, e.g. `{validValues: […]}`.
    #[serde(default)]
    pub arguments: Option<Value>,
}

/// A setting outside the standard.
#[derive(Debug, Clone, Deserialize)]
pub struct CustomProperty {
    /// Name.
    pub property: String,
    /// Value.
    pub value: Value,
}
