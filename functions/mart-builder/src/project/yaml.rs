//! YAML files of a dbt project, as they are written. What does not bear on building is let through unread.

use crate::error::ProjectError;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// `dbt_project.yml`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ProjectFile {
    pub(crate) name: String,
    #[serde(default = "models")]
    pub(crate) model_paths: Vec<String>,
    #[serde(default = "macros")]
    pub(crate) macro_paths: Vec<String>,
    #[serde(default = "tests")]
    pub(crate) test_paths: Vec<String>,
    #[serde(default = "seeds")]
    pub(crate) seed_paths: Vec<String>,
    #[serde(default = "snapshots")]
    pub(crate) snapshot_paths: Vec<String>,
    #[serde(default)]
    pub(crate) vars: Map<String, Value>,
    /// Configuration by folder, below the project's name.
    #[serde(default)]
    pub(crate) models: Map<String, Value>,
    #[serde(default, rename = "data_tests", alias = "tests")]
    pub(crate) data_tests: Map<String, Value>,
    #[serde(default)]
    pub(crate) seeds: Map<String, Value>,
    #[serde(default)]
    pub(crate) snapshots: Map<String, Value>,
    /// Everything else that the file says.
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

fn models() -> Vec<String> {
    vec!["models".to_owned()]
}

fn macros() -> Vec<String> {
    vec!["macros".to_owned()]
}

fn tests() -> Vec<String> {
    vec!["tests".to_owned()]
}

fn seeds() -> Vec<String> {
    vec!["seeds".to_owned()]
}

fn snapshots() -> Vec<String> {
    vec!["snapshots".to_owned()]
}

/// Any YAML file below one of the project's folders: descriptions, tests, sources, snapshots.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct PropertiesFile {
    #[serde(default)]
    pub(crate) models: Vec<NodeProperties>,
    #[serde(default)]
    pub(crate) sources: Vec<SourceProperties>,
    #[serde(default)]
    pub(crate) seeds: Vec<NodeProperties>,
    #[serde(default)]
    pub(crate) snapshots: Vec<NodeProperties>,
    /// Singular tests.
    #[serde(default)]
    pub(crate) data_tests: Vec<NodeProperties>,
    /// Everything else that the file says.
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

/// What is said about a model, or about a table of a source.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct NodeProperties {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) description: String,
    /// Of a source's table: its name in the warehouse.
    #[serde(default)]
    pub(crate) identifier: Option<String>,
    /// Of a snapshot without a file of its own: the template expression that it looks at, e.g. `ref('stg_customers')`.
    #[serde(default)]
    pub(crate) relation: Option<String>,
    /// Of a source's table: column with the time of loading. Newer projects say it in `config`.
    #[serde(default)]
    pub(crate) loaded_at_field: Option<String>,
    /// Of a source's table: how old it may be. Newer projects say it in `config`.
    #[serde(default)]
    pub(crate) freshness: Option<Value>,
    #[serde(default)]
    pub(crate) columns: Vec<ColumnProperties>,
    #[serde(default)]
    pub(crate) config: Map<String, Value>,
    #[serde(default, alias = "tests")]
    pub(crate) data_tests: Vec<Value>,
    /// Of a model: its versions, which are not supported.
    #[serde(default)]
    pub(crate) versions: Option<Value>,
}

/// What is said about a column.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct ColumnProperties {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) data_type: Option<String>,
    #[serde(default, alias = "tests")]
    pub(crate) data_tests: Vec<Value>,
}

/// A source: a schema that something else fills.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct SourceProperties {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) schema: Option<String>,
    #[serde(default)]
    pub(crate) loaded_at_field: Option<String>,
    #[serde(default)]
    pub(crate) freshness: Option<Value>,
    #[serde(default)]
    pub(crate) config: Map<String, Value>,
    #[serde(default)]
    pub(crate) tables: Vec<NodeProperties>,
}

/// Reads a YAML file; an empty one is like one that says nothing.
pub(crate) fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, ProjectError> {
    let text = if text.trim().is_empty() { "{}" } else { text };
    serde_saphyr::from_str(text).map_err(|error| ProjectError::new(file, error.to_string()))
}
