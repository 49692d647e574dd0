//! Validated configuration of models, snapshots, seeds and data tests. No I/O.

use super::resource::ResourceKind;
use super::settings::Settings;
use super::snapshot_config::SnapshotConfig;
use crate::error::ProjectError;
use serde_json::{Map, Value};

/// How a node becomes a relation.
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

/// Policy for an incremental model whose query and table differ in their columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnSchemaChange {
    /// New columns are left out.
    Ignore,
    Fail,
    AppendNewColumns,
    /// New columns are added, missing ones dropped.
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

/// Incremental strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strategy {
    Append,
    DeleteInsert,
    Merge,
}

/// The validated configuration of a model, snapshot or seed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ModelConfig {
    pub(crate) materialization: Materialization,
    pub(crate) strategy: Strategy,
    pub(crate) on_schema_change: OnSchemaChange,
    /// Snapshots only.
    pub(crate) snapshot: Option<SnapshotConfig>,
    /// Seeds only: types by column.
    pub(crate) column_types: Map<String, Value>,
    /// Seeds only.
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

/// Validates merged settings of a model, snapshot or seed.
pub(crate) fn model_config(
    kind: ResourceKind,
    file: &str,
    values: &Map<String, Value>,
) -> Result<ModelConfig, ProjectError> {
    let settings = Settings::new(file, values);
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

/// Refuses unsupported settings that would change what is built.
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

/// The validated configuration of a data test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TestConfig {
    /// Severity warn: a failure is a warning.
    pub(crate) warn_only: bool,
    /// Condition on the number of failing rows, e.g. `!= 0`.
    pub(crate) error_if: String,
    pub(crate) warn_if: String,
    /// Aggregate over the returned rows that counts the failures.
    pub(crate) fail_calc: String,
    /// Maximum number of rows counted.
    pub(crate) limit: Option<u64>,
    /// Store failing rows in a table.
    pub(crate) store_failures: bool,
    /// `where`: condition on the tested rows.
    pub(crate) filter: Option<String>,
    pub(crate) enabled: bool,
    pub(crate) tags: Vec<String>,
}

/// Validates merged settings of a data test.
pub(crate) fn test_config(file: &str, values: &Map<String, Value>) -> Result<TestConfig, ProjectError> {
    let settings = Settings::new(file, values);
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
