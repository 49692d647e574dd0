//! Merging of settings: `dbt_project.yml` by folder, then properties, then `config()` in the model. Later ones win; tags
//! and hooks accumulate. No I/O.

use crate::error::ProjectError;
use serde_json::{Map, Value};

/// Settings of `dbt_project.yml` recognised without a `+` prefix.
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

/// Settings that accumulate instead of replacing each other.
const ADDITIVE: [&str; 3] = ["tags", "pre_hook", "post_hook"];

/// Merges settings: later ones win, tags and hooks accumulate, `meta` is merged by key.
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

/// The settings of `dbt_project.yml` that apply to a node: those of every folder on its path, outermost first.
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

/// Typed access to merged settings; errors name the file and the setting.
pub(super) struct Settings<'a> {
    file: &'a str,
    values: &'a Map<String, Value>,
}

impl<'a> Settings<'a> {
    pub(super) const fn new(file: &'a str, values: &'a Map<String, Value>) -> Self {
        Self { file, values }
    }

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

    /// Hooks as SQL; hooks outside the transaction are not supported.
    pub(super) fn hooks(&self, name: &str) -> Result<Vec<String>, ProjectError> {
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
}
