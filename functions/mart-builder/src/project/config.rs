//! Configuration of a model: from `dbt_project.yml` by folder, then from its properties, then from `config()` in the
//! model; the later ones win. Tags and hooks add up.

use super::ResourceKind;
use super::snapshot_config::SnapshotConfig;
use crate::error::ProjectError;
use serde_json::{Map, Value};

/// Names that are configuration even without a `+` in front, in `dbt_project.yml`.
const KNOWN: [&str; 25] = [
    "materialized",
    "incremental_strategy",
    "unique_key",
    "on_schema_change",
    "dist",
    "sort",
    "sort_type",
    "bind",
    "alias",
    "schema",
    "enabled",
    "tags",
    "meta",
    "pre_hook",
    "pre-hook",
    "post_hook",
    "post-hook",
    "full_refresh",
    "severity",
    "where",
    "error_if",
    "warn_if",
    "column_types",
    "persist_docs",
    "contract",
];

/// Settings that pile up instead of replacing each other.
const ADDITIVE: [&str; 3] = ["tags", "pre_hook", "post_hook"];

/// How a model becomes a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Materialization {
    View,
    Table,
    Incremental,
    Ephemeral,
    Snapshot,
    Seed,
}

impl Materialization {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Table => "table",
            Self::Incremental => "incremental",
            Self::Ephemeral => "ephemeral",
            Self::Snapshot => "snapshot",
            Self::Seed => "seed",
        }
    }
}

/// What happens when the query of an incremental model has other columns than its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnSchemaChange {
    /// New columns are left out.
    Ignore,
    Fail,
    AppendNewColumns,
    /// New columns are added, those that are gone are dropped.
    SyncAllColumns,
}

impl OnSchemaChange {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ignore => "ignore",
            Self::Fail => "fail",
            Self::AppendNewColumns => "append_new_columns",
            Self::SyncAllColumns => "sync_all_columns",
        }
    }
}

/// How an incremental model takes in new rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strategy {
    Append,
    DeleteInsert,
    Merge,
}

/// The checked configuration of a model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ModelConfig {
    pub(crate) materialization: Materialization,
    pub(crate) strategy: Strategy,
    pub(crate) on_schema_change: OnSchemaChange,
    /// Of snapshots.
    pub(crate) snapshot: Option<SnapshotConfig>,
    /// Of seeds: types by column.
    pub(crate) column_types: Map<String, Value>,
    /// Of seeds.
    pub(crate) delimiter: u8,
    pub(crate) unique_key: Vec<String>,
    pub(crate) merge_update_columns: Vec<String>,
    pub(crate) merge_exclude_columns: Vec<String>,
    /// Column, or `all`, `even`, `auto`.
    pub(crate) dist: Option<String>,
    pub(crate) sort: Vec<String>,
    pub(crate) interleaved: bool,
    /// False: `with no schema binding`.
    pub(crate) bind: bool,
    pub(crate) alias: Option<String>,
    /// Added to the target schema.
    pub(crate) schema: Option<String>,
    /// Instead of the target schema: `target_schema` of older snapshots.
    pub(crate) target_schema: Option<String>,
    pub(crate) enabled: bool,
    pub(crate) tags: Vec<String>,
    pub(crate) pre_hooks: Vec<String>,
    pub(crate) post_hooks: Vec<String>,
    pub(crate) full_refresh: Option<bool>,
}

/// Adds settings to settings: the new ones win, tags and hooks add up, `meta` is merged key by key.
pub(crate) fn merge(into: &mut Map<String, Value>, settings: &Map<String, Value>) {
    for (name, value) in settings {
        let name = name.trim_start_matches('+').replace('-', "_");
        if ADDITIVE.contains(&name.as_str()) {
            let mut all = list(into.get(&name));
            all.extend(list(Some(value)));
            if name == "tags" {
                let mut seen = Vec::new();
                all.retain(|tag| {
                    !seen.contains(tag) && {
                        seen.push(tag.clone());
                        true
                    }
                });
            }
            into.insert(name, Value::Array(all));
        } else if let (Some(Value::Object(known)), Value::Object(new)) = (into.get_mut(&name), value) {
            known.extend(new.clone());
        } else {
            into.insert(name, value.clone());
        }
    }
}

