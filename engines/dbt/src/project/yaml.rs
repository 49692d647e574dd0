//! The schema of a dbt project's YAML files. Keys without effect on a build are accepted and ignored.

use crate::error::ProjectError;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// `dbt_project.yml`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ProjectSettings {
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
    /// All other keys.
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
    /// All other keys.
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

/// Properties of a model, snapshot, seed, singular test or source table.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct NodeProperties {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) description: String,
    /// Source table: its name in the warehouse.
    #[serde(default)]
    pub(crate) identifier: Option<String>,
    /// Snapshot defined in YAML: expression of the relation it reads, e.g. `ref('stg_customers')`.
    #[serde(default)]
    pub(crate) relation: Option<String>,
    /// Source table: column with the load time. Newer projects put it in `config`.
    #[serde(default)]
    pub(crate) loaded_at_field: Option<String>,
    /// Source table: freshness thresholds. Newer projects put them in `config`.
    #[serde(default)]
    pub(crate) freshness: Option<Value>,
    #[serde(default)]
    pub(crate) columns: Vec<ColumnProperties>,
    #[serde(default)]
    pub(crate) config: Map<String, Value>,
    #[serde(default, alias = "tests")]
    pub(crate) data_tests: Vec<Value>,
    /// Model: its versions (unsupported).
    #[serde(default)]
    pub(crate) versions: Option<Value>,
}

/// Properties of a column.
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

/// Properties of a source.
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

/// Parses a YAML file; an empty file is an empty mapping.
pub(crate) fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, ProjectError> {
    let text = if text.trim().is_empty() { "{}" } else { text };
    serde_saphyr::from_str(text).map_err(|error| ProjectError::new(file, error.to_string()))
}