/// The settings of `dbt_project.yml` that apply to a node: along the folders from the project's name to its own.
pub(crate) fn by_folder(root: &Map<String, Value>, project: &str, folders: &[&str]) -> Map<String, Value> {
    let mut collected = Map::new();
    let mut level = Some(root);
    let mut path = std::iter::once(&project).chain(folders).copied();
    while let Some(settings) = level {
        let own = settings.iter().filter(|(name, value)| is_setting(name, value));
        merge(
            &mut collected,
            &own.map(|(name, value)| (name.clone(), value.clone())).collect(),
        );
        level = path
            .next()
            .and_then(|part| settings.get(part))
            .and_then(Value::as_object);
    }
    collected
}

fn is_setting(name: &str, value: &Value) -> bool {
    name.starts_with('+') || KNOWN.contains(&name) || !value.is_object()
}

fn list(value: Option<&Value>) -> Vec<Value> {
    match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(items)) => items.clone(),
        Some(other) => vec![other.clone()],
    }
}

/// Reads settings one by one and says which file has a wrong one.
pub(super) struct Settings<'a> {
    file: &'a str,
    values: &'a Map<String, Value>,
}

impl Settings<'_> {
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn wrong(&self, name: &str, allowed: &str) -> ProjectError {
        let value = self.values.get(name).cloned().unwrap_or_default();
        ProjectError::new(self.file, format!("config {name} is {value}: allowed are {allowed}"))
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<String>, ProjectError> {
        match self.values.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.wrong(name, "text")),
        }
    }

    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, ProjectError> {
        let items = list(self.values.get(name)).into_iter();
        let texts = items.map(|item| item.as_str().map(str::to_owned));
        texts
            .collect::<Option<_>>()
            .ok_or_else(|| self.wrong(name, "text or a list of texts"))
    }

    pub(super) fn truth(&self, name: &str) -> Result<Option<bool>, ProjectError> {
        match self.values.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(truth)) => Ok(Some(*truth)),
            Some(_) => Err(self.wrong(name, "true and false")),
        }
    }

    /// Hooks are SQL texts; dbt's form with a `transaction` switch is not supported.
    fn hooks(&self, name: &str) -> Result<Vec<String>, ProjectError> {
        let hook = |item: Value| match item {
            Value::String(sql) => Some(sql),
            Value::Object(hook) if hook.get("transaction") != Some(&Value::Bool(false)) => {
                hook.get("sql").and_then(Value::as_str).map(str::to_owned)
            }
            _ => None,
        };
        let hooks = list(self.values.get(name)).into_iter().map(hook);
        hooks
            .collect::<Option<_>>()
            .ok_or_else(|| self.wrong(name, "SQL texts that run inside the model's transaction"))
    }
}

/// Checks merged settings.
pub(crate) fn model_config(
    kind: ResourceKind,
    file: &str,
    values: &Map<String, Value>,
) -> Result<ModelConfig, ProjectError> {
    let settings = Settings { file, values };
    let materialization = match settings.text("materialized")?.as_deref() {
        _ if kind == ResourceKind::Snapshot => Materialization::Snapshot,
        _ if kind == ResourceKind::Seed => Materialization::Seed,
        None | Some("view") => Materialization::View,
        Some("table") => Materialization::Table,
        Some("incremental") => Materialization::Incremental,
        Some("ephemeral") => Materialization::Ephemeral,
        Some(_) => return Err(settings.wrong("materialized", "view, table, incremental, ephemeral")),
    };
    let unique_key = settings.texts("unique_key")?;
    let strategy = match settings.text("incremental_strategy")?.as_deref() {
        None if unique_key.is_empty() => Strategy::Append,
        Some("append") => Strategy::Append,
        None | Some("delete+insert") => Strategy::DeleteInsert,
        Some("merge") => Strategy::Merge,
        Some(_) => return Err(settings.wrong("incremental_strategy", "append, delete+insert, merge")),
    };
    if materialization == Materialization::Incremental && strategy != Strategy::Append && unique_key.is_empty() {
        return Err(settings.wrong("unique_key", "a column or a list of columns, which this strategy needs"));
    }
    let on_schema_change = match settings.text("on_schema_change")?.as_deref() {
        None | Some("ignore") => OnSchemaChange::Ignore,
        Some("fail") => OnSchemaChange::Fail,
        Some("append_new_columns") => OnSchemaChange::AppendNewColumns,
        Some("sync_all_columns") => OnSchemaChange::SyncAllColumns,
        Some(_) => {
            let allowed = "ignore, fail, append_new_columns, sync_all_columns";
            return Err(settings.wrong("on_schema_change", allowed));
        }
    };
    refuse_unsupported(&settings)?;
    let interleaved = match settings.text("sort_type")?.as_deref() {
        None | Some("compound") => false,
        Some("interleaved") => true,
        Some(_) => return Err(settings.wrong("sort_type", "compound, interleaved")),
    };
    Ok(ModelConfig {
        materialization,
        strategy,
        on_schema_change,
        snapshot: match kind {
            ResourceKind::Snapshot => Some(SnapshotConfig::read(&settings, &unique_key)?),
            ResourceKind::Model | ResourceKind::Seed => None,
        },
        column_types: match settings.get("column_types") {
            None => Map::new(),
            Some(Value::Object(types)) => types.clone(),
            Some(_) => return Err(settings.wrong("column_types", "a type for each column")),
        },
        delimiter: match settings.text("delimiter")?.as_deref().map(str::as_bytes) {
            None => b',',
            Some([one]) => *one,
            Some(_) => return Err(settings.wrong("delimiter", "one ASCII character")),
        },
        unique_key,
        merge_update_columns: settings.texts("merge_update_columns")?,
        merge_exclude_columns: settings.texts("merge_exclude_columns")?,
        dist: settings.text("dist")?,
        sort: settings.texts("sort")?,
        interleaved,
        bind: settings.truth("bind")?.unwrap_or(true),
        alias: settings.text("alias")?,
        schema: settings.text("schema")?,
        target_schema: settings.text("target_schema")?,
        enabled: settings.truth("enabled")?.unwrap_or(true),
        tags: settings.texts("tags")?,
        pre_hooks: settings.hooks("pre_hook")?,
        post_hooks: settings.hooks("post_hook")?,
        full_refresh: settings.truth("full_refresh")?,
    })
}

/// Settings that would change what is built, and are not supported.
fn refuse_unsupported(settings: &Settings<'_>) -> Result<(), ProjectError> {
    let unsupported = [
        "incremental_predicates",
        "predicates",
        "batch_size",
        "target_database",
        "snapshot_table_column_names",
        "sql_header",
    ];
    if let Some(name) = unsupported.iter().find(|name| settings.get(name).is_some()) {
        return Err(settings.wrong(name, "none: it is not supported"));
    }
    let contract = settings.get("contract").and_then(|contract| contract.get("enforced"));
    if contract.and_then(Value::as_bool) == Some(true) {
        return Err(settings.wrong("contract", "enforced: false: contracts are not supported"));
    }
    Ok(())
}

/// What a failing test means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TestConfig {
    /// Severity warn: a failure is a warning.
    pub(crate) warn_only: bool,
    /// Condition on the number of failing rows, e.g. `!= 0`.
    pub(crate) error_if: String,
    pub(crate) warn_if: String,
    /// What counts as the number of failures, over the rows that the query gives.
    pub(crate) fail_calc: String,
    /// Most rows that are counted.
    pub(crate) limit: Option<u64>,
    /// The failing rows are kept in a table.
    pub(crate) store_failures: bool,
    /// Only rows for which this holds are tested.
    pub(crate) filter: Option<String>,
    pub(crate) enabled: bool,
    pub(crate) tags: Vec<String>,
}

/// Checks merged settings of a data test.
pub(crate) fn test_config(file: &str, values: &Map<String, Value>) -> Result<TestConfig, ProjectError> {
    let settings = Settings { file, values };
    let condition = |name: &str| -> Result<String, ProjectError> {
        let text = settings.text(name)?.unwrap_or_else(|| "!= 0".to_owned());
        let text = text.trim().to_owned();
        let number = text.trim_start_matches(['<', '>', '=', '!']).trim();
        let operator = text[..text.len() - number.len()].trim();
        if ["<", ">", "<=", ">=", "=", "!=", "<>"].contains(&operator) && number.parse::<u64>().is_ok() {
            Ok(text)
        } else {
            Err(settings.wrong(name, "a comparison with a number, e.g. \">10\""))
        }
    };
    let warn_only = match settings.text("severity")?.map(|text| text.to_lowercase()).as_deref() {
        None | Some("error") => false,
        Some("warn") => true,
        Some(_) => return Err(settings.wrong("severity", "error, warn")),
    };
    Ok(TestConfig {
        warn_only,
        error_if: condition("error_if")?,
        warn_if: condition("warn_if")?,
        fail_calc: settings.text("fail_calc")?.unwrap_or_else(|| "count(*)".to_owned()),
        limit: match settings.get("limit") {
            None => None,
            Some(limit) => Some(
                limit
                    .as_u64()
                    .ok_or_else(|| settings.wrong("limit", "a number of rows"))?,
            ),
        },
        store_failures: match settings.text("store_failures_as")?.as_deref() {
            None => settings.truth("store_failures")?.unwrap_or(false),
            Some("table") => true,
            Some("ephemeral") => false,
            Some(_) => return Err(settings.wrong("store_failures_as", "table, ephemeral")),
        },
        filter: settings.text("where")?,
        enabled: settings.truth("enabled")?.unwrap_or(true),
        tags: settings.texts("tags")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn folders_refine_each_other_and_tags_add_up() {
        let root = object(&json!({
            "shop": {
                "+materialized": "table", "+tags": "all",
                "marts": {"materialized": "view", "+tags": ["mart", "all"], "deep": {"+bind": false}}
            },
            "other": {"+materialized": "ephemeral"}
        }));
        let collected = by_folder(&root, "shop", &["marts", "deep", "model"]);
        assert_eq!(
            Value::Object(collected),
            json!({"materialized": "view", "tags": ["all", "mart"], "bind": false})
        );
    }

    #[test]
    fn a_wrong_setting_is_reported_with_file_value_and_what_is_allowed() {
        let check = |values: Value, expected: &str| {
            let error = model_config(ResourceKind::Model, "models/m.sql", &object(&values))
                .unwrap_err()
                .to_string();
            assert!(
                error.starts_with("models/m.sql: ") && error.contains(expected),
                "{error}"
            );
        };
        check(
            json!({"materialized": "cube"}),
            "config materialized is \"cube\": allowed are view, table",
        );
        check(
            json!({"materialized": "incremental", "incremental_strategy": "merge"}),
            "config unique_key is null: allowed are a column",
        );
        check(json!({"on_schema_change": "rebuild"}), "allowed are ignore, fail");
        check(json!({"contract": {"enforced": true}}), "contracts are not supported");
        check(
            json!({"post_hook": {"sql": "vacuum", "transaction": false}}),
            "inside the model's transaction",
        );
    }

    #[test]
    fn a_test_condition_must_be_a_comparison() {
        let config = |values| test_config("t.yml", &object(&values));
        assert_eq!(config(json!({"error_if": ">10"})).unwrap().error_if, ">10");
        assert!(config(json!({"error_if": "; drop table x"})).is_err());
        assert!(config(json!({"severity": "WARN"})).unwrap().warn_only);
    }
}
